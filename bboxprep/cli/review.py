"""``bboxprep review``: a site to look through, before and after."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import msgspec

from bboxprep.cli import printing
from bboxprep.cli.options import FORMAT, PLACE, SectionedCommand, chosen_options, format_options, workers_option
from bboxprep.cli.policy_options import max_pixels_option
from bboxprep.images.codecs.codec import ImagePolicy
from bboxprep.review.build import REVIEW_IMAGE_POLICY, Options, build, plan_review
from bboxprep.verification.faults import Fault
from bboxprep.verification.verify import verify


@click.command("review", cls=SectionedCommand)
@click.argument("out", type=PLACE)
@click.option("--against", type=PLACE, metavar="SOURCE", help="What OUT was made from.")
@click.option("-o", "dest", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Folder to write.")
@click.option(
    "--verify",
    "verified",
    is_flag=True,
    help="Run bboxprep verify first; what fails comes first, and ends the command with 1.",
)
@click.option(
    "--predictions",
    type=PLACE,
    metavar="P",
    help="Verify with a model's predictions on OUT; suspect labels come first.",
)
@click.option("--from", "format", type=FORMAT, metavar="FORMAT", help="Format of OUT; found from its files by default.")
@max_pixels_option
@workers_option
@click.option("--overwrite", is_flag=True, help="Replace an earlier review in DIR.")
@click.option("--quiet", "-q", is_flag=True, help="Print errors only.")
@format_options("read_options")
def command(out: Path, dest: Path, **given: Any) -> None:
    """Make a site of the dataset OUT that opens from disk, without a network.

    \b
    bboxprep review prepared --against photos -o review

    Each image with its boxes, polygons and keypoints, beside its source if that is given; what the run did; charts.
    OUT may be any labelled dataset; to compare, it must be the output of a run. Options of a reader are for SOURCE,
    else for OUT. With faults of --verify or --predictions it exits with 1, once the site is made.
    """  # noqa: D301  # click wants the character
    say = printing.Printer(quiet=given["quiet"])
    say.show_stages()

    def options(name: str) -> dict[str, Any]:
        return chosen_options("read_options", name, given)

    wanted = given["verified"] or given["predictions"]
    faults = _faults(out, given, options, say) if wanted else ()
    image_policy = msgspec.structs.replace(REVIEW_IMAGE_POLICY, max_pixels=given["max_pixels"])
    review = plan_review(
        out, given["format"], against=given["against"], faults=faults, image_policy=image_policy, options=options
    )
    with say.progress(len(review.selection.entries), "making images") as advance:
        page = build(review, dest, workers=given["workers"], overwrite=given["overwrite"], progress=advance)
    say.line(f"open {page}")
    if faults:
        if say.quiet:
            say.faults(len(faults))
        sys.exit(1)


def _faults(out: Path, given: dict[str, Any], options: Options, say: printing.Printer) -> tuple[Fault, ...]:
    """What is wrong with OUT, the worst first."""
    with ExitStack() as stack:
        advance: list[Callable[[int], None]] = []
        proof = verify(
            out,
            given["against"],
            workers=given["workers"],
            reading=options,
            image_policy=ImagePolicy(max_pixels=given["max_pixels"]),
            predictions=given["predictions"],
            begin=lambda total: advance.append(stack.enter_context(say.progress(total, "verifying"))),
            progress=lambda done: advance[0](done),
        )
    say.line(
        f"verify: {printing.counted(len(proof.faults), 'fault')}" if proof.faults else "verify: nothing wrong was found"
    )
    return proof.faults
