"""Data sets of painted photos, in any format, and the labelled images of an output, by each format's own example."""

from __future__ import annotations

from pathlib import Path

from bboxprep import formats
from bboxprep.testing.example import LabelledImage
from bboxprep.testing.painting import Box, painted_dataset
from tests.conformance.examples import EXAMPLES


def label(root: Path, format: str, frame: str, size: tuple[int, int], box: Box) -> Path:
    """A data set at `root` of photos in all orientations and containers, in `format`, with labels in `frame`."""
    EXAMPLES[format].paint(root, painted_dataset(frame, size, box))
    return root


def is_mask(path: Path, root: Path, format: str) -> bool:
    """Whether the image at `path` in a data set at `root` holds labels."""
    masks = formats.load(format).masks_in
    return bool(masks) and path.relative_to(root).as_posix().startswith(masks)


def written(root: Path, format: str) -> tuple[LabelledImage, ...]:
    """Each image of an output with its boxes, read by the plain rules of the format."""
    return EXAMPLES[format].read(root).images
