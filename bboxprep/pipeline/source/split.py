"""Assigns images to splits by a hash of their group, or so that each split shows every class as often.

By a hash, the split of an image depends on the name of its group and on the shares, never on other images, so adding
images moves none. The hash is SHA-256 as a number from 0 to 1, compared with the cumulated shares. Stratified splits
depend on all images and their classes (`pipeline.source.stratify`); they keep copies of one file together too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from math import isfinite
from pathlib import PurePosixPath
from typing import Any

from bboxprep.errors import UsageError
from bboxprep.images.capture_time import CaptureTime, capture_time_of
from bboxprep.io.hashing import unit_hash
from bboxprep.model.splits import TEST, TRAIN, VAL, split_of
from bboxprep.pipeline.source.near_duplicates import near_groups
from bboxprep.pipeline.source.stratify import stratified
from bboxprep.pipeline.source.survey import ImageSummary, same_files

_TOLERANCE = 1e-9
_SECONDS = 60.0
_MOST_FOLDS = 1000
_PLAIN = ("file", "folder", "near")


@dataclass(frozen=True)
class SplitPolicy:
    """`shares` of each split, which sum to 1, and what keeps images together: `group_by`. A split may be called by any
    word of `bboxprep.model.splits`.

    "file" (each image by its name, folders included), "folder", "near" (images that look alike, by their thumbnails),
    "regex:PATTERN" (the first group of the first match in the name, or the whole match; the name where there is none)
    or "exif-time:SECONDS" (photos of one camera of which each was taken at most so long after the one before, 60 by
    default).

    With `stratify`, each class has its share of images in each split. A `fold` (I, K) divides the images into K equal
    parts, in place of `shares`: part I is val, the others are train, and images of the split test stay there.
    Raises `UsageError`.
    """

    shares: Mapping[str, float]
    group_by: str = "file"
    stratify: bool = False
    fold: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.fold is not None:
            self._set_fold(*self.fold)
        for split, share in self.shares.items():
            if not re.fullmatch(r"[\w-]+", split):
                raise UsageError(f"split: have the name {split!r}, want letters, digits, - and _")
            if not (isfinite(share) and 0 < share <= 1):
                raise UsageError(f"split: have {share:g} for {split}, want a share above 0 and at most 1")
        total = sum(self.shares.values())
        if abs(total - 1) > _TOLERANCE:
            raise UsageError(f"split: have shares that sum to {total:.10g}, want 1")
        _grouping(self.group_by)
        canonical = {split_of(name): share for name, share in self.shares.items()}
        if len(canonical) < len(self.shares):
            raise UsageError(
                f"split: have {', '.join(self.shares)}, of which two mean one split; want one name for each"
            )
        object.__setattr__(self, "shares", canonical)

    def _set_fold(self, part: int, parts: int) -> None:
        """Set the shares of a fold."""
        if not (2 <= parts <= _MOST_FOLDS and 1 <= part <= parts):
            raise UsageError(f"fold: have {part}/{parts}, want I/K, with K of 2 to {_MOST_FOLDS} and I of 1 to K")
        object.__setattr__(self, "shares", {TRAIN: (parts - 1) / parts, VAL: 1 / parts})

    @classmethod
    def of_fold(cls, text: str, group_by: str = "file", *, stratify: bool = False) -> SplitPolicy:
        """The policy of the text ``2/5``: the second of five folds. Raises `UsageError`."""
        found = re.fullmatch(r"\s*([0-9]{1,6})\s*/\s*([0-9]{1,6})\s*", text)
        if not found:
            raise UsageError(f"fold: have {text!r}, want I/K, as in 1/5: the first of five")
        return cls({}, group_by, stratify, (int(found[1]), int(found[2])))

    @classmethod
    def parse(cls, text: str, group_by: str = "file", *, stratify: bool = False) -> SplitPolicy:
        """The policy of the text ``train=0.8,val=0.2``, or in percent ``train=80,val=20``. Raises `UsageError`."""
        shares: dict[str, float] = {}
        for part in text.split(","):
            split, _, share = (word.strip() for word in part.partition("="))
            if split in shares:
                raise UsageError(f"split: have {split!r} twice in {text!r}, want each split once")
            try:
                shares[split] = float(share.removesuffix("%"))
            except ValueError:
                raise UsageError(f"split: have {part!r}, want NAME=SHARE, as in train=0.8,val=0.2") from None
        in_percent = abs(sum(shares.values()) - 100) <= 100 * _TOLERANCE
        shares = {split: share / 100 for split, share in shares.items()} if in_percent else shares
        return cls(shares, group_by, stratify)

    def options(self) -> dict[str, Any]:
        """The policy as plain data."""
        options: dict[str, Any] = {"shares": dict(self.shares), "group_by": self.group_by}
        options |= {"stratify": True} if self.stratify else {}
        return options | ({"fold": list(self.fold)} if self.fold else {})

    def splits(self, before: Iterable[str]) -> tuple[str, ...]:
        """The names of all splits after it, for images that are in those named `before`."""
        return (*self.shares, *((TEST,) if self.fold and TEST in before else ()))

    def split_of(self, group: str) -> str:
        """The split of all images of `group`, by its hash."""
        return self._named[self._part_of(group)]

    @cached_property
    def _named(self) -> tuple[str, ...]:
        """The split of each part."""
        part, parts = self.fold or (0, 0)
        return tuple(VAL if number == part else TRAIN for number in range(1, parts + 1)) or tuple(self.shares)

    @cached_property
    def _parts(self) -> tuple[float, ...]:
        """The share of each part."""
        return (1 / self.fold[1],) * self.fold[1] if self.fold else tuple(self.shares.values())

    def _part_of(self, group: str) -> int:
        place = unit_hash(group)
        bounds = accumulate(self._parts)  # they may sum to a little less than 1
        return next((part for part, bound in enumerate(bounds) if place < bound), len(self._parts) - 1)

    def assign(
        self, summaries: Sequence[ImageSummary], classes: Sequence[Mapping[int, int]] | None = None
    ) -> list[str]:
        """The split of each image; where it stratifies, `classes` has the number of objects of each by label."""
        kept = [self.fold is not None and summary.key[0] == TEST for summary in summaries]
        rows = [row for row, stays in enumerate(kept) if not stays]
        groups = self._groups([summaries[row] for row in rows])
        if classes is None:
            parts = list(map(self._part_of, groups))
        else:
            groups = _with_same_files([summaries[row] for row in rows], groups)
            parts = self._stratified(groups, [classes[row] for row in rows])
        splits = [TEST] * len(summaries)
        for row, part in zip(rows, parts, strict=True):
            splits[row] = self._named[part]
        return splits

    def _stratified(self, groups: Sequence[str], classes: Sequence[Mapping[int, int]]) -> list[int]:
        """The part of each image of `groups` with these `classes`."""
        shown: dict[str, Counter[int]] = {}
        for group, own in zip(groups, classes, strict=True):
            shown.setdefault(group, Counter()).update((*own, -1))
        parts = dict(zip(shown, stratified(list(shown), list(shown.values()), self._parts), strict=True))
        return [parts[group] for group in groups]

    def _groups(self, summaries: Sequence[ImageSummary]) -> list[str]:
        kind, pattern, seconds = _grouping(self.group_by)
        names = [summary.key[1] for summary in summaries]
        match kind:
            case "folder":
                return [str(PurePosixPath(name).parent) for name in names]
            case "near":
                return near_groups(names, [summary.thumbnail for summary in summaries])
            case "regex":
                return [_matched(pattern, name) for name in names]
            case "exif-time":
                moments = [capture_time_of(one.path, one.header.container) if one.header else None for one in summaries]
                return bursts(names, moments, seconds)
            case _:
                return names


def _with_same_files(summaries: Sequence[ImageSummary], groups: Sequence[str]) -> list[str]:
    """`groups` of images, of which those become one that hold the same file."""
    joined: dict[str, str] = {}

    def first(group: str) -> str:
        while (other := joined.get(group, group)) != group:
            group = other
        return group

    rows = {id(summary): row for row, summary in enumerate(summaries)}
    for same in same_files(summaries):
        names = sorted({first(groups[rows[id(summary)]]) for summary in same})
        joined |= dict.fromkeys(names[1:], names[0])
    return [first(group) for group in groups]


def bursts(names: Sequence[str], moments: Sequence[CaptureTime | None], seconds: float) -> list[str]:
    """The group of each photo: its camera and the time of the first photo of its burst; its name where it has
    no time. A series goes on as long as the next photo comes at most `seconds` after the one before.
    """
    starts: dict[CaptureTime, CaptureTime] = {}
    known = sorted({moment for moment in moments if moment})
    for before, moment in pairwise([None, *known]):
        if moment is None:
            continue
        goes_on = before and before.camera == moment.camera and moment.second - before.second <= seconds
        starts[moment] = starts[before] if before and goes_on else moment
    return [
        name if moment is None else f"{starts[moment].camera} {starts[moment].second}"
        for name, moment in zip(names, moments, strict=True)
    ]


def _matched(pattern: re.Pattern[str], name: str) -> str:
    match = pattern.search(name)
    found = match and match[min(1, pattern.groups)]
    return found if found is not None else name


def _grouping(text: str) -> tuple[str, re.Pattern[str], float]:
    """The kind of a grouping, its pattern ("" for others) and its seconds (0 for others). Raises `UsageError`."""
    kind, colon, rest = text.partition(":")
    pattern, seconds = re.compile(""), _SECONDS
    if kind not in (*_PLAIN, "regex", "exif-time") or (kind in _PLAIN and colon):
        raise UsageError(f"group by: have {text!r}, want file, folder, near, regex:PATTERN or exif-time[:SECONDS]")
    if kind == "regex":
        try:
            pattern = re.compile(rest)
        except re.error as error:
            raise UsageError(f"group by: have the pattern {rest!r}, which cannot be read ({error})") from error
        if not rest:
            raise UsageError("group by: have an empty pattern, want regex:PATTERN")
    elif kind == "exif-time" and colon:
        seconds = _number(rest)
    return kind, pattern, seconds


def _number(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not (isfinite(seconds) and seconds >= 0):
        raise UsageError(f"group by: have exif-time:{text}, want a number of seconds")
    return seconds
