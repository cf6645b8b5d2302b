"""Painted photos for the tests of frames, and datasets of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.shapes import map_boxes
from bboxprep.testing.painting import UNTURN

UNIT = Size(1, 1)
Scene = tuple[Image.Image, NDArray[np.float64]]  # an upright picture and its boxes as fractions of it


def scenes(count: int, seed: int = 0) -> Iterator[Scene]:
    """Pictures of one speckled thing on a cloudy ground, off the middle."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        cloud = Image.fromarray(random.integers(60, 200, (3, 4, 3), dtype=np.uint8)).resize((120, 90))
        wide, high = (int(length) for length in random.integers(18, 36, 2))
        x, y = int(random.integers(4, 30)), int(random.integers(4, 20))
        speckles = random.integers(0, 256, (high, wide, 3), dtype=np.uint8)
        cloud.paste(Image.fromarray(speckles), (x, y))
        yield cloud, np.array([[x - 1.37, y - 1.21, x + wide + 1.13, y + high + 1.29]]) / (120, 90, 120, 90)


def write_yolo(root: Path, frame: str, photos: Iterable[tuple[int, Scene]]) -> Path:
    """A YOLO dataset of `photos`, each stored so that its EXIF code turns it upright, its labels drawn in `frame`."""
    images, labels = root / "images" / "train", root / "labels" / "train"
    images.mkdir(parents=True)
    labels.mkdir(parents=True)
    (root / "data.yaml").write_text("train: images/train\nnames: [thing]\n", encoding="utf-8")
    for number, (code, (upright, boxes)) in enumerate(photos):
        exif = Image.Exif()
        exif[0x0112] = code
        turn = UNTURN[code]
        (upright if turn is None else upright.transpose(turn)).save(images / f"{number:03}.jpg", exif=exif, quality=90)
        if frame == "stored":
            boxes = map_boxes((~Dihedral.from_exif(code)).affine(UNIT), boxes)
        rows = (f"0 {(a + c) / 2:.4f} {(b + d) / 2:.4f} {c - a:.4f} {d - b:.4f}\n" for a, b, c, d in boxes)
        (labels / f"{number:03}.txt").write_text("".join(rows), encoding="utf-8")
    return root


def turned(pixels: NDArray[np.uint8], turn: Dihedral) -> NDArray[np.uint8]:
    """The picture after `turn`, by means of its own."""
    if turn.swap:
        pixels = np.swapaxes(pixels, 0, 1)
    pixels = pixels[:, ::-1] if turn.mirror_x else pixels
    return np.ascontiguousarray(pixels[::-1] if turn.mirror_y else pixels)


def two_things(count: int, seed: int = 0) -> Iterator[Scene]:
    """Pictures of two striped things at mirrored places. The lower half of either is dark, and only the one whose
    stripes lie is labelled: a mirrored box lies on the other, which differs from its surroundings as much.
    """
    random = np.random.default_rng(seed)
    for _ in range(count):
        picture = Image.fromarray(random.integers(60, 200, (3, 4, 3), dtype=np.uint8)).resize((96, 72))
        side, x, y = int(random.integers(18, 26)), int(random.integers(4, 16)), int(random.integers(4, 26))
        stripes = np.repeat(np.arange(side) // 3 % 2 * 200, side).reshape(side, side).astype(np.uint8)
        left = bool(random.integers(2))
        thing, other = (Image.fromarray(each).convert("RGB") for each in (stripes, stripes.T))
        picture.paste(thing if left else other, (x, y))
        picture.paste(other if left else thing, (96 - x - side, y))
        start = x if left else 96 - x - side
        yield picture, np.array([[start - 1, y - 1, start + side + 1, y + side + 1]]) / (96, 72, 96, 72)
