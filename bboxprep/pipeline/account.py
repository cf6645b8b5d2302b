"""The books of a run: every image and object that came in went out, or was dropped for a stated reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bboxprep.errors import InternalError
from bboxprep.findings import Finding, Severity

_USUAL = {"train": 0, "val": 1, "test": 2}  # the order people think of splits in
UNREADABLE = "(unreadable)"  # the class of an object whose record could not be read


@dataclass
class Account:
    """Counts by split, and by split and class; and all findings, in the order of the samples."""

    images_in: Counter[str] = field(default_factory=Counter)
    images_out: Counter[str] = field(default_factory=Counter)
    listed: Counter[str] = field(default_factory=Counter)
    objects_in: Counter[tuple[str, str]] = field(default_factory=Counter)
    objects_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    swapped: Counter[tuple[str, str]] = field(default_factory=Counter)  # gained from another class in a mirror
    dropped: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # split, class, code
    findings: list[Finding] = field(default_factory=list)

    def note(self, findings: Iterable[Finding]) -> None:
        """Book findings, with the objects that they drop."""
        for finding in findings:
            self.findings.append(finding)
            if finding.objects:
                self.dropped[finding.split, finding.category or UNREADABLE, finding.code] += finding.objects

    def note_outside_samples(self, findings: Iterable[Finding]) -> None:
        """Book findings about the dataset as a whole, whose objects no sample has listed."""
        for finding in findings:
            self.note((finding,))
            if finding.objects:
                self.listed[finding.split] += finding.objects
                self.objects_in[finding.split, finding.category or UNREADABLE] += finding.objects

    def image_in(self, split: str, *, listed: int, objects: Iterable[tuple[str, int]]) -> None:
        """Book an image of the source: how many objects it lists, and how many of which class were found there."""
        self.images_in[split] += 1
        self.listed[split] += listed
        for category, count in objects:
            self.objects_in[split, category or UNREADABLE] += count

    def image_out(
        self, split: str, categories: Sequence[str], written: int, came_as: Sequence[str] | None = None
    ) -> None:
        """Book an image that was written: the class of each object it has, and how many the writer says it wrote.

        `came_as` are the classes of the same objects in the source, where a mirror has exchanged some.
        """
        _balance(f"objects of an image of split {split!r}, handed to the writer and written", len(categories), written)
        self.images_out[split] += 1
        self.objects_out.update((split, category) for category in categories)
        for before, now in zip(came_as or categories, categories, strict=True):
            if before != now:
                self.swapped[split, before] -= 1
                self.swapped[split, now] += 1

    def check(self) -> None:
        """Raise `InternalError` unless in = out + dropped, for each split; for each class of it in + swapped."""
        for split in sorted(self.images_in.keys() | self.listed.keys()):
            counted = sum(count for (where, _), count in self.objects_in.items() if where == split)
            _balance(f"objects of split {split!r}, listed and read", self.listed[split], counted)
        seen = self.objects_in.keys() | self.objects_out.keys() | {key[:2] for key in self.dropped}
        for split, name in sorted(seen):
            lost = sum(count for key, count in self.dropped.items() if key[:2] == (split, name))
            out = self.objects_out[split, name] + lost
            came = self.objects_in[split, name] + self.swapped[split, name]
            _balance(f"objects of class {name!r} in split {split!r}", came, out)

    @property
    def faults(self) -> int:
        """How many findings say that something was skipped or is wrong."""
        return sum(finding.severity is Severity.FAULT for finding in self.findings)

    def rows(self) -> list[dict[str, Any]]:
        """One row a split: images in and out, objects in and out, objects dropped by code."""
        return [
            {
                "split": split,
                "images_in": self.images_in[split],
                "images_out": self.images_out[split],
                "objects_in": sum(n for (where, _), n in self.objects_in.items() if where == split),
                "objects_out": sum(n for (where, _), n in self.objects_out.items() if where == split),
                "dropped": _by_code((code, n) for (where, _, code), n in self.dropped.items() if where == split),
            }
            for split in sorted({*self.images_in, *self.listed}, key=lambda split: (_USUAL.get(split, 3), split))
        ]

    def class_rows(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """One row a class, in the order of `names`: objects in and out over all splits, and dropped by code; `swapped`
        is how many more or fewer there are because a mirror exchanged classes.
        """
        return [
            {
                "class": name,
                "objects_in": sum(n for (_, category), n in self.objects_in.items() if category == name),
                "objects_out": sum(n for (_, category), n in self.objects_out.items() if category == name),
                "dropped": _by_code((code, n) for (_, category, code), n in self.dropped.items() if category == name),
                **self._swap_of(name),
            }
            for name in dict.fromkeys([*names, *(category for _, category in self.objects_in)])
        ]

    def _swap_of(self, name: str) -> dict[str, int]:
        count = sum(n for (_, category), n in self.swapped.items() if category == name)
        return {"swapped": count} if count else {}


def _balance(what: str, left: int, right: int) -> None:
    if left != right:
        raise InternalError(
            f"the account does not balance: {what}: {left} in, {right} accounted for; please report this"
        )


def _by_code(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    totals: Counter[str] = Counter()
    for code, count in counts:
        totals[code] += count
    return dict(sorted(totals.items()))
