"""Tells a document of COCO panoptic from other documents of COCO, which have the same images, classes and places."""

from __future__ import annotations

from pathlib import Path

from bboxprep.io.paths import refuse_passing
from bboxprep.io.text import read_start_as_utf8

_MOST = 8 << 20  # bytes that are looked at: the lists of images before the segments are long
_FIELD = b'"segments_info"'
_NAME = "panoptic"


def lists_segments(path: Path) -> bool:
    """Whether the JSON at `path` lists segments of PNGs: it has their field. Of a longer one than is looked at, the
    name decides.
    """
    try:
        start = read_start_as_utf8(path, _MOST)
    except OSError as error:
        refuse_passing(error, path)
        return False
    return _FIELD in start or (len(start) >= _MOST and _NAME in path.name.lower())
