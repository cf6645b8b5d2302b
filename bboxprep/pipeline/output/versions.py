"""The installed versions that the bytes of an output can depend on."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec

from bboxprep.images.codecs import lossless
from bboxprep.version import __version__

_DISTRIBUTIONS = {  # the module of each
    "albumentations": "albumentations",
    "numpy": "numpy",
    "opencv-python-headless": "cv2",
    "pillow": "PIL",
    "pillow-heif": "pillow_heif",
    "simplejpeg": "simplejpeg",
}
_SUFFIX = ".dist-info"


def versions() -> Mapping[str, str]:
    """Versions by name of the program, bboxprep first."""
    tool = lossless.find_jpegtran()
    turns = {"jpegtran": tool.version} if tool else {}
    return {"bboxprep": __version__, **_packages(), **turns}


def _packages() -> Mapping[str, str]:
    known: dict[str, str] = {}
    for folder in reversed(sys.path):  # the first folder that has a distribution is imported from
        known |= _installed_in(folder)
    found = {
        name: known.get(name.replace("-", "_")) or _version_of(name, module) for name, module in _DISTRIBUTIONS.items()
    }
    return {name: version for name, version in found.items() if version}


def _installed_in(folder: str) -> Mapping[str, str]:
    """The versions of the distributions in `folder` by name, read from the names of their ``.dist-info`` folders (wheel
    specification, "The .dist-info directory").

    One listing takes 1 ms; `importlib.metadata`, which reads a file of each distribution, takes 15 ms.
    """
    try:
        names = [name.removesuffix(_SUFFIX) for name in os.listdir(folder or ".") if name.endswith(_SUFFIX)]  # noqa: PTH208  # for speed
    except OSError:
        return {}
    parts = [name.partition("-") for name in names]
    return {name.replace(".", "_").lower(): version for name, _, version in parts}


def _version_of(name: str, module: str) -> str:
    """The version of the distribution `name`, which has `module`; "" where it is not installed."""
    if find_spec(module) is None:
        return ""
    from importlib.metadata import PackageNotFoundError, version  # takes half as long as NumPy to import

    try:
        return version(name)
    except PackageNotFoundError:
        return ""
