"""Checks of pixels: the label is on the painted rectangle, and the recorded map gives the source of each pixel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bboxprep.frames.resolve import LabelsIn
from bboxprep.geometry.affine import Affine, Size
from bboxprep.recipe.crops import Crop
from bboxprep.recipe.geometric import Fill, Fit, Flip, Letterbox, Resize
from bboxprep.recipe.recipe import Recipe
from bboxprep.testing.check import expect, expect_that
from bboxprep.testing.example import FormatExample, LabelledDataset, LabelledImage
from bboxprep.testing.painting import PATCH, bright_box, displayed, encoded, painted_dataset
from bboxprep.testing.runs import converted, declared, painted, rows_of, step_edges

LOSSLESS, LOSSY = 0.52, 1.0  # px between a written edge and the painted one
SIZE, BOX = (62, 47), (14.0, 11.0, 33.0, 37.0)
RECIPES = {
    "plain": Recipe(),
    "not turned upright": Recipe(upright=False),
    "letterbox": Recipe(Letterbox((53, 71))),
    "resize": Recipe(Resize((80, 40))),
    "fit": Recipe(Fit((90, 90))),
    "fill": Recipe(Fill((45, 41))),
    "crop": Recipe(Crop(5, 4, 30, 30)),
    "flip": Recipe(Flip("horizontal")),
    "flip and letterbox": Recipe(Flip("vertical"), Letterbox((53, 71))),
}
_FEW = ("plain", "not turned upright", "flip and letterbox")  # for the first of two frames
_GAIN = 5  # gray levels of a ramp per px
_RAMP = 0.1 + 0.5 / _GAIN  # source px: the tolerance of the law, and half a gray level
_INNER = 2.5  # source px from the edge, beyond the reach of any kernel


def check_paint(example: FormatExample, folder: Path) -> None:
    """The label is on the painted rectangle: all orientations, containers and frames of labels, each geometric step."""
    plane = declared(example).plane
    both: tuple[LabelsIn, ...] = ("stored", "displayed")
    frames = [frame for frame in both if plane in (None, frame)]
    for frame in frames:
        root = painted(example, folder / frame, painted_dataset(frame, SIZE, BOX))
        for name in RECIPES if frame == frames[-1] else _FEW:
            out = folder / f"{frame}-{name.replace(' ', '-')}"
            converted(example, root, out, RECIPES[name], labels_in=frame)
            _check_edges(f"labels in the {frame} plane, {name}", example, out)
    root, out = folder / frames[0], folder / "coarse"
    converted(example, root, out, RECIPES["letterbox"], labels_in=frames[0], finest=False)
    _check_edges("with the writer's default options", example, out, finest=False)


def _check_edges(case: str, example: FormatExample, out: Path, *, finest: bool = True) -> None:
    images = example.read(out).images
    expect(f"{case}: number of images", len(images), 32)
    for image in images:
        expect(f"{case}: {image.place}: number of objects", len(image.boxes), 1)
        found = bright_box(displayed(image.data))
        off = float(np.abs(np.subtract(found, image.boxes[0])).max())
        most = LOSSY if PurePosixPath(image.place).suffix == ".jpg" else LOSSLESS
        most += step_edges(example, image.size, finest=finest)
        have = f"{case}: {image.place}: box {image.boxes[0].tolist()}, {off:.3g} px off the painted {found}"
        expect_that(off <= most, have, f"at most {most:.3g} px")


def check_ramp(example: FormatExample, folder: Path) -> None:
    """Each pixel of a ramp encodes its place; the inverse of the recorded map gives it, and the map gives the box."""
    x, y = np.meshgrid(np.arange(48), np.arange(32))
    pixels = np.dstack([x * _GAIN, y * _GAIN, np.zeros_like(x)]).astype(np.uint8)
    box = np.array([[10.25, 6.5, 40.0, 27.125]])
    image = LabelledImage("train", "ramp.png", encoded(Image.fromarray(pixels), "png"), Size(48, 32), box, (PATCH,))
    root = painted(example, folder / "in", LabelledDataset((PATCH,), (image, replace(image, name="twin.png"))))
    for number, recipe in enumerate((RECIPES["flip and letterbox"], RECIPES["crop"], Recipe(Resize((31, 57))))):
        out = folder / str(number)
        converted(example, root, out, recipe)
        maps = {row["output"]: Affine(*row["affine"]) for row in rows_of(out)}
        for found in example.read(out).images:
            affine = maps[found.place]
            off = _ramp_error(displayed(found.data), affine)
            expect_that(off <= _RAMP, f"{found.place}: a pixel {off:.3g} px off its place", f"at most {_RAMP} px")
            wanted = _clipped(affine(box.reshape(2, 2)), found.size)
            off = float(np.abs(found.boxes - wanted).max())
            most = step_edges(example, found.size) + 1e-6
            have = f"{found.place}: box {found.boxes.tolist()}, {off:.3g} px off {wanted.tolist()} by the recorded map"
            expect_that(off <= most, have, f"at most {most:.3g} px")


def _clipped(corners: NDArray[np.float64], size: Size) -> NDArray[np.float64]:
    """The box (4,) around the mapped `corners` (2, 2), clipped to an image of `size`."""
    box = np.concatenate((corners.min(axis=0), corners.max(axis=0)))
    return np.asarray(np.clip(box, 0.0, np.array([*size, *size])), dtype=np.float64)


def _ramp_error(pixels: NDArray[np.uint8], affine: Affine) -> float:
    """The largest distance, source px, between the place a pixel encodes and the inverse of `affine`."""
    rows, columns = np.indices(pixels.shape[:2])
    centres = np.stack([columns.ravel() + 0.5, rows.ravel() + 0.5], axis=1)
    places = (~affine)(centres)
    inner = np.all((places > _INNER) & (places < np.array([48, 32]) - _INNER), axis=1)
    held = pixels.reshape(-1, 3)[:, :2] / _GAIN + 0.5
    expect_that(inner.any(), "no pixel of the source in the output", "some")
    return float(np.abs(held - places)[inner].max())
