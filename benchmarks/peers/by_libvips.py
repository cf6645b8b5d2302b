"""libvips' thumbnail, which shrinks on load and turns by EXIF, and its gravity."""

import os
from pathlib import Path

os.environ["VIPS_CONCURRENCY"] = "1"  # the threads are ours

import pyvips
from pool import PAD, QUALITY, SIDE, each


def letterbox(photo: Path, output: Path) -> None:
    """One photo."""
    image = pyvips.Image.thumbnail(str(photo), SIDE, height=SIDE, size="both")
    image = image.gravity("centre", SIDE, SIDE, extend="background", background=[PAD] * 3)
    image.jpegsave(str(output), Q=QUALITY, subsample_mode="on")


each(letterbox)
