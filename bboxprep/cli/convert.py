"""``bboxprep convert``: read, transform, write."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args

import click

from bboxprep.cli import printing
from bboxprep.cli.class_options import class_options, class_rules
from bboxprep.cli.options import chosen_options, format_options, labels_in_option, workers_option
from bboxprep.cli.policy_options import chosen_rules, policy_options
from bboxprep.cli.split_options import split_options, split_rule
from bboxprep.errors import UsageError
from bboxprep.files import write_bytes
from bboxprep.formats import detect
from bboxprep.geometry.affine import Size
from bboxprep.images.codec import Encoding, Policy
from bboxprep.model.rendering import Kernel
from bboxprep.pipeline.assembly import assemble
from bboxprep.pipeline.job import Outcome, Terms, convert
from bboxprep.pipeline.reading import Source, open_source
from bboxprep.pipeline.record import encode_report
from bboxprep.recipe.recipe import Recipe
from bboxprep.recipe.steps import Axis, Fill, Fit, Flip, Letterbox, RecipeStep, Resize
from bboxprep.recipe.text import parse_color, parse_crop, parse_pad, parse_size

SIZING: dict[str, Callable[[Size], RecipeStep]] = {"letterbox": Letterbox, "resize": Resize, "fit": Fit, "fill": Fill}


@click.command("convert")
@click.argument("sources", type=click.Path(path_type=Path), metavar="SOURCE...", nargs=-1)
@click.argument("dest", type=click.Path(path_type=Path))
@click.option("--to", required=True, metavar="FORMAT", help="Format to write: coco, yolo or voc.")
@click.option("--from", "from_", metavar="FORMAT", help="Format of each SOURCE; found from its files by default.")
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
@labels_in_option
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
@workers_option
@click.option(
    "--on-error",
    type=click.Choice(["skip", "stop"]),
    default="skip",
    show_default=True,
    help="At a bad image or record: skip and list it, or stop.",
)
@click.option("--strict", is_flag=True, help="Refuse to write what the target format cannot hold in full.")
@click.option("--no-sidecar", is_flag=True, help="Do not keep what the format cannot hold in bboxprep.sidecar.jsonl.")
@click.option("--overwrite", is_flag=True, help="Replace the output of an earlier run in DEST.")
@click.option("--dry-run", is_flag=True, help="Print the account; write nothing, transform nothing.")
@click.option("--report", type=click.Path(path_type=Path), metavar="FILE.json", help="Write account and findings here.")
@click.option("--quiet", "-q", is_flag=True, help="Print errors only.")
@class_options
@split_options
@policy_options
@format_options("read_options")
@format_options("write_options")
def command(sources: tuple[Path, ...], dest: Path, **given: Any) -> None:
    """Read the labelled dataset SOURCE, transform pixels and labels together, and write it to the folder DEST.

    Several SOURCEs become one dataset: classes of one name are one class, images of one name stay apart.

    \b
    bboxprep convert photos prepared --to yolo --letterbox 640
    bboxprep convert photos upright --to coco --from voc --labels-in stored
    bboxprep convert mine theirs both --to yolo --rename Car=car --split train=0.8,val=0.2

    Steps act in the order upright, crop, one of letterbox/resize/fit/fill, flip.
    """  # noqa: D301  # click wants the character
    recipe = _recipe(given)
    policy = Policy(depth16=given["depth16"], background=parse_color(given["background"]), frames=given["frames"])
    say = printing.Printer(quiet=given["quiet"])
    rules, split = class_rules(given), split_rule(given)
    opened = _open(sources, policy, given, say)
    whole = assemble(opened, rules, split)
    if len(opened) > 1:
        say.together(whole)
    say.recipe(recipe)
    with say.progress(len(whole.dataset), "accounting" if given["dry_run"] else "converting") as advance:
        outcome = convert(
            whole,
            dest,
            given["to"],
            recipe,
            terms=_terms(given),
            options=chosen_options("write_options", given["to"], given),
            progress=advance,
        )
    if given["report"]:
        write_bytes(given["report"], encode_report(outcome.account, whole.dataset.categories.names))
    say.outcome(outcome, given["to"], recipe)
    sys.exit(exit_code(outcome))


def exit_code(outcome: Outcome) -> int:
    """1 where something was skipped or found wrong, else 0."""
    return 1 if outcome.account.faults else 0


def _open(sources: Sequence[Path], policy: Policy, given: dict[str, Any], say: printing.Printer) -> list[Source]:
    if not sources:
        raise click.UsageError("Missing argument 'DEST'.")
    found = [given["from_"] or detect(path) for path in sources]
    opened = []
    for path, name in zip(sources, found, strict=True):
        source = open_source(
            path,
            name,
            labels_in=given["labels_in"],
            policy=policy,
            rules=chosen_rules(given),
            options=lambda name: chosen_options("read_options", name, given, found),
        )
        say.source(source)
        opened.append(source)
    return opened


def _terms(given: dict[str, Any]) -> Terms:
    return Terms(
        workers=given["workers"],
        on_error=given["on_error"],
        strict=given["strict"],
        overwrite=given["overwrite"],
        dry_run=given["dry_run"],
        encoding=Encoding(given["quality"], given["strip_metadata"]),
        sidecar=not given["no_sidecar"],
    )


def _recipe(given: dict[str, Any]) -> Recipe:
    steps: list[RecipeStep] = [parse_crop(given["crop"])] if given["crop"] else []
    sizing = [name for name in SIZING if given[name]]
    if len(sizing) > 1:
        raise UsageError(f"{' and '.join(f'--{name}' for name in sizing)}: each sets the size, want one of them")
    steps += [SIZING[name](parse_size(given[name])) for name in sizing]
    steps += [Flip(given["flip"])] if given["flip"] else []
    return Recipe(*steps, upright=not given["no_upright"], pad=parse_pad(given["pad"]), kernel=given["kernel"])
