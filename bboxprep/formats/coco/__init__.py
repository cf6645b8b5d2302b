"""COCO: one JSON document a split over a folder of images. `reader` and `writer` keep its conventions."""

from __future__ import annotations

from bboxprep.formats.api import Format, deferred
from bboxprep.model.columns import Column

FORMAT = Format(
    title="COCO",
    layout="annotations/*.json, <split>/_annotations.coco.json, or a JSON beside the images",
    step="none: shortest decimals that read back as they were",
    carries=frozenset(Column),
    sniff=deferred(f"{__name__}.layout", "sniff"),
    read=deferred(f"{__name__}.reader", "read"),
    write=deferred(f"{__name__}.writer", "write"),
    restores=True,
)
