"""LabelMe: one JSON an image, with shapes in pixels; X-AnyLabeling writes the same. `shapes` says what they mean."""

from __future__ import annotations

from bboxprep.formats.api import Format, Step, TextReadOptions, deferred
from bboxprep.formats.labelme.fields import CARRIES, LAYOUT

FORMAT = Format(
    title="LabelMe",
    layout=LAYOUT,
    sniff=deferred(f"{__name__}.sniff", "sniff"),
    root_evidence=deferred(f"{__name__}.sniff", "root_evidence"),
    label_file=deferred(f"{__name__}.sniff", "label_file"),
    label_place="beside the images, or in a folder 'annotations' or 'labels' in place of 'images'",
    read=deferred(f"{__name__}.reader", "read"),
    write=deferred(f"{__name__}.writer", "write"),
    carries=CARRIES,
    step=lambda _: Step(),  # shortest decimals that read back as they were
    read_options=TextReadOptions,
    restores=True,
)
