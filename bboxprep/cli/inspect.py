"""``bboxprep inspect``: what is in a dataset, before anything is done to it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from bboxprep.cli import printing
from bboxprep.cli.options import PLACE, chosen_options, format_options, labels_in_option
from bboxprep.cli.policy_options import max_pixels_option
from bboxprep.findings import Severity
from bboxprep.images.codecs.codec import ImagePolicy
from bboxprep.pipeline.source.inspect import inspect
from bboxprep.pipeline.source.open import open_source


@click.command("inspect")
@click.argument("source", type=PLACE)
@click.option("--from", "format", metavar="FORMAT", help="Format of SOURCE; found from its files by default.")
@labels_in_option
@max_pixels_option
@format_options("read_options")
def command(source: Path, **given: Any) -> None:
    """Show what is in the labelled dataset SOURCE.

    Its format, splits, classes and sizes; each EXIF orientation with the evidence for the plane its labels were drawn
    in; and all that is wrong with it. Changes nothing; decodes images only where nothing else tells the plane of
    their labels, and then 60 of an orientation at most. Exits with 1 where something is wrong.
    """
    opened = open_source(
        source,
        given["format"],
        labels_in=given["labels_in"],
        image_policy=ImagePolicy(max_pixels=given["max_pixels"]),
        options=lambda name: chosen_options("read_options", name, given),
    )
    seen = inspect(opened)
    printing.Printer().inspection(opened, seen)
    sys.exit(1 if any(finding.severity is Severity.FAULT for finding in seen.findings) else 0)
