"""Labels that were edited since, sidecars that are broken: what is restored, what is read from the labels, what is
told.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bboxprep.errors import BboxprepError
from bboxprep.model.dataset import Dataset
from bboxprep.pipeline.api import read
from bboxprep.pipeline.source.open import open_source
from tests.conformance.examples import AVAILABLE, WRITTEN
from tests.formats.coco import trees
from tests.pipeline.sidecar.trips import SIDECAR, THREE, around, codes, edit, grow, records, run, small, stale

# ------------------------------------------------------------------------------------------------- edited labels

LABEL, ROWS = "labels/train/a.txt", "0 0.1 0.1 0.05 0.05\n"


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """`small` as YOLO: rows of a cat and a dog, and a person's crowd region that only the sidecar has."""
    run(small(tmp_path / "in"), tmp_path / "there", "yolo")
    return tmp_path / "there"


def ids(dataset: Dataset) -> list[int]:
    found: list[int] = dataset[0].instances.ids.tolist()
    return found


def lines(root: Path) -> list[str]:
    return (root / LABEL).read_text(encoding="utf-8").splitlines(keepends=True)


def relabel(root: Path, rows: list[str]) -> Dataset:
    (root / LABEL).write_text("".join(rows), encoding="utf-8")
    dataset = read(root)
    trees.check_accounts(dataset)
    return dataset


def test_untouched_labels_bring_everything_back(there: Path, tmp_path: Path) -> None:
    sample = read(there)[0]
    assert sample.instances == read(tmp_path / "in")[0].instances
    assert (sample.id, sample.source_count, sample.findings) == (70, 3, ())


def test_labels_written_anew_by_a_tool_bring_everything_back(there: Path) -> None:
    before = read(there)[0].instances
    rows = [line.replace("\n", "  \r\n") for line in lines(there)]
    assert relabel(there, rows)[0].instances == before
    dataset = relabel(there, rows[::-1])
    assert (ids(dataset), codes(dataset)) == ([900, 5, 77], [])


def test_an_added_row_stands_as_it_reads(there: Path) -> None:
    first, second = lines(there)
    for rows, expected in (
        ([ROWS, first, second], [0, 900, 5, 77]),
        ([first, ROWS, second], [900, 5, 0, 77]),
        ([first, second, ROWS], [900, 5, 77, 0]),
    ):
        dataset = relabel(there, rows)
        assert ids(dataset) == expected
        assert stale(dataset) == ["0 kept objects are not in the labels any more, 1 objects are new or changed there"]
        assert dataset[0].source_count == 4


def test_a_removed_row_is_gone(there: Path) -> None:
    dataset = relabel(there, lines(there)[1:])
    assert (ids(dataset), dataset[0].source_count) == ([5, 77], 2)
    assert stale(dataset) == ["1 kept objects are not in the labels any more, 0 objects are new or changed there"]


def test_a_moved_box_counts_as_it_reads(there: Path) -> None:
    second = lines(there)[1]
    dataset = relabel(there, ["1 0.500000 0.500000 0.100000 0.100000\n", second])
    moved = dataset[0].instances
    assert moved.boxes[0].tolist() == pytest.approx([28.8, 21.6, 35.2, 26.4])
    assert (moved.ids.tolist(), moved.polygons[0], moved.attributes[0]) == ([0, 5, 77], (), {})
    assert stale(dataset) == ["1 kept objects are not in the labels any more, 1 objects are new or changed there"]


@pytest.mark.parametrize(("millionths", "kept"), [(1, True), (5, False)])
def test_a_box_may_be_off_by_a_step_of_the_format_and_no_more(there: Path, millionths: int, kept: bool) -> None:
    first, second = lines(there)
    label, x, *rest = first.split()
    dataset = relabel(there, [" ".join([label, f"{float(x) + millionths / 1e6:.6f}", *rest]) + "\n", second])
    assert ids(dataset) == [900 if kept else 0, 5, 77]


