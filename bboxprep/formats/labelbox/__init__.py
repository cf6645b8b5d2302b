"""Labelbox: the JSON lines that it exports, and its older list. It is only read; `reader` says what it means."""

from __future__ import annotations

from bboxprep.formats.api import Format, TextReadOptions, deferred, no_step, only_read
from bboxprep.formats.labelbox.layout import CARRIES, LAYOUT

FORMAT = Format(
    title="Labelbox",
    layout=LAYOUT,
    sniff=deferred(f"{__name__}.layout", "sniff"),
    root_evidence=deferred(f"{__name__}.layout", "root_evidence"),
    label_file=deferred(f"{__name__}.layout", "label_file"),
    label_place="in a .ndjson or .json beside the images",
    read=deferred(f"{__name__}.reader", "read"),
    write=only_read,
    carries=CARRIES,
    step=no_step,
    read_options=TextReadOptions,
    has_class_table=False,
    traps=(
        ("masks stand behind addresses, which are not opened", "labelbox-python, data/serialization/ndjson"),
        ("a row that several people labelled has a label of each", "Labelbox, export of consensus labels"),
        ("a row without labels is not one without objects", "labelformat, formats/labelbox.py"),
    ),
)
