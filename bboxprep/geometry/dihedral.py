"""The eight turns and flips of a rectangle (the dihedral group D4), and the table of EXIF orientations.

A turn is three bits: exchange x and y first, then mirror x, then mirror y. All arithmetic on it is exact.
The EXIF codes are those of tag 0x0112 (CIPA DC-008, "Orientation"): the turn that brings the *stored* image to the
*displayed* one.
"""

from __future__ import annotations

from dataclasses import dataclass

from bboxprep.geometry.affine import Affine, Size


@dataclass(frozen=True, slots=True)
class Dihedral:
    """One of the eight: `swap` x and y, then `mirror_x` (left-right), then `mirror_y` (up-down)."""

    swap: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    @classmethod
    def from_exif(cls, code: int) -> Dihedral:
        """The turn from the stored to the displayed image; any code outside 1 to 8 means no turn."""
        return _FROM_EXIF.get(code, IDENTITY)

    @property
    def exif(self) -> int:
        """The EXIF orientation, 1 to 8, of this turn."""
        return _TO_EXIF[self]

    @property
    def is_identity(self) -> bool:
        """Whether it moves nothing."""
        return self == IDENTITY

    def size(self, size: Size) -> Size:
        """The size of an image of `size` after the turn."""
        return size.transposed if self.swap else size

    def affine(self, size: Size) -> Affine:
        """The map of points in an image of `size` to points in the turned image."""
        width, height = self.size(size)
        sx, x = (-1.0, float(width)) if self.mirror_x else (1.0, 0.0)
        sy, y = (-1.0, float(height)) if self.mirror_y else (1.0, 0.0)
        return Affine(0.0, sx, x, sy, 0.0, y) if self.swap else Affine(sx, 0.0, x, 0.0, sy, y)

    def __matmul__(self, first: Dihedral) -> Dihedral:
        """The turn `first`, then this one."""
        mirror_x, mirror_y = (first.mirror_y, first.mirror_x) if self.swap else (first.mirror_x, first.mirror_y)
        return Dihedral(self.swap != first.swap, self.mirror_x != mirror_x, self.mirror_y != mirror_y)

    def __invert__(self) -> Dihedral:
        return Dihedral(True, self.mirror_y, self.mirror_x) if self.swap else self


IDENTITY = Dihedral()
FLIP_HORIZONTAL = Dihedral(mirror_x=True)
FLIP_VERTICAL = Dihedral(mirror_y=True)
ROTATE_180 = Dihedral(mirror_x=True, mirror_y=True)

_FROM_EXIF = {
    1: IDENTITY,
    2: FLIP_HORIZONTAL,
    3: ROTATE_180,
    4: FLIP_VERTICAL,
    5: Dihedral(swap=True),
    6: Dihedral(swap=True, mirror_x=True),
    7: Dihedral(swap=True, mirror_x=True, mirror_y=True),
    8: Dihedral(swap=True, mirror_y=True),
}
_TO_EXIF = {turn: code for code, turn in _FROM_EXIF.items()}
