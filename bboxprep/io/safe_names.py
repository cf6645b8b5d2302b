"""Safe file names from untrusted sources: paths that stay below their folder, and names that every system can write.

`safe_relative` checks a path before it is read. `safe_path` changes one before it is written, so that it is valid on
Linux, macOS and Windows. The change is the same on each, so that an output does not depend on the machine.

pathvalidate 3.3 (`sanitize_filename`, platform "universal") was tried in the place of `safe_name`, and fails the tests
beside it: it leaves ``com1 .jpg``, which Windows takes for a device; it turns ``...`` and a blank into ""; it raises
UnicodeEncodeError for half a surrogate pair; it cuts a long name through its suffix. It takes 96 us a name, this 4.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from unicodedata import normalize

from bboxprep.errors import TargetError

_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*+(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*+)*+")  # safe wherever it stands
_DRIVE = re.compile(r"[A-Za-z]:|[^/]*:(?:/|$)")  # a drive of Windows, or a protocol
_RESERVED = re.compile('[\0-\x1f\x7f<>:"|?*\\\\/\ud800-\udfff\ufffe\uffff]')
_DEVICE = re.compile(r"con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$", re.IGNORECASE)
_LONGEST = 240  # bytes of a written name: file systems have 255, and a number and another suffix have to fit


def safe_relative(text: str) -> str:
    """The untrusted path `text` as a relative POSIX path; "" if it could leave the folder that it is joined to.

    Refused are ``..``, absolute paths, drive letters, protocols, NUL and empty names. Backslashes are kept but count as
    slashes, as on Windows. `paths.AllowedFolders` checks links.
    """
    if _PLAIN.fullmatch(text):
        return text
    slashed = text.replace("\\", "/")
    path = PurePosixPath(slashed)
    safe = path.parts and not (path.is_absolute() or ".." in path.parts or "\0" in text or _DRIVE.match(slashed))
    return str(PurePosixPath(text)) if safe else ""


def safe_path(path: PurePosixPath) -> PurePosixPath:
    """The relative `path` with each part as a `safe_name`. Raises `TargetError` if it leaves its folder."""
    if path.is_absolute() or ".." in path.parts:
        raise TargetError(f"{path}: an output may not leave its folder")
    return PurePosixPath(*map(safe_name, path.parts))


def safe_name(name: str) -> str:
    """`name` without reserved characters, those that XML cannot hold, blanks and dots at its end, and blanks around
    its stem, which lists of names lose; not the name of a Windows device, and at most 240 bytes in UTF-8.
    """
    name = _RESERVED.sub("_", name)
    kept = name.rstrip(". ")
    name = kept + "_" * (len(name) - len(kept))
    if is_device(name):
        stem, dot, rest = name.partition(".")
        name = f"{stem}_{dot}{rest}"
    stem, dot, suffix = name.rpartition(".")
    return _shortened(f"{_blanks_marked(stem)}{dot}{_blanks_marked(suffix)}")


def _blanks_marked(text: str) -> str:
    """`text` with an underscore for each blank at its ends."""
    kept = text.strip()
    before, _, after = text.partition(kept) if kept else (text, "", "")
    return "_" * len(before) + kept + "_" * len(after)


def distinct_names(names: Sequence[str]) -> list[str]:
    """A `safe_name` for each of the different `names`, no two of them equal or different in case or Unicode form alone:
    the later one gets a number. A name that is safe comes before those that become it.
    """
    made, taken = dict[str, str](), set[str]()
    for name in sorted(names, key=lambda name: safe_name(name) != name):
        safe = candidate = safe_name(name)
        number = 1
        while folded(candidate) in taken:
            number += 1
            candidate = f"{safe}-{number}"
        taken.add(folded(candidate))
        made[name] = candidate
    return [made[name] for name in names]


def folded(path: str) -> str:
    """`path` as file systems compare it that distinguish neither case nor Unicode forms."""
    if path.isascii():
        return path if path.islower() else path.lower()  # lower() would copy it
    return normalize("NFC", path).casefold()


def is_device(name: str) -> bool:
    """Whether `name`, with any suffix, is the name of a device on Windows."""
    return _DEVICE.fullmatch(name.partition(".")[0].rstrip()) is not None


def _shortened(name: str) -> str:
    if len(name.encode("utf-8")) <= _LONGEST:
        return name
    path = PurePosixPath(name)
    suffix = path.suffix if len(path.suffix) <= 8 else ""
    stem = name.removesuffix(suffix).encode("utf-8")[: _LONGEST - len(suffix.encode("utf-8"))]
    return stem.decode("utf-8", "ignore").rstrip(". ") + suffix
