"""The box, the outline and the keypoints of one object, which CVAT holds as shapes of one group.

Its shapes have no parts: an object of COCO with a box and keypoints is a box and a skeleton with the same label and the
same group. A group of one label is one object where it has at most one of each: a box, an outline, keypoints (as
Datumaro pairs them).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from bboxprep.formats.cvat.fields import GROUP
from bboxprep.formats.cvat.shapes import CvatShape, Joint
from bboxprep.model.columns import NO_TRACK

_ROLES = {"box": "box", "ellipse": "outline", "mask": "outline", "polygon": "outline"} | dict.fromkeys(
    ("points", "skeleton"), "keypoints"
)


def joined(shapes: Sequence[CvatShape]) -> list[CvatShape]:
    """The `shapes` of an image, those of one object as one shape, in the place of the first."""
    groups: dict[tuple[str, int], list[int]] = defaultdict(list)
    for row, shape in enumerate(shapes):
        if type(group := shape.attributes.get(GROUP)) is int:
            groups[shape.label, group].append(row)
    found: list[CvatShape | None] = [*shapes]
    for rows in groups.values():
        own = [shapes[row] for row in rows]
        roles = {_role(shape) for shape in own}
        if 1 < len(own) == len(roles) and "" not in roles:
            found[rows[0]] = as_one(own)
            for row in rows[1:]:
                found[row] = None
    return [shape for shape in found if shape is not None]


def as_one(shapes: Sequence[CvatShape]) -> CvatShape:
    """The `shapes` of one object, of which no two have one role, as one shape without their group."""
    by_role = {_role(shape): shape for shape in shapes}
    main = by_role.get("outline") or by_role.get("box") or by_role["keypoints"]
    attributes = {
        name: value for shape in reversed(shapes) for name, value in shape.attributes.items() if name != GROUP
    }
    box, keypoints = by_role.get("box", main), by_role.get("keypoints", main)
    return msgspec.structs.replace(
        main,
        attributes=attributes,
        track=next((shape.track for shape in shapes if shape.track != NO_TRACK), NO_TRACK),
        box=() if box is main else box.numbers[:4],
        joints=main.joints if keypoints is main else joints_of(keypoints),
    )


def joints_of(shape: CvatShape) -> tuple[Joint, ...]:
    """The keypoints of a skeleton, or of points, which have no names."""
    if shape.tag == "skeleton":
        return shape.joints
    pairs = zip(shape.numbers[::2], shape.numbers[1::2], strict=True)
    return tuple([("", x, y, 2) for x, y in pairs])


def _role(shape: CvatShape) -> str:
    """What a shape is to its object: its box, its outline (also a turned box) or its keypoints; "" for others."""
    turned = shape.tag == "box" and shape.numbers[4] != 0.0
    return "outline" if turned else _ROLES.get(shape.tag, "")
