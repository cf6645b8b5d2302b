"""One annotated object, as a row of the columns of `model.instances`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bboxprep.model.polygons import Rings
from bboxprep.model.rle import Rle
from bboxprep.model.short_text import shortened


@dataclass(frozen=True, eq=False, repr=False)
class Instance:
    """One object: a row of `Instances`, whose columns its fields are; `class_name` is "" where no class table is known.

    `box` is float64 (4,) x0 y0 x1 y1 px, `area` the area that the source states in square px, else that of the box.
    `oriented` has the corners of the oriented box, float64 (4, 2) px, NaN where there is none.
    """

    box: NDArray[np.float64]
    label: int
    crowd: bool
    polygons: Rings
    mask: Rle | None
    oriented: NDArray[np.float64]
    keypoints: NDArray[np.float64]
    visibility: NDArray[np.uint8]
    area: float
    score: float
    id: int
    attributes: Mapping[str, Any]
    track: int
    class_name: str = ""

    @property
    def width(self) -> float:
        """The width of the box, px."""
        return float(self.box[2] - self.box[0])

    @property
    def height(self) -> float:
        """The height of the box, px."""
        return float(self.box[3] - self.box[1])

    def __repr__(self) -> str:
        corners = " ".join(f"{edge:g}" for edge in self.box.tolist())
        return f"<Instance {shortened(self.class_name or f'of label {self.label}')}: {corners}>"
