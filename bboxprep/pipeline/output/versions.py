"""The installed versions that the bytes of an output can depend on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from bboxprep.images.codecs import lossless
from bboxprep.version import __version__

_MATTER = ("albumentations", "numpy", "opencv-python-headless", "pillow", "pillow-heif", "simplejpeg")


def versions() -> Mapping[str, str]:
    """Each version by its name, bboxprep first."""
    tool = lossless.find_jpegtran()
    turns = {"jpegtran": tool.version} if tool else {}
    return {"bboxprep": __version__, **_packages(), **turns}


@cache  # a run asks twice
def _packages() -> Mapping[str, str]:
    from importlib.metadata import PackageNotFoundError, version  # it takes half as long as NumPy to import

    known: dict[str, str] = {}
    for name in _MATTER:
        try:
            known[name] = version(name)
        except PackageNotFoundError:
            continue
    return known
