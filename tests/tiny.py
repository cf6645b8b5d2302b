"""A data set of small painted photos that can grow and shrink, and a look at what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path

import numpy as np
from PIL import Image

NAMES = ("cat", "dog")


def tiny(root: Path, numbers: Iterable[int], size: tuple[int, int] = (48, 32)) -> Path:
    """A YOLO data set at `root`, added to if it is there: a photo of `size` with two boxes for each number, one in four
    turned by its EXIF tag.
    """
    for folder in ("images/train", "labels/train"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for number in numbers:
        _photo(root / "images" / "train" / f"{number:05d}.jpg", number, size)
        label(root, number, number % 2, 0.5)
    (root / "data.yaml").write_text("train: images/train\nnames: [cat, dog]\n", encoding="utf-8")
    return root


def label(root: Path, number: int, category: int, centre: float) -> None:
    """Label photo `number` with one box of `category` around `centre`, and another one."""
    rows = f"{category} {centre} 0.5 0.25 0.25\n1 0.25 0.25 0.2 0.2\n"
    (root / "labels" / "train" / f"{number:05d}.txt").write_text(rows, encoding="utf-8")


def tree(root: Path) -> dict[str, str]:
    """The SHA-256 of each file of an output, but for its journal's."""
    return {
        path.relative_to(root).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".bboxprep" not in path.relative_to(root).parts
    }


def changed(before: Mapping[str, object], after: Mapping[str, object]) -> set[str]:
    """The names of which the two say different things."""
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def stamps(root: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of the last change of each file of an output, but for its journal's."""
    files = (path for path in root.rglob("*") if path.is_file() and ".bboxprep" not in path.relative_to(root).parts)
    return {path.relative_to(root).as_posix(): (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


def _photo(path: Path, number: int, size: tuple[int, int]) -> None:
    draw = np.random.default_rng(number)
    pixels = np.kron(draw.integers(0, 255, (4, 6, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6 if number % 4 == 3 else 1
    Image.fromarray(pixels).resize(size).save(path, quality=90, exif=exif.tobytes())
