"""`inspect` finds what a conversion finds, by the same policies."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bboxprep import formats
from bboxprep.findings import CODES, Severity
from bboxprep.pipeline.api import convert
from bboxprep.pipeline.source.inspect import inspect
from bboxprep.pipeline.source.open import open_source
from tests.painted import is_mask
from tests.tiny import tiny

BOXES = [(2, 2, 9, 9), (5, 5, 0, 0), (90, 90, 9, 9), (40, 20, 20, 20)]  # sound, degenerate, outside, over the edge


def faulty(root: Path) -> Path:
    (root / "annotations").mkdir(parents=True)
    for number, split in enumerate(("train", "val")):
        (root / split).mkdir()
        noise = np.random.default_rng(number).integers(0, 255, (32, 48, 3), dtype=np.uint8)
        Image.fromarray(noise).save(root / split / "a.jpg")
        data = (root / split / "a.jpg").read_bytes()
        (root / split / "cut.jpg").write_bytes(data[: len(data) // 2])
        Image.new("RGB", (48, 32)).save(root / split / "same.png")
        images = [{"id": n, "file_name": name} for n, name in enumerate(("a.jpg", "cut.jpg", "same.png"), 1)]
        objects = [
            {"id": n, "image_id": 1, "category_id": 1, "bbox": box, "area": 1, "iscrowd": 0}
            for n, box in enumerate(BOXES, 1)
        ]
        content = {"images": images, "annotations": objects, "categories": [{"id": 1, "name": "cat"}]}
        (root / "annotations" / f"instances_{split}.json").write_text(json.dumps(content), encoding="utf-8")
    return root


def told(source: Path, out: Path) -> set[str]:
    """The codes of the findings of `source`, after those of `inspect` were held against those of a conversion."""
    seen = inspect(open_source(source)).findings
    outcome = convert(source, out, "coco")
    kept = [one for one in outcome.account.findings if one.code != "image-skipped"]
    alike = [sorted((one.code, one.path, one.where, one.message) for one in found) for found in (seen, kept)]
    assert alike[0] == alike[1]
    return {one.code for one in seen}


def test_the_findings_are_those_of_a_conversion_without_steps(tmp_path: Path) -> None:
    assert told(faulty(tmp_path / "source"), tmp_path / "out") >= {
        "box-degenerate", "box-outside", "box-clipped", "image-unreadable", "split-leak",
    }  # fmt: skip


def test_a_picture_that_is_cut_short_is_named_in_every_format_of_image_files(tmp_path: Path) -> None:
    tried = 0
    for name in formats.written():
        out = tmp_path / name / "out"
        convert(tiny(tmp_path / name / "tiny", range(3)), out, name)
        images = sorted(out.rglob("*.jpg"))
        for image in images[:1]:
            data = image.read_bytes()
            image.write_bytes(data[: len(data) // 2])
            faults = [one for one in inspect(open_source(out)).findings if CODES[one.code][0] is Severity.FAULT]
            assert [(one.code, one.path) for one in faults] == [("image-unreadable", str(image.relative_to(out)))]
            tried += 1
    assert tried >= 3


@pytest.mark.parametrize("end", [-1, -9])
def test_a_picture_without_its_last_bytes_is_named_in_every_format_of_image_files(tmp_path: Path, end: int) -> None:
    tried = 0
    for name in formats.written():
        photos = tiny(tmp_path / name / "tiny", range(3))
        for photo in photos.rglob("*.jpg"):
            Image.open(photo).save(photo.with_suffix(".png"))
            photo.unlink()
        source = tmp_path / name / "source"
        convert(photos, source, name)
        for image in sorted(path for path in source.rglob("*.png") if not is_mask(path, source, name))[:1]:
            image.write_bytes(image.read_bytes()[:end])
            assert "image-truncated" in told(source, tmp_path / name / "out")
            tried += 1
    assert tried >= 3


def with_list(root: Path) -> None:
    (root / "list.txt").write_text("images/train/00000.jpg\nimages/train/00001.jpg\n", encoding="utf-8")
    (root / "data.yaml").write_text("train: list.txt\nnames: [cat, dog]\n", encoding="utf-8")


def with_corners(root: Path) -> None:
    for path in root.glob("labels/train/*.txt"):
        path.write_text("0 0.1 0.1 0.4 0.5\n1 0.5 0.5 0.9 0.8\n", encoding="utf-8")


def with_sizes(root: Path) -> None:
    for path in root.glob("Annotations/*.xml"):
        text = re.sub(r"<xmin>.*?</ymax>", corners_as_sizes, path.read_text("utf-8"), flags=re.DOTALL)
        path.write_text(text, encoding="utf-8")


def corners_as_sizes(box: re.Match[str]) -> str:
    tags = ("xmin", "ymin", "xmax", "ymax")
    x0, y0, x1, y1 = (int(number) for number in re.findall(r"\d+", box[0]))
    return "".join(f"<{tag}>{value}</{tag}>" for tag, value in zip(tags, (x0, y0, x1 - x0, y1 - y0), strict=True))


def with_lists_of_another_task(root: Path) -> None:
    (root / "ImageSets" / "Main").rename(root / "ImageSets" / "Segmentation")


def without_annotations(root: Path) -> None:
    for path in root.glob("annotations/*.json"):
        content = json.loads(path.read_text("utf-8"))
        del content["annotations"]
        path.write_text(json.dumps(content), encoding="utf-8")


def with_percent_codes(root: Path) -> None:
    (root / "images" / "train" / "00001.jpg").rename(root / "images" / "train" / "%30%30001.jpg")


@pytest.mark.parametrize(
    ("name", "change", "code"),
    [
        ("yolo", with_list, "image-aside"),
        ("yolo", with_corners, "convention-suspected"),
        ("voc", with_sizes, "convention-suspected"),
        ("voc", with_lists_of_another_task, "record-repaired"),
        ("coco", without_annotations, "record-unreadable"),
        ("yolo", with_percent_codes, "name-differs"),
    ],
)
def test_what_is_wrong_with_a_source_is_told_alike(
    tmp_path: Path, name: str, change: Callable[[Path], None], code: str
) -> None:
    convert(tiny(tmp_path / "tiny", range(3)), tmp_path / "source", name, sidecar=False)
    change(tmp_path / "source")
    assert code in told(tmp_path / "source", tmp_path / "out")


def test_all_of_it_is_json(tmp_path: Path) -> None:
    seen = inspect(open_source(faulty(tmp_path / "source")))
    content = json.loads(seen.encoded())
    assert content["faults"] == seen.faults > 0
    assert [one["code"] for one in content["findings"]] == [one.code for one in seen.findings]
    assert content["splits"] == [
        {"split": split, "images": 3, "unlabelled": 0, "objects": 4} for split in ("train", "val")
    ]
    assert content["classes"] == [{"name": "cat", "objects": {"train": 4, "val": 4}}]
