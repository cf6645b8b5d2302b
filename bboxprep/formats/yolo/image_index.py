"""The images of a YOLO dataset, each with its label file, in a few bytes: there may be millions."""

from __future__ import annotations

import os
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple, overload

from bboxprep.io.paths import stem_of
from bboxprep.io.remote import is_stored


class YoloItem(NamedTuple):
    """One image and its label file: `file` lies in `folder`, its labels in `texts`, which is None where it has none.
    `text` is the label file's name where that is not the image's.
    """

    split: str
    named: str
    folder: Path
    file: str
    texts: Path | None = None
    text: str = ""

    @property
    def name(self) -> PurePosixPath:
        """The name of the image in the dataset."""
        return PurePosixPath(self.named)

    @property
    def image(self) -> Path:
        """The image file."""
        return self.folder / self.file

    @property
    def label(self) -> Path | None:
        """The label file."""
        return self.texts / self.label_name if self.texts else None

    @property
    def label_file(self) -> Path | str:
        """The label file as text, unless it is in a storage; "" where there is none."""
        if self.texts is None:
            return ""
        return (self.label or "") if is_stored(self.texts) else f"{self.texts}{os.sep}{self.label_name}"

    @property
    def label_name(self) -> str:
        """The name of the label file, if there is one."""
        return self.text or f"{stem_of(self.file)}.txt"


Home = tuple[str, Path, Path | None]  # what many items have in common: split, folder, folder of the labels


class YoloItems(Sequence[YoloItem]):
    """`found`, sorted by split and name. Of each only its file's name is kept, and a number for what others share."""

    def __init__(self, found: Iterable[YoloItem] = ()) -> None:
        homes: dict[Home, int] = {}
        self._files: list[str] = []
        self._of = array("q")
        self._named: dict[int, str] = {}
        self._texts: dict[int, str] = {}
        for row, item in enumerate(sorted(found, key=lambda item: (item.split, os.fsencode(item.named)))):
            self._files.append(item.file)
            self._of.append(homes.setdefault((item.split, item.folder, item.texts), len(homes)))
            if item.named != item.file:
                self._named[row] = item.named
            if item.text:
                self._texts[row] = item.text
        self.homes = tuple(homes)
        """In the order of their first items."""

    def claims(self) -> Mapping[Path, Counter[str]]:
        """The number of images of each label file, by its folder and its name."""
        found: dict[Path, Counter[str]] = defaultdict(Counter)
        for row, (file, home) in enumerate(zip(self._files, self._of, strict=True)):
            _, _, texts = self.homes[home]
            if texts:
                found[texts][self._texts.get(row) or f"{stem_of(file)}.txt"] += 1
        return found

    def __len__(self) -> int:
        return len(self._files)

    @overload
    def __getitem__(self, index: int) -> YoloItem: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[YoloItem]: ...
    def __getitem__(self, index: int | slice) -> YoloItem | Sequence[YoloItem]:
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        row = range(len(self))[index]
        split, folder, texts = self.homes[self._of[row]]
        file = self._files[row]
        return YoloItem(split, self._named.get(row, file), folder, file, texts, self._texts.get(row, ""))
