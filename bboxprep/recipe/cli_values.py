"""Parses values of the command line into steps and options.

Each function raises `UsageError` for invalid text; the message names the option in backticks.
"""

from __future__ import annotations

import re
from typing import Any, get_args

from bboxprep.errors import UsageError
from bboxprep.geometry.affine import Size
from bboxprep.model.rendering import Pad
from bboxprep.recipe.crops import Crop
from bboxprep.recipe.geometric import Axis
from bboxprep.recipe.multiples import How

AXES: tuple[Axis, ...] = get_args(Axis)


def parse_size(text: str, option: str = "size") -> Size:
    """``640`` (a square) or ``640x480`` (width x height; also ``640*480``), given for `option`."""
    match = re.fullmatch(r"([0-9]{1,9})(?:[xX×*]([0-9]{1,9}))?", text.strip())
    if not match:
        raise UsageError(f"`{option}`: have {text!r}, want N or WIDTHxHEIGHT")
    try:
        return Size.of((int(match[1]), int(match[2] or match[1])))
    except UsageError as error:
        raise UsageError(f"`{option}`: {str(error).removeprefix('size: ')}") from error


def parse_multiple(text: str) -> tuple[int, How]:
    """``28`` (stretch to multiples of 28 px) or ``32:pad``."""
    match = re.fullmatch(r"([0-9]{1,9})(?::(\w+))?", text.strip())
    how = {name: name for name in get_args(How)}
    if not match or (match[2] or "stretch") not in how:
        raise UsageError(f"`multiple`: have {text!r}, want N[:{'|'.join(how)}]")
    return int(match[1]), how[match[2] or "stretch"]


def parse_crop(text: str) -> Crop:
    """``X,Y,W,H`` in pixels of the upright image, or each in per cent of it: ``10%,0%,80%,100%``."""
    if text.count("%") == text.count(",") + 1 == 4:
        shares = [part.strip().removesuffix("%") for part in text.split(",")]
        x, y, width, height = (_number(share, "crop", "X%,Y%,W%,H%") for share in shares)
        return Crop(x, y, width, height, "%")
    if not re.fullmatch(r"[0-9]{1,9}(,[0-9]{1,9}){3}", text.replace(" ", "")):
        raise UsageError(f"`crop`: have {text!r}, want X,Y,W,H in whole pixels, or all in %")
    x, y, width, height = map(int, text.replace(" ", "").split(","))
    return Crop(x, y, width, height)


def parse_tile(text: str) -> dict[str, Any]:
    """The arguments of `Tile` in ``640x640``, ``640:0.2`` or ``2rows,3columns``: the size of a tile in px or how many
    there are, and the share of its side that neighbours overlap by.
    """
    size, colon, overlap = text.partition(":")
    shared = {"overlap": _number(overlap, "tile", "WxH[:OVERLAP]")} if colon else {}
    parts = re.fullmatch(r"\s*([0-9]{1,3})\s*rows?\W+([0-9]{1,3})\s*columns?\s*", size, re.IGNORECASE | re.ASCII)
    if not parts and re.search("[a-z]{3}", size, re.IGNORECASE):
        raise UsageError(f"`tile`: have {text!r}, want 2rows,3columns, at most 100 of each, or WIDTHxHEIGHT")
    if parts:
        return {"rows": int(parts[1]), "columns": int(parts[2]), **shared}
    return {"size": parse_size(size, "tile"), **shared}


def parse_isolate(text: str) -> dict[str, Any]:
    """The arguments of `Isolate` in ``10%``, ``0.1`` or ``10%:square``: its margin, and whether it is square."""
    margin, colon, word = text.partition(":")
    if colon and word.strip() != "square":
        raise UsageError(f"`isolate`: have {text!r}, want MARGIN, as in 10%, or MARGIN:square")
    share = margin.strip().removesuffix("%")
    number = _number(share or "0", "isolate", "MARGIN[:square], as in 10%")
    return {"margin": number / 100.0 if margin.strip().endswith("%") else number, "square": bool(colon)}


def parse_step(text: str, step: str) -> dict[str, Any]:
    """The options of the step named `step` that `text` spells as its flag does; none where that is no more than the
    first of them.
    """
    match step:
        case "crop":
            return parse_crop(text).options()
        case "tile":
            return parse_tile(text)
        case "isolate":
            return parse_isolate(text)
        case "multiple":
            return dict(zip(("of", "how"), parse_multiple(text), strict=True))
        case "flip" if ":" in text:
            return dict(zip(("axis", "p"), parse_flip(text), strict=True))
        case _:
            return {}


def parse_flip(text: str) -> tuple[Axis, float]:
    """``horizontal`` (every image) or ``horizontal:0.5`` (with this probability)."""
    axis, colon, chance = text.partition(":")
    known = {name: name for name in AXES}
    if axis not in known:
        raise UsageError(f"`flip`: have {text!r}, want {', '.join(AXES)}, or one of them and :P")
    return known[axis], _number(chance, "flip", "AXIS[:P]") if colon else 1.0


def parse_amount(text: str, option: str) -> float | tuple[float, float]:
    """``15`` or ``-15:15``, a range, given for `option`."""
    low, colon, high = text.partition(":")
    first = _number(low, option, "N or LO:HI")
    return (first, _number(high, option, "N or LO:HI")) if colon else first


def _number(text: str, option: str, want: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"`{option}`: have {text!r}, want a number ({want})") from None


def parse_color(text: str, option: str = "color") -> tuple[int, int, int]:
    """``N`` (a gray level) or ``R,G,B``, each 0 to 255, given for `option`."""
    parts = [part.strip() for part in text.split(",")]
    levels = tuple(int(part) for part in parts if re.fullmatch("[0-9]{1,9}", part))
    if len(levels) not in (1, 3) or len(levels) != len(parts) or max(levels) > 255:
        raise UsageError(f"`{option}`: have {text!r}, want N or R,G,B of 0 to 255")
    return (levels[0], levels[1], levels[2]) if len(levels) == 3 else (levels[0],) * 3


def parse_pad(text: str) -> Pad:
    """A gray level, an ``R,G,B`` colour, ``edge`` or ``reflect``."""
    match text:
        case "edge" | "reflect":
            return text
        case _:
            red, green, blue = parse_color(text, "pad")
            return red if red == green == blue else (red, green, blue)
