"""The devkit's masks, from an indexed picture to COCO's run lengths, counted by means of pycocotools."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask

import bboxprep
from bboxprep.model.dataset import Dataset
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.geometric import Letterbox
from bboxprep.recipe.recipe import Recipe
from bboxprep.testing.painting import UNTURN

DATA = Path(__file__).parents[3].parent / "shared" / "data"
SIZE = (60, 40)
VOID = 255
Rectangle = tuple[int, int, int, int]


@dataclass(frozen=True)
class Drawn:
    """An object as the XML has it, and where its mask is drawn: with which number, if at all."""

    box: Rectangle
    number: int
    mask: Rectangle | None = None
    broken: bool = False


def devkit(root: Path, objects: Sequence[Drawn], *, orientation: int = 1, size: tuple[int, int] = SIZE) -> Path:
    """A devkit tree with one photo, displayed as `SIZE`, labelled as displayed, its masks in a PNG of `size`."""
    for folder in ("Annotations", "JPEGImages", "SegmentationObject"):
        (root / folder).mkdir(parents=True)
    photo, turn, exif = Image.new("RGB", SIZE), UNTURN[orientation], Image.Exif()
    exif[274] = orientation
    (photo if turn is None else photo.transpose(turn)).save(root / "JPEGImages" / "a.jpg", exif=exif)
    elements = "".join(
        f"<object><name>{'' if drawn.broken else 'cat'}</name><bndbox><xmin>{x0 + 1}</xmin><ymin>{y0 + 1}</ymin>"
        f"<xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
        for drawn in objects
        for x0, y0, x1, y1 in [drawn.box]
    )
    (root / "Annotations" / "a.xml").write_text(
        "<annotation><source><database>The VOC2007 Database</database></source><filename>a.jpg</filename>"
        f"<size><width>{SIZE[0]}</width><height>{SIZE[1]}</height><depth>3</depth></size>{elements}</annotation>",
        encoding="utf-8",
    )
    indices = Image.fromarray(picture(objects, size))
    indices.putpalette([level for number in range(256) for level in (number, 255 - number, 7)])
    indices.save(root / "SegmentationObject" / "a.png")
    return root


def picture(objects: Sequence[Drawn], size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """The masks as ellipses in rectangles, each with a border of nobody's pixels."""
    rows, columns = np.mgrid[: size[1], : size[0]] + 0.5
    indices = np.zeros((size[1], size[0]), dtype=np.uint8)
    for drawn in objects:
        if drawn.number:
            x0, y0, x1, y1 = drawn.mask or drawn.box
            reach = ((columns - (x0 + x1) / 2) * 2 / (x1 - x0)) ** 2 + ((rows - (y0 + y1) / 2) * 2 / (y1 - y0)) ** 2
            indices[reach <= 1] = VOID
            indices[reach <= 0.8] = drawn.number
    return indices


def codes(dataset: Dataset) -> list[str]:
    return [finding.code for sample in dataset for finding in sample.findings]


def written(root: Path) -> list[dict[str, Any]]:
    text = (root / "annotations" / "instances_train.json").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = json.loads(text)["annotations"]
    return rows


def pixels_of(row: dict[str, Any]) -> NDArray[np.bool_]:
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # of numpy, over what it is handed
        return np.asarray(coco_mask.decode(row["segmentation"]), dtype=np.bool_)


CATS = (Drawn((4, 6, 24, 30), 1), Drawn((30, 10, 56, 36), 2))


@pytest.mark.parametrize("orientation", UNTURN)
def test_a_mask_lies_on_its_object_whichever_way_the_photo_is_stored(tmp_path: Path, orientation: int) -> None:
    source = open_source(devkit(tmp_path / "in", CATS, orientation=orientation), labels_in="displayed")
    assert set(codes(source.dataset)) <= {"frame-assumed"}
    convert_source(source, tmp_path / "plain", "coco", Recipe(), run_options=RunOptions())
    convert_source(source, tmp_path / "boxed", "coco", Recipe(Letterbox(120)), run_options=RunOptions())
    for number, (plain, boxed) in enumerate(zip(written(tmp_path / "plain"), written(tmp_path / "boxed"), strict=True)):
        drawn = picture(CATS) == number + 1
        assert (pixels_of(plain) == drawn).all()
        twice = np.zeros((120, 120), dtype=np.bool_)
        twice[20:100] = drawn.repeat(2, axis=0).repeat(2, axis=1)
        assert (pixels_of(boxed) == twice).all()
        x0, y0, x1, y1 = CATS[number].box
        assert plain["bbox"] == [x0, y0, x1 - x0, y1 - y0]


