"""The geometry of the charts: from counts to marks on a plane that a template only has to write down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log2, sqrt

import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size

WIDTH, HEIGHT = 440.0, 220.0  # of a chart's plane; texts stand below and to the left of it
LEVELS = 16  # steps of strength of the heat map
_NINTHS = (
    *("at the upper left", "at the top", "at the upper right"),
    *("at the left", "in the centre", "at the right"),
    *("at the lower left", "at the bottom", "at the lower right"),
)
MOST_SIZES = 80  # sizes of images that are shown, the most frequent first


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its place, and what it stands for in words."""

    x: float
    y: float
    width: float
    height: float
    words: str


@dataclass(frozen=True, slots=True)
class Tick:
    """One line of an axis, at a place along it, with its text."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Bars:
    """A histogram, its ticks along the bottom, and its tallest count."""

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    most: int


@dataclass(frozen=True, slots=True)
class Heat:
    """A map of cells: for each strength, 0 to 1, the path of the cells that have it; and the strongest in words."""

    cells: int
    layers: tuple[tuple[float, str], ...]
    words: str


@dataclass(frozen=True, slots=True)
class Dot:
    """One size of image: a circle whose area goes with its count."""

    x: float
    y: float
    radius: float
    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class Scatter:
    """Sizes of images, on the same scale along both axes; how many sizes are left out."""

    dots: tuple[Dot, ...]
    ticks: tuple[Tick, ...]
    side: float
    hidden: int


def histogram(counts: NDArray[np.int64], bounds: NDArray[np.float64], *, unit: str, labelled: Sequence[float]) -> Bars:
    """The bars of `counts` (K,) between `bounds` (K + 1,) on a logarithmic axis; ticks at the bounds in `labelled`."""
    most, step = max(1, int(counts.max())), WIDTH / len(counts)
    bars = tuple(
        Bar(
            index * step + 1,
            HEIGHT - (height := HEIGHT * count / most),
            step - 2,
            height,
            f"{_length(bounds[index])} to {_length(bounds[index + 1])}{unit}: {count:,}",
        )
        for index, count in enumerate(counts.tolist())
    )
    return Bars(bars, tuple(Tick(_along(value, bounds), _length(value)) for value in labelled), int(counts.max()))


def heat_map(heat: NDArray[np.float64]) -> Heat:
    """The cells of `heat` (G, G) by strength, relative to the strongest."""
    most = float(heat.max())
    levels = np.ceil(heat / most * LEVELS).astype(int) if most > 0 else np.zeros(heat.shape, int)
    layers = tuple(
        (level / LEVELS, "".join(f"M{x} {y}h1v1h-1z" for y, x in np.argwhere(levels == level).tolist()))
        for level in range(1, LEVELS + 1)
        if (levels == level).any()
    )
    return Heat(len(heat), layers, _where(heat) if most > 0 else "no box")


def scatter(after: Counter[Size], before: Counter[Size]) -> Scatter:
    """The sizes of images `after`, and `before` where that is known, as dots on a square plane."""
    counts = [*((size, count, "before") for size, count in before.items())]
    counts += [(size, count, "after") for size, count in after.items()]
    counts.sort(key=lambda each: (-each[1], each))
    longest = max((max(size) for size, _, _ in counts), default=1)
    step = _round_step(longest)
    end = step * ceil(longest / step)
    most = max((count for _, count, _ in counts), default=1)
    dots = tuple(
        Dot(
            HEIGHT * size.width / end,
            HEIGHT - HEIGHT * size.height / end,
            3.0 + 9.0 * sqrt(count / most),
            kind,
            f"{size.width} × {size.height}, {kind}: {count:,}",
        )
        for size, count, kind in counts[:MOST_SIZES]
    )
    ticks = tuple(Tick(HEIGHT * value / end, f"{value:,}") for value in range(step, end + 1, step))
    return Scatter(dots, ticks, HEIGHT, max(0, len(counts) - MOST_SIZES))


def _along(value: float, bounds: NDArray[np.float64]) -> float:
    first, last = log2(bounds[0]), log2(bounds[-1])
    return WIDTH * (log2(value) - first) / (last - first)


def _length(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _round_step(longest: int) -> int:
    """A step of 1, 2 or 5 times a power of ten that divides `longest` into three to six."""
    rough = max(1.0, longest / 5)
    power = 10 ** floor(np.log10(rough))
    return int(next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough))


def _where(heat: NDArray[np.float64]) -> str:
    """In words, where most of it lies."""
    ninths = [part.sum() for row in np.array_split(heat, 3, axis=0) for part in np.array_split(row, 3, axis=1)]
    share = max(ninths) / sum(ninths)
    return f"densest {_NINTHS[int(np.argmax(ninths))]}, {share:.0%} of all box area in that ninth"
