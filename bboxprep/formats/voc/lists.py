"""The lists in ``ImageSets/Main`` of a VOC dataset: which split each image belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from bboxprep.formats.image_lookup import ImageLookup, Match, Respelled
from bboxprep.formats.voc.tree import ANY_SOURCE, composed, join_path, name_of, parts_of, place, split_path
from bboxprep.io.paths import stem_of
from bboxprep.io.text import read_text
from bboxprep.model.splits import USUAL, SplitFolders, order, split_of

UNLISTED = "unlisted"
"""The split of images that the lists leave out."""
_COARSEST = "trainval"
_OF_A_CLASS = re.compile(r".*\S\s+(-1|0|1)")  # a line of <class>_<split>.txt: the image, and whether it shows the class
_QUOTED = re.compile(r'^"(.+)"$')
MOST_LIST_BYTES = 256 << 20  # of names, one a line; ten million images


@dataclass(frozen=True)
class SplitLists:
    """The lists in ``ImageSets/Main``, by the folder that holds ``ImageSets``: each name in them, to its split.

    `folder` is where the first of them lies, `torn` counts names that more than one of train, val and test have;
    `folders` name the splits where there are no lists.
    """

    homes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    torn: int = 0
    folder: str = ""
    folders: SplitFolders = ANY_SOURCE

    def place(self, image: str, label: str = "") -> tuple[str, str]:
        """(split, name) of an image whose XML file is `label`: by its lists, "unlisted" where they leave it out; by its
        folders without lists.
        """
        home, name = self._listed_as(image, label)
        if home is None:
            return place(image, self.folders)
        known = self.homes[home]
        return next((known[word] for word in _words(name) if word in known), UNLISTED), name

    def absent(self, images: Mapping[str, str]) -> list[tuple[str, str]]:
        """The listed names that none of `images`, each with its XML file, has: each with its home, sorted by name."""
        seen: dict[str, set[str]] = {home: set() for home in self.homes}
        for image, label in images.items() if self.homes else ():
            home, name = self._listed_as(image, label)
            if home is not None:
                seen[home].update(_words(name))
        listed = ((home, name) for home, names in self.homes.items() for name in names)
        gone = (one for one in listed if one[1] not in seen[one[0]] and not one[1].startswith("#"))
        return sorted(gone, key=lambda one: (one[1], one[0]))

    def respelled(
        self, images: Mapping[str, str], absent: Iterable[tuple[str, str]]
    ) -> tuple[SplitLists, list[Respelled]]:
        """These lists with the `absent` names that mean one of the unlisted `images` by another spelling."""
        unlisted: dict[str, dict[str, str]] = {}
        for image, label in images.items():
            home, name = self._listed_as(image, label)
            if home is not None and self.place(image, label)[0] == UNLISTED:
                unlisted.setdefault(home, {})[name] = image
        lookups = {home: ImageLookup(names.keys) for home, names in unlisted.items()}
        homes, found = {home: dict(names) for home, names in self.homes.items()}, []
        for home, text in absent:
            match = lookups[home].find(text) if home in lookups else Match()
            if match.path:
                del homes[home][text]
                homes[home].setdefault(composed(match.path), self.homes[home][text])
                found.append(Respelled(text, unlisted[home][match.path], match.way))
        return replace(self, homes=homes), found

    def _listed_as(self, image: str, label: str) -> tuple[str | None, str]:
        """The home of the lists of an image, and its name in them. An image elsewhere has the lists of its XML file, or
        the only lists if they contain it.
        """
        home = self._home(image)
        if home is not None:
            return home, name_of(_below(home, image))
        name = name_of(image)
        home = self._home(label) if label else None
        if home is None and len(self.homes) == 1:
            ((only, known),) = self.homes.items()
            home = only if any(word in known for word in _words(name)) else None
        return home, name

    def _home(self, path: str) -> str | None:
        folder, _ = split_path(path)
        if folder not in self._known:
            self._known[folder] = next((above for above in _upward(folder) if above in self.homes), None)
        return self._known[folder]

    @cached_property
    def _known(self) -> dict[str, str | None]:
        return {}


def _words(name: str) -> tuple[str, str, str]:
    """What a list may call an image."""
    folder, file = split_path(name)
    stem = stem_of(file)
    return composed(join_path(folder, stem)), composed(name), composed(stem)


def read_lists(root: Path, paths: Iterable[str], folders: SplitFolders = ANY_SOURCE, encoding: str = "") -> SplitLists:
    """The split lists at `paths`. A name in several lists belongs to the finest of them; `folders` are the splits of
    images that have no lists. Lists of a class (``cat_train.txt``) count where there are no others: they name all the
    images of their split. Raises `AnnotationError`.
    """
    torn, paths = 0, list(paths)
    read = {path: _names(root / path, encoding) for path in paths}
    of_classes = {path: names for path, names in read.items() if _is_of_a_class(path, names)}
    plain = {path: names for path, names in read.items() if path not in of_classes}
    with_plain = {_home_of(path) for path in plain}
    only = {path: list(map(_image_of, names)) for path, names in of_classes.items() if _home_of(path) not in with_plain}
    names = plain | only
    splits = {path: split_of(_stem(path).rpartition("_")[2] if path in only else _stem(path)) for path in names}
    homes: dict[str, dict[str, str]] = {}
    for path in sorted(names, key=lambda path: (*_fineness(splits[path]), path)):
        split, known = splits[path], homes.setdefault(_home_of(path), {})
        for name in names[path]:
            torn += split in USUAL and known.get(name, split) != split
            known.setdefault(name, split)
    return SplitLists(homes, torn, split_path(paths[0])[0] if paths else "", folders)


def _stem(path: str) -> str:
    return stem_of(split_path(path)[1])


def _home_of(path: str) -> str:
    """The folder that holds the ``ImageSets`` of the list at `path`."""
    return "/".join(parts_of(path)[:-3])


def _image_of(line: str) -> str:
    """The image of a line of a list of a class."""
    return line.rpartition(" ")[0].strip() if " " in line else line.rpartition("\t")[0].strip()


def _is_of_a_class(path: str, names: Sequence[str]) -> bool:
    """Whether a list says of images whether they show a class, as ``cat_train.txt`` does."""
    return "_" in _stem(path) and all(_OF_A_CLASS.fullmatch(name) for name in names)


def _fineness(split: str) -> tuple[bool, int, str]:
    return split == _COARSEST, *order(split)


def _names(path: Path, encoding: str) -> list[str]:
    """The lines of a list. Raises `AnnotationError`."""
    lines = read_text(path, MOST_LIST_BYTES, encoding).split("\n")
    names = (composed(_QUOTED.sub(r"\1", line.strip())) for line in lines)
    return [name for name in names if name]


def _below(home: str, path: str) -> str:
    """`path`, which lies in the folder `home`, below it."""
    return path[len(home) + 1 :] if home else path


def _upward(folder: str) -> Iterator[str]:
    """`folder`, then all that it lies in."""
    while folder:
        yield folder
        folder, _ = split_path(folder)
    yield folder
