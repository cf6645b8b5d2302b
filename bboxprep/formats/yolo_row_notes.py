"""Label files that are read together: their objects, and the findings on their lines.

The lines of all are numbered through, so that a row carries one number for its file and its place there.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.findings import Finding
from bboxprep.geometry.affine import Points
from bboxprep.geometry.shapes import Boxes
from bboxprep.io.paths import relative_path
from bboxprep.model.instances import Instances
from bboxprep.model.polygons import Rings

Floats = NDArray[np.float64]

_MOST_LISTED = 100  # findings of one file that are listed one by one


class LabelFile(NamedTuple):
    """A label file below the folder `home` of the dataset, and the split of its image. `rows` is the place of its list
    of rows, "" where a row is a line of the file.
    """

    file: Path | str = Path()
    home: Path = Path()
    split: str = ""
    rows: str = ""

    @property
    def shown(self) -> str:
        """Its path in findings."""
        return relative_path(Path(self.file) if isinstance(self.file, str) else self.file, self.home)

    def place(self, number: int) -> str:
        """The place of the row of this `number`, from 1; that of all rows for 0."""
        if self.rows:
            return f"{self.rows}[{number - 1}]" if number else self.rows
        return f"line {number}" if number else ""


class LabelNotes(msgspec.Struct, frozen=True):
    """Collects the findings of `files`, whose lines are numbered through: those of each begin behind the number that is
    its `first`, which stands for the file as a whole.
    """

    files: Sequence[LabelFile]
    firsts: list[int] = msgspec.field(default_factory=list)
    by_line: list[tuple[int, Finding]] = msgspec.field(default_factory=list)

    def add(self, code: str, line: int, message: str, objects: int = 0) -> None:
        """Add a finding on a line."""
        number = bisect_right(self.firsts, line) - 1
        file, own = self.files[number], line - self.firsts[number]
        self.by_line.append((line, Finding(code, message, file.shown, file.place(own), objects, split=file.split)))

    def drop(self, line: int, message: str, code: str = "record-unreadable") -> None:
        """Add the finding of an object that is left out."""
        self.add(code, line, message, 1)

    def findings(self) -> tuple[tuple[Finding, ...], ...]:
        """Those of each file."""
        found: list[list[Finding]] = [[] for _ in self.files]
        for line, finding in sorted(self.by_line, key=itemgetter(0)):
            found[bisect_right(self.firsts, line) - 1].append(finding)
        return tuple(map(_shortened, found))


def _shortened(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The first `findings` of a file, the rest counted by code, so that a ruined file cannot flood the report."""
    rest: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings[_MOST_LISTED:]:
        rest[finding.code].append(finding)
    summed = [
        replace(more[0], message=f"{len(more)} more rows", where="", objects=sum(one.objects for one in more))
        for _, more in sorted(rest.items())
    ]
    return (*findings[:_MOST_LISTED], *summed)


_NO_CORNERS = np.full((4, 2), np.nan)


class Rows(msgspec.Struct, frozen=True):
    """The objects of label files, one file after the other, each in its order.

    `boxes` (N, 4) are x0 y0 x1 y1, `rings`, `keypoints` (N, K, 2) are x y, all as fractions; `visibility` (N, K) is
    COCO's; `scores` (N,) NaN where there is none. `counts` are the objects of each file, `notes` its findings, and
    `listed` counts its rows that are not blank: its objects and those of its findings.
    """

    labels: NDArray[np.int64]
    boxes: Boxes
    scores: Floats
    rings: tuple[Rings, ...]
    keypoints: Floats
    visibility: NDArray[np.uint8]
    counts: tuple[int, ...]
    notes: tuple[tuple[Finding, ...], ...]
    listed: tuple[int, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Those of all files."""
        return tuple(chain.from_iterable(self.notes))

    @property
    def source_count(self) -> int:
        """The rows of all files."""
        return sum(self.listed)

    def instances(self, sizes: Sequence[tuple[int, int]], *, oriented: bool) -> Instances:
        """The objects of all files, whose images have these `sizes`, in pixels; four corners are an `oriented` box, or
        a polygon.
        """
        scales = np.repeat(np.array(sizes, dtype=np.float64).reshape(-1, 2), self.counts, axis=0)
        pairs = zip(scales, self.rings, strict=True) if any(self.rings) else ()
        outlined = [[ring * scale for ring in rings] for scale, rings in pairs] or None
        corners = None
        if oriented and outlined:
            corners = [own[0] if _is_four(own) else _NO_CORNERS for own in outlined]
            outlined = [[] if _is_four(own) else own for own in outlined]
        return Instances.of(
            self.boxes * np.tile(scales, 2),
            self.labels,
            polygons=outlined,
            oriented=corners,
            keypoints=self.keypoints * scales[:, None],
            visibility=self.visibility,
            scores=self.scores,
        )


def _is_four(rings: Sequence[Points]) -> bool:
    return bool(rings) and len(rings[0]) == 4
