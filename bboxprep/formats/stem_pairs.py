"""Pairs label files with images by their stems, for formats with a text file an image that names no image.

A format parses the words of a row and makes the columns of rows; the rest is done here: the rows of a file
(`LabelRows`), the pairs, and the samples (`PairedSamples`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding, escape_surrogates
from bboxprep.formats import image_lookup, image_tree, reading
from bboxprep.formats.api import Probe
from bboxprep.io.paths import stem_of
from bboxprep.model.instances import Instances
from bboxprep.model.sample import EMPTY_SAMPLE, Sample
from bboxprep.model.splits import split_of

_BLANKS = re.compile(r"[ \t]+")

Place = Callable[[str], tuple[str, str]]
"""``place(image)``: the split and the name of the image at a path."""


class NamedRow(Protocol):
    """One row of a label file, which names its class."""

    @property
    def name(self) -> str: ...  # noqa: D102


Row = TypeVar("Row", bound=NamedRow)


class UnusableRow(Exception):
    """A row that is left out: the code and the message of its finding, and the name of its class."""

    def __init__(self, code: str, problem: str, name: str = "") -> None:
        super().__init__(code, problem, name)
        self.code, self.problem, self.name = code, problem, name


class LabelRows(msgspec.Struct, Generic[Row], frozen=True):
    """The objects of a file, and a finding without a path for each row that is left out."""

    rows: tuple[Row, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def source_count(self) -> int:
        """The rows of the file."""
        return len(self.rows) + sum(finding.objects for finding in self.findings)

    @property
    def extra(self) -> Mapping[str, Any]:
        """What else the file says, as `Sample.extra`."""
        return {}


def parse_lines(
    lines: Iterable[str], parse: Callable[[Sequence[str]], Row]
) -> tuple[tuple[Row, ...], tuple[Finding, ...]]:
    """The row of each of the `lines` that has words, and a finding for each that is none. ``parse(words)`` makes it, or
    raises `UnusableRow`.
    """
    rows, findings = list[Row](), list[Finding]()
    for number, line in enumerate(lines, 1):
        words = _BLANKS.split(line.strip())
        if words == [""]:
            continue
        try:
            rows.append(parse(words))
        except UnusableRow as error:
            where = f"line {number}"
            findings.append(Finding(error.code, error.problem, where=where, objects=1, category=error.name))
    return tuple(rows), tuple(findings)


class OpenedLabels(msgspec.Struct, frozen=True):
    """What is needed of a label file before its sample is read: its objects by class, those of its findings too."""

    counts: dict[str, int]
    lost: int


def opened_labels(root: Path, read: Callable[[Path], LabelRows[Row]], label: str) -> OpenedLabels | Finding:
    """What is needed of the file `label` below `root`, or why ``read(path)`` cannot read it."""
    try:
        file = read(root / label)
    except AnnotationError as error:
        return Finding("record-unreadable", error.problem, label, error.where)
    return OpenedLabels(dict(Counter(row.name for row in file.rows)), len(file.findings))


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


class PairedSamples(msgspec.Struct, Generic[Row], frozen=True):
    """Makes samples on access; plain data, so that worker processes can have it.

    ``read(path)`` reads a label file and raises `AnnotationError`. `numbers` are those of the classes, as rows name
    them; ``columns(rows, numbers)`` makes the objects of rows.
    """

    root: Path
    probe: Probe
    numbers: Mapping[str, int]
    read: Callable[[Path], LabelRows[Row]]
    columns: Callable[[Sequence[Row], Mapping[str, int]], Instances]

    def load(self, items: Sequence[PairedItem]) -> list[Sample]:
        """The samples of `items`."""
        return [self._labelled(item) if item.label else item.unlabelled(self.root, self.probe) for item in items]

    def outlines(self, items: Sequence[PairedItem]) -> list[Sample]:
        """The samples of `items` without their objects."""
        return [item.outline(self.root, self.probe) for item in items]

    def _labelled(self, item: PairedItem) -> Sample:
        outline = item.outline(self.root, self.probe)
        try:
            file = self.read(self.root / item.label)
        except AnnotationError as error:  # it was changed since it was opened
            return outline.with_findings(Finding("record-unreadable", error.problem, item.label, error.where))
        known = [row for row in file.rows if row.name in self.numbers]
        unknown = [
            Finding("category-unknown", "not in the class table", objects=1, category=row.name)
            for row in file.rows
            if row.name not in self.numbers
        ]
        placed = (replace(finding, path=item.label, split=item.split) for finding in (*file.findings, *unknown))
        return outline.replace_fast(
            instances=self.columns(known, self.numbers),
            findings=(*outline.findings, *placed),
            source_count=file.source_count,
            extra=file.extra,
        )


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


class SplitHomes:
    """Tells the split and the name of images. `homes` are the folders that have a folder of labels: where there are
    several, each is a split, whatever its name.
    """

    def __init__(self, root: Path, images: Sequence[str], homes: Collection[str]) -> None:
        self.splits = image_tree.split_folders(root, images)
        self.homes = frozenset(homes) if len(homes) > 1 and "" not in homes else frozenset()

    def __call__(self, image: str) -> tuple[str, str]:
        """The split and the name of the `image`."""
        folders = image.split("/")
        for count in range(len(folders) - 1, 0, -1):
            if (home := "/".join(folders[:count])) in self.homes:
                return split_of(folders[count - 1]), image_tree.name_of(image.removeprefix(f"{home}/"))
        return image_tree.place(image, self.splits)


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
