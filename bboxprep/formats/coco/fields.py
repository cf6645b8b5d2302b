"""Constants of COCO: the layout, the columns it holds, and the names of fields."""

from __future__ import annotations

from bboxprep.model.columns import Column

LAYOUT = "annotations/*.json, <split>/_annotations.coco.json, or a JSON beside the images"

CARRIES = frozenset(
    {
        Column.BOXES, Column.POLYGONS, Column.MASKS, Column.ORIENTED, Column.KEYPOINTS, Column.CROWD,
        Column.AREAS, Column.SCORES, Column.IDS, Column.ATTRIBUTES, Column.TRACKS,
    }
)  # fmt: skip
"""The columns that COCO holds. A new column is not among them until the reader and the writer know it."""

OWN_FIELDS = "coco_fields"
"""The attribute that keeps those fields of a record that COCO does not define."""

TRACK = "track_id"
"""The field of TAO and others for the track of an object. Where other undefined fields stand before it, `OWN_FIELDS`
keeps its place, with null for its value.
"""

CORNERS = "oriented_box"
"""Our field for the corners of an oriented box: x, y of each in px, in the order of the drawing."""

ROTATION = "rotation"
"""CVAT's attribute for the degrees that `bbox` is turned by about its centre, clockwise on the screen."""

KNOWN_FIELDS = frozenset(
    {"id", "image_id", "category_id", "bbox", "area", "iscrowd", "segmentation", "keypoints", "num_keypoints", "score"}
    | {CORNERS}
)
