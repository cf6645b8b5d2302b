"""The lists in ``ImageSets/Main`` of a VOC dataset: which split each image belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from bboxprep.errors import AnnotationError
from bboxprep.formats.voc.tree import ANY_SOURCE, composed, joined, name_of, parted, parts_of, place
from bboxprep.io.paths import read_bytes, stem_of
from bboxprep.model.splits import USUAL, SplitFolders, order, split_of

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

    def place(self, image: str) -> tuple[str, str]:
        """(split, name) of an image: by its lists, "unlisted" where they leave it out; by its folders without lists."""
        home = self._home(image)
        if home is None:
            return place(image, self.folders)
        name = name_of(_below(home, image))
        known = self.homes[home]
        return next((known[word] for word in _words(name) if word in known), "unlisted"), name

    def absent(self, images: Iterable[str]) -> list[str]:
        """The listed names that none of `images` has, sorted."""
        seen: dict[str, set[str]] = {home: set() for home in self.homes}
        for image in images:
            home = self._home(image)
            if home is not None:
                seen[home].update(_words(name_of(_below(home, image))))
        listed = ((home, name) for home, names in self.homes.items() for name in names)
        return sorted(name for home, name in listed if name not in seen[home] and not name.startswith("#"))

    def _home(self, image: str) -> str | None:
        folder, _ = parted(image)
        if folder not in self._known:
            self._known[folder] = next((above for above in _upward(folder) if above in self.homes), None)
        return self._known[folder]

    @cached_property
    def _known(self) -> dict[str, str | None]:
        return {}


def _words(name: str) -> tuple[str, str, str]:
    """What a list may call an image."""
    folder, file = parted(name)
    stem = stem_of(file)
    return composed(joined(folder, stem)), composed(name), composed(stem)


def read_lists(root: Path, paths: Iterable[str], folders: SplitFolders = ANY_SOURCE) -> SplitLists:
    """The split lists at `paths`. A name in several lists belongs to the finest of them; `folders` name the splits of
    images that have no lists. Raises `AnnotationError`.
    """
    torn, paths = 0, list(paths)
    names = {path: found for path in paths if not _is_of_a_class(path, found := _names(root / path))}
    splits = {path: split_of(_stem(path)) for path in names}
    homes: dict[str, dict[str, str]] = {}
    for path in sorted(names, key=lambda path: (*_fineness(splits[path]), path)):
        split, known = splits[path], homes.setdefault("/".join(parts_of(path)[:-3]), {})
        for name in names[path]:
            torn += split in USUAL and known.get(name, split) != split
            known.setdefault(name, split)
    return SplitLists(homes, torn, parted(paths[0])[0] if paths else "", folders)


def _stem(path: str) -> str:
    return stem_of(parted(path)[1])


def _is_of_a_class(path: str, names: Sequence[str]) -> bool:
    """Whether a list says of images whether they show a class, as ``cat_train.txt`` does."""
    return "_" in _stem(path) and all(_OF_A_CLASS.fullmatch(name) for name in names)


def _fineness(split: str) -> tuple[bool, int, str]:
    return split == _COARSEST, *order(split)


def _names(path: Path) -> list[str]:
    """The lines of a list. Raises `AnnotationError`."""
    try:
        lines = read_bytes(path, MOST_LIST_BYTES).decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise AnnotationError(path, f"byte {error.start}", "not UTF-8 text") from error
    names = (composed(_QUOTED.sub(r"\1", line.strip())) for line in lines)
    return [name for name in names if name]


def _below(home: str, path: str) -> str:
    """`path`, which lies in the folder `home`, below it."""
    return path[len(home) + 1 :] if home else path


def _upward(folder: str) -> Iterator[str]:
    """`folder`, then all that it lies in."""
    while folder:
        yield folder
        folder, _ = parted(folder)
    yield folder
