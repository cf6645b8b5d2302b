"""Open Images: CSV files of boxes as fractions, of classes and of images. `reader` describes its conventions."""

from __future__ import annotations

from bboxprep.formats.api import Format, NoOptions, Step, deferred
from bboxprep.formats.openimages.fields import CARRIES, LAYOUT, OpenImagesReadOptions

__all__ = ["FORMAT", "OpenImagesReadOptions"]

FORMAT = Format(
    title="Open Images",
    layout=LAYOUT,
    sniff=deferred(f"{__name__}.layout", "sniff"),
    root_evidence=deferred(f"{__name__}.layout", "root_evidence"),
    label_file=deferred(f"{__name__}.layout", "label_file"),
    label_place="in a folder 'annotations' beside the folder 'images'",
    read=deferred(f"{__name__}.reader", "read"),
    write=deferred(f"{__name__}.writer", "write"),
    carries=CARRIES,
    step=lambda _: Step(fraction=1e-6),
    read_options=OpenImagesReadOptions,
    write_options=NoOptions,
    restores=True,
    traps=(
        ("fractions stand as XMin, XMax, YMin, YMax", "Open Images, download page"),
        (
            "Rotation says how the picture was turned after it was labelled; the labels were not",
            "Open Images, rotation information of 2018",
        ),
        ("the PNG of a mask has another size than the image", "Open Images, download page"),
        ("IsGroupOf marks a region of many objects", "Open Images, download page"),
    ),
)
