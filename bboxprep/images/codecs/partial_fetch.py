"""An image file of a storage, of which no more is fetched than its header takes.

All that is read of a JPEG stands before its first scan, so its first bytes do, however large it is. Other containers
may have metadata behind their pixels (a PNG its eXIf chunk), or anywhere (a TIFF); they are fetched whole.
"""

from __future__ import annotations

import mmap
import stat
from io import BytesIO
from typing import IO

from bboxprep.errors import ImageError
from bboxprep.images.container import jpeg_head_is_whole, sniff
from bboxprep.images.metadata.exif import Data
from bboxprep.io.remote import StoredPath

_FIRST = 1 << 16  # bytes
_MOST = 1 << 31  # bytes


def fetched(path: StoredPath) -> tuple[IO[bytes], Data]:
    """The file at `path`, to be read from its start, and its bytes; those that were not needed are zeros.

    Raises `ImageError` for one that is no file, is empty or is too large, and what the storage raises.
    """
    said = path.stat()
    if not stat.S_ISREG(said.st_mode):
        raise ImageError(path, "", "is a folder (want an image)")
    size = said.st_size
    if not size:
        raise ImageError(path, "", "the file is empty (0 bytes)")
    if size > _MOST:
        raise ImageError(path, "", f"have {size:,} bytes, want at most {_MOST:,}")
    data, wanted = path.read_range(0, min(_FIRST, size)), _FIRST
    while len(data) < size and sniff(data) == "jpeg" and not jpeg_head_is_whole(data):
        wanted *= 4
        data = path.read_range(0, min(wanted, size))
    if sniff(data) not in ("jpeg", None):
        data = path.read_bytes() if len(data) < size else data
    return BytesIO(data), data if len(data) >= size else _spread(data, size)


def _spread(data: bytes, size: int) -> mmap.mmap:
    """`data` as the beginning of so many bytes; the others take no memory."""
    whole = mmap.mmap(-1, size)
    whole[: len(data)] = data
    return whole
