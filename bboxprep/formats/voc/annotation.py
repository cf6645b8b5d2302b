"""Parses one Pascal VOC file, which is untrusted input, into a compact `Annotation`.

Elements are found by name, not by position; only a direct child ``bndbox`` is the box of an object (those of its parts
are not). An invalid object becomes a finding and is counted; an invalid file raises `AnnotationError`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from sys import intern
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

import numpy as np

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.formats.corner_numbers import Corner, less_one, parse_corner
from bboxprep.formats.origin import Corners, LabellingTool, tool_of
from bboxprep.formats.text_values import decode_value
from bboxprep.formats.voc.numbers import DEFAULT_ATTRIBUTES, text_below
from bboxprep.geometry.affine import Points, Size
from bboxprep.geometry.shapes import hull
from bboxprep.io.xml_tree import parse_xml

_EDGES = ("xmin", "ymin", "xmax", "ymax")
_OTHER_SHAPES = frozenset(
    {"part", "point", "robndbox", "keypoints"}
)  # as attributes they would not move with the image
_NOT_ATTRIBUTES = _OTHER_SHAPES | {"name", "bndbox", "attributes", "polygon", "segmentation"}


class Annotation(NamedTuple):
    """The content of one file: N valid objects of its `source_count` object elements.

    `written` (4 N) are the numbers of the boxes as they are written, `less_one` these minus one. `names`, `attributes`
    and `numbers` (the number of the object element, from 1) have length N. `rings` has float64 (P, 2) polygons by row,
    as they are written. `filename` is without folders; `declared` is None where the size is missing or zero. `unread`
    are the tags of shapes that are not read. `findings` lack path and split.
    """

    filename: str
    declared: Size | None
    tool: LabellingTool | None
    written: tuple[float, ...]
    less_one: tuple[float, ...]
    names: tuple[str, ...]
    numbers: tuple[int, ...]
    attributes: tuple[Mapping[str, Any], ...]
    rings: Mapping[int, tuple[Points, ...]]
    source_count: int
    findings: tuple[Finding, ...]
    unread: tuple[str, ...]
    extra: Mapping[str, Any]

    @property
    def corners(self) -> Corners:
        """The numbers of the boxes as written, and minus one: float64 (2, N, 4)."""
        return np.array((self.written, self.less_one), dtype=np.float64).reshape(2, -1, 4)


@dataclass(slots=True)
class _ObjectList:
    """Collects the objects of one file."""

    written: list[float] = field(default_factory=list)
    less_one: list[float] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    attributes: list[Mapping[str, Any]] = field(default_factory=list)
    rings: dict[int, tuple[Points, ...]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    repairs: list[str] = field(default_factory=list)  # messages, at most one of a kind for each object
    unread: list[str] = field(default_factory=list)  # tags
    decimals: bool = False


class _UnreadableError(Exception):
    """An object is invalid: the place below it, and why."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(where, problem)
        self.where = where
        self.problem = problem


def read_annotation(path: Path, data: bytes, encoding: str = "") -> Annotation:
    """Parse `data`, the content of the file at `path`; `encoding` is that of `io.xml_encoding.for_expat`.

    Raises `AnnotationError`.
    """
    root = parse_xml(path, data, encoding)
    if root.tag != "annotation":
        raise AnnotationError(path, "", f"have the root element <{root.tag}>, want <annotation>")
    return _read_annotation(root)


def _read_annotation(root: Element) -> Annotation:
    objects = root.findall("object")
    objects_read = _ObjectList()
    for number, element in enumerate(objects, 1):
        try:
            _read_object(element, objects_read)
            objects_read.numbers.append(number)
        except _UnreadableError as error:
            where, category = f"object[{number}]/{error.where}", _text(element, "name")
            objects_read.findings.append(Finding("record-unreadable", error.problem, "", where, 1, category))
    for what, count in sorted(Counter(objects_read.repairs).items()):
        objects_read.findings.append(Finding("record-repaired", f"{what} ({count} of {len(objects)} objects)"))
    return Annotation(
        filename=file_name(_text(root, "filename")),
        declared=declared_size(*(text_below(root, "size", tag) for tag in ("width", "height"))),
        tool=tool_of(
            text_below(root, "source", "database"),
            text_below(root, "source", "annotation"),
            names_database=root.find("database") is not None,
            names_path=root.find("path") is not None,
            decimals=objects_read.decimals,
        ),
        written=tuple(objects_read.written),
        less_one=tuple(objects_read.less_one),
        names=tuple(objects_read.names),
        numbers=tuple(objects_read.numbers),
        attributes=tuple(objects_read.attributes),
        rings=objects_read.rings,
        source_count=len(objects),
        findings=tuple(objects_read.findings),
        unread=tuple(objects_read.unread),
        extra=file_extra(_text(root, "folder"), text_below(root, "source", "database")),
    )


