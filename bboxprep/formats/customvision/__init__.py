"""Azure: the images of Custom Vision, and the JSON lines of AutoML. It is only read; `reader` says what they mean."""

from __future__ import annotations

from bboxprep.formats.api import Format, TextReadOptions, deferred, no_step, only_read
from bboxprep.formats.customvision.layout import CARRIES, LAYOUT

FORMAT = Format(
    title="Azure Custom Vision",
    layout=LAYOUT,
    sniff=deferred(f"{__name__}.layout", "sniff"),
    root_evidence=deferred(f"{__name__}.layout", "root_evidence"),
    label_file=deferred(f"{__name__}.layout", "label_file"),
    label_place="in a .json or .jsonl beside the images",
    read=deferred(f"{__name__}.reader", "read"),
    write=only_read,
    carries=CARRIES,
    step=no_step,
    read_options=TextReadOptions,
    has_class_table=False,
    traps=(
        ("coordinates are fractions of the width and the height, no pixels", "Custom Vision Training API, ImageRegion"),
        ("the names of uploaded files are not kept: an image has an id, and an address", "Custom Vision Training API"),
        ("a page of the API has 50 images by default, 256 at most", "Custom Vision Training API, GetTaggedImages"),
        ("of AutoML, width and height are text such as 640px", "Azure Machine Learning, schemas of JSONL"),
    ),
)
