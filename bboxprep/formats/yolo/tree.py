"""The files of a YOLO dataset: lists folders once, refuses paths that lead out, and finds the label of each image.

**Paths that lead out.** A path in the dataset is opened only if it lies in the `AllowedFolders` after links are
followed: ``../../``, absolute paths and links cannot reach other files. Allowed is the folder of the dataset. A folder
beside it (Roboflow's ``../train/images``) is added only where a data.yaml that the user has named refers to it.

**The label of an image** is searched where trainers search: with the last folder ``images`` of its path replaced by
``labels``, else beside the image, else in a folder ``labels`` beside it. If there is none, ``images`` folders further
up are replaced, for trees with two of them. Only folders below the dataset are replaced, not parents of the dataset.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from unicodedata import normalize

from bboxprep.errors import LayoutError
from bboxprep.formats.image_lookup import ImageLookup
from bboxprep.formats.yolo_rows import looks_like_rows
from bboxprep.io import folder_listing, paths
from bboxprep.io.text import read_start_as_utf8
from bboxprep.model.splits import WORDS

_LABELS_FOR = {"images": "labels", "Images": "Labels", "JPEGImages": "labels"}
IMAGE_FOLDERS = frozenset(_LABELS_FOR)
LAYOUT_FOLDERS = frozenset(name.lower() for pair in _LABELS_FOR.items() for name in pair)
_NOT_LABELS = {
    *("classes", "classes_", "labels", "names", "obj", "predefined_classes", "readme", "license", "licence", "notes"),
    *("requirements", "images", "all", *WORDS),
}


Place = tuple[Path, str]  # of a file: its folder and its name


@dataclass(frozen=True)
class Listing:
    """The content of one folder: names sorted by bytes; `texts`, .txt files by stem; `links`, those of `folders`."""

    images: tuple[str, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    links: tuple[str, ...] = ()

    def text(self, stem: str) -> str | None:
        """The .txt file with the `stem`, also in another Unicode form; None without one."""
        name = self.texts.get(stem)
        return name if name or stem.isascii() else self._by_nfc_stem.get(normalize("NFC", stem))

    @cached_property
    def image_stems(self) -> dict[str, str]:
        """The images by stem."""
        return {paths.stem_of(name): name for name in reversed(self.images)}

    @cached_property
    def _by_nfc_stem(self) -> dict[str, str]:
        return {normalize("NFC", stem): name for stem, name in self.texts.items()}


class YoloTree:
    """The folders of the dataset in `home`, each listed once; `foreign` are links met that lead out of the allowed,
    `repeated` those to a folder that is read at its own place.

    `wide`: the allowed may take in a folder beside `home`. `encoding` is that of its text where it is not in UTF-8.
    """

    def __init__(self, home: Path, *, wide: bool = False, encoding: str = "") -> None:
        self.home = home
        self.encoding = encoding
        self._wide = wide
        self.foreign: set[Path] = set()
        self.repeated: set[Path] = set()
        self._allowed = paths.AllowedFolders(home)
        self._listings: dict[Path, Listing] = {}
        self._label_folders: dict[Path, tuple[Path, ...]] = {}

    @property
    def seen(self) -> tuple[Path, ...]:
        """All existing folders that were listed, sorted by bytes."""
        return tuple(
            sorted((folder for folder, listing in self._listings.items() if listing != Listing()), key=by_bytes)
        )

    def shown(self, path: Path) -> str:
        """`path` below `home`, for findings."""
        return paths.relative_path(path, self.home)

    def holds(self, path: Path) -> bool:
        """Whether `path` lies in an allowed folder after links are followed."""
        return self._allowed.holds(path)

    def admit(self, path: Path) -> bool:
        """Allow the folder beside the dataset that contains `path`; returns False where there is none."""
        above, place = paths.resolved(self.home).parent, paths.resolved(path)
        if not self._wide or above == above.parent or not paths.is_within(path, above):
            return False
        self._allowed.admit(above.joinpath(*place.relative_to(above).parts[:1]))
        return True

    def listing(self, folder: Path) -> Listing:
        """The content of `folder`; empty where it does not exist. Raises `LayoutError` where it cannot be read."""
        if folder not in self._listings:
            self._listings[folder] = self._list(folder)
        return self._listings[folder]

    def walk(self, folder: Path, apart: Collection[Path] = ()) -> Iterator[tuple[Path, Listing]]:
        """`folder` and all folders below except `apart`, sorted by bytes, then what links lead to; each real folder
        once, and none above a link. Links called like a folder of images or of labels come first.
        """
        visited, links = {paths.resolved(path) for path in apart}, list[Path]()
        yield from self._walk(folder, visited, links)
        for link in links:
            yield from self._follow(link, visited, links)

    def label_of(self, folder: Path, name: str) -> Place | None:
        """The label file of the image `name` in `folder`; None without one (see the module)."""
        for texts in self.label_folders(folder):
            text = self.listing(texts).text(paths.stem_of(name))
            if text and (not is_reserved(text) or looks_like_rows(read_head(texts / text, self.encoding))):
                return texts, text
        return None

    def is_label(self, path: Path) -> bool:
        """Whether the .txt file at `path` holds labels, by its content, name and folder."""
        head = read_head(path, self.encoding)
        if looks_like_rows(head):
            return True
        among_labels = "labels" in self.shown(path).lower().split("/")
        return not is_reserved(path.name) and (among_labels or not head.strip())

    def image_of(self, label: Path) -> Place | None:
        """The image of the file `label`, or None: the inverse of `label_of`."""
        top, parts = self._below(label.parent)
        swapped = [
            top.joinpath(*parts[:index], images, *parts[index + 1 :])
            for index in reversed(range(len(parts)))
            for images, labels in _LABELS_FOR.items()
            if parts[index] == labels
        ]
        beside = [label.parent.parent] if label.parent.name == "labels" else []
        for folder in (*swapped, label.parent, *beside):
            name = self.listing(folder).image_stems.get(label.stem)
            if name:
                return folder, name
        return None

    def label_folders(self, folder: Path) -> tuple[Path, ...]:
        """The folders where labels of images in `folder` are searched, in order."""
        if folder not in self._label_folders:
            top, parts = self._below(folder)
            swapped = [
                top.joinpath(*parts[:index], _LABELS_FOR[parts[index]], *parts[index + 1 :])
                for index in reversed(range(len(parts)))
                if parts[index] in _LABELS_FOR
            ]
            beside = [folder, folder / "labels"]
            ordered = [*swapped[:1], *beside, *swapped[1:]]
            self._label_folders[folder] = tuple(dict.fromkeys(ordered))
        return self._label_folders[folder]

    @cached_property
    def lookup(self) -> ImageLookup:
        """All images below `home`, by any spelling of their paths."""
        return ImageLookup(lambda: YoloTree(self.home).images())

    def images(self) -> Iterator[str]:
        """The paths of all images below `home`, relative to it."""
        for folder, listing in self.walk(self.home):
            above = self.shown(folder)
            yield from (f"{above}/{name}" if above else name for name in listing.images)

    def _below(self, folder: Path) -> tuple[Path, tuple[str, ...]]:
        for top in (self.home, self.home.parent):
            if folder.is_relative_to(top):
                return top, folder.relative_to(top).parts
        return folder, ()

    def _walk(self, folder: Path, visited: set[Path], links: list[Path]) -> Iterator[tuple[Path, Listing]]:
        """`folder` and all real folders below that are not `visited` yet; to `links` those are added that lie there."""
        place = paths.resolved(folder)
        if place in visited:
            return
        visited.add(place)
        listing = self.listing(folder)
        yield folder, listing
        for name in listing.links:
            if name.lower() in LAYOUT_FOLDERS:
                yield from self._follow(folder / name, visited, links)
            else:
                links.append(folder / name)
        for name in listing.folders:
            if name not in listing.links:
                yield from self._walk(folder / name, visited, links)

    def _follow(self, link: Path, visited: set[Path], links: list[Path]) -> Iterator[tuple[Path, Listing]]:
        """The same for a link, unless it leads to what is visited or to a folder above it."""
        place = paths.resolved(link)
        if place in visited or paths.resolved(link.parent).is_relative_to(place):
            self.repeated.add(link)
        else:
            yield from self._walk(link, visited, links)

    def _list(self, folder: Path) -> Listing:
        found: dict[str, list[str]] = {"images": [], "texts": [], "others": [], "folders": [], "links": []}
        try:
            entries = folder_listing.scan(folder)
            if not self.holds(folder):
                self.foreign.add(folder)
                return Listing()
            for entry in entries:
                kind = self._sort(folder, entry)
                if kind:
                    found[kind].append(entry.name)
                if kind == "folders" and entry.is_symlink():
                    found["links"].append(entry.name)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return Listing()
        except OSError as error:
            raise paths.source_error(error, folder, LayoutError, "cannot be listed") from error
        ordered = {kind: tuple(sorted(names, key=os.fsencode)) for kind, names in found.items()}
        texts = {paths.stem_of(name): name for name in ordered.pop("texts")}
        return Listing(texts=texts, **ordered)

    def _sort(self, folder: Path, entry: folder_listing.Entry) -> str:
        """The field of `Listing` that an entry belongs to; "" for none."""
        if entry.name.startswith("."):
            return ""
        if entry.is_symlink() and not self.holds(folder / entry.name):
            self.foreign.add(folder / entry.name)
            return ""
        if entry.is_dir():
            return "folders"
        suffix = paths.suffix_of(entry.name).lower()
        if not entry.is_file():
            return ""
        return "images" if suffix in paths.IMAGE_SUFFIXES else "texts" if suffix == ".txt" else "others"


def by_bytes(path: Path) -> bytes:
    """The key that sorts paths by the bytes of their names."""
    return os.fsencode(path.as_posix())


def kind_of(path: Path) -> str:
    """The kind of `path`: "file", "folder", or "" for neither."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        paths.refuse_passing(error, path)
        return ""
    return "folder" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else ""


def is_reserved(name: str) -> bool:
    """Whether a .txt file of that name usually is not a label file."""
    return name.split(".", 1)[0].lower() in _NOT_LABELS


def read_head(path: Path, encoding: str = "") -> bytes:
    """The first 4 KiB of a file, in UTF-8; empty where it cannot be read. `encoding` is as `io.text` has it."""
    try:
        return read_start_as_utf8(path, 4096, encoding)
    except OSError as error:
        paths.refuse_passing(error, path)
        return b""
