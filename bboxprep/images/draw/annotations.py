"""Draws masks, polygons, boxes (oriented ones too), keypoints and class names on images, for notebooks and previews.

A contact canvas shows several images in rows, each with a line of text below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from bboxprep.geometry.affine import Points, Size
from bboxprep.geometry.shapes import box_areas, clip_boxes
from bboxprep.images.codecs.codec import encode_png
from bboxprep.images.draw.lettering import lettered
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle

Colour = tuple[int, int, int]

# Okabe and Ito, "Color Universal Design" (2008): distinct for the colour-blind too; without black.
PALETTE: tuple[Colour, ...] = (
    (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (213, 94, 0), (204, 121, 167), (0, 114, 178),
)  # fmt: skip
_DARK, _LIGHT = (16, 16, 16), (255, 255, 255)
_LEAST_SIDE, _MOST_SIDE = 480, 1600  # px of the longer side as shown
_LEAST_TEXT, _CAPTION = 16, 14  # px
_REGION_OPACITY = 72  # opacity of filled regions, of 255


CELL, LINE, GAP = 400, 22, 8  # px: the longer side of an image, the height of its text, the space between
MOST_COLUMNS = 5
_BACKGROUND, _TEXT = (250, 250, 250), (24, 24, 24)


@dataclass(frozen=True)
class _Canvas:
    """The drawing surface: the image, enlarged by `scale`, and the line width and the size of text for it."""

    image: Image.Image
    pen: ImageDraw.ImageDraw
    text_size: int
    scale: float
    line: int


def draw(pixels: NDArray[np.uint8], instances: Instances, names: tuple[str, ...]) -> bytes:
    """`annotated` as the bytes of a PNG; `pixels` uint8 (H, W) or (H, W, 3)."""
    return encode_png(annotated(pixels, instances, names))


def annotated(pixels: NDArray[np.uint8], instances: Instances, names: tuple[str, ...]) -> NDArray[np.uint8]:
    """`pixels`, uint8 (H, W) or (H, W, 3), with all annotations drawn on them, as uint8 (h, w, 3).

    A small image is shown enlarged by a whole factor and a large one reduced, so that names can be read. One colour
    a class; `names` are the classes by label. Large objects are drawn first; one that is not finite is left out.
    """
    size = Size(pixels.shape[1], pixels.shape[0])
    canvas = _sheet(pixels, size)
    finite = np.flatnonzero(np.isfinite(instances.boxes).all(axis=1))
    order = finite[np.argsort(-np.abs(box_areas(instances.boxes[finite])), kind="stable")]
    for row in order:
        _draw_regions(canvas, instances, row)
    boxes = clip_boxes(instances.boxes, size)
    for row in order:
        _draw_box(canvas, boxes[row], _colour(instances.labels[row]))
        _draw_keypoints(canvas, instances.keypoints[row], instances.visibility[row], _colour(instances.labels[row]))
    for row in order:
        _draw_name(canvas, boxes[row], _name(instances, row, names), _colour(instances.labels[row]))
    return np.asarray(canvas.image)


def _sheet(pixels: NDArray[np.uint8], size: Size) -> _Canvas:
    longest = max(size)
    scale = float(-(-_LEAST_SIDE // longest)) if longest < _LEAST_SIDE else min(1.0, _MOST_SIDE / longest)
    shown = (max(1, round(size.width * scale)), max(1, round(size.height * scale)))
    kernel = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
    image = Image.fromarray(pixels).convert("RGB").resize(shown, kernel)
    text_size = max(_LEAST_TEXT, round(max(shown) / 30))
    return _Canvas(image, ImageDraw.Draw(image, "RGBA"), text_size, scale, max(2, round(max(shown) / 250)))


def _colour(label: int) -> Colour:
    return PALETTE[int(label) % len(PALETTE)]


def _name(instances: Instances, row: int, names: tuple[str, ...]) -> str:
    label, score = int(instances.labels[row]), instances.scores[row]
    name = names[label] if 0 <= label < len(names) else f"class {label}"
    crowd = " (crowd)" if instances.crowd[row] else ""
    return f"{name}{crowd}" if np.isnan(score) else f"{name}{crowd} {score:.2f}"


def _draw_regions(canvas: _Canvas, instances: Instances, row: int) -> None:
    colour = _colour(instances.labels[row])
    if mask := instances.masks[row]:
        _draw_mask(canvas, mask, colour)
    for ring in (*instances.polygons[row], instances.oriented[row]):
        if len(ring) > 1 and np.isfinite(ring).all():
            corners = _to_canvas(canvas, ring)
            canvas.pen.polygon(corners, fill=(*colour, _REGION_OPACITY))
            canvas.pen.line([*corners, corners[0]], fill=colour, width=max(1, canvas.line // 2), joint="curve")


def _draw_mask(canvas: _Canvas, mask: Rle, colour: Colour) -> None:
    veil = Image.fromarray(mask.mask().astype(np.uint8) * np.uint8(_REGION_OPACITY))
    canvas.image.paste(colour, (0, 0, *canvas.image.size), veil.resize(canvas.image.size, Image.Resampling.NEAREST))


def _draw_box(canvas: _Canvas, box: NDArray[np.float64], colour: Colour) -> None:
    """The outline of `box` (4,), inside its edges, between two dark lines that keep it visible on any ground."""
    x0, y0, x1, y1 = _corners(canvas, box)
    canvas.pen.rectangle((x0 - 1, y0 - 1, x1 + 1, y1 + 1), outline=(*_DARK, 150))
    canvas.pen.rectangle((x0, y0, x1, y1), outline=colour, width=canvas.line)
    inner = canvas.line
    if x1 - x0 > 2 * inner and y1 - y0 > 2 * inner:
        canvas.pen.rectangle((x0 + inner, y0 + inner, x1 - inner, y1 - inner), outline=(*_DARK, 110))


def _draw_keypoints(canvas: _Canvas, points: Points, visibility: NDArray[np.uint8], colour: Colour) -> None:
    """A dot for each labelled keypoint, hollow where it is hidden."""
    seen = (visibility > 0) & np.isfinite(points).all(axis=1)
    radius = 1.5 * canvas.line
    for (x, y), state in zip(_to_canvas(canvas, points[seen]), visibility[seen], strict=True):
        around = (x - radius, y - radius, x + radius, y + radius)
        canvas.pen.ellipse(
            around, fill=colour if state == 2 else None, outline=_LIGHT if state == 2 else colour, width=2
        )


def _draw_name(canvas: _Canvas, box: NDArray[np.float64], name: str, colour: Colour) -> None:
    """A chip with `name` on top of the upper left corner, or below that corner where there is no room above."""
    if not name.strip():
        return
    x0, y0, *_ = _corners(canvas, box)
    margin = 2 * canvas.line
    name, font = lettered(name, canvas.text_size)
    left, top, right, bottom = canvas.pen.textbbox((0, 0), name, font=font)
    width, height = right - left + 2 * margin, bottom - top + 2 * margin
    x = max(0.0, min(x0, canvas.image.width - width))
    y = y0 - height if y0 >= height else min(y0, canvas.image.height - height)
    canvas.pen.rectangle((x, y, x + width, y + height), fill=colour)
    canvas.pen.text((x + margin - left, y + margin - top), name, fill=_text_colour(colour), font=font)


def _text_colour(ground: Colour) -> Colour:
    """Black or white, whichever stands out from `ground` (luma of ITU-R BT.601)."""
    red, green, blue = ground
    return _DARK if 0.299 * red + 0.587 * green + 0.114 * blue > 115 else _LIGHT


def _corners(canvas: _Canvas, box: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """The outermost pixels, as shown, of `box` (4,); one pixel at least."""
    (x0, y0), (x1, y1) = np.rint(np.sort(box.reshape(2, 2), axis=0) * canvas.scale).tolist()
    x0, y0 = min(x0, canvas.image.width - 1.0), min(y0, canvas.image.height - 1.0)
    return x0, y0, max(x0, x1 - 1.0), max(y0, y1 - 1.0)


def _to_canvas(canvas: _Canvas, points: Points) -> list[tuple[float, float]]:
    """`points` (P, 2) in pixels as shown, whose centres Pillow counts from 0; none further off than twice the size."""
    far = 2.0 * max(canvas.image.size)
    return [(x, y) for x, y in np.clip(points * canvas.scale - 0.5, -far, far).tolist()]


@dataclass(frozen=True, eq=False)
class Cell:
    """A `caption`, and the image above it, uint8 (H, W) or (H, W, 3), with its objects; None where there is none."""

    caption: str
    pixels: NDArray[np.uint8] | None = None
    instances: Instances | None = None


def contact_sheet(cells: Sequence[Cell], names: tuple[str, ...]) -> bytes:
    """A PNG of `cells`, row by row; `names` are the classes by label."""
    columns = min(MOST_COLUMNS, max(1, ceil(sqrt(len(cells)))))
    rows = max(1, -(-len(cells) // columns))
    size = (columns * (CELL + GAP) + GAP, rows * (CELL + LINE + GAP) + GAP)
    canvas = Image.new("RGB", size, _BACKGROUND)
    for number, cell in enumerate(cells):
        row, column = divmod(number, columns)
        canvas.paste(_drawn(cell, names), (GAP + column * (CELL + GAP), GAP + row * (CELL + LINE + GAP)))
    return encode_png(np.asarray(canvas))


def _drawn(cell: Cell, names: tuple[str, ...]) -> Image.Image:
    """The image in the middle of its field, the end of the caption below it: names differ at their end."""
    field = Image.new("RGB", (CELL, CELL + LINE), _BACKGROUND)
    if cell.pixels is not None:
        image = Image.fromarray(annotated(cell.pixels, cell.instances or Instances.of(), names))
        image.thumbnail((CELL, CELL), Image.Resampling.LANCZOS)
        field.paste(image, ((CELL - image.width) // 2, (CELL - image.height) // 2))
    pen, (caption, font) = ImageDraw.Draw(field), lettered(cell.caption, _CAPTION)
    while len(caption) > 1 and pen.textlength(caption, font=font) > CELL:
        caption = "…" + caption[2:]
    pen.text(((CELL - pen.textlength(caption, font=font)) / 2, CELL + 3), caption, fill=_TEXT, font=font)
    return field
