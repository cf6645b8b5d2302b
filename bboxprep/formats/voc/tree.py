"""The files of a VOC dataset: which image each XML file is about, and which split and name each image has.

Layouts differ (devkit, XML beside images, ``images`` and ``annotations`` side by side, a folder a split), so files are
found by walking the tree and paired by name and nearness. Nothing that a file says is ever joined to a path: names are
looked up among the images that lie here.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from unicodedata import normalize

from bboxprep import files
from bboxprep.errors import AnnotationError, LayoutError
from bboxprep.files import lies_within, read_bytes, real
from bboxprep.formats.contract import IMAGE_SUFFIXES
from bboxprep.storage import Entry

IMAGE_FOLDERS = frozenset({"jpegimages", "images", "image", "imgs", "img"})  # matched in lower case, as the next two
LABEL_FOLDERS = frozenset({"annotations", "annotation", "labels", "xml", "xmls"})
SPLITS = {name: name for name in ("train", "val", "test", "trainval")} | {"valid": "val", "validation": "val"}
_NOT_PHOTOS = ("segmentationclass", "segmentationobject", "annotationsvisualization", "__macosx")  # folders, as begun
_FINEST_FIRST = ("train", "val", "test")
_COARSEST = "trainval"
_OF_A_CLASS = re.compile(r".*\S\s+(-1|0|1)")  # a line of <class>_<split>.txt: the image, and whether it shows the class

MOST_LIST_BYTES = 256 << 20  # of names, one a line; ten million images
_QUOTED = re.compile(r'^"(.+)"$')


@dataclass(frozen=True)
class Tree:
    """The files below a folder, as sorted paths relative to it; `outside` are links that lead out of it."""

    images: list[PurePosixPath] = field(default_factory=list)
    labels: list[PurePosixPath] = field(default_factory=list)
    lists: list[PurePosixPath] = field(default_factory=list)
    outside: list[PurePosixPath] = field(default_factory=list)


def walk(root: Path) -> Tree:
    """The images, XML files and split lists below `root`. Links are followed to files within `root` only.

    Hidden files and the devkit's segmentation masks are no part of it. Raises `LayoutError`.
    """
    tree, fence, folders = Tree(), real(root), [PurePosixPath()]
    while folders:
        folder = folders.pop()
        for entry in _entries(root / folder):
            path = folder / entry.name
            if entry.is_symlink() and not lies_within(root / path, fence):
                tree.outside.append(path)
            elif entry.is_dir(follow_symlinks=False):
                folders.append(path)
            elif entry.is_file():
                _file(tree, path)
    for paths in (tree.images, tree.labels, tree.lists, tree.outside):
        paths.sort(key=_bytes)
    return tree


def may_be_voc(root: Path) -> bool:
    """Whether anything below `root` is called like a file of a VOC dataset. Stops at the first; follows no link."""
    return any(name.endswith((".xml", ".XML", ".txt")) for _, _, names in files.walk(root) for name in names)


def _entries(folder: Path) -> list[os.DirEntry[str] | Entry]:
    try:
        with files.scan(folder) as found:
            return [entry for entry in found if not entry.name.lower().startswith((".", *_NOT_PHOTOS))]
    except OSError as error:
        raise LayoutError(folder, "", f"the folder cannot be read ({error.strerror or error})") from error


def _file(tree: Tree, path: PurePosixPath) -> None:
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        tree.images.append(path)
    elif suffix == ".xml":
        tree.labels.append(path)
    elif suffix == ".txt" and [part.lower() for part in path.parts[-3:-1]] == ["imagesets", "main"]:
        tree.lists.append(path)


def _composed(name: str) -> str:
    """`name` in the Unicode form that names are compared in: file systems and tools differ in it."""
    return normalize("NFC", name)


def _bytes(path: PurePosixPath) -> bytes:
    return str(path).encode("utf-8", "surrogatepass")


def place(path: PurePosixPath) -> tuple[str, PurePosixPath]:
    """(split, name) of the image at `path` by its folders: split is "" where none is named.

    A split's folder stands first in the path, or next to the images folder, or right above the image; elsewhere
    ``test`` is just a word.
    """
    folders, at = path.parts[:-1], _first(path.parts[:-1], IMAGE_FOLDERS)
    before, inner = (folders, ()) if at is None else (folders[:at], folders[at + 1 :])
    if inner and inner[0].lower() in SPLITS:
        return SPLITS[inner[0].lower()], PurePosixPath(*inner[1:], path.name)
    index = _split_folder(before)
    if index is not None:
        return SPLITS[before[index].lower()], PurePosixPath(*before[index + 1 :], *inner, path.name)
    return "", name_of(path)


def name_of(path: PurePosixPath) -> PurePosixPath:
    """The path of an image below its images folder, else as it is."""
    at = _first(path.parts[:-1], IMAGE_FOLDERS)
    return path if at is None else PurePosixPath(*path.parts[at + 1 :])


def base_of(path: PurePosixPath) -> PurePosixPath:
    """The folder that holds the images of which `path` is one: its images folder, else its split's, else its own."""
    folders = path.parts[:-1]
    at = _first(folders, IMAGE_FOLDERS)
    at = _split_folder(folders) if at is None else at
    return path.parent if at is None else PurePosixPath(*folders[: at + 1])


