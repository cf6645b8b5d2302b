"""CreateML (Apple): a JSON list of images with boxes, beside the images of each split. Roboflow writes the same."""

from __future__ import annotations

from bboxprep.formats.api import Format, Step, TextReadOptions, deferred
from bboxprep.formats.createml.document import CARRIES, LAYOUT

FORMAT = Format(
    title="CreateML",
    layout=LAYOUT,
    sniff=deferred(f"{__name__}.document", "sniff"),
    root_evidence=deferred(f"{__name__}.document", "root_evidence"),
    label_file=deferred(f"{__name__}.document", "label_file"),
    label_place="in a .json beside the images",
    read=deferred(f"{__name__}.reader", "read"),
    write=deferred(f"{__name__}.writer", "write"),
    carries=CARRIES,
    step=lambda _: Step(pixels=1e-6),  # centre and size have six digits
    read_options=TextReadOptions,
    traps=(("x and y are the centre of the box", "turicreate, object detection user guide"),),
)
