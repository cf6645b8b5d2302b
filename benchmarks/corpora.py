"""Corpora of photos with COCO labels, the same bytes every time on the same data.

``python benchmarks/corpora.py DEST [--data ../shared/data] [--photos 2000] [--phones 120] [--only NAME]`` makes

- ``coco``: COCO's sizes, of which nine in ten have a long side of exactly 640, some 0.1 MB each;
- ``other``: as large, but none with a long side of 640, so that a letterbox of 640 resamples every one;
- ``phone``: 4032x3024, some 2.5 MB, the EXIF orientations 1, 6, 8 and 3 in turn, labels in the displayed plane.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from documents import SIZES, Extent, Images, write_document
from numpy.typing import NDArray
from photos import Photos, Size, find_photos, jpeg

NAMES = ("coco", "other", "phone")
DATA = Path(__file__).parents[2] / "shared" / "data"
OTHERS: dict[Size, float] = {
    (500, 375): 0.2,
    (375, 500): 0.1,
    (500, 333): 0.1,
    (600, 450): 0.15,
    (450, 600): 0.05,
    (612, 612): 0.05,
    (683, 512): 0.15,
    (700, 467): 0.1,
    (467, 700): 0.05,
    (720, 405): 0.05,
}
PHONE: Size = (4032, 3024)
TURNS = (1, 6, 8, 3)
BYTES_A_PIXEL = {"coco": 0.38, "other": 0.38, "phone": 0.185}
OBJECTS = 7.3  # an image


def make(dest: Path, name: str, count: int, photos: Photos) -> None:
    """One corpus as a COCO dataset: `train/*.jpg`, `annotations/instances_train.json`."""
    (dest / "train").mkdir(parents=True)
    random = np.random.default_rng([7, NAMES.index(name)])
    stored, turns = _shapes(name, count, random)
    for number, (size, turn) in enumerate(zip(stored, turns, strict=True), start=1):
        path = dest / "train" / f"{number:012d}.jpg"
        path.write_bytes(_file(photos, size, turn, BYTES_A_PIXEL[name], np.random.default_rng([11, number])))
    shown = [size[::-1] if turn > 4 else size for size, turn in zip(stored, turns, strict=True)]
    extent = Extent(count, round(count * OBJECTS))
    owners = np.sort(random.integers(count, size=extent.objects)).astype(np.int32)
    images = Images(np.arange(1, count + 1), np.array(shown, np.int32), owners)
    write_document(dest / "annotations" / "instances_train.json", images, extent)


def _shapes(name: str, count: int, random: np.random.Generator) -> tuple[list[Size], Sequence[int]]:
    """The stored size and the orientation of each photo."""
    if name == "phone":
        return [PHONE] * count, [TURNS[number % len(TURNS)] for number in range(count)]
    shares = SIZES if name == "coco" else OTHERS
    rows: NDArray[np.int64] = random.choice(len(shares), count, p=list(shares.values()))
    sizes = list(shares)
    return [sizes[row] for row in rows], [1] * count


def _file(photos: Photos, size: Size, turn: int, bytes_a_pixel: float, random: np.random.Generator) -> bytes:
    least = bytes_a_pixel * size[0] * size[1] * random.uniform(0.7, 1.1)
    return jpeg(photos, photos.draw(size, random), least, random, turn)


def main() -> None:
    """Make the corpora that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dest", type=Path)
    parser.add_argument("--data", type=Path, default=DATA, help="public datasets to cut photos from")
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--phones", type=int, default=120)
    parser.add_argument("--only", choices=NAMES, action="append")
    arguments = parser.parse_args()
    for name in arguments.only or NAMES:
        large = name == "phone"
        photos = find_photos(arguments.data, PHONE if large else (1280, 960))
        part = arguments.dest / f"{name}.part"  # a corpus of the right name is a whole one
        shutil.rmtree(part, ignore_errors=True)
        make(part, name, arguments.phones if large else arguments.photos, photos)
        part.rename(arguments.dest / name)
        files = [path.stat().st_size for path in (arguments.dest / name / "train").iterdir()]
        print(f"{arguments.dest / name}: {len(files)} images of {np.mean(files) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
