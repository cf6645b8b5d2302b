"""What a format brings to be tested: a painter and readers of its own, and the small data sets that they speak of.

None may share code with the format under test, or a mistake made twice would pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bboxprep.geometry.affine import Size


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """One image with its boxes.

    `name` is its POSIX path below the image folder of `split`, `data` the bytes of its file. `boxes` are float64 (N, 4)
    x0 y0 x1 y1 in px, in a plane of `size`; `classes` names the class of each. A reader also fills `place`: the path of
    the image below the root, as ``bboxprep.images.jsonl`` calls it.
    """

    split: str
    name: str
    data: bytes
    size: Size
    boxes: NDArray[np.float64]
    classes: tuple[str, ...]
    place: str = ""

    def with_objects(self, boxes: ArrayLike, classes: tuple[str, ...]) -> LabelledImage:
        """The same image with other objects."""
        return replace(self, boxes=np.array(boxes, dtype=np.float64).reshape(-1, 4), classes=classes)


@dataclass(frozen=True, eq=False)
class LabelledDataset:
    """A class table, in its order, and the images of a data set, by split and name."""

    classes: tuple[str, ...]
    images: tuple[LabelledImage, ...]


@dataclass(frozen=True)
class FormatExample:
    """What the conformance kit needs to test the format called `format`.

    ``paint(root, dataset)`` writes a data set into the folder `root`, which is there or not, in the layout that the
    format's own writer uses, and replaces what is there. Numbers are written as fine as they are given. ``read(root)``
    returns all images and objects in such a folder, painted or written. ``first_corner(root)`` returns the numbers that
    its labels state for the left and the upper edge of the first object. With `options` the format's writer is exact to
    its finest step.
    """

    format: str
    paint: Callable[[Path, LabelledDataset], None]
    read: Callable[[Path], LabelledDataset]
    first_corner: Callable[[Path], tuple[float, float]]
    options: Mapping[str, Any] = field(default_factory=dict)
