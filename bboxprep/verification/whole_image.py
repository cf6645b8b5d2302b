"""Compares whole images: whether the output shows the expected image, and in which turn."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.images.codecs.independent_decoder import Gray, shrunk
from bboxprep.verification.patch_similarity import ALIKE, TEXTURE, PatchVerdict

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
    their longer side. `seen` (h, w) is the share of each pixel where the source is visible, `shape` the
    height and width of the expected image itself.
    """

    want: Gray
    have: Gray
    seen: Gray
    shape: tuple[int, ...]

    @classmethod
    def of(cls, expected: Gray, actual: Gray, visible: NDArray[np.bool_]) -> CoarsePair:
        """The pair of `expected` and `actual`, both (H, W), where the source is `visible` (H, W).

        `actual` may be of another shape.
        """
        height, width = expected.shape
        factor = min(1.0, MAX_SIDE / max(height, width))
        size = Size(max(1, round(width * factor)), max(1, round(height * factor)))
        seen = np.ones(size[::-1], np.float32) if visible.all() else _reduced(visible.astype(np.float32), size)
        return cls(_reduced(expected, size), _reduced(actual, size), seen, expected.shape)

    @property
    def thumbnails(self) -> tuple[Gray, Gray]:
        """Both images as very small ones (16, 16), to find one among many; each has the margins of the actual one."""
        outside = self.seen < 0.5
        want = np.where(outside, np.median(self.have[outside]), self.want) if outside.any() else self.want
        return _reduced(want.astype(np.float32), THUMB), _reduced(self.have, THUMB)


def match_turn(coarse: CoarsePair, actual: Gray) -> TurnMatch:
    """The turn of `actual` (H, W) against the expected image of the pair `coarse`, of which it is the actual one.

    `actual` may have height and width exchanged.
    """
    want, mask = coarse.want, coarse.seen > 0.99
    if not mask.any() or float(want[mask].std()) < TEXTURE:
        return TurnMatch(PatchVerdict.UNSURE)
    scores: dict[int, float] = {}
    itself: dict[int, float] = {}
    for code in range(1, 9):
        known = scores.get(1, 0.0) > 1.0 - CLEARLY  # no turn can be clearly better
        if turned(actual, code).shape == coarse.shape and not known:
            scores[code] = correlation(want, turned(_shaped(coarse, actual, code), code), mask)
        if code > 1 and want.shape == turned(want, code).shape:
            itself[code] = correlation(want, turned(want, code), mask)
    return _judge(scores, max(itself.values(), default=-1.0))


def _shaped(coarse: CoarsePair, actual: Gray, code: int) -> Gray:
    """`actual` as small as the expected image is, once it is turned by the EXIF orientation `code`."""
    height, width = coarse.want.shape
    return coarse.have if code < 5 or height == width else _reduced(actual, Size(height, width))


def correlation(one: NDArray[np.float32], other: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """The correlation, -1 to 1, of two images (H, W) where `mask` (H, W) is set; 0 where one is flat there."""
    a, b = one[mask].astype(np.float64), other[mask].astype(np.float64)
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norm if norm > 0 else 0.0


def turned(gray: Gray, code: int) -> Gray:
    """`gray` turned by the EXIF orientation `code`."""
    if code >= 5:
        gray = gray.T
    down = -1 if code in (3, 4, 7, 8) else 1
    across = -1 if code in (2, 3, 6, 7) else 1
    return gray[::down, ::across]


def resembles(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """The correlation, -1 to 1, of two thumbnails (H, W)."""
    return correlation(one, other, np.ones(one.shape, dtype=np.bool_))


def _reduced(gray: Gray, size: Size) -> Gray:
    return shrunk(np.ascontiguousarray(gray), size)


def _judge(scores: dict[int, float], itself: float) -> TurnMatch:
    score = scores.get(1, -1.0)
    undo = max(scores, key=lambda code: (scores[code], -code), default=1)
    best = scores.get(undo, -1.0)
    if undo != 1 and best > score + CLEARLY and best > POOR:
        return TurnMatch(PatchVerdict.SHIFTED, score, undo, best)
    if not scores or score < POOR:
        return TurnMatch(PatchVerdict.OTHER if scores else PatchVerdict.UNSURE, score, undo, best)
    return TurnMatch(PatchVerdict.SAME if itself < ALIKE else PatchVerdict.UNSURE, score, undo, best)
