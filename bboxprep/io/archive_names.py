"""Which files are archives by their names, and how a path names a member: with ``!`` after the archive."""

from __future__ import annotations

import re

RECORDS = (".tfrecord", ".tfrecords", ".record", ".records")
"""The suffixes of TFRecord files."""

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".parquet", *RECORDS)
"""The suffixes of archives."""

INSIDE = "!"
"""What follows the name of an archive in a path that leads into it."""

_RECORD = "|".join(map(re.escape, RECORDS))
_RECORDS = rf"(?:{_RECORD})(?:-[0-9]+-of-[0-9]+)?(?:\.gz)?|-[0-9]{{5}}-of-[0-9]{{5}}"
_SUFFIX = rf"{'|'.join(map(re.escape, ARCHIVES))}|{_RECORDS}"
_RECORD_NAME = re.compile(rf"(?:{_RECORDS})$", re.IGNORECASE)
_ARCHIVE_NAME = re.compile(rf"(?:{_SUFFIX})$", re.IGNORECASE)
_PARTS = re.compile(rf"(.+?)(?:{_RECORD})?(?:-[0-9]{{5,}}(?:-of-[0-9]+)?)?(?:{_RECORD})?(?:\.gz)?", re.IGNORECASE)

SIGN = re.compile(rf"({_SUFFIX}){INSIDE}(?=/|$)", re.IGNORECASE)
"""The end of an archive's name in a path that leads into it; its group is the suffix."""


def is_archive_name(name: str) -> bool:
    """Whether a file called `name` is an archive: by its suffix, or a numbered part of TFRecord files."""
    return _ARCHIVE_NAME.search(name) is not None


def is_record_name(name: str) -> bool:
    """Whether a file called `name` is a TFRecord file: ``a.tfrecord``, ``a.record-00000-of-00010``, ``a.record.gz``."""
    return _RECORD_NAME.search(name) is not None


def without_number(name: str) -> str:
    """The `name` of a TFRecord file without suffixes and the number of its part: all parts of one whole share it."""
    found = _PARTS.fullmatch(name)
    return found[1] if found else name
