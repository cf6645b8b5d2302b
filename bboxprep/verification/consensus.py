"""Combines the verdicts on the patches of one image: all share one map, so they are right or wrong together.

Strong JPEG compression leaves little of a weak texture, and a patch then correlates slightly better elsewhere by
chance. If the whole image were shifted, most patches would be shifted by the same vector. If its angle were wrong, each
patch would be shifted by another vector, and the whole image would correlate badly too. A single patch counts only
where chance cannot explain its verdict.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from bboxprep.images.codecs.independent_decoder import Gray, agreement
from bboxprep.verification.patch_similarity import Likeness, Mask, PatchVerdict

SURE = 0.95  # least correlation elsewhere of a single shifted patch, and
CLEARLY = 4.0  # how many times larger 1 - correlation must be in place
STRONG = 10.0  # gray levels; least texture of a single patch with other content, and
TIMES = 3.0  # how many times the noise it must be: no codec loses that much texture
DOUBTFUL = 0.8  # correlation; a whole image below it may be wrong (160 true images at JPEG quality 5: 0.84 and more)
LEAST = 3  # patches that can form a majority
APART = 0.01  # of the longer side of the image: shifts that differ by less are equal

NamedLikeness = tuple[str, Likeness]


def combine(found: Sequence[NamedLikeness], noise: float, longer: int, whole: float = 1.0) -> list[NamedLikeness]:
    """The verdicts `found` on the patches of one image, with those that chance can explain made unsure.

    `noise` is the typical difference of the pixels in gray levels; infinite where the margins of the image are not
    known. `longer` is the longer side of the image in px, `whole` its correlation with the expected image.
    """
    shifted = np.array([one.shift for _, one in found if one.verdict is PatchVerdict.SHIFTED], dtype=np.float64)
    judged = sum(one.verdict is not PatchVerdict.UNSURE for _, one in found)
    off = sum(one.verdict in (PatchVerdict.SHIFTED, PatchVerdict.OTHER) for _, one in found)
    if judged >= LEAST and whole < DOUBTFUL and off * 3 > judged * 2:
        return list(found)
    if judged >= LEAST and _count_equal(shifted.reshape(-1, 2), longer) * 2 > judged:
        return list(found)
    return [(where, one if _is_beyond_chance(one, noise) else _made_unsure(one)) for where, one in found]


def _count_equal(shifts: np.ndarray[tuple[int, int], np.dtype[np.float64]], longer: int) -> int:
    """The number of `shifts` (N, 2) px that are near their median."""
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


def _made_unsure(one: Likeness) -> Likeness:
    return msgspec.structs.replace(one, verdict=PatchVerdict.UNSURE)


def noise_between(expected: Gray, actual: Gray, mask: Mask) -> float:
    """The typical difference of two images (H, W) where `mask` (H, W) is set, in gray levels: the median absolute
    deviation, as a standard deviation.
    """
    if not mask.any():
        return np.inf
    alike = agreement(expected, actual, mask)
    gain = alike.correlation * alike.second / alike.first if alike.first > 0 else 1.0
    rest = actual[mask] - np.float32(gain) * expected[mask]
    return 1.4826 * float(np.median(np.abs(rest - np.median(rest))))
