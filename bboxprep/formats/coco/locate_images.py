"""From the `file_name` of a record to a file below the image folder, and never to one outside it.

A name is tried as it is, then with backslashes as slashes, then by its end: exports carry absolute paths of other
machines and prefixes that climb. An end counts only where the one path wholly ends with the other, where a single file
fits, and where no other record has that file; anything less would be a guess. A link is followed as far as the dataset
reaches.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bboxprep.formats.coco.decoding import brief
from bboxprep.formats.coco.layout import is_file
from bboxprep.io.paths import IMAGE_SUFFIXES, Fence, relative_path, resolved, scan, suffix_of, walk
from bboxprep.io.safe_names import safe_relative

_DRIVE = re.compile(r"[A-Za-z]:")
_LONGEST_PART = 255  # bytes; of all file systems in use


@dataclass(frozen=True)
class Located:
    """For each record, its `names` below the image folder (POSIX; ``images[7]`` where it has none that is safe).

    `missing` says of records without a file why, `by_end` holds those that were found by the end of their path.
    """

    names: tuple[str, ...]
    missing: Mapping[int, str]
    by_end: tuple[int, ...]


def locate(folder: Path, wanted: Sequence[str], root: Path) -> Located:
    """The files below `folder` that the names in `wanted` mean; none outside of `root`, a real path."""
    fence = Fence(root)
    bases = tuple(f"{base.as_posix()}/" for base in dict.fromkeys((folder.absolute(), resolved(folder))))
    names: dict[int, str] = {}
    strayed: dict[int, str] = {}
    plain = _files_in(folder)
    for index, text in enumerate(wanted):
        if text in plain:
            names[index] = text
            continue
        found = next((name for name in _spellings(text, bases) if is_file(folder / name)), None)
        if found is not None and not fence.holds(folder / found):
            strayed[index] = f"{found} is a link that leads out of the dataset; not followed"
        elif found is not None:
            names[index] = found
    open_ends = [index for index in range(len(wanted)) if index not in names and index not in strayed]
    taken = set(names.values())
    found_by_end, missing = _by_end(folder, wanted, open_ends, taken, fence) if open_ends else ({}, {})
    names |= found_by_end
    missing |= strayed
    for index in missing:
        names[index] = next(reversed(_spellings(wanted[index], bases)), f"images[{index}]")
    return Located(tuple(names[index] for index in range(len(wanted))), missing, tuple(found_by_end))


def _files_in(folder: Path) -> set[str]:
    """The names of the files in `folder` that are no links: what names one of them needs no other look."""
    try:
        with scan(folder) as entries:
            return {entry.name for entry in entries if "\\" not in entry.name and entry.is_file(follow_symlinks=False)}
    except OSError:
        return set()


def unlisted_images(located: Iterable[tuple[Path, Located]]) -> list[Path]:
    """The images that lie beside those `located` below each folder and are not among them, sorted."""
    listed: dict[Path, set[str]] = defaultdict(set)
    for folder, found in located:
        for row, name in enumerate(found.names):
            if row not in found.missing:
                below, _, file = name.rpartition("/")
                listed[folder / below if below else folder].add(file)
    return sorted(
        folder / name
        for folder, names in listed.items()
        for name in _files_in(folder) - names
        if suffix_of(name).lower() in IMAGE_SUFFIXES and not name.startswith(".")
    )


def safe_name(text: str) -> str:
    """`text` as a path below any folder that it is put under; "" where it leads elsewhere or no file can have it."""
    safe = safe_relative(text)
    long = len(text) > _LONGEST_PART // 4 and any(len(part.encode()) > _LONGEST_PART for part in safe.split("/"))
    return "" if long else safe


def _spellings(text: str, bases: Sequence[str]) -> list[str]:
    """The safe ways to read `text`, as it is first."""
    slashed = text.replace("\\", "/")
    below = next((slashed.removeprefix(base) for base in bases if slashed.startswith(base)), slashed)
    return [name for name in map(safe_name, dict.fromkeys((text, below))) if name]


def _by_end(
    folder: Path, wanted: Sequence[str], indices: Sequence[int], taken: set[str], fence: Fence
) -> tuple[dict[int, str], dict[int, str]]:
    """What fits the ends of the names at `indices`: the names found, and why the others are missing."""
    files = _files_by_last_part(folder, fence)
    fitting = {index: _fitting(files, _end(wanted[index])) for index in indices}
    claims = Counter(names[0] for names in fitting.values() if len(names) == 1)
    found, missing = {}, {}
    for index, names in fitting.items():
        if len(names) == 1 and claims[names[0]] == 1 and names[0] not in taken:
            found[index] = names[0]
        else:
            missing[index] = _why_missing(wanted[index], names)
    return found, missing


def _files_by_last_part(folder: Path, fence: Fence) -> dict[str, list[str]]:
    files: dict[str, list[str]] = defaultdict(list)
    for place, _, names in walk(folder):
        below = relative_path(place, folder)
        for name in names:
            if Path(name).suffix.lower() in IMAGE_SUFFIXES and fence.holds(place / name):
                files[name].append(f"{below}/{name}" if below else name)
    return files


def _end(text: str) -> list[str]:
    """The parts of `text` that can be a path below some folder: those after the last ``..``, root or drive."""
    parts = PurePosixPath(_DRIVE.sub("", text.replace("\\", "/"), count=1)).parts
    last = max((index + 1 for index, part in enumerate(parts) if part in {"..", "/", "//"}), default=0)
    return list(parts[last:])


def _fitting(files: Mapping[str, list[str]], end: list[str]) -> list[str]:
    if not end:
        return []
    return sorted(name for name in files.get(end[-1], ()) if _ends_alike(name.split("/"), end))


def _ends_alike(mine: list[str], other: list[str]) -> bool:
    length = min(len(mine), len(other))
    return mine[-length:] == other[-length:]


def _why_missing(text: str, fitting: Sequence[str]) -> str:
    if len(fitting) == 1:
        return f"file_name {brief(text)} fits only {fitting[0]!r}, which other records have too; none is taken"
    if fitting:
        some = " and ".join(map(repr, fitting[:2]))
        return f"file_name {brief(text)} fits {len(fitting)} files, of them {some}; none is taken"
    if not text:
        return "the record has no file_name"
    return f"no such file (file_name {brief(text)}{'' if safe_name(text) else ', not a path below the image folder'})"
