"""CSV: a row for each box, in named columns or in the order of a known tool. `table` says what is recognised."""

from __future__ import annotations

from bboxprep.formats.api import Format, deferred
from bboxprep.formats.csv.options import CARRIES, LAYOUT, CsvReadOptions, CsvWriteOptions, step

FORMAT = Format(
    title="CSV",
    layout=LAYOUT,
    sniff=deferred(f"{__name__}.layout", "sniff"),
    root_evidence=deferred(f"{__name__}.layout", "root_evidence"),
    label_file=deferred(f"{__name__}.layout", "label_file"),
    label_place="in a CSV beside the images or beside a folder 'images'",
    read=deferred(f"{__name__}.reader", "read"),
    write=deferred(f"{__name__}.writer", "write"),
    carries=CARRIES,
    read_options=CsvReadOptions,
    write_options=CsvWriteOptions,
    step=step,
    conventions=(("xywh-for-xyxy", "`origin='xywh'`"),),
    traps=(
        (
            "corners count from 0 or from 1, and no column says which",
            "fizyr/keras-retinanet, README.md; TensorFlow's xml_to_csv scripts",
        ),
        ("an image without objects is an empty row, or none", "fizyr/keras-retinanet, csv_generator.py"),
        ("a CSV beside VOC files repeats them, and is no second data set", "TensorFlow's xml_to_csv scripts"),
    ),
)
