"""Label Studio: tasks in JSON, with regions in percent of the image. `regions` says what they mean."""

from __future__ import annotations

from bboxprep.formats.api import Format, Step, deferred
from bboxprep.formats.labelstudio.options import CARRIES, LAYOUT, STEP, LabelStudioReadOptions, LabelStudioWriteOptions

FORMAT = Format(
    title="Label Studio",
    layout=LAYOUT,
    sniff=deferred(f"{__name__}.layout", "sniff"),
    root_evidence=deferred(f"{__name__}.layout", "root_evidence"),
    label_file=deferred(f"{__name__}.layout", "label_file"),
    label_place="in a JSON of tasks beside a folder 'images'",
    read=deferred(f"{__name__}.reader", "read"),
    write=deferred(f"{__name__}.writer", "write"),
    carries=CARRIES,
    read_options=LabelStudioReadOptions,
    write_options=LabelStudioWriteOptions,
    step=lambda _: Step(pixels=STEP),
    category_fields=frozenset({"keypoints"}),
    traps=(
        ("numbers are percent, and a rectangle is turned about its first corner", "label-studio-sdk, converter"),
        ("YOLO exports leave out rotation, brush masks and attributes", "label-studio issues 2293 and 5274"),
        ("uploads have eight digits before their name that the folder has not", "label-studio-converter issue 101"),
    ),
)
