"""Opens image files with Pillow as the container that their bytes show, and turns every failure into an `ImageError`.

Pillow's file classes are called directly rather than through ``Image.open``: the container is known from the bytes, and
a camera's multi-image JPEG is then a JPEG.

AVIF and HEIC differ in their frames. Pillow (libavif) decodes an AVIF as coded and replaces its EXIF orientation by the
container's turn, so that it is stored and turned like any other photo. libheif decodes a HEIC as displayed only.

HEIC is read by pillow-heif, an extra: BSD-3-Clause itself, but its wheels hold libheif and libde265 (LGPL-3) and,
though it is not used here, the encoder x265 (GPL-2). Its decode-only sister pi-heif holds nothing under the GPL, but is
discontinued, and in its last version, as in pillow-heif before 1.8, damaged metadata ends the process.

The pixels of an indexed PNG are read as numbers, not as colours. Some tools write the colours of the VOC devkit's
palette instead of its indices; these are mapped back, since each colour has one index: bit j of red, green and blue,
from the highest down, are the bits 3j, 3j + 1 and 3j + 2 of the index.
"""

from __future__ import annotations

import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path, PurePath
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import ImageError, RefusedImageError
from bboxprep.images.container import NAMES
from bboxprep.images.pillow import file_class, pillow, plugin
from bboxprep.io.paths import error_reason
from bboxprep.io.remote import is_stored
from bboxprep.model.header import Header
from bboxprep.model.segmentation import devkit_palette

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

_FAULTS = (  # what Pillow raises for damaged files, as far as is known
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError, NotImplementedError, OSError,
    RuntimeError, SyntaxError, TypeError, ValueError, struct.error, zlib.error,
)  # fmt: skip


_MODES = frozenset({"P", "L", "1", "RGB"})


@contextmanager
def opened(path: Path, container: str, source: IO[bytes] | None = None) -> Iterator[ImageFile]:
    """Pillow's view of the image at `path`, its pixels not decoded yet; read from `source` where that is given.

    Whatever Pillow raises inside the ``with`` becomes an `ImageError` about `path`; its warnings are silenced.
    """
    with (
        faults_named(path, f"cannot be read as {NAMES[container]}"),
        _quiet,
        _reader(path, container)(source or _openable(path)) as image,
    ):
        yield image


def _openable(path: Path) -> Path | IO[bytes]:
    return BytesIO(path.read_bytes()) if is_stored(path) else path


def read(path: Path) -> bytes:
    """The bytes of the file at `path`. Raises `ImageError`."""
    with faults_named(path, "cannot be read"):
        return path.read_bytes()


@contextmanager
def faults_named(path: PurePath, words: str) -> Iterator[None]:
    """Turn errors of the system or of Pillow about the file at `path` into an `ImageError` with the message `words`."""
    try:
        yield
    except FileNotFoundError as error:
        raise ImageError(path, "", "there is no such file") from error
    except (*_FAULTS, pillow().DecompressionBombError) as error:
        raise ImageError(path, "", f"{words} ({_reason(error)})") from error


def _reader(path: Path, container: str) -> type[ImageFile]:
    """Pillow's reader of `container`. Raises `RefusedImageError` if this installation has none."""
    if container == "avif" and not plugin(container).SUPPORTED:
        raise RefusedImageError(path, "", "is an AVIF, which this build of Pillow cannot read (pip's wheels of it can)")
    if container != "heic":
        return file_class(container)
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        raise RefusedImageError(
            path, "", "is a HEIC, which takes one more library (pip install 'bboxprep[heif]')"
        ) from error
    heic: type[ImageFile] = HeifImageFile
    return heic


def _reason(error: BaseException) -> str:
    text = error_reason(error) or type(error).__name__
    return "truncated: the file ends before the image is complete" if "truncated" in text.lower() else text


class _Quiet:
    """Silences warnings while at least one thread is inside.

    ``warnings.catch_warnings`` restores the filters that *it* found, so with several threads the filter could stay.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._silence = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._silence = warnings.catch_warnings(action="ignore")
                self._silence.__enter__()
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._silence.__exit__(None, None, None)


_quiet = _Quiet()


def read_indices(path: Path, header: Header) -> NDArray[np.uint8]:
    """The numbers (H, W) in the PNG at `path`, whose header is `header`: palette indices, gray levels or the devkit's
    colours; never turned. Raises `ImageError` for anything else.
    """
    if header.container != "png" or header.mode not in _MODES or header.depth > 8:
        have = f"{header.container}, mode {header.mode}, {header.depth} bits"
        raise ImageError(path, "", f"want a PNG with a palette (have {have})")
    with opened(path, "png") as image:
        if image.size != header.size:
            raise ImageError(path, "", f"has changed since its header was read (want {header.size})")
        image.load()
        pixels = np.array(image, dtype=np.uint8)
    return pixels if pixels.ndim == 2 else _from_colours(path, pixels)


def _from_colours(path: Path, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    numbers = np.zeros(pixels.shape[:2], dtype=np.uint8)
    for bit in range(8):
        numbers |= (pixels[..., bit % 3] >> (7 - bit // 3) & 1) << bit
    strange = (devkit_palette()[numbers] != pixels).any(axis=-1)
    if strange.any():
        colour = tuple(pixels[strange][0].tolist())
        raise ImageError(path, "", f"want a PNG with a palette (have colours, and {colour} is none of the devkit's)")
    return numbers
