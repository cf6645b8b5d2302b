"""SageMaker Ground Truth: each line of a manifest is read by its own class map; what cannot be read is counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bboxprep import formats
from bboxprep.errors import AnnotationError
from bboxprep.formats.sagemaker import FORMAT, SageMakerReadOptions
from bboxprep.geometry.affine import Size
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header

SIZE = Size(64, 48)
SHARED = Path(__file__).parents[3].parent / "shared" / "data"
BOX = {"top": 6, "left": 5.5, "height": 12.25, "width": 10}


def probe(path: Path, declared: Size | None = None) -> Header:
    return Header(SIZE)


def read(root: Path, **options: str) -> Dataset:
    return FORMAT.read(root, probe, SageMakerReadOptions(**options))


def metadata(names: dict[str, str], *scores: float, made: str = "2026-01-01T00:00:00", **others: Any) -> dict[str, Any]:
    listed = {"objects": [{"confidence": score} for score in scores], "class-map": names, "creation-date": made}
    return {**listed, "type": "groundtruth/object-detection", **others}


def value(*boxes: Any) -> dict[str, Any]:
    return {"image_size": [{"width": 64, "height": 48, "depth": 3}], "annotations": list(boxes)}


def line(name: str, **labels: Any) -> dict[str, Any]:
    """A line; ``job_m`` are the metadata of the attribute ``job``."""
    known = {key.removesuffix("_m") + "-metadata" * key.endswith("_m"): one for key, one in labels.items()}
    return {"source-ref": f"s3://bucket/photos/{name}", **known}


def put(root: Path, *lines: dict[str, Any], between: str = "\n") -> Path:
    (root / "a.jpg").write_bytes(b"")
    (root / "output.manifest").write_text(between.join(map(json.dumps, lines)), encoding="utf-8")
    return root


def test_each_line_is_read_by_its_own_class_map(tmp_path: Path) -> None:
    one = line("a.jpg", job=value({"class_id": 0, **BOX}), job_m=metadata({"0": "cat"}, 0.9))
    boxes = value({"class_id": 0, **BOX}, {"class_id": "1", **BOX})
    two = line("deep/b.jpg", job=boxes, job_m=metadata({"0": "dog", "1": "cat"}, 0, 0.5))
    dataset = read(put(tmp_path, one, two))
    names = dataset.categories.names
    first, second = dataset
    assert names == ("cat", "dog")
    assert [names[row] for row in (*first.instances.labels, *second.instances.labels)] == ["cat", "dog", "cat"]
    assert first.instances.boxes.tolist() == [[5.5, 6, 15.5, 18.25]]
    assert first.instances.scores.tolist() == [0.9]
    assert str(second.instances.scores.tolist()) == "[nan, 0.5]"
    assert (str(second.name), second.declared) == ("deep/b.jpg", SIZE)


def test_what_no_job_labelled_is_unlabelled_and_what_has_no_objects_is_not(tmp_path: Path) -> None:
    failed = line("b.jpg", job=value(), job_m=metadata({}, **{"failure-reason": "ClientError"}))
    lines = (line("a.jpg", job=value(), job_m=metadata({})), failed, line("c.jpg"))
    assert [sample.labelled for sample in read(put(tmp_path, *lines))] == [True, False, False]


def test_of_chained_jobs_the_newest_is_taken_or_the_one_that_is_named(tmp_path: Path) -> None:
    box = {"class_id": 0, **BOX}
    both = line("a.jpg", first=value(box, box), first_m=metadata({"0": "cat"}, made="2025-01-01T00:00:00"))
    both |= line("a.jpg", second=value(box), second_m=metadata({"0": "dog"}))
    both["seen-metadata"] = {"type": "groundtruth/image-classification"}
    dataset = read(put(tmp_path, both))
    assert [len(sample.instances) for sample in dataset] == [1]
    assert [(one.code, one.objects) for one in dataset.findings] == [("annotation-older", 2)]
    dataset = read(tmp_path, label_attribute="first")
    assert (dataset.categories.names, [len(sample.instances) for sample in dataset]) == (("cat",), [2])
    with pytest.raises(AnnotationError, match=r"no label attribute 'third' with boxes .*have second, first"):
        read(tmp_path, label_attribute="third")


def test_objects_that_stand_in_one_line_are_read(tmp_path: Path) -> None:
    lines = [line(name, job=value(), job_m=metadata({"0": "}{"})) for name in ("a.jpg", "b.jpg")]
    assert len(read(put(tmp_path, *lines, between=""))) == 2
    with (tmp_path / "output.manifest").open("a", encoding="utf-8") as file:
        file.write("\n" + json.dumps(lines[0]) + "7\n")
    dataset = read(tmp_path)
    assert len(dataset) == 2
    assert [(one.code, one.where) for one in dataset.findings] == [("record-unreadable", "line 2")]


def test_boxes_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    boxes = ({"class_id": 4, **BOX}, {"class_id": 0, "left": 1}, {"class_id": 0, **BOX, "width": 1e99}, 7)
    (sample,) = read(put(tmp_path, line("a.jpg", job=value(*boxes), job_m=metadata({"0": "cat"}))))
    assert (len(sample.instances), sample.source_count) == (0, 4)
    codes = ["category-unknown", "record-unreadable", "box-not-finite", "record-unreadable"]
    assert [one.code for one in sample.findings] == codes


def test_a_manifest_of_another_kind_of_labels_is_refused_by_its_kind(tmp_path: Path) -> None:
    other = line("a.jpg", sport=0, sport_m={"type": "groundtruth/image-classification"})
    assert set(formats.sniffed(put(tmp_path, other))) == {"sagemaker"}
    with pytest.raises(AnnotationError, match="kinds groundtruth/image-classification, want groundtruth/object-detec"):
        read(tmp_path)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not here")
def test_a_real_manifest_is_read_whole() -> None:
    (path,) = (SHARED / "formats/sagemaker").rglob("sample_output.manifest")
    dataset = read(path)
    assert dataset.categories.names == ("Bird",)
    assert len(list(dataset)) == 100
    assert sum(len(sample.instances) for sample in dataset) == 192
    other = read(SHARED / "panlabel/tests/fixtures/sample_valid.sagemaker.manifest")
    assert [len(sample.instances) for sample in other] == [2, 0]
