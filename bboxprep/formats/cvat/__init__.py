"""CVAT for images and for video, XML 1.1. `reader` and `writer` describe its conventions."""

from __future__ import annotations

from bboxprep.formats.api import Format, Step, TextReadOptions, deferred
from bboxprep.formats.cvat.fields import CARRIES, LAYOUT

FORMAT = Format(
    title="CVAT",
    layout=LAYOUT,
    sniff=deferred(f"{__name__}.layout", "sniff"),
    root_evidence=deferred(f"{__name__}.layout", "root_evidence"),
    label_file=deferred(f"{__name__}.layout", "label_file"),
    label_place="in an annotations.xml beside a folder 'images'",
    read=deferred(f"{__name__}.reader", "read"),
    write=deferred(f"{__name__}.writer", "write"),
    carries=CARRIES,
    read_options=TextReadOptions,
    step=lambda _: Step(),  # shortest decimals that read back as they were
    holds_outlines_only=lambda _: True,
    category_fields=frozenset({"keypoints", "skeleton"}),
    traps=(
        ("boxes are turned about their centre, in degrees, clockwise", "CVAT, format-cvat.md"),
        ("masks are runs of rows within their box, not of columns of the image", "cvat-sdk, masks.py"),
        ("tasks of before 2022 lie on the stored image", "CVAT pull request 4529"),
        ("a track ends with a shape marked outside; frames between are interpolated", "CVAT, format-cvat.md"),
    ),
)
