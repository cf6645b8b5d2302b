"""Compares what the eye would see first: light, contrast, fine detail, colours, and small shifts of a whole image.

Patches are compared by correlation, which is blind to gain and offset; so a picture that is darker, blurred or coded
coarsely than its recipe asks would pass there. Each limit is far from what true outputs show: the module says how far.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import combinations, pairwise, permutations
from math import sqrt

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.images import gray_levels
from bboxprep.images.codecs.independent_decoder import Colours, DecodedImage, SmallColours, warped
from bboxprep.model.header import Header
from bboxprep.model.rendering import BACKGROUND
from bboxprep.verification.effects_model import step_names, with_levels
from bboxprep.verification.faults import Difference
from bboxprep.verification.mapped import Mapped
from bboxprep.verification.patch_similarity import Mask
from bboxprep.verification.region import moved, pixels_inside
from bboxprep.verification.whole_image import CoarsePair

LIGHT = 8.0  # gray levels; true outputs differ by 2.2 at most, also after exposures and contrasts
LIGHT_OF_EFFECTS = 16.0  # gray levels; after steps that are applied in gray and not in colours
GAIN = 1.4  # as a factor, or its inverse; of true outputs 0.95 to 1.02, of those with effects 0.88 to 1.62
DETAIL = 3.0  # gray levels; with less of it, shifts are not compared
PLAIN = 3.0  # gray levels; of an image that varies less the contrast is not compared
FAINT = 1.0  # gray levels; with less of it, no detail is; below `DETAIL` only where little can have changed it
CODING = 1.8  # gray levels; what a codec of quality 90 or more adds to the finest detail, 1.3 in white noise
SHARP = 0.75  # of the detail; true outputs keep 0.95 or more, a blur of 1.2 px leaves 0.56 to 0.9
COARSENESS = {90: 0.92, 50: 0.8, 20: 0.55}  # least likeness of detail by the least quality asked for; true: 0.97 of 95
SHIFT = 1.4  # px at `FINE`; of true outputs 0.3 at most
NEARER = 0.04  # by how much the detail must correlate better after the shift
CHROMA = 7.5  # gray levels; colours that differ less from gray are not compared
CHROMA_LEFT = 4.0  # gray levels; nor those of which an effect leaves less: of what it made white, the means of light
# and dark that are compared seem to keep 2.0
EXCHANGED = 0.5  # how much nearer other channels must be
LOST = 0.15  # of the colours that must be left
COLOURING = frozenset({"grayscale", "hue", "saturation", "auto_contrast", "albumentations"})
SPECKLED = frozenset({"noise", "salt_pepper", "camera_gain"})
STRETCHED = frozenset({"contrast_stretch", "auto_contrast"})  # by the colours, which are not those of the gray image
EFFECTS = frozenset({"exposure", "contrast", "hue", "saturation", "equalize", "clahe"}) | STRETCHED | SPECKLED
UNLIKE = frozenset({"hue"}) | STRETCHED | SPECKLED  # after which contrasts are not compared
_PLAIN_MODES = frozenset({"L", "RGB"})
NOISY = SPECKLED | {"cutout", BACKGROUND}  # a codec draws the edges of the last into its surroundings

BAND = 48  # rows; where every second such band agrees clearly, the others are not looked at
CLEAR = 0.96  # correlation, and share of the detail, of bands that agree clearly: `NEARER` can tell no shift then
FINE = 640  # px of the longer side, at which detail and shifts are compared
"""A shift of 2 px or 1 % of the longer side, whichever is more, is found where `DETAIL` is reached."""


class Appearance(msgspec.Struct, frozen=True):
    """The differences of an image from what is expected of it.

    `light` is the difference of the means in gray levels, `gain` that of contrasts as a factor, of the coarse pair.
    `detail` is the standard deviation of the fine structure of the expected image in gray levels, `sharpness` that of
    the actual image as a share of it, `likeness` their correlation. `shift` is x, y in px of the image as it was given,
    `nearer` by how much the fine structures correlate better after it; both are 0 where no shift can be told.
    """

    light: float
    gain: float
    detail: float
    sharpness: float
    likeness: float
    shift: tuple[float, float] = (0.0, 0.0)
    nearer: float = 0.0


def measure(expected: gray_levels.Gray, actual: gray_levels.Gray, mask: Mask, coarse: CoarsePair) -> Appearance | None:
    """The `Appearance` of `actual` against `expected`, both (H, W), where `mask` (H, W) is set; None for too little.

    `coarse` has both reduced.
    """
    light, gain = _levels(coarse)
    want, have, seen, by = _reduced(expected, actual, mask)
    inner = gray_levels.eroded(seen, 4)  # px; as far as the blur below reaches
    if np.count_nonzero(inner) < 256 or not np.isfinite(gain):
        return None
    bands = list(_bands(inner))
    alike = _agreement_in(bands[::2], want, have, inner)
    is_clear = alike.first >= DETAIL and alike.correlation >= CLEAR and alike.second >= CLEAR * alike.first
    if len(bands) > 1 and not is_clear:
        alike = _agreement_in(bands, want, have, inner)
    detail, likeness = alike.first, alike.correlation
    found = Appearance(light, gain, detail, alike.second / max(detail, 1e-6), likeness)
    if likeness >= 1.0 - NEARER or detail < DETAIL:  # no shift could correlate better by so much, or tell anything
        return found
    fine, other = gray_levels.fine_structure(want), gray_levels.fine_structure(have)
    x, y = gray_levels.phase_shift(fine * inner, other * inner)
    nearer = (
        _correlation_moved(fine, other, inner, round(x), round(y))
        - gray_levels.agreement(fine, other, inner).correlation
    )
    return msgspec.structs.replace(found, shift=(x * by, y * by), nearer=nearer)


def appearance_faults(
    header: Header, source: DecodedImage, written: DecodedImage, mapped: Mapped,
    pair: tuple[gray_levels.Gray, gray_levels.Gray, Mask], coarse: CoarsePair, steps: object, quality: int,
) -> Iterator[Difference]:  # fmt: skip
    """What of the image `written` no true output has; each is a code, a message and an amount.

    `header` is that of the `source`, `mapped` its map to the output, at the size of `pair`: the expected and the
    actual image, both (H, W), and where to compare them; `coarse` has both reduced. `steps` are those of the recipe,
    `quality` is that with which the image was encoded, 1 to 100, or 0 where it is not known. Colours are compared
    where both were decoded (`has_comparable_colours`).
    """
    if header.mode not in _PLAIN_MODES or header.depth > 8:
        return
    yield from gray_faults(*pair, coarse, step_names(steps), quality)
    if source.small is not None and written.small is not None and min(written.small.colours.shape[:2]) > 1:
        yield from colour_faults(*_aligned(source.small, source.by, written.small, mapped), steps)


def has_comparable_colours(header: Header, steps: object) -> bool:
    """Whether an output by `steps` of a source with `header` must have its colours."""
    return header.mode == "RGB" and header.depth <= 8 and not step_names(steps) & (COLOURING | {"cutout", BACKGROUND})


def _aligned(want: SmallColours, by: int, have: SmallColours, mapped: Mapped) -> tuple[Colours, Colours, Mask]:
    """The colours of the source, which was decoded at 1 / `by`, moved onto those of the output, these, and where the
    source is seen; all at half of their size, for the pixels of both do not lie on one grid.
    """
    half = Size(have.colours.shape[1] // 2, have.colours.shape[0] // 2)
    size = Size(half.width * 2, half.height * 2)
    from_small, to_small = np.diag([want.by * by, want.by * by, 1.0]), np.diag([1.0 / have.by, 1.0 / have.by, 1.0])
    seen = pixels_inside(moved(mapped.seen, np.diag([0.5, 0.5, 1.0]) @ to_small), half, 1.0)
    expected = warped(want.colours, to_small @ mapped.from_shown @ from_small, size)
    return gray_levels.shrunk(expected, half), gray_levels.shrunk(have.colours[: size.height, : size.width], half), seen


def gray_faults(
    expected: gray_levels.Gray,
    actual: gray_levels.Gray,
    mask: Mask,
    coarse: CoarsePair,
    steps: Collection[str],
    quality: int,
) -> Iterator[Difference]:
    """The differences of `actual` from `expected`, both (H, W), where `mask` (H, W) is set, that no true output has.

    `coarse` has both reduced. `steps` are the names of the steps of the recipe, `quality` is as for
    `appearance_faults`.
    """
    found = measure(expected, actual, mask, coarse)
    if found is None:
        return
    if not STRETCHED & set(steps) and abs(found.light) > (LIGHT_OF_EFFECTS if EFFECTS & set(steps) else LIGHT):
        which = "brighter" if found.light > 0 else "darker"
        yield "light-differs", f"is {abs(found.light):.0f} gray levels {which} than expected", abs(found.light)
    elif not UNLIKE & set(steps) and not 1 / GAIN <= found.gain <= (np.inf if EFFECTS & set(steps) else GAIN):
        yield (
            "light-differs",
            f"has {found.gain:.2f} times the contrast expected",
            abs(found.gain - 1.0),
        )
    little = quality >= max(COARSENESS) and not EFFECTS & set(steps)  # may have changed the detail
    if found.detail < (FAINT if little else DETAIL) or NOISY & set(steps):
        return
    x, y = found.shift
    if np.hypot(x, y) >= SHIFT * max(1.0, max(expected.shape) / FINE) and found.nearer > NEARER:
        words = f"is shifted by {np.hypot(x, y):.1f} px ({x:+.1f}, {y:+.1f}) under its labels"
        yield "image-shifted", words, float(np.hypot(x, y))
        return
    least = next((likeness for asked, likeness in COARSENESS.items() if quality >= asked), -1.0)
    if found.sharpness < SHARP * min(1.0, found.gain):
        yield (
            "detail-lost",
            f"has {found.sharpness:.2f} of the fine detail expected",
            1.0 - found.sharpness,
        )
    elif found.likeness < min(least, 1.0 / float(np.hypot(1.0, CODING / found.detail))):
        words = f"has other fine detail than expected (correlation {found.likeness:.2f}), as after coarse compression"
        yield "detail-lost", words, 1.0 - found.likeness


def colour_faults(expected: Colours, actual: Colours, mask: Mask, steps: object = None) -> Iterator[Difference]:
    """The faults of the colours of `actual` against `expected`, both (H, W, 3), where `mask` (H, W) is set; those of
    `expected` are from before the `steps` of the recipe, which may leave less of them.
    """
    before, want, have = (
        np.ascontiguousarray(colours[mask].T) for colours in (expected, with_levels(expected, steps), actual)
    )
    if want.shape[1] < 16 or _chroma(before) < CHROMA or _chroma(want) < CHROMA_LEFT:
        return
    if _chroma(have) < LOST * _chroma(want):
        yield "colours-differ", "has no colours; its source has", 1.0
        return
    off = {
        order: sqrt(sum(gray_levels.mean_square(want[one], have[other]) for other, one in enumerate(order)) / 3.0)
        for order in permutations(range(3))
    }
    nearest = min(off, key=lambda order: off[order])
    if off[nearest] < EXCHANGED * off[0, 1, 2] and off[0, 1, 2] > CHROMA:
        words = "".join("RGB"[channel] for channel in nearest)
        yield "colours-differ", f"has its channels exchanged: red, green and blue are those of {words}", off[0, 1, 2]


def _chroma(channels: gray_levels.Gray) -> float:
    """The root mean square of the distances of the `channels` (3, N) from their mean, in levels."""
    return sqrt(sum(gray_levels.mean_square(one, other) for one, other in combinations(channels, 2)) / 9.0)


def _reduced(
    expected: gray_levels.Gray, actual: gray_levels.Gray, mask: Mask
) -> tuple[gray_levels.Gray, gray_levels.Gray, Mask, float]:
    """Both images and the mask with a longer side of at most `FINE` px, and the divisor."""
    height, width = expected.shape
    by = max(1.0, max(height, width) / FINE)
    if by == 1.0:
        return expected, actual, mask, by
    size = Size(max(1, round(width / by)), max(1, round(height / by)))
    return (
        gray_levels.shrunk(expected, size),
        gray_levels.shrunk(actual, size),
        gray_levels.shrunk(mask * np.uint8(255), size) == 255,
        by,
    )


def _bands(mask: Mask) -> Iterator[tuple[slice, slice]]:
    """What is set in `mask` (H, W), in bands of about `BAND` rows."""
    rows, columns = gray_levels.bounds(mask)
    ends = np.linspace(rows.start, rows.stop, max(1, (rows.stop - rows.start) // BAND) + 1).astype(int).tolist()
    for start, stop in pairwise(ends):
        yield slice(start, stop), columns


def _agreement_in(
    bands: Sequence[tuple[slice, slice]], want: gray_levels.Gray, have: gray_levels.Gray, mask: Mask
) -> gray_levels.Agreement:
    """How the fine structures of two images (H, W) agree in `bands` of what is set in `mask` (H, W)."""
    fine, other = (
        gray_levels.fine_structure(np.concatenate([image[band] for band in bands])) for image in (want, have)
    )
    counted = np.concatenate([mask[band] for band in bands])
    return gray_levels.agreement(fine, other, None if counted.all() else counted)


def _levels(coarse: CoarsePair) -> tuple[float, float]:
    """The difference of the means, and of the contrasts as a factor, 1 where the expected image is plain."""
    want, have = coarse.want[coarse.whole], coarse.have[coarse.whole]
    if len(want) < 16:
        return 0.0, np.nan
    alike = gray_levels.agreement(want, have)
    gain = alike.correlation * alike.second / alike.first if alike.first > PLAIN else 1.0
    return float(have.mean() - want.mean()), gain


def _correlation_moved(fine: NDArray[np.float32], other: NDArray[np.float32], mask: Mask, x: int, y: int) -> float:
    """The correlation of `fine` with `other` at places moved by `x`, `y`."""
    height, width = fine.shape
    if abs(x) >= width // 2 or abs(y) >= height // 2:
        return -1.0
    here = np.s_[max(0, -y) : height - max(0, y), max(0, -x) : width - max(0, x)]
    there = np.s_[max(0, y) : height + min(0, y), max(0, x) : width + min(0, x)]
    both = mask[here] & mask[there]
    return gray_levels.agreement(fine[here], other[there], both).correlation if both.sum() > 256 else -1.0
