"""XML in the encoding that it declares, and the characters that it can hold.

Expat knows UTF-8, UTF-16 and encodings of one byte a letter. Tools of East Asia declare others, and often one with less
letters than they use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bboxprep.io.text import as_utf8, marked_encoding

_DECLARATION = re.compile(rb"\s*<\?xml\b[^>]{0,200}?\?>")
_ENCODING = re.compile(rb"encoding\s*=\s*[\"']([A-Za-z][A-Za-z0-9._-]*)[\"']")
_READ_BY_EXPAT = frozenset({"us-ascii", "ascii", "iso-8859-1"})
_UTF8 = frozenset({"", "utf-8", "utf8"})
_LARGER = {"gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc-kr": "cp949", "big5": "big5hkscs"}

_NOT_XML = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # not a Char of XML 1.0, production 2


class BadEncoding(Exception):
    """XML cannot be decoded from the encoding that it declares; its catchers know the file."""


def for_expat(data: bytes, encoding: str = "") -> bytes:
    """The XML document `data` in an encoding that expat knows: as it is, or in UTF-8 without its declaration.

    `encoding` is that of documents that declare none or UTF-8, and are not in UTF-8. Raises `BadEncoding`.
    """
    declared = _declared(data)
    if marked_encoding(data) or (encoding and declared in _UTF8):
        try:
            return _undeclared(as_utf8(data, encoding))
        except UnicodeDecodeError as error:
            raise BadEncoding(f"byte {error.start} is no {error.encoding} text") from error
    if declared in _UTF8 or declared in _READ_BY_EXPAT:
        return data
    for name in _names(declared):
        try:
            return _undeclared(data.decode(name).encode("utf-8", "replace"))
        except LookupError:
            return data  # expat says that it is unknown
        except UnicodeDecodeError:
            continue
    raise BadEncoding(f"declares the encoding {declared}, but is no such text")


def holds(text: str) -> bool:
    """Whether `text` survives XML: it has no control character, carriage return or lone surrogate."""
    return "\r" not in text and not _NOT_XML.search(text)


def _declared(data: bytes) -> str:
    """The encoding that `data` declares, in lower case; "" where it declares none that can be seen."""
    declaration = _DECLARATION.match(data)
    found = _ENCODING.search(declaration[0]) if declaration else None
    return found[1].decode("ascii").lower() if found else ""


def _names(declared: str) -> Iterator[str]:
    yield declared
    if declared in _LARGER:
        yield _LARGER[declared]


def _undeclared(data: bytes) -> bytes:
    """`data` without its declaration, every line where it was."""
    declaration = _DECLARATION.match(data)
    if declaration is None:
        return data
    return b"\n" * declaration[0].count(b"\n") + data[declaration.end() :]
