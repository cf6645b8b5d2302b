"""Paths that somebody else wrote: do they stay below the folder that they are joined to?"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*+(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*+)*+")  # safe wherever it stands
_DRIVE = re.compile(r"[A-Za-z]:|[^/]*:(?:/|$)")  # a drive of Windows, or a protocol


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
