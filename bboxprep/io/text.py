"""Text of files as their tools wrote it: UTF-8, or UTF-16 and UTF-32 with a byte order mark, or an encoding that is
named.

Windows PowerShell writes UTF-16 where it redirects, Notepad a byte order mark. A text of one byte a letter (cp1252,
latin-1) does not show which one it is in: it is refused, and whoever knows names it.
"""

from __future__ import annotations

import codecs
from pathlib import Path

from bboxprep.errors import AnnotationError, UsageError
from bboxprep.io.paths import read_bytes

_MARKS = (  # the longer ones first: that of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def marked_encoding(data: bytes) -> str:
    """The encoding that the byte order mark of `data` names, "" where it has none."""
    return next((name for mark, name in _MARKS if data.startswith(mark)), "")


def decode(data: bytes, encoding: str = "") -> str:
    """`data` as text, without a byte order mark: in the encoding of that mark, else in `encoding`, else in UTF-8.

    Raises UnicodeDecodeError; `not_decoded` has the words for it.
    """
    return data.decode(marked_encoding(data) or encoding or "utf-8")


def as_utf8(data: bytes, encoding: str = "") -> bytes:
    """`data` in UTF-8 without a byte order mark, as `decode` reads it; UTF-8 is not checked. Raises
    UnicodeDecodeError.
    """
    name = marked_encoding(data) or encoding
    if name == "utf-8-sig":
        return data[len(codecs.BOM_UTF8) :]
    return data.decode(name).encode("utf-8") if name else data


def not_decoded(error: UnicodeDecodeError) -> str:
    """What is wrong with text that cannot be decoded, and what to do."""
    if error.encoding.lower().replace("_", "-") != "utf-8":
        return f"not {error.encoding} text"
    return "not UTF-8 text; `encoding` names another one, such as cp1252 or gbk"


def read_text(path: Path, most: int, encoding: str = "") -> str:
    """The text of the file at `path`, of at most `most` bytes, as `decode` reads it. Raises `AnnotationError`."""
    try:
        return decode(read_bytes(path, most), encoding)
    except UnicodeDecodeError as error:
        raise AnnotationError(path, f"byte {error.start}", not_decoded(error)) from error


def check_encoding(name: str) -> None:
    """Raise `UsageError` where `name` is neither "" nor an encoding of text that Python knows."""
    try:
        known = not name or "".encode(name) is not None
    except (LookupError, ValueError):
        known = False
    if not known:
        raise UsageError(f"encoding: have {name!r}, want one such as utf-8, cp1252 or gbk")
