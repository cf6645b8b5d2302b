"""The content of folders. While a source is recognised each folder is listed once, however many formats ask (see
`io.kept_answers`).
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import cast

from bboxprep.io import remote
from bboxprep.io.kept_answers import kept
from bboxprep.io.paths import IMAGE_SUFFIXES, refuse_passing, suffix_of
from bboxprep.io.remote import RemoteEntry, is_stored

Entry = os.DirEntry[str] | RemoteEntry


@kept
def scan(folder: Path) -> Sequence[Entry]:
    """The entries of `folder`, in no order. Raises `OSError`."""
    if is_stored(folder):
        return list(folder.scan())
    with os.scandir(folder) as entries:
        return list(entries)


@kept
def names_by_suffix(folder: Path) -> Mapping[str, Sequence[str]]:
    """The sorted names of the files in `folder` by their `suffix_of` in lower case. Raises `OSError`."""
    found = defaultdict[str, list[str]](list)
    for entry in scan(folder):
        if entry.is_file():
            found[suffix_of(entry.name).lower()].append(entry.name)
    return {suffix: sorted(names) for suffix, names in found.items()}


def subfolders(folder: Path) -> list[Path]:
    """The folders in `folder`, in no order and without links; none where it cannot be read."""
    try:
        return [folder / entry.name for entry in scan(folder) if entry.is_dir(follow_symlinks=False)]
    except OSError as error:
        refuse_passing(error, folder)
        return []


def walk(folder: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """`folder` and all folders below it, each with the names of its folders and files; links are not followed. Names
    that the caller removes from the list of folders are not walked. Raises `AnnotationError` where the system fails
    (see `refuse_passing`).
    """
    if is_stored(folder):
        yield from cast("Iterator[tuple[Path, list[str], list[str]]]", remote.walk(folder))
        return
    left = [folder]
    while left:
        place = left.pop()
        try:
            entries = scan(place)
        except OSError as error:
            refuse_passing(error, place)
            continue
        folders = {entry.name: entry.is_symlink() for entry in entries if _is_folder(entry)}
        wanted = list(folders)
        yield place, wanted, [entry.name for entry in entries if entry.name not in folders]
        left += [place / name for name in reversed(wanted) if not folders[name]]


def _is_folder(entry: Entry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def holds_image(folder: Path, most: int | None = None) -> bool:
    """Whether a file below `folder`, in the first `most` folders, is named like an image. Stops at the first; follows
    no link. Raises as `walk` does.
    """
    walked = islice(walk(folder), most)
    return any(suffix_of(name).lower() in IMAGE_SUFFIXES for _, _, names in walked for name in names)
