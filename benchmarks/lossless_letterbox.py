"""What a letterbox of unscaled JPEGs costs in time, bytes and quality: padded without loss, and decoded and encoded.

``python benchmarks/lossless_letterbox.py FOLDER SIDE`` takes the JPEGs below FOLDER that are as long as SIDE, pads each
to SIDE x SIDE in both ways, and prints the milliseconds of processor time an image (jpegtran included), the bytes
written for each byte read, and how far the photo in the output is from the source: the mean of all values, and the
largest.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.plan import Plan
from bboxprep.images.codecs import codec, lossless
from bboxprep.images.header import read_header
from bboxprep.images.raster.execute import execute
from bboxprep.model.header import Header
from bboxprep.recipe.geometric import Letterbox
from bboxprep.recipe.recipe import Recipe

PAD = 114


def padded(path: Path, header: Header, plan: Plan) -> bytes | None:
    """The photo at `path` padded without loss; None where that cannot be had."""
    done = lossless.padded(path, path.read_bytes(), header, plan, PAD, strip=False)
    return done[0] if done else None


def encoded(path: Path, header: Header, plan: Plan) -> bytes:
    """The photo at `path` decoded, padded, and encoded with the default quality."""
    data = path.read_bytes()
    pixels = codec.decode(path, header, data=data, order="BGR").pixels
    canvas = execute(plan, pixels, kernel="auto", pad=PAD)
    return codec.encode(canvas, path, header, data=data, order="BGR")[0]


def photos(folder: Path, side: int) -> list[tuple[Path, Header, Plan]]:
    """The JPEGs of untagged photos that a letterbox of `side` does not scale, with their plans."""
    found = []
    for path in sorted(folder.rglob("*.jpg")):
        header = read_header(path)
        if max(header.size) == side and header.orientation == 1 and header.size != Size(side, side):
            found.append((path, header, Recipe(Letterbox(side)).plan(header.size, Dihedral())))
    return found


def main(folder: Path, side: int) -> None:
    """Print a line for each way."""
    all_photos = photos(folder, side)
    able = [photo for photo in all_photos if padded(*photo)]
    print(f"{len(able)} of {len(all_photos)} photos can be padded without loss")
    if not able:
        return
    ways: dict[str, Callable[[Path, Header, Plan], bytes | None]] = {"without loss": padded, "encoded": encoded}
    for name, way in ways.items():
        begin = sum(os.times()[:4])
        results = [way(*photo) or b"" for photo in able]
        spent = (sum(os.times()[:4]) - begin) / len(able) * 1e3
        growth = sum(map(len, results)) / sum(path.stat().st_size for path, _, _ in able)
        errors = [difference(photo, result) for photo, result in zip(able, results, strict=True)]
        mean, worst = float(np.mean([mean for mean, _ in errors])), max(worst for _, worst in errors)
        print(
            f"{name:>12}: {spent:.1f} ms an image, {growth:.2f} bytes a byte, off by {mean:.4f} levels, at most {worst}"
        )


def difference(photo: tuple[Path, Header, Plan], result: bytes) -> tuple[float, int]:
    """How far the photo in the JPEG `result` is from the source, levels: the mean and the largest."""
    path, _, plan = photo
    x0, y0, x1, y1 = map(int, plan.seen)
    off = np.abs(decoded(path.read_bytes()) - decoded(result)[y0:y1, x0:x1])
    return float(off.mean()), int(off.max())


def decoded(data: bytes) -> NDArray[np.int16]:
    """The pixels of a JPEG, as Pillow decodes it."""
    with Image.open(BytesIO(data)) as image:
        return np.asarray(image, dtype=np.int16)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
