"""The flags of a recipe: steps and filters.

They are a short way of writing one. A fixed value acts on every split; a probability or a range is
chance, and acts on training images alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import click
from click.core import ParameterSource

from bboxprep.cli.dataset_options import listed_names
from bboxprep.cli.options import Decorator, in_section
from bboxprep.cli.sizing_options import SIZE_FLAGS, SIZE_OPTIONS, sizing_steps
from bboxprep.errors import AnnotationError, UsageError
from bboxprep.io.paths import read_bytes
from bboxprep.model.balance import Balance
from bboxprep.model.conditions import Condition
from bboxprep.model.escaping import split_names, split_pair
from bboxprep.model.filters import Dedupe, Filters, SizeLimit
from bboxprep.model.rendering import Kernel
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.cli_values import parse_amount, parse_crop, parse_flip, parse_isolate, parse_pad, parse_tile
from bboxprep.recipe.crops import Tile
from bboxprep.recipe.geometric import Flip, Letterbox, RecipeStep
from bboxprep.recipe.recipe import Recipe, Upright

_MOST_LISTED = 2**28  # bytes of a list of images
_COPIES = ("copies", "balance", "seed")
_CUTS = ("crop", "tile", "isolate")
_STEPS = (*SIZE_FLAGS, *_CUTS, "flip", "rotate", "grayscale", "exposure", "no_flip_classes", *_COPIES)
_MANNER = ("pad", "kernel", "upright", "no_upright")
_FILTERS = ("min_size", "max_size", "only_images_with", "only_images", "where", "drop_empty", "max_per_class", "dedupe")

_OPTIONS = (
    click.option(
        "--crop",
        metavar="X,Y,W,H",
        help="Keep this rectangle of the upright image, px or all four in %; before any sizing.",
    ),
    click.option(
        "--tile",
        metavar="WxH|2rows,3columns[:OVERLAP]",
        help="Cut into tiles of this size, or so many, after any sizing.",
    ),
    click.option(
        "--isolate",
        is_flag=False,
        flag_value="0%",
        metavar="[MARGIN][:square]",
        help="Make an image of each object, in the folder of its class, with this margin: a share of the longer side "
        "of its box, as in 10%; square, as far as the image reaches.",
    ),
    click.option(
        "--flip",
        metavar="horizontal|vertical|both[:P]",
        help="Mirror every image; with :P, training images with that probability.",
    ),
    click.option(
        "--no-flip-classes",
        multiple=True,
        metavar="A,B",
        help="Leave images that show one of these classes unflipped. Can be repeated.",
    ),
    click.option("--rotate", metavar="DEGREES|LO:HI", help="Turn clockwise; a range, training images alone."),
    click.option("--grayscale", is_flag=True, help="Take the colour away (BT.601); three equal channels."),
    click.option("--exposure", metavar="GAIN|LO:HI", help="Brighten or darken; a range, training images alone."),
    click.option(
        "--copies",
        multiple=True,
        metavar="N|CLASS=N",
        help="Draws of each training image, or of those that show a class; without a step of chance, plain copies of "
        "these. Can be repeated.  [default: 1]",
    ),
    click.option(
        "--balance",
        metavar="SHARE[:MOST]",
        help="More copies of training images with rare classes, until about this share of them shows each class; at "
        "most MOST (10) of one image.",
    ),
    click.option("--seed", type=click.IntRange(0), metavar="N", help="The key of all chance.  [default: 0]"),
    click.option(
        "--recipe",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        metavar="FILE",
        help="Take the steps from this YAML file, or as recorded in a bboxprep.json.",
    ),
    click.option("--pad", default="114", metavar="N|R,G,B|edge|reflect", show_default=True, help="Fills a letterbox."),
    click.option(
        "--kernel",
        type=click.Choice(get_args(Kernel)),
        default="auto",
        show_default=True,
        help="Resampling. auto: the mean of the area where an image shrinks by more than a ninth, else cubic. The "
        "others, nearest apart, are antialiased where they shrink.",
    ),
    click.option(
        "--upright",
        type=click.Choice(["auto", "on", "off"]),
        default="on",
        show_default=True,
        help="Turn images by their orientation tag. auto: not where the labels prove to be drawn on the stored pixels, "
        "whose tag is likely stale.",
    ),
    click.option(
        "--no-upright",
        is_flag=True,
        help="The same as --upright off: keep the pixels as stored; the tag is still removed.",
    ),
)


_FILTER_OPTIONS = (
    click.option(
        "--min-size",
        multiple=True,
        metavar="N|N%|CLASS=N",
        help="Leave out objects of whose box a side is shorter than this in the output image: px, or per cent of that "
        "side of the image; of one class or of all others. Can be repeated.",
    ),
    click.option(
        "--max-size", multiple=True, metavar="N|N%|CLASS=N", help="The same of objects with a side longer than this."
    ),
    click.option(
        "--only-images-with",
        multiple=True,
        metavar="A,B",
        help="Leave out images, or tiles, that show no object of these classes. Can be repeated.",
    ),
    click.option(
        "--only-images",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Leave out all images but those of this list: a path below SOURCE on each line, as review saves them.",
    ),
    click.option(
        "--where",
        multiple=True,
        metavar="FIELD>=VALUE",
        help="Leave out images of which this is not true: width and height (px of the upright source image), "
        "orientation (EXIF) and objects (labels in the output image) with >=, <=, >, <, = or !=; split, path (below "
        "SOURCE) and tag (of images, as some tools have them) with = or != and a pattern, as in 'path=camera1/*'. Can "
        "be repeated, or joined: 'width > 640 and split == \"train\"'.",
    ),
    click.option(
        "--drop-empty",
        is_flag=False,
        flag_value=1.0,
        type=click.FloatRange(0, 1),
        metavar="[SHARE]",
        help="Leave out this share of the images, or tiles, without objects, chosen by a hash of their names; without "
        "SHARE all of them.",
    ),
    click.option(
        "--max-per-class",
        type=click.IntRange(1),
        metavar="N",
        help="Of each split, leave out images each of whose classes has N objects or more in other images, taken in "
        "the order of a hash of their names. Objects are counted in SOURCE.",
    ),
    click.option(
        "--dedupe",
        type=click.Choice([one for one in get_args(Dedupe) if one]),
        help="Images that look alike, such as copies that were saved again or made smaller: name them, or leave out "
        "all but one of them; that of test stays, else of val, of train last. Decodes all images once more, reduced. "
        "Without it they are named as far as the run decodes images.",
    ),
)


recipe_options: Decorator = in_section("Steps", *SIZE_OPTIONS, *_OPTIONS)
filter_options: Decorator = in_section("Filters", *_FILTER_OPTIONS)


def chosen_recipe(given: Mapping[str, Any]) -> Recipe:
    """The recipe among the values that were `given`. Raises `UsageError`."""
    if given["recipe"]:
        besides = [f"--{name.replace('_', '-')}" for name in (*_STEPS, *_MANNER, *_FILTERS) if _is_said(name)]
        if besides:
            raise UsageError(f"recipe: have {', '.join(besides)} beside --recipe, want the steps in one place")
        from bboxprep.recipe.load import read_recipe  # which knows every step there is, and few runs need most

        return read_recipe(given["recipe"])
    steps = _steps(given)
    fixed, chance = [step for step in steps if _is_for_all(step)], [step for step in steps if not _is_for_all(step)]
    copies = _copies(given)
    repeats = "balance" in copies or "copies_of" in copies
    if not chance and ((copies and not repeats) or given["seed"]):
        word = "copies" if copies else "seed"
        raise UsageError(f"{word}: nothing is drawn; want a step of chance, as in --flip horizontal:0.5")
    augment = Augment(*chance, **copies) if chance or repeats else None
    how: dict[str, Any] = {"pad": parse_pad(given["pad"]), "kernel": given["kernel"], "filters": _filters(given)}
    return Recipe(*fixed, upright=_upright(given), augment=augment, seed=given["seed"] or 0, **how)


def _copies(given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `Augment` about copies that were given. Raises `UsageError`."""
    found: dict[str, Any] = {}
    for text in given["copies"]:
        name, number = split_pair(text, "copies", "CLASS=N") if "=" in text else ("", text)
        if not re.fullmatch(r"[0-9]{1,9}", number.strip()):
            raise UsageError(f"copies: have {text!r}, want N or CLASS=N")
        own = found.setdefault("copies_of", {}) if name else found
        if own.setdefault(name or "copies", int(number)) != int(number):
            raise UsageError(f"copies: have {text!r} beside {own[name or 'copies']}, want one number")
    return found | ({"balance": Balance.of(given["balance"])} if given["balance"] else {})


