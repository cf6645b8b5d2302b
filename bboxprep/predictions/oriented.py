"""Oriented boxes of predictions: four corners (``poly``), or centre, size and angle (``rbox``).

An ``rbox`` is x, y, w, h px and the angle of w to the x axis in radians, clockwise on the screen, as Ultralytics writes
it in results.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import atan2, hypot, pi

import numpy as np

from bboxprep.geometry.affine import Affine, Points
from bboxprep.geometry.shapes import smallest_rectangle


def corners_of(rbox: Sequence[float]) -> Points:
    """The corners (4, 2) px of ``rbox``, in the order of a ring."""
    x, y, width, height, angle = rbox
    halves = np.array([(width, height), (width, -height), (-width, -height), (-width, height)]) / 2.0
    return Affine.translation(x, y)(Affine.rotation(np.degrees(angle).item())(halves))


def rbox_of(corners: Points) -> list[float]:
    """The ``rbox`` of corners (4, 2) px, with an angle from 0 to below a right angle.

    Of corners that are no rectangle (an image was stretched), that of the smallest rectangle around them.
    """
    rectangle = smallest_rectangle(corners)
    (x, y), (wide, high) = rectangle.mean(axis=0).tolist(), (rectangle[1:3] - rectangle[0:2]).tolist()
    width, height, angle = hypot(*wide), hypot(*high), atan2(wide[1], wide[0]) % pi
    if angle >= pi / 2:
        width, height, angle = height, width, angle - pi / 2
    return [x, y, width, height, angle]
