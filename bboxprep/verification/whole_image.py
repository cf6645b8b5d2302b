"""Compares whole images: whether the output shows the expected image, and in which turn."""

from __future__ import annotations

import msgspec
import numpy as np

from bboxprep.geometry.affine import Size
from bboxprep.images.codecs.independent_decoder import Gray, agreement, shrunk
from bboxprep.verification.patch_similarity import TEXTURE, Mask, PatchVerdict

MAX_SIDE = 96  # px of the reduced images that are compared
POOR = 0.6  # correlation; an image below it is another image
CLEARLY = 0.1
THUMB = Size(16, 16)
SAME_THUMB = 0.9

TURN_WORDS = {  # the turn of an image that this EXIF orientation undoes
    2: "mirrored left to right",
    3: "turned by 180 degrees",
    4: "mirrored upside down",
    5: "mirrored along its diagonal",
    6: "turned by 90 degrees counter-clockwise",
    7: "mirrored along its other diagonal",
    8: "turned by 90 degrees clockwise",
}
MIRRORED = (2, 4, 5, 7)


class TurnMatch(msgspec.Struct, frozen=True):
    """The turn of an image against the expected one: its correlation as it is (`score`), and the EXIF orientation
    `undo`, 1 to 8, with the `best` correlation. `verdict` SHIFTED means turned.
    """

    verdict: PatchVerdict
    score: float = 0.0
    undo: int = 1
    best: float = 0.0


class CoarsePair(msgspec.Struct, frozen=True, eq=False):
    """An expected image and an actual one, reduced to one size: `want` and `have` (h, w), at most `MAX_SIDE` px along
    their longer side. `seen` (h, w) is the share of each pixel where the source is visible, 0 to 255, `shape` the
    height and width of the expected image itself.
    """

    want: Gray
    have: Gray
    seen: Gray
    shape: tuple[int, ...]

    @classmethod
    def of(cls, expected: Gray, actual: Gray, visible: Mask) -> CoarsePair:
        """The pair of `expected` and `actual`, both (H, W), where the source is `visible` (H, W).

        `actual` may be of another shape.
        """
        height, width = expected.shape
        factor = min(1.0, MAX_SIDE / max(height, width))
        size = Size(max(1, round(width * factor)), max(1, round(height * factor)))
        return cls(shrunk(expected, size), shrunk(actual, size), shrunk(visible * np.uint8(255), size), expected.shape)

    @property
    def whole(self) -> Mask:
        """The pixels (h, w) all of which is visible."""
        return np.asarray(self.seen == 255)

    @property
    def thumbnails(self) -> tuple[Gray, Gray]:
        """Both images as very small ones (16, 16), to find one among many; each has the margins of the actual one."""
        outside = self.seen < 128
        want = self.want.copy()
        if outside.any():
            want[outside] = np.median(self.have[outside])
        return shrunk(want, THUMB), shrunk(self.have, THUMB)


def match_turn(coarse: CoarsePair, actual: Gray) -> TurnMatch:
    """The turn of `actual` (H, W) against the expected image of the pair `coarse`, of which it is the actual one.

    `actual` may have height and width exchanged.
    """
    want, mask = coarse.want, coarse.whole
    if agreement(want, want, mask).first < TEXTURE:
        return TurnMatch(PatchVerdict.UNSURE)
    scores: dict[int, float] = {}
    for code in range(1, 9):
        known = scores.get(1, 0.0) > 1.0 - CLEARLY  # no turn can be clearly better
        if turned(actual, code).shape == coarse.shape and not known:
            as_wanted = np.ascontiguousarray(turned(_shaped(coarse, actual, code), code))
            scores[code] = agreement(want, as_wanted, mask).correlation
    return _judge(scores)


def _shaped(coarse: CoarsePair, actual: Gray, code: int) -> Gray:
    """`actual` as small as the expected image is, once it is turned by the EXIF orientation `code`."""
    height, width = coarse.want.shape
    return coarse.have if code < 5 or height == width else shrunk(actual, Size(height, width))


def turned(gray: Gray, code: int) -> Gray:
    """`gray` turned by the EXIF orientation `code`."""
    if code >= 5:
        gray = gray.T
    down = -1 if code in (3, 4, 7, 8) else 1
    across = -1 if code in (2, 3, 6, 7) else 1
    return gray[::down, ::across]


def _judge(scores: dict[int, float]) -> TurnMatch:
    score = scores.get(1, -1.0)
    undo = max(scores, key=lambda code: (scores[code], -code), default=1)
    best = scores.get(undo, -1.0)
    if undo != 1 and best > score + CLEARLY and best > POOR:
        return TurnMatch(PatchVerdict.SHIFTED, score, undo, best)
    if not scores or score < POOR:
        return TurnMatch(PatchVerdict.OTHER if scores else PatchVerdict.UNSURE, score, undo, best)
    return TurnMatch(PatchVerdict.SAME, score, undo, best)
