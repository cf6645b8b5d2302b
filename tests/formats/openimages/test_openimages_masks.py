"""The masks of Open Images: PNGs in other sizes than the image, the objects they belong to, and what is told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image

import bboxprep
from bboxprep import Dataset

BOXES = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax\n"
MASKS = "MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax,PredictedIoU,Clicks\n"
BOX = "a,xclick,/m/01,1,0.25,0.75,0.5,1\n"
MASK = "m.png,a,/m/01,77,0.250001,0.75,0.5,1,0.9,\n"
SIZE = (40, 20)
Pngs = Mapping[str, Image.Image]


def drawn(size: tuple[int, int] = (8, 4)) -> Image.Image:
    """The mask of the box of `BOX`."""
    width, height = size
    pixels = np.zeros((height, width), dtype=np.bool_)
    pixels[height // 2 :, width // 4 : width * 3 // 4] = True
    return Image.fromarray(pixels)


def grown(root: Path, boxes: str = BOX, masks: str = MASK, orientation: int = 1, pngs: Pngs | None = None) -> Path:
    """A data set at `root` with a photo stored in `SIZE`, and these PNGs."""
    for folder in ("annotations", "images/train", "masks/train"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[274] = orientation
    Image.new("RGB", SIZE, (40, 90, 120)).save(root / "images/train/a.jpg", exif=exif)
    (root / "annotations/class-descriptions.csv").write_text("/m/01,Cat\n/m/02,Dog\n")
    if boxes:
        (root / "annotations/train-annotations-bbox.csv").write_text(BOXES + boxes)
    (root / "annotations/train-annotations-object-segmentation.csv").write_text(MASKS + masks)
    for name, image in (pngs or {"m": drawn()}).items():
        image.save(root / f"masks/train/{name}.png")
    return root


def told(dataset: Dataset) -> list[str]:
    return [one.code for one in (*dataset.findings, *(one for sample in dataset for one in sample.findings))]


@pytest.mark.parametrize("size", [(8, 4), (40, 20), (160, 60)])
def test_a_mask_of_any_size_is_made_as_large_as_the_image(tmp_path: Path, size: tuple[int, int]) -> None:
    (sample,) = dataset = bboxprep.read(grown(tmp_path, pngs={"m": drawn(size)}))
    (mask,) = sample.instances.masks
    assert mask is not None
    assert (mask.size, mask.bounds.tolist(), mask.area) == (SIZE, [10, 10, 30, 20], 200)
    assert (sample.source_count, told(dataset)) == (1, [])
    assert sample.instances.attributes == ({"Source": "xclick"},)


@pytest.mark.parametrize("plane", ["stored", "displayed"])
def test_a_mask_lies_on_its_box_in_either_plane_of_a_turned_photo(
    tmp_path: Path, plane: Literal["stored", "displayed"]
) -> None:
    (sample,) = bboxprep.read(grown(tmp_path / "in", orientation=6), labels_in=plane)
    (mask,) = sample.instances.masks
    assert mask is not None
    assert mask.size == sample.size
    assert mask.bounds.tolist() == sample.boxes[0].tolist()
    bboxprep.convert(tmp_path / "in", tmp_path / "out", "coco", labels_in=plane)
    assert bboxprep.verify(tmp_path / "out", tmp_path / "in").holds


def test_a_rotation_that_is_applied_turns_masks(tmp_path: Path) -> None:
    root = grown(tmp_path / "in")
    (root / "annotations/train-images-with-rotation.csv").write_text("ImageID,Subset,Rotation\na,train,90\n")
    bboxprep.write(bboxprep.read(root, apply_rotation=True), tmp_path / "out", "coco")
    (sample,) = bboxprep.read(tmp_path / "out")
    (mask,) = sample.instances.masks
    assert mask is not None
    assert (mask.size, mask.bounds.tolist()) == ((20, 40), sample.boxes[0].tolist())
    assert bboxprep.verify(tmp_path / "out", root).holds


@pytest.mark.parametrize("boxes", ["", BOX.replace("/m/01", "/m/02"), BOX.replace("0.25", "0.26")])
def test_a_mask_whose_box_no_file_states_is_an_object(tmp_path: Path, boxes: str) -> None:
    (sample,) = bboxprep.read(grown(tmp_path, boxes))
    assert sample.source_count == len(sample.instances) == 1 + bool(boxes)
    assert [mask is not None for mask in sample.instances.masks] == [False] * bool(boxes) + [True]
    assert sample.class_names[-1] == "Cat"


@pytest.mark.parametrize(
    ("masks", "pngs", "code"),
    [
        (MASK, {"other": drawn()}, "file-skipped"),
        (MASK.replace("m.png", "../../secret.png"), {}, "file-skipped"),
        (MASK, {"m": Image.new("1", (8, 4))}, "mask-misfit"),
        (MASK, {"m": drawn().transpose(Image.Transpose.FLIP_TOP_BOTTOM)}, "mask-misfit"),
        (MASK.replace(",a,", ",,"), {}, "annotation-orphan"),
        (MASK.replace("0.250001", "x"), {}, "record-unreadable"),
    ],
)
def test_a_mask_that_cannot_be_used_costs_itself_alone(tmp_path: Path, masks: str, pngs: Pngs, code: str) -> None:
    drawn().save(tmp_path / "secret.png")
    (sample,) = dataset = bboxprep.read(grown(tmp_path / "in", masks=masks, pngs=pngs))
    assert (len(sample.instances), sample.instances.masks, told(dataset)) == (1, (None,), [code])


def test_a_broken_png_and_a_link_out_of_the_dataset_are_told(tmp_path: Path) -> None:
    root = grown(tmp_path / "in")
    (root / "masks/train/m.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert told(bboxprep.read(root)) == ["record-unreadable"]
    drawn().save(tmp_path / "m.png")
    (root / "masks/train/m.png").unlink()
    (root / "masks/train/m.png").symlink_to(tmp_path / "m.png")
    assert told(bboxprep.read(root)) == ["file-skipped"]


def test_a_data_set_may_be_named_from_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grown(tmp_path / "in")
    monkeypatch.chdir(tmp_path)
    (sample,) = bboxprep.read("in")
    assert sample.instances.masks != (None,)


def test_masks_come_back_from_the_sidecar_of_a_target_without_them(tmp_path: Path) -> None:
    root = grown(tmp_path / "in")
    outcome = bboxprep.convert(root, tmp_path / "out", "openimages")
    assert outcome.account.columns["masks"] == 1
    assert "column-dropped" in [one.code for one in outcome.account.findings]
    (before,), (after,) = bboxprep.read(root), bboxprep.read(tmp_path / "out")
    assert after.instances.masks == before.instances.masks
