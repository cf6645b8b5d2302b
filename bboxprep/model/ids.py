"""Assigns ids to images and objects whose source gives none, or gives one twice; tells what ids are counted from."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray


def valid_ids(ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each of `ids` (N,) is positive and differs from all earlier ones: bool (N,)."""
    stands = np.zeros(len(ids), dtype=np.bool_)
    stands[np.unique(ids, return_index=True)[1]] = True
    return stands & (ids > 0)


def assign_ids(ids: Sequence[int]) -> array[int]:
    """`ids` where they are positive and unique so far; the others are replaced by the next free numbers from 1 on."""
    assigned = np.array(ids, dtype=np.int64)
    if not assigned.any():
        return array("q", range(1, len(assigned) + 1))
    kept = valid_ids(assigned)
    free = np.setdiff1d(np.arange(1, len(assigned) + 1), assigned[kept], assume_unique=True)
    assigned[~kept] = free[: (~kept).sum()]
    return array("q", assigned.tobytes())


def possible_first_ids(used: Collection[int], count: int) -> Sequence[int]:
    """The numbers, 0 or 1, that the ids of `count` classes may be counted from, if those that occur are `used`."""
    return [first for first in (0, 1) if used and first <= min(used) and max(used) < first + count]
