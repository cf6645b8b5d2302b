"""Lists the images and label files of a dataset with a label file an image, and finds the split and name of each image.

Layouts differ (VOC's devkit, labels beside images, ``images`` and ``annotations`` side by side, a folder a split), so
files are found by walking the tree and paired by name and nearness. Nothing that a file says is ever joined to a path:
names are looked up among the images that lie here. There may be millions of paths: they are text, with slashes, below
the root.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path
from unicodedata import normalize

import msgspec

from bboxprep.errors import LayoutError
from bboxprep.findings import Finding
from bboxprep.formats.image_lookup import Nearness
from bboxprep.io import folder_listing, paths
from bboxprep.io.kept_answers import kept
from bboxprep.io.paths import IMAGE_SUFFIXES, folder_name, is_within, resolved, source_error, stem_of, suffix_of
from bboxprep.model.splits import SplitFolders, known_split, split_of

# matched in lower case, as the next two
IMAGE_FOLDERS = frozenset({"jpegimages", "images", "image", "imgs", "img", "image_2"})
LABEL_FOLDERS = frozenset(
    {"annotations", "annotation", "labels", "xml", "xmls", "labeltxt", "label_2"}
    | {f"labeltxt-v{version}{kind}" for version in ("1.0", "1.5", "2.0") for kind in ("", "_hbb")}
)
_NOT_PHOTOS = ("segmentationclass", "segmentationobject", "annotationsvisualization", "__macosx")  # prefixes of folders

_ELSEWHERE = 9  # greater than any distance of an image from its label file
_FOLDERS = 4096  # whose kind is cached
ANY_SOURCE = SplitFolders(IMAGE_FOLDERS | LABEL_FOLDERS)


class ImageTree(msgspec.Struct, frozen=True):
    """The files below a folder, as sorted relative paths; `outside` are links that lead out of it, `repeated` those to
    folders that are read at their own place.
    """

    images: list[str] = msgspec.field(default_factory=list)
    labels: list[str] = msgspec.field(default_factory=list)
    lists: list[str] = msgspec.field(default_factory=list)
    outside: list[str] = msgspec.field(default_factory=list)
    repeated: list[str] = msgspec.field(default_factory=list)


@kept
def walk(root: Path, suffix: str) -> ImageTree:
    """The images, the label files of that `suffix` and the split lists below `root`. Links are followed to files within
    `root` only.

    Hidden files, those of this program and the devkit's segmentation masks are no part of it. Raises `LayoutError`.
    """
    tree, allowed, folders, linked = ImageTree(), resolved(root), [""], set[Path]()
    while folders:
        folder = folders.pop()
        for entry in _entries(root / folder):
            path = join_path(folder, entry.name)
            if entry.is_symlink() and not is_within(root / path, allowed):
                tree.outside.append(path)
            elif entry.is_dir(follow_symlinks=False):
                folders.append(path)
            elif entry.is_symlink() and entry.is_dir():
                (folders if _is_elsewhere(root / path, allowed, linked) else tree.repeated).append(path)
            elif entry.is_file():
                _file(tree, path, entry.name, suffix)
    for found in (tree.images, tree.labels, tree.lists, tree.outside, tree.repeated):
        found.sort()  # the order of their UTF-8 bytes
    return tree


def _is_elsewhere(path: Path, root: Path, linked: set[Path]) -> bool:
    """Whether the link at `path` leads to a folder that lies outside of `root` and is none of the `linked` folders, to
    which it is added: each is walked once.
    """
    place = resolved(path)
    known = place.is_relative_to(root) or root.is_relative_to(place) or place in linked
    linked.add(place)
    return not known


@kept
def holds_file(root: Path, *suffixes: str) -> bool:
    """Whether a file below `root` has one of the `suffixes`. Stops at the first one; follows no links."""
    return any(name.lower().endswith(suffixes) for _, _, names in folder_listing.walk(root) for name in names)


def _entries(folder: Path) -> list[folder_listing.Entry]:
    try:
        found = folder_listing.scan(folder)
    except OSError as error:
        raise source_error(error, folder, LayoutError, "the folder cannot be read") from error
    return [entry for entry in found if not entry.name.lower().startswith((".", "bboxprep.", *_NOT_PHOTOS))]


def _file(tree: ImageTree, path: str, name: str, labels: str) -> None:
    suffix = suffix_of(name).lower()
    if suffix in IMAGE_SUFFIXES:
        tree.images.append(path)
    elif suffix == labels:
        tree.labels.append(path)
    elif suffix == ".txt" and path.lower().split("/")[-3:-2] == ["imagesets"]:
        tree.lists.append(path)


def unlabelled_images(
    images: Iterable[str], labelled: Collection[str], left_out: Collection[str]
) -> tuple[list[str], list[str]]:
    """The `images` without labels that are samples, and those in folders without `labelled` images, which are left
    aside; none of those `left_out`.
    """
    bases = {base_of(folder) for folder in {split_path(image)[0] for image in labelled}}
    unlabelled: list[str] = []
    aside: list[str] = []
    for image in images:
        if image in labelled or image in left_out:
            continue
        base = base_of(split_path(image)[0])
        folder = split_path(base)[1]
        known = base in bases or bool(known_split(folder)) or folder.lower() == "jpegimages"
        (unlabelled if known else aside).append(image)
    return unlabelled, aside


def aside_note(aside: Sequence[str]) -> tuple[Finding, ...]:
    """The finding about images that are left `aside`; none for no image."""
    if not aside:
        return ()
    return (Finding("image-aside", f"images lie where no labelled images do ({len(aside):,}); left aside", aside[0]),)


def link_notes(tree: ImageTree) -> list[Finding]:
    """The findings about links of `tree`: to folders that are read once, and out of the data set, not followed."""
    notes = [Finding("folder-repeated", paths.READ_ONCE, link) for link in tree.repeated]
    if tree.outside:
        words = f"links lead out of the dataset's folder ({len(tree.outside):,}); {paths.NOT_FOLLOWED}"
        notes.append(Finding("image-refused", words, tree.outside[0]))
    return notes


def nfc_name(name: str) -> str:
    """`name` in NFC, the Unicode form in which names are compared: file systems and tools differ in it."""
    return name if name.isascii() else normalize("NFC", name)


def split_folders(root: Path, images: Iterable[str]) -> SplitFolders:
    """The folders that name a split, in the dataset of `images` at `root`."""
    folders = [parts_of(folder) for folder in {split_path(image)[0] for image in images}]
    return ANY_SOURCE.of(folder_name(root), ((one, _split_places(one)) for one in folders))


def place(path: str, splits: SplitFolders) -> tuple[str, str]:
    """(split, name) of the image at `path` by its folders, which name the split as `splits` has it.

    A split's folder stands first in the path, or next to the images folder, or right above the image; elsewhere
    ``test`` is just a word.
    """
    folder, file = split_path(path)
    split, inner = _place(folder, splits)
    return split, join_path(inner, file)


@lru_cache(maxsize=_FOLDERS)
def _place(folder: str, splits: SplitFolders) -> tuple[str, str]:
    """The split of the images in `folder`, and the folder part of their names."""
    folders = parts_of(folder)
    index = splits.find(folders, _split_places(folders))
    split = splits.split(folders, index)
    if index is None:
        return split, _inner(folder)
    at = _first(folders, IMAGE_FOLDERS)
    return split, "/".join(name for number, name in enumerate(folders) if number > index and number != at)


def place_by_first_folder(path: str) -> tuple[str, str]:
    """(split, the rest of the path) of what lies at `path`, whose first folder is its split, whatever its name."""
    split, _, rest = path.partition("/")
    return split_of(split), rest


def name_of(path: str) -> str:
    """The path of an image below its images folder; `path` where there is none."""
    folder, file = split_path(path)
    return join_path(_inner(folder), file)


@lru_cache(maxsize=_FOLDERS)
def _inner(folder: str) -> str:
    folders = parts_of(folder)
    at = _first(folders, IMAGE_FOLDERS)
    return folder if at is None else "/".join(folders[at + 1 :])


@lru_cache(maxsize=_FOLDERS)
def base_of(folder: str) -> str:
    """The images folder that `folder` is or lies in, else the folder of a split, else `folder`."""
    folders = parts_of(folder)
    at = _first(folders, IMAGE_FOLDERS)
    at = ANY_SOURCE.find(folders, _split_places(folders)) if at is None else at
    return folder if at is None else "/".join(folders[: at + 1])


def _split_places(folders: Sequence[str]) -> tuple[int, ...]:
    """The indices of `folders` that may name the split of the images in them, the most likely first."""
    at = _first(folders, IMAGE_FOLDERS)
    below, above = (len(folders), len(folders) - 1) if at is None else (at + 1, at - 1)
    return tuple(index for index in dict.fromkeys((below, above, 0)) if 0 <= index < len(folders))


def _first(parts: Sequence[str], known: Collection[str]) -> int | None:
    """The index of the first of `parts` that is `known`; None without one."""
    return next((index for index, part in enumerate(parts) if part.lower() in known), None)


@dataclass(frozen=True)
class Images:
    """Finds the images of a tree by their label files."""

    paths: Collection[str]

    def beside(self, label: str, name: str) -> list[str]:
        """The images nearest to the file `label` whose name, or name without suffix, is `name`; more than one if tied.

        Nearest is the same folder, then the same place in an images folder beside the file's own, then anywhere in
        that folder; and where there is no such folder and no image beside the file, anywhere at all.
        """
        ranked, nearness = defaultdict(list), self.nearness(label)
        for image in self._with_name(nfc_name(name)):
            if (rank := nearness(split_path(image)[0])) is not None:
                ranked[rank].append(image)
        return ranked[min(ranked)] if ranked else []

    def nearness(self, label: str) -> Nearness:
        """The distance of a folder of images from the file `label`, see `beside`."""
        folder, _ = split_path(label)
        return partial(self._rank, labels=folder)

    def _rank(self, images: str, labels: str) -> int | None:
        rank = _distance(images, labels)
        return _ELSEWHERE if rank is None and not self._has_neighbours(labels) else rank

    def _with_name(self, name: str) -> list[str]:
        """The images whose name, or name without suffix, is `name`."""
        whole = [path for path in self._by_stem.get(stem_of(name), ()) if nfc_name(split_path(path)[1]) == name]
        return self._by_stem.get(name, []) + whole

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        named = defaultdict(list)
        for path in self.paths:
            named[nfc_name(stem_of(split_path(path)[1]))].append(path)
        return named

    @cached_property
    def _folders(self) -> frozenset[str]:
        return frozenset(split_path(path)[0] for path in self.paths)

    @cached_property
    def _neighbours(self) -> dict[str, bool]:
        return {}

    def _has_neighbours(self, folder: str) -> bool:
        """Whether there are images where those of label files in `folder` are searched."""
        if folder not in self._neighbours:
            self._neighbours[folder] = any(_distance(other, folder) is not None for other in self._folders)
        return self._neighbours[folder]


@lru_cache(maxsize=_FOLDERS)
def _distance(images: str, labels: str) -> int | None:
    """The distance of the folder `images` from the folder `labels`: 0, 1 or 2; None where they are unrelated."""
    if images == labels:
        return 0
    folders, parts = parts_of(labels), parts_of(images)
    at = _first(folders, LABEL_FOLDERS)
    stem, rest = (folders, ()) if at is None else (folders[:at], folders[at + 1 :])
    inner = parts[len(stem) :]
    if parts[: len(stem)] != stem or not inner or inner[0].lower() not in IMAGE_FOLDERS:
        return None
    return 1 if inner[1:] == rest else 2


def expected(label: str, filename: str) -> str:
    """The path where the missing image of `label` should be, by its stem."""
    folder, file = split_path(label)
    suffix = suffix_of(filename)
    name = stem_of(file) + (suffix if suffix.lower() in IMAGE_SUFFIXES else ".jpg")
    folders = list(parts_of(folder))
    at = _first(folders, LABEL_FOLDERS)
    if at is not None:
        folders[at] = "JPEGImages" if folders[at] == "Annotations" else "images"
    return "/".join((*folders, name))


def join_path(folder: str, name: str) -> str:
    """The path of `name` in `folder`, which is "" where that is the root."""
    return f"{folder}/{name}" if folder else name


def split_path(path: str) -> tuple[str, str]:
    """The folder and the name of the file at `path`."""
    folder, _, name = path.rpartition("/")
    return folder, name


def parts_of(path: str) -> tuple[str, ...]:
    """The folders of `path`, and its name."""
    return tuple(path.split("/")) if path else ()
