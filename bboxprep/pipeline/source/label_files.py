"""Files that look like labels of a format, wherever they lie below a folder: those that a reader did not find too.

A reader looks for labels where its format has them. Where these are in a folder of another name (``label`` beside
``images``), every image would be one without objects. So a data set without a single label file is refused where such
files lie below it, and a split without one is a fault.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from heapq import nsmallest
from pathlib import Path
from typing import NamedTuple

from bboxprep import formats
from bboxprep.errors import LayoutError
from bboxprep.findings import Finding
from bboxprep.io.folder_listing import walk
from bboxprep.io.paths import IMAGE_SUFFIXES, AllowedFolders, relative_path
from bboxprep.model.dataset import Dataset
from bboxprep.model.splits import known_split
from bboxprep.pipeline.source.survey import ImageSummary

_MOST_FOLDERS = 2000
_TRIES = 9  # files of one suffix that are opened in a folder


class LabelLike(NamedTuple):
    """The file at `path` looks like labels of a `format`: it is what `kind` says."""

    path: Path
    format: str
    kind: str


def label_files(root: Path, wanted: Iterable[str]) -> Iterator[LabelLike]:
    """The files at and below `root` that look like labels of the formats `wanted`: one of each kind in a folder, found
    among a few of each suffix. Follows no link.
    """
    names, allowed = [name for name in wanted if formats.load(name).label_file], AllowedFolders(root)
    for _, (folder, folders, files) in zip(range(_MOST_FOLDERS), walk(root), strict=False):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        few = list(_few(folder, files, allowed))
        for name in names:
            found = {formats.label_file(name, path): path for path in reversed(few)}
            yield from (LabelLike(path, name, kind) for kind, path in sorted(found.items()) if kind)


def formats_below(root: Path, wanted: Collection[str]) -> list[str]:
    """Those of the formats `wanted` that files at or below the folder `root` look like labels of, and those that
    recognise no single file.
    """
    found = {name for name in wanted if not formats.load(name).label_file}
    for like in label_files(root, wanted):
        found.add(like.format)
        if found.issuperset(wanted):
            break
    return [name for name in wanted if name in found]


def misplaced_labels(dataset: Dataset, summaries: Iterable[ImageSummary]) -> tuple[Finding, ...]:
    """A fault for each split none of whose images has a label file, while files that look like labels lie in a folder
    of that split. Raises `LayoutError` where no image of `dataset` has one, and such files lie anywhere below it.
    """
    images, labelled = Counter[str](), Counter[str]()
    for summary in summaries:
        images[summary.key[0]] += 1
        labelled[summary.key[0]] += summary.labelled
    bare = [split for split in images if not labelled[split]]
    if not bare:
        return ()
    orphans = {finding.path for finding in dataset.findings if finding.code == "label-orphan"}
    found = [one for one in label_files(dataset.folder, formats.names()) if _is_unread(one, dataset, orphans)]
    if found and not labelled.total():
        raise LayoutError(dataset.root, "", _misplaced(images.total(), found[0], dataset))
    first = ((split, next((one for one in found if _names(one, split, dataset.folder)), None)) for split in bare)
    return tuple(
        Finding("label-misplaced", _misplaced(images[split], one, dataset), split=split) for split, one in first if one
    )


def told_kind(one: LabelLike) -> str:
    """What a label file holds, and where its format has such files."""
    known = formats.load(one.format)
    return f"holds {one.kind}, which {known.title} has {known.label_place}"


def _few(folder: Path, names: Iterable[str], allowed: AllowedFolders) -> Iterator[Path]:
    """The first few files of each suffix among the `names` in `folder`, by name."""
    by_suffix = defaultdict[str, list[str]](list)
    for name in names:
        by_suffix[name[name.rfind(".") :]].append(name)
    for suffix, own in by_suffix.items():
        if suffix.lower() not in IMAGE_SUFFIXES:
            few = (folder / name for name in nsmallest(_TRIES, own) if not name.startswith((".", "bboxprep.")))
            yield from (path for path in few if path.is_file() and allowed.holds(path))  # to open a pipe would block


def _is_unread(one: LabelLike, dataset: Dataset, orphans: Collection[str]) -> bool:
    """Whether nothing else tells of a label file: it is none that describes `dataset`, and not among the `orphans`."""
    describes = one.format == dataset.format and formats.sniffed(one.path, one.format)
    return not describes and relative_path(one.path, dataset.folder) not in orphans


def _names(one: LabelLike, split: str, root: Path) -> bool:
    """Whether a folder on the way from `root` to a label file is called by a word for `split`."""
    return any(known_split(part) == split for part in relative_path(one.path.parent, root).split("/"))


def _misplaced(images: int, one: LabelLike, dataset: Dataset) -> str:
    """Where a label file lies that none of so many `images` has, and what to do."""
    read = f", and read it with `format={one.format!r}`" if one.format != dataset.format else ""
    none = f"none of {images:,} images has a label file"
    return f"{none}, but {relative_path(one.path, dataset.folder)} {told_kind(one)}; rename or move its folder{read}"
