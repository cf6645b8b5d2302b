"""Finds the documents of a format that has one document for many images, and the split of each.

A document lies in the folder that is named, or there is one in each of its folders (``train/…``, ``val/…``). It calls
its split by its own name, else by that of its folder. No link out of the folder that is named is followed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from bboxprep.errors import LayoutError
from bboxprep.formats import image_tree, locate_images
from bboxprep.formats.api import RootEvidence
from bboxprep.io import folder_listing, paths
from bboxprep.io.text import read_text
from bboxprep.model.splits import is_word, known_split

CLASS_LIST = "labels.txt"
"""The list of classes, one a line, above the documents of formats that have no table of their own for a data set."""

CLASS_LISTS = ("class_names.txt", "classes.txt", CLASS_LIST)
"""The lists of classes above folders of mask PNGs."""

_MOST_BYTES = 8 << 20  # of a list
_MANY = 64  # a folder with more files of the suffix holds one for each image, which is another format


@dataclass(frozen=True)
class LabelDocument:
    """One file; `shown` is its path below the data set, as findings name it, `word` what it calls its split."""

    path: Path
    shown: str
    word: str


@dataclass(frozen=True)
class DocumentKind:
    """The documents of a format: the `suffixes` of their names in lower case, what one of them is
    (``kind(path)``, "" for another file), and whether a name without its suffix says nothing of a split; by default one
    that has no word for any.
    """

    suffixes: tuple[str, ...]
    kind: Callable[[Path], str]
    names_no_split: Callable[[str], bool] = lambda stem: not known_split(stem)
    has_table: Callable[[Path], bool] = lambda _: False
    """``has_table(folder)``: whether a class table lies in `folder`, above the folders of all documents."""

    def sniff(self, root: Path) -> str:
        """Why `root`, a folder or a file, looks like the format, or ""."""
        if root.is_file():
            return self.label_file(root)
        found = self._paths(root)
        return f"{paths.relative_path(found[0], root)} is {self.label_file(found[0])}" if found else ""

    def label_file(self, path: Path) -> str:
        """The kind of document at `path`, or ""."""
        try:
            return self.kind(path) if path.name.lower().endswith(self.suffixes) else ""
        except OSError as error:
            paths.refuse_passing(error, path)
            return ""

    def root_evidence(self, folder: Path, apart: Collection[Path]) -> RootEvidence:  # noqa: ARG002
        """Whether a data set begins in `folder`: its documents, which name their images, lie in it, or in the folder of
        a split or of labels, or below a class table.
        """
        found = self._paths(folder)
        own = any(path.parent == folder or _is_part(path.parent.name) for path in found)
        own = own or (bool(found) and self.has_table(folder))
        return RootEvidence.DOCUMENT if own else RootEvidence.NONE

    def find(self, root: Path, wanted: str) -> list[LabelDocument]:
        """The documents of the data set at `root`, a folder or one file. Raises `LayoutError`: want `wanted`."""
        found = [root] if root.is_file() else self._paths(root)
        if not found:
            raise LayoutError(root, "", f"no document of labels here (want {wanted})")
        home = paths.dataset_folder(root)
        return [LabelDocument(path, paths.relative_path(path, home), self._word(path, root)) for path in found]

    def _paths(self, root: Path) -> list[Path]:
        """The documents in the folder `root`; those in its folders where it has none."""
        home = paths.resolved(root)
        for folders in ([root], sorted(folder_listing.subfolders(root))):
            files = [path for folder in folders for path in self._files(folder) if paths.is_within(path, home)]
            if found := [path for path in files if self.label_file(path)]:
                return found
        return []

    def _files(self, folder: Path) -> list[Path]:
        try:
            found = folder_listing.names_by_suffix(folder)
        except OSError as error:
            paths.refuse_passing(error, folder)
            return []
        ends = {suffix[suffix.rfind(".") :] for suffix in self.suffixes}
        names = [name for end in ends for name in found.get(end, ()) if name.lower().endswith(self.suffixes)]
        return [folder / name for name in sorted(names) if not name.startswith(".")] if len(names) <= _MANY else []

    def _word(self, path: Path, root: Path) -> str:
        """What the document at `path` calls its split: by its name, else by its folder."""
        stem, folder = paths.stem_of(path.name), path.parent
        if not self.names_no_split(stem):
            return stem
        if folder not in (root, root.parent):
            return folder.name
        above = paths.folder_name(folder)
        return above if is_word(above) else ""


def _is_part(folder: str) -> bool:
    """Whether a folder of that name holds the documents of a split, or labels alone."""
    return bool(known_split(folder)) or folder.lower() in image_tree.LABEL_FOLDERS


def has_class_list(folder: Path) -> bool:
    """Whether `folder` has a list of classes."""
    path = folder / CLASS_LIST
    return path.is_file() and paths.is_within(path, paths.resolved(folder))


def class_list(folder: Path, encoding: str) -> list[str]:
    """The names in the list of classes in `folder`; none without one. Raises `AnnotationError`."""
    if not has_class_list(folder):
        return []
    lines = read_text(folder / CLASS_LIST, _MOST_BYTES, encoding).split("\n")
    return [line.strip() for line in lines if line.strip()]


def image_folders(base: Path, words: Sequence[str]) -> list[Path]:
    """The folders that the images of a document in the folder `base` may lie in, those called by its `words` first."""
    named = dict.fromkeys(filter(None, map(locate_images.safe_name, words)))
    return [base / place / word for place in ("images", "") for word in named] + [base / "images", base]
