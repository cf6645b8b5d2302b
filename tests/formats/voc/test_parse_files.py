"""The files of a VOC dataset opened once, in this process and in others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bboxprep.errors import AnnotationError
from bboxprep.formats import voc
from bboxprep.formats.origin import start_at_zero
from bboxprep.formats.reading import in_batches
from bboxprep.formats.voc.parse_files import parse_files, read_file, unpacked
from bboxprep.pipeline.work.engines.local import Local
from tests.formats.voc.trees import codes, document, flat, obj, probe, xml

RING = "<polygon><x>1</x><y>2.5</y><x>5</x><y>2</y><x>5</x><y>9</y></polygon>"
numbers = st.one_of(
    st.integers(-2, 2000), st.decimals(-2, 2000, places=3), st.sampled_from(["0", "7,5", "1e3", "-0.0"])
)
objects = st.builds(
    obj,
    st.tuples(numbers, numbers, numbers, numbers),
    st.sampled_from(["cat", "dog", "Zug \u00fc", ""]),
    st.sampled_from(["", "<pose>Left</pose>", '<tags>["a", 1.5, null]</tags>', RING, "<part><name>head</name></part>"]),
)


@given(st.lists(objects, max_size=4), st.sampled_from(["", "The VOC2007 Database", "Unknown"]))
def test_what_is_packed_comes_back(tmp_path_factory: pytest.TempPathFactory, found: list[str], database: str) -> None:
    path = xml(tmp_path_factory.mktemp("packed") / "a.xml", document(*found, database=database))
    said = read_file(path)

    parsed_file = parse_files(path.parent, ["a.xml"], map).parsed["a.xml"]
    back = unpacked(parsed_file.packed)._replace(
        filename=parsed_file.filename, tool=parsed_file.tool, unread=said.unread
    )

    assert back._replace(rings={}) == said._replace(rings={})
    assert [*map(type, back.written)] == [*map(type, said.written)]
    for row in said.rings:
        np.testing.assert_array_equal(back.rings[row], said.rings[row])
    assert (parsed_file.source_count, parsed_file.declared, parsed_file.boxed) == (
        said.source_count,
        said.declared,
        bool(said.names),
    )


@example([(1, 0, 2, 2)])
@given(st.lists(st.tuples(*[st.integers(-1, 2)] * 4), max_size=9))
def test_a_box_that_starts_at_0_is_a_proof_if_it_has_area(boxes: list[tuple[int, int, int, int]]) -> None:
    zeros = sum(x1 > x0 and y1 > y0 and 0 in (x0, y0) for x0, y0, x1, y1 in boxes)

    assert start_at_zero(np.array(boxes, dtype=np.float64).reshape(-1, 4)).sum() == zeros


def test_several_processes_open_what_one_does(tmp_path: Path) -> None:
    files = {f"{number:04}": document(obj((number, 2, number + 5, 9), f"class {number % 7}")) for number in range(1100)}
    files |= {
        "100": "<annotation>",
        "400": document(obj(("x", 2, 3, 4))),
        "0500": document(obj((1, 2, 3, 4), more=RING)),
    }
    flat(tmp_path, files)

    here = voc.FORMAT.read(tmp_path, probe, voc.VocReadOptions())
    there = voc.FORMAT.read(tmp_path, probe, voc.VocReadOptions(), Local(2).run)

    assert list(there) == list(here)
    assert (there.findings, there.categories) == (here.findings, here.categories)
    assert codes(here.findings) == {"record-unreadable": 1}


def test_where_no_file_can_be_read_the_first_one_is_told(tmp_path: Path) -> None:
    flat(tmp_path, {f"{number:04}": f"<annotation>{'x' * number}" for number in range(1100)})

    with pytest.raises(AnnotationError, match=r"0000\.xml: 1:12: not well-formed XML"):
        voc.FORMAT.read(tmp_path, probe, voc.VocReadOptions(), Local(2).run)


def test_few_files_are_not_worth_a_process() -> None:
    def never(*_: object) -> list[int]:
        raise AssertionError

    assert list(in_batches(len, range(600), never)) == [256, 256, 88]  # type: ignore[arg-type]
    with pytest.raises(AssertionError):
        list(in_batches(len, range(1025), never))  # type: ignore[arg-type]


def test_outlines_are_the_samples_without_their_objects(tmp_path: Path) -> None:
    flat(tmp_path, {"a": document(obj((1, 2, 3, 4))), "b": document(), "c": document(obj((1, 2, 3, 4)))})
    (tmp_path / "b.xml").unlink()
    (tmp_path / "c.jpg").unlink()
    dataset = voc.FORMAT.read(tmp_path, probe, voc.VocReadOptions())

    for index, sample in enumerate(dataset):
        outline = dataset.outline(index)
        assert (outline.name, outline.path, outline.header) == (sample.name, sample.path, sample.header)
        assert (outline.split, outline.declared) == (sample.split, sample.declared)
        assert outline.labelled == sample.labelled == (sample.path.name != "b.jpg")
        assert not len(outline.instances)
