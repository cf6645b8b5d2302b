"""``bboxprep convert``: read, transform, write."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

from bboxprep.cli import printing
from bboxprep.cli.options import chosen_options, format_options
from bboxprep.errors import UsageError
from bboxprep.files import write_bytes
from bboxprep.geometry.affine import Size
from bboxprep.images.codec import Encoding, Policy
from bboxprep.model.rendering import Kernel
from bboxprep.pipeline.job import Outcome, Terms, convert
from bboxprep.pipeline.reading import open_source
from bboxprep.pipeline.record import encode_report
from bboxprep.recipe.recipe import Recipe
from bboxprep.recipe.steps import Axis, Fill, Fit, Flip, Letterbox, RecipeStep, Resize
from bboxprep.recipe.text import parse_color, parse_crop, parse_pad, parse_size

SIZING: dict[str, Callable[[Size], RecipeStep]] = {"letterbox": Letterbox, "resize": Resize, "fit": Fit, "fill": Fill}


@click.command("convert")
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("dest", type=click.Path(path_type=Path))
@click.option("--to", required=True, metavar="FORMAT", help="Format to write: coco, yolo or voc.")
@click.option("--from", "from_", metavar="FORMAT", help="Format of SOURCE; found from its files by default.")
@click.option("--letterbox", metavar="N|WxH", help="Scale to fit, keep proportions, pad to exactly this size.")
@click.option("--resize", metavar="WxH", help="Stretch to this size.")
@click.option("--fit", metavar="N|WxH", help="Scale to fit inside this size, keep proportions, no padding.")
@click.option("--fill", metavar="WxH", help="Scale to cover this size, keep proportions, crop around the centre.")
@click.option("--crop", metavar="X,Y,W,H", help="Keep this rectangle of the upright picture; done before any sizing.")
@click.option("--flip", type=click.Choice(get_args(Axis)), help="Mirror every picture; done after any sizing.")
@click.option("--pad", default="114", metavar="N|R,G,B|edge|reflect", show_default=True, help="Fills a letterbox.")
@click.option(
    "--kernel",
    type=click.Choice(get_args(Kernel)),
    default="cubic",
    show_default=True,
    help="Resampling; all but nearest are antialiased when they shrink.",
)
@click.option("--no-upright", is_flag=True, help="Keep the pixels as stored; the orientation tag is still removed.")
@click.option(
    "--labels-in",
    type=click.Choice(["auto", "stored", "displayed"]),
    default="auto",
    show_default=True,
    help="The plane that labels of photos with an EXIF orientation were drawn in.",
)
@click.option("--quality", type=click.IntRange(1, 100), default=95, show_default=True, help="Of JPEG and lossy WebP.")
@click.option("--strip-metadata", is_flag=True, help="Write no EXIF (camera, place, time) into the images.")
@click.option(
    "--depth16",
    type=click.Choice(["error", "shift8", "minmax", "percentile"]),
    default="error",
    show_default=True,
    help="How pictures of 16 bits a channel become 8; error skips them.",
)
@click.option("--background", default="255", metavar="N|R,G,B", show_default=True, help="Shows through transparency.")
@click.option(
    "--frames",
    type=click.Choice(["error", "first"]),
    default="error",
    show_default=True,
    help="What is taken of a file with several pictures; error skips it.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=lambda: os.cpu_count() or 1,
    metavar="N",
    help="Threads.  [default: one a processor]",
)
@click.option(
    "--on-error",
    type=click.Choice(["skip", "stop"]),
    default="skip",
    show_default=True,
    help="At a bad image or record: skip and list it, or stop.",
)
@click.option("--strict", is_flag=True, help="Refuse to write what the target format cannot hold in full.")
@click.option("--overwrite", is_flag=True, help="Replace the output of an earlier run in DEST.")
@click.option("--dry-run", is_flag=True, help="Print the account; write nothing, transform nothing.")
@click.option("--report", type=click.Path(path_type=Path), metavar="FILE.json", help="Write account and findings here.")
@click.option("--quiet", "-q", is_flag=True, help="Print errors only.")
@format_options("read_options")
@format_options("write_options")
def command(source: Path, dest: Path, **given: Any) -> None:
    r"""Read the labelled dataset SOURCE, transform pixels and labels together, and write it to the folder DEST.

    \b
    bboxprep convert photos prepared --to yolo --letterbox 640
    bboxprep convert photos upright --to coco --from voc --labels-in stored

    Steps act in the order upright, crop, one of letterbox/resize/fit/fill, flip.
    """
    recipe = _recipe(given)
    policy = Policy(depth16=given["depth16"], background=parse_color(given["background"]), frames=given["frames"])
    say = printing.Printer(quiet=given["quiet"])
    opened = open_source(
        source,
        given["from_"],
        labels_in=given["labels_in"],
        policy=policy,
        options=lambda name: chosen_options("read_options", name, given),
    )
    say.source(opened)
    say.recipe(recipe)
    with say.progress(len(opened.dataset), "accounting" if given["dry_run"] else "converting") as advance:
        outcome = convert(
            opened,
            dest,
            given["to"],
            recipe,
            terms=_terms(given),
            options=chosen_options("write_options", given["to"], given),
            progress=advance,
        )
    if given["report"]:
        write_bytes(given["report"], encode_report(outcome.account, opened.dataset.categories.names))
    say.outcome(outcome, given["to"], recipe)
    sys.exit(exit_code(outcome))


def exit_code(outcome: Outcome) -> int:
    """1 where something was skipped or found wrong, else 0."""
    return 1 if outcome.account.faults else 0


def _terms(given: dict[str, Any]) -> Terms:
    return Terms(
        workers=given["workers"],
        on_error=given["on_error"],
        strict=given["strict"],
        overwrite=given["overwrite"],
        dry_run=given["dry_run"],
        encoding=Encoding(given["quality"], given["strip_metadata"]),
    )


def _recipe(given: dict[str, Any]) -> Recipe:
    steps: list[RecipeStep] = [parse_crop(given["crop"])] if given["crop"] else []
    sizing = [name for name in SIZING if given[name]]
    if len(sizing) > 1:
        raise UsageError(f"{' and '.join(f'--{name}' for name in sizing)}: each sets the size, want one of them")
    steps += [SIZING[name](parse_size(given[name])) for name in sizing]
    steps += [Flip(given["flip"])] if given["flip"] else []
    return Recipe(*steps, upright=not given["no_upright"], pad=parse_pad(given["pad"]), kernel=given["kernel"])