def test_another_class_is_another_object(there: Path) -> None:
    first, second = lines(there)
    dataset = relabel(there, ["2" + first[1:], second])
    assert (ids(dataset), dataset[0].instances.labels.tolist()) == ([0, 5, 77], [2, 0, 2])


def test_an_unreadable_row_keeps_its_neighbours(there: Path) -> None:
    first, second = lines(there)
    dataset = relabel(there, ["what is this\n", first, second])
    assert (ids(dataset), dataset[0].source_count, codes(dataset)) == ([900, 5, 77], 4, [])


def test_labels_that_are_gone_take_all_with_them(there: Path, tmp_path: Path) -> None:
    (there / LABEL).unlink()
    dataset = read(there)
    assert (len(dataset[0].instances), dataset[0].labelled, dataset[0].source_count) == (0, False, 0)
    assert stale(dataset) == ["its labels are gone; nothing of it is restored"]
    for to in AVAILABLE:
        run(there, tmp_path / to, to)


def test_a_picture_of_another_size_is_another_picture(there: Path) -> None:
    Image.new("RGB", (32, 24)).save(there / "images/train/a.jpg")
    dataset = read(there)
    assert ids(dataset) == [0, 0]
    assert stale(dataset) == ["the image is 32x24, orientation 1 and was 64x48; nothing of it is restored"]


def test_an_image_that_is_gone_is_not_missed(there: Path) -> None:
    shutil.copy(there / "images/train/a.jpg", there / "images/train/b.jpg")
    (there / "images/train/a.jpg").unlink()
    dataset = read(there)
    assert (str(dataset[0].name), dataset[0].id, codes(dataset)) == ("b.jpg", 0, [])


def test_edited_attributes_of_voc_count_as_they_read(tmp_path: Path) -> None:
    run(small(tmp_path / "in"), tmp_path / "there", "voc")
    path = tmp_path / "there/Annotations/a.xml"
    edit(path, lambda text: text.replace("<truncated>0</truncated>", "<truncated>1</truncated>", 1))
    found = read(tmp_path / "there")[0].instances
    assert found.attributes == ({"truncated": 1}, {"why": "far"}, {"coco_fields": {"depth": 3.5}})
    assert found.ids.tolist() == [900, 5, 77]
    assert found.boxes[0].tolist() == [1.25, 2, 10.3, 20]


@pytest.mark.parametrize(("options", "shift", "kept"), [({}, 1, False), ({"float_": True}, 0.25, False)])
def test_a_moved_corner_of_voc_counts_as_it_reads(
    tmp_path: Path, options: dict[str, Any], shift: float, kept: bool
) -> None:
    run(small(tmp_path / "in"), tmp_path / "there", "voc", **options)
    path = tmp_path / "there/Annotations/a.xml"
    start = path.read_text(encoding="utf-8").partition("<xmin>")[2].partition("<")[0]
    edit(path, lambda text: text.replace(f"<xmin>{start}<", f"<xmin>{float(start) + shift:g}<", 1))
    dataset = read(tmp_path / "there")
    assert ids(dataset) == [0, 5, 77]
    assert len(stale(dataset)) == 1


def test_polygons_that_were_edited_count_as_they_read(tmp_path: Path) -> None:
    run(small(tmp_path / "in"), tmp_path / "there", "yolo", task="segment")
    first, second = lines(tmp_path / "there")
    numbers = first.split()
    dataset = relabel(tmp_path / "there", [" ".join([*numbers[:-2], "0.1", *numbers[-1:]]) + "\n", second])
    assert ids(dataset) == [900, 5, 77]
    assert dataset[0].instances.polygons[0][0][-1].tolist() == pytest.approx([6.4, 20], abs=1e-4)


