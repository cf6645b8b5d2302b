"""Annotation files as tools write them by the thousand, read by pattern: a tenth of the time that an XML parser takes.

The pattern knows the elements of the devkit in its order, ASCII text without entities or control characters, and
decimal numbers. Of anything else `read_plain` says nothing, and `annotation.read_annotation` reads the file. What both
can read, both read alike; a law over mutated files holds that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from sys import intern
from typing import Any

from bboxprep.formats.corner_numbers import parse_corner
from bboxprep.formats.origin import tool_of
from bboxprep.formats.voc.annotation import Annotation, declared_size, file_extra, file_name, own_attributes

_BLANK = r"[ \t\r\n]*"


def _leaf(tag: str, text: str = r"[^<&>\x00-\x1f\x7f]*") -> str:
    """The pattern of an element with text, and of the whitespace after it."""
    return f"<{tag}>({text})</{tag}>{_BLANK}"


def _maybe(pattern: str) -> str:
    return f"(?:{pattern})?"


def _branch(tag: str, *inner: str) -> str:
    """The pattern of an element with child elements, and of the whitespace after each."""
    return f"<{tag}>{_BLANK}{''.join(inner)}</{tag}>{_BLANK}"


_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,17})?"
_OWN_TAGS = ("pose", "truncated", "difficult", "occluded")
_SOURCE = _branch("source", _leaf("database"), *[_maybe(_leaf(tag)) for tag in ("annotation", "image", "flickrid")])
_OWNER = _branch("owner", _maybe(_leaf("flickrid")), _maybe(_leaf("name")))
_HEAD = re.compile(
    f"{_BLANK}<annotation>{_BLANK}{''.join([_maybe(_leaf(tag)) for tag in ('folder', 'filename', 'path')])}"
    f"{_maybe(_SOURCE)}{_maybe(_OWNER)}"
    f"{_branch('size', _leaf('width', _NUMBER), _leaf('height', _NUMBER), _maybe(_leaf('depth')))}"
    f"{_maybe(_leaf('segmented'))}"
)
_BOX = _branch("bndbox", *[_leaf(tag, _NUMBER) for tag in ("xmin", "ymin", "xmax", "ymax")])
_OBJECT = re.compile(_branch("object", _leaf("name"), *[_maybe(_leaf(tag)) for tag in _OWN_TAGS], _BOX))
_END = re.compile(f"</annotation>{_BLANK}")


def read_plain(data: bytes) -> Annotation | None:
    """Parse `data`, the content of a file; None where it does not match the pattern."""
    text = data.decode("ascii") if data.isascii() else ""
    head = _HEAD.match(text)
    if head is None:
        return None
    objects, place = [], head.end()
    while found := _OBJECT.match(text, place):
        objects.append(found.groups())
        place = found.end()
    names = [fields[0].strip() for fields in objects]
    if not _END.fullmatch(text, place) or not all(names):
        return None
    folder, name, path, database, annotated, _, _, _, _, width, height, *_ = head.groups()
    corners = [parse_corner(number) for fields in objects for number in fields[5:]]
    return Annotation(
        filename=file_name(name or ""),
        declared=declared_size(width, height),
        tool=tool_of(
            database or "",
            annotated or "",
            names_database=False,
            names_path=path is not None,
            decimals=any(corner.decimals for corner in corners),
        ),
        written=tuple([corner.value for corner in corners]),
        less_one=tuple([corner.less_one for corner in corners]),
        names=tuple(map(intern, names)),
        numbers=tuple(range(1, len(names) + 1)),
        attributes=tuple([_attributes(fields[1:5]) for fields in objects]),
        rings={},
        source_count=len(names),
        findings=(),
        unread=(),
        extra=file_extra(folder or "", database or ""),
    )


@lru_cache(maxsize=256)
def _attributes(texts: tuple[str | None, ...]) -> Mapping[str, Any]:
    """The attributes of an object with these `texts`; cached, since most objects of a dataset share a few."""
    return own_attributes({tag: text for tag, text in zip(_OWN_TAGS, texts, strict=True) if text is not None})
