"""Supervisely: a JSON of labels an image below ``ann``, and ``meta.json``. `shapes` says what the labels mean."""

from __future__ import annotations

from bboxprep.formats.api import Format, Step, deferred
from bboxprep.formats.supervisely.options import CARRIES, LAYOUT, SuperviselyReadOptions, SuperviselyWriteOptions

__all__ = ["FORMAT", "SuperviselyReadOptions", "SuperviselyWriteOptions"]


def _step(options: SuperviselyWriteOptions) -> Step:
    """Whole pixels, or shortest decimals that read back as they were."""
    return Step() if options.subpixel else Step(pixels=0.5)


FORMAT = Format(
    title="Supervisely",
    layout=LAYOUT,
    sniff=deferred(f"{__name__}.project", "sniff"),
    root_evidence=deferred(f"{__name__}.project", "root_evidence"),
    label_file=deferred(f"{__name__}.project", "label_file"),
    label_place="in a folder 'ann' beside the folder 'img'",
    read=deferred(f"{__name__}.reader", "read"),
    write=deferred(f"{__name__}.writer", "write"),
    carries=CARRIES,
    step=_step,
    read_options=SuperviselyReadOptions,
    write_options=SuperviselyWriteOptions,
    traps=(
        (
            "numbers are pixels, the last one included: a box is one pixel wider than their difference",
            "Supervisely developer portal, coordinate system",
        ),
        ("bitmaps are compressed twice and lie at their origin", "supervisely, geometry/bitmap.py"),
    ),
)