def test_masks_of_a_picture_added_to_voc_go_to_their_objects(tmp_path: Path) -> None:
    run(small(tmp_path / "in"), tmp_path / "there", "voc")
    indices = np.zeros((48, 64), dtype=np.uint8)
    indices[2:20, 1:10], indices[10:44, 20:40] = 1, 2
    drawn = Image.fromarray(indices)
    drawn.putpalette(range(9))
    (tmp_path / "there/SegmentationObject").mkdir()
    drawn.save(tmp_path / "there/SegmentationObject/a.png")
    found = read(tmp_path / "there")[0].instances
    assert [mask and mask.area for mask in found.masks] == [9 * 18, 64 * 48, 20 * 34]
    assert found.ids.tolist() == [900, 5, 77]


# ------------------------------------------------------------------------------------------------ edited classes


def test_a_renamed_class_is_a_new_one(there: Path, tmp_path: Path) -> None:
    edit(there / "data.yaml", lambda text: text.replace('"dog"', '"wolf"'))
    dataset = read(there)
    assert [(one.name, one.id, one.supercategory) for one in dataset.categories] == [
        ("person", 1, ""),
        ("cat", 17, "animal"),
        ("wolf", 19, ""),
    ]
    assert (ids(dataset), dataset[0].instances.labels.tolist()) == ([900, 5, 0], [1, 0, 2])
    run(there, tmp_path / "back", "coco")
    assert [record["category_id"] for record in records(tmp_path / "back")] == [17, 1, 19]


def test_classes_are_matched_by_name(there: Path) -> None:
    edit(there / "data.yaml", lambda text: text.replace('"person"', '"x"').replace('"cat"', '"person"'))
    edit(there / "data.yaml", lambda text: text.replace('"x"', '"cat"') + "  3: new\n")
    edit(there / "data.yaml", lambda text: text.replace("nc: 3", "nc: 4"))
    dataset = read(there)
    assert [(one.name, one.id) for one in dataset.categories] == [("cat", 17), ("person", 1), ("dog", 18), ("new", 19)]
    assert (ids(dataset), dataset[0].instances.labels.tolist()) == ([0, 5, 77], [1, 1, 2])


def test_a_class_that_is_no_more_takes_its_crowd_regions_with_it(there: Path) -> None:
    edit(there / "data.yaml", lambda text: text.replace('"person"', '"people"'))
    dataset = read(there)
    assert (ids(dataset), dataset[0].source_count) == ([900, 77], 2)
    assert stale(dataset) == ["1 kept objects are not in the labels any more, 0 objects are new or changed there"]


def test_classes_that_change_names_do_not_exchange_objects(there: Path) -> None:
    before = read(there)[0].instances.boxes
    edit(
        there / "data.yaml", lambda text: text.replace('"cat"', '"x"').replace('"dog"', '"cat"').replace('"x"', '"dog"')
    )
    found = read(there)[0].instances
    assert (found.ids.tolist(), found.labels.tolist()) == ([0, 5, 0], [1, 0, 2])
    assert found.boxes == pytest.approx(before, abs=1e-4)


@pytest.mark.parametrize("to", WRITTEN)
def test_classes_of_one_name_come_back_as_one(tmp_path: Path, to: str) -> None:
    classes = [{"id": number, "name": name, "supercategory": ""} for number, name in ((4, "a"), (9, "b"), (11, "a"))]
    boxes = [trees.box(number, 1, category) for number, category in enumerate((4, 9, 11, 11), 1)]
    trees.document(tmp_path / "in/labels.json", [trees.image(1, "a.png")], boxes, classes)
    Image.new("RGB", trees.SIZE).save(tmp_path / "in/a.png")
    straight, back = around(tmp_path, to)
    assert straight == back
    assert [record["category_id"] for record in records(tmp_path / "back")] == [4, 9, 4, 4]


# ------------------------------------------------------------------------------------------------ broken sidecars


def spoil(root: Path, change: Callable[[list[bytes]], list[bytes]]) -> Dataset:
    """What is read at `root` when the lines of its sidecar are changed; whose accounts are in order."""
    path = root / SIDECAR
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    dataset = read(root)
    trees.check_accounts(dataset)
    return dataset


