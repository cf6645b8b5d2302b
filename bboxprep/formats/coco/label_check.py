"""Checks COCO outputs for `verify`: ids that occur twice, which other programs refuse and our reader accepts, and
``num_keypoints``, by which COCO's evaluation leaves objects out.

It parses the JSON itself, independent of the reader and the writer.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bboxprep.formats.coco.options import CocoWriteOptions
from bboxprep.formats.label_faults import LabelFault
from bboxprep.io.paths import is_within, relative_path, resolved

_TABLES = ("images", "annotations", "categories")


def check(root: Path, image: str, options: CocoWriteOptions) -> Iterator[LabelFault]:
    """The ids that occur twice in a list of a document below `root`, and wrong numbers of keypoints."""
    if image:  # none has a file of its own
        return
    for path in sorted(root.glob(options.document("*"))):
        if not is_within(path, resolved(root)):
            continue
        try:
            document: Any = json.loads(path.read_text(encoding="utf-8"))
            ids = {table: [row["id"] for row in document[table]] for table in _TABLES}
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue  # the reader reports it
        for table, found in ids.items():
            for number, count in Counter(map(str, found)).items():
                if count > 1:
                    words = f"{table}: the id {number} stands {count} times"
                    yield LabelFault("id-repeated", words, path=relative_path(path, root))
        for place, row in enumerate(document["annotations"]):
            if words := _miscounted(row):
                where = f"annotations[{place}].num_keypoints"
                yield LabelFault("keypoints-miscounted", words, where, relative_path(path, root))


def _miscounted(row: Any) -> str:
    """What is wrong with ``num_keypoints`` of an annotation; "" where nothing is, or it has no keypoints."""
    points, stated = row.get("keypoints"), row.get("num_keypoints")
    if not isinstance(points, list) or stated is None:
        return ""
    labelled = sum(flag != 0 for flag in points[2::3])
    return "" if stated == labelled else f"states {stated!r:.20} keypoints, {labelled} are labelled"