def _split_folder(folders: Sequence[str]) -> int | None:
    """Where the last or the first of `folders` names a split."""
    return next((index for index in (len(folders) - 1, 0) if folders and folders[index].lower() in SPLITS), None)


def _first(parts: Sequence[str], known: Collection[str]) -> int | None:
    """Where the first of `parts` that is `known` stands; a folder further in may have any name."""
    return next((index for index, part in enumerate(parts) if part.lower() in known), None)


@dataclass(frozen=True)
class Images:
    """The images of a tree, to be found by the XML files that are about them."""

    paths: Collection[PurePosixPath]

    def beside(self, label: PurePosixPath, name: str) -> list[PurePosixPath]:
        """The images nearest to the file `label` whose name, or name without suffix, is `name`; more than one if tied.

        Nearest is the same folder, then the same place in an images folder beside the file's own, then anywhere in
        that folder; and where there is no such folder and no image beside the file, anywhere at all.
        """
        ranked = defaultdict(list)
        for image in self._named.get(_composed(name), ()):
            rank = _distance(image.parent, label.parent)
            if rank is not None:
                ranked[rank].append(image)
            elif not self._has_neighbours(label.parent):
                ranked[9].append(image)
        return ranked[min(ranked)] if ranked else []

    @cached_property
    def _named(self) -> dict[str, list[PurePosixPath]]:
        named = defaultdict(list)
        for path in self.paths:
            named[_composed(path.stem)].append(path)
            named[_composed(path.name)].append(path)
        return named

    @cached_property
    def _folders(self) -> frozenset[PurePosixPath]:
        return frozenset(path.parent for path in self.paths)

    @cached_property
    def _neighbours(self) -> dict[PurePosixPath, bool]:
        return {}

    def _has_neighbours(self, folder: PurePosixPath) -> bool:
        """Whether images lie where those of the XML files in `folder` are looked for."""
        if folder not in self._neighbours:
            self._neighbours[folder] = any(_distance(other, folder) is not None for other in self._folders)
        return self._neighbours[folder]


def _distance(images: PurePosixPath, labels: PurePosixPath) -> int | None:
    """How far the folder `images` is from the folder `labels`: 0, 1 or 2, None where they have nothing to do."""
    if images == labels:
        return 0
    at = _first(labels.parts, LABEL_FOLDERS)
    stem, rest = (labels.parts, ()) if at is None else (labels.parts[:at], labels.parts[at + 1 :])
    inner = images.parts[len(stem) :]
    if images.parts[: len(stem)] != stem or not inner or inner[0].lower() not in IMAGE_FOLDERS:
        return None
    return 1 if inner[1:] == rest else 2