def altered(line: bytes, **fields: Any) -> bytes:
    return json.dumps({**json.loads(line), **fields}).encode() + b"\n"


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"\n",
        b"{}\n",
        b"[1]\n",
        b'{"sidecar":2,"format":"yolo","carries":[],"categories":[]}\n',
        b"\xff\xfe\n",
        b"[" * 9999 + b"\n",
    ],
)
def test_a_first_line_of_another_kind_leaves_all_as_it_reads(there: Path, first: bytes) -> None:
    dataset = spoil(there, lambda lines: [first, *lines[1:]] if first else [])
    assert codes(dataset) == ["sidecar-unreadable"]
    assert (ids(dataset), [one.id for one in dataset.categories]) == ([0, 0], [None] * 3)


@pytest.mark.parametrize(
    "line", [b"\n", b"{}\n", b"7\n", b'{"image":3}\n', b'{"image":"a"', b"\xff\n", b"[" * 9999 + b"\n"]
)
def test_a_line_of_another_kind_is_told_and_left_out(there: Path, line: bytes) -> None:
    dataset = spoil(there, lambda lines: [*lines, line, *([] if line.endswith(b'"a"') else [line])])
    assert codes(dataset) == ["sidecar-unreadable"]
    assert ids(dataset) == [900, 5, 77]
    assert dataset.findings[-1].where == "line 3"


OBJECT = {"label": 0, "box": [1, 2, 3, 4], "row": None}


@pytest.mark.parametrize(
    "fields",
    [
        {"size": [0, 48]},
        {"size": 3},
        {"objects": [{**OBJECT, "label": 3}]},
        {"objects": [{**OBJECT, "label": -1}]},
        {"objects": [{**OBJECT, "row": 1}]},
        {"objects": [{**OBJECT, "row": 0}, {**OBJECT, "row": 0}]},
        {"objects": [{**OBJECT, "box": [1, 2, 3, 400]}]},
        {"objects": [{**OBJECT, "box": [3, 2, 1, 4]}]},
        {"objects": [{**OBJECT, "box": [1, 2, 3]}]},
        {"objects": [{**OBJECT, "polygons": [[1, 2, 3, 4, 5, 6, 7]]}]},
        {"objects": [{**OBJECT, "polygons": [[]]}]},
        {"objects": [{**OBJECT, "keypoints": [1, 2]}]},
        {"objects": [{**OBJECT, "keypoints": [1, 2, 3]}]},
        {"objects": [{**OBJECT, "mask": {"size": [48, 64], "counts": "ü"}}]},
        {"objects": [{**OBJECT, "mask": {"size": [48, 64], "counts": [3]}}]},
        {"objects": [{**OBJECT, "id": 2**63}]},
        {"objects": [{**OBJECT, "attributes": 3}]},
        {"extra": {"coco": 3}},
        {"id": "x"},
    ],
)
def test_a_line_that_is_not_sound_is_told_and_left_out(there: Path, fields: dict[str, Any]) -> None:
    dataset = spoil(there, lambda lines: [lines[0], altered(lines[1], **fields)])
    assert codes(dataset) == ["sidecar-unreadable"]
    assert (ids(dataset), dataset[0].id) == ([0, 0], 0)
    assert dataset[0].findings[-1].where == "line 2"


@pytest.mark.parametrize(
    "image", ["/etc/passwd", "../in/train/a.jpg", "images/train/../train/a.jpg", "", "images\\train\\a.jpg"]
)
def test_a_path_that_is_no_image_of_the_dataset_is_never_matched(there: Path, image: str) -> None:
    dataset = spoil(there, lambda lines: [lines[0], altered(lines[1], image=image)])
    assert (ids(dataset), codes(dataset)) == ([0, 0], [])


