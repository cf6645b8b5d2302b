"""What the places of one image say together: they all share one map, so they are right or wrong together.

A strong JPEG leaves little of a weak texture, and a place then fits by chance a little better elsewhere. If the image
were off, most places would say so, and all by the same way; or each by its own, as where the angle of a turn is wrong,
and then the image as a whole fits badly too. A lone one is believed where chance cannot explain it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bboxprep.verification.patch_similarity import Likeness, PatchVerdict

SURE = 0.95  # a lone place that fits so well elsewhere, and
CLEARLY = 4.0  # so many times worse where it should be, has moved
STRONG = 10.0  # gray levels of texture, and
TIMES = 3.0  # so many times the noise: a lone place of so much texture cannot be lost by a codec
DOUBTFUL = 0.8  # correlation of a whole image that may be off; least of 160 true ones of 100 px, JPEG quality 5: 0.84
LEAST = 3  # places that make a majority
APART = 0.01  # of the image's longer side: shifts that differ by less are the same

Named = tuple[str, Likeness]


def settled(found: Sequence[Named], noise: float, longer: int, whole: float = 1.0) -> list[Named]:
    """`found`, the verdicts on the places of one image whose pixels differ by `noise` gray levels for the most part,
    with those that chance can explain made unsure; `noise` is infinite where nobody knows which pixels show the image.
    `longer` is the image's longer side, px, and `whole` how well it correlates with the one expected."""
    shifted = np.array([one.shift for _, one in found if one.verdict is PatchVerdict.SHIFTED], dtype=np.float64)
    judged = sum(one.verdict is not PatchVerdict.UNSURE for _, one in found)
    off = sum(one.verdict in (PatchVerdict.SHIFTED, PatchVerdict.OTHER) for _, one in found)
    if judged >= LEAST and whole < DOUBTFUL and off * 3 > judged * 2:
        return list(found)
    if judged >= LEAST and _agreeing(shifted.reshape(-1, 2), longer) * 2 > judged:
        return list(found)
    return [(where, one if _is_beyond_chance(one, noise) else _doubted(one)) for where, one in found]


def _agreeing(shifts: np.ndarray[tuple[int, int], np.dtype[np.float64]], longer: int) -> int:
    """How many of the shifts (N, 2) are the middle one, give or take."""
    if not len(shifts):
        return 0
    off = np.hypot(*(shifts - np.median(shifts, axis=0)).T)
    return int((off <= max(3.0, longer * APART)).sum())


def _is_beyond_chance(one: Likeness, noise: float) -> bool:
    match one.verdict:
        case PatchVerdict.SHIFTED:
            return np.isfinite(noise) and one.best >= SURE and 1 - one.score >= CLEARLY * (1 - one.best)
        case PatchVerdict.OTHER:
            return one.texture >= max(STRONG, TIMES * noise)
        case _:
            return True


def _doubted(one: Likeness) -> Likeness:
    return replace(one, verdict=PatchVerdict.UNSURE)
