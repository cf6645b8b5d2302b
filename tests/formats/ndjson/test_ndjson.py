"""NDJSON of Ultralytics: every kind of row is read, and what is written is read back."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.errors import AnnotationError, LayoutError, UsageError
from bboxprep.formats import load
from bboxprep.formats.api import TextReadOptions
from bboxprep.formats.ndjson import FORMAT
from bboxprep.formats.ndjson.layout import label_file
from bboxprep.formats.ndjson.options import NdjsonWriteOptions
from bboxprep.formats.yolo_row_kinds import OutTask
from bboxprep.geometry.affine import Size
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories, Category
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample
from tests import strategies

SIZE = Size(64, 48)
HAND = Category("hand", keypoints=("thumb", "tip", "palm"), flip_idx=(0, 2, 1))
CLASSES = Categories((Category("cat", keypoints=("thumb", "tip", "palm"), flip_idx=(0, 2, 1)), HAND))
SHARED = Path(__file__).parents[3].parent / "shared" / "data"


def probe(path: Path, declared: Size | None = None) -> Header:
    return Header(SIZE)


def read(root: Path) -> Dataset:
    return FORMAT.read(root, probe, TextReadOptions())


def put(root: Path, *lines: dict[str, Any], head: dict[str, Any] | None = None, name: str = "a.ndjson") -> Path:
    """A file of `lines` at `root`, and an empty image for each."""
    first = {"type": "dataset", "class_names": {"0": "cat", "1": "dog"}, **(head or {})}
    for line in lines:
        place = root / "images" / line.get("split", "train") / line["file"]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"")
    (root / name).write_text("\n".join(map(json.dumps, (first, *lines))), encoding="utf-8")
    return root


def image(annotations: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    return {"type": "image", "file": "a.jpg", "split": "train", "annotations": annotations, **more}


def written(root: Path, task: OutTask, objects: Instances) -> Sample:
    """`objects` as a sample that was written and read again."""
    sample = Sample(PurePosixPath("a.jpg"), root / "a.jpg", Header(SIZE), objects, source_count=len(objects))
    dataset = Dataset(root, "ndjson", CLASSES, [sample], task="obb")
    writer = FORMAT.write(root, dataset, NdjsonWriteOptions(task))
    (place,) = writer.paths("train", "a.jpg")
    (labels,) = writer.encode(Batch.of([sample]), [place])
    writer.collect(labels.entry)
    writer.close()
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).write_bytes(b"")
    back = read(root)
    assert (back.categories, back.task) == (CLASSES if task == "pose" else back.categories, task)
    assert back.categories.names == CLASSES.names
    assert back[0].label_digest == labels.digest
    return back[0]


@given(data=st.data())
@pytest.mark.parametrize("task", ["detect", "segment", "pose", "obb"])
def test_rows_of_every_task_are_those_of_yolo_text(task: OutTask, data: st.DataObject) -> None:
    """The oracle: YOLO's writer and reader, whose files are read by other code than the lines."""
    boxes = data.draw(strategies.boxes(SIZE, most=3).filter(len))
    boxes = np.concatenate((boxes[:, :2], np.maximum(boxes[:, 2:], boxes[:, :2] + 1)), axis=1).clip(0, 48)
    count = len(boxes)
    rings = [[[(x0, y0), (x1, y0), (x1, y1), (x0, y1)]] for x0, y0, x1, y1 in boxes.tolist()]
    points = np.array([data.draw(strategies.points(SIZE, 3, 3)) for _ in range(count)])
    objects = Instances.of(
        boxes,
        [row % 2 for row in range(count)],
        polygons=rings,
        keypoints=points,
        visibility=np.full((count, 3), 2),
    )
    with tempfile.TemporaryDirectory() as folder:
        back = written(Path(folder, "json"), task, objects).instances
        yolo = load("yolo")
        root = Path(folder, "text")
        sample = Sample(PurePosixPath("a.jpg"), root / "a.jpg", Header(SIZE), objects)
        source = Dataset(root, "yolo", CLASSES, [sample], task="obb")
        writer = yolo.write(root, source, yolo.write_options(task=task))
        (labels,) = writer.encode(Batch.of([sample]), ["images/train/a.jpg"])
        for name, text in (*labels.files, ("images/train/a.jpg", b"")):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(text)
        writer.collect(labels.entry)
        writer.close()
        other = yolo.read(root, probe, yolo.read_options(task=task))[0].instances
    assert back == other
    assert len(back) == count


