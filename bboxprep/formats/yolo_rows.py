"""Parses the rows of YOLO label files into boxes, polygons and keypoints as fractions of the image (`parse`).

The rows of many files are parsed together, their lines numbered through: numpy takes longer for the few rows of one
file than the parsing does.

`row_kinds` lists the kinds of rows. A byte order mark, any line end, any number of blanks or tabs, blank lines,
exponents and ``0.0`` for a class are accepted. A row that cannot be parsed is a finding; the other rows are kept.

**Rounding.** A box whose centre and size were rounded to d decimals can reach 0.75 * 10^-d over the edge (half a step
of the centre and a quarter of the size). An excess of that, or of 1e-6, is clipped without a finding, but never more
than 1e-3. A larger excess is no rounding: `ObjectPolicy.outside` decides, as in any format.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bboxprep.formats.plain_numbers import count_lines, plain_numbers
from bboxprep.formats.yolo_row_kinds import BoxStyle, RowGrammar, RowKind
from bboxprep.formats.yolo_row_notes import Floats, LabelFile, LabelNotes, Rows
from bboxprep.geometry.shapes import Boxes
from bboxprep.io.paths import error_reason, read_start
from bboxprep.io.text import as_utf8, marked_encoding, not_decoded
from bboxprep.model.categories import MOST_CLASSES
from bboxprep.model.columns import default_column
from bboxprep.model.conventions import beyond_table
from bboxprep.model.polygons import Rings

MOST_BYTES = 16 * 1024**2  # a label file of one image; 400,000 boxes
_LEAST_ROUNDING, _MOST_ROUNDING = 1e-6, 1e-3
_LARGEST = 1e9

_Row = tuple[int, list[bytes]]  # the number of its line, and its numbers as they are written


_UNNAMED = LabelFile()


class _RowGroup(NamedTuple):
    """The valid rows with one number of columns."""

    lines: list[int]
    labels: NDArray[np.int64]
    boxes: Boxes
    scores: Floats
    rings: tuple[Rings, ...]
    keypoints: Floats
    visibility: NDArray[np.uint8]


def parse(data: bytes, grammar: RowGrammar, label: LabelFile = _UNNAMED) -> Rows:
    """The rows of the file `label`, whose bytes are `data`."""
    return parse_files([label], [data], grammar)


def read_labels(files: Sequence[LabelFile], grammar: RowGrammar) -> Rows:
    """The rows of the label `files`; none, and a finding, of one that cannot be opened."""
    return parse_files(files, [_content(label.file) for label in files], grammar)


def _content(file: Path | str) -> bytes | str:
    """The rows of `file`, or the fault that prevents reading it."""
    try:
        return read_start(file, MOST_BYTES + 1)
    except OSError as error:
        return f"cannot be read ({error_reason(error)})"


def parse_files(files: Sequence[LabelFile], contents: Sequence[bytes | str], grammar: RowGrammar) -> Rows:
    """The rows of `files`, which hold the bytes `contents`, or why one could not be read."""
    return _plain_boxes(contents, grammar) or parse_any(files, contents, grammar)


def _plain_boxes(contents: Sequence[bytes | str], grammar: RowGrammar) -> Rows | None:
    """The rows of files that hold nothing but boxes, each as most programs write it; None where one does not, so that
    `parse_any` reads them. What both can read, both read alike; a law holds that.
    """
    texts = [text for text in contents if isinstance(text, bytes)]
    values = plain_numbers(texts, 5, MOST_BYTES) if len(texts) == len(contents) else None
    if values is None or not _sound(RowKind.BOX, values, grammar).all():
        return None
    edges = _xyxy(values, grammar.boxes)
    boxes = np.minimum(np.maximum(edges, 0.0), 1.0)
    if np.abs(boxes - edges).max(initial=0.0) > _LEAST_ROUNDING:
        return None
    counts = tuple(map(count_lines, texts))
    group, none = _no_rows(grammar, len(values)), ((),) * len(texts)
    labels, scores = values[:, 0].astype(np.int64) - grammar.first, default_column(len(values), np.nan)
    return Rows(labels, boxes, scores, group.rings, group.keypoints, group.visibility, counts, none, counts)


def parse_any(files: Sequence[LabelFile], contents: Sequence[bytes | str], grammar: RowGrammar) -> Rows:
    """The rows of `files` as `parse_files` gives them, of any kind, line by line."""
    notes, listed, number = LabelNotes(files), list[int](), 0
    groups: dict[int, list[_Row]] = defaultdict(list)  # by their number of columns
    for content in contents:
        notes.firsts.append(number)
        data, fault = (b"", content) if isinstance(content, str) else _decoded(content, grammar.encoding)
        if fault:
            listed.append(_count_lines(data))
            notes.add("record-unreadable", number, fault, listed[-1])
            number += 1
            continue
        lines = data.splitlines()
        rows = [(place, tokens) for place, line in enumerate(lines, number + 1) if (tokens := line.split())]
        for row in rows:
            groups[len(row[1])].append(row)
        listed.append(len(rows))
        number += 1 + len(lines)
    read = [_read_group(columns, rows, grammar, notes) for columns, rows in sorted(groups.items())]
    return _collect([part for part in read if part is not None], grammar, notes, tuple(listed))


def looks_like_rows(data: bytes) -> bool:
    """Whether the first line of `data`, in UTF-8, that is not blank is a row of numbers that could be an object."""
    for line in data.splitlines():
        tokens = line.split()
        if tokens:
            values = _numbers(tokens)
            return len(tokens) >= 5 and values is not None and values[0] >= 0 and values[0].is_integer()
    return False


def _decoded(data: bytes, encoding: str) -> tuple[bytes, str]:
    """The text of a label file in UTF-8, and what is wrong with it as a whole; `encoding` is as `io.text` has it."""
    if len(data) > MOST_BYTES:
        return data, f"more than {MOST_BYTES:,} bytes, too large for the labels of one image"
    try:
        return as_utf8(data, encoding), ""
    except UnicodeDecodeError as error:
        return data, f"byte {error.start}: {not_decoded(error)}"


def _count_lines(data: bytes) -> int:
    text = data.decode(marked_encoding(data) or "latin-1", "replace").encode("utf-8", "replace")
    return sum(1 for line in text.splitlines() if line.strip())


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


def _read_group(columns: int, rows: list[_Row], grammar: RowGrammar, notes: LabelNotes) -> _RowGroup | None:
    """The valid rows among `rows`, which all have `columns` columns."""
    read = _numbers([token for _, tokens in rows for token in tokens])
    if read is None:
        return _read_group(columns, _numeric(rows, notes), grammar, notes)
    kind = grammar.kind(columns)
    if kind is None:
        for row in rows:
            notes.drop(row[0], f"have {columns} columns, want {grammar.wanted}")
        return None
    values = np.array(read, dtype=np.float64).reshape(-1, columns)
    good = _sound(kind, values, grammar)
    if np.count_nonzero(good) < len(rows):
        for index in np.flatnonzero(~good):
            notes.drop(rows[index][0], *_fault(kind, rows[index], grammar))
        rows, values = [rows[index] for index in np.flatnonzero(good)], values[good]
    return _row_group(kind, values, rows, grammar) if rows else None


def _numeric(rows: list[_Row], notes: LabelNotes) -> list[_Row]:
    """Those of `rows` that are numbers; the others are noted."""
    good = []
    for row in rows:
        if _numbers(row[1]) is None:
            notes.drop(row[0], _guess(row[1]))
        else:
            good.append(row)
    return good


def _row_group(kind: RowKind, values: Floats, rows: list[_Row], grammar: RowGrammar) -> _RowGroup:
    if kind is RowKind.RING:
        boxes, rings = _outlines(values, rows)
    else:
        boxes, rings = _edges(values, rows, grammar.boxes), ((),) * len(rows)
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
    """Whether each row of numbers is valid: bool (N,); `_fault` explains invalid rows."""
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
    """The worst problem of an invalid row of numbers, and the code of its finding."""
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


def _edges(values: Floats, rows: list[_Row], style: BoxStyle) -> Boxes:
    return _snap(_xyxy(values, style), rows)


def _xyxy(values: Floats, style: BoxStyle) -> Boxes:
    """The edges (N, 4) of the boxes of rows, as fractions."""
    if style == "xyxy":
        return values[:, 1:5]
    centre, half = values[:, 1:3], values[:, 3:5] / 2.0
    edges = np.empty((len(values), 4))
    np.subtract(centre, half, out=edges[:, :2])
    np.add(centre, half, out=edges[:, 2:])
    return edges


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
    """The largest rounding error of the edges of a row, see the module."""
    _, tokens = row
    decimals = max(len(token.partition(b".")[2]) for token in tokens[1:])
    return min(max(_LEAST_ROUNDING, 0.75 * 10.0**-decimals), _MOST_ROUNDING)


def _collect(parts: Sequence[_RowGroup], grammar: RowGrammar, notes: LabelNotes, listed: tuple[int, ...]) -> Rows:
    """The rows of all parts in the order of their lines."""
    one = parts[0] if len(parts) == 1 else _merged(parts or (_no_rows(grammar),))
    ends = np.searchsorted(one.lines, [*notes.firsts, np.inf])
    counts = tuple(np.diff(ends).tolist())
    found = notes.findings() if notes.by_line else ((),) * len(listed)
    return Rows(one.labels, one.boxes, one.scores, one.rings, one.keypoints, one.visibility, counts, found, listed)


def _merged(parts: Sequence[_RowGroup]) -> _RowGroup:
    """The rows of all parts in the order of their lines."""
    lines = [line for part in parts for line in part.lines]
    order = np.argsort(lines)
    rings = [ring for part in parts for ring in part.rings]
    return _RowGroup(
        lines=sorted(lines),
        labels=np.concatenate([part.labels for part in parts])[order],
        boxes=np.concatenate([part.boxes for part in parts])[order],
        scores=np.concatenate([part.scores for part in parts])[order],
        rings=tuple([rings[index] for index in order]),
        keypoints=np.concatenate([part.keypoints for part in parts])[order],
        visibility=np.concatenate([part.visibility for part in parts])[order],
    )


def _no_rows(grammar: RowGrammar, rows: int = 0) -> _RowGroup:
    """So many `rows` of no values."""
    points = grammar.keypoints[0] if grammar.keypoints else 0
    seen, places, none = np.zeros((rows, points), dtype=np.uint8), np.zeros((rows, points, 2)), np.zeros(rows)
    return _RowGroup([], none.astype(np.int64), np.zeros((rows, 4)), none, ((),) * rows, places, seen)


def _text(token: bytes) -> str:
    return token[:40].decode("utf-8", "replace")
