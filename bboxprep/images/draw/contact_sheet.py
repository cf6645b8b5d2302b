"""A contact sheet: annotated pictures side by side, each with a line of text below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from bboxprep.images.codecs.codec import encode_png
from bboxprep.images.draw.annotations import annotated
from bboxprep.model.instances import Instances

CELL, LINE, GAP = 400, 22, 8  # px: the longer side of a picture, the height of its text, the space between
MOST_COLUMNS = 5
_GROUND, _INK = (250, 250, 250), (24, 24, 24)


@dataclass(frozen=True, eq=False)
class Cell:
    """A `caption`, and the picture above it, uint8 (H, W) or (H, W, 3), with its objects; None where there is none."""

    caption: str
    pixels: NDArray[np.uint8] | None = None
    instances: Instances | None = None


def contact_sheet(cells: Sequence[Cell], names: tuple[str, ...]) -> bytes:
    """A PNG of `cells`, row by row; `names` are the classes by label."""
    columns = min(MOST_COLUMNS, max(1, ceil(sqrt(len(cells)))))
    rows = max(1, -(-len(cells) // columns))
    size = (columns * (CELL + GAP) + GAP, rows * (CELL + LINE + GAP) + GAP)
    sheet = Image.new("RGB", size, _GROUND)
    for number, cell in enumerate(cells):
        row, column = divmod(number, columns)
        sheet.paste(_drawn(cell, names), (GAP + column * (CELL + GAP), GAP + row * (CELL + LINE + GAP)))
    return encode_png(np.asarray(sheet))


def _drawn(cell: Cell, names: tuple[str, ...]) -> Image.Image:
    """The picture in the middle of its field, the end of the caption below it: names differ at their end."""
    field = Image.new("RGB", (CELL, CELL + LINE), _GROUND)
    if cell.pixels is not None:
        picture = Image.fromarray(annotated(cell.pixels, cell.instances or Instances.of(), names))
        picture.thumbnail((CELL, CELL), Image.Resampling.LANCZOS)
        field.paste(picture, ((CELL - picture.width) // 2, (CELL - picture.height) // 2))
    pen, font = ImageDraw.Draw(field), ImageFont.load_default(size=14)
    caption = cell.caption
    while len(caption) > 1 and pen.textlength(caption, font=font) > CELL:
        caption = "…" + caption[2:]
    pen.text(((CELL - pen.textlength(caption, font=font)) / 2, CELL + 3), caption, fill=_INK, font=font)
    return field
