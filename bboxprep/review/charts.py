"""Computes the charts: turns counts into coordinates that a template writes as SVG."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import ceil, floor, log2, sqrt

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size

WIDTH, HEIGHT = 440.0, 220.0  # of the plotting area; texts are below and to the left of it
LEVELS = 16  # of opacity of the heat map
_NINTHS = (
    *("at the upper left", "at the top", "at the upper right"),
    *("at the left", "in the centre", "at the right"),
    *("at the lower left", "at the bottom", "at the lower right"),
)
MAX_SIZES = 80  # sizes of images that are shown, the most frequent first


class Bar(msgspec.Struct, frozen=True):
    """One bar of a histogram: its rectangle and its description."""

    x: float
    y: float
    width: float
    height: float
    words: str


class Tick(msgspec.Struct, frozen=True):
    """One tick of an axis: its position `at` and its text."""

    at: float
    text: str


class Bars(msgspec.Struct, frozen=True):
    """A histogram: its bars, the ticks of its x axis, and its largest count."""

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    largest: int


class HeatMap(msgspec.Struct, frozen=True):
    """A heat map: the number of cells of a side, the opacity and SVG path of each layer, and a description."""

    cells: int
    layers: tuple[tuple[float, str], ...]
    words: str


class Dot(msgspec.Struct, frozen=True):
    """One size of images: a circle whose radius grows with their number."""

    x: float
    y: float
    radius: float
    kind: str
    words: str


class Scatter(msgspec.Struct, frozen=True):
    """A scatter chart of image sizes with equal axes; `hidden` sizes are left out."""

    dots: tuple[Dot, ...]
    ticks: tuple[Tick, ...]
    side: float
    hidden: int


def histogram(counts: NDArray[np.int64], bounds: NDArray[np.float64], *, unit: str, labelled: Sequence[float]) -> Bars:
    """The bars of `counts` (K,) between `bounds` (K + 1,) on a logarithmic axis; ticks at the bounds in `labelled`."""
    largest, step = max(1, int(counts.max())), WIDTH / len(counts)
    bars = tuple(
        Bar(
            index * step + 1,
            HEIGHT - (height := HEIGHT * count / largest),
            step - 2,
            height,
            f"{_length(bounds[index])} to {_length(bounds[index + 1])}{unit}: {count:,}",
        )
        for index, count in enumerate(counts.tolist())
    )
    return Bars(bars, tuple(Tick(_along(value, bounds), _length(value)) for value in labelled), int(counts.max()))


def heat_map(heat: NDArray[np.float64]) -> HeatMap:
    """The heat map of `heat` (G, G), relative to its largest cell."""
    most = float(heat.max())
    levels = np.ceil(heat / most * LEVELS).astype(int) if most > 0 else np.zeros(heat.shape, int)
    layers = tuple(
        (level / LEVELS, "".join(f"M{x} {y}h1v1h-1z" for y, x in np.argwhere(levels == level).tolist()))
        for level in range(1, LEVELS + 1)
        if (levels == level).any()
    )
    return HeatMap(len(heat), layers, _describe_densest(heat) if most > 0 else "no box")


def scatter(after: Counter[Size], before: Counter[Size]) -> Scatter:
    """The scatter chart of the sizes of images of the output (`after`) and of the source (`before`, may be empty)."""
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
        for size, count, kind in counts[:MAX_SIZES]
    )
    ticks = tuple(Tick(HEIGHT * value / end, f"{value:,}") for value in range(step, end + 1, step))
    return Scatter(dots, ticks, HEIGHT, max(0, len(counts) - MAX_SIZES))


def _along(value: float, bounds: NDArray[np.float64]) -> float:
    first, last = log2(bounds[0]), log2(bounds[-1])
    return WIDTH * (log2(value) - first) / (last - first)


def _length(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _round_step(longest: int) -> int:
    """The step of ticks, 1, 2 or 5 times a power of ten, that divides `longest` into three to six parts."""
    rough = max(1.0, longest / 5)
    power = 10 ** floor(np.log10(rough))
    return int(next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough))


def _describe_densest(heat: NDArray[np.float64]) -> str:
    """A description of the densest ninth of `heat` (G, G)."""
    ninths = [part.sum() for row in np.array_split(heat, 3, axis=0) for part in np.array_split(row, 3, axis=1)]
    share = max(ninths) / sum(ninths)
    return f"densest {_NINTHS[int(np.argmax(ninths))]}, {share:.0%} of all box area in that ninth"
