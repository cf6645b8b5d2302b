"""VIA 2 (VGG Image Annotator): its projects, and its exports as JSON and CSV. `reader` and `writer` describe them."""

from __future__ import annotations

from bboxprep.formats.api import Format, Step, deferred
from bboxprep.formats.via.options import CARRIES, LAYOUT, ViaReadOptions

FORMAT = Format(
    title="VIA",
    layout=LAYOUT,
    sniff=deferred(f"{__name__}.options", "sniff"),
    root_evidence=deferred(f"{__name__}.options", "root_evidence"),
    label_file=deferred(f"{__name__}.options", "label_file"),
    label_place="in a .json or .csv beside the images",
    read=deferred(f"{__name__}.reader", "read"),
    write=deferred(f"{__name__}.writer", "write"),
    carries=CARRIES,
    step=lambda _: Step(),  # shortest decimals that read back as they were
    read_options=ViaReadOptions,
    holds_outlines_only=lambda _: True,
    traps=(
        ("the key of an image is its name and its size in bytes: another file of the same name is not found", "VIA 2"),
        (
            "no attribute is the class: it is the only one, or one called so, or what `class_attribute` names",
            "VIA 2",
        ),
        ("no size of the image is stated, so the plane of a turned photo is told by the boxes alone", "VIA 2"),
    ),
)
