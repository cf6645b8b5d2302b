"""CreateML: centred boxes are read as they are stated, and what is written stays inside of its image."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.errors import AnnotationError
from bboxprep.formats.api import NoOptions, TextReadOptions
from bboxprep.formats.createml import FORMAT
from bboxprep.formats.createml.document import label_file
from bboxprep.geometry.affine import Size
from bboxprep.geometry.decimals import centred
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample
from tests import strategies

SIZE = Size(64, 48)
CLASSES = Categories.from_names(["cat", "dog"])
SHARED = Path(__file__).parents[3].parent / "shared" / "data" / "formats" / "createml"


def probe(path: Path, declared: Size | None = None) -> Header:
    return Header(SIZE)


def read(root: Path) -> Dataset:
    return FORMAT.read(root, probe, TextReadOptions())


def put(root: Path, *records: dict[str, Any], name: str = "annotations.json") -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for record in records:
        (root / str(record.get("image", record.get("imagefilename")))).write_bytes(b"")
    (root / name).write_text(json.dumps(records), encoding="utf-8")
    return root


def box(x: Any, y: Any, width: Any, height: Any, label: Any = "cat", **others: Any) -> dict[str, Any]:
    return {"label": label, "coordinates": {"x": x, "y": y, "width": width, "height": height}, **others}


@given(boxes=strategies.boxes(SIZE, most=4).filter(len))
def test_what_is_written_is_within_a_step_inside_of_the_image_and_does_not_drift(boxes: Any) -> None:
    boxes = np.concatenate((boxes[:, :2], np.maximum(boxes[:, 2:], boxes[:, :2] + 1e-3)), axis=1)
    boxes = np.minimum(boxes, (*SIZE, *SIZE))
    boxes[:, :2] = np.minimum(boxes[:, :2], boxes[:, 2:] - 1e-3)
    trees = []
    objects = Instances.of(boxes, [0] * len(boxes))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "train").mkdir()
        (root / "train" / "a.jpg").write_bytes(b"")
        for _ in range(3):
            sample = Sample(PurePosixPath("a.jpg"), root / "train/a.jpg", Header(SIZE), objects)
            writer = FORMAT.write(root, Dataset(root, "createml", CLASSES, [sample]), NoOptions())
            (labels,) = writer.encode(Batch.of([sample]), ["train/a.jpg"])
            writer.collect(labels.entry)
            writer.close()
            (back,) = read(root)
            assert back.label_digest == labels.digest
            objects = back.instances
            assert ((objects.boxes >= 0) & (objects.boxes <= (*SIZE, *SIZE))).all()
            trees.append((root / "train" / "_annotations.createml.json").read_bytes())
        assert np.abs(objects.boxes - boxes).max() <= FORMAT.step(NoOptions()).pixels
        assert len(set(trees)) == 1
        assert read(root).categories.names == CLASSES.names


@given(numbers=st.lists(st.floats(0, 100), min_size=4, max_size=4))
def test_centred_boxes_never_leave_their_image(numbers: list[float]) -> None:
    (x0, x1), (y0, y1) = sorted(numbers[:2]), sorted(numbers[2:])
    ((x, y, width, height),) = centred(np.array([[x0, y0, x1, y1]]), np.array([[100.0, 100.0]])).tolist()
    assert 0 <= x - width / 2 < x + width / 2 <= 100
    assert 0 <= y - height / 2 < y + height / 2 <= 100
    assert max(abs(x - width / 2 - x0), abs(x + width / 2 - x1)) <= 2


def test_every_kind_of_annotation(tmp_path: Path) -> None:
    odd = [box("x", 1, 2, 3), box(1, 1, 2, 3, label=None), {"label": "dog"}, 7, box(1, float("inf"), 2, 3)]
    put(
        tmp_path,
        {"image": "a.jpg", "annotations": [box(10, 5.5, 4, 3, "dog", sure=0.5), *odd]},
        {"imagefilename": "b.jpg", "annotations": []},
        {"image": "c.jpg", "annotations": "none"},
    )
    dataset = read(tmp_path)
    first, second = dataset
    assert dataset.classes == ("dog", "cat")
    assert first.instances.boxes.tolist() == [[8, 4, 12, 7]]
    assert first.instances.attributes == ({"sure": 0.5},)
    assert [finding.where for finding in first.findings] == [f"[0].annotations[{place}]" for place in range(1, 6)]
    assert (first.source_count, second.labelled, len(second.instances)) == (6, True, 0)
    assert [(one.code, one.where) for one in dataset.findings] == [("record-unreadable", "[2]"), ("image-aside", "")]


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ('[{"image": "a.jpg", "annotations": []}]', True),
        ("[]", False),
        ('[{"data": {"image": "a.jpg"}, "annotations": [{"result": []}]}]', False),
        ('{"images": [], "annotations": []}', False),
    ],
)
def test_lists_of_other_formats_are_not_taken_for_it(tmp_path: Path, text: str, known: bool) -> None:
    (tmp_path / "a.json").write_text(text)
    assert bool(label_file(tmp_path / "a.json")) is known
    (tmp_path / "_annotations.createml.json").write_text(text)
    assert bool(label_file(tmp_path / "_annotations.createml.json")) is text.startswith("[")  # the name says it


def test_names_that_no_line_holds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="want one line of text"):
        FORMAT.write(tmp_path, Dataset(tmp_path, "coco", Categories.from_names(["a\nb"]), []), NoOptions())


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not here")
def test_a_real_folder_is_read_as_it_counts() -> None:
    dataset = read(SHARED / "tests/assets/roboflow_dataset/createml")
    counts = {
        split: [len(one.instances) for one in dataset if one.split == split and one.header] for split in dataset.splits
    }
    assert counts == {"train": [1, 1], "val": [2]}
    assert dataset["val_001.jpg"].instances.boxes.tolist() == [[-0.5, -1, 0.5, 1], [-4.5, -0.5, 4.5, 0.5]]