def _filters(given: Mapping[str, Any]) -> Filters:
    """The filters that were given. Raises `UsageError`."""
    limits: dict[str, Any] = {
        name: tuple(_limit(text, name) for text in given[name]) for name in ("min_size", "max_size")
    }
    where = tuple(condition for text in given["where"] for condition in Condition.parse_all(text))
    wanted, share = listed_names(given["only_images_with"]), given["drop_empty"] or 0.0
    whole: dict[str, Any] = {"max_per_class": given["max_per_class"] or 0, "dedupe": given["dedupe"] or ""}
    if given["only_images"]:
        whole["only_images"] = _listed_images(given["only_images"])
    return Filters(only_images_with=wanted, drop_empty=share, where=where, **whole, **limits)


def _listed_images(file: Path) -> frozenset[str]:
    """The paths on the lines of `file`. Raises `UsageError`."""
    try:
        text = read_bytes(file, _MOST_LISTED).decode("utf-8-sig")
    except (AnnotationError, UnicodeDecodeError) as error:
        raise UsageError(f"only_images: {file}: cannot be read as lines of UTF-8 ({error})") from error
    found = frozenset(line.strip().replace("\\", "/").removeprefix("./") for line in text.splitlines()) - {""}
    if not found:
        raise UsageError(f"only_images: {file}: lists no image, want a path on each line")
    return found