def test_labels_in_the_stored_plane_have_their_masks_there(tmp_path: Path) -> None:
    source = open_source(devkit(tmp_path / "in", CATS, orientation=3), labels_in="stored")
    convert_source(source, tmp_path / "out", "coco", Recipe(), run_options=RunOptions())
    for number, row in enumerate(written(tmp_path / "out"), 1):
        assert (pixels_of(row) == (picture(CATS) == number)[::-1, ::-1]).all()


def test_an_object_that_cannot_be_read_does_not_shift_the_others(tmp_path: Path) -> None:
    objects = (Drawn((0, 0, 10, 10), 1, broken=True), Drawn((20, 5, 50, 35), 2), Drawn((0, 20, 16, 40), 3))
    dataset = bboxprep.read(devkit(tmp_path / "in", objects))
    assert codes(dataset) == ["record-unreadable"]
    found = [mask.mask() for mask in dataset[0].instances.masks if mask]
    assert len(found) == 2
    assert all((mask == (picture(objects) == number)).all() for mask, number in zip(found, (2, 3), strict=True))


def test_a_mask_elsewhere_and_a_number_without_an_object_are_left_out(tmp_path: Path) -> None:
    objects = (CATS[0], Drawn((30, 10, 56, 36), 2, mask=(30, 0, 40, 8)), Drawn((40, 0, 44, 4), 0))
    root = devkit(tmp_path / "in", objects)
    stray = Image.open(root / "SegmentationObject" / "a.png")
    stray.putpixel((59, 39), 9)
    stray.save(root / "SegmentationObject" / "a.png")
    dataset = bboxprep.read(root)
    assert [mask is not None for mask in dataset[0].instances.masks] == [True, False, False]
    assert [str(finding) for finding in dataset[0].findings] == [
        "JPEGImages/a.jpg: 1 masks of a.png lie elsewhere than the boxes of their objects; left out",
        "JPEGImages/a.jpg: a.png shows objects 9, the labels have 3; left out",
    ]
    outcome = convert_source(open_source(root), tmp_path / "out", "coco", Recipe(), run_options=RunOptions())
    assert sum(outcome.account.objects_out.values()) == 3


def test_a_picture_of_another_size_or_none_at_all_costs_the_masks_only(tmp_path: Path) -> None:
    for number, spoil in enumerate(("size", "damage")):
        root = devkit(tmp_path / str(number), CATS, size=(61, 40) if spoil == "size" else SIZE)
        if spoil == "damage":
            (root / "SegmentationObject" / "a.png").write_bytes(b"nothing")
        dataset = bboxprep.read(root)
        assert codes(dataset) == ["mask-misfit" if spoil == "size" else "record-unreadable"]
        assert dataset[0].instances.masks == (None, None)
        assert len(dataset[0].instances) == 2


def test_a_target_without_masks_says_how_many_are_lost(tmp_path: Path) -> None:
    outcome = convert_source(
        open_source(devkit(tmp_path / "in", CATS)), tmp_path / "out", "yolo", Recipe(), run_options=RunOptions()
    )
    messages = [finding.message for finding in outcome.account.findings if finding.code == "column-dropped"]
    assert any("cannot hold masks (2 objects have them)" in message for message in messages)


def test_a_link_out_of_the_dataset_is_not_followed(tmp_path: Path) -> None:
    root = devkit(tmp_path / "in", CATS)
    mask = root / "SegmentationObject" / "a.png"
    mask.rename(tmp_path / "elsewhere.png")
    try:
        mask.symlink_to(tmp_path / "elsewhere.png")
    except OSError:
        pytest.skip("no symbolic links here")
    assert bboxprep.read(root)[0].instances.masks == (None, None)


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data is not here")
def test_real_masks_fit_their_boxes() -> None:
    by_name = {str(sample.name): sample for sample in bboxprep.read(DATA / "icevision" / "samples" / "voc")}
    sample = by_name["2007_000063.jpg"]
    assert not [finding for finding in sample.findings if finding.code == "mask-misfit"]
    assert all(mask is not None and mask.area > 1000 for mask in sample.instances.masks)
