"""A box and the keypoints of one object, which CVAT holds as two shapes of one group.

Its shapes have no parts: an object of COCO with a box and keypoints is a box and a skeleton with the same label and
the same group, and there is no other shape of that label in the group (as Datumaro pairs them).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from bboxprep.formats.cvat.fields import GROUP
from bboxprep.formats.cvat.shapes import CvatShape, Joint
from bboxprep.model.columns import NO_TRACK


def joined(shapes: Sequence[CvatShape]) -> list[CvatShape]:
    """The `shapes` of an image, the box and the keypoints of one object as one shape, in the place of the first."""
    groups: dict[tuple[str, int], list[int]] = defaultdict(list)
    for row, shape in enumerate(shapes):
        if type(group := shape.attributes.get(GROUP)) is int:
            groups[shape.label, group].append(row)
    found: list[CvatShape | None] = [*shapes]
    for rows in groups.values():
        own = sorted((shapes[row] for row in rows), key=lambda shape: shape.tag)
        if len(own) == 2 and own[0].tag == "box" and own[1].tag in ("points", "skeleton") and not own[0].numbers[4]:
            found[rows[0]], found[rows[1]] = with_keypoints(*own), None
    return [shape for shape in found if shape is not None]


def with_keypoints(box: CvatShape, other: CvatShape) -> CvatShape:
    """`box` with the keypoints of `other`, without their group."""
    attributes = {**other.attributes, **box.attributes}
    attributes.pop(GROUP, None)
    track = other.track if box.track == NO_TRACK else box.track
    return msgspec.structs.replace(box, attributes=attributes, track=track, joints=joints_of(other))


def joints_of(shape: CvatShape) -> tuple[Joint, ...]:
    """The keypoints of a skeleton, or of points, which have no names."""
    if shape.tag == "skeleton":
        return shape.joints
    pairs = zip(shape.numbers[::2], shape.numbers[1::2], strict=True)
    return tuple([("", x, y, 2) for x, y in pairs])
