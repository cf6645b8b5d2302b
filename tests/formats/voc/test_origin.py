from __future__ import annotations

from pathlib import Path

import pytest

from bboxprep.errors import AnnotationError, UsageError
from bboxprep.formats import voc
from bboxprep.formats.origin import OriginChoice, OriginEvidence, decide
from tests.formats.voc.trees import Box, document, flat, image, obj, read, xml

INNER: Box = (10, 20, 30, 40)
EXPECTED = {"devkit": [9, 19, 30, 40], "as-is": [10, 20, 30, 40], "plus-one": [9, 19, 29, 39]}


@pytest.mark.parametrize("origin", ["devkit", "as-is", "plus-one"])
def test_each_origin_moves_the_corners_its_own_way(tmp_path: Path, origin: OriginChoice) -> None:
    flat(tmp_path, {"a": document(obj(INNER))})
    dataset = read(tmp_path, origin)
    assert dataset[0].instances.boxes.tolist() == [EXPECTED[origin]]
    assert dataset.findings == ()
    assert dataset.extra == {"voc": {"origin": origin}}


def test_an_unknown_origin_is_refused() -> None:
    with pytest.raises(UsageError, match="`origin`: have 'one', want one of auto, devkit, as-is, plus-one"):
        voc.VocReadOptions("one")  # type: ignore[arg-type]  # what a caller without types may do


@pytest.mark.parametrize(
    ("database", "head", "origin", "words"),
    [
        ("Unknown", "", "as-is", "written by labelImg (1 of 1 files)"),
        ("unknown", "<verified/>", "as-is", "written by labelImg"),
        ("The VOC2007 Database", "", "devkit", "written by the VOC devkit"),
        ("The VOC2012 Database", "<path>/home/x.jpg</path>", "devkit", "written by the VOC devkit"),
        ("bboxprep", "", "devkit", "written by bboxprep"),
        ("roboflow.ai", "<path>x.jpg</path>", "plus-one", "written by Roboflow"),
        ("MyDatabase", "", "as-is", "written by Label Studio"),
        ("CVAT", "", "as-is", "written by CVAT or Datumaro"),
        ("", "<source><database>Unknown</database><annotation>Unknown</annotation></source>", "as-is", "CVAT or Datu"),
        ("", "<database/>", "as-is", "written by labelme"),
        ("", "<path>x.jpg</path>", "as-is", "a drawing tool that notes its <path>"),
        ("", "<folder>VOC2007</folder>", "devkit", "assumed"),
    ],
)
def test_the_tool_that_wrote_the_files_tells_the_origin(
    tmp_path: Path, database: str, head: str, origin: str, words: str
) -> None:
    flat(tmp_path, {"a": document(obj(INNER), database=database, head=head)})
    dataset = read(tmp_path)
    assert dataset[0].instances.boxes.tolist() == [EXPECTED[origin]]
    assert words in dataset.findings[0].message


def test_decimals_are_not_the_hand_of_the_devkit_unless_it_says_so(tmp_path: Path) -> None:
    box = (10.0, 20.5, 30.0, 40.0)
    flat(tmp_path / "plain", {"a": document(obj(box))})
    flat(tmp_path / "voc", {"a": document(obj(box), database="The VOC2011 Database")})
    assert read(tmp_path / "plain")[0].instances.boxes.tolist() == [[10.0, 20.5, 30.0, 40.0]]
    assert read(tmp_path / "voc")[0].instances.boxes.tolist() == [[9.0, 19.5, 30.0, 40.0]]


@pytest.mark.parametrize(
    ("box", "origin"),
    [
        ((0, 5, 30, 40), "as-is"),
        ((5, 0, 30, 40), "as-is"),
        ((5, 5, 101, 40), "plus-one"),
        ((5, 5, 30, 81), "plus-one"),
        ((1, 1, 100, 80), "assumed"),  # labelImg clamps to 1; the width itself is in bounds everywhere
        ((0, 0, 0, 0), "assumed"),  # a placeholder, not a box
        ((5, 5, 102, 40), "assumed"),  # spills over the edge
    ],
)
def test_the_numbers_prove_the_origin(tmp_path: Path, box: Box, origin: str) -> None:
    flat(tmp_path, {"a": document(obj(INNER)), "b": document(obj(box))})
    assert origin in read(tmp_path).findings[0].message


def test_proof_comes_before_the_tool(tmp_path: Path) -> None:
    objects = obj((0, 5, 30, 40)) + obj(INNER)
    flat(tmp_path, {"a": document(objects, database="roboflow.ai"), "b": document(obj((5, 0, 9, 9)))})
    finding = read(tmp_path).findings[0]
    assert finding.code == "voc-origin-decided"
    assert finding.message == "as-is: 2 boxes start at 0"
    xml(tmp_path / "b.xml", document(obj(INNER), database="roboflow.ai"))
    assert read(tmp_path).findings[0].message == "as-is: 1 box starts at 0; written by Roboflow (2 of 2 files)"


