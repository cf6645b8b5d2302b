"""The flags of ``bboxprep convert`` that set the size of images, and the steps that they stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

import click

from bboxprep.errors import UsageError
from bboxprep.geometry.affine import Size
from bboxprep.model.splits import split_of
from bboxprep.recipe.cli_values import parse_multiple, parse_size
from bboxprep.recipe.geometric import Fill, Fit, Letterbox, Position, RecipeStep, Resize
from bboxprep.recipe.multiples import Multiple

_OTHERS: dict[str, Callable[[Size], RecipeStep]] = {"resize": Resize, "fit": Fit, "fill": Fill}
_SIZING = ("letterbox", *_OTHERS)
SIZE_FLAGS = (*_SIZING, "place", "multiple", "max_pixels_out")

SIZE_OPTIONS = (
    click.option(
        "--letterbox",
        metavar="N|WxH[,WxH...]|SPLIT=N,...",
        help="Scale to fit, keep proportions, pad to exactly this size; of several, to the one of the nearest aspect "
        "ratio; or to a size for each split, as in train=640,val=1280.",
    ),
    click.option("--resize", metavar="WxH", help="Stretch to this size."),
    click.option("--fit", metavar="N|WxH", help="Scale to fit inside this size, keep proportions, no padding."),
    click.option("--fill", metavar="WxH", help="Scale to cover this size, keep proportions, crop around the centre."),
    click.option(
        "--place",
        type=click.Choice(get_args(Position)),
        help="Where the image lies on the canvas of --letterbox or of --multiple N:pad.  [default: centre]",
    ),
    click.option(
        "--multiple",
        metavar="N[:stretch|pad]",
        help="Make both sides multiples of N, after the flags above: stretch each to the nearest, as models with "
        "patches of 14, 28 or 32 px do, or pad it up to the next, as trainers do.",
    ),
    click.option(
        "--max-pixels-out",
        type=click.IntRange(1),
        metavar="N",
        help="Shrink images of more than N pixels to N, keep proportions; with --multiple, to multiples below that.",
    ),
)


def sizing_steps(given: Mapping[str, Any]) -> list[RecipeStep]:
    """The steps of the flags among `given`, in the order that they act in. Raises `UsageError`."""
    sizing = [name for name in _SIZING if given[name]]
    if len(sizing) > 1:
        raise UsageError(f"{' and '.join(f'--{name}' for name in sizing)}: each sets the size, want one of them")
    place: Position = given["place"] or "centre"
    steps: list[RecipeStep] = [_step(name, given[name], place) for name in sizing]
    if given["multiple"] or given["max_pixels_out"]:
        of, how = parse_multiple(given["multiple"]) if given["multiple"] else (1, "stretch")
        steps.append(Multiple(of, how, given["max_pixels_out"], place if how == "pad" else "centre"))
    if given["place"] and not any(step.has_margin for step in steps):
        raise UsageError("place: nothing is padded; want --letterbox, or --multiple N:pad, beside --place")
    return steps


def _step(name: str, text: str, place: Position) -> RecipeStep:
    """The step of the flag `name` whose value is `text`."""
    if name != "letterbox":
        return _OTHERS[name](parse_size(text, name))
    if "=" in text:
        by_split: dict[str, Size] = {}
        for split, _, size in (each.partition("=") for each in text.split(",")):
            if split_of(split.strip()) in by_split:
                raise UsageError(f"letterbox: have {split.strip()!r} twice in {text!r}, want each split once")
            by_split[split_of(split.strip())] = parse_size(size, name)
        return Letterbox(by_split, place)
    sizes = tuple(dict.fromkeys(parse_size(each, name) for each in text.split(",")))
    return Letterbox(sizes[0], place) if len(sizes) == 1 else Letterbox(place=place, sizes=sizes)
