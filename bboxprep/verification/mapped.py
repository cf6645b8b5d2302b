"""The map of one source image to one output image, as a verification knows it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bboxprep.geometry.affine import Size
from bboxprep.verification.region import Box, Matrix, Region, box_around, corners, moved


@dataclass(frozen=True, eq=False)
class Mapped:
    """The map of one source image to one output image.

    `from_shown` maps points of the displayed image, of size `shown`, to the output of `size`; `from_frame` maps points
    of the frame of its labels, of size `frame`. `seen` is the part of the output that shows the source. `derived`:
    the map was computed from the recipe, else it is the recorded one. `warped`: the map does not keep the axes, and
    boxes were drawn anew by the `rule`. `redrawn`: the map from the frame to the plane in which they were drawn anew
    before, None where they were drawn once.
    """

    from_shown: Matrix
    from_frame: Matrix
    size: Size
    seen: Region
    frame: Size
    shown: Size
    derived: bool
    warped: bool = False
    rule: str = "ellipse"
    redrawn: Matrix | None = None

    def reduced(self, by: int) -> Mapped:
        """The map to the output at 1 / `by` of its size."""
        smaller = np.diag([1.0 / by, 1.0 / by, 1.0])
        size = Size(self.size.width // by, self.size.height // by)
        from_shown, from_frame = smaller @ self.from_shown, smaller @ self.from_frame
        return replace(self, from_shown=from_shown, from_frame=from_frame, size=size, seen=moved(self.seen, smaller))

    @cached_property
    def visible(self) -> Box:
        """The box (4,) around the part of the output that shows the source; zeros where there is none."""
        found = corners(self.seen)
        return box_around(found) if len(found) else np.zeros(4)
