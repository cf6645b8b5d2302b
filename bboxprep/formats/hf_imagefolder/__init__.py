"""Hugging Face ImageFolder: a metadata.jsonl (or .csv) beside the images of each split, a row for each image."""

from __future__ import annotations

from bboxprep.formats.api import Format, Step, deferred
from bboxprep.formats.hf_imagefolder.options import CARRIES, LAYOUT, ImageFolderReadOptions

FORMAT = Format(
    title="Hugging Face ImageFolder",
    layout=LAYOUT,
    sniff=deferred(f"{__name__}.options", "sniff"),
    root_evidence=deferred(f"{__name__}.options", "root_evidence"),
    label_file=deferred(f"{__name__}.options", "label_file"),
    label_place="in a metadata.jsonl or metadata.csv beside the images",
    read=deferred(f"{__name__}.reader", "read"),
    write=deferred(f"{__name__}.writer", "write"),
    carries=CARRIES,
    step=lambda _: Step(),  # shortest decimals that read back as they were
    read_options=ImageFolderReadOptions,
    traps=(
        (
            "names and conventions are the author's own: x, y, width, height or corners, pixels or fractions",
            "datasets, folder_based_builder.py",
        ),
        ("the library that reads it turns photos by EXIF when it decodes them", "datasets, features/image.py"),
    ),
)
