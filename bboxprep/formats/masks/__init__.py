"""Mask PNGs: pictures whose values are numbers of classes or objects. `reader` and `writer` say what they mean."""

from __future__ import annotations

from bboxprep.formats.api import Format, NoOptions, Step, TextReadOptions, deferred
from bboxprep.formats.masks.layout import CARRIES, LAYOUT

FORMAT = Format(
    title="Mask PNGs",
    layout=LAYOUT,
    sniff=deferred(f"{__name__}.layout", "sniff"),
    root_evidence=deferred(f"{__name__}.layout", "root_evidence"),
    read=deferred(f"{__name__}.reader", "read"),
    write=deferred(f"{__name__}.writer", "write"),
    carries=CARRIES,
    masks_in="Segmentation",
    step=lambda _: Step(),  # the boxes stand in the table
    read_options=TextReadOptions,
    write_options=NoOptions,
    traps=(
        (
            "the index of a palette is the number, which a program that converts to RGB loses",
            "VOC devkit, VOClabelcolormap",
        ),
        ("255 is void: the border of objects, or what is not labelled", "VOC devkit; labelme, labelme2voc.py"),
        ("a mask of classes holds regions: objects of one class that touch are one", "ADE20K; VOC SegmentationClass"),
        ("numbers of 16 bits are scaled to 8 by some readers of images", "Cityscapes, instanceIds"),
    ),
)