def test_files_that_end_at_the_edge_and_never_behind_it_are_those_of_supervision(tmp_path: Path) -> None:
    corners = [obj((5 + n, 7, 100, 60 + n)) for n in range(3)]
    flat(tmp_path, {"a": document(*corners, database="roboflow.ai")})
    dataset = read(tmp_path)
    assert "devkit: 3 boxes end at width or height" in dataset.findings[0].message
    assert dataset[0].instances.boxes[0].tolist() == [4, 6, 100, 60]
    flat(tmp_path / "few", {"a": document(*corners[:2], database="roboflow.ai")})
    assert read(tmp_path / "few")[0].instances.boxes[0].tolist() == [4, 6, 99, 59]
    flat(tmp_path / "over", {"a": document(*corners, obj((9, 9, 101, 60)), database="roboflow.ai")})
    assert read(tmp_path / "over")[0].instances.boxes[0].tolist() == [4, 6, 99, 59]


def test_proof_of_two_origins_is_an_error_that_names_the_option(tmp_path: Path) -> None:
    flat(tmp_path, {"a": document(obj((0, 5, 30, 40))), "b": document(obj((5, 5, 101, 40)))})
    with pytest.raises(AnnotationError, match=r"1 box starts at 0 \(as-is\), but 1 box ends at .* \+ 1 .*`origin`"):
        read(tmp_path)
    assert len(read(tmp_path, "as-is")) == 2


def test_boxes_that_spill_further_take_the_proof_away(tmp_path: Path) -> None:
    spilling = document(obj((5, 5, 101, 40)), obj((5, 5, 103, 40)), database="Unknown")
    flat(tmp_path, {"a": spilling})
    assert read(tmp_path).findings[0].message == "as-is: written by labelImg (1 of 1 files)"


@pytest.mark.parametrize(
    ("stored", "orientation", "size", "proven"),
    [
        ((100, 80), 6, (100, 80), True),  # the labels state the stored size, so the box ends at its width + 1
        ((80, 100), 6, (100, 80), True),  # the labels state the displayed size
        ((100, 80), 3, None, True),  # a half turn keeps the size
        ((100, 80), 6, None, False),  # the box may be in either plane
        ((200, 160), 1, (100, 80), False),  # labelled on a smaller copy
        ((80, 100), 1, (100, 80), False),  # width and height exchanged
    ],
)
def test_only_a_size_that_is_sure_proves(
    tmp_path: Path, stored: tuple[int, int], orientation: int, size: tuple[int, int] | None, *, proven: bool
) -> None:
    image(tmp_path / "a.jpg", *stored, orientation)
    xml(tmp_path / "a.xml", document(obj((5, 5, 101, 40)), size=size))
    assert ("plus-one" in read(tmp_path).findings[0].message) is proven


def test_a_missing_image_proves_nothing_by_its_size(tmp_path: Path) -> None:
    xml(tmp_path / "a.xml", document(obj((5, 5, 101, 40))))
    assert read(tmp_path).findings[0].code == "voc-origin-assumed"


def test_an_unreadable_image_proves_nothing_by_its_size(tmp_path: Path) -> None:
    flat(tmp_path, {"a": document(obj((5, 5, 101, 40)))})
    (tmp_path / "a.jpg").write_bytes(b"")
    dataset = read(tmp_path)
    assert dataset.findings[0].code == "voc-origin-assumed"
    assert [finding.code for finding in dataset[0].findings] == ["image-unreadable"]


def test_the_tool_must_have_written_most_files(tmp_path: Path) -> None:
    files = {
        "a": document(obj(INNER), database="Unknown"),
        "b": document(obj(INNER), database="The VOC2007 Database"),
        "c": document(obj(INNER), database="Unknown"),
    }
    flat(tmp_path, files)
    assert read(tmp_path).findings[0].message == "as-is: written by labelImg (2 of 3 files)"
    flat(tmp_path, {"d": document(obj(INNER), database="The VOC2012 Database")})
    assert read(tmp_path).findings[0].code == "voc-origin-assumed"


def test_nothing_is_said_of_the_origin_where_there_are_no_boxes(tmp_path: Path) -> None:
    flat(tmp_path, {"a": document()})
    assert read(tmp_path).findings == ()


def test_numbers_are_counted_with_separators() -> None:
    assert decide(Path("x"), OriginEvidence(zeros=1200), [None])[1].message == "as-is: 1,200 boxes start at 0"


def test_polygons_follow_their_boxes(tmp_path: Path) -> None:
    ring = "<polygon><x>10</x><y>20</y><x>30</x><y>20</y><x>30</x><y>40</y></polygon>"
    flat(tmp_path, {"a": document(obj(INNER, more=ring))})
    for origin, shift in (("as-is", 0.0), ("devkit", 0.5), ("plus-one", 1.0)):
        (points,) = read(tmp_path, origin)[0].instances.polygons[0]  # type: ignore[arg-type]  # the words are literal
        assert (points + shift).tolist() == [[10, 20], [30, 20], [30, 40]]
