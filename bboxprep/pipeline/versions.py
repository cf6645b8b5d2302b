"""The versions that can matter to the bytes of an output; of what is installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from bboxprep import __version__
from bboxprep.images import lossless

_NEEDED = ("albumentations", "numpy", "opencv-python-headless", "pillow", "simplejpeg")
_MATTER = tuple(sorted((*_NEEDED, "pillow-heif")))
_SUFFIX = ".dist-info"


def versions() -> Mapping[str, str]:
    """The version of each, by its name; bboxprep's first."""
    tool = lossless.tool()
    turns = {"jpegtran": tool.version} if tool else {}
    return {"bboxprep": __version__, **_packages(), **turns}


@cache
def _packages() -> Mapping[str, str]:
    found = _by_folders()
    known = found if all(name in found for name in _NEEDED) else _by_metadata()
    return {name: known[name] for name in _MATTER if name in known}


def _by_folders() -> dict[str, str]:
    """The versions in the names of the folders that installers make, such as ``numpy-2.3.1.dist-info``."""
    known: dict[str, str] = {}
    for folder in _folders():
        name, _, version = folder.name.removesuffix(_SUFFIX).partition("-")
        known.setdefault(name.lower().replace("_", "-"), version)
    return known


def _folders() -> Iterator[Path]:
    """Those in the places that Python imports from, in their order."""
    for place in sys.path:
        yield from Path(place).glob(f"*{_SUFFIX}")


def _by_metadata() -> dict[str, str]:
    """The same by what stands in the metadata of the packages, wherever that is; it takes ten times as long."""
    from importlib.metadata import PackageNotFoundError, version

    known: dict[str, str] = {}
    for name in _MATTER:
        try:
            known[name] = version(name)
        except PackageNotFoundError:
            continue
    return known
