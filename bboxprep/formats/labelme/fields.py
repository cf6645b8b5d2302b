"""The keys of a LabelMe file, what the format carries, and how it is recognised."""

from __future__ import annotations

import re
from pathlib import Path

from bboxprep.io import paths, text
from bboxprep.model.columns import Column

LAYOUT = "a .json of shapes beside each image, or in a folder of their own; labels.txt with the classes"
CARRIES = frozenset({Column.BOXES, Column.POLYGONS, Column.MASKS, Column.ORIENTED, Column.SCORES, Column.ATTRIBUTES})

CLASSES = "labels.txt"
NO_CLASSES = frozenset({"__ignore__", "_background_"})  # which LabelMe's examples put in front of labels.txt
SPLIT = "split"  # our key of a file whose folder is that of a split
FILE_KEYS = frozenset({"version", "shapes", "imagePath", "imageData", "imageHeight", "imageWidth", SPLIT})
PARTS = "parts_of_one"  # our mark of a group whose number only says that its shapes are one object
SHAPE_KEYS = frozenset(  # `direction`: the angle of the first edge of a rotated box, which its points say too
    {"label", "points", "shape_type", "group_id", "flags", "description", "mask"}
    | {"score", "difficult", "attributes", "direction", PARTS}
)
TOP_ATTRIBUTES = frozenset({"kie_linking", "locked", "cuboid3d"})  # attributes with a key of their own (X-AnyLabeling)
SHAPE_TYPE = "shape_type"  # the attribute of an object whose shape the model has no kind for
ORIENTED = "oriented_rectangle"  # LabelMe's own kind of an oriented box
ROTATED = frozenset({ORIENTED, "rotation", "quadrilateral"})  # of four corners

_HEAD = 65536
_SHAPES = re.compile(rb'"shapes"\s*:\s*\[')
_MORE = re.compile(rb'"(imagePath|imageData|shape_type|points)"\s*:')
_DATA = re.compile(rb'"imageData"\s*:')
_COCO = re.compile(rb'"images"\s*:')


def is_empty(value: object) -> bool:
    """Whether the `value` of an optional key says nothing."""
    return value is None or value is False or (isinstance(value, str | list | dict) and not value)


def is_labelme(path: Path) -> bool:
    """Whether the file at `path` begins like a LabelMe file. Raises `AnnotationError` where the system fails to read
    it: it would be passed over without a fault.
    """
    try:
        head = text.read_start_as_utf8(path, _HEAD).strip()
    except OSError as error:
        paths.refuse_passing(error, path)
        return False
    known = bool(_SHAPES.search(head) and _MORE.search(head)) or bool(_DATA.search(head))
    return head.startswith(b"{") and known and not _COCO.search(head)
