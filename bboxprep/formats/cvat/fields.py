"""The declarations of CVAT, and its built-in attributes of a shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bboxprep.io.xml_encoding import holds
from bboxprep.model.columns import Column

LAYOUT = "annotations.xml or <split>.xml (CVAT for images or for video 1.1) with a folder images"

CARRIES = frozenset(
    {Column.BOXES, Column.POLYGONS, Column.MASKS, Column.ORIENTED, Column.KEYPOINTS, Column.ATTRIBUTES, Column.TRACKS}
)  # fmt: skip

NOT_SPLITS = frozenset({"annotations", "annotation", "default"})
"""What documents are called whose name says nothing of a split."""

TRACK = "track_id"
"""The attribute in which CVAT for images states the track of a shape."""

GROUP = "group_id"
"""The attribute of the shapes of a group."""

FRAME = "frame_{:06}"
"""The stem of the image of a frame of a video, which has no name in the file."""


def own_attributes(stated: Mapping[str, str]) -> dict[str, Any]:
    """The attributes of an object in the XML attributes `stated` by its element, without those at their defaults."""
    found: dict[str, Any] = {"occluded": True} if stated.get("occluded") == "1" else {}
    for name in ("z_order", GROUP):
        text = stated.get(name, "")
        if text.removeprefix("-").isdecimal() and len(text) < _LONGEST and int(text):
            found[name] = int(text)
    if stated.get("source", "manual") not in ("manual", "file", ""):
        found["source"] = stated["source"]
    return found


def stated_attributes(attributes: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """The XML attributes that state the first of the `attributes` of an object as `own_attributes` reads them, and the
    others, which need elements of their own.
    """
    if not attributes:
        return _DEFAULTS, {}
    texts = {
        name: "1" if attributes.get(name) is True else str(attributes.get(name, default))
        for name, default in _DEFAULTS.items()
    }
    read = own_attributes(texts)
    exact = [name for name in read if _same(read[name], attributes[name]) and holds(texts[name])]
    others = dict(attributes)
    for name in exact:
        if name != next(iter(others)):
            break  # what follows has elements too, which give the order
        del others[name]
    return {name: texts[name] if name in exact else default for name, default in _DEFAULTS.items()}, others


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


_DEFAULTS = {"occluded": "0", "source": "manual", "z_order": "0", GROUP: "0"}
_LONGEST = 19  # characters; more may be no number of 64 bits
