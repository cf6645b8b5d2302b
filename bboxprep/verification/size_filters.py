"""Which objects the size limits of a recipe leave out, by the labels of the source and the map of the image.

No record is believed. Where a side may be on either side of its limit, as that of a box drawn around what is left of an
outline may, the object may be missing and may be there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bboxprep.model.filters import Filters, side_limits
from bboxprep.verification.expectation import Expectation
from bboxprep.verification.losses import ExpectedLosses, Rows
from bboxprep.verification.mapped import Mapped

EXACT = 1e-3  # px; the error of a side that is computed


def with_size_limits(
    losses: ExpectedLosses, filters: Filters, names: Sequence[str], crowd: Rows, expected: Expectation, mapped: Mapped
) -> ExpectedLosses:
    """`losses`, and those by the size limits of `filters` of N objects of the classes `names`, `expected` in an image
    that was `mapped`. Of `crowd` regions (N,) there are none.
    """
    sizes = np.tile(np.array(mapped.size, dtype=np.float64), (len(names), 1))
    least, most = side_limits(filters.min_size, names, sizes), side_limits(filters.max_size, names, sizes)
    low, high = _sides(expected)
    surely = ((high < least) | (low > most)).any(axis=1) & mapped.derived & ~crowd
    maybe = ((low < least) | (high > most)).any(axis=1) & ~crowd
    return replace(losses, surely=losses.surely | surely, maybe=losses.maybe | losses.surely | surely | maybe)


def _sides(expected: Expectation) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The least and the largest width and height that each box may have, (N, 2) px each."""
    tight = [
        np.where(expected.drawn[:, None], each, expected.boxes)
        for each in (expected.inner, expected.outer, expected.outlines)
    ]
    sides = np.stack([each[:, 2:] - each[:, :2] for each in (expected.boxes, *tight)])
    slack = expected.tolerance[:, None] + EXACT
    return sides.min(axis=0) - slack, sides.max(axis=0) + slack
