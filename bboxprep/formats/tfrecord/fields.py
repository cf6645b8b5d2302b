"""The names of the features of a record, and what they hold: fractions of the width and height, px², whole numbers."""

from __future__ import annotations

from bboxprep.model.columns import Column

CARRIES = frozenset({Column.BOXES, Column.CROWD, Column.MASKS, Column.KEYPOINTS, Column.ATTRIBUTES, Column.TRACKS})
LAYOUT = "<split>-<number>.tfrecord or <split>/<name>.tfrecord (.record, gzip, parts), and label_map.pbtxt"
LABEL_MAP = "label_map.pbtxt"

FORMAT_NAME, FILE_NAME, SOURCE_ID = "image/format", "image/filename", "image/source_id"
WIDTH, HEIGHT = "image/width", "image/height"

OBJECT = "image/object/"
CORNERS = tuple(f"{OBJECT}bbox/{side}" for side in ("xmin", "ymin", "xmax", "ymax"))
CROWD, AREA, MASK = f"{OBJECT}is_crowd", f"{OBJECT}area", f"{OBJECT}mask"
TRACK = f"{OBJECT}track/label"
KEYPOINT_X, KEYPOINT_Y, VISIBILITY = (f"{OBJECT}keypoint/{name}" for name in ("x", "y", "visibility"))
FLAGS = ("difficult", "truncated", "group_of")
"""The attributes that trainers know, whole numbers: ``image/object/difficult``."""

OTHERS = ("weight", "view")
"""Further attributes of the API, which are read."""

ATTRIBUTE = f"{OBJECT}attribute/"
"""The beginning of the features of all other attributes, as text (`formats.text_values`); b"" where an object has
none."""
