"""What the peers' scripts share: the photos of a corpus, two threads, and the canvas."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SIDE, PAD, QUALITY = 640, 114, 90


def each(task: Callable[[Path, Path], object]) -> None:
    """`task(photo, output)` for all photos of a corpus, as in ``SCRIPT CORPUS OUT THREADS``."""
    corpus, out, threads = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    out.mkdir(parents=True, exist_ok=True)
    photos = sorted((corpus / "train").iterdir())
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda photo: task(photo, out / photo.name), photos):
            pass


def fitted(width: int, height: int) -> tuple[int, int, int, int]:
    """The image's size on the canvas, and the margin on its left and above it."""
    gain = min(SIDE / width, SIDE / height)
    wide, high = round(width * gain), round(height * gain)
    return wide, high, (SIDE - wide) // 2, (SIDE - high) // 2
