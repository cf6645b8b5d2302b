"""Hugging Face ImageFolder: rows of every custom are read, and `datasets` opens what is written."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import bboxprep
from bboxprep.errors import AnnotationError, LayoutError
from bboxprep.formats.hf_imagefolder import FORMAT
from bboxprep.formats.hf_imagefolder.options import BoxFormat, ImageFolderReadOptions
from bboxprep.geometry.affine import Size
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header

SIZE = Size(64, 48)
SHARED = Path(__file__).parents[3].parent / "shared" / "data" / "formats" / "hf_imagefolder"
BOXES = np.array([[1.0, 2.0, 30.0, 9.0], [20.0, 30.0, 60.0, 47.5], [40.0, 4.0, 63.0, 44.0]])  # edges
SIDES = np.array([64.0, 48.0, 64.0, 48.0])
CARD = """---
dataset_info:
  features:
  - name: objects
    sequence:
    - name: category
      dtype:
        class_label:
          names:
            '0': cat
            '1': "yes"
---
# words
"""


def probe(path: Path, declared: Size | None = None) -> Header:
    return Header(SIZE)


def read(root: Path, boxes: BoxFormat = "auto") -> Dataset:
    return FORMAT.read(root, probe, ImageFolderReadOptions(boxes))


def put(root: Path, *objects: object, card: str = "", name: str = "train/{}.jpg") -> Path:
    """A metadata.jsonl at `root` with an image for each of `objects`."""
    rows = [{"file_name": name.format(at), "objects": own, "width": 64, "height": 48} for at, own in enumerate(objects)]
    for row in rows:
        (root / str(row["file_name"])).parent.mkdir(parents=True, exist_ok=True)
        (root / str(row["file_name"])).write_bytes(b"")
    (root / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    if card:
        (root / "README.md").write_text(card, encoding="utf-8")
    return root


def numbers(style: str) -> list[list[float]]:
    own = BOXES / SIDES if style.endswith("fractions") else BOXES
    sizes = np.concatenate((own[:, :2], own[:, 2:] - own[:, :2]), axis=1)
    found: list[list[float]] = (own if style.startswith("xyxy") else sizes).tolist()
    return found


@pytest.mark.parametrize("style", ["xywh", "xyxy", "xywh-fractions", "xyxy-fractions"])
def test_all_boxes_together_show_what_their_numbers_are(tmp_path: Path, style: BoxFormat) -> None:
    objects = {"bbox": numbers(style), "category": [0, 1, 0]}
    dataset = read(put(tmp_path, objects, card=CARD))
    assert dataset[0].instances.boxes == pytest.approx(BOXES)
    assert [finding.code for finding in dataset.findings] == ([] if style == "xywh" else ["box-assumed"])
    asked = read(tmp_path, style)
    assert (asked[0].instances.boxes.tolist(), asked.findings) == (dataset[0].instances.boxes.tolist(), ())


def test_where_nothing_shows_it_x_y_width_and_height_are_taken_and_told(tmp_path: Path) -> None:
    dataset = read(put(tmp_path, {"bbox": [[1, 2, 30, 40]], "category": ["cat"]}))
    assert dataset[0].instances.boxes.tolist() == [[1, 2, 31, 42]]
    (finding,) = dataset.findings
    assert (finding.code, finding.path) == ("box-assumed", "metadata.jsonl")
    assert "nothing proves it; `box_format` says otherwise" in finding.message


def test_columns_and_records_are_the_same_objects(tmp_path: Path) -> None:
    columns: dict[str, list[Any]] = {
        "bbox": [[9, 8, 3, 2], [1, 2, 3, 1]],
        "label": [1, 0],
        "id": [7, 8],
        "area": [5, 2.5],
        "age": [3, None],
    }
    records = [{key: values[row] for key, values in columns.items()} for row in range(2)]
    one, other = read(put(tmp_path, columns, records, card=CARD))
    assert one.instances == other.instances
    assert one.instances.ids.tolist() == [7, 8]
    assert one.instances.areas.tolist() == [5, 2.5]
    assert one.instances.attributes == ({"age": 3}, {})


def test_names_come_from_the_card_or_the_rows_or_are_numbers(tmp_path: Path) -> None:
    row = {"bbox": [[9, 8, 3, 2], [9, 8, 3, 2]], "category": [1, 2]}
    named = read(put(tmp_path / "a", row, card=CARD))
    assert named.classes == ("cat", "yes")
    assert [(one.code, one.where) for one in named[0].findings] == [("category-unknown", "line 1: objects[1]")]
    unnamed = read(put(tmp_path / "b", row))
    assert (unnamed.classes, unnamed.categories.stated) == (("0", "1", "2"), False)
    words = read(put(tmp_path / "c", {"bbox": [[9, 8, 3, 2]] * 2, "category": ["dog", "cat"]}))
    assert (words.classes, words[0].instances.labels.tolist()) == (("dog", "cat"), [0, 1])
    with pytest.raises(AnnotationError, match=r"README\.md"):
        read(put(tmp_path / "d", row, card="---\na: [\n---\n"))


@pytest.mark.parametrize("bad", [None, [1, 2, 3], ["x", 1, 2, 3], "text", [1, 2, float("inf"), 3]])
def test_a_box_that_is_none_is_told_and_the_others_stay(tmp_path: Path, bad: Any) -> None:
    sample = read(put(tmp_path, {"bbox": [bad, [9, 8, 3, 2]], "category": [0, 0]}, card=CARD))[0]
    assert (len(sample.instances), sample.source_count) == (1, 2)
    assert [(one.code, one.path, one.objects) for one in sample.findings] == [
        ("record-unreadable", "metadata.jsonl", 1)
    ]


def test_csv_states_objects_as_json(tmp_path: Path) -> None:
    objects = {"bbox": [[9.0, 8.0, 3.0, 2.0]], "category": [1]}
    put(tmp_path, objects, card=CARD)
    with (tmp_path / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("file_name", "objects"), ("train/0.jpg", str(objects))])
    with pytest.raises(LayoutError, match=r"have metadata\.csv, metadata\.jsonl"):
        read(tmp_path)
    plain = read(tmp_path / "metadata.jsonl")[0].instances
    assert read(tmp_path / "metadata.csv")[0].instances == plain


def test_the_folder_in_a_name_is_the_split(tmp_path: Path) -> None:
    put(tmp_path, {"bbox": []}, {"bbox": [[9, 8, 3, 2]]}, name="validation/{}.jpg")
    (sample, other) = read(tmp_path)
    assert (sample.split, str(sample.name), other.header is not None) == ("val", "0.jpg", True)


def test_datasets_opens_what_is_written(tmp_path: Path) -> None:
    """The columns of all rows are the same, though the first image has no objects."""
    datasets = pytest.importorskip("datasets")
    source = put(tmp_path / "in", {"bbox": [], "category": []}, {"bbox": [[9, 8, 3, 2.5]], "category": [1]}, card=CARD)
    for at in range(2):
        Image.new("RGB", SIZE, (at, 90, 90)).save(source / f"train/{at}.jpg")
    bboxprep.convert(source, tmp_path / "out", "hf_imagefolder")
    back = datasets.load_dataset("imagefolder", data_dir=str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    rows = {row["image_id"]: row for row in back["train"]}
    assert [len(row["objects"]["bbox"]) for row in rows.values()] == [1, 0]
    assert next(iter(rows.values()))["objects"] == {"bbox": [[9, 8, 3, 2.5]], "category": [1], "area": [7.5]}
    again = bboxprep.read(tmp_path / "out")
    assert (again.format, again.classes, len(again.findings)) == ("hf_imagefolder", ("cat", "yes"), 0)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not here")
def test_a_real_folder_is_read_as_it_counts() -> None:
    dataset = read(SHARED / "toy")
    counts = {split: sum(len(one.instances) for one in dataset if one.split == split) for split in dataset.splits}
    assert (len(dataset), counts, dataset.classes) == (4, {"train": 4, "val": 1}, ("cat",))
    assert all(sample.header for sample in dataset)
    assert dataset["2010_004175.jpg"].instances.boxes.tolist() == [[1, 39, 248, 300]]
