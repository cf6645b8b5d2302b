"""KITTI: a text file an image, a row of 15 columns an object; NVIDIA TAO reads it. `rows` says what a row means."""

from __future__ import annotations

from bboxprep.formats.api import Format, Step, TextReadOptions, deferred
from bboxprep.formats.kitti.fields import CARRIES, LAYOUT

FORMAT = Format(
    title="KITTI",
    layout=LAYOUT,
    sniff=deferred(f"{__name__}.sniff", "sniff"),
    root_evidence=deferred(f"{__name__}.sniff", "root_evidence"),
    label_file=deferred(f"{__name__}.sniff", "label_file"),
    label_place="in a folder 'label_2' or 'labels' beside 'image_2' or 'images', or beside the images",
    read=deferred(f"{__name__}.reader", "read"),
    write=deferred(f"{__name__}.writer", "write"),
    carries=CARRIES,
    step=lambda _: Step(),  # shortest decimals that read back as they were
    read_options=TextReadOptions,
    traps=(
        ("DontCare is no class: it marks regions to ignore, read as crowd regions", "KITTI, devkit_object readme.txt"),
        ("no file lists the classes, and a class name is one word", "KITTI, devkit_object readme.txt"),
        ("occluded is a whole number; programs fail at 0.0", "NVIDIA TAO, tao_dataset_suite, kitti.py"),
        (
            "an image without objects needs an empty file, or is left out",
            "NVIDIA TAO, tao_dataset_suite, kitti.py",
        ),
        ("the tracking benchmark has a frame and a track id before the class", "KITTI, devkit_tracking readme.txt"),
    ),
)
