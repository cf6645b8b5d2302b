"""Which data set is meant by the folder, file or archive that a person names.

People name a folder too high: that of their downloads, or a zip with one folder in it. A reader that starts there
misses the class table, or puts together what is not one data set. So it is decided here, for all formats:

* the named folder is read where a data set begins in it (`formats.root_evidence`), or where nothing below shows that
  one begins there;
* exactly one data set below is read in its place, and a finding says so;
* several are refused, each as the source that reads it; the command line makes the command of it.

A data set of another format below the one that is read is told, and not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from bboxprep import formats
from bboxprep.errors import LayoutError
from bboxprep.findings import Finding
from bboxprep.formats.api import RootEvidence
from bboxprep.io.folder_listing import holds_image, subfolders
from bboxprep.io.kept_answers import answers_kept
from bboxprep.io.paths import relative_path
from bboxprep.io.remote import plain_path
from bboxprep.model.splits import known_split
from bboxprep.pipeline.source.contents import describe_contents, holds_images
from bboxprep.pipeline.source.label_files import formats_below, label_files

_DEEPEST = 6  # levels below the named folder
_MOST_FOLDERS = 2000
_MOST_LISTED = 8  # data sets in a message
_NEAR = 4  # levels above a file
_FEW_FOLDERS = 200  # that are looked into for images
_ADDED = "__macosx"  # the folder that the Finder adds to a zip, in lower case

Begins = Mapping[Path, Sequence[str]]  # folders, and the formats of the data sets that begin there


class SourceRoot(msgspec.Struct, frozen=True):
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
    with answers_kept():
        root, several = _resolve(path, format)
    if several:
        raise _several(path, several, format)
    if root.path == path:
        return root
    words = f"the only data set below {plain_path(path)} was read; it begins in {relative_path(root.path, path)}"
    return SourceRoot(root.path, root.format, (Finding("root-found", words), *root.findings))


def _resolve(path: Path, format: str | None) -> tuple[SourceRoot, Begins]:
    """The one data set that `path` leads to; or where several begin, if there are."""
    seen = formats.sniffed(path, format)
    below, others = _below(path, seen, format) if path.is_dir() else ({}, {})
    if below.keys() - {path}:  # names alone may show that one begins here, where all files are links
        return (SourceRoot(path, ""), below) if len(below) > 1 else _resolve(next(iter(below)), format)
    return SourceRoot(path, format or _single(path, seen), tuple(_beside(path, others))), {}


def _below(path: Path, seen: Mapping[str, str], format: str | None) -> tuple[Begins, Begins]:
    """The data sets below the folder `path` that are none of one that begins in it, which are empty where that is to be
    read; and those of other formats that are not read with it.
    """
    here = {name: formats.root_evidence(name, path) for name in seen}
    names = [format] if format else formats.names()
    if RootEvidence.DOCUMENT in here.values():
        others = formats_below(path, [name for name in names if name not in seen])
        return {}, _beginning(path, others, _is_complete)
    wanted = formats_below(path, names)
    complete = {name: [path] for name, found in here.items() if found is RootEvidence.CLASS_TABLE}
    below = _beginning(path, [name for name in wanted if name not in complete], _is_complete)
    if not below:
        return {}, {}
    if complete:
        return {path: list(complete), **below}, {}
    return _merged(below, _beginning(path, wanted, _has_labels, apart=frozenset(below))), {}


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


def _beside(path: Path, others: Begins) -> Iterator[Finding]:
    """A note on each data set of the formats and in the folders `others`, which is not read with that at `path`."""
    for folder, names in others.items():
        title = " and ".join(formats.load(name).title for name in names)
        words = f"a {title} data set begins here, below the one that was read; it is read where it is named as a source"
        yield Finding("root-beside", words, relative_path(folder, path))


def _several(path: Path, below: Begins, format: str | None) -> LayoutError:
    """What to do where several data sets begin in the folders `below`, of which `path` may be one."""
    folders = sorted(below)
    apart = [folder for folder in folders if folder != path]
    listed = [words for folder in apart[:_MOST_LISTED] for words in _readings(folder, below[folder], format)]
    listed += [f"and {len(apart) - _MOST_LISTED} more"] if len(apart) > _MOST_LISTED else []
    if path in below:
        listed.append(_reading_beside(path, below[path]))
    elif len(apart) <= _MOST_LISTED and all(_is_read(folder, format) for folder in apart):
        listed.append(f"all of them as one: {_as_sources(*apart)}")
    return LayoutError(path, "", f"{len(folders)} data sets lie here; name the one to read: {'; '.join(listed)}")


def _readings(folder: Path, found: Sequence[str], format: str | None) -> Iterator[str]:
    """For each of the formats `found` in `folder` how it is named as a source, and why it is seen there."""
    reasons = formats.sniffed(folder)
    alone = _is_read(folder, format)
    for name in found:
        shown = f"({formats.load(name).title}, {reasons.get(name, 'labels')})"
        if alone or _is_read(folder, name):
            yield f"{_as_sources(folder, format='' if alone else name)} {shown}"
        else:
            yield f"{plain_path(folder)} {shown}, which holds several itself"


def _reading_beside(path: Path, found: Sequence[str]) -> str:
    """The same for `path` itself, beside data sets that begin below it."""
    title = " and ".join(formats.load(name).title for name in found)
    if len(found) == 1 and _is_read(path, found[0]):
        return f"{_as_sources(path, format=found[0])} (the {title} labels outside of these)"
    return f"the {title} labels outside of these want a folder of their own"


def _is_read(path: Path, format: str | None) -> bool:
    """Whether `path` leads to one data set."""
    try:
        return not _resolve(path, format)[1]
    except LayoutError:
        return False


def _as_sources(*folders: Path, format: str = "") -> str:
    """`folders` as parameters of what reads them, of which the command line makes a command."""
    named = [plain_path(folder) for folder in folders]
    wanted = f", format={format!r}" if format else ""
    return f"`sources={(named[0] if len(named) == 1 else named)!r}{wanted}`"


def _single(path: Path, seen: Mapping[str, str]) -> str:
    """The one format that `path` was `seen` to be in. Raises `LayoutError` where there is none or several."""
    if len(seen) == 1:
        return next(iter(seen))
    if seen:
        found = "; ".join(f"{name} ({reason})" for name, reason in seen.items())
        raise LayoutError(path, "", f"looks like more than one format: {found}; say which with `format`")
    found = describe_contents(path)
    if path.is_file():
        raise LayoutError(path, "", f"is no data set by itself ({found}); name the folder of its data set{_home(path)}")
    if above := _dataset_above(path):
        bare = "" if holds_images(path) else ", no images"
        raise LayoutError(path, "", f"{found}{bare}; the dataset is the folder above: {_as_sources(above)}")
    words = f"no labelled dataset recognised here (found {found}); `bboxprep formats` names the files of each format"
    raise LayoutError(path, "", words)


def _is_whole(folder: Path) -> bool:
    """Whether a data set of any format begins in `folder`, and all that lies below belongs to it."""
    return any(_is_complete(formats.root_evidence(name, folder)) for name in formats.names())


def _dataset_above(folder: Path) -> Path | None:
    """The nearest folder above `folder` where a dataset begins that has its labels in `folder`; None where none is."""
    wanted = {like.format for like in label_files(folder, formats.names())}
    above = folder.parents if folder.parent != folder else folder.absolute().parents  # "." has none
    return next((path for path in islice(above, _NEAR) if any(_begins(name, path) for name in wanted)), None)


def _begins(name: str, folder: Path) -> bool:
    return name in formats.sniffed(folder, name) and _has_labels(formats.root_evidence(name, folder))


def _home(file: Path) -> str:
    """The folder of the data set that a label file or a list of images is of, as the end of a message: the nearest that
    holds images, or the folder above where that is one of a split; "" where none near has any.
    """
    above = list(islice(file.parents, _NEAR))
    home = next((folder for folder in above if holds_image(folder, _FEW_FOLDERS)), None)
    if home is None:
        return ""
    if known_split(home.name) and (home != file.parent or _is_whole(home.parent)):
        home = home.parent
    return f": {_as_sources(home)}"
