"""SHA-256 of files and of bytes, in hexadecimal: how records name the content of a file."""

from __future__ import annotations

from hashlib import file_digest, sha256
from io import BufferedIOBase
from pathlib import Path
from typing import cast

from bboxprep.io.paths import refuse_passing
from bboxprep.io.remote import StoredPath


def file_sha256(path: Path | StoredPath) -> str:
    """The SHA-256 of the file at `path`, 64 hexadecimal digits; "" where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file_digest(cast("BufferedIOBase", file), "sha256").hexdigest()
    except (OSError, ValueError) as error:  # the latter for a NUL in the name
        refuse_passing(error, path)
        return ""


def bytes_sha256(data: bytes) -> str:
    """The SHA-256 of `data`, 64 hexadecimal digits."""
    return sha256(data).hexdigest()