def expected(label: PurePosixPath, filename: str) -> PurePosixPath:
    """Where the image of `label` would lie, if it were there: by the file's own stem."""
    suffix = PurePosixPath(filename).suffix
    name = label.stem + (suffix if suffix.lower() in IMAGE_SUFFIXES else ".jpg")
    at = _first(label.parts[:-1], LABEL_FOLDERS)
    folder = list(label.parts[:-1])
    if at is not None:
        folder[at] = "JPEGImages" if folder[at] == "Annotations" else "images"
    return PurePosixPath(*folder, name)


def segmentation_of(label: PurePosixPath) -> PurePosixPath | None:
    """Where the devkit has the masks of the objects of `label`: beside ``Annotations``, an indexed PNG of its stem."""
    at = _first(label.parts[:-1], {"annotations"})
    if at is None:
        return None
    return PurePosixPath(*label.parts[:at], "SegmentationObject", *label.parts[at + 1 :]).with_suffix(".png")


@dataclass(frozen=True)
class SplitLists:
    """The lists in ``ImageSets/Main``, by the folder that holds ``ImageSets``: each name in them, to its split.

    `torn` counts names that more than one of train, val and test have.
    """

    homes: Mapping[PurePosixPath, Mapping[str, str]] = field(default_factory=dict)
    torn: int = 0

    def place(self, image: PurePosixPath) -> tuple[str, PurePosixPath]:
        """(split, name) of an image: by its lists, "unlisted" where they leave it out; by its folders without lists."""
        home = self._home(image)
        if home is None:
            split, name = place(image)
            return split or "train", name
        name = name_of(image.relative_to(home))
        known = self.homes[home]
        return next((known[word] for word in _words(name) if word in known), "unlisted"), name

    def absent(self, images: Iterable[PurePosixPath]) -> list[str]:
        """The listed names that none of `images` has, sorted."""
        seen: dict[PurePosixPath, set[str]] = {home: set() for home in self.homes}
        for image in images:
            home = self._home(image)
            if home is not None:
                seen[home].update(_words(name_of(image.relative_to(home))))
        listed = ((home, name) for home, names in self.homes.items() for name in names)
        return sorted(name for home, name in listed if name not in seen[home] and not name.startswith("#"))

    def _home(self, image: PurePosixPath) -> PurePosixPath | None:
        return next((folder for folder in image.parents if folder in self.homes), None)


def _words(name: PurePosixPath) -> tuple[str, str, str]:
    """What a list may call an image."""
    return _composed(str(name.with_suffix(""))), _composed(str(name)), _composed(name.stem)


def read_lists(root: Path, paths: Iterable[PurePosixPath]) -> SplitLists:
    """The split lists at `paths`. A name in several lists belongs to the finest of them. Raises `AnnotationError`."""
    homes: dict[PurePosixPath, dict[str, str]] = {}
    torn = 0
    for split, path in sorted(((_split_name(path), path) for path in paths), key=_fineness):
        names = _names(root / path)
        if "_" in path.stem and all(_OF_A_CLASS.fullmatch(name) for name in names):
            continue
        known = homes.setdefault(path.parent.parent.parent, {})
        for name in names:
            torn += split in _FINEST_FIRST and known.get(name, split) != split
            known.setdefault(name, split)
    return SplitLists(homes, torn)


def _split_name(path: PurePosixPath) -> str:
    # CVAT's word for images that were put in no split
    return "train" if path.stem.lower() == "default" else SPLITS.get(path.stem.lower(), path.stem)


def _fineness(item: tuple[str, PurePosixPath]) -> tuple[int, int, bytes]:
    split, path = item
    rank = _FINEST_FIRST.index(split) if split in _FINEST_FIRST else len(_FINEST_FIRST)
    return int(split == _COARSEST), rank, _bytes(path)


def _names(path: Path) -> list[str]:
    """The lines of a list. Raises `AnnotationError`."""
    try:
        lines = read_bytes(path, MOST_LIST_BYTES).decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise AnnotationError(path, f"byte {error.start}", "not UTF-8 text") from error
    names = (_composed(_QUOTED.sub(r"\1", line.strip())) for line in lines)
    return [name for name in names if name]