def _read_object(element: Element, objects_read: _ObjectList) -> None:
    """Add the object `element` to `objects_read`; adds nothing where it raises `_UnreadableError`."""
    name = _text(element, "name")
    if not name:
        raise _UnreadableError("name", "is missing or empty")
    shapes = element.findall("polygon") + element.findall("segmentation")
    rings = [ring for shape in shapes if (ring := _ring(shape)) is not None]
    written, less = _box(element, rings, objects_read)
    objects_read.written += written
    objects_read.less_one += less
    if rings:
        objects_read.rings[len(objects_read.names)] = tuple(rings)
    objects_read.names.append(intern(name))
    objects_read.attributes.append(_attributes(element))
    objects_read.unread += [child.tag for child in element if child.tag in _OTHER_SHAPES]
    objects_read.unread += ["polygon"] * (len(shapes) - len(rings))


def _box(element: Element, rings: list[Points], objects_read: _ObjectList) -> tuple[Sequence[float], Sequence[float]]:
    """The four numbers of the box of an object, else of the box around its polygon; and these minus one.

    Raises `_UnreadableError`.
    """
    boxes = element.findall("bndbox")
    if not boxes and rings:
        objects_read.repairs.append("no bndbox, the box around the polygon was taken")
        around = hull(np.concatenate(rings)).tolist()
        return around, [less_one(Decimal(value)) for value in around]
    if len(boxes) != 1:
        others = [f"<{child.tag}>" for child in element if child.tag in _OTHER_SHAPES]
        instead = f" but a {others[0]}, which is not read" if others and not boxes else ""
        raise _UnreadableError("bndbox", f"have {len(boxes)} boxes{instead}, want 1")
    corners = [_corner(boxes[0], tag) for tag in _EDGES]
    written, less, decimals, repaired = zip(*corners, strict=True)
    objects_read.decimals |= any(decimals)
    if any(repaired):
        objects_read.repairs.append("decimal comma, read as a point")
    return written, less


def _corner(box: Element, tag: str) -> Corner:
    """The number of one edge. Raises `_UnreadableError`."""
    text = box.findtext(tag)
    try:
        return parse_corner(text or "")
    except ValueError as error:
        problem = "is missing" if text is None else str(error) if text.strip() else "is empty, want a number"
        raise _UnreadableError(f"bndbox/{tag}", problem) from error


def _ring(shape: Element) -> Points | None:
    """The points (P, 2) of a polygon whose leaves alternate x and y (``x y x y`` or ``x1 y1 x2 y2``), else None."""
    leaves = [leaf for leaf in shape.iter() if not len(leaf)]
    axes = [leaf.tag.rstrip("0123456789") for leaf in leaves]
    if len(leaves) < 6 or axes != ["x", "y"] * (len(leaves) // 2):
        return None
    try:
        values = [parse_corner(leaf.text or "").value for leaf in leaves]
    except ValueError:
        return None
    ring = np.array(values, dtype=np.float64).reshape(-1, 2)
    return ring if np.isfinite(ring).all() else None


def _attributes(element: Element) -> dict[str, Any]:
    """The attributes of an object: its text children, those one level below other children, CVAT's ``attributes``."""
    found: dict[str, Any] = {}
    for child in element:
        tag = child.tag
        if tag in _NOT_ATTRIBUTES:
            continue
        if len(child):
            found[tag] = {leaf.tag: decode_value((leaf.text or "").strip()) for leaf in child if not len(leaf)}
        elif text := (child.text or "").strip():
            found[tag] = decode_value(text)
    found = _without_defaults(found)
    for block in element.findall("attributes"):
        for attribute in block.findall("attribute"):
            if name := attribute.findtext("name"):
                found[intern(name)] = decode_value(attribute.findtext("value") or "")
    if parts := [_text(part, "name") for part in element.findall("part")]:
        found["parts"] = parts
    return found


def own_attributes(texts: Mapping[str, str]) -> dict[str, Any]:
    """The attributes of an object whose elements have the `texts`."""
    return _without_defaults({tag: decode_value(bare) for tag, text in texts.items() if (bare := text.strip())})


def _without_defaults(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """`attributes` without those at their default values."""
    return {intern(tag): value for tag, value in attributes.items() if DEFAULT_ATTRIBUTES.get(tag) != value}


def file_name(text: str) -> str:
    """The file name in a ``<filename>``, without folders."""
    return text.replace("\\", "/").rpartition("/")[2].strip()


def declared_size(*sides: str) -> Size | None:
    """The declared size of width and height; None where one is missing, zero or not a number."""
    try:
        width, height = (parse_corner(side).value for side in sides)
    except ValueError:
        return None
    whole = all(1 <= side < 2**31 for side in (width, height))  # False for NaN
    return Size(round(width), round(height)) if whole else None


def file_extra(folder: str, database: str) -> dict[str, str]:
    """The other data of a file about its image, without empty values."""
    texts = {"folder": folder.strip(), "database": database.strip()}
    return {tag: intern(text) for tag, text in texts.items() if text}


def _text(element: Element, path: str) -> str:
    return (element.findtext(path) or "").strip()
