"""Pillow, imported when it is first needed, and of its plugins those of the containers that are there.

With what they import themselves they are a tenth of the start of a run that opens no image. Annotations name Pillow's
types without loading them.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

PLUGINS = {
    "jpeg": "Jpeg", "png": "Png", "webp": "WebP", "tiff": "Tiff", "bmp": "Bmp", "gif": "Gif", "avif": "Avif",
    "ppm": "Ppm", "jp2": "Jpeg2K", "tga": "Tga",
}  # fmt: skip
"""Pillow's name of each container that it reads."""


@cache
def pillow() -> ModuleType:
    """The module ``PIL.Image``."""
    from PIL import Image

    return Image


@cache
def plugin(container: str) -> ModuleType:
    """The module of Pillow that reads and writes a `container` of `PLUGINS`."""
    return import_module(f"PIL.{PLUGINS[container]}ImagePlugin")


@cache
def file_class(container: str) -> type[ImageFile]:
    """Pillow's class of the files of a `container` of `PLUGINS`."""
    found: type[ImageFile] = getattr(plugin(container), f"{PLUGINS[container]}ImageFile")
    return found
