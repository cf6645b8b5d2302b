"""The flags of ``bboxprep convert`` alone: the recipe, the class table, a new split.

Those of the recipe are a short way of writing one. A fixed value acts on every split; a probability or a range is
chance, and acts on training images alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import click
from click.core import ParameterSource

from bboxprep.cli.options import Decorator, in_section
from bboxprep.errors import UsageError
from bboxprep.formats.yolo.class_lists import LIST_SUFFIXES, read_class_list
from bboxprep.geometry.affine import Size
from bboxprep.io.text import read_text
from bboxprep.model.class_mapping import ClassPolicy
from bboxprep.model.conditions import Condition
from bboxprep.model.escaping import split_names, split_pair
from bboxprep.model.filters import Dedupe, Filters, SizeLimit
from bboxprep.model.rendering import Kernel
from bboxprep.pipeline.source.split import SplitPolicy
from bboxprep.recipe.cli_values import parse_amount, parse_crop, parse_flip, parse_pad, parse_size, parse_tile
from bboxprep.recipe.crops import Tile
from bboxprep.recipe.geometric import Fill, Fit, Flip, Letterbox, RecipeStep, Resize
from bboxprep.recipe.recipe import Augment, Recipe, Upright

SIZING: dict[str, Callable[[Size], RecipeStep]] = {"letterbox": Letterbox, "resize": Resize, "fit": Fit, "fill": Fill}
_STEPS = (*SIZING, "crop", "tile", "flip", "rotate", "grayscale", "exposure", "no_flip_classes", "copies", "seed")
_MOST_BYTES = 1 << 24  # of a file of new names
_MANNER = ("pad", "kernel", "upright", "no_upright")
_FILTERS = ("min_size", "max_size", "only_images_with", "where", "drop_empty", "dedupe")

_OPTIONS = (
    click.option("--letterbox", metavar="N|WxH", help="Scale to fit, keep proportions, pad to exactly this size."),
    click.option("--resize", metavar="WxH", help="Stretch to this size."),
    click.option("--fit", metavar="N|WxH", help="Scale to fit inside this size, keep proportions, no padding."),
    click.option("--fill", metavar="WxH", help="Scale to cover this size, keep proportions, crop around the centre."),
    click.option("--crop", metavar="X,Y,W,H", help="Keep this rectangle of the upright image; before any sizing."),
    click.option("--tile", metavar="WxH[:OVERLAP]", help="Cut into tiles of this size, after any sizing."),
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
    click.option("--copies", type=click.IntRange(1), metavar="N", help="Draws of each training image.  [default: 1]"),
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


class_options: Decorator = in_section(
    "Classes and splits",
    click.option(
        "--rename",
        multiple=True,
        metavar="OLD=NEW|FILE",
        help="Give a class another name, or those that a file lists, one OLD=NEW a line; classes that then have one "
        "name become one. Can be repeated. In names, a "
        r"comma is written \, and an equals sign \=.",
    ),
    click.option("--only", multiple=True, metavar="A,B", help="Keep the objects of these classes. Can be repeated."),
    click.option(
        "--drop-class", "drop", multiple=True, metavar="A,B", help="Leave these classes out. Can be repeated."
    ),
    click.option(
        "--classes",
        multiple=True,
        metavar="A,B|FILE",
        help="The class table in exactly this order: names, or a file of them (one a line, or a data.yaml). A class "
        "that has objects and is not listed is an error. Acts after --rename, --only and --drop-class.",
    ),
)


split_options: Decorator = in_section(
    "Classes and splits",
    click.option(
        "--split",
        metavar="NAME=SHARE,...",
        help="Split all images anew, as in train=0.8,val=0.2, by a hash of their names: adding images moves none.",
    ),
    click.option(
        "--group-by",
        metavar="file|folder|near|regex:PATTERN|exif-time[:SECONDS]",
        help="What --split keeps together: images of one name (file, the default), of one folder, that look alike "
        "(near), of one first group of a pattern in their names, or photos that one camera took within SECONDS (60) of "
        "each other. With near and exif-time an added image can join two groups, which may move one of them.",
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
        "--where",
        multiple=True,
        metavar="FIELD>=VALUE",
        help="Leave out images of which this is not true: width and height (px of the upright source image), "
        "orientation (EXIF) and objects (labels in the output image) with >=, <=, >, <, = or !=; split and path (below "
        "SOURCE) with = or != and a pattern, as in 'path=camera1/*'. Can be repeated.",
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
        "--dedupe",
        type=click.Choice([one for one in get_args(Dedupe) if one]),
        help="Images that look alike, such as copies that were saved again or made smaller: name them, or leave out "
        "all but one of them; that of test stays, else of val, of train last. Decodes all images once more, reduced. "
        "Without it they are named as far as the run decodes images.",
    ),
)


recipe_options: Decorator = in_section("Steps", *_OPTIONS)
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
    if not chance and (given["copies"] or given["seed"]):
        word = "copies" if given["copies"] else "seed"
        raise UsageError(f"{word}: nothing is drawn; want a step of chance, as in --flip horizontal:0.5")
    augment = Augment(*chance, copies=given["copies"] or 1) if chance else None
    how: dict[str, Any] = {"pad": parse_pad(given["pad"]), "kernel": given["kernel"], "filters": _filters(given)}
    return Recipe(*fixed, upright=_upright(given), augment=augment, seed=given["seed"] or 0, **how)


def _filters(given: Mapping[str, Any]) -> Filters:
    """The filters that were given. Raises `UsageError`."""
    limits = {name: tuple(_limit(text, name) for text in given[name]) for name in ("min_size", "max_size")}
    where = tuple(map(Condition.parse, given["where"]))
    wanted, share = _names(given["only_images_with"]), given["drop_empty"] or 0.0
    dedupe: Dedupe = given["dedupe"] or ""
    return Filters(only_images_with=wanted, drop_empty=share, where=where, dedupe=dedupe, **limits)


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
    return step.is_fixed or (isinstance(step, Flip) and step.p == 1)


def _steps(given: Mapping[str, Any]) -> list[RecipeStep]:
    """The steps in the order that the flags act in."""
    steps: list[RecipeStep] = [parse_crop(given["crop"])] if given["crop"] else []
    sizing = [name for name in SIZING if given[name]]
    if len(sizing) > 1:
        raise UsageError(f"{' and '.join(f'--{name}' for name in sizing)}: each sets the size, want one of them")
    steps += [SIZING[name](parse_size(given[name], name)) for name in sizing]
    if given["tile"]:
        size, overlap = parse_tile(given["tile"])
        steps.append(Tile(size, overlap))
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


def class_rules(given: Mapping[str, Any]) -> ClassPolicy:
    """The rules that were given. Raises `UsageError`, and `AnnotationError` for a file of names that cannot be read."""
    rename: dict[str, str] = {}
    for pair in (pair for text in given["rename"] for pair in _renames(text)):
        old, new = split_pair(pair)
        if rename.setdefault(old, new) != new:
            raise UsageError(f"rename: have {old!r} as {rename[old]!r} and as {new!r}, want one new name")
    return ClassPolicy(
        rename=rename,
        only=_names(given["only"]),
        drop=_names(given["drop"]),
        classes=_listed(given["classes"]) if given["classes"] else None,
    )


def _renames(text: str) -> list[str]:
    """The pairs of `text`: those of the lines of a file, without blank lines and comments (#), or `text` itself."""
    if "=" in text or not _is_file(text):
        return [text]
    lines = read_text(Path(text), _MOST_BYTES).splitlines()
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _names(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for text in texts for name in split_names(text)))


def _listed(texts: Sequence[str]) -> tuple[str, ...]:
    """The names of each text in turn, which is a file of them or states them."""
    return tuple(
        name for text in texts for name in (read_class_list(Path(text)) if _is_file(text) else split_names(text))
    )


def _is_file(text: str) -> bool:
    try:
        return Path(text).suffix.lower() in LIST_SUFFIXES or Path(text).is_file()
    except (OSError, ValueError):  # too long for a path, or with a NUL
        return False


def split_rule(given: Mapping[str, Any]) -> SplitPolicy | None:
    """The rule that was given, None where images stay in their splits. Raises `UsageError`."""
    if given["split"] is None:
        if given["group_by"] is not None:
            raise UsageError("--group-by: says what --split keeps together, but there is no --split")
        return None
    return SplitPolicy.parse(given["split"], given["group_by"] or "file")
