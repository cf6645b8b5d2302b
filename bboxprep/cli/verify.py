"""``bboxprep verify``: is an output true to its source?"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from bboxprep.cli.options import PLACE, SectionedCommand, chosen_options, format_options, workers_option
from bboxprep.cli.policy_options import max_pixels_option
from bboxprep.cli.printing import Printer
from bboxprep.images.codecs.codec import ImagePolicy
from bboxprep.io.atomic import write_bytes
from bboxprep.verification.faults import Tally, meaning
from bboxprep.verification.verify import VerificationReport, verify

SHOWN = 20  # faults of one code that are printed; --json has all of them


@click.command("verify", cls=SectionedCommand)
@click.argument("out", type=PLACE)
@click.option("--against", type=PLACE, metavar="SOURCE", help="What OUT was made of.")
@click.option("--json", "json_", type=click.Path(path_type=Path), metavar="FILE", help="Write all faults here.")
@click.option("--predictions", type=PLACE, metavar="P", help="A model's predictions on OUT: list suspect labels.")
@click.option("--sample", type=click.IntRange(0), metavar="N", help="Check the pixels of N images, turned ones first.")
@max_pixels_option
@workers_option
@click.option("--quiet", "-q", is_flag=True, help="Print errors only.")
@format_options("read_options")
def command(out: Path, **given: Any) -> None:
    """Prove that the output OUT is true to its source, or list what is wrong and exit with 1.

    \b
    bboxprep verify prepared --against photos
    bboxprep verify photos                      is a dataset consistent in itself?
    bboxprep verify photos --predictions P.json      and which labels does a model contradict?

    Three layers, none of which trusts the code that wrote OUT. Structural: files, sizes, tags, ids, counts. Geometric:
    every object against its source's, through a map derived anew from the recipe. Pixel: what the source shows at each
    object against what OUT shows there. Without --against the source that OUT records is used, if it is there. A
    folder that bboxprep did not write is judged by itself. --predictions takes COCO results or a folder of YOLO text
    files; what a model that has not seen these images contradicts is listed, the most suspect labels first.
    """  # noqa: D301  # click wants the character
    say = Printer(quiet=given["quiet"])
    say.show_stages()
    with ExitStack() as stack:
        advance: list[Callable[[int], None]] = []
        proof = verify(
            out,
            given["against"],
            sample=given["sample"],
            workers=given["workers"],
            image_policy=ImagePolicy(max_pixels=given["max_pixels"]),
            predictions=given["predictions"],
            reading=lambda name: chosen_options("read_options", name, given),
            begin=lambda total: advance.append(stack.enter_context(say.progress(total, "verifying"))),
            progress=lambda done: advance[0](done),
        )
    if given["json_"]:
        write_bytes(given["json_"], proof.encoded())
    _print(say, proof)
    sys.exit(0 if proof.holds else 1)


def _print(say: Printer, proof: VerificationReport) -> None:
    say.line(f"{proof.out}: {f'against {proof.against}' if proof.against else 'by itself'}")
    for tally in proof.tallies:
        say.line(f"  {_summary(tally)}")
        for words in tally.words:
            say.line(f"             {words}")
    say.findings(proof.notes, proof.out)
    codes = Counter(fault.code for fault in proof.faults)
    for code, count in codes.items():
        say.line()
        say.line(f"  fault: {count} x {code}: {meaning(code)}")
        for fault in [fault for fault in proof.faults if fault.code == code][:SHOWN]:
            say.line(f"    {fault}")
        if count > SHOWN:
            say.line(f"    and {count - SHOWN:,} more (--json has all)")
    say.line()
    if not proof.faults:
        say.line("nothing wrong was found")
    say.faults(len(proof.faults))


def _summary(tally: Tally) -> str:
    return f"{tally.layer:<10} {tally.counts}"
