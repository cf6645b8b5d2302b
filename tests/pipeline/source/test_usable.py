"""Nothing readable is no dataset: a run of it is refused with the first reason, and nothing is written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bboxprep import formats
from bboxprep.errors import SourceError
from bboxprep.pipeline.api import convert
from tests.invoked import refused as refused_by_command
from tests.painted import is_mask
from tests.tiny import tiny

IMAGES = {".jpg", ".png"}


def written(tmp_path: Path, name: str) -> Path:
    source = tmp_path / "source"
    convert(tiny(tmp_path / "tiny", range(3)), source, name)
    return source


def images_of(root: Path, name: str) -> list[Path]:
    return [path for path in root.rglob("*") if path.suffix in IMAGES and not is_mask(path, root, name)]


def refused(source: Path, tmp_path: Path) -> str:
    with pytest.raises(SourceError) as refusal:
        convert(source, tmp_path / "out", "coco")
    assert not (tmp_path / "out").exists()
    assert str(refusal.value) in refused_by_command("inspect", source)
    return str(refusal.value)


def test_a_source_without_any_of_its_images_is_refused_in_every_format_of_image_files(tmp_path: Path) -> None:
    tried = 0
    for name in formats.written():
        images = images_of(written(tmp_path / name, name), name)
        for image in images:
            image.write_bytes(b"no image")
        if images:
            message = refused(tmp_path / name / "source", tmp_path / name)
            assert "none of 3 images can be read; the first: " in message
            assert images[0].suffix in message
        tried += bool(images)
    assert tried >= 3


@pytest.mark.parametrize(
    ("name", "labels", "text", "place"),
    [
        ("yolo", "labels/train/*.txt", "Car 0.00 0 1.57 40 50 120 150\n", "00000.txt: line 1"),
        ("voc", "Annotations/*.xml", "<annotation><object><name>cat</name></object></annotation>", "object[1]/bndbox"),
        ("coco", "annotations/*.json", None, "annotations[0].bbox"),
    ],
)
def test_a_source_none_of_whose_objects_can_be_read_is_refused(
    tmp_path: Path, name: str, labels: str, text: str | None, place: str
) -> None:
    source = written(tmp_path, name)
    for path in source.glob(labels):
        content = path.read_text(encoding="utf-8").replace('"bbox"', '"box"')
        path.write_text(content if text is None else text, encoding="utf-8")
    (source / "bboxprep.sidecar.jsonl").unlink(missing_ok=True)
    message = refused(source, tmp_path)
    assert "objects can be read; the first: " in message
    assert place in message


def test_images_without_objects_are_a_dataset(tmp_path: Path) -> None:
    source = written(tmp_path, "yolo")
    for path in source.glob("labels/train/*.txt"):
        path.write_text("", encoding="utf-8")
    assert convert(source, tmp_path / "out", "coco").account.images_out == {"train": 3}


def test_objects_of_images_that_are_not_listed_are_faults_of_a_dataset(tmp_path: Path) -> None:
    source = written(tmp_path, "coco")
    for path in source.glob("annotations/*.json"):
        path.write_text(re.sub(r'"image_id": ?\d+', '"image_id":900', path.read_text("utf-8")), encoding="utf-8")
    (source / "bboxprep.sidecar.jsonl").unlink(missing_ok=True)
    outcome = convert(source, tmp_path / "out", "coco")
    assert outcome.account.images_out == {"train": 3}
    assert {finding.code for finding in outcome.dataset.findings if finding.objects} == {"annotation-orphan"}
