"""The rows of a YOLO label file, as fractions of the picture.

What a row can be is told by `grammar`. Byte order mark, any line end, any number of blanks or tabs, blank lines,
exponents and ``0.0`` for a class are read; a row that cannot be read is a finding of its own and harms no other.

**Rounding.** A box whose centre and size were rounded to d decimals can reach 0.75 * 10^-d over the edge (half a step
of the centre and a quarter of the size), so that much, or 1e-6, is cut off without a word, but never more than 1e-3.
What reaches further is no rounding, and left for the floors above to judge as in any other format.
"""

from __future__ import annotations

import codecs
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bboxprep.findings import Finding
from bboxprep.formats.yolo.grammar import Grammar, Kind
from bboxprep.geometry.shapes import Boxes
from bboxprep.model.categories import MOST_CLASSES
from bboxprep.model.instances import Rings

Floats = NDArray[np.float64]

MOST_BYTES = 16 * 1024**2  # a label file of one image; 400,000 boxes
_MOST_TOLD = 100  # findings of one file that are told one by one
_MOST_ROUNDING = 1e-3
_LARGEST = 1e9


@dataclass(frozen=True)
class Rows:
    """The objects of one label file, in its order, and findings.

    `boxes` (N, 4) are x0 y0 x1 y1, `rings`, `keypoints` (N, K, 2) are x y, all as fractions; `visibility` (N, K) is
    COCO's; `scores` (N,) NaN where there is none. `listed` counts the rows that are not blank: N + the objects of the
    findings.
    """

    labels: NDArray[np.int64]
    boxes: Boxes
    scores: Floats
    rings: tuple[Rings, ...]
    keypoints: Floats
    visibility: NDArray[np.uint8]
    findings: tuple[Finding, ...]
    listed: int


class _Row(NamedTuple):
    line: int
    tokens: list[bytes]
    values: list[float]


@dataclass(frozen=True)
class _Notes:
    """Collects the findings of one file."""

    path: str
    split: str
    told: list[tuple[int, Finding]] = field(default_factory=list)

    def add(self, code: str, line: int, message: str, objects: int = 0) -> None:
        where = f"line {line}" if line else ""
        self.told.append((line, Finding(code, message, self.path, where, objects, split=self.split)))

    def drop(self, row: _Row, message: str, code: str = "record-unreadable") -> None:
        self.add(code, row.line, message, 1)

    def findings(self) -> tuple[Finding, ...]:
        """The first of them by line, the rest counted by code, so that a ruined file cannot flood the report."""
        ordered = [finding for _, finding in sorted(self.told, key=lambda item: item[0])]
        rest: dict[str, list[Finding]] = defaultdict(list)
        for finding in ordered[_MOST_TOLD:]:
            rest[finding.code].append(finding)
        summed = [
            Finding(
                code, f"{len(more)} more rows", self.path, objects=sum(one.objects for one in more), split=self.split
            )
            for code, more in sorted(rest.items())
        ]
        return (*ordered[:_MOST_TOLD], *summed)


class _Test(NamedTuple):
    """Rows that fail, what to say of one, and the code of the finding."""

    fails: Any  # bool (N,)
    say: Callable[[_Row], str]
    code: str = "record-unreadable"


class _Part(NamedTuple):
    """The sound rows of one number of columns."""

    lines: NDArray[np.int64]
    labels: NDArray[np.int64]
    boxes: Boxes
    scores: Floats
    rings: tuple[Rings, ...]
    keypoints: Floats
    visibility: NDArray[np.uint8]


def parse(data: bytes, grammar: Grammar, path: str = "", split: str = "") -> Rows:
    """The rows of a label file whose bytes are `data`; `path` and `split` are what findings call it."""
    notes = _Notes(path, split)
    fault = _unreadable_as_a_whole(data)
    if fault:
        listed = _count_lines(data)
        notes.add("record-unreadable", 0, fault, listed)
        return _collect([], grammar, notes, listed)
    groups, listed = _by_columns(data.removeprefix(codecs.BOM_UTF8), notes)
    read = [_read_group(grammar.kind(columns), rows, grammar, notes) for columns, rows in sorted(groups.items())]
    return _collect([part for part in read if part is not None], grammar, notes, listed)


def read_labels(file: Path, grammar: Grammar, path: str = "", split: str = "") -> Rows:
    """The rows of the label file `file`; none, and a finding, where it cannot be opened."""
    try:
        with file.open("rb") as opened:
            return parse(opened.read(MOST_BYTES + 1), grammar, path, split)
    except OSError as error:
        notes = _Notes(path, split)
        notes.add("record-unreadable", 0, f"cannot be read ({error.strerror or error})")
        return _collect([], grammar, notes, 0)


