"""Assigns images to splits by a hash of their group.

The split of an image depends on the name of its group and on the shares, never on other images, so adding images moves
none. The hash is SHA-256 as a number from 0 to 1, compared with the cumulated shares.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from pathlib import PurePosixPath
from typing import Any

from bboxprep.errors import UsageError
from bboxprep.images.capture_time import CaptureTime, capture_time_of
from bboxprep.io.hashing import unit_hash
from bboxprep.model.splits import split_of
from bboxprep.pipeline.source.near_duplicates import near_groups
from bboxprep.pipeline.source.survey import ImageSummary

_TOLERANCE = 1e-9
_SECONDS = 60.0
_PLAIN = ("file", "folder", "near")


@dataclass(frozen=True)
class SplitPolicy:
    """`shares` of each split, which sum to 1, and what keeps images together: `group_by`. A split may be called by any
    word of `bboxprep.model.splits`.

    "file" (each image by its name, folders included), "folder", "near" (images that look alike, by their thumbnails),
    "regex:PATTERN" (the first group of the first match in the name, or the whole match; the name where there is none)
    or "exif-time:SECONDS" (photos of one camera of which each was taken at most so long after the one before, 60 by
    default). Raises `UsageError`.
    """

    shares: Mapping[str, float]
    group_by: str = "file"

    def __post_init__(self) -> None:
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

    @classmethod
    def parse(cls, text: str, group_by: str = "file") -> SplitPolicy:
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
        return cls({split: share / 100 for split, share in shares.items()} if in_percent else shares, group_by)

    def options(self) -> dict[str, Any]:
        """The policy as plain data."""
        return {"shares": dict(self.shares), "group_by": self.group_by}

    def split_of(self, group: str) -> str:
        """The split of all images of `group`."""
        place = unit_hash(group)
        bound = 0.0
        for split, share in self.shares.items():
            bound += share
            if place < bound:
                return split
        return split  # the shares may sum to a little less than 1

    def assign(self, summaries: Sequence[ImageSummary]) -> list[str]:
        """The split of each image."""
        return [self.split_of(group) for group in self._groups(summaries)]

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
