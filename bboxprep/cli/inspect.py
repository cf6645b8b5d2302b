"""``bboxprep inspect``: what is in a dataset, before anything is done to it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from bboxprep.cli import printing
from bboxprep.cli.options import FORMAT, PLACE, SectionedCommand, chosen_options, format_options, labels_in_option
from bboxprep.cli.policy_options import chosen_rules, decode_all_option, max_pixels_option, policy_options
from bboxprep.cli.turned_photos import turned_photos
from bboxprep.images.codecs.codec import ImagePolicy
from bboxprep.io.atomic import write_bytes
from bboxprep.pipeline.source.inspect import inspect
from bboxprep.pipeline.source.near_duplicates import with_thumbnails
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.source.usable import check_usable


@click.command("inspect", cls=SectionedCommand)
@click.argument("source", type=PLACE)
@click.option(
    "--from", "format", type=FORMAT, metavar="FORMAT", help="Format of SOURCE; found from its files by default."
)
@click.option(
    "--json", "json_", type=click.Path(path_type=Path), metavar="FILE", help="Write all of it here; - is the terminal."
)
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a health check here, one page that can be sent around: classes, sizes, where boxes lie, leaks, "
    "images that look alike (for which all are decoded, reduced), and the worst pictures.",
)
@click.option(
    "--dedupe",
    type=click.Choice(["report"]),
    help="Name the images that look alike, for which all are decoded, reduced; --decode-all does so too.",
)
@labels_in_option
@max_pixels_option
@decode_all_option
@policy_options
@format_options("read_options")
def command(source: Path, **given: Any) -> None:
    """Show what is in the labelled dataset SOURCE.

    Its format, splits, classes and sizes; each EXIF orientation with the evidence for the plane its labels were drawn
    in; and all that is wrong with it, by the policies of convert. Changes nothing; decodes images only where nothing
    else tells the plane of their labels, 60 of an orientation at most, and those whose file ends too early. Exits with
    1 where something is wrong, with 2 where nothing can be read.
    """
    to_stdout = str(given["json_"]) == "-"
    say = printing.Printer(quiet=to_stdout)
    say.show_stages()
    opened = open_source(
        source,
        given["format"],
        labels_in=given["labels_in"],
        image_policy=ImagePolicy(max_pixels=given["max_pixels"]),
        object_policy=chosen_rules(given),
        decode_all=given["decode_all"],
        follow_links=given["follow_links"] or "",
        options=lambda name: chosen_options("read_options", name, given),
    )
    if given["decode_all"] or given["dedupe"] or given["html"]:
        opened = with_thumbnails(opened)
    seen = inspect(opened)
    if to_stdout:
        click.echo(seen.encoded().decode("utf-8"), nl=False)
    elif given["json_"]:
        write_bytes(given["json_"], seen.encoded())
    say.inspection(opened, seen)
    if given["html"]:
        from bboxprep.review.health import health_page  # its templates and fonts are slow to load

        with say.progress(len(opened.dataset), "drawing") as advance:
            page = health_page(opened, seen, f"{turned_photos(opened)}." if opened.frames else "", advance)
        write_bytes(given["html"], page.encode("utf-8", "replace"))
        say.line(f"health check: {given['html']}")
    check_usable(opened)  # at last, for what was printed shows why
    sys.exit(1 if seen.faults else 0)
