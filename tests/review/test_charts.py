from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.review.charts import HEIGHT, LEVELS, MAX_SIZES, WIDTH, heat_map, histogram, scatter
from bboxprep.review.statistics import ASPECTS
from tests.strategies import sizes

COUNTS = hnp.arrays(np.int64, len(ASPECTS) - 1, elements=st.integers(0, 10**6))


@given(COUNTS)
def test_bars_are_as_tall_as_their_counts_and_stand_side_by_side(counts: NDArray[np.int64]) -> None:
    chart = histogram(counts, ASPECTS, unit="", labelled=(1.0,))
    most = max(1, int(counts.max()))
    assert [bar.height for bar in chart.bars] == pytest.approx([HEIGHT * count / most for count in counts.tolist()])
    assert all(bar.y + bar.height == pytest.approx(HEIGHT) for bar in chart.bars)
    assert all(one.x + one.width < other.x for one, other in zip(chart.bars, chart.bars[1:], strict=False))
    assert [tick.at for tick in chart.ticks] == [WIDTH / 2]


def test_a_bar_says_what_it_counts() -> None:
    chart = histogram(np.array([0, 1200]), np.array([1.0, 16.0, 256.0]), unit=" px", labelled=(16, 32))
    assert [bar.words for bar in chart.bars] == ["1 to 16 px: 0", "16 to 256 px: 1,200"]
    assert [(tick.at, tick.text) for tick in chart.ticks] == [(WIDTH / 2, "16"), (WIDTH * 0.625, "32")]


@given(hnp.arrays(np.float64, (6, 6), elements=st.integers(0, 10**9).map(lambda each: each / 1000)))
def test_each_warm_cell_is_in_one_layer_as_strong_as_it_is(heat: NDArray[np.float64]) -> None:
    chart = heat_map(heat)
    seen: dict[tuple[int, int], float] = {}
    for strength, path in chart.layers:
        for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", path):
            assert (int(y), int(x)) not in seen
            seen[int(y), int(x)] = strength
    warm = {(y, x) for y, x in np.argwhere(heat > 0).tolist()}
    assert seen.keys() == warm
    assert all(0 <= seen[cell] - heat[cell] / heat.max() <= 1 / LEVELS + 1e-9 for cell in warm)


def test_the_words_name_the_densest_place() -> None:
    heat = np.zeros((9, 9))
    heat[:3, 6:] = 3.0
    heat[8, 0] = 9.0
    assert heat_map(heat).words == "densest at the upper right, 75% of all box area in that ninth"
    assert heat_map(np.zeros((9, 9))).words == "no box"


@given(
    st.dictionaries(sizes(10**5), st.integers(1, 10**6), max_size=120), st.dictionaries(sizes(300), st.integers(1, 9))
)
def test_every_size_has_its_dot_on_the_plane(after: dict[Size, int], before: dict[Size, int]) -> None:
    chart = scatter(Counter(after), Counter(before))
    assert len(chart.dots) + chart.hidden == len(after) + len(before)
    assert len(chart.dots) <= MAX_SIZES
    assert all(0 <= dot.x <= chart.side and 0 <= dot.y <= chart.side and dot.radius <= 12 for dot in chart.dots)
    assert 1 <= len(chart.ticks) <= 6


def test_a_dot_stands_where_its_size_is() -> None:
    chart = scatter(Counter({Size(640, 480): 4}), Counter({Size(1000, 500): 1}))
    first, second = chart.dots
    assert (first.x, first.y, first.kind) == (HEIGHT * 0.64, HEIGHT * 0.52, "after")
    assert (second.x, second.y, second.kind) == (HEIGHT, HEIGHT / 2, "before")
    assert first.words == "640 × 480, after: 4"
    assert [tick.text for tick in chart.ticks] == ["200", "400", "600", "800", "1,000"]
