"""The declarations of CSV: its layout, the columns it holds, the options of reader and writer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from bboxprep.formats.api import Step, TextReadOptions
from bboxprep.formats.origin import ORIGIN_METADATA, OriginChoice
from bboxprep.model.columns import Column

LAYOUT = "a CSV with a row for each box, beside its images or beside images/, and classes.csv"
CARRIES = frozenset({Column.BOXES})
CLASSES = "classes.csv"
LABELS = "_labels"
"""What follows the split in the name of a CSV that is written."""

FRACTION_PLACES = 6
Dialect = Literal["tfod", "retinanet", "vott", "automl"]


@dataclass(frozen=True)
class CsvReadOptions(TextReadOptions):
    """The options of the CSV reader. Raises `UsageError` for an unknown origin or encoding."""

    columns: str = field(
        default="",
        metadata={
            "flag": "--columns",
            "help": "the columns of a CSV by their roles, as names or numbers from 1: "
            "image=file,class=kind,x0=left,y0=top,x1=right,y1=bottom; or w and h in place of x1 and y1; further roles "
            "are width and height of the image, split, score, and bbox (a list x, y, width, height)",
        },
    )
    origin: OriginChoice = field(default="auto", metadata=ORIGIN_METADATA)


@dataclass(frozen=True)
class CsvWriteOptions:
    """The options of the CSV writer."""

    dialect: Dialect = field(
        default="tfod",
        metadata={
            "flag": "--csv-dialect",
            "help": "the rows of CSV files: tfod (filename, width, height, class, corners in whole pixels), retinanet "
            "(path, corners in whole pixels, class, no header), vott (image, corners, label), or automl (set, path, "
            "label, corners in fractions, no header).",
        },
    )


def step(options: CsvWriteOptions) -> Step:
    """How far written corners may lie from the true ones."""
    if options.dialect == "automl":
        return Step(fraction=0.5 * 10**-FRACTION_PLACES)
    return Step() if options.dialect == "vott" else Step(pixels=0.5)
