"""The samples of documents that list images, whatever the labels in them are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Generic, Protocol, TypeVar

import msgspec

from bboxprep.findings import Finding
from bboxprep.formats.api import Probe
from bboxprep.formats.documents import ImageDocument
from bboxprep.formats.image_lookup import OtherSpelling, spelling_note
from bboxprep.formats.locate_images import Located, unlisted_images
from bboxprep.formats.reading import probe_image
from bboxprep.geometry.affine import Size
from bboxprep.io.paths import is_file_safely, relative_path
from bboxprep.model.header import Header
from bboxprep.model.sample import EMPTY_SAMPLE, Sample
from bboxprep.model.splits import name_prefixes, order, split_of

_TRIED = 64  # images that are looked for in each folder that may hold them


class ListedEntry(Protocol):
    """What a document has of one image: the size that it states, and where."""

    @property
    def declared(self) -> Size | None:
        """The size of the image that the document states."""

    @property
    def where(self) -> str:
        """The place in the document."""


Entry = TypeVar("Entry", bound=ListedEntry)


class ListedPart(msgspec.Struct, Generic[Entry], frozen=True):
    """The images of one document that are in one subset, called `word`, the folder they lie in, and their files."""

    document: ImageDocument
    word: str
    entries: Sequence[Entry]
    folder: Path
    located: Located


class ListedItem(msgspec.Struct, Generic[Entry], frozen=True):
    """One sample: its image, why that is `missing` ("" where it is there), and the entries about it in `document`."""

    split: str
    name: str
    path: Path
    missing: str
    document: str
    entries: tuple[Entry, ...]

    def outline(self, home: Path, probe: Probe) -> Sample:
        """The sample in the data set at `home`, without its objects."""
        declared, where = self.entries[0].declared, self.entries[0].where
        header: Header | None = None
        if self.missing:
            shown = relative_path(self.path, home)
            findings: tuple[Finding, ...] = (Finding("image-missing", self.missing, shown, where, split=self.split),)
        else:
            header, findings = probe_image(probe, self.path, home, self.split, declared)
        return EMPTY_SAMPLE.replace_fast(
            name=PurePosixPath(self.name),
            path=self.path,
            header=header,
            split=self.split,
            declared=declared,
            findings=findings,
        )


def fullest(folders: Sequence[Path], names: Callable[[Path], Sequence[str]]) -> Path:
    """The first of `folders` that has the most of some of the images that are to lie there: ``names(folder)``, which
    may lack the suffix ``.png``.
    """

    def count(folder: Path) -> int:
        own = names(folder)
        tried = own[:: max(1, len(own) // _TRIED)]
        return sum(is_file_safely(folder / name) or is_file_safely(folder / f"{name}.png") for name in tried)

    return max(folders, key=count)


def listed_items(parts: Sequence[ListedPart[Entry]]) -> tuple[list[ListedItem[Entry]], list[Finding]]:
    """The samples in their order, and a finding for each image that is listed again; its objects are added to those of
    the first.
    """
    prefixes = name_prefixes(part.word for part in parts)
    items, findings = _items(parts, prefixes)
    items.sort(key=lambda item: (order(item.split), item.name.encode("utf-8", "surrogatepass")))
    return items, findings


def _items(
    parts: Iterable[ListedPart[Entry]], prefixes: Mapping[str, str]
) -> tuple[list[ListedItem[Entry]], list[Finding]]:
    items: dict[tuple[str, Path], ListedItem[Entry]] = {}
    names: set[tuple[str, str]] = set()
    findings: list[Finding] = []
    for part in parts:
        for row, entry in enumerate(part.entries):
            split, located = split_of(part.word), part.located.names[row]
            path = part.folder / located
            if known := items.get((split, path)):
                words = f"its file is that of {known.entries[0].where}, which has its objects too"
                findings.append(Finding("image-repeated", words, part.document.shown, entry.where, split=split))
                items[split, path] = msgspec.structs.replace(known, entries=(*known.entries, entry))
                continue
            name = f"{prefixes[part.word]}{located}"
            if (split, name) in names:
                name = f"{part.document.stem}/{name}"
            names.add((split, name))
            missing = part.located.missing.get(row, "")
            items[split, path] = ListedItem(split, name, path, missing, part.document.shown, (entry,))
    return list(items.values()), findings


def respelled_note(parts: Iterable[ListedPart[Entry]]) -> Iterator[Finding]:
    """A finding about images whose files have other names than the documents state."""
    found: list[tuple[OtherSpelling, ListedPart[Entry], int]] = [
        (other, part, row) for part in parts for row, other in part.located.respelled.items()
    ]
    if found:
        _, part, row = found[0]
        where = part.entries[row].where
        yield spelling_note([other for other, _, _ in found], part.document.shown, where, split_of(part.word))


def unlisted_note(parts: Sequence[ListedPart[Entry]], home: Path) -> Iterator[Finding]:
    """A finding about images beside those of `parts` that no document lists."""
    beside, unnamed = unlisted_images(((part.folder, part.located) for part in parts), home)
    if others := [*beside, *unnamed]:
        words = f"images lie beside listed ones, and no document lists them ({len(others):,}); left aside"
        yield Finding("image-aside", words, relative_path(others[0], home))
