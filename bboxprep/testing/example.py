"""The example of a format for the conformance kit: a painter and readers of its own, and the datasets they handle.

They may not share code with the format under test, since a shared mistake would pass. A format that is only read is
converted to COCO, which the kit reads here by itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from bboxprep import formats
from bboxprep.geometry.affine import Size

ORIENTATION_TAG = 0x0112  # of EXIF


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


def displayed_size(data: bytes) -> Size:
    """The displayed size of the image in the file `data`, by Pillow; the file may be truncated after its header."""
    with Image.open(BytesIO(data)) as opened:
        size = Size(*opened.size)
        try:
            code = opened.getexif().get(ORIENTATION_TAG, 1)
        except OSError:
            code = 1  # the EXIF is in the missing part
    return Size(size.height, size.width) if code in {5, 6, 7, 8} else size


def read_coco(root: Path) -> LabelledDataset:
    """All images and objects in the folder `root` (see `FormatExample.read`)."""
    classes: tuple[str, ...] = ()
    images = []
    for file in sorted((root / "annotations").iterdir()):
        document = json.loads(file.read_bytes())
        names = {row["id"]: row["name"] for row in document["categories"]}
        classes, split = tuple(names.values()), file.stem.removeprefix("instances_")
        for row in document["images"]:
            own = [each for each in document["annotations"] if each["image_id"] == row["id"]]
            edges = [(x, y, x + wide, y + high) for x, y, wide, high in (each["bbox"] for each in own)]
            labels = tuple(names[each["category_id"]] for each in own)
            data, place = (root / split / row["file_name"]).read_bytes(), f"{split}/{row['file_name']}"
            size, boxes = displayed_size(data), np.array(edges, dtype=np.float64).reshape(-1, 4)
            assert size == Size(row["width"], row["height"]), place
            images.append(LabelledImage(split, row["file_name"], data, size, boxes, labels, place))
    return LabelledDataset(classes, tuple(images))


def first_corner_coco(root: Path) -> tuple[float, float]:
    """The numbers of the left and the upper edge of the first object (see `FormatExample.first_corner`)."""
    document = json.loads(min((root / "annotations").iterdir()).read_bytes())
    x, y, *_ = document["annotations"][0]["bbox"]
    return x, y


@dataclass(frozen=True)
class FormatExample:
    """The functions that the conformance kit needs to test the format named `format`.

    ``paint(root, dataset)`` writes a dataset to the folder `root`, in the layout of the format's writer, and replaces
    existing files. Numbers are written without rounding. ``read(root)`` returns all images and objects in such a
    folder, painted or written by the format. ``first_corner(root)`` returns the numbers in its labels for the left and
    the upper edge of the first object. With `options` the format's writer rounds to its finest step.

    Of a format that is only read, `paint` writes any layout of it, and the others are not given: it is converted to
    `target`.
    """

    format: str
    paint: Callable[[Path, LabelledDataset], None]
    read: Callable[[Path], LabelledDataset] = read_coco
    first_corner: Callable[[Path], tuple[float, float]] = first_corner_coco
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """The format that it is converted to: its own, or COCO where it is only read."""
        return self.format if formats.load(self.format).is_written else "coco"
