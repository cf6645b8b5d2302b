"""Reads the split lists in ``ImageSets/Main`` of a VOC dataset; those of other tasks (``ImageSets/Segmentation``) only
where there is no ``Main``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from bboxprep.formats.image_lookup import ImageLookup, Match, OtherSpelling
from bboxprep.formats.image_tree import ANY_SOURCE, join_path, name_of, nfc_name, parts_of, place, split_path
from bboxprep.io.paths import stem_of
from bboxprep.io.text import read_text
from bboxprep.model.splits import USUAL, SplitFolders, order, split_of

UNLISTED = "unlisted"
"""The split of images that are in no list."""
_COARSEST = "trainval"
_OF_A_CLASS = re.compile(r".*\S\s+(-1|0|1)")  # a line of <class>_<split>.txt: the image and whether it shows the class
_MAIN = "main"  # in lower case, as the next two
_WITH_OBJECT_NUMBERS = frozenset({"layout", "action"})  # folders whose lists have the number of an object in each line
_QUOTED = re.compile(r'^"(.+)"$')
MAX_LIST_BYTES = 256 << 20  # ten million names


@dataclass(frozen=True)
class SplitLists:
    """The split of each listed name, by the folder that contains ``ImageSets`` (`homes`).

    `folder` is the folder of the first list. `in_several_splits` counts names that are in more than one of train, val
    and test. `folders` gives the splits of images without lists. `other_tasks` are the folders of lists that were read
    because there is no ``Main``.
    """

    homes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    in_several_splits: int = 0
    folder: str = ""
    folders: SplitFolders = ANY_SOURCE
    other_tasks: tuple[str, ...] = ()

    def place(self, image: str, label: str = "") -> tuple[str, str]:
        """(split, name) of an image whose XML file is `label`: by its lists, `UNLISTED` where they lack it; by its
        folders where there are no lists.
        """
        home, name = self._listed_as(image, label)
        if home is None:
            return place(image, self.folders)
        known = self.homes[home]
        return next((known[key] for key in _keys(name) if key in known), UNLISTED), name

    def missing(self, images: Mapping[str, str]) -> list[tuple[str, str]]:
        """(home, name) of the listed names that none of `images` has, sorted by name; `images` maps to XML files."""
        seen: dict[str, set[str]] = {home: set() for home in self.homes}
        for image, label in images.items() if self.homes else ():
            home, name = self._listed_as(image, label)
            if home is not None:
                seen[home].update(_keys(name))
        listed = ((home, name) for home, names in self.homes.items() for name in names)
        missing = (one for one in listed if one[1] not in seen[one[0]] and not one[1].startswith("#"))
        return sorted(missing, key=lambda one: (one[1], one[0]))

    def respelled(
        self, images: Mapping[str, str], missing: Iterable[tuple[str, str]]
    ) -> tuple[SplitLists, list[OtherSpelling]]:
        """The lists with `missing` names replaced by unlisted `images` of another spelling, and the replacements."""
        unlisted: dict[str, dict[str, str]] = {}
        for image, label in images.items():
            home, name = self._listed_as(image, label)
            if home is not None and self.place(image, label)[0] == UNLISTED:
                unlisted.setdefault(home, {})[name] = image
        lookups = {home: ImageLookup(names.keys) for home, names in unlisted.items()}
        homes, found = {home: dict(names) for home, names in self.homes.items()}, []
        for home, text in missing:
            match = lookups[home].find(text) if home in lookups else Match()
            if match.path:
                del homes[home][text]
                homes[home].setdefault(nfc_name(match.path), self.homes[home][text])
                found.append(OtherSpelling(text, unlisted[home][match.path], match.way))
        return replace(self, homes=homes), found

    def _listed_as(self, image: str, label: str) -> tuple[str | None, str]:
        """The home of the lists of an image (None without lists), and its name in them. An image outside of all homes
        has the lists of its XML file, or the only lists if these contain it.
        """
        home = self._home(image)
        if home is not None:
            return home, name_of(_below(home, image))
        name = name_of(image)
        home = self._home(label) if label else None
        if home is None and len(self.homes) == 1:
            ((only, known),) = self.homes.items()
            home = only if any(key in known for key in _keys(name)) else None
        return home, name

    def _home(self, path: str) -> str | None:
        folder, _ = split_path(path)
        if folder not in self._known:
            self._known[folder] = next((above for above in _upward(folder) if above in self.homes), None)
        return self._known[folder]

    @cached_property
    def _known(self) -> dict[str, str | None]:
        return {}


def _keys(name: str) -> tuple[str, str, str]:
    """The names by which a list may refer to an image, the most specific first."""
    folder, file = split_path(name)
    stem = stem_of(file)
    return nfc_name(join_path(folder, stem)), nfc_name(name), nfc_name(stem)


def read_lists(root: Path, paths: Iterable[str], folders: SplitFolders = ANY_SOURCE, encoding: str = "") -> SplitLists:
    """Read the split lists at `paths`: those in ``Main`` where there is one, else all. A name in several lists belongs
    to the most specific split (train before trainval). Lists of a class (``cat_train.txt``), which name all images of
    their split, count only where there are no others. `folders` gives the splits of images without lists. Raises
    `AnnotationError`.
    """
    in_several, paths = 0, _chosen(list(paths))
    read = {path: _names(root / path, encoding) for path in paths}
    of_classes = {path: names for path, names in read.items() if _is_of_a_class(path, names)}
    plain = {path: names for path, names in read.items() if path not in of_classes}
    with_plain = {_home_of(path) for path in plain}
    only = {path: list(map(_image_of, names)) for path, names in of_classes.items() if _home_of(path) not in with_plain}
    names = {path: _without_object_numbers(path, names) for path, names in (plain | only).items()}
    splits = {path: split_of(_stem(path).rpartition("_")[2] if path in only else _stem(path)) for path in names}
    homes: dict[str, dict[str, str]] = {}
    for path in sorted(names, key=lambda path: (*_specificity(splits[path]), path)):
        split, known = splits[path], homes.setdefault(_home_of(path), {})
        for name in names[path]:
            in_several += split in USUAL and known.get(name, split) != split
            known.setdefault(name, split)
    read_from = list(dict.fromkeys(split_path(path)[0] for path in paths))
    others = tuple(folder for folder in read_from if _task_of(folder) != _MAIN)
    return SplitLists(homes, in_several, read_from[0] if read_from else "", folders, others)


def _chosen(paths: Sequence[str]) -> list[str]:
    """The lists in ``Main``, and all lists of a home that has no ``Main``."""
    homes = {_home_of(path) for path in paths if _task_of(split_path(path)[0]) == _MAIN}
    return [path for path in paths if _task_of(split_path(path)[0]) == _MAIN or _home_of(path) not in homes]


def _task_of(folder: str) -> str:
    """The task of the lists in `folder`, in lower case."""
    return split_path(folder)[1].lower()


def _without_object_numbers(path: str, names: Sequence[str]) -> Sequence[str]:
    """The images in the lines `names` of the list at `path`."""
    with_numbers = _task_of(split_path(path)[0]) in _WITH_OBJECT_NUMBERS
    return [name.split()[0] for name in names] if with_numbers else names


def _stem(path: str) -> str:
    return stem_of(split_path(path)[1])


def _home_of(path: str) -> str:
    """The folder that contains the ``ImageSets`` of the list at `path`."""
    return "/".join(parts_of(path)[:-3])


def _image_of(line: str) -> str:
    """The image of a line in a list of a class."""
    return line.rpartition(" ")[0].strip() if " " in line else line.rpartition("\t")[0].strip()


def _is_of_a_class(path: str, names: Sequence[str]) -> bool:
    """Whether the list at `path` is of a class, as ``cat_train.txt``."""
    return "_" in _stem(path) and all(_OF_A_CLASS.fullmatch(name) for name in names)


def _specificity(split: str) -> tuple[bool, int, str]:
    return split == _COARSEST, *order(split)


def _names(path: Path, encoding: str) -> list[str]:
    """The lines of a list. Raises `AnnotationError`."""
    lines = read_text(path, MAX_LIST_BYTES, encoding).split("\n")
    names = (nfc_name(_QUOTED.sub(r"\1", line.strip())) for line in lines)
    return [name for name in names if name]


def _below(home: str, path: str) -> str:
    """`path` relative to the folder `home`, which contains it."""
    return path[len(home) + 1 :] if home else path


def _upward(folder: str) -> Iterator[str]:
    """`folder`, then its parents up to the root ""."""
    while folder:
        yield folder
        folder, _ = split_path(folder)
    yield folder
