"""Parses the rows of a YOLO label file into boxes, polygons and keypoints as fractions of the image (`parse`).

`row_kinds` lists the kinds of rows. A byte order mark, any line end, any number of blanks or tabs, blank lines,
exponents and ``0.0`` for a class are accepted. A row that cannot be parsed is a finding; the other rows are kept.

**Rounding.** A box whose centre and size were rounded to d decimals can reach 0.75 * 10^-d over the edge (half a step
of the centre and a quarter of the size). An excess of that, or of 1e-6, is clipped without a finding, but never more
than 1e-3. A larger excess is no rounding: `ObjectPolicy.outside` decides, as in any format.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bboxprep.findings import Finding
from bboxprep.formats.yolo.row_kinds import RowGrammar, RowKind
from bboxprep.geometry.shapes import Boxes
from bboxprep.io.paths import error_reason, read_start
from bboxprep.io.text import as_utf8, marked_encoding, not_decoded
from bboxprep.model.categories import MOST_CLASSES
from bboxprep.model.columns import Rings, default_column
from bboxprep.model.conventions import beyond_table

Floats = NDArray[np.float64]

MOST_BYTES = 16 * 1024**2  # a label file of one image; 400,000 boxes
_MOST_LISTED = 100  # findings of one file that are listed one by one
_LEAST_ROUNDING, _MOST_ROUNDING = 1e-6, 1e-3
_LARGEST = 1e9

_Row = tuple[int, list[bytes]]  # the number of its line, and its numbers as they are written


@dataclass(frozen=True)
class Rows:
    """The objects of one label file, in its order, and findings.

    `boxes` (N, 4) are x0 y0 x1 y1, `rings`, `keypoints` (N, K, 2) are x y, all as fractions; `visibility` (N, K) is
    COCO's; `scores` (N,) NaN where there is none. `source_count` counts the rows that are not blank: N + the objects of
    the findings.
    """

    labels: NDArray[np.int64]
    boxes: Boxes
    scores: Floats
    rings: tuple[Rings, ...]
    keypoints: Floats
    visibility: NDArray[np.uint8]
    findings: tuple[Finding, ...]
    source_count: int


@dataclass(frozen=True)
class _Notes:
    """Collects the findings of one file."""

    path: str
    split: str
    by_line: list[tuple[int, Finding]] = field(default_factory=list)

    def add(self, code: str, line: int, message: str, objects: int = 0) -> None:
        where = f"line {line}" if line else ""
        self.by_line.append((line, Finding(code, message, self.path, where, objects, split=self.split)))

    def drop(self, row: _Row, message: str, code: str = "record-unreadable") -> None:
        self.add(code, row[0], message, 1)

    def findings(self) -> tuple[Finding, ...]:
        """The first of them by line, the rest counted by code, so that a ruined file cannot flood the report."""
        ordered = [finding for _, finding in sorted(self.by_line, key=lambda item: item[0])]
        rest: dict[str, list[Finding]] = defaultdict(list)
        for finding in ordered[_MOST_LISTED:]:
            rest[finding.code].append(finding)
        summed = [
            Finding(
                code, f"{len(more)} more rows", self.path, objects=sum(one.objects for one in more), split=self.split
            )
            for code, more in sorted(rest.items())
        ]
        return (*ordered[:_MOST_LISTED], *summed)


class _RowGroup(NamedTuple):
    """The valid rows with one number of columns."""

    lines: list[int]
    labels: NDArray[np.int64]
    boxes: Boxes
    scores: Floats
    rings: tuple[Rings, ...]
    keypoints: Floats
    visibility: NDArray[np.uint8]


def parse(data: bytes, grammar: RowGrammar, path: str = "", split: str = "") -> Rows:
    """The rows of a label file whose bytes are `data`; `path` and `split` are what findings call it."""
    notes = _Notes(path, split)
    data, fault = _decoded(data)
    if fault:
        listed = _count_lines(data)
        notes.add("record-unreadable", 0, fault, listed)
        return _collect([], grammar, notes, listed)
    groups = _by_columns(data)
    read = [_read_group(columns, rows, grammar, notes) for columns, rows in sorted(groups.items())]
    listed = sum(map(len, groups.values()))
    return _collect([part for part in read if part is not None], grammar, notes, listed)


def read_labels(file: Path, grammar: RowGrammar, path: str = "", split: str = "") -> Rows:
    """The rows of the label file `file`; none, and a finding, where it cannot be opened."""
    try:
        return parse(read_start(file, MOST_BYTES + 1), grammar, path, split)
    except OSError as error:
        notes = _Notes(path, split)
        notes.add("record-unreadable", 0, f"cannot be read ({error_reason(error)})")
        return _collect([], grammar, notes, 0)


def looks_like_rows(data: bytes) -> bool:
    """Whether the first line of `data`, in UTF-8, that is not blank is a row of numbers that could be an object."""
    for line in data.splitlines():
        tokens = line.split()
        if tokens:
            values = _numbers(tokens)
            return len(tokens) >= 5 and values is not None and values[0] >= 0 and values[0].is_integer()
    return False


def _decoded(data: bytes) -> tuple[bytes, str]:
    """The text of a label file in UTF-8, and what is wrong with it as a whole."""
    if len(data) > MOST_BYTES:
        return data, f"more than {MOST_BYTES:,} bytes, too large for the labels of one image"
    try:
        return as_utf8(data), ""
    except UnicodeDecodeError as error:
        return data, f"byte {error.start}: {not_decoded(error)}"


def _count_lines(data: bytes) -> int:
    text = data.decode(marked_encoding(data) or "latin-1", "replace").encode("utf-8", "replace")
    return sum(1 for line in text.splitlines() if line.strip())


def _by_columns(data: bytes) -> dict[int, list[_Row]]:
    """The rows by their number of columns."""
    groups: dict[int, list[_Row]] = defaultdict(list)
    for number, line in enumerate(data.splitlines(), 1):
        if tokens := line.split():
            groups[len(tokens)].append((number, tokens))
    return groups


def _numbers(tokens: Sequence[bytes]) -> list[float] | None:
    try:
        values = list(map(float, tokens))
    except ValueError:
        return None
    return None if b"_" in b"".join(tokens) else values  # Python parses 1_000 as a number


def _guess(tokens: Sequence[bytes]) -> str:
    """A message why `tokens` are not a row of numbers."""
    bad = next(token for token in tokens if _numbers([token]) is None)
    shown = repr(bad[:40].decode("utf-8", "replace"))
    if b"," in bad:
        whole = len(tokens) >= 5 and all(_numbers([token.replace(b",", b".", 1)]) for token in tokens[1:])
        return (
            f"have {shown}, want a number with a decimal point (decimal comma?)"
            if whole
            else (f"have {shown}, want numbers with blanks between (comma separated?)")
        )
    if bad == tokens[0] and len(tokens) >= 5 and _numbers(tokens[1:]) is not None:
        return f"have {shown}, want the number of a class (a class name?)"
    return f"have {shown}, want a number"


def _read_group(columns: int, rows: list[_Row], grammar: RowGrammar, notes: _Notes) -> _RowGroup | None:
    """The valid rows among `rows`, which all have `columns` columns."""
    read = _numbers([token for _, tokens in rows for token in tokens])
    if read is None:
        return _read_group(columns, _numeric(rows, notes), grammar, notes)
    kind = grammar.kind(columns)
    if kind is None:
        for row in rows:
            notes.drop(row, f"have {columns} columns, want {grammar.wanted}")
        return None
    values = np.array(read, dtype=np.float64).reshape(-1, columns)
    good = _sound(kind, values, grammar)
    if np.count_nonzero(good) < len(rows):
        for index in np.flatnonzero(~good):
            notes.drop(rows[index], *_fault(kind, rows[index], grammar))
        rows, values = [rows[index] for index in np.flatnonzero(good)], values[good]
    return _row_group(kind, values, rows, grammar) if rows else None


def _numeric(rows: list[_Row], notes: _Notes) -> list[_Row]:
    """Those of `rows` that are numbers; the others are noted."""
    good = []
    for row in rows:
        if _numbers(row[1]) is None:
            notes.drop(row, _guess(row[1]))
        else:
            good.append(row)
    return good


def _row_group(kind: RowKind, values: Floats, rows: list[_Row], grammar: RowGrammar) -> _RowGroup:
    boxes, rings = _outlines(values, rows) if kind is RowKind.RING else (_edges(values, rows), ((),) * len(rows))
    keypoints, visibility = _keypoints(kind, values, rows, grammar)
    return _RowGroup(
        lines=[line for line, _ in rows],
        labels=values[:, 0].astype(np.int64) - grammar.first,
        boxes=boxes,
        scores=values[:, 5] if kind is RowKind.SCORED else default_column(len(rows), np.nan),
        rings=rings,
        keypoints=keypoints,
        visibility=visibility,
    )


def _sound(kind: RowKind, values: Floats, grammar: RowGrammar) -> NDArray[np.bool_]:
    """Which rows (N,) of numbers can be read; of the others `_fault` says why not."""
    classes = values[:, 0]
    good = np.asarray((np.abs(values) < _LARGEST).all(axis=1))
    first = grammar.first
    good &= (classes == np.floor(classes)) & (classes >= first) & (classes < first + _most(grammar))
    if kind is RowKind.SCORED:
        good &= (values[:, 5] >= 0) & (values[:, 5] <= 1)
    if _tells_visibility(kind, grammar):
        good &= np.isin(values[:, 7::3], (0, 1, 2)).all(axis=1)
    return good


def _fault(kind: RowKind, row: _Row, grammar: RowGrammar) -> tuple[str, str]:
    """What is wrong with a row of numbers that is not `_sound`, the worst first; and the code of the finding."""
    _, tokens = row
    label, *values = map(float, tokens)
    wild = [token for token in tokens if not abs(float(token)) < _LARGEST]
    if wild:
        code = "record-unreadable" if all(map(isfinite, values)) else "box-not-finite"
        return f"have {_text(wild[0])}, want a fraction of the image", code
    if not label.is_integer():
        return f"class {_text(tokens[0])}, want a whole number", "record-unreadable"
    if not 0 <= label - grammar.first < _most(grammar):
        stated = f"id {int(label)} only {MOST_CLASSES} classes can be"
        return stated if grammar.classes is None else beyond_table(int(label), grammar.classes), "category-unknown"
    if kind is RowKind.SCORED:
        return f"confidence {_text(tokens[5])}, want 0 to 1", "record-unreadable"
    return "visibility of a keypoint, want 0, 1 or 2", "record-unreadable"


def _most(grammar: RowGrammar) -> int:
    return MOST_CLASSES if grammar.classes is None else grammar.classes


def _tells_visibility(kind: RowKind, grammar: RowGrammar) -> bool:
    return kind is RowKind.POSE and grammar.keypoints is not None and grammar.keypoints[1] == 3


def _edges(values: Floats, rows: list[_Row]) -> Boxes:
    centre, half = values[:, 1:3], values[:, 3:5] / 2.0
    edges = np.empty((len(rows), 4))
    np.subtract(centre, half, out=edges[:, :2])
    np.add(centre, half, out=edges[:, 2:])
    return _snap(edges, rows)


def _outlines(values: Floats, rows: list[_Row]) -> tuple[Boxes, tuple[Rings, ...]]:
    """The hulls (N, 4) of polygon rows, and their rings."""
    outlines = _snap(values[:, 1:], rows).reshape(len(rows), -1, 2)
    boxes = np.concatenate((outlines.min(axis=1), outlines.max(axis=1)), axis=1)
    return boxes, tuple((outline,) for outline in outlines)


def _keypoints(
    kind: RowKind, values: Floats, rows: list[_Row], grammar: RowGrammar
) -> tuple[Floats, NDArray[np.uint8]]:
    """The points (N, K, 2) and their visibility (N, K); a point of two numbers is visible unless it is 0, 0."""
    count, numbers = grammar.keypoints or (0, 2)
    if kind is not RowKind.POSE:
        return np.zeros((len(rows), count, 2)), np.zeros((len(rows), count), np.uint8)
    points = values[:, 5:].reshape(len(rows), count, numbers)
    seen: Floats = points[..., 2] if numbers == 3 else np.where(points.any(axis=2), 2.0, 0.0)
    places = _snap(points[..., :2].reshape(len(rows), -1), rows)
    return places.reshape(len(rows), count, 2).astype(np.float64), seen.astype(np.uint8)


def _snap(values: Floats, rows: list[_Row]) -> Floats:
    """`values` (N, M) with those that rounding has brought over the edge of the image laid on it."""
    inside = np.minimum(np.maximum(values, 0.0), 1.0)
    spills = np.abs(inside - values)
    if not np.count_nonzero(spills > _LEAST_ROUNDING):
        return inside
    rounding = np.array([_rounding(row) for row in rows])[:, None]
    return np.where(spills <= rounding, inside, values)


def _rounding(row: _Row) -> float:
    """How far the edges of a row can lie off by the rounding of its numbers, see the module."""
    _, tokens = row
    decimals = max(len(token.partition(b".")[2]) for token in tokens[1:])
    return min(max(_LEAST_ROUNDING, 0.75 * 10.0**-decimals), _MOST_ROUNDING)


def _collect(parts: Sequence[_RowGroup], grammar: RowGrammar, notes: _Notes, listed: int) -> Rows:
    """The rows of all parts in the order of the file."""
    parts = parts or (_no_rows(grammar),)
    if len(parts) == 1:  # in its order already
        one = parts[0]
        found = notes.findings() if notes.by_line else ()
        return Rows(one.labels, one.boxes, one.scores, one.rings, one.keypoints, one.visibility, found, listed)
    order = np.argsort([line for part in parts for line in part.lines])
    rings = [ring for part in parts for ring in part.rings]
    return Rows(
        labels=np.concatenate([part.labels for part in parts])[order],
        boxes=np.concatenate([part.boxes for part in parts])[order],
        scores=np.concatenate([part.scores for part in parts])[order],
        rings=tuple(rings[index] for index in order),
        keypoints=np.concatenate([part.keypoints for part in parts])[order],
        visibility=np.concatenate([part.visibility for part in parts])[order],
        findings=notes.findings(),
        source_count=listed,
    )


def _no_rows(grammar: RowGrammar) -> _RowGroup:
    count = grammar.keypoints[0] if grammar.keypoints else 0
    seen = np.zeros((0, count), dtype=np.uint8)
    return _RowGroup([], np.zeros(0, dtype=np.int64), np.zeros((0, 4)), np.zeros(0), (), np.zeros((0, count, 2)), seen)


def _text(token: bytes) -> str:
    return token[:40].decode("utf-8", "replace")
