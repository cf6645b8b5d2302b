"""Pairs label files with images by their stems, for formats with a text file an image that names no image.

A format parses a file and counts its objects (`OpenedLabels`); the pairs are made here, and the samples without their
objects.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol, TypeVar

import msgspec

from bboxprep.findings import Finding, escape_surrogates
from bboxprep.formats import image_lookup, image_tree, reading
from bboxprep.formats.api import Probe
from bboxprep.io.paths import stem_of
from bboxprep.model.sample import EMPTY_SAMPLE, Sample

Place = Callable[[str], tuple[str, str]]
"""``place(image)``: the split and the name of the image at a path."""


class NamedRow(Protocol):
    """One row of a label file, which names its class."""

    @property
    def name(self) -> str: ...  # noqa: D102


Row = TypeVar("Row", bound=NamedRow)


class OpenedLabels(msgspec.Struct, frozen=True):
    """What is needed of a label file before its sample is read: its objects by class, those of its findings too."""

    counts: dict[str, int]
    lost: int


class PairedItem(msgspec.Struct, frozen=True):
    """One sample: its image, and its label file ("" without one). Paths are below the root."""

    split: str
    name: str
    image: str
    label: str = ""

    def outline(self, root: Path, probe: Probe) -> Sample:
        """The sample without its objects."""
        header, findings = reading.probe_image(probe, root / self.image, root, self.split)
        return EMPTY_SAMPLE.replace_fast(
            name=PurePosixPath(self.name),
            path=root / self.image,
            header=header,
            split=self.split,
            findings=findings,
            labelled=bool(self.label),
        )

    def unlabelled(self, root: Path, probe: Probe) -> Sample:
        """The sample of an image without a label file."""
        words = Finding("image-unlabelled", "no label file", self.image, split=self.split)
        return self.outline(root, probe).with_findings(words)


def known_rows(rows: Sequence[Row], numbers: Mapping[str, int]) -> tuple[list[Row], list[Finding]]:
    """Those of `rows` whose class is one of `numbers`, and a finding without a path for each other one."""
    unknown = [row.name for row in rows if row.name not in numbers]
    words = "not in the class table"
    return [row for row in rows if row.name in numbers], [
        Finding("category-unknown", words, objects=1, category=name) for name in unknown
    ]


def pair_images(
    tree: image_tree.ImageTree, opened: Mapping[str, OpenedLabels], broken: Collection[str], place: Place
) -> tuple[list[PairedItem], list[Finding]]:
    """The samples, sorted by split and name, and findings about label files without an image, by class. Images of
    `broken` files are left out, since their objects are not known.
    """
    pairs = _Pairs(tree, opened)
    for label in broken:
        pairs.left_out.update(pairs.images.beside(label, stem(label)))
    for label in opened:
        pairs.by_stem(label)
    for label in pairs.pending:
        pairs.by_lookup(label)
    unlabelled, aside = image_tree.unlabelled_images(tree.images, pairs.label_of, pairs.left_out)
    items = [PairedItem(*place(image), image) for image in unlabelled]
    items += [PairedItem(*place(image), image, label) for image, label in pairs.label_of.items()]
    if len({(item.split, item.name) for item in items}) < len(items):
        items = [msgspec.structs.replace(item, name=item.image) for item in items]
    items = [msgspec.structs.replace(item, name=escape_surrogates(item.name)) for item in items]
    items.sort(key=lambda item: (item.split, item.name))  # the order of their UTF-8 bytes
    notes = [image_lookup.spelling_note(pairs.respelled, pairs.respelled[0].path)] if pairs.respelled else []
    return items, [*pairs.findings, *notes, *image_tree.aside_note(aside)]


def stem(path: str) -> str:
    """The name of the file at `path` without its suffix."""
    return stem_of(image_tree.split_path(path)[1])


@dataclass
class _Pairs:
    """Pairs label files with images, one by one; `pending` are those without an image of their stem."""

    tree: image_tree.ImageTree
    opened: Mapping[str, OpenedLabels]
    label_of: dict[str, str] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    pending: list[str] = field(default_factory=list)
    respelled: list[image_lookup.OtherSpelling] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.images = image_tree.Images(self.tree.images)
        self.lookup = image_lookup.ImageLookup(lambda: [path for path in self.tree.images if path not in self.label_of])

    def by_stem(self, label: str) -> None:
        """Pair `label` with the nearest image of its stem, or leave it pending."""
        found = [image for image in self.images.beside(label, stem(label)) if image not in self.left_out]
        found = [image for image in found if stem(image) == stem(label)] or found  # names in another Unicode form
        if found:
            self._pair(label, found)
        else:
            self.pending.append(label)

    def by_lookup(self, label: str) -> None:
        """Pair the pending `label` with the only image whose name is spelled nearly as its stem."""
        match = self.lookup.find(stem(label), self.images.nearness(label))
        if match.path and match.path not in self.label_of:
            self.respelled.append(image_lookup.OtherSpelling(stem(label), match.path, match.way))
        self._pair(label, [match.path] if match.path else list(match.rivals), match.hint)

    def _pair(self, label: str, found: Sequence[str], hint: str = "") -> None:
        if len(found) == 1 and found[0] not in self.label_of:
            self.label_of[found[0]] = label
            return
        why = f"no image of its name{hint}"
        if len(found) > 1:
            why = f"{len(found)} images fit: {', '.join(found)}"
        elif found:
            why = f"{found[0]} has its labels from {self.label_of[found[0]]}"
        self.left_out.update(image for image in found if image not in self.label_of)
        self.findings += _orphan(label, self.opened[label], why)


def _orphan(label: str, file: OpenedLabels, why: str) -> list[Finding]:
    counts = [*file.counts.items(), *([("", file.lost)] if file.lost else [])]
    found = [Finding("label-orphan", f"{count} objects: {why}", label, "", count, name) for name, count in counts]
    return found or [Finding("label-orphan", why, label)]
