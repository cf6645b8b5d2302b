"""Finds the sequences of MOTChallenge: folders with ``gt/gt.txt``, whose images lie in ``img1``; and PNGs of MOTS."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path

from bboxprep.formats import image_tree
from bboxprep.formats.api import RootEvidence
from bboxprep.formats.label_documents import CLASS_LISTS
from bboxprep.formats.mot.fields import INSTANCES, TABLE
from bboxprep.io import folder_listing, paths, png
from bboxprep.io.text import read_start_as_utf8
from bboxprep.model.splits import SplitFolders, known_split

_HEAD = 4096
_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_ROW = re.compile(rf"\d+(?:\s*,\s*{_NUMBER}){{5,}}\s*")
_MASK_ROW = re.compile(r"\d+ \d+ \d+ \d+ \d+ \S+")
_DEEPEST = 8  # folders between a split and its sequences


def sniff(root: Path) -> str:
    """Why the folder `root` looks like MOTChallenge, or ""."""
    found = next(_tables(root), None) if root.is_dir() else None
    if found:
        return f"{paths.relative_path(found, root)} holds rows of tracks"
    place = next((one for one in instance_folders(root) if not _lists_classes(one.parent)), None)
    return f"{paths.relative_path(place, root)} holds PNGs of tracks" if place else ""


def label_file(path: Path) -> str:
    """The kind of file of MOTChallenge at `path`, or ""."""
    return "rows of tracks" if path.parts[-2:] == tuple(TABLE.split("/")) and _is_table(path) else ""


def root_evidence(folder: Path, apart: Collection[Path]) -> RootEvidence:
    """Whether a data set begins in `folder`: a sequence, or folders of sequences or of splits."""
    for table in _tables(folder):
        parts = table.relative_to(folder).parts[:-2]
        if not any(table.is_relative_to(other) for other in apart) and (len(parts) < 2 or known_split(parts[0])):
            return RootEvidence.DOCUMENT
    for place in instance_folders(folder):
        own = place.parent == folder or known_split(place.parent.name)
        if own and not _lists_classes(place.parent) and not any(place.is_relative_to(other) for other in apart):
            return RootEvidence.DOCUMENT
    return RootEvidence.NONE


def sequences(tables: Iterable[str]) -> list[str]:
    """The folders of the sequences whose rows are in `tables`, paths below the root; "" is the root."""
    return [path[: -len(TABLE)].rstrip("/") for path in tables if f"/{path}".endswith(f"/{TABLE}")]


def holds_masks(path: Path) -> bool:
    """Whether the table at `path` begins like one of MOTS, whose rows have masks."""
    return bool(_MASK_ROW.fullmatch(_first_line(path)))


def instance_folders(root: Path) -> Iterator[Path]:
    """The folders of PNGs of MOTS, which have 16 bits, beside a folder of images in `root` or in one of its folders."""
    for folder in (root, *sorted(folder_listing.subfolders(root))) if root.is_dir() else ():
        names = {one.name for one in folder_listing.subfolders(folder)}
        place = folder / INSTANCES
        if (
            place.name in names
            and any(one.lower() in image_tree.IMAGE_FOLDERS for one in names)
            and _holds_instances(place)
        ):
            yield place


def _holds_instances(folder: Path) -> bool:
    """Whether the first PNG below `folder` is gray of 16 bits."""
    found = (
        place / one for place, _, names in folder_listing.walk(folder) for one in names if one.lower().endswith(".png")
    )
    try:
        return any(png.png_is_gray16(paths.read_start(path, _HEAD)) for path in islice(found, 1))
    except OSError as error:
        paths.refuse_passing(error, folder)
        return False


def _lists_classes(folder: Path) -> bool:
    """Whether `folder` has a list of classes: its PNGs are masks of another format."""
    return any(paths.is_file_safely(folder / name) for name in CLASS_LISTS)


def place(sequence: str, splits: SplitFolders) -> tuple[str, str]:
    """The split of a `sequence`, and what stands before the names of its images: its path below that."""
    parts = sequence.split("/") if sequence else []
    at = splits.find(parts, range(min(len(parts), 1)))
    inner = parts if at is None else parts[at + 1 :]
    return splits.split(parts, at), "".join(f"{part}/" for part in inner)


def place_of_written(sequence: str) -> tuple[str, str]:
    """The same of a sequence of `writer`, whose first folder is its split."""
    split, inner = image_tree.place_by_first_folder(sequence)
    return split, f"{inner}/" if inner else ""


def _tables(root: Path) -> Iterator[Path]:
    """The tables below `root`, the nearest first; none outside of it."""
    folders, home = [root], paths.resolved(root)
    for _ in range(_DEEPEST + 1):
        found = (path for folder in folders if _is_table(path := folder / TABLE))
        yield from (path for path in found if paths.is_within(path, home))
        folders = [
            below for folder in folders for below in sorted(folder_listing.subfolders(folder)) if below.name[0] != "."
        ]


def _is_table(path: Path) -> bool:
    if not paths.is_file_safely(path):
        return False
    first = _first_line(path)
    has_row = bool(_MASK_ROW.fullmatch(first) or _ROW.fullmatch(first))
    return has_row or (not first and path.with_name("labels.txt").is_file())


def _first_line(path: Path) -> str:
    """The first line with text of the file at `path`."""
    try:
        head = read_start_as_utf8(path, _HEAD).decode("utf-8", "replace")
    except OSError as error:
        paths.refuse_passing(error, path)
        return ""
    return next((text for line in head.splitlines() if (text := line.strip())), "")
