"""The images that documents list: the file, the split and the name of each, for formats whose documents name images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Generic, NamedTuple, Protocol, TypeVar

import msgspec

from bboxprep.errors import LayoutError
from bboxprep.findings import Finding
from bboxprep.formats import image_lookup, locate_images, reading
from bboxprep.formats.api import Probe
from bboxprep.formats.label_documents import LabelDocument, image_folders
from bboxprep.geometry.affine import Size
from bboxprep.io.paths import is_file_safely, is_within, relative_path
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.sample import EMPTY_SAMPLE, Sample
from bboxprep.model.splits import name_prefixes, order, split_of

_TRIED = 64  # images that are looked for in each folder that may hold them


class ListedEntry(Protocol):
    """What a document states of one image: its name, its size if it does, and `where` in the document it stands."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def declared(self) -> Size | None: ...  # noqa: D102
    @property
    def where(self) -> str: ...  # noqa: D102


Entry = TypeVar("Entry", bound=ListedEntry)


class ImageGroup(msgspec.Struct, Generic[Entry], frozen=True):
    """The images of one document that are in one split, called `word`: their entries, the folder that they lie in, and
    their files.
    """

    document: LabelDocument
    word: str
    entries: Sequence[Entry]
    folder: Path
    located: locate_images.Located
    prefix: str = ""
    """What stands before the names of these images, below the folder of their split."""

    @classmethod
    def locate(
        cls, document: LabelDocument, word: str, entries: Sequence[Entry], folder: Path, home: Path, field: str
    ) -> ImageGroup[Entry]:
        """The group of `entries`, which name their images in `field`; none of these is outside of `home`, a real
        path.
        """
        return cls(
            document,
            word,
            entries,
            folder,
            locate_images.locate(folder, [entry.name for entry in entries], home, field),
        )

    @classmethod
    def beside(cls, document: LabelDocument, entries: Sequence[Entry], home: Path, field: str) -> ImageGroup[Entry]:
        """The group of the `entries` of `document`, all of its split, whose images lie beside it or in a folder there
        that is called images or like the split.
        """
        folders = image_folders(document.path.parent, [document.word])[::-1]
        folder = fullest_folder(folders, [entry.name for entry in entries], home)
        return cls.locate(document, document.word, entries, folder, home, field)


class EntryObjects(NamedTuple):
    """The objects of one entry, the findings about it, which may lack path and split, and how many objects it lists."""

    objects: Instances
    findings: Sequence[Finding]
    listed: int


class ListedImage(msgspec.Struct, Generic[Entry], frozen=True):
    """One sample: its image, why that is `missing` ("" where it is there), and the entries about it in `document`."""

    split: str
    name: str
    path: Path
    missing: str
    document: str
    entries: tuple[Entry, ...]

    def sample(self, outline: Sample, read: Sequence[EntryObjects], digest: str) -> Sample:
        """`outline` with what was `read` of each of its entries; `digest` is that of its labels."""
        notes = [replace(one, path=self.document, split=self.split) for own in read for one in own.findings]
        return outline.replace_fast(
            instances=read[0].objects if len(read) == 1 else Instances.concat([one.objects for one in read]),
            label_digest=digest,
            findings=(*outline.findings, *notes),
            source_count=sum(one.listed for one in read),
        )

    def outline(self, probe: Probe, home: Path) -> Sample:
        """The sample without its objects; findings name files below `home`."""
        declared = self.entries[0].declared
        header: Header | None = None
        if self.missing:
            shown, where = relative_path(self.path, home), self.entries[0].where
            findings: tuple[Finding, ...] = (Finding("image-missing", self.missing, shown, where, split=self.split),)
        else:
            header, findings = reading.probe_image(probe, self.path, home, self.split, declared)
        return EMPTY_SAMPLE.replace_fast(
            name=PurePosixPath(self.name),
            path=self.path,
            header=header,
            split=self.split,
            declared=declared,
            findings=findings,
        )


