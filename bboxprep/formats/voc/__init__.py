"""Pascal VOC: one XML file an image, corners in pixels. `reader` and `writer` describe its conventions."""

from __future__ import annotations

from bboxprep.formats.api import Format, Step, deferred
from bboxprep.formats.voc.options import CARRIES, LAYOUT, VocReadOptions, VocWriteOptions

__all__ = ["FORMAT", "VocReadOptions", "VocWriteOptions"]


def _step(options: VocWriteOptions) -> Step:
    """Whole pixels, or shortest decimals that read back as they were."""
    return Step() if options.float_ else Step(pixels=0.5)


FORMAT = Format(
    title="Pascal VOC",
    layout=LAYOUT,
    sniff=deferred(f"{__name__}.sniff", "sniff"),
    root_evidence=deferred(f"{__name__}.sniff", "root_evidence"),
    label_file=deferred(f"{__name__}.sniff", "label_file"),
    label_place="in a folder 'Annotations' in place of 'JPEGImages', beside the images, or anywhere below",
    read=deferred(f"{__name__}.reader", "read"),
    write=deferred(f"{__name__}.writer", "write"),
    carries=CARRIES,
    step=_step,
    read_options=VocReadOptions,
    conventions=(("fractions", "`origin='fractions'`"), ("xywh-for-xyxy", "`origin='xywh'`")),
    write_options=VocWriteOptions,
    origin=1,
    ignored_by="difficult",
    traps=(
        ("corners are pixel numbers from 1, both within the box; many tools write them from 0", "VOC devkit; labelImg"),
        ("the far corner is inclusive, which mmdetection takes off all four numbers", "mmdetection, xml_style.py"),
        (
            "programs look for .jpg alone, and for an XML of every listed image",
            "torchvision, voc.py; Detectron2, pascal_voc.py",
        ),
    ),
)
