"""Label files that are read together, and the findings on their lines.

The lines of all are numbered through, so that a row carries one number for its file and its place there.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import msgspec

from bboxprep.findings import Finding
from bboxprep.io.paths import relative_path

_MOST_LISTED = 100  # findings of one file that are listed one by one


class LabelFile(NamedTuple):
    """A label file below the folder `home` of the dataset, and the split of its image."""

    file: Path = Path()
    home: Path = Path()
    split: str = ""

    @property
    def shown(self) -> str:
        """Its path in findings."""
        return relative_path(self.file, self.home)


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
        where = f"line {own}" if own else ""
        self.by_line.append((line, Finding(code, message, file.shown, where, objects, split=file.split)))

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
