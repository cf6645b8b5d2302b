"""Datumaro: one JSON document a subset, over the images in a folder of its name. `annotations` says what it means."""

from __future__ import annotations

from bboxprep.formats.api import Format, NoOptions, Step, TextReadOptions, deferred
from bboxprep.formats.datumaro.layout import CARRIES, LAYOUT

FORMAT = Format(
    title="Datumaro",
    layout=LAYOUT,
    sniff=deferred(f"{__name__}.layout", "sniff"),
    root_evidence=deferred(f"{__name__}.layout", "root_evidence"),
    label_file=deferred(f"{__name__}.layout", "label_file"),
    label_place="in a folder 'annotations' beside the folder 'images'",
    read=deferred(f"{__name__}.reader", "read"),
    write=deferred(f"{__name__}.writer", "write"),
    carries=CARRIES,
    step=lambda _: Step(),  # shortest decimals that read back as they were
    read_options=TextReadOptions,
    write_options=NoOptions,
    category_fields=frozenset({"keypoints"}),
    traps=(
        ("size stands height first", "Datumaro, data_formats/datumaro"),
        ("the size is that of the displayed image, the pixels are read as stored", "Datumaro and imagesize 2"),
        (
            "the writer of Datumaro has no case for turned boxes; CVAT's fork puts rotation among the attributes",
            "Datumaro, data_formats/datumaro; cvat-ai/datumaro",
        ),
    ),
)
