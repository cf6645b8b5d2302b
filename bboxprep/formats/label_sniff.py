"""Recognises folders with a label file an image, for the formats that have such files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from bboxprep.errors import LayoutError
from bboxprep.formats.api import RootEvidence
from bboxprep.formats.image_tree import IMAGE_FOLDERS, LABEL_FOLDERS, holds_file, walk
from bboxprep.io.paths import is_within, relative_path, resolved
from bboxprep.model.splits import known_split

_TRIES = 20  # files that are opened before a folder is refused

IsLabel = Callable[[Path], bool]
"""Whether the file at a path is a label file of the format, by its first bytes."""


@dataclass(frozen=True)
class LabelFiles:
    """The label files of a format: the `suffix` of their names, whether a file is one of them, what one is (`kind`),
    how a folder that has one is `recognised` ("holds …"), and the name of the class `table`. Their folder may have a
    name that begins with `prefix`.
    """

    suffix: str
    is_label: IsLabel
    kind: str
    recognised: str
    table: str
    prefix: str = ""

    def sniff(self, root: Path) -> str:
        """Why the folder `root` looks like the format, or ""."""
        label = _first(root, _files(root, self.suffix), self.is_label)
        return f"{label} {self.recognised}" if label else ""

    def label_file(self, path: Path) -> str:
        """The kind of label file at `path`, or ""."""
        return self.kind if path.suffix.lower() == self.suffix and self.is_label(path) else ""

    def root_evidence(self, folder: Path, apart: Collection[Path]) -> RootEvidence:
        """Whether a data set begins in `folder`: with a class table, folders of images and labels, or folders of
        splits; else whether it holds labels. What lies in `apart` does not count.
        """
        others = tuple(f"{relative_path(path, folder)}/" for path in apart)
        labels = [label for label in _files(folder, self.suffix) if not label.startswith(others)]
        own = [label for label in labels if self._is_own(label.partition("/")[0])]
        tops = {label.partition("/")[0] for label in own if "/" in label}
        path = folder / self.table
        has_table = path.is_file() and is_within(path, resolved(folder))
        if has_table and _first(folder, labels, self.is_label):
            return RootEvidence.CLASS_TABLE
        found = _first(folder, own, self.is_label)
        if found and any(map(self._names_part, tops)):
            return RootEvidence.CLASS_TABLE
        return RootEvidence.LABELS if found else RootEvidence.NONE

    def _is_own(self, first: str) -> bool:
        """Whether labels of a data set may lie at a path that begins with the name `first`: that of the file, or of a
        folder of images, of labels or of a split.
        """
        return first.lower().endswith(self.suffix) or self._names_part(first)

    def _names_part(self, folder: str) -> bool:
        name = folder.lower()
        known = name in LABEL_FOLDERS | IMAGE_FOLDERS or bool(self.prefix and name.startswith(self.prefix))
        return known or bool(known_split(folder))


def _files(root: Path, suffix: str) -> list[str]:
    """The files of that `suffix` below `root`; none where it is no folder."""
    try:
        return walk(root, suffix).labels if root.is_dir() and holds_file(root, suffix) else []
    except LayoutError:
        return []


def _first(root: Path, files: Iterable[str], is_label: IsLabel) -> str:
    """The first of the `files` that is a label file, "" where none of a few is."""
    return next((path for path, _ in zip(files, range(_TRIES), strict=False) if is_label(root / path)), "")