def fullest_folder(
    folders: Sequence[Path], names: Sequence[str], home: Path, suffix: str = "", base: Path | None = None
) -> Path:
    """The first of `folders` within `home` that has the most of some of the `names`, which may lack `suffix`, and may
    be paths below `base`; the last one where none is there.
    """
    there = [folder for folder in folders if folder.is_dir() and is_within(folder, home)]
    tried = names[:: max(1, len(names) // _TRIED)]

    def count(folder: Path) -> int:
        own = names_below(tried, base, folder) if base else tried
        return sum(
            is_file_safely(folder / name) or (bool(suffix) and is_file_safely(folder / f"{name}{suffix}"))
            for name in own
        )

    return max(there or folders[-1:], key=count)


def names_below(names: Sequence[str], base: Path, folder: Path) -> list[str]:
    """The `names` of images, paths below the folder `base` or names alone, as paths below `folder`."""
    place = relative_path(folder, base)
    return [name.removeprefix(f"{place}/") for name in names] if place not in ("", ".") else list(names)


def listed_images(groups: Sequence[ImageGroup[Entry]]) -> tuple[list[ListedImage[Entry]], list[Finding]]:
    """The samples, sorted by split and name; a finding for each image that is listed again, whose entries are added to
    the first, and one about images whose files have other names than the documents state. Raises `LayoutError` where
    two documents list one image: one may be a draft of the other.
    """
    items, findings = _items(groups, name_prefixes(group.word for group in groups))
    items.sort(key=lambda item: (order(item.split), item.name.encode("utf-8", "surrogatepass")))
    return items, [*findings, *_respelled(groups)]


def _items(
    groups: Iterable[ImageGroup[Entry]], prefixes: Mapping[str, str]
) -> tuple[list[ListedImage[Entry]], list[Finding]]:
    items: dict[tuple[str, Path], ListedImage[Entry]] = {}
    names: set[tuple[str, str]] = set()
    findings: list[Finding] = []
    for group in groups:
        for row, entry in enumerate(group.entries):
            split, located = split_of(group.word), group.located.names[row]
            path = group.folder / located
            if known := items.get((split, path)):
                if known.document != group.document.shown:
                    problem = f"{located} is listed in {known.document} too; name the one to read"
                    raise LayoutError(group.document.path, entry.where, problem)
                words = f"its file is that of {known.entries[0].where}, which has its objects too"
                findings.append(Finding("image-repeated", words, group.document.shown, entry.where, split=split))
                items[split, path] = msgspec.structs.replace(known, entries=(*known.entries, entry))
                continue
            name = f"{prefixes[group.word] if group.word else ''}{group.prefix}{located}"
            while (split, name) in names:
                name = f"{group.document.path.stem}/{name}"
            names.add((split, name))
            missing = group.located.missing.get(row, "")
            items[split, path] = ListedImage(split, name, path, missing, group.document.shown, (entry,))
    return list(items.values()), findings


def _respelled(groups: Iterable[ImageGroup[Entry]]) -> Iterator[Finding]:
    found: list[tuple[image_lookup.OtherSpelling, ImageGroup[Entry], int]] = [
        (other, group, row) for group in groups for row, other in group.located.respelled.items()
    ]
    if found:
        _, group, row = found[0]
        where = group.entries[row].where
        yield image_lookup.spelling_note(
            [other for other, _, _ in found], group.document.shown, where, split_of(group.word)
        )


def unlisted_note(groups: Sequence[ImageGroup[Entry]], home: Path) -> Iterator[Finding]:
    """A finding about the images beside listed ones that no document lists."""
    beside, unnamed = locate_images.unlisted_images(((group.folder, group.located) for group in groups), home)
    if others := [*beside, *unnamed]:
        words = f"images lie beside listed ones, and no document lists them ({len(others):,}); left aside"
        yield Finding("image-aside", words, relative_path(others[0], home))
