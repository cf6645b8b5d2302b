"""The flags of `ObjectPolicy`, `ImagePolicy`, `Encoding` and `Naming`: how objects and images are read and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import click

from bboxprep.cli.options import Decorator, in_section
from bboxprep.errors import UsageError
from bboxprep.images.codecs.codec import Encoding, ImageFormat, ImagePolicy
from bboxprep.images.header import MOST_PIXELS
from bboxprep.model.escaping import split_pair
from bboxprep.model.object_policy import CrowdRule, DegenerateRule, ObjectPolicy, OutsideRule, TurnedRule
from bboxprep.pipeline.output.naming import NameStyle
from bboxprep.recipe.cli_values import parse_color

_OPTIONS = (
    click.option(
        "--crowd",
        type=click.Choice(get_args(CrowdRule)),
        help="Crowd regions: keep them (as ordinary objects where the format has none), drop them, or mark them to be "
        "ignored (iscrowd, difficult).  [default: kept where the format has them, else dropped and counted]",
    ),
    click.option(
        "--degenerate",
        type=click.Choice(get_args(DegenerateRule)),
        default="drop",
        show_default=True,
        help="Boxes without area, or with a coordinate that is no finite number.",
    ),
    click.option(
        "--outside",
        type=click.Choice(get_args(OutsideRule)),
        default="clip",
        show_default=True,
        help="Boxes that reach over the edge of their own image.",
    ),
    click.option(
        "--outside-tolerance",
        type=float,
        default=1e-3,
        show_default=True,
        metavar="PX",
        help="A box that reaches over by no more is laid onto the edge without a word.",
    ),
    click.option(
        "--min-visibility",
        multiple=True,
        metavar="SHARE|CLASS=SHARE",
        help="Drop objects of which a smaller share than this, 0 to 1, is left in the output image; those of one class "
        "or of all others. Can be repeated.  [default: 0]",
    ),
    click.option(
        "--turned",
        type=click.Choice(get_args(TurnedRule)),
        default="ellipse",
        show_default=True,
        help="What of a box without an outline is its object when an image turns by no right angle: the ellipse in "
        "it, or all of it, corners too, for a looser box.",
    ),
    click.option(
        "--swap-classes",
        multiple=True,
        metavar="LEFT=RIGHT",
        help="Two classes that change places in a flip, such as left_hand=right_hand; may be given several times.",
    ),
)


_IMAGE_OPTIONS = (
    click.option(
        "--quality",
        type=click.IntRange(1, 100),
        show_default="95; a JPEG that is only turned or padded keeps its own coding",
        help="Of JPEG and lossy WebP.",
    ),
    click.option(
        "--image-format",
        type=click.Choice(get_args(ImageFormat)),
        default="keep",
        show_default=True,
        help="Write all images as this kind, with the suffix that trainers know; keep changes those alone that "
        "trainers cannot read.",
    ),
    click.option(
        "--names",
        type=click.Choice(get_args(NameStyle)),
        default="keep",
        show_default=True,
        help="flat makes sub-folders a part of the names of images (a/b.jpg is a__b.jpg), for programs that walk none.",
    ),
    click.option("--strip-metadata", is_flag=True, help="Write no EXIF (camera, place, time) into the images."),
    click.option(
        "--depth16",
        type=click.Choice(["error", "shift8", "minmax", "percentile"]),
        default="error",
        show_default=True,
        help="How images of 16 bits a channel become 8; error skips them.",
    ),
    click.option(
        "--background", default="255", metavar="N|R,G,B", show_default=True, help="Shows through transparency."
    ),
    click.option(
        "--frames",
        type=click.Choice(["error", "first"]),
        default="error",
        show_default=True,
        help="What is taken of a file with several images; error skips it.",
    ),
)


max_pixels_option: Decorator = in_section(
    "Images",
    click.option(
        "--max-pixels",
        type=click.IntRange(1),
        default=MOST_PIXELS,
        show_default=True,
        metavar="N",
        help="An image of more pixels is refused from its header, before anything of it is decoded.",
    ),
)


decode_all_option: Decorator = in_section(
    "Images",
    click.option(
        "--decode-all",
        is_flag=True,
        help="Decode every picture, to find those that are damaged. Without it a picture that no step changes is only "
        "looked at for a file that ends too early.",
    ),
)


policy_options: Decorator = in_section("Objects", *_OPTIONS)
image_options: Decorator = in_section("Images", *_IMAGE_OPTIONS)


def chosen_image_policy(given: Mapping[str, Any]) -> ImagePolicy:
    """The rules of decoding among the values that were `given`. Raises `UsageError`."""
    background = parse_color(given["background"], "background")
    return ImagePolicy(given["depth16"], background, given["frames"], given["max_pixels"])


def chosen_encoding(given: Mapping[str, Any]) -> Encoding:
    """The options of encoding among the values that were `given`."""
    return Encoding(given["quality"], given["strip_metadata"], given["image_format"])


def chosen_rules(given: Mapping[str, Any]) -> ObjectPolicy:
    """The policies among the values that were `given`. Raises `UsageError`."""
    least, least_of = _shares(given["min_visibility"])
    return ObjectPolicy(
        crowd=given["crowd"],
        degenerate=given["degenerate"],
        outside=given["outside"],
        outside_tolerance=given["outside_tolerance"],
        min_visibility=least,
        min_visibility_of=least_of,
        turned=given["turned"],
        swap_classes=tuple(split_pair(text, "swap classes", "LEFT=RIGHT") for text in given["swap_classes"]),
    )


def _shares(texts: Sequence[str]) -> tuple[float, tuple[tuple[str, float], ...]]:
    """The share of all classes, and those of single ones. Raises `UsageError`."""
    pairs = [split_pair(text, "min visibility", "CLASS=SHARE") if "=" in text else ("", text) for text in texts]
    for_all = [share for name, share in pairs if not name]
    if len(for_all) > 1:
        raise UsageError(f"min visibility: have {' and '.join(for_all)} for all classes, want one of them")
    least = _share(for_all[0]) if for_all else 0.0
    return least, tuple((name, _share(share)) for name, share in pairs if name)


def _share(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"min visibility: have {text!r}, want a share of 0 to 1") from None
