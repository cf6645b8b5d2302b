"""Checks YOLO outputs for `verify`: numbers just outside of 0 to 1, which trainers refuse and our reader accepts.

It parses the rows itself, independent of the reader and the writer.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bboxprep.errors import AnnotationError
from bboxprep.formats.label_faults import LabelFault
from bboxprep.formats.yolo.options import YoloWriteOptions
from bboxprep.io.paths import is_within, read_bytes, resolved

_MOST_BYTES = 64 << 20  # of the labels of one image
_ROUNDING = 1e-6  # that a fraction may lie outside of 0 to 1


def check(root: Path, image: str, options: YoloWriteOptions) -> Iterator[LabelFault]:
    """The rows of the label file of `image` with a number outside of 0 to 1, or a box with an edge there.

    Rows of keypoints hold other numbers too, and are not checked.
    """
    if not image or options.task == "pose":
        return
    path = root / options.label(image)
    if not is_within(path, resolved(root)):
        return
    try:
        lines = read_bytes(path, _MOST_BYTES).decode("utf-8").splitlines()
        rows = [(number, [float(word) for word in line.split()[1:]]) for number, line in enumerate(lines, 1)]
    except (AnnotationError, ValueError):
        return  # the reader reports it
    for number, values in rows:
        edges = list(values)
        if len(values) == 4:
            x, y, w, h = values
            edges += [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
        if not all(-_ROUNDING <= edge <= 1 + _ROUNDING for edge in edges):
            yield LabelFault("outside-range", "a fraction lies outside 0 to 1", where=f"line {number}")
