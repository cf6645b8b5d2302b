"""Numbers in another unit or convention are one fault for the dataset, whose option reads them as they were meant."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bboxprep import formats
from bboxprep.cli import commands
from bboxprep.cli.flag_names import with_flags
from bboxprep.pipeline.api import convert
from bboxprep.pipeline.source.open import open_source
from tests.tiny import tiny

SIZE = (64, 48)
BOXES = [(10 + 5 * n, 4 + 3 * n, 28 + 5 * n, 16 + 3 * n) for n in range(8)]  # x0 y0 x1 y1, px


def written(root: Path, name: str, style: str) -> Path:
    """A dataset in the format `name` whose numbers are of the given `style`."""
    root.mkdir()
    Image.new("RGB", SIZE).save(root / "a.jpg")
    if name == "coco":
        images = [{"id": 1, "file_name": "a.jpg", "width": SIZE[0], "height": SIZE[1]}]
        objects = [
            {"id": n, "image_id": 1, "category_id": 1, "bbox": list(numbers), "area": 1, "iscrowd": 0}
            for n, numbers in enumerate(coco_numbers(style), 1)
        ]
        content = {"images": images, "annotations": objects, "categories": [{"id": 1, "name": "cat"}]}
        (root / "a.json").write_text(json.dumps(content), encoding="utf-8")
    elif name == "voc":
        scale = (*SIZE, *SIZE) if style == "fractions" else (1, 1, 1, 1)
        corners = [[edge / side for edge, side in zip(box, scale, strict=True)] for box in BOXES]
        tags = ("xmin", "ymin", "xmax", "ymax")
        objects_ = "".join(
            f"<object><name>cat</name><bndbox>{''.join(f'<{t}>{v}</{t}>' for t, v in zip(tags, box, strict=True))}"
            "</bndbox></object>"
            for box in corners
        )
        size = f"<size><width>{SIZE[0]}</width><height>{SIZE[1]}</height></size>"
        (root / "a.xml").write_text(f"<annotation>{size}{objects_}</annotation>", encoding="utf-8")
    else:
        first = int(style == "from-one")
        sides = (1, 1) if style == "pixels" else SIZE
        rows = [
            f"{first + n % 2} {(x0 + x1) / 2 / sides[0]} {(y0 + y1) / 2 / sides[1]} {(x1 - x0) / sides[0]} "
            f"{(y1 - y0) / sides[1]}"
            for n, (x0, y0, x1, y1) in enumerate(BOXES)
        ]
        (root / "a.txt").write_text("\n".join(rows), encoding="utf-8")
        (root / "classes.txt").write_text("cat\ndog\n", encoding="utf-8")
    return root


def coco_numbers(style: str) -> Iterator[tuple[float, ...]]:
    for x0, y0, x1, y1 in BOXES:
        if style == "xyxy":
            yield (x0, y0, x1, y1)
        elif style == "fractions":
            yield (x0 / SIZE[0], y0 / SIZE[1], (x1 - x0) / SIZE[0], (y1 - y0) / SIZE[1])
        else:
            yield (x0, y0, x1 - x0, y1 - y0)


def suspected(root: Path, name: str, options: Mapping[str, Any]) -> list[str]:
    dataset = open_source(root, name, options=lambda _: options).dataset
    return [finding.message for finding in dataset.findings if finding.code == "convention-suspected"]


DECLARED = [(name, style, cure) for name in formats.names() for style, cure in formats.load(name).conventions]


@pytest.mark.parametrize(("name", "style", "cure"), DECLARED)
def test_a_suspicion_names_the_option_and_the_option_reads_the_boxes_as_they_were_meant(
    tmp_path: Path, name: str, style: str, cure: str
) -> None:
    root = written(tmp_path / "set", name, style)
    (message,) = suspected(root, name, {})
    assert message.endswith(f"{cure} reads them so")
    assert with_flags(cure, commands).startswith("--")
    field, _, value = cure.strip("`").partition("=")
    options = {field: int(value) if value.isdigit() else value.strip("'")}
    assert not suspected(root, name, options)
    (sample,) = open_source(root, name, options=lambda _: options).dataset
    assert np.abs(sample.instances.boxes - BOXES).max() < 1e-4
    assert sample.instances.labels.tolist() == ([n % 2 for n in range(8)] if name == "yolo" else [0] * 8)


@pytest.mark.parametrize("stray", [[30, 20, 10, 10], [0.5, 0.5, 0.500001, 0.500001]])
def test_one_stray_box_hides_no_fractions(tmp_path: Path, stray: list[float]) -> None:
    path = written(tmp_path / "set", "coco", "fractions") / "a.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["annotations"][3]["bbox"] = stray
    path.write_text(json.dumps(content), encoding="utf-8")
    (message,) = suspected(path.parent, "coco", {})
    assert "fractions of the image" in message


@pytest.mark.parametrize("name", ["coco", "voc", "yolo"])
def test_numbers_as_the_format_wants_them_are_not_suspected(tmp_path: Path, name: str) -> None:
    assert not suspected(written(tmp_path / "set", name, ""), name, {})


@pytest.mark.parametrize("name", formats.names())
def test_what_a_format_writes_is_not_suspected(tmp_path: Path, name: str) -> None:
    convert(tiny(tmp_path / "tiny", range(4)), tmp_path / "out", name)
    assert not suspected(tmp_path / "out", name, {})


SIDE = st.tuples(st.integers(0, 40), st.integers(1, 7)).map(lambda pair: (pair[0], sum(pair)))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(SIDE, SIDE), min_size=4))
def test_boxes_on_whole_pixels_inside_their_image_are_never_suspected(
    tmp_path_factory: pytest.TempPathFactory, boxes: list[tuple[tuple[int, int], tuple[int, int]]]
) -> None:
    root = tmp_path_factory.mktemp("honest") / "set"
    written(root, "coco", "")
    content = json.loads((root / "a.json").read_text(encoding="utf-8"))
    content["annotations"] = [
        {"id": n, "image_id": 1, "category_id": 1, "bbox": [x0, y0, x1 - x0, y1 - y0], "area": 1, "iscrowd": 0}
        for n, ((x0, x1), (y0, y1)) in enumerate(boxes, 1)
    ]
    (root / "a.json").write_text(json.dumps(content), encoding="utf-8")
    assert not suspected(root, "coco", {})
