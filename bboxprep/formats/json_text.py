"""JSON of label files: as it is read, and as it is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from bboxprep.errors import AnnotationError, UsageError
from bboxprep.io.lenient_json import as_text_tokens
from bboxprep.io.paths import read_bytes
from bboxprep.io.text import as_utf8, not_decoded

MOST_BYTES = 1 << 30  # of a document


def read_json_text(path: Path, encoding: str = "", most: int = MOST_BYTES) -> bytes:
    """The JSON of the file at `path`, of at most `most` bytes, in UTF-8, NaN and Infinity as text.

    Raises `AnnotationError`.
    """
    try:
        data = as_utf8(read_bytes(path, most), encoding)
        if not data.isascii():
            data.decode("utf-8")  # so that text of another encoding is told as such
    except UnicodeDecodeError as error:
        raise AnnotationError(path, f"byte {error.start}", not_decoded(error)) from error
    return as_text_tokens(data)


def numbered_lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The number of each line of `data` that is not blank, counted from 1, and the line."""
    return ((number, line) for number, line in enumerate(data.split(b"\n"), 1) if line.strip())


def encode_json(value: object, shown: str) -> bytes:
    """`value` as JSON on one line. Raises `UsageError`, which names the image or file `shown`."""
    try:
        return msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UsageError(f"{shown}: cannot be written as JSON ({error})") from error


def indented_json(value: object, shown: str) -> bytes:
    """`value` as JSON for people to read, and the end of its last line. Raises `UsageError` as `encode_json` does."""
    return msgspec.json.format(encode_json(value, shown), indent=2) + b"\n"
