"""Numbers in another unit or convention are one fault for the dataset, whose option reads them as they were meant."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
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
from bboxprep.findings import Finding
from bboxprep.model.conventions import _exchanged, exchanged_corners
from bboxprep.model.sample import EMPTY_SAMPLE
from bboxprep.pipeline.api import convert
from bboxprep.pipeline.source.open import open_source
from tests.tiny import tiny

SIZE = (64, 48)
BOXES = [(10 + 5 * n, 4 + 3 * n, 28 + 5 * n, 16 + 3 * n) for n in range(8)]  # x0 y0 x1 y1, px


def written(root: Path, name: str, style: str, boxes: Sequence[tuple[float, ...]] = BOXES) -> Path:
    """A dataset in the format `name` of one image with `boxes`, whose numbers are of the given `style`."""
    root.mkdir()
    Image.new("RGB", SIZE).save(root / "a.jpg")
    if name == "coco":
        images = [{"id": 1, "file_name": "a.jpg", "width": SIZE[0], "height": SIZE[1]}]
        objects = [
            {"id": n, "image_id": 1, "category_id": 1, "bbox": list(numbers), "area": 1, "iscrowd": 0}
            for n, numbers in enumerate(coco_numbers(style, boxes), 1)
        ]
        content = {"images": images, "annotations": objects, "categories": [{"id": 1, "name": "cat"}]}
        (root / "a.json").write_text(json.dumps(content), encoding="utf-8")
    elif name == "voc":
        scale = (*SIZE, *SIZE) if style == "fractions" else (1, 1, 1, 1)
        corners = [[edge / side for edge, side in zip(box, scale, strict=True)] for box in boxes]
        if style == "xywh-for-xyxy":
            corners = [[x0, y0, x1 - x0, y1 - y0] for x0, y0, x1, y1 in corners]
        tags = ("xmin", "ymin", "xmax", "ymax")
        objects_ = "".join(
            f"<object><name>cat</name><bndbox>{''.join(f'<{t}>{v}</{t}>' for t, v in zip(tags, box, strict=True))}"
            "</bndbox></object>"
            for box in corners
        )
        size = f"<size><width>{SIZE[0]}</width><height>{SIZE[1]}</height></size>"
        (root / "a.xml").write_text(f"<annotation>{size}{objects_}</annotation>", encoding="utf-8")
    elif name == "csv":
        rows_ = ["filename,width,height,class,xmin,ymin,xmax,ymax"]
        for x0, y0, x1, y1 in boxes:
            numbers = (x0, y0, x1 - x0, y1 - y0) if style == "xywh-for-xyxy" else (x0, y0, x1, y1)
            sides = (*SIZE, *SIZE) if style == "fractions" else (1, 1, 1, 1)
            edges = ",".join(str(number / side) for number, side in zip(numbers, sides, strict=True))
            rows_.append(f"a.jpg,{SIZE[0]},{SIZE[1]},cat,{edges}")
        (root / "a.csv").write_text("\n".join(rows_), encoding="utf-8")
    else:
        first = int(style == "from-one")
        width, height = (1, 1) if style == "pixels" else SIZE
        rows = [
            (x0, y0, x1, y1) if style == "xyxy-for-cxcywh" else ((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0)
            for x0, y0, x1, y1 in boxes
        ]
        lines = [
            f"{first + n % 2} {x / width} {y / height} {w / width} {h / height}" for n, (x, y, w, h) in enumerate(rows)
        ]
        (root / "a.txt").write_text("\n".join(lines), encoding="utf-8")
        (root / "classes.txt").write_text("cat\ndog\n", encoding="utf-8")
    return root


def coco_numbers(style: str, boxes: Sequence[tuple[float, ...]]) -> Iterator[tuple[float, ...]]:
    for x0, y0, x1, y1 in boxes:
        if style == "xyxy-for-xywh":
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


@pytest.mark.parametrize("name", formats.written())
def test_what_a_format_writes_is_not_suspected(tmp_path: Path, name: str) -> None:
    convert(tiny(tmp_path / "tiny", range(4)), tmp_path / "out", name)
    assert not suspected(tmp_path / "out", name, {})


SIDE = st.tuples(st.integers(0, 40), st.integers(1, 7)).map(lambda pair: (pair[0], sum(pair)))
LARGE = st.tuples(st.integers(0, 8), st.integers(40, 48))


@pytest.mark.parametrize("name", ["coco", "voc", "yolo"])
@settings(max_examples=30, deadline=None)
@given(boxes=st.lists(st.tuples(SIDE, SIDE), min_size=4) | st.lists(st.tuples(LARGE, LARGE), min_size=4))
def test_boxes_on_whole_pixels_inside_their_image_are_never_suspected(
    tmp_path_factory: pytest.TempPathFactory, name: str, boxes: list[tuple[tuple[int, int], tuple[int, int]]]
) -> None:
    root = tmp_path_factory.mktemp("honest") / "set"
    written(root, name, "", [(x0, y0, x1, y1) for (x0, x1), (y0, y1) in boxes])
    assert not suspected(root, name, {})


@pytest.mark.parametrize(
    ("boxes", "style"),
    [
        ([(x, y, x + 12, y + 9) for x in (2, 14, 26, 38, 50) for y in (3, 15, 27, 38)], "spread"),
        ([(x, y, x + 6, y + 5) for x in (40, 45, 50, 56) for y in (30, 36, 42)], "lower right"),
        ([(x, y, x + 30, y + 22) for x in (0, 10, 20, 34) for y in (0, 8, 16, 26)], "large"),
    ],
)
@pytest.mark.parametrize(
    ("name", "wrong"), [("yolo", "xyxy-for-cxcywh"), ("voc", "xywh-for-xyxy"), ("coco", "xyxy-for-xywh")]
)
def test_boxes_of_another_style_are_suspected_wherever_objects_lie(
    tmp_path: Path, name: str, wrong: str, boxes: list[tuple[float, ...]], style: str
) -> None:
    (message,) = suspected(written(tmp_path / style, name, wrong, boxes), name, {})
    assert dict(formats.load(name).conventions)[wrong] in message


@pytest.mark.parametrize(("style", "count"), [("xyxy-for-xywh", 1), ("", 0)])
def test_areas_that_are_stated_prove_corners_that_stay_inside(tmp_path: Path, style: str, count: int) -> None:
    boxes = [(x, y, x + 6, y + 5) for x in (2, 6, 10, 14) for y in (2, 5, 8)]  # twice their corner is inside
    path = written(tmp_path / "set", "coco", style, boxes) / "a.json"
    assert not suspected(path.parent, "coco", {})
    content = json.loads(path.read_text(encoding="utf-8"))
    for number, one in enumerate(content["annotations"]):
        one["area"] = 30 if number else 29.9
    path.write_text(json.dumps(content), encoding="utf-8")
    found = suspected(path.parent, "coco", {})
    assert len(found) == count
    assert all("12 of 12 boxes have the area between two corners" in message for message in found)


@pytest.mark.parametrize("name", ["voc", "yolo", "coco"])
def test_a_few_boxes_that_are_wrong_are_no_convention(tmp_path: Path, name: str) -> None:
    sound = [(2 + 5 * n, 3 + 3 * n, 12 + 5 * n, 9 + 3 * n) for n in range(9)]
    turned = [(x1, y1, x0, y0) for x0, y0, x1, y1 in sound[:1]] if name == "voc" else [(50, 40, 80, 60)]
    assert not suspected(written(tmp_path / "set", name, "", [*sound, *turned]), name, {})


def test_boxes_that_begin_at_their_far_corner_are_no_sizes(tmp_path: Path) -> None:
    backwards = [(x1, y1, x0, y0) for x0, y0, x1, y1 in BOXES]
    assert not suspected(written(tmp_path / "set", "voc", "", backwards), "voc", {})


def test_corners_in_pixels_are_told_step_by_step(tmp_path: Path) -> None:
    root = written(tmp_path / "set", "yolo", "")
    rows = [f"0 {x0} {y0} {x1} {y1}" for x0, y0, x1, y1 in BOXES]
    (root / "a.txt").write_text("\n".join(rows), encoding="utf-8")
    (first,) = suspected(root, "yolo", {})
    assert "`units='pixels'`" in first
    (second,) = suspected(root, "yolo", {"units": "pixels"})
    assert "`box_style='xyxy'`" in second
    options = {"units": "pixels", "box_style": "xyxy"}
    assert not suspected(root, "yolo", options)
    (sample,) = open_source(root, "yolo", options=lambda _: options).dataset
    assert sample.instances.boxes.tolist() == [list(map(float, box)) for box in BOXES]


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_reader_says_how_many_corners_it_exchanged_and_that_is_counted(boxes: int, objects: int) -> None:
    finding = Finding("record-repaired", exchanged_corners(boxes, objects))
    assert list(_exchanged(EMPTY_SAMPLE.with_findings(finding))) == [boxes]


@pytest.mark.parametrize(("numbers", "count"), [((0, 1, 2), 1), ((1, 2, 3), 0), ((0, 1, 3), 0)])
def test_names_that_begin_at_1_and_numbers_that_begin_at_0_are_told(
    tmp_path: Path, numbers: tuple[int, ...], count: int
) -> None:
    Image.new("RGB", SIZE).save(tmp_path / "a.jpg")
    (tmp_path / "a.txt").write_text("".join(f"{number} 0.5 0.5 0.2 0.2\n" for number in numbers), encoding="utf-8")
    (tmp_path / "data.yaml").write_text("train: .\nnames: {1: cat, 2: dog, 3: hen}\n", encoding="utf-8")
    found = suspected(tmp_path, "yolo", {})
    assert len(found) == count
    assert all("none is of class 3 ('hen')" in message and "`classes`" in message for message in found)
