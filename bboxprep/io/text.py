"""Text of files as their tools wrote it: UTF-8, or UTF-16 and UTF-32 with a byte order mark, or an encoding that is
named.

Windows PowerShell writes UTF-16 where it redirects, Notepad a byte order mark. UTF-16 and UTF-32 without a mark are
known by the zeros beside their first letters (as RFC 4627, section 3, has it for JSON). A text of one byte a letter
(cp1252, latin-1) does not show which one it is in: it is refused, and whoever knows names it.
"""

from __future__ import annotations

import atexit
import codecs
import os
import re
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp

from bboxprep.errors import AnnotationError, UsageError
from bboxprep.io.paths import read_bytes, read_start

_CHUNK = 1 << 20  # bytes
_SHOWING = 8  # first bytes, which show an encoding
_MARKS = (  # the longer ones first: that of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UNMARKED = (
    (re.compile(rb"(?:[^\0]\0){2}"), "utf-16-le"),
    (re.compile(rb"(?:\0[^\0]){2}"), "utf-16-be"),
    (re.compile(rb"[^\0]\0\0\0[^\0]\0\0\0"), "utf-32-le"),
    (re.compile(rb"\0\0\0[^\0]\0\0\0[^\0]"), "utf-32-be"),
)


def marked_encoding(data: bytes) -> str:
    """The encoding that the first bytes of `data` show: that of its byte order mark, or UTF-16 and UTF-32 without
    one; else "".
    """
    marked = next((name for mark, name in _MARKS if data.startswith(mark)), "")
    return marked or next((name for zeros, name in _UNMARKED if zeros.match(data)), "")


def decode(data: bytes, encoding: str = "") -> str:
    """`data` as text, without a byte order mark: in the encoding that it shows, else in UTF-8, else in `encoding`.

    Raises UnicodeDecodeError; `not_decoded` has the words for it.
    """
    marked = marked_encoding(data)
    if marked or not encoding:
        return data.decode(marked or "utf-8")
    if b"\0" not in data:  # else it may be UTF-16 that shows no sign of it, of which ASCII letters are UTF-8 too
        with suppress(UnicodeDecodeError):
            return data.decode("utf-8")
    return data.decode(encoding)


def as_utf8(data: bytes, encoding: str = "") -> bytes:
    """`data` in UTF-8 without a byte order mark, as `decode` reads it; without an `encoding`, what has no mark is not
    checked. Raises UnicodeDecodeError.
    """
    marked = marked_encoding(data)
    if marked == "utf-8-sig":
        return data[len(codecs.BOM_UTF8) :]
    return decode(data, encoding).encode("utf-8", "replace") if marked or encoding else data


def not_decoded(error: UnicodeDecodeError) -> str:
    """What is wrong with text that cannot be decoded, and what to do."""
    if error.encoding != "utf-8":
        return f"not {error.encoding} text"
    return "not UTF-8 text; `encoding` names another one, such as cp1252 or gbk"


def read_text(path: Path, most: int, encoding: str = "") -> str:
    """The text of the file at `path`, of at most `most` bytes, as `decode` reads it. Raises `AnnotationError`."""
    try:
        return decode(read_bytes(path, most), encoding)
    except UnicodeDecodeError as error:
        raise AnnotationError(path, f"byte {error.start}", not_decoded(error)) from error


def read_start_as_utf8(path: Path, most: int, encoding: str = "") -> bytes:
    """The first `most` bytes of the file at `path` in UTF-8, as far as they show their encoding, or have zeros and are
    in `encoding`. Raises `OSError`.
    """
    data = read_start(path, most)
    shown = marked_encoding(data) or (encoding if b"\0" in data else "")
    return data.decode(shown, "ignore").encode("utf-8", "replace") if shown else data


def utf8_copy(path: Path, encoding: str = "") -> Path:
    """`path` where that is in UTF-8, as `decode` takes it; else a copy in UTF-8, which lasts as long as this process.

    Raises `AnnotationError` where it cannot be decoded, and `OSError`.
    """
    with path.open("rb") as file:
        marked = marked_encoding(file.read(_SHOWING))
    if marked == "utf-8-sig" or not (marked or encoding) or (not marked and _is_utf8(path)):
        return path
    handle, name = mkstemp(prefix="bboxprep-", suffix=path.suffix)
    atexit.register(Path(name).unlink, missing_ok=True)
    try:
        with path.open("rb") as source, os.fdopen(handle, "wb") as copy:
            decoder = codecs.getincrementaldecoder(marked or encoding)()
            while data := source.read(_CHUNK):
                copy.write(decoder.decode(data).encode("utf-8", "replace"))
            decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise AnnotationError(path, "", not_decoded(error)) from error
    return Path(name)


def _is_utf8(path: Path) -> bool:
    """Whether the file at `path` is in UTF-8 and has no NUL."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while data := file.read(_CHUNK):
                if "\0" in decoder.decode(data):
                    return False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def check_encoding(name: str) -> None:
    """Raise `UsageError` where `name` is neither "" nor an encoding of text that Python knows."""
    try:
        known = not name or "".encode(name) is not None
    except (LookupError, ValueError):
        known = False
    if not known:
        raise UsageError(f"encoding: have {name!r}, want one such as utf-8, cp1252 or gbk")
