"""Pascal VOC: one XML file an image, corners in pixels. `reader` and `writer` keep its conventions."""

from __future__ import annotations

from bboxprep.formats.api import Format, deferred
from bboxprep.formats.voc.options import VocReadOptions, VocWriteOptions
from bboxprep.model.columns import Column

__all__ = ["FORMAT", "VocReadOptions", "VocWriteOptions"]

FORMAT = Format(
    title="Pascal VOC",
    layout="Annotations/*.xml with JPEGImages/, XML files beside their images, or train/, valid/, test/ with both",
    step="1 px; exact with --voc-float",
    carries=frozenset({Column.BOXES, Column.ATTRIBUTES}),
    sniff=deferred(f"{__name__}.sniff", "sniff"),
    read=deferred(f"{__name__}.reader", "read"),
    write=deferred(f"{__name__}.writer", "VocWriter"),
    read_options=VocReadOptions,
    write_options=VocWriteOptions,
    ignored_by="difficult",
)
