"""The words of the command line, read as steps and values. Each raises `UsageError` that says what it wants."""

from __future__ import annotations

import re

from bboxprep.errors import UsageError
from bboxprep.geometry.affine import Size
from bboxprep.model.rendering import Pad
from bboxprep.recipe.steps import Crop


def parse_size(text: str) -> Size:
    """``640`` (a square) or ``640x480`` (width x height)."""
    match = re.fullmatch(r"(\d+)(?:[xX×](\d+))?", text.strip())
    if not match:
        raise UsageError(f"size: have {text!r}, want N or WIDTHxHEIGHT")
    return Size.of((int(match[1]), int(match[2] or match[1])))


def parse_crop(text: str) -> Crop:
    """``X,Y,W,H`` in pixels of the upright picture."""
    if not re.fullmatch(r"\d+(,\d+){3}", text.replace(" ", "")):
        raise UsageError(f"crop: have {text!r}, want X,Y,W,H in whole pixels")
    x, y, width, height = map(int, text.split(","))
    return Crop(x, y, width, height)


def parse_color(text: str) -> tuple[int, int, int]:
    """``N`` (a gray level) or ``R,G,B``, each 0 to 255."""
    levels = tuple(int(part) for part in text.split(",") if part.strip().isdigit())
    if len(levels) not in (1, 3) or len(levels) != len(text.split(",")) or max(levels) > 255:
        raise UsageError(f"colour: have {text!r}, want N or R,G,B of 0 to 255")
    return (levels[0], levels[1], levels[2]) if len(levels) == 3 else (levels[0],) * 3


def parse_pad(text: str) -> Pad:
    """A gray level, an ``R,G,B`` colour, ``edge`` or ``reflect``."""
    match text:
        case "edge" | "reflect":
            return text
        case _:
            red, green, blue = parse_color(text)
            return red if red == green == blue else (red, green, blue)
