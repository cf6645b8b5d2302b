"""Labelbox: what an export states of its data rows is read, and what cannot be read is counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bboxprep import formats
from bboxprep.errors import AnnotationError
from bboxprep.formats.api import TextReadOptions
from bboxprep.formats.labelbox import FORMAT
from bboxprep.geometry.affine import Size
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.sample import Sample

SIZE = Size(64, 48)
SHARED = Path(__file__).parents[3].parent / "shared" / "data"
TRIANGLE = [{"x": 1, "y": 2}, {"x": 9.5, "y": 2}, {"x": 3, "y": 20}]
BOX = {"top": 6, "left": 5.5, "height": 12.25, "width": 10}
OLD = {"External ID": "a.jpg", "Labeled Data": "https://photos.invalid/a.jpg"}


def probe(path: Path, declared: Size | None = None) -> Header:
    return Header(SIZE)


def read(root: Path) -> Dataset:
    return FORMAT.read(root, probe, TextReadOptions())


def label(*objects: Any, kind: str = "Default", made: str = "2026-01-01") -> dict[str, Any]:
    details = {"created_at": made}
    return {"label_kind": kind, "label_details": details, "annotations": {"objects": objects, "classifications": []}}


def row(name: str, **projects: list[dict[str, Any]]) -> dict[str, Any]:
    named = {project: {"name": project, "labels": labels} for project, labels in projects.items()}
    known = {"data_row": {"id": "1", "external_id": name}, "media_attributes": {"width": 64, "height": 48}}
    return {**known, "projects": named}


def put(root: Path, *rows: dict[str, Any]) -> Path:
    (root / "a.jpg").write_bytes(b"")
    (root / "export.ndjson").write_text("".join(f"{json.dumps(one)}\n" for one in rows), encoding="utf-8")
    return root


def only(dataset: Dataset) -> Sample:
    (sample,) = dataset
    return sample


def test_boxes_polygons_and_answers_are_read(tmp_path: Path) -> None:
    answers = [
        {"name": "sure", "radio_answer": {"name": "yes", "value": "y"}},
        {"name": "why", "text_answer": {"content": "so"}},
        {"name": "parts", "checklist_answers": [{"name": "ear"}, {"name": "tail"}]},
    ]
    objects = (
        {"name": "dog", "bounding_box": BOX, "classifications": answers, "confidence": 0.25},
        {"name": "cat", "polygon": TRIANGLE},
        {"name": "dog", "line": TRIANGLE},
    )
    dataset = read(put(tmp_path, row("a.jpg", p=[label(*objects)])))
    sample = only(dataset)
    found = sample.instances
    assert dataset.categories.names == ("dog", "cat")
    assert found.labels.tolist() == [0, 1, 0]
    assert found.boxes.tolist() == [[5.5, 6, 15.5, 18.25], *[[1, 2, 9.5, 20]] * 2]
    assert [len(rings) for rings in found.polygons] == [0, 1, 0]
    assert found.scores.tolist()[0] == 0.25
    assert found.attributes[0] == {"sure": "yes", "why": "so", "parts": ["ear", "tail"]}
    assert sample.declared == SIZE
    assert [(one.code, one.objects) for one in sample.findings] == [("shape-unread", 0)]


def test_of_several_labels_the_default_or_the_newest_is_taken(tmp_path: Path) -> None:
    one, two = ({"name": name, "bounding_box": BOX} for name in ("one", "two"))
    default = label(one, made="2025-01-01")
    older, newer = (label(two, kind="Consensus", made=f"2026-0{month}-01") for month in (1, 2))
    newer["annotations"]["objects"] = [one, two]
    sample = only(read(put(tmp_path, row("a.jpg", p=[newer, default]))))
    assert len(sample.instances) == 1
    assert [(one.code, one.objects) for one in sample.findings] == [("annotation-older", 2)]
    sample = only(read(put(tmp_path, row("a.jpg", p=[older, newer], q=[default]))))
    assert (len(sample.instances), sample.source_count) == (3, 4)


def test_a_row_without_labels_is_unlabelled_and_one_without_objects_is_not(tmp_path: Path) -> None:
    assert not only(read(put(tmp_path, row("a.jpg", p=[])))).labelled
    assert only(read(put(tmp_path, row("a.jpg", p=[label()])))).labelled


def test_what_has_no_place_is_counted(tmp_path: Path) -> None:
    mask = {"name": "cat", "mask": {"url": "https://masks.invalid/1"}}
    sample = only(read(put(tmp_path, row("a.jpg", p=[label(mask, {"name": "cat"}, {"bounding_box": BOX}, 7)]))))
    assert (len(sample.instances), sample.source_count) == (0, 4)
    assert [one.objects for one in sample.findings] == [1] * 4
    assert "have a mask behind an address, which is not opened" in sample.findings[0].message


def test_an_image_without_a_name_has_the_end_of_its_address(tmp_path: Path) -> None:
    known = {"data_row": {"row_data": "https://photos.invalid/x/a.jpg?token=b/c"}, "projects": {}}
    video = {"data_row": {"external_id": "a.mp4"}, "media_attributes": {"mime_type": "video/mp4"}}
    dataset = read(put(tmp_path, known, video))
    assert str(only(dataset).name) == "a.jpg"
    assert [one.code for one in dataset.findings] == ["image-aside"]


def test_the_older_list_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    objects = [{"title": "dog", "bbox": BOX}, {"title": "cat", "instanceURI": "https://masks.invalid/1"}]
    rows = [{**OLD, "Label": {"objects": objects}}, {**OLD, "External ID": "b.jpg", "Label": {}, "Skipped": True}]
    path = tmp_path / "export.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    assert set(formats.sniffed(path)) == {"labelbox"}
    first, second = read(path)
    assert first.instances.boxes.tolist() == [[5.5, 6, 15.5, 18.25]]
    assert (first.source_count, second.labelled) == (2, False)


def test_a_list_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text('[{"data_row": {}', encoding="utf-8")
    with pytest.raises(AnnotationError, match="want data rows, as Labelbox exports them"):
        read(path)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not here")
def test_a_real_export_is_read_whole() -> None:
    dataset = read(SHARED / "formats/labelbox/tests/fixtures/object_detection/Labelbox/export-result.ndjson")
    assert sum(sample.source_count for sample in dataset) == 16
    assert sum(len(sample.instances) for sample in dataset) == 16
    assert {sample.declared for sample in dataset} == {Size(640, 416), Size(640, 426)}
    assert len(list(read(SHARED / "panlabel/tests/fixtures/sample_valid.labelbox.ndjson"))) == 2
