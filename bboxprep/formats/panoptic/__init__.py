"""COCO panoptic: a JSON a split with segments, which are drawn in PNGs. `reader` and `writer` say what they mean."""

from __future__ import annotations

from bboxprep.formats.api import Format, NoOptions, Step, deferred
from bboxprep.formats.panoptic.options import CARRIES, LAYOUT, PanopticReadOptions

__all__ = ["FORMAT", "PanopticReadOptions"]

FORMAT = Format(
    title="COCO panoptic",
    layout=LAYOUT,
    sniff=deferred(f"{__name__}.layout", "sniff"),
    root_evidence=deferred(f"{__name__}.layout", "root_evidence"),
    label_file=deferred(f"{__name__}.layout", "label_file"),
    label_place="in a JSON in a folder 'annotations'",
    read=deferred(f"{__name__}.reader", "read"),
    write=deferred(f"{__name__}.writer", "write"),
    carries=CARRIES,
    masks_in="annotations/panoptic_",
    step=lambda _: Step(),  # shortest decimals that read back as they were
    read_options=PanopticReadOptions,
    write_options=NoOptions,
    category_fields=frozenset({"id", "supercategory", "extra"}),
    restores=True,
    traps=(
        (
            "a segment's id is R + 256 G + 65536 B of its pixels; one comment in its own code says another order",
            "panopticapi, utils.py",
        ),
        ("a PNG with a palette, or one that was scaled smoothly, has other ids", "panopticapi, utils.py"),
        ("some converters write no bbox", "BDD100K's to_coco_panoptic"),
        ("names of images with dots are cut at the first one", "panopticapi, panoptic2detection_coco_format.py"),
    ),
)
