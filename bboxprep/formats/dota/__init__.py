"""DOTA: a text file an image, a row of four corners an object. `rows` says what a row means."""

from __future__ import annotations

from bboxprep.formats.api import Format, Step, TextReadOptions, deferred
from bboxprep.formats.dota.fields import CARRIES, DIFFICULT, LAYOUT

FORMAT = Format(
    title="DOTA",
    layout=LAYOUT,
    sniff=deferred(f"{__name__}.sniff", "sniff"),
    root_evidence=deferred(f"{__name__}.sniff", "root_evidence"),
    label_file=deferred(f"{__name__}.sniff", "label_file"),
    label_place="in a folder 'labelTxt' beside 'images', or beside the images",
    read=deferred(f"{__name__}.reader", "read"),
    write=deferred(f"{__name__}.writer", "write"),
    carries=CARRIES,
    step=lambda _: Step(),  # shortest decimals that read back as they were
    read_options=TextReadOptions,
    holds_outlines_only=lambda _: True,
    task=lambda _: "obb",
    ignored_by=DIFFICULT,
    restores=True,
    traps=(
        ("corners may lie outside of the image, and start at the head of the object", "DOTA_devkit, readme.md"),
        ("lines of imagesource and gsd stand before the objects", "DOTA, dataset page"),
    ),
)
