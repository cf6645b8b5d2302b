"""Reads one CSV file, image by image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from bboxprep.errors import AnnotationError, UsageError
from bboxprep.findings import Finding
from bboxprep.formats.corner_numbers import Corner, parse_corner
from bboxprep.formats.csv.table import CORNERS, ROLES, Form, form_of, rows_of
from bboxprep.formats.text_values import decode_value
from bboxprep.geometry.affine import Size
from bboxprep.io.lenient_json import number, whole
from bboxprep.io.text import read_text

_MOST_BYTES = 1 << 30
_FIRST_ROWS = 64
_MOST_SIDE = 2**31
_AS_STATED = ("x0", "x1", "y0", "y1")  # the header of Udacity, whose values are x0, y0, x1, y1


class CsvBox(msgspec.Struct, frozen=True):
    """One row: the class, and x0 y0 x1 y1 as they stand and each less one (`formats.origin`)."""

    label: str
    corners: tuple[float, float, float, float]
    less_one: tuple[float, float, float, float]
    score: float
    attributes: Mapping[str, Any]


class CsvImage(msgspec.Struct, frozen=True):
    """The rows about one image, the first of which is `where`; `word` is what they call its split. `findings` lack path
    and split.
    """

    name: str
    word: str
    declared: Size | None
    where: str
    boxes: tuple[CsvBox, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass
class CsvDocument:
    """The images of a file, whether any corner has decimals, and findings about rows without an image."""

    form: Form
    images: list[CsvImage]
    has_decimals: bool
    findings: list[Finding]


@dataclass
class _Rows:
    """What is gathered of one image."""

    where: str
    declared: Size | None
    boxes: list[CsvBox] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def read_csv(path: Path, columns: str, encoding: str) -> CsvDocument:
    """The document at `path`. Raises `AnnotationError`, and `UsageError` for `columns` that it has not."""
    text = read_text(path, _MOST_BYTES, encoding).removeprefix("\ufeff")
    try:
        form = form_of(text[: 1 << 16].splitlines()[:_FIRST_ROWS], columns)
    except UsageError:
        raise
    except ValueError as error:
        raise AnnotationError(path, "line 1", str(error)) from error
    if form is None:
        wanted = "want columns of the image, the class and the corners of boxes; `columns` names them"
        raise AnnotationError(path, "line 1", wanted)
    rows = list(rows_of(path, text, form))
    findings: list[Finding] = []
    if form.has_header and [role for role in form.roles if role in CORNERS] == [*_AS_STATED]:
        form = _udacity(form, [row for _, row in rows], findings)
    reading = _Reading(form)
    for line, row in rows:
        reading.add(f"line {line}", row)
    images = [
        CsvImage(name, word, own.declared, own.where, tuple(own.boxes), tuple(own.findings))
        for (word, name), own in reading.images.items()
    ]
    return CsvDocument(form, images, reading.has_decimals, [*findings, *reading.lost])


def _udacity(form: Form, rows: Sequence[Sequence[str]], findings: list[Finding]) -> Form:
    """`form` with its corners in the order of the values, where the header contradicts them."""
    places = [form.roles.index(role) for role in _AS_STATED]
    boxes = [[number(row[place]) if len(row) > place else None for place in places] for row in rows]
    whole_boxes = [[value for value in box if value is not None] for box in boxes if None not in box]
    as_stated = sum(x0 < x1 and y0 < y1 for x0, x1, y0, y1 in whole_boxes)
    as_corners = sum(x0 < x1 and y0 < y1 for x0, y0, x1, y1 in whole_boxes)
    if as_corners <= as_stated:
        return form
    words = (
        f"the header says xmin, xmax, ymin, ymax, but {as_corners:,} of {len(boxes):,} rows are xmin, ymin, xmax, ymax"
    )
    findings.append(Finding("record-repaired", words, where="line 1"))
    roles = list(form.roles)
    for place, role in zip(places, CORNERS, strict=True):
        roles[place] = role
    return msgspec.structs.replace(form, roles=tuple(roles))


class _Reading:
    """Gathers rows by image."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.images: dict[tuple[str, str], _Rows] = {}
        self.lost: list[Finding] = []
        self.has_decimals = False

    def add(self, where: str, row: Sequence[str]) -> None:
        cells = {role: cell for role, cell in zip(self.form.roles, row, strict=False) if role}
        image, label = cells.get("image", ""), cells.get("class", self.form.one_class)
        if not image.strip():
            self.lost.append(Finding("record-unreadable", "the row names no image", where=where, objects=1))
            return
        sides = [whole(cells.get(role, "")) or 0 for role in ("width", "height")]
        declared = Size(*sides) if all(0 < side < _MOST_SIDE for side in sides) else None
        own = self.images.setdefault((cells.get("split", "").strip().lower(), image), _Rows(where, declared))
        texts = self._numbers(cells)
        if not any(text.strip() for text in texts) and not label.strip("- "):
            return  # an image without objects
        if not any(text.strip() for text in texts) and self.form.one_class:
            return
        try:
            corners = self._corners(texts)
        except ValueError as error:
            own.findings.append(Finding("record-unreadable", str(error), where=where, objects=1, category=label))
            return
        if not label:
            own.findings.append(Finding("record-unreadable", "the row names no class", where=where, objects=1))
            return
        x0, y0, x1, y1 = corners
        score = number(cells.get("score", ""))
        own.boxes.append(
            CsvBox(
                label,
                (x0.value, y0.value, x1.value, y1.value),
                (x0.less_one, y0.less_one, x1.less_one, y1.less_one),
                float("nan") if score is None else score,
                self._attributes(row),
            )
        )

    def _numbers(self, cells: Mapping[str, str]) -> list[str]:
        if "bbox" in cells:
            inner = cells["bbox"].strip().strip("[]()")
            return inner.replace(",", " ").split() if inner else []
        ends = ("x1", "y1") if "x1" in self.form.roles else ("w", "h")
        return [cells.get(role, "") for role in ("x0", "y0", *ends)]

    def _corners(self, texts: Sequence[str]) -> list[Corner]:
        """The corners in `texts`. Raises ValueError."""
        if len(texts) != len(CORNERS):
            raise ValueError(f"have {len(texts)} numbers, want 4")
        corners = [parse_corner(text) for text in texts]
        self.has_decimals |= any(corner.decimals for corner in corners)
        if "x1" in self.form.roles:
            return corners
        starts = corners[:2]
        ends = [start.value + side.value for start, side in zip(starts, corners[2:], strict=True)]
        return [*starts, *(Corner(end, end - 1.0, decimals=False, repaired=False) for end in ends)]

    def _attributes(self, row: Sequence[str]) -> dict[str, Any]:
        """The values of columns that have no role of a box."""
        named = zip(self.form.names, self.form.roles, row, strict=False)
        return {name: decode_value(cell) for name, role, cell in named if name and cell and role not in ROLES}
