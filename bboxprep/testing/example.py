"""The example of a format for the conformance kit: a painter and readers of its own, and the datasets they handle.

They may not share code with the format under test, since a shared mistake would pass.
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
    x0 y0 x1 y1 in px of an image of `size`; `classes` are their N class names. A reader also sets `place`, the path of
    the image below the root as in ``bboxprep.images.jsonl``.
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
    """The class table of a dataset and its images, sorted by split and name."""

    classes: tuple[str, ...]
    images: tuple[LabelledImage, ...]


@dataclass(frozen=True)
class FormatExample:
    """The functions that the conformance kit needs to test the format named `format`.

    ``paint(root, dataset)`` writes a dataset to the folder `root`, in the layout of the format's writer, and replaces
    existing files. Numbers are written without rounding. ``read(root)`` returns all images and objects in such a
    folder, painted or written by the format. ``first_corner(root)`` returns the numbers in its labels for the left and
    the upper edge of the first object. With `options` the format's writer rounds to its finest step.
    """

    format: str
    paint: Callable[[Path, LabelledDataset], None]
    read: Callable[[Path], LabelledDataset]
    first_corner: Callable[[Path], tuple[float, float]]
    options: Mapping[str, Any] = field(default_factory=dict)
