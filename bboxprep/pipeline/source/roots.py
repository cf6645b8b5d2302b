"""Which data set is meant by the folder, file or archive that a person names.

People name a folder too high: that of their downloads, or a zip with one folder in it. A reader that starts there
misses the class table, or puts together what is not one data set. So it is decided here, for all formats:

* the named folder is read where a data set begins in it (`formats.root_evidence`), or where nothing below shows that
  one begins there;
* exactly one data set below is read in its place, and a finding says so;
* several are refused, each with the command that reads it.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bboxprep import formats
from bboxprep.errors import LayoutError
from bboxprep.findings import Finding
from bboxprep.formats.api import RootEvidence
from bboxprep.io.paths import relative_path, subfolders
from bboxprep.io.remote import plain_path
from bboxprep.pipeline.source.contents import describe_contents

_DEEPEST = 6  # levels below the named folder
_MOST_FOLDERS = 2000
_MOST_LISTED = 8  # data sets in a message
_ADDED = "__macosx"  # the folder that the Finder adds to a zip, in lower case

Begins = Mapping[Path, Sequence[str]]  # folders, and the formats of the data sets that begin there


@dataclass(frozen=True)
class SourceRoot:
    """Where a data set begins, and its format; `findings` say so where that is not the path that was named."""

    path: Path
    format: str
    findings: tuple[Finding, ...] = ()


def find_root(path: Path, format: str | None = None) -> SourceRoot:
    """The data set that is meant by `path`: of any format, or of the one called `format`.

    Raises `LayoutError` where there is none or several, and `UsageError` for an unknown format.
    """
    if not path.exists():
        raise LayoutError(path, "", "there is no such file or folder")
    seen = formats.sniffed(path, format)
    below = _below(path, seen, format) if path.is_dir() else {}
    if below.keys() - {path}:  # names alone may show that one begins here, where all files are links
        return _only(path, below, format)
    return SourceRoot(path, format or _single(path, seen))


def _below(path: Path, seen: Collection[str], format: str | None) -> Begins:
    """The data sets below the folder `path` that are none of one that begins in it; empty where it is to be read."""
    here = {name: formats.root_evidence(name, path) for name in seen}
    best = max(here.values(), default=RootEvidence.NONE)
    if best is RootEvidence.DOCUMENT:
        return {}
    complete = {name: [path] for name, found in here.items() if found is RootEvidence.CLASS_TABLE}
    wanted = [format] if format else formats.names()
    below = _beginning(path, [name for name in wanted if name not in complete], _is_complete)
    if not below:
        return {}
    if complete:
        return {path: list(complete), **below}
    return _merged(below, _beginning(path, wanted, _has_labels, apart=frozenset(below)))


def _is_complete(found: RootEvidence) -> bool:
    return found >= RootEvidence.CLASS_TABLE


def _has_labels(found: RootEvidence) -> bool:
    return found > RootEvidence.NONE


def _beginning(
    path: Path, wanted: Sequence[str], fits: Callable[[RootEvidence], bool], apart: frozenset[Path] = frozenset()
) -> dict[Path, list[str]]:
    """The topmost folders at or below `path` whose evidence for one of the formats `wanted` is as `fits` says; what
    lies in the folders `apart` does not count.
    """
    found: dict[Path, list[str]] = {}
    queue = [(path, 0, tuple(wanted))]
    for folder, depth, names in queue:
        here = [name for name in names if fits(formats.root_evidence(name, folder, apart))]
        if here:
            found[folder] = here
        others = tuple(name for name in names if name not in here)
        if others and depth < _DEEPEST and len(queue) < _MOST_FOLDERS:
            queue += [(below, depth + 1, others) for below in _folders(folder) if below not in apart]
    return found


def _folders(folder: Path) -> Iterator[Path]:
    """The folders in `folder` that may hold a data set, by name; no hidden ones."""
    yield from (path for path in sorted(subfolders(folder)) if path.name.lower() != _ADDED and path.name[0] != ".")


def _merged(one: Begins, other: Begins) -> Begins:
    return {folder: [*one.get(folder, ()), *other.get(folder, ())] for folder in (*one, *other)}


def _only(path: Path, below: Begins, format: str | None) -> SourceRoot:
    """The one data set in the folders `below`. Raises `LayoutError` where there are more."""
    if len(below) > 1:
        raise _several(path, below)
    root = find_root(next(iter(below)), format)
    words = f"the only data set below {plain_path(path)} was read; it begins in {relative_path(root.path, path)}"
    return SourceRoot(root.path, root.format, (Finding("root-found", words),))


def _several(path: Path, below: Begins) -> LayoutError:
    """What to do where several data sets begin in the folders `below`, of which `path` may be one."""
    folders = sorted(below)
    apart = [folder for folder in folders if folder != path]
    listed = [_reading(folder, below[folder]) for folder in apart[:_MOST_LISTED]]
    listed += [f"and {len(apart) - _MOST_LISTED} more"] if len(apart) > _MOST_LISTED else []
    if path in below:
        listed.append(_reading_beside(path, below[path], [below[folder] for folder in apart]))
    elif len(apart) <= _MOST_LISTED:
        listed.append(f"all of them as one: {_command(*apart)}")
    return LayoutError(path, "", f"{len(folders)} data sets lie here; name the one to read: {'; '.join(listed)}")


def _reading(folder: Path, found: Sequence[str]) -> str:
    """The formats `found` in `folder`, why, and the command that reads it."""
    reasons = formats.sniffed(folder)
    shown = "; ".join(f"{formats.load(name).title}, {reasons.get(name, 'labels')}" for name in found)
    return f"{_command(folder)} ({shown})"


def _reading_beside(path: Path, found: Sequence[str], others: Sequence[Sequence[str]]) -> str:
    """The same for `path` itself, beside data sets of the formats `others` that begin below it."""
    title = " and ".join(formats.load(name).title for name in found)
    if len(found) == 1 and not any(found[0] in names for names in others):
        return f"{_command(path)} `format={found[0]!r}` (the {title} labels outside of these)"
    return f"the {title} labels outside of these want a folder of their own"


def _command(*folders: Path) -> str:
    return " ".join(("bboxprep convert", *(shlex.quote(plain_path(folder)) for folder in folders)))


def _single(path: Path, seen: Mapping[str, str]) -> str:
    """The one format that `path` was `seen` to be in. Raises `LayoutError` where there is none or several."""
    if len(seen) == 1:
        return next(iter(seen))
    if seen:
        found = "; ".join(f"{name} ({reason})" for name, reason in seen.items())
        raise LayoutError(path, "", f"looks like more than one format: {found}; say which with `format`")
    known = {name: formats.load(name) for name in formats.names()}
    looked_for = "; ".join(f"{name}: {one.layout}" for name, one in known.items())
    found = describe_contents(path)
    raise LayoutError(path, "", f"no labelled dataset recognised here (looked for {looked_for}); found {found}")
