"""What a reader answers: the pictures that its program has found in an output, as JSON. It needs nothing installed."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Object:
    """One object: its class, its box x0 y0 x1 y1 px, rings of a polygon x y x y ..., keypoints [x, y, visible], the
    area of its mask where the program decodes one, and whether it is a crowd region.
    """

    name: str
    box: list[float]
    rings: list[list[float]] = field(default_factory=list)
    points: list[list[float]] = field(default_factory=list)
    area: float | None = None
    crowd: bool = False


@dataclass(frozen=True)
class Picture:
    """One picture with its size, px, as the program says it or decodes it; 0 where it does neither."""

    width: int
    height: int
    objects: list[Object]
    split: str = ""
    id: str = ""


Answer = dict[str, Picture]
Read = Callable[[Path], Iterator[tuple[str, Picture]]]


def splits_of(root: Path, place: str) -> list[str]:
    """The splits whose file or folder `place` is there, with the word of `root` for each."""
    return [split for split in ("train", "val", "valid", "validation") if (root / place.format(split)).exists()]


def box_of(x: float, y: float, width: float, height: float) -> list[float]:
    """The edges of a box that is given by its corner and size."""
    return [float(x), float(y), float(x) + float(width), float(y) + float(height)]


def answer(reads: Mapping[str, Read]) -> None:
    """Print what ``reads[kind](root)`` gives for each KIND=ROOT on the command line: pictures by name, or an error."""
    said: dict[str, Any] = {}
    for word in sys.argv[1:]:
        kind, _, root = word.partition("=")
        try:
            said[word] = {name: asdict(picture) for name, picture in reads[kind](Path(root))}
        except Exception:  # noqa: BLE001 - whatever a program raises is its answer
            said[word] = {"error": traceback.format_exc()}
    say(said)


def say(value: object) -> None:
    """Print `value` as the last line, after all that the program has printed itself."""
    print("\n" + json.dumps(value), flush=True)  # noqa: T201
