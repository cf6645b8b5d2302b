"""The line that says how the photos of a dataset are stored, and on which picture their labels were drawn."""

from __future__ import annotations

from collections import Counter

from bboxprep.model.sample import Frame
from bboxprep.pipeline.source.open import Source

_EVIDENCE_WORDS = {
    "declared-size": "sizes agree",
    "box-bounds": "boxes fit one plane alone",
    "whole-pixels": "whole pixels in one plane alone",
    "pixels": "by what the photos show",
    "dataset": "as the others",
    "option": "as stated by --labels-in",
    "format": "as the format defines",
    "assumed": "assumed, nothing tells",
}
_PLANE_WORDS = {Frame.DISPLAYED: "on the upright picture", Frame.STORED: "on the picture as stored"}


def turned_photos(source: Source) -> str:
    """How many photos of `source` are stored turned, and on which picture their labels were drawn, with the evidence,
    in words of people who label.
    """
    frames = Counter(source.frames.values())
    planes = Counter(frame for frame, _ in source.frames.values())
    several, parts = len(planes) > 1, list[str]()
    for plane, number in planes.most_common():
        own = sorted((-count, evidence) for (frame, evidence), count in frames.items() if frame == plane)
        words = ", ".join(f"{-count:,}: {_EVIDENCE_WORDS.get(evidence, evidence)}" for count, evidence in own)
        parts.append(f"{_PLANE_WORDS[plane]}{f' of {number:,}' if several else ''} ({words})")
    turned, whose = ("1 photo is", "its") if planes.total() == 1 else (f"{planes.total():,} photos are", "their")
    return f"{turned} stored turned (EXIF); {whose} labels were drawn {', '.join(parts)}"
