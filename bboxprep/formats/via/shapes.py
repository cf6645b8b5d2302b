"""The shapes of VIA's regions as points."""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, sin
from typing import Any

import numpy as np

from bboxprep.geometry.affine import Points
from bboxprep.geometry.shapes import ellipses_in
from bboxprep.io.lenient_json import excerpt, number, numbers
from bboxprep.model.validation import FARTHEST


class BadShape(Exception):
    """A shape that cannot be read, and why. Internal: the reader makes a finding of it."""


def outline_of(shape: Mapping[str, Any]) -> tuple[str, Points, bool]:
    """The name of a `shape`, its points (P, 2) px, and whether they are the corners of a ring. Raises `BadShape`."""
    kind = shape.get("name")
    if not isinstance(kind, str):
        raise BadShape(f"have the shape {excerpt(kind)}, want rect, polygon or the like")
    if kind == "rect":
        x, y, width, height = _numbers(shape, "x", "y", "width", "height")
        return kind, _checked([[x, y], [x + width, y + height]]), False
    if kind in ("circle", "ellipse"):
        x, y, across, down = _numbers(shape, "cx", "cy", *(("r", "r") if kind == "circle" else ("rx", "ry")))
        ring = ellipses_in(np.array([[-across, -down, across, down]]))[0]
        angle = number(shape.get("theta")) or 0.0 if kind == "ellipse" else 0.0
        turn = np.array([[cos(angle), sin(angle)], [-sin(angle), cos(angle)]]) if abs(angle) < FARTHEST else np.eye(2)
        return kind, _checked(ring @ turn + (x, y)), True
    if kind == "point":
        return kind, _checked([_numbers(shape, "cx", "cy")]), False
    xs, ys = numbers(shape.get("all_points_x")), numbers(shape.get("all_points_y"))
    if not xs or not ys or len(xs) != len(ys):
        raise BadShape(f"have the {kind[:20]} {excerpt(dict(shape))}, want as many numbers x as y")
    points = _checked(np.column_stack((xs, ys)))
    closed = len(points) > 3 and np.array_equal(points[0], points[-1])
    is_ring = kind == "polygon" and len(points) > 2
    return kind, points[:-1] if is_ring and closed else points, is_ring


def _numbers(shape: Mapping[str, Any], *names: str) -> list[float]:
    found = numbers([shape.get(name) for name in names])
    if found is None:
        raise BadShape(f"have {excerpt(dict(shape))}, want the numbers {', '.join(names)}")
    return found


def _checked(points: Any) -> Points:
    found = np.array(points, dtype=np.float64)
    if not (np.abs(found) < FARTHEST).all():
        raise BadShape(f"have {excerpt(found[:4].tolist())}, want finite numbers below {FARTHEST:g}")
    return found