@pytest.mark.parametrize("label", ["/etc/passwd", "../there/labels/train/a.txt", "C:/x", "labels", "\0", ""])
def test_a_label_file_outside_proves_nothing(there: Path, label: str) -> None:
    def change(lines: list[bytes]) -> list[bytes]:
        (known,) = json.loads(lines[1])["labels"].values()
        return [lines[0], altered(lines[1], labels={label: known})]

    assert (ids(spoil(there, change)), codes(read(there))) == ([900, 5, 77], [])
    edit(there / LABEL, lambda text: text.replace(" 0.", " 0.0", 1))
    assert ids(read(there))[0] == 0


@pytest.mark.parametrize("name", ["../x.jpg", "/x.jpg", "", ".", "a\0b.jpg"])
def test_a_name_that_leaves_its_folder_is_not_taken(there: Path, name: str) -> None:
    dataset = spoil(there, lambda lines: [lines[0], altered(lines[1], name=name)])
    assert str(dataset[0].name) == "a.jpg"


def test_labels_of_another_format_are_not_what_the_sidecar_is_about(there: Path) -> None:
    boxes = [trees.box(7, 1, 3), trees.box(8, 1, 7)]
    trees.document(there / "annotations/instances_train.json", [trees.image(1, "a.jpg")], boxes)
    assert read(there, "coco")[0].instances.ids.tolist() == [7, 8]
    assert read(there, "yolo")[0].instances.ids.tolist() == [900, 5, 77]


def test_two_lines_of_one_image_are_told(there: Path) -> None:
    dataset = spoil(there, lambda lines: [*lines, altered(lines[1], id=71)])
    assert (dataset[0].id, codes(dataset)) == (70, ["sidecar-unreadable"])


def test_names_that_would_be_the_same_are_left_as_they_are(tmp_path: Path) -> None:
    samples = [trees.sample_of(THREE, "a.png", id=4), trees.sample_of(THREE, "b.png", id=5)]
    run(grow(tmp_path / "in", trees.dataset_of(*samples)), tmp_path / "there", "yolo")
    dataset = spoil(tmp_path / "there", lambda lines: [lines[0], altered(lines[1], name="b.png"), *lines[2:]])
    assert [(str(sample.name), sample.id) for sample in dataset] == [("a.png", 4), ("b.png", 5)]


@given(data=st.data(), to=st.sampled_from(AVAILABLE))
def test_nothing_in_it_makes_the_program_fall(data: st.DataObject, to: str, kept: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lines = [spoiled(data, line) for line in (kept / "sound.jsonl").read_bytes().splitlines()]
        (kept / SIDECAR).write_bytes(b"\n".join(lines))
        with contextlib.suppress(BboxprepError):
            run(kept, Path(folder, "out"), to)
            trees.check_accounts(read(kept))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`small` as YOLO, with a copy of its sidecar."""
    root = tmp_path_factory.mktemp("sidecar")
    run(small(root / "in"), root / "there", "yolo")
    shutil.copy(root / "there" / SIDECAR, root / "there" / "sound.jsonl")
    return root / "there"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 99) | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)


def spoiled(data: st.DataObject, line: bytes) -> bytes:
    """`line` with one of its values exchanged for another, or with a few bytes exchanged."""
    if data.draw(st.booleans()):
        at, length = data.draw(st.integers(0, len(line))), data.draw(st.integers(0, 9))
        return line[:at] + data.draw(st.binary(max_size=3)) + line[at + length :]
    value = json.loads(line)
    inner, key = value, data.draw(st.sampled_from(sorted(value)))
    while isinstance(inner[key], dict | list) and inner[key] and data.draw(st.booleans()):
        inner = inner[key]
        key = data.draw(st.sampled_from(sorted(inner) if isinstance(inner, dict) else range(len(inner))))
    inner[key] = data.draw(JSON)
    return json.dumps(value).encode()


def test_a_sidecar_can_be_left_alone(there: Path) -> None:
    dataset = open_source(there, sidecar=False).dataset
    assert (ids(dataset), [one.id for one in dataset.categories]) == ([0, 0], [None] * 3)
