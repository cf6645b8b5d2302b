"""The installed versions that the bytes of an output can depend on."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec

from bboxprep.images.codecs import lossless
from bboxprep.version import __version__

_MATTER = {  # by distribution, the module that it brings
    "albumentations": "albumentations",
    "numpy": "numpy",
    "opencv-python-headless": "cv2",
    "pillow": "PIL",
    "pillow-heif": "pillow_heif",
    "simplejpeg": "simplejpeg",
}
_SUFFIX = ".dist-info"


def versions() -> Mapping[str, str]:
    """Each version by its name, bboxprep first."""
    tool = lossless.find_jpegtran()
    turns = {"jpegtran": tool.version} if tool else {}
    return {"bboxprep": __version__, **_packages(), **turns}


def _packages() -> Mapping[str, str]:
    known: dict[str, str] = {}
    for folder in reversed(sys.path):  # the first that has a distribution is where it is imported from
        known |= _installed_in(folder)
    found = {name: known.get(name.replace("-", "_")) or _version_of(name, module) for name, module in _MATTER.items()}
    return {name: version for name, version in found.items() if version}


def _installed_in(folder: str) -> Mapping[str, str]:
    """The versions of the distributions in `folder` by name, as the names of their folders of metadata state them (the
    wheel's specification, "The .dist-info directory").

    One listing takes 1 ms, where `importlib.metadata` and a file a distribution take 15.
    """
    try:
        names = [name.removesuffix(_SUFFIX) for name in os.listdir(folder or ".") if name.endswith(_SUFFIX)]  # noqa: PTH208  # for speed
    except OSError:
        return {}
    parts = [name.partition("-") for name in names]
    return {name.replace(".", "_").lower(): version for name, _, version in parts}


def _version_of(name: str, module: str) -> str:
    """The version of the distribution `name` of a `module`, however it is installed; "" where it is not."""
    if find_spec(module) is None:
        return ""
    from importlib.metadata import PackageNotFoundError, version  # it takes half as long as NumPy to import

    try:
        return version(name)
    except PackageNotFoundError:
        return ""