def looks_like_rows(data: bytes) -> bool:
    """Whether the first line of `data` that is not blank is a row of numbers that could be an object."""
    for line in data.removeprefix(codecs.BOM_UTF8).splitlines():
        tokens = line.split()
        if tokens:
            values = _numbers(tokens)
            return len(tokens) >= 5 and values is not None and values[0] >= 0 and values[0].is_integer()
    return False


def _unreadable_as_a_whole(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "have UTF-16 text, want UTF-8"
    return f"more than {MOST_BYTES:,} bytes, too large for the labels of one image" if len(data) > MOST_BYTES else ""


def _count_lines(data: bytes) -> int:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        data = data.decode("utf-16", "replace").encode("utf-8", "replace")
    return sum(1 for line in data.splitlines() if line.strip())


def _by_columns(data: bytes, notes: _Notes) -> tuple[dict[int, list[_Row]], int]:
    """The rows that are numbers, by their number of columns; and how many rows there are at all."""
    groups: dict[int, list[_Row]] = defaultdict(list)
    listed = 0
    for number, line in enumerate(data.splitlines(), 1):
        tokens = line.split()
        if not tokens:
            continue
        listed += 1
        values = _numbers(tokens)
        if values is None:
            notes.add("record-unreadable", number, _guess(tokens), 1)
            continue
        groups[len(tokens)].append(_Row(number, tokens, values))
    return groups, listed


def _numbers(tokens: list[bytes]) -> list[float] | None:
    try:
        values = [float(token) for token in tokens]
    except ValueError:
        return None
    return None if b"_" in b"".join(tokens) else values  # Python takes 1_000 for a number


def _guess(tokens: Sequence[bytes]) -> str:
    """Why `tokens` are not a row of numbers."""
    bad = next(token for token in tokens if _numbers([token]) is None)
    shown = repr(bad[:40].decode("utf-8", "replace"))
    if b"," in bad:
        whole = len(tokens) >= 5 and all(_numbers([token.replace(b",", b".", 1)]) for token in tokens[1:])
        return (
            f"have {shown}, want a number with a decimal point (decimal comma?)"
            if whole
            else (f"have {shown}, want numbers with blanks between (comma separated?)")
        )
    if bad == tokens[0] and len(tokens) >= 5 and _numbers(list(tokens[1:])) is not None:
        return f"have {shown}, want the number of a class (a class name?)"
    return f"have {shown}, want a number"


def _read_group(kind: Kind | None, rows: list[_Row], grammar: Grammar, notes: _Notes) -> _Part | None:
    """The sound rows among `rows`, which all have one number of columns."""
    if kind is None:
        for row in rows:
            notes.drop(row, f"have {len(row.tokens)} columns, want {grammar.wanted}")
        return None
    values = np.array([row.values for row in rows], dtype=np.float64)
    good = _judge(rows, _tests(kind, values, grammar), notes)
    if not good.any():
        return None
    rows, values = [rows[index] for index in np.flatnonzero(good)], values[good]
    boxes, rings = _outlines(values, rows) if kind is Kind.RING else (_edges(values, rows), ())
    keypoints, visibility = _keypoints(kind, values, rows, grammar)
    return _Part(
        lines=np.array([row.line for row in rows], dtype=np.int64),
        labels=values[:, 0].astype(np.int64),
        boxes=boxes,
        scores=values[:, 5] if kind is Kind.SCORED else np.full(len(rows), np.nan),
        rings=rings or ((),) * len(rows),
        keypoints=keypoints,
        visibility=visibility,
    )


def _tests(kind: Kind, values: Floats, grammar: Grammar) -> Iterator[_Test]:
    """What can be wrong with rows of numbers, the worst first."""
    most = MOST_CLASSES if grammar.classes is None else grammar.classes
    classes = values[:, 0]
    yield _Test(~np.isfinite(values[:, 1:]).all(axis=1), _say_number, "box-not-finite")
    yield _Test(~(np.abs(values) < _LARGEST).all(axis=1), _say_number)
    yield _Test(classes != np.floor(classes), lambda row: f"class {_text(row.tokens[0])}, want a whole number")
    known = "only" if grammar.classes is None else "but"
    words = f"{known} {most} {'classes can be' if grammar.classes is None else 'names'}"
    unknown = (classes < 0) | (classes >= most)
    yield _Test(unknown, lambda row: f"id {int(row.values[0])} {words}", "category-unknown")
    if kind is Kind.SCORED:
        wrong = (values[:, 5] < 0) | (values[:, 5] > 1)
        yield _Test(wrong, lambda row: f"confidence {_text(row.tokens[5])}, want 0 to 1")
    if kind is Kind.POSE and grammar.keypoints and grammar.keypoints[1] == 3:
        seen = values[:, 7::3]
        yield _Test(~np.isin(seen, (0, 1, 2)).all(axis=1), lambda _: "visibility of a keypoint, want 0, 1 or 2")


def _judge(rows: list[_Row], tests: Iterable[_Test], notes: _Notes) -> NDArray[np.bool_]:
    """Which rows pass all `tests`; the first that a row fails is noted."""
    good = np.ones(len(rows), dtype=np.bool_)
    for test in tests:
        for index in np.flatnonzero(test.fails & good):
            notes.drop(rows[index], test.say(rows[index]), test.code)
        good &= ~test.fails
    return good


def _say_number(row: _Row) -> str:
    index = next(index for index, value in enumerate(row.values) if not abs(value) < _LARGEST)
    return f"have {_text(row.tokens[index])}, want a fraction of the picture"


def _edges(values: Floats, rows: list[_Row]) -> Boxes:
    centre, half = values[:, 1:3], values[:, 3:5] / 2.0
    return _snap(np.concatenate((centre - half, centre + half), axis=1), rows)


def _outlines(values: Floats, rows: list[_Row]) -> tuple[Boxes, tuple[Rings, ...]]:
    """The hulls (N, 4) of polygon rows, and their rings."""
    outlines = _snap(values[:, 1:], rows).reshape(len(rows), -1, 2)
    boxes = np.concatenate((outlines.min(axis=1), outlines.max(axis=1)), axis=1)
    return boxes, tuple((outline,) for outline in outlines)


def _keypoints(kind: Kind, values: Floats, rows: list[_Row], grammar: Grammar) -> tuple[Floats, NDArray[np.uint8]]:
    """The points (N, K, 2) and their visibility (N, K); a point of two numbers is visible unless it is 0, 0."""
    count, numbers = grammar.keypoints or (0, 2)
    if kind is not Kind.POSE:
        return np.zeros((len(rows), count, 2)), np.zeros((len(rows), count), np.uint8)
    points = values[:, 5:].reshape(len(rows), count, numbers)
    seen: Floats = points[..., 2] if numbers == 3 else np.where(points.any(axis=2), 2.0, 0.0)
    places = _snap(points[..., :2].reshape(len(rows), -1), rows)
    return places.reshape(len(rows), count, 2).astype(np.float64), seen.astype(np.uint8)


def _snap(values: Floats, rows: list[_Row]) -> Floats:
    """`values` (N, M) with those that rounding has brought over the edge of the picture laid on it."""
    inside = np.minimum(np.maximum(values, 0.0), 1.0)
    spills = np.abs(inside - values)
    if not spills.any():
        return values
    rounding = np.array([_rounding(row) for row in rows])[:, None]
    return np.where(spills <= rounding, inside, values)


def _rounding(row: _Row) -> float:
    """How far the edges of a row can lie off by the rounding of its numbers, see the module."""
    decimals = max(len(token.partition(b".")[2]) for token in row.tokens[1:])
    return min(max(1e-6, 0.75 * 10.0**-decimals), _MOST_ROUNDING)


def _collect(parts: Sequence[_Part], grammar: Grammar, notes: _Notes, listed: int) -> Rows:
    """The rows of all parts in the order of the file."""
    parts = parts or (_no_rows(grammar),)
    if len(parts) == 1:  # in its order already
        one = parts[0]
        found = notes.findings() if notes.told else ()
        return Rows(one.labels, one.boxes, one.scores, one.rings, one.keypoints, one.visibility, found, listed)
    order = np.argsort(np.concatenate([part.lines for part in parts]))
    rings = [ring for part in parts for ring in part.rings]
    return Rows(
        labels=np.concatenate([part.labels for part in parts])[order],
        boxes=np.concatenate([part.boxes for part in parts])[order],
        scores=np.concatenate([part.scores for part in parts])[order],
        rings=tuple(rings[index] for index in order),
        keypoints=np.concatenate([part.keypoints for part in parts])[order],
        visibility=np.concatenate([part.visibility for part in parts])[order],
        findings=notes.findings(),
        listed=listed,
    )


def _no_rows(grammar: Grammar) -> _Part:
    count = grammar.keypoints[0] if grammar.keypoints else 0
    whole = np.zeros(0, dtype=np.int64)
    seen = np.zeros((0, count), dtype=np.uint8)
    return _Part(whole, whole, np.zeros((0, 4)), np.zeros(0), (), np.zeros((0, count, 2)), seen)


def _text(token: bytes) -> str:
    return token[:40].decode("utf-8", "replace")
