"""Words of several commands: numbers with their nouns, and which photos are stored turned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from bboxprep.frames.resolve import Decision
from bboxprep.model.sample import Frame

_PICTURE = {Frame.DISPLAYED: "the upright picture", Frame.STORED: "the picture as stored"}
_EVIDENCE = {  # for the plane of the labels of a turned photo
    "declared-size": "sizes agree",
    "box-bounds": "boxes fit no other way",
    "whole-pixels": "boxes on whole pixels",
    "pixels": "what the pixels show",
    "dataset": "as the others",
    "format": "the format says so",
    "option": "as stated",
    "assumed": "assumed, nothing tells",
}


def turned_photos(decisions: Iterable[Decision]) -> str:
    """How many photos are stored turned (EXIF), on which picture their labels were drawn, and how that is known, by the
    `decisions` about them; or that there is none.
    """
    counts = Counter(decisions)
    if not counts:
        return "no photo is stored turned (EXIF)"
    known: dict[Frame, list[str]] = {}
    for (frame, evidence), count in sorted(counts.items(), key=lambda one: -one[1]):
        known.setdefault(frame, []).append(f"{count:,}: {_EVIDENCE.get(evidence, evidence)}")
    parts = [f"labels drawn on {_PICTURE[frame]} ({', '.join(words)})" for frame, words in known.items()]
    number = counts.total()
    return f"{counted(number, 'photo')} {'is' if number == 1 else 'are'} stored turned (EXIF); {'; '.join(parts)}"


def counted(number: int, one: str, many: str = "") -> str:
    """`number` and the noun that fits it: "1 fault", "2 faults"; `many` is a plural that takes more than an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
