"""Writes the files of darknet beside its images: ``obj.data``, ``obj.names``, and a list of the images of each split.

obj.data has a line ``key = path`` for each list, and one for the names. Paths are relative to its folder, from which
darknet is started.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bboxprep.errors import UsageError
from bboxprep.formats.yolo.options import darknet_word
from bboxprep.io.atomic import write_text
from bboxprep.model.dataset import Dataset
from bboxprep.model.splits import USUAL

_DATA, _NAMES = "obj.data", "obj.names"


def check_dataset(dataset: Dataset) -> None:
    """Raise `UsageError` for splits and class names of `dataset` that darknet's files cannot hold."""
    if others := [split for split in dataset.splits if split not in USUAL]:
        raise UsageError(f"split: have {', '.join(others)}, want {', '.join(USUAL)} for `layout='darknet'`")
    for name in dataset.categories.names:
        if not name or name != " ".join(name.splitlines()).strip():
            raise UsageError(f"class name: have {name!r}, want one line without blanks around it for obj.names")


class DarknetFiles:
    """Collects the paths of images by split, and writes the files."""

    def __init__(self, splits: Sequence[str]) -> None:
        self._lists: dict[str, list[str]] = {split: [] for split in splits}

    @property
    def documents(self) -> tuple[str, ...]:
        """The paths of all files."""
        return (_DATA, _NAMES, *map(_list, self._lists))

    def add(self, split: str, image: str) -> None:
        """List an image."""
        self._lists.setdefault(split, []).append(image)

    def write(self, root: Path, names: Sequence[str]) -> None:
        """Write the files below `root`; there is a list for each split with images."""
        lists = {split: images for split, images in self._lists.items() if images}
        for split, images in lists.items():
            write_text(root / _list(split), _lines(images))
        write_text(root / _NAMES, _lines(names))
        places = [f"{darknet_word(split)} = {_list(split)}" for split in lists]
        write_text(root / _DATA, _lines([f"classes = {len(names)}", *places, f"names = {_NAMES}", "backup = backup"]))


def _list(split: str) -> str:
    return f"{darknet_word(split)}.txt"


def _lines(words: Sequence[str]) -> str:
    return "".join(f"{word}\n" for word in words)
