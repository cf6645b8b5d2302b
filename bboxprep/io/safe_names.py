"""Names of files that somebody else chose: as paths that stay below their folder, and as names that can be written.

`safe_relative` judges a path before it is read. `safe_path` changes one before it is written, so that Linux, macOS and
Windows can all have it: in the same way everywhere, or an output would depend on the machine that made it.

pathvalidate 3.3 (`sanitize_filename`, platform "universal") was tried in the place of `safe_name`, and fails the tests
beside it: it leaves ``com1 .jpg``, which Windows takes for a device; it makes ``...`` and a blank empty; it raises
UnicodeEncodeError for half a surrogate pair; it cuts a long name through its suffix. It takes 96 us a name, this 4.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from bboxprep.errors import TargetError

_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*+(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*+)*+")  # safe wherever it stands
_DRIVE = re.compile(r"[A-Za-z]:|[^/]*:(?:/|$)")  # a drive of Windows, or a protocol
_RESERVED = re.compile('[\0-\x1f\x7f<>:"|?*\\\\/\ud800-\udfff]')
_DEVICE = re.compile(r"con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$", re.IGNORECASE)
_LONGEST = 240  # bytes of a written name: file systems have 255, and a number and another suffix have to fit


def safe_relative(text: str) -> str:
    """`text`, a path that somebody else wrote, as a POSIX path below any folder that it is joined to; "" where it could
    lead out of it.

    That is: ``..``, an absolute path, a drive letter or a protocol, a NUL, or no name at all. Backslashes stay as they
    are, but count as slashes here, because Windows takes them so. Links are another matter: see `paths.Fence`.
    """
    if _PLAIN.fullmatch(text):
        return text
    slashed = text.replace("\\", "/")
    path = PurePosixPath(slashed)
    safe = path.parts and not (path.is_absolute() or ".." in path.parts or "\0" in text or _DRIVE.match(slashed))
    return str(PurePosixPath(text)) if safe else ""


def safe_path(path: PurePosixPath) -> PurePosixPath:
    """`path`, relative, with each part made a `safe_name`. Raises `TargetError` where it leaves its folder."""
    if path.is_absolute() or ".." in path.parts:
        raise TargetError(f"{path}: an output may not leave its folder")
    return PurePosixPath(*map(safe_name, path.parts))


def safe_name(name: str) -> str:
    """`name` without reserved characters, halves of surrogate pairs, and blanks and dots at its end; no device's name,
    and at most 240 bytes in UTF-8.
    """
    name = _RESERVED.sub("_", name)
    kept = name.rstrip(". ")
    name = kept + "_" * (len(name) - len(kept))
    if is_device(name):
        stem, dot, rest = name.partition(".")
        name = f"{stem}_{dot}{rest}"
    return _shortened(name)


def is_device(name: str) -> bool:
    """Whether Windows takes `name` for a device, whatever its suffix."""
    return _DEVICE.fullmatch(name.partition(".")[0].rstrip()) is not None


def _shortened(name: str) -> str:
    if len(name.encode("utf-8")) <= _LONGEST:
        return name
    path = PurePosixPath(name)
    suffix = path.suffix if len(path.suffix) <= 8 else ""
    stem = name.removesuffix(suffix).encode("utf-8")[: _LONGEST - len(suffix.encode("utf-8"))]
    return stem.decode("utf-8", "ignore").rstrip(". ") + suffix
