"""Parses the rows of MOTChallenge: ``frame, track, left, top, width, height, confidence, class, visibility``.

Rows of MOT15 and of detectors have x, y and z of a place in the world for class and visibility: they are pedestrians.
Left and top are in px from the `origin`, 1 or 0. A confidence of 0 marks an object that does not count; one between 0
and 1 is a score. Rows without commas are those of MOTS (`masks`). Classes are numbered from 1, by the lines of
``labels.txt`` or as MOTChallenge numbers them. A row that cannot be parsed is a finding; the other rows are kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import nan
from typing import Any

import msgspec

from bboxprep.findings import Finding
from bboxprep.formats import object_records, record_values
from bboxprep.formats.mot import fields, masks
from bboxprep.io.lenient_json import excerpt, number, whole
from bboxprep.model.columns import NO_TRACK

_FEWEST, _WITH_CLASS, _WITH_VISIBILITY = 6, (8, 9), 9  # columns
_MOST_TRACKS = 1 << 62


class FrameRows(msgspec.Struct):
    """What is stated of one frame: its objects, the findings about its rows, and its rows without the number."""

    objects: list[object_records.ObjectRecord] = []
    findings: list[Finding] = []
    texts: list[str] = []


class MotFile(msgspec.Struct, frozen=True):
    """The frames of a file by their number, and the findings about rows that name none."""

    frames: Mapping[int, FrameRows]
    findings: tuple[Finding, ...] = ()


def parse(text: str, table: Sequence[str], origin: int) -> MotFile:
    """The frames of `text`, whose classes are those of `table`, else those of MOTChallenge."""
    frames, findings = defaultdict[int, FrameRows](FrameRows), list[Finding]()
    for at, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        where, between = f"line {at}", "," if "," in line else None
        first, *words = (word.strip() for word in line.strip().split(between))
        frame = _whole(first)
        if frame is None or frame < 0:
            problem = f"have {excerpt(line)}, want the number of a frame first"
            findings.append(Finding("record-unreadable", problem, where=where, objects=1))
            continue
        own = frames[frame]
        own.texts.append((between or " ").join(words))
        try:
            own.objects.append(_object(words, table, origin) if between else masks.mask_object(words, table))
        except record_values.UnusableRecord as error:
            own.findings.append(error.finding(where, ""))
    return MotFile(dict(frames), tuple(findings))


def _object(words: Sequence[str], table: Sequence[str], origin: int) -> object_records.ObjectRecord:
    """The object that the `words` of a row state after the frame. Raises `UnusableRecord`."""
    columns = len(words) + 1
    if columns < _FEWEST:
        raise record_values.UnusableRecord("", f"have {columns} columns, want {_FEWEST} or more with commas between")
    left, top, width, height = record_values.coordinates([_plain(word) for word in words[1:5]], "")
    confidence = number(_plain(words[5])) if columns > _FEWEST else 1.0
    track = _whole(words[0])
    if track is None or confidence is None or abs(track) >= _MOST_TRACKS:
        raise record_values.UnusableRecord("", f"have {excerpt(','.join(words))}, want numbers")
    attributes: dict[str, Any] = {}
    if confidence == 0:
        attributes[fields.IGNORED] = 1
    seen = number(_plain(words[7])) if columns == _WITH_VISIBILITY else None
    if seen is not None and 0 <= seen < 1:
        attributes[fields.VISIBILITY] = seen
    x, y = left - origin, top - origin
    return object_records.ObjectRecord(
        _class(words, columns, table),
        (x, y, x + width, y + height),
        score=confidence if 0 < confidence < 1 else nan,
        attributes=attributes,
        track=track if track >= 0 else NO_TRACK,
    )


def _class(words: Sequence[str], columns: int, table: Sequence[str]) -> str:
    """The class of a row. Raises `UnusableRecord`."""
    names = table or fields.NAMES
    stated = _whole(words[6]) if columns in _WITH_CLASS else None
    if columns not in _WITH_CLASS or (stated == NO_TRACK and not table):
        return names[0]  # rows without a class are of a benchmark that has one
    if stated is None or not 1 <= stated <= len(names):
        words_of = "labels.txt" if table else "MOTChallenge"
        problem = f"have {excerpt(words[6])}, want a number from 1 to {len(names)}, of the classes of {words_of}"
        raise record_values.UnusableRecord("", problem, "category-unknown")
    return names[stated - 1]


def _whole(word: str) -> int | None:
    """The whole number `word`, which may have a point; None where it is none."""
    plain = _plain(word)
    return found if (found := whole(plain)) is not None else whole(number(plain))


def _plain(word: str) -> str:
    """`word` as a number is written; text that only Python takes for one is none."""
    return "" if "_" in word else word
