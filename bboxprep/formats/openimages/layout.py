"""Finds the CSV files of Open Images by their first line, and what each says of splits.

``<split>-annotations-bbox.csv`` (``oidv6-train-…``) lists boxes, ``<split>-annotations-human-imagelabels.csv`` images
that were looked at, ``<split>-images-with-rotation.csv`` images; ``image_ids_and_rotation.csv`` names their ``Subset``.
They lie in ``annotations/`` beside ``images/``, or with it in one folder.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from itertools import chain
from pathlib import Path

from bboxprep.formats.image_lookup import ImageLookup
from bboxprep.formats.image_tree import LABEL_FOLDERS
from bboxprep.formats.label_documents import DocumentKind, LabelDocument, image_folders
from bboxprep.formats.openimages.fields import BOX
from bboxprep.io import folder_listing, paths
from bboxprep.io.text import read_start_as_utf8
from bboxprep.model.splits import known_split, split_of

_FIRST_BYTES = 4096
_STEM = re.compile(
    r"(?:oidv\d+-)?(.+)-(?:annotations-(?:bbox|human-imagelabels|machine-imagelabels)|images-with(?:-labels-with)?-rotation)",
    re.IGNORECASE,
)


class Table(StrEnum):
    """What a CSV file of Open Images lists."""

    BOXES = "boxes of Open Images"
    IMAGES = "images of Open Images"
    LABELS = "image labels of Open Images"
    MASKS = "masks of Open Images"


def table_of(columns: Sequence[str]) -> Table | None:
    """The kind of table with these `columns`, None for another one."""
    have = {*columns}
    if "ImageID" not in have:
        return None
    if "MaskPath" in have:
        return Table.MASKS
    if {"LabelName", *BOX} <= have:
        return Table.BOXES
    if {"Subset", "Rotation"} <= have:
        return Table.IMAGES
    return Table.LABELS if {"LabelName", "Confidence"} <= have else None


def _kind(path: Path) -> str:
    first = read_start_as_utf8(path, _FIRST_BYTES).decode("utf-8", "replace").lstrip().partition("\n")[0]
    return table_of([name.strip().strip('"') for name in first.split(",")]) or ""


DOCUMENTS = DocumentKind((".csv",), _kind, lambda _: True)
sniff, root_evidence, label_file = DOCUMENTS.sniff, DOCUMENTS.root_evidence, DOCUMENTS.label_file


def word_of(document: LabelDocument) -> str:
    """What the name of `document` calls its split, "" for nothing."""
    stem = paths.stem_of(document.path.name)
    known = _STEM.fullmatch(stem)
    return known[1] if known else known_split(stem)


def class_files(documents: Sequence[LabelDocument], home: Path) -> list[Path]:
    """The files of class names beside `documents`, none outside of `home`."""
    found: list[Path] = []
    for folder in dict.fromkeys(document.path.parent for document in documents):
        names = sorted(
            one.name for one in folder_listing.scan(folder) if "class-descriptions" in one.name and one.is_file()
        )
        found += [folder / name for name in names if paths.is_within(folder / name, home)]
    return found


def folder_of_images(documents: Sequence[LabelDocument], word: str, ids: Sequence[str], home: Path) -> _Folder:
    """The folder with the most images of `ids`, which are in the split called `word`."""
    bases = dict.fromkeys(document.path.parent for document in documents)
    words = [word, split_of(word)]
    places = [place for base in bases for top in _tops(base) for place in image_folders(top, words)]
    there = [place for place in dict.fromkeys(places) if place.is_dir() and paths.is_within(place, home)]
    return max((_Folder(place) for place in there or places[-1:]), key=lambda one: sum(map(one.holds, ids)))


def pictures(documents: Sequence[LabelDocument], root: Path) -> dict[str, str]:
    """The PNGs below the folders ``masks`` beside `documents`, as paths below `root`, by name; none outside of it."""
    bases = dict.fromkeys(document.path.parent for document in documents)
    places = dict.fromkeys(folder / "masks" for base in bases for folder in _tops(base))
    allowed = paths.AllowedFolders(root)
    return {
        name: paths.relative_path(folder / name, root)
        for place in places
        for folder, _, names in (folder_listing.walk(place) if place.is_dir() else ())
        for name in names
        if paths.suffix_of(name).lower() == ".png" and allowed.holds(folder / name)
    }


def _tops(base: Path) -> tuple[Path, ...]:
    """The folders that a folder ``images`` or ``masks`` may lie in, beside documents in the folder `base`."""
    return (base.parent, base) if base.name.lower() in LABEL_FOLDERS else (base,)


class _Folder:
    """A folder of images, whose names without suffix are ids."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._names: dict[str, list[str]] = {}
        self._lookup = ImageLookup(lambda: list(dict.fromkeys(chain.from_iterable(self._names.values()))))
        for place, _, names in folder_listing.walk(path):
            below = paths.relative_path(place, path)
            for name in names:
                if paths.suffix_of(name).lower() in paths.IMAGE_SUFFIXES:
                    whole = f"{below}/{name}" if below else name
                    self._names.setdefault(whole, []).append(whole)
                    self._names.setdefault(whole[: -len(paths.suffix_of(name))], []).append(whole)

    def holds(self, image: str) -> bool:
        return image in self._names

    def name(self, image: str) -> str:
        """The file of the `image` with this id, however that is spelled; as of a JPEG if it is none, or several."""
        found = self._names.get(image, ())
        if len(found) == 1:
            return found[0]
        if not found and (match := self._lookup.find(image)).path:
            return match.path
        return image if paths.suffix_of(image).lower() in paths.IMAGE_SUFFIXES else f"{image}.jpg"
