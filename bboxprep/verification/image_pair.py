"""The two images that prove the pixels of an output: what the source makes, warped here, and what was written."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bboxprep.geometry.affine import Size
from bboxprep.images.codecs.independent_decoder import DecodedImage, warped
from bboxprep.images.gray_levels import Gray, softened
from bboxprep.model.rendering import DEFAULT_RENDERING
from bboxprep.verification import whole_image
from bboxprep.verification.backgrounds import far_from_edges
from bboxprep.verification.effects_model import (
    ExpectedEffects,
    Scene,
    apply_effects,
    is_in_px,
    level_of,
    sees_margins,
)
from bboxprep.verification.mapped import Mapped
from bboxprep.verification.patch_similarity import GrayScales, Mask, Scales, gray_scales, mask_scales
from bboxprep.verification.region import beyond, pixels_inside

EDGE = 4.0  # px; that near to the edge of a rotated image its margin may be mixed in
PLAIN = 2.0  # gray levels; a row or column that varies less may be margin
LONG = 1024  # px; images are reduced for the comparison, but not below this longer side


@dataclass(frozen=True, eq=False)
class ImagePair:
    """The expected image, the actual image, and the part (x0 y0 x1 y1, px) that the source covers.

    `seen` (H, W) are the pixels of that part to compare, None for all, `background` (H, W) those that the recipe fills.
    `weak` names a step after which dissimilar pixels prove nothing, "" for none; `unknown_margins`: the margins of the
    image are not known. All is at 1 / `by` of the size of the output.
    """

    expected: Gray
    actual: Gray
    visible: tuple[int, int, int, int]
    seen: Mask | None = None
    weak: str = ""
    unknown_margins: bool = False
    by: int = 1
    background: Mask | None = None

    @cached_property
    def mask(self) -> Mask:
        """The pixels (H, W) to compare, bool."""
        mask = np.zeros(self.expected.shape, dtype=np.bool_)
        x0, y0, x1, y1 = self.visible
        mask[y0:y1, x0:x1] = True
        return mask if self.seen is None else mask & self.seen

    @cached_property
    def softened(self) -> tuple[GrayScales, GrayScales]:
        """The expected and the actual image without their finest detail."""
        return gray_scales(softened(self.expected)), gray_scales(softened(self.actual))

    @cached_property
    def seen_scales(self) -> Scales[np.bool_] | None:
        """`seen` as patches are compared by it."""
        return None if self.seen is None else mask_scales(self.seen)

    @cached_property
    def coarse(self) -> whole_image.CoarsePair:
        """Both images reduced to what is compared of them as a whole."""
        return whole_image.CoarsePair.of(self.expected, self.actual, self.mask)


def reduction(size: Size, steps: object) -> int:
    """The divisor by which both images are reduced before they are compared; 1 after steps in px of the full size."""
    if is_in_px(steps):
        return 1
    return next((by for by in (8, 4, 2) if max(size) >= by * LONG and not any(side % by for side in size)), 1)


def image_pair(
    source: DecodedImage,
    mapped: Mapped,
    actual: Gray,
    steps: object,
    by: int = 1,
    pad: object = None,
    objects: Mask | None = None,
) -> ImagePair | None:
    """The images to compare; None where the source has another size than its header, or is not visible.

    `objects` (H, W) are the pixels of the objects, where their background is filled.
    """
    height, width = (side * source.by for side in source.gray.shape)
    if (width, height) != mapped.shown:
        return None
    from_reduced = mapped.from_shown @ np.diag([source.by, source.by, 1.0])
    expected = warped(source.gray, from_reduced, mapped.size)
    shown = pixels_inside(beyond(mapped.seen, mapped.size), mapped.size, 0.0) if sees_margins(steps) else None
    level = level_of(pad)
    if shown is not None and level is not None:
        expected[~shown] = round(level)
    usual = level_of(DEFAULT_RENDERING.pad) or 0.0
    effects = apply_effects(expected, steps, Scene(shown, objects, round(usual if level is None else level)))
    visible = _visible(mapped, actual)
    if visible[2] - visible[0] < 1 or visible[3] - visible[1] < 1:
        return None
    seen, background = _seen(mapped, effects), None
    if objects is not None:
        inside, background = far_from_edges(objects, EDGE + effects.bleed)
        for part in (shown, effects.outside_holes):
            background = background if part is None else background & part
        if shown is not None and background.any() and actual.shape == background.shape:
            effects.gray[background] = np.median(actual[background])  # its level hangs on all others
        seen = (inside | background) if seen is None else seen & (inside | background)
    pair = effects.gray, actual, visible, seen
    unknown = mapped.warped and not mapped.derived
    return ImagePair(*pair, weak=effects.weak, unknown_margins=unknown, by=by, background=background)


def _seen(mapped: Mapped, effects: ExpectedEffects) -> Mask | None:
    """The pixels (H, W) to compare, without those mixed with margins; None where the visible rectangle is enough."""
    if not mapped.warped and effects.outside_holes is None and effects.bleed == 0:
        return None
    sides = beyond(mapped.seen, mapped.size)
    seen = pixels_inside(sides, mapped.size, (EDGE if mapped.warped else 0.0) + effects.bleed)
    return seen if effects.outside_holes is None else seen & effects.outside_holes


def _visible(mapped: Mapped, actual: Gray) -> tuple[int, int, int, int]:
    """The rectangle of output pixels that the source covers entirely: x0, y0, x1, y1.

    Where the recipe is not known, plain rows and columns at the edges may be margin and are left out.
    """
    x0, y0 = (int(np.ceil(edge - 1e-6)) for edge in mapped.visible[:2])
    x1, y1 = (int(np.floor(edge + 1e-6)) for edge in mapped.visible[2:])
    if mapped.derived or actual.shape != (mapped.size.height, mapped.size.width) or x1 <= x0 or y1 <= y0:
        return x0, y0, x1, y1
    part = actual[y0:y1, x0:x1]
    columns, rows = (np.flatnonzero(part.std(axis=axis) > PLAIN) for axis in (0, 1))
    if not len(rows) or not len(columns):
        return x0, y0, x0, y0
    return x0 + int(columns[0]), y0 + int(rows[0]), x0 + int(columns[-1]) + 1, y0 + int(rows[-1]) + 1
