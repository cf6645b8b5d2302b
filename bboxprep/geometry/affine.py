"""Sizes, affine maps, and the pixel convention of this package.

**The convention.** An image of W x H pixels covers the rectangle [0, W] x [0, H]; x points right, y points down. The
pixel in column j, row i is the square [j, j+1] x [i, i+1], and its centre is (j + 1/2, i + 1/2). Boxes are half-open
edges ``x0 y0 x1 y1`` in that plane, points are positions in it, and all of them are float64. A horizontal flip is
therefore x -> W - x for boxes, polygons and keypoints alike. A `Size` is always (width, height); only the shape of
an array is height first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import cos, isfinite, radians, sin, tan
from operator import index
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import UsageError

Points = NDArray[np.float64]  # (..., 2) x y, px


class Size(NamedTuple):
    """Width and height in pixels, both at least 1."""

    width: int
    height: int

    @classmethod
    def of(cls, value: int | tuple[int, int]) -> Size:
        """`value` as a size; one number is a square. Raises `UsageError` for anything but positive whole numbers."""
        pair: Any = (value, value) if hasattr(value, "__index__") else value
        try:
            width, height = map(index, pair)
        except (TypeError, ValueError) as error:
            raise UsageError(f"size: have {value!r}, want one or two whole numbers") from error
        if width < 1 or height < 1:
            raise UsageError(f"size: have {width}x{height}, want whole numbers of 1 or more")
        return cls(width, height)

    @property
    def transposed(self) -> Size:
        """Width and height exchanged."""
        return Size(self.height, self.width)

    @property
    def pixels(self) -> int:
        """The number of pixels."""
        return self.width * self.height

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True)
class Affine:
    """The affine map x' = a x + b y + c, y' = d x + e y + f, px.

    ``A @ B`` applies B first, ``~A`` is the inverse, ``A(points)`` maps float64 points of shape (..., 2).
    """

    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0
    e: float = 1.0
    f: float = 0.0

    @classmethod
    def scale(cls, x: float, y: float) -> Self:
        """The map that stretches by `x` and `y` about the origin."""
        return cls(a=x, e=y)

    @classmethod
    def translation(cls, x: float, y: float) -> Self:
        """The map that moves by (`x`, `y`) pixels."""
        return cls(c=x, f=y)

    @classmethod
    def rotation(cls, degrees: float) -> Self:
        """The rotation about the origin, clockwise on the screen (y points down); exact at multiples of 90 degrees."""
        quarters, rest = divmod(degrees, 90.0)
        x, y = (cos(radians(rest)), sin(radians(rest))) if rest else (1.0, 0.0)
        x, y = ((x, y), (-y, x), (-x, -y), (y, -x))[int(quarters) % 4]
        return cls(a=x, b=-y, d=y, e=x)

    @classmethod
    def shear(cls, x: float, y: float) -> Self:
        """The shear under which vertical lines lean by `x` degrees, lower end to the right, and then horizontal ones by
        `y`, right end down. Areas do not change."""
        across, down = tan(radians(x)), tan(radians(y))
        return cls(b=across, d=down, e=1.0 + across * down)

    def about(self, x: float, y: float) -> Affine:
        """This map about the point (`x`, `y`) in place of the origin."""
        return Affine.translation(x, y) @ self @ Affine.translation(-x, -y)

    @property
    def determinant(self) -> float:
        """The determinant: the factor of areas, negative if it mirrors."""
        return self.a * self.e - self.b * self.d

    @property
    def keeps_axes(self) -> bool:
        """Whether axis-aligned boxes stay axis-aligned: scaling, translation, flips and turns by 90 degrees."""
        return (self.b == 0.0 == self.d) or (self.a == 0.0 == self.e)

    @property
    def coefficients(self) -> tuple[float, float, float, float, float, float]:
        """(a, b, c, d, e, f)."""
        return (self.a, self.b, self.c, self.d, self.e, self.f)

    def __matmul__(self, first: Affine) -> Affine:
        return Affine(
            self.a * first.a + self.b * first.d,
            self.a * first.b + self.b * first.e,
            self.a * first.c + self.b * first.f + self.c,
            self.d * first.a + self.e * first.d,
            self.d * first.b + self.e * first.e,
            self.d * first.c + self.e * first.f + self.f,
        )

    def __invert__(self) -> Affine:
        det = self.determinant
        if det == 0.0 or not isfinite(1.0 / det):
            raise UsageError(f"affine map {self.coefficients}: cannot be inverted")
        a, b, d, e = self.e / det, -self.b / det, -self.d / det, self.a / det
        return Affine(a, b, -(a * self.c + b * self.f), d, e, -(d * self.c + e * self.f))

    def __call__(self, points: Points) -> Points:
        """The mapped points, float64 of the same shape (..., 2)."""
        return _mapped(self.coefficients, points)


@dataclass(frozen=True, slots=True, eq=False)
class Affines:
    """N affine maps, each as `Affine`: `coefficients` are float64 (N, 6), a to f of each."""

    coefficients: NDArray[np.float64]

    @classmethod
    def of(cls, affines: Sequence[Affine]) -> Self:
        """The maps `affines`."""
        return cls(np.array([affine.coefficients for affine in affines], dtype=np.float64).reshape(-1, 6))

    def take(self, rows: NDArray[np.int64]) -> Affines:
        """The maps at `rows` (M,), each as often as it stands there."""
        return Affines(self.coefficients[rows])

    @property
    def determinant(self) -> NDArray[np.float64]:
        """The `Affine.determinant` of each map: float64 (N,)."""
        a, b, _, d, e, _ = self.coefficients.T
        return np.asarray(a * e - b * d)

    def __call__(self, points: Points) -> Points:
        """The points (N, ..., 2), those of each row mapped by its map: float64 of the same shape."""
        return _mapped(self.coefficients.T.reshape(6, -1, *[1] * (points.ndim - 2)), points)


def _mapped(coefficients: Iterable[Any], points: Points) -> Points:
    """The `points` (..., 2) mapped by `coefficients` a to f, each a number or an array (...,)."""
    a, b, c, d, e, f = coefficients
    x, y = points[..., 0], points[..., 1]
    mapped = np.empty(points.shape, dtype=np.float64)
    mapped[..., 0] = a * x + b * y + c
    mapped[..., 1] = d * x + e * y + f
    return mapped
