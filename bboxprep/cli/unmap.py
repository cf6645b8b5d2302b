"""``bboxprep unmap``: predictions on prepared images, mapped back to the source."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import get_args

import click

from bboxprep.cli.options import PLACE
from bboxprep.cli.printing import Printer
from bboxprep.findings import Severity
from bboxprep.pipeline.output.run_record import open_run
from bboxprep.predictions import unmap
from bboxprep.predictions.category_ids import IdsOf


@click.command("unmap")
@click.argument("predictions", type=PLACE)
@click.option("--run", "root", required=True, type=PLACE, metavar="OUT", help="The prepared set.")
@click.option("-o", "--output", "dest", required=True, type=PLACE, metavar="FILE", help="To write.")
@click.option("--split", metavar="NAME", help="The split of the predictions, where ids or names stand in several.")
@click.option(
    "--ids", type=click.Choice(get_args(IdsOf)), help="Whose category ids results have. [default: by evidence]"
)
@click.option(
    "--nms",
    type=float,
    metavar="IOU",
    help="Of predictions of one class and source image that overlap by more than this share, keep the best.",
)
@click.option("--quiet", "-q", is_flag=True, help="Print errors only.")
def command(
    predictions: Path, root: Path, dest: Path, split: str | None, ids: IdsOf | None, nms: float | None, *, quiet: bool
) -> None:
    """Bring PREDICTIONS, made on the images of OUT, back to the frames of its source.

    \b
    bboxprep unmap results.json --run prepared -o results-on-photos.json
    bboxprep unmap runs/predict/labels --run prepared -o labels-on-photos
    bboxprep unmap results.json --run tiles -o results-on-photos.json --nms 0.6

    PREDICTIONS is a COCO results file (a JSON list of {image_id or file_name, category_id, bbox, score}, maybe with
    segmentation, keypoints, poly or rbox) or a folder of YOLO .txt files (rows of the kind that OUT has, maybe a
    confidence). Written is the same kind, in the plane that the source's labels were drawn in, cut at the edge of the
    image, with the source's ids. A box on an image turned by no right angle comes back as the box around a turned
    rectangle. Predictions of unknown images are
    listed, and the exit code is 1.
    """  # noqa: D301  # click wants the character
    say = Printer(quiet=quiet)
    say.show_stages()
    done = unmap(open_run(root), predictions, dest, split=split, ids=ids, nms=nms)
    say.findings(done.findings)
    say.line(f"{dest}: {done.written:,} of {done.read:,} predictions on {done.images:,} images of the source")
    if done.ids:
        say.line(f"category ids: {done.ids}")
    sys.exit(1 if any(finding.severity is Severity.FAULT for finding in done.findings) else 0)