def test_kinds_of_rows_findings_and_places(tmp_path: Path) -> None:
    put(
        tmp_path,
        image({"boxes": [[0, 0.5, 0.5, 0.25, 0.5], ["x", 1, 1, 1, 1], [1, 0.5], [], 7]}),
        image({"segments": [[1, 0.0, 0.0, 0.5, 0.0, 0.5, 0.5]], "boxes": [[0, 0.5, 0.5, 1, 1]]}, file="b.jpg"),
        image({}, file="c.jpg"),
        image(None, file="d.jpg"),
        image({"pose": [[0, 0.5, 0.5, 0.25, 0.5, 0.5, 0.5, 2, 0.25, 0.25, 1]]}, file="e.jpg"),
    )
    boxes, segments, empty, unlabelled, pose = read(tmp_path)
    assert boxes.instances.boxes.tolist() == [[24, 12, 40, 36]]
    assert [finding.where for finding in boxes.findings] == [
        f"line 2: annotations.boxes[{row}]" for row in (1, 2, 3, 4)
    ]
    assert {finding.path for finding in boxes.findings} == {"a.ndjson"}
    assert boxes.source_count == 5
    assert segments.instances.boxes.tolist() == [[0, 0, 32, 24]]
    assert [(one.code, one.where) for one in segments.findings] == [("shape-unread", "line 3: annotations")]
    assert (empty.labelled, unlabelled.labelled) == (True, False)
    assert pose.instances.visibility.tolist() == [[2, 1]]  # the shape of keypoints is that of the rows


def test_the_first_line_says_what_the_classes_are(tmp_path: Path) -> None:
    row = image({"boxes": [[3, 0.5, 0.5, 0.5, 0.5]]})
    named = read(put(tmp_path / "a", row, head={"class_names": {"2": "bird", "0": "cat"}}))
    assert named.classes == ("cat", "class1", "bird", "class3")
    assert [finding.code for finding in named.findings] == ["record-repaired"]
    unnamed = read(put(tmp_path / "b", row, head={"class_names": None}))
    assert (unnamed.classes, unnamed.categories.stated) == (("0", "1", "2", "3"), False)
    heads: tuple[dict[str, Any], ...] = ({"task": "classify"}, {"class_names": {"x": "cat"}}, {"type": "image"})
    for number, head in enumerate(heads):
        with pytest.raises(AnnotationError, match="have "):
            read(put(tmp_path / f"c{number}", row, head=head) / "a.ndjson")


def test_images_are_looked_for_below_the_path_and_never_outside(tmp_path: Path) -> None:
    put(tmp_path / "in" / "deep", image({}))
    put(tmp_path / "out", image({}, file="b.jpg"))
    (tmp_path / "in" / "deep" / "a.ndjson").unlink()
    for stated in ("deep", "../out", str(tmp_path / "out")):
        head = {"type": "dataset", "path": stated, "class_names": {"0": "cat"}}
        lines = (head, image({}), image({}, file="b.jpg"))
        (tmp_path / "in" / "a.ndjson").write_text("\n".join(map(json.dumps, lines)))
        there = {sample.name.name: sample.header is not None for sample in read(tmp_path / "in")}
        assert there == {"a.jpg": True, "b.jpg": False}
    put(tmp_path / "in", image({}), name="b.ndjson")
    with pytest.raises(LayoutError, match=r"have a\.ndjson, b\.ndjson; name the one to read"):
        read(tmp_path / "in")


def test_other_lines_of_json_are_not_taken_for_it(tmp_path: Path) -> None:
    for number, text in enumerate(('{"data_row": {}, "type": "x"}\n{"type": "dataset"}', '["type", "dataset"]', "")):
        (tmp_path / f"{number}.ndjson").write_text(text)
        assert label_file(tmp_path / f"{number}.ndjson") == ""


def test_folders_become_a_part_of_the_name_and_are_told(tmp_path: Path) -> None:
    sample = Sample(PurePosixPath("a/b/c.jpg"), tmp_path / "a/b/c.jpg", Header(SIZE), Instances.of())
    writer = FORMAT.write(tmp_path, Dataset(tmp_path, "coco", CLASSES, [sample]), NdjsonWriteOptions())
    (place,) = writer.paths("train", "a/b/c.jpg")
    assert place == "images/train/a-b-c.jpg"
    told = [writer.encode(Batch.of([sample]), [path])[0].findings for path in (place, "images/train/a__b__c.jpg")]
    assert [[finding.code for finding in found] for found in told] == [["name-changed"], []]  # the second was asked for


def test_poses_want_keypoints(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="pose: no class"):
        FORMAT.write(tmp_path, Dataset(tmp_path, "coco", Categories(), []), NdjsonWriteOptions("pose"))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not here")
def test_a_real_file_states_the_boxes_of_its_text_labels(tmp_path: Path) -> None:
    dataset = read(SHARED / "formats" / "ndjson")
    counts = {split: sum(sample.split == split for sample in dataset) for split in dataset.splits}
    assert (counts, len(dataset.classes)) == ({"train": 4, "val": 4}, 80)
    assert sum(len(sample.instances) for sample in dataset) == sum(sample.source_count for sample in dataset) == 30
    for sample in dataset:  # its images lie elsewhere; fractions are of the size that it states
        label = SHARED / "ultralytics_hub/example_datasets/coco8/labels" / sample.split / f"{sample.name.stem}.txt"
        rows = np.array([line.split() for line in label.read_text().splitlines()], dtype=np.float64).reshape(-1, 5)
        assert sample.declared is not None
        corners = np.concatenate((rows[:, 1:3] - rows[:, 3:] / 2, rows[:, 1:3] + rows[:, 3:] / 2), axis=1)
        assert sample.instances.labels.tolist() == rows[:, 0].tolist()
        off = np.abs(sample.instances.boxes / np.tile(sample.declared, 2) - corners)
        assert off.max(initial=0) <= 2e-5
