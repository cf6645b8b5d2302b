"""LabelMe: one JSON an image, with shapes in pixels; X-AnyLabeling writes the same. `shapes` says what they mean."""

from __future__ import annotations

from bboxprep.formats.api import Format, Step, TextReadOptions, deferred
from bboxprep.formats.labelme.fields import CARRIES, LAYOUT, NO_CLASSES

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
    not_classes=NO_CLASSES,
    restores=True,
    traps=(
        ("mask boxes end with their last pixel, all other shapes at an edge", "LabelMe, changelog 7.1.0"),
        ("corners of a rectangle stand in any order", "LabelMe, _shape.py"),
        (
            "files of before 3.11 lie on the stored image, those of X-AnyLabeling too",
            "LabelMe 3.11.0; X-AnyLabeling issue 447",
        ),
        ("a size that is not the image's makes LabelMe 6 refuse the file", "LabelMe 6, _label_file.py"),
    ),
)
