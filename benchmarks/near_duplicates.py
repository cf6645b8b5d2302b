"""Prints how many copies are found to look like their picture, how many pairs of pictures are found that are none, and
what it takes of a run that decodes its images.

    python benchmarks/near_duplicates.py FOLDER... [--every 1] [--run SOURCE] [--rounds 5] [--many 100000]

All images below each FOLDER are read; files of equal bytes count once. Of each, copies are made: saved again (JPEG of
quality 50, 75 and 95, PNG, WebP of 75), half as large (by means and by two pixels), darker and brighter (0.8, 0.9, 1.1,
1.25, cut at 255), and all of that at once. A copy is found if it is a pair with its own picture among all pictures and
all copies of its kind. The pairs among the pictures are listed: look at them before you call one false. `--run`
converts SOURCE to 640 px in one process, and prints the share of time that thumbnails and pairs take. `--many` times
the search among as many thumbnails, made of parts of those that were read.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
from numpy.typing import NDArray

import bboxprep
from bboxprep import Letterbox, Recipe
from bboxprep.geometry.dihedral import IDENTITY
from bboxprep.images.near_pairs import near_pairs
from bboxprep.images.thumbnail import SIDE, thumbnail_of
from bboxprep.io.paths import IMAGE_SUFFIXES
from bboxprep.pipeline.report import account
from bboxprep.pipeline.source.near_duplicates import near_duplicates
from bboxprep.pipeline.work import image_writer

Pixels = NDArray[np.uint8]  # (H, W, 3)


def saved(suffix: str, *options: int) -> Callable[[Pixels], Pixels]:
    """Saves a picture and reads it again."""
    return lambda pixels: cv2.imdecode(cv2.imencode(suffix, pixels, options)[1], cv2.IMREAD_COLOR)


def half(kernel: int) -> Callable[[Pixels], Pixels]:
    """Makes a picture half as large."""

    def halved(pixels: Pixels) -> Pixels:
        height, width = pixels.shape[:2]
        return cv2.resize(pixels, (max(1, width // 2), max(1, height // 2)), interpolation=kernel)

    return halved


def exposed(by: float) -> Callable[[Pixels], Pixels]:
    """Makes a picture brighter or darker."""
    return lambda pixels: np.clip(pixels * by, 0, 255).round().astype(np.uint8)


JPEG, WEBP = cv2.IMWRITE_JPEG_QUALITY, cv2.IMWRITE_WEBP_QUALITY
COPIES: dict[str, Callable[[Pixels], Pixels]] = {
    **{f"JPEG of {quality}": saved(".jpg", JPEG, quality) for quality in (50, 75, 95)},
    "PNG": saved(".png"),
    "WebP of 75": saved(".webp", WEBP, 75),
    "half, means": half(cv2.INTER_AREA),
    "half, linear": half(cv2.INTER_LINEAR),
    **{f"exposure {by}": exposed(by) for by in (0.8, 0.9, 1.1, 1.25)},
    "half, JPEG of 50, exposure 0.8": lambda pixels: saved(".jpg", JPEG, 50)(
        half(cv2.INTER_AREA)(exposed(0.8)(pixels))
    ),
    "half, JPEG of 50, exposure 1.25": lambda pixels: saved(".jpg", JPEG, 50)(
        half(cv2.INTER_AREA)(exposed(1.25)(pixels))
    ),
}


def pictures(folders: list[Path], every: int) -> Iterator[tuple[Path, Pixels]]:
    """The images below `folders` that OpenCV reads, those of equal bytes once."""
    seen: set[bytes] = set()
    paths = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    for path in paths[::every]:
        data = path.read_bytes()
        digest = sha256(data).digest()
        pixels = None if digest in seen or not data else cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        seen.add(digest)
        if pixels is not None:
            yield path, np.asarray(pixels, np.uint8)


def share_of_run(source: Path, rounds: int) -> tuple[float, float]:
    """The median seconds of a run that makes thumbnails, and the share of them that thumbnails and pairs take.

    They are timed within the run: two runs after each other differ by more than that.
    """
    runs, shares = [], []
    for _ in range(rounds + 1):
        spent: list[float] = []
        with (
            tempfile.TemporaryDirectory() as out,
            patch.object(image_writer, "thumbnail_of", timed(thumbnail_of, spent)),
            patch.object(account, "near_duplicates", timed(near_duplicates, spent)),
        ):
            start = perf_counter()
            bboxprep.convert(source, Path(out) / "out", "yolo", Recipe(Letterbox(640)), quality=95)
            runs.append(perf_counter() - start)
            shares.append(sum(spent) / runs[-1])
    return median(runs[1:]), median(shares[1:])  # the first one warms up


def timed(function: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    """`function`, which adds the seconds of each call to `spent`."""

    def wrapped(*given: Any) -> Any:
        start = perf_counter()
        found = function(*given)
        spent.append(perf_counter() - start)
        return found

    return wrapped


def many(known: list[bytes], count: int) -> list[bytes]:
    """So many thumbnails of pictures that do not exist: parts of two known ones on each other."""
    random = np.random.default_rng(0)
    base = [cv2.resize(np.frombuffer(one, np.uint8).reshape(SIDE, SIDE), (40, 40)) for one in known if one]
    made = []
    for _ in range(count):
        one, other = (base[number] for number in random.integers(0, len(base), 2))
        parts = [
            image[y : y + SIDE, x : x + SIDE]
            for image, (x, y) in zip((one, other), random.integers(0, 24, (2, 2)), strict=True)
        ]
        made.append((parts[0] * 0.6 + parts[1][::-1] * 0.4).astype(np.uint8).tobytes())
    return made


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--many", type=int, default=100_000)
    given = parser.parse_args()
    paths, thumbnails, copies = [], [], {kind: [] for kind in COPIES}
    for path, pixels in pictures(given.folders, given.every):
        paths.append(path)
        thumbnails.append(thumbnail_of(pixels, IDENTITY))
        for kind, copy in COPIES.items():
            copies[kind].append(thumbnail_of(copy(pixels), IDENTITY))
    count = len(paths)
    print(f"{count:,} pictures")
    for kind, own in copies.items():
        found = sum(other == one + count for one, other in near_pairs(thumbnails + own).tolist())
        print(f"  {kind:32} {found / count:8.2%} found")
    pairs = near_pairs(thumbnails).tolist()
    print(f"{len(pairs)} pairs of {count * (count - 1) // 2:,} look alike:")
    for one, other in pairs:
        print(f"  {paths[one]} {paths[other]}")
    if given.many:
        made = many(thumbnails, given.many)
        start = perf_counter()
        found = len(near_pairs(made))
        print(f"{given.many:,} thumbnails: {perf_counter() - start:.1f} s, {found:,} pairs")
    if given.run:
        seconds, share = share_of_run(given.run, given.rounds)
        print(f"a run of {seconds:.2f} s, of which thumbnails and pairs take {share:.1%}")


if __name__ == "__main__":
    main()
