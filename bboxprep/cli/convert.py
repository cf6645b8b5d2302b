"""``bboxprep convert``: read, transform, write."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import click

from bboxprep import formats
from bboxprep.cli import dataset_options as datasets
from bboxprep.cli import options, printing
from bboxprep.cli import policy_options as policies
from bboxprep.cli import recipe_options as recipes
from bboxprep.cli.signals import stop_signals
from bboxprep.cli.streams import work_is_done
from bboxprep.errors import UsageError
from bboxprep.io.atomic import write_bytes
from bboxprep.io.copying import ImagePlacement
from bboxprep.io.paths import folder_of_links, links_admitted
from bboxprep.pipeline.run_options import Outcome, RunOptions
from bboxprep.pipeline.source.merge import assemble, classed
from bboxprep.pipeline.source.open import Source, open_source
from bboxprep.pipeline.source.roots import find_root
from bboxprep.pipeline.variants import with_variants
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.pipeline.work.engines import Engine
from bboxprep.pipeline.work.engines.local import Local
from bboxprep.recipe.recipe import Recipe


@click.command("convert", cls=options.SectionedCommand)
@click.argument("sources", type=options.PLACE, metavar="SOURCE...", nargs=-1)
@click.argument("dest", type=options.PLACE)
@options.in_section(
    "Formats",
    click.option(
        "--to",
        required=True,
        type=options.WRITTEN_FORMAT,
        metavar="FORMAT",
        help=f"Format to write: {', '.join(formats.written())}.",
    ),
    click.option(
        "--from",
        "format",
        type=options.FORMAT,
        metavar="FORMAT",
        help="Format of each SOURCE; found from its files by default.",
    ),
)
@recipes.recipe_options
@options.labels_in_option
@policies.image_options
@options.in_section(
    "Writing",
    click.option(
        "--images",
        type=click.Choice(get_args(ImagePlacement)),
        default="copy",
        show_default=True,
        help="How images that no step changes get into DEST; none writes labels alone. What rewrites a linked image in "
        "place rewrites SOURCE.",
    ),
    click.option(
        "--labels-only",
        is_flag=True,
        help="Convert the labels alone: no image is looked at whose size they state; those that are there go to DEST "
        "by --images.",
    ),
    click.option("--strict", is_flag=True, help="Refuse to write what the target format cannot hold in full."),
    click.option(
        "--no-sidecar", is_flag=True, help="Keep nothing that the format cannot hold in bboxprep.sidecar.jsonl."
    ),
)
@options.workers_option
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Processes of this machine, or tasks of a Ray cluster (bboxprep[ray]) whose machines all see SOURCE and DEST.",
)
@click.option("--address", metavar="HOST:PORT", help="Of the Ray cluster; without it, one on this machine is started.")
@click.option(
    "--on-error",
    type=click.Choice(["skip", "stop"]),
    default="skip",
    show_default=True,
    help="At a bad image or record: skip and list it, or stop.",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier output in DEST, once the new one is whole.")
@click.option("--resume", is_flag=True, help="Go on with a run in DEST that was stopped or killed.")
@click.option("--dry-run", is_flag=True, help="Print the account; write nothing, transform nothing.")
@click.option(
    "--preview",
    type=click.IntRange(1, 500),
    metavar="N",
    help="Write N of the images that would be made, with their objects, on one sheet beside DEST; nothing else.",
)
@click.option("--report", type=click.Path(path_type=Path), metavar="FILE.json", help="Write account and findings here.")
@click.option("--quiet", "-q", is_flag=True, help="Print errors only.")
@policies.max_pixels_option
@policies.decode_all_option
@recipes.filter_options
@datasets.class_options
@datasets.split_options
@policies.policy_options
@options.format_options("read_options")
@options.format_options("write_options")
def command(sources: tuple[Path, ...], dest: Path, **given: Any) -> None:
    """Read the labelled dataset SOURCE, transform pixels and labels together, and write it to the folder DEST.

    SOURCE may be a .zip or .tar. Both may lie in a bucket (s3://..., bboxprep[remote]).

    Several SOURCEs become one dataset: classes of one name are one class, images of one name stay apart.

    \b
    bboxprep convert photos prepared --to yolo --letterbox 640
    bboxprep convert photos upright --to coco --from voc --labels-in stored
    bboxprep convert mine theirs both --to yolo --rename Car=car --split train=0.8,val=0.2

    Steps act in the order upright, crop, isolate, one of letterbox/resize/fit/fill, multiple, tile, flip, rotate,
    grayscale, exposure. One with a probability or a range (--flip horizontal:0.5, --exposure 0.7:1.4) acts on training
    images alone, --copies times. --recipe gives any steps in any order.
    """  # noqa: D301  # click wants the character
    recipe = recipes.chosen_recipe(given)
    say = printing.Printer(quiet=given["quiet"])
    say.show_stages()
    class_policy, split = datasets.class_rules(given), datasets.split_rule(given)
    engine = _engine(given)
    if not sources:
        raise UsageError(f"DEST: have one place ({dest}), want SOURCE... DEST; is DEST missing, the folder to write?")
    opened = _open(sources, given, engine, say)
    whole = assemble(opened, class_policy, split, recipe.classes, engine)
    if len(opened) > 1:
        say.together(whole)
    say.recipe(recipe)
    if given["dry_run"]:
        from bboxprep.cli.schema import printed_recipe  # YAML is slow to import

        for line in printed_recipe(recipe):
            say.line(line)
    if given["preview"]:
        _write_preview(whole, dest, recipe, given, engine, say)
        return
    what = "accounting" if given["dry_run"] else "converting"
    pictures = len(with_variants(classed(whole, recipe.classes), recipe).dataset)
    with stop_signals() as stop, say.progress(pictures, what) as advance:
        outcome = convert_source(
            whole,
            dest,
            given["to"],
            recipe,
            run_options=_terms(given, engine),
            options=options.chosen_options("write_options", given["to"], given),
            progress=advance,
            stop=stop,
        )
    if given["report"]:
        write_bytes(given["report"], outcome.account.report(whole.dataset.categories.names).encoded())
    with work_is_done():
        say.outcome(outcome, given["to"], recipe)
    sys.exit(exit_code(outcome))


def _write_preview(
    source: Source, dest: Path, recipe: Recipe, given: dict[str, Any], engine: Engine, say: printing.Printer
) -> None:
    if given["labels_only"] or given["images"] == "none":
        raise UsageError("preview: with --labels-only and --images none no image is made that could be shown")
    from bboxprep.pipeline.preview import preview_as_written  # fonts take as long to load as NumPy, and few runs draw

    sheet = dest.with_name(f"{dest.name}.preview.png")
    with say.progress(given["preview"], "drawing") as advance:
        made = preview_as_written(
            source,
            recipe,
            given["preview"],
            given["to"],
            run_options=_terms(given, engine),
            options=options.chosen_options("write_options", given["to"], given),
            progress=advance,
        )
    write_bytes(sheet, made.sheet)
    for name, drawn in made.in_latin.items():
        say.line(f"note: {name!r} is drawn as {drawn!r}, for no font was found that has its letters")
    say.line(f"{sheet}: some of the images that this makes, as {given['to']} holds them; nothing else was written")


def exit_code(outcome: Outcome) -> int:
    """1 where something was skipped or found wrong, else 0."""
    return 1 if outcome.account.faults else 0


def _engine(given: dict[str, Any]) -> Engine:
    if given["engine"] == "ray":
        from bboxprep.pipeline.work.engines.on_ray import OnRay  # few runs have a cluster

        return OnRay(given["workers"], given["address"])
    if given["address"]:
        raise UsageError("address: it is that of a Ray cluster; want --engine ray beside it")
    return Local(given["workers"])


def _open(sources: Sequence[Path], given: dict[str, Any], engine: Engine, say: printing.Printer) -> list[Source]:
    with links_admitted(*folder_of_links(given["follow_links"] or "")):
        roots = [find_root(path, given["format"]) for path in sources]
    found = [root.format for root in roots]
    opened = []
    for root in roots:
        source = open_source(
            root,
            labels_in=given["labels_in"],
            image_policy=policies.chosen_image_policy(given),
            object_policy=policies.chosen_rules(given),
            labels_only=given["labels_only"] or given["images"] == "none",
            decode_all=given["decode_all"],
            engine=engine,
            options=lambda name: options.chosen_options("read_options", name, given, found),
        )
        say.source(source)
        opened.append(source)
    return opened


def _terms(given: dict[str, Any], engine: Engine) -> RunOptions:
    return RunOptions(
        engine=engine,
        on_error=given["on_error"],
        strict=given["strict"],
        overwrite=given["overwrite"],
        resume=given["resume"],
        dry_run=given["dry_run"],
        encoding=policies.chosen_encoding(given),
        sidecar=not given["no_sidecar"],
        labels_only=given["labels_only"],
        images=given["images"],
        names=given["names"],
    )
