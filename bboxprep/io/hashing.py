"""SHA-256 of files and of bytes, in hexadecimal: how records name the content of a file. And of names, as a number:
how images are chosen.
"""

from __future__ import annotations

from hashlib import file_digest, sha256
from io import BufferedIOBase
from pathlib import Path
from typing import cast

from bboxprep.io.paths import refuse_passing
from bboxprep.io.remote import StoredPath

_BITS = 53  # of a float


def file_sha256(path: Path | StoredPath) -> str:
    """The SHA-256 of the file at `path`, 64 hexadecimal digits; "" where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file_digest(cast("BufferedIOBase", file), "sha256").hexdigest()
    except (OSError, ValueError) as error:  # the latter for a NUL in the name
        refuse_passing(error, path)
        return ""


def unit_hash(text: str) -> float:
    """The SHA-256 of `text` as a number from 0 to 1, 1 excluded, uniform: the same on every machine, for ever."""
    digest = int.from_bytes(sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")
    return float((digest >> (64 - _BITS)) / 2**_BITS)


def bytes_sha256(data: bytes) -> str:
    """The SHA-256 of `data`, 64 hexadecimal digits."""
    return sha256(data).hexdigest()
