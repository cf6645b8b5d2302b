"""Finds the oriented boxes that CVAT's form can state: an upright ``bbox`` and the degrees that it is turned by."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bboxprep.formats.coco.fields import ROTATION
from bboxprep.geometry.oriented import turned_box, turned_corners
from bboxprep.geometry.shapes import hull
from bboxprep.model.columns import Column
from bboxprep.model.instances import Instances

_SAME = 0.01  # px; more than the rounding of oriented boxes, also of those of YOLO

_FULL_TURN = 360.0  # degrees

TurnedBoxes = Mapping[int, tuple[float, ...]]
"""x0, y0, x1, y1 px and degrees, by the row of the object."""


def turned_boxes(instances: Instances) -> TurnedBoxes:
    """Those of the objects that have no other outline, and whose box is the one around their corners: one that an edge
    has cut has not.
    """
    found = {}
    for row in np.flatnonzero(instances.has(Column.ORIENTED)).tolist():
        alone = not instances.polygons[row] and instances.masks[row] is None
        corners = instances.oriented[row]
        if alone and np.abs(hull(corners) - instances.boxes[row]).max() <= _SAME:
            numbers = turned_box(corners)
            same = numbers is not None and np.abs(turned_corners(numbers[:4], numbers[4]) - corners).max() <= _SAME
            if numbers and same and ROTATION not in instances.attributes[row]:
                found[row] = (*numbers[:4], numbers[4] or _FULL_TURN)  # 0 is that of any box
    return found
