"""Two steps, as another distribution would bring them: one that changes values, and one that moves pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.geometry.plan import Place, Step
from bboxprep.recipe.appearance import AppearanceStep
from bboxprep.recipe.geometric import ChanceStep
from bboxprep.recipe.values import Amount, Amounts, Bounds


@dataclass(frozen=True)
class Posterize(AppearanceStep):
    """Keep the first `bits` bits of each level; what is left is put in the middle of its range."""

    name = "posterize"
    amounts: ClassVar[Amounts] = {"bits": Bounds(1, 8)}
    bits: Amount = 4.0

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """`pixels` (H, W) or (H, W, 3) uint8 with fewer levels."""
        step = 256 >> round(float(self.bits))  # type: ignore[arg-type]  # drawn: one number
        levels = np.arange(256) // step * step + step // 2
        return levels.astype(np.uint8)[pixels]


@dataclass(frozen=True)
class Nudge(ChanceStep):
    """Move the image by a `share` of its width to the right; what leaves its canvas is cut off."""

    name = "nudge"
    pads = True
    amounts: ClassVar[Amounts] = {"share": Bounds(-0.5, 0.5)}
    share: Amount

    def steps(self, size: Size) -> tuple[Step, ...]:
        """One placement."""
        return (Place(size, round(float(self.share) * size.width), 0),)  # type: ignore[arg-type]  # drawn: one number