def _limit(text: str, option: str) -> SizeLimit:
    category, value = split_pair(text, option, "N or CLASS=N") if "=" in text else ("", text)
    return SizeLimit.parse(value, option, category)


def _upright(given: Mapping[str, Any]) -> Upright:
    if given["no_upright"] and _is_said("upright") and given["upright"] != "off":
        raise UsageError(f"`upright`: have {given['upright']!r} beside --no-upright, want one of them")
    wanted: Upright = "auto" if given["upright"] == "auto" else given["upright"] == "on"
    return False if given["no_upright"] else wanted


def _is_said(option: str) -> bool:
    return click.get_current_context().get_parameter_source(option) is ParameterSource.COMMANDLINE


def _is_for_all(step: RecipeStep) -> bool:
    return step.is_fixed or isinstance(step, Letterbox) or (isinstance(step, Flip) and step.p == 1)


def _steps(given: Mapping[str, Any]) -> list[RecipeStep]:
    """The steps in the order that the flags act in."""
    steps: list[RecipeStep] = [parse_crop(given["crop"])] if given["crop"] else []
    if given["isolate"]:
        from bboxprep.recipe.isolate import Isolate

        steps.append(Isolate(**parse_isolate(given["isolate"])))
    steps += sizing_steps(given)
    if given["tile"]:
        steps.append(Tile(**parse_tile(given["tile"])))
    kept = tuple(dict.fromkeys(name for text in given["no_flip_classes"] for name in split_names(text)))
    if kept and not given["flip"]:
        raise UsageError("no flip classes: nothing is flipped; want --flip beside --no-flip-classes")
    if given["flip"]:
        axis, p = parse_flip(given["flip"])
        steps.append(Flip(axis, kept, p=p))
    return steps + _late_steps(given)


def _late_steps(given: Mapping[str, Any]) -> list[RecipeStep]:
    """Those after a flip, of modules that most runs can do without."""
    steps: list[RecipeStep] = []
    if given["rotate"]:
        from bboxprep.recipe.affine_steps import Rotate

        steps.append(Rotate(parse_amount(given["rotate"], "rotate")))
    if given["grayscale"] or given["exposure"]:
        from bboxprep.recipe.appearance import Exposure, Grayscale

        steps += [Grayscale()] if given["grayscale"] else []
        steps += [Exposure(parse_amount(given["exposure"], "exposure"))] if given["exposure"] else []
    return steps
