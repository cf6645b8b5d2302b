"""Shortest decimals: the extent of a box as a person would write it.

The difference ``end - start`` of two edges seldom is the number that an annotation tool wrote: 0.1 + 0.7 - 0.1 is
0.7000000000000001. Boxes that are written as origin and extent would creep with every trip.
"""

from __future__ import annotations

from math import inf

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

_MOST_PLACES = 18
_POWERS = np.array([float(10**places) for places in range(_MOST_PLACES + 1)])  # exact
_HALVING = 134_217_729.0  # 2**27 + 1: splits a float64 into two halves of 26 bits (Dekker, 1971)
_WHOLE = 2.0**53  # from here on a float64 has no digit after the point


def lengths(start: Floats, end: Floats) -> Floats:
    """For each the shortest decimal d with ``start + d == end`` in floating point; the nearest where there is none.

    `start` and `end` are finite, (N,) float64; so is the outcome.
    """
    distance = end - start
    short = start + _rounded(distance, np.full(len(distance), 2)) == end  # two places as most annotation tools write
    low, high = np.where(short, 0, 3), np.where(short, 2, _MOST_PLACES)
    while len(rows := np.flatnonzero(low < high)):
        middle = (low[rows] + high[rows]) // 2
        fits = start[rows] + _rounded(distance[rows], middle) == end[rows]
        low[rows], high[rows] = np.where(fits, low[rows], middle + 1), np.where(fits, middle, high[rows])
    found = _rounded(distance, low)
    for other in (distance, np.nextafter(distance, -inf), np.nextafter(distance, inf), distance):
        found = np.where(start + found == end, found, other)
    return found


def centred(edges: Floats, most: Floats | float) -> Floats:
    """Centre x, y and width, height, in whole units, of boxes whose `edges` x0 y0 x1 y1 are in these units; float64
    (N, 4).

    None has less than two units a side, and centre -+ size/2 never leaves 0 to `most` (N, 2): the size is rounded after
    the centre, and to no more than twice the way from there to the edge.
    """
    low, high = edges[:, :2], edges[:, 2:]
    centre, size = np.rint((low + high) / 2.0), np.rint(high - low)
    centre = np.minimum(np.maximum(centre, 1), most - 1)
    room = 2 * np.minimum(most - centre, centre)
    return np.concatenate((centre, np.minimum(np.maximum(size, 2), room)), axis=1)


def _rounded(values: Floats, places: Places) -> Floats:
    """``round(value, places)`` of each, as Python has it: the decimal nearest to the exact value, halves to even.

    The product with a power of ten is rounded itself. Its error, which is found exactly, decides what looks like half.
    """
    powers = _POWERS[places]
    scaled = values * powers
    whole = np.rint(scaled)
    half = np.flatnonzero(np.abs(scaled - whole) == 0.5)
    above, error = (scaled - whole)[half], _product_error(values[half], powers[half], scaled[half])
    whole[half] += np.where((above > 0) & (error > 0), 1.0, np.where((above < 0) & (error < 0), -1.0, 0.0))
    return np.where(np.abs(scaled) < _WHOLE, whole / powers, values)


def _product_error(one: Floats, other: Floats, product: Floats) -> Floats:
    """The rounding error of `product`, the float64 of ``one * other`` (Dekker's two-product)."""
    (a, b), (c, d) = _halves(one), _halves(other)
    return ((a * c - product) + a * d + b * c) + b * d


def _halves(values: Floats) -> tuple[Floats, Floats]:
    shifted = _HALVING * values
    high = shifted - (shifted - values)
    return high, values - high
