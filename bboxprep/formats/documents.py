"""Finds the documents of a data set, each of which labels many images, and what each calls its split.

They lie in the folder of the data set, else in its folders. A document names its split by its own name, else by that of
its folder. Its images lie beside it: in ``images/<split>/``, ``<split>/`` or ``images/``, or anywhere below.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from bboxprep.errors import LayoutError
from bboxprep.formats.api import RootEvidence
from bboxprep.io.paths import (
    dataset_folder,
    folder_name,
    is_within,
    refuse_passing,
    relative_path,
    resolved,
    scan,
    stem_of,
    subfolders,
)
from bboxprep.model.splits import is_word, known_split

_MANY = 64  # a folder with more such files holds one for each image, which is another format


@dataclass(frozen=True)
class ImageDocument:
    """One file; `shown` is its path below the data set, as findings name it, `word` what it calls its split."""

    path: Path
    shown: str
    word: str

    @property
    def stem(self) -> str:
        """Its name without suffix."""
        return self.path.stem


@dataclass(frozen=True)
class DocumentKind:
    """The documents of one format: they end with one of `suffixes`, and `describe(path)` says what the file at `path`
    is, or "". A name for which `names_no_split` holds says nothing of a split. `layout` is for messages.
    """

    suffixes: tuple[str, ...]
    describe: Callable[[Path], str]
    names_no_split: Callable[[str], bool]
    layout: str

    def sniff(self, root: Path) -> str:
        """Why `root`, a folder or a file, looks like this format, or ""."""
        if root.is_file():
            return self.describe(root)
        found = self.paths(root)
        return f"{relative_path(found[0], root)} is {self.describe(found[0])}" if found else ""

    def root_evidence(self, folder: Path, apart: Collection[Path]) -> RootEvidence:  # noqa: ARG002
        """Whether a data set begins in `folder`: its documents lie in it, or in that of a split. They name their
        images.
        """
        own = any(path.parent == folder or known_split(path.parent.name) for path in self.paths(folder))
        return RootEvidence.DOCUMENT if own else RootEvidence.NONE

    def find(self, root: Path) -> list[ImageDocument]:
        """The documents of the data set at `root`, a folder or one file. Raises `LayoutError`."""
        paths = [root] if root.is_file() else self.paths(root)
        if not paths:
            raise LayoutError(root, "", f"no document here (want {self.layout})")
        home = dataset_folder(root)
        return [ImageDocument(path, relative_path(path, home), self._word(path, root)) for path in paths]

    def paths(self, root: Path) -> list[Path]:
        """The documents in the folder `root`; those in its folders where it has none. No links out of it."""
        home = resolved(root)
        for folders in ([root], sorted(subfolders(root))):
            files = [path for folder in folders for path in self._files(folder) if is_within(path, home)]
            if found := [path for path in files if self.describe(path)]:
                return found
        return []

    def _files(self, folder: Path) -> list[Path]:
        try:
            with scan(folder) as entries:
                names = [one.name for one in entries if one.name.lower().endswith(self.suffixes) and one.is_file()]
        except OSError as error:
            refuse_passing(error, folder)
            return []
        return [folder / name for name in sorted(names) if not name.startswith(".")] if len(names) <= _MANY else []

    def _word(self, path: Path, root: Path) -> str:
        """What the document at `path` calls its split: by its name, else by its folder."""
        stem, folder = stem_of(path.name), path.parent
        if not self.names_no_split(stem):
            return stem
        if folder not in (root, root.parent):
            return folder.name
        above = folder_name(folder)
        return above if is_word(above) else ""


def image_folders(document: ImageDocument, subset: str) -> list[Path]:
    """The folders that images of `subset` may lie in, the most specific first."""
    base = document.path.parent
    words = dict.fromkeys(filter(None, (subset, document.word)))
    return [base / place / word for place in ("images", "") for word in words] + [base / "images", base]
