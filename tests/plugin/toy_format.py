"""A toy format: ``pictures/<split>/…``, ``<split>.toy.jsonl`` with a line for each image, and ``classes.txt``::

    {"name": "a.png", "size": [640, 480], "objects": [["zebra", 12.5, 30.0, 40.0, 60.25]]}

Corners are x0 y0 x1 y1 in px. The classes stand in their order, a line each. What a format must heed is written in
`bboxprep.formats.api`, and `bboxprep.testing` checks it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from bboxprep.errors import AnnotationError, LayoutError
from bboxprep.findings import Finding
from bboxprep.formats.api import Format, Labels, MapEngine, NoOptions, Probe, Step
from bboxprep.formats.reading import probe_image
from bboxprep.geometry.affine import Size
from bboxprep.io.atomic import write_text
from bboxprep.io.paths import is_within, read_bytes, resolved
from bboxprep.io.safe_names import safe_relative
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Instances
from bboxprep.model.lazy_samples import LazySamples
from bboxprep.model.sample import Sample
from bboxprep.model.splits import order, splits_of

_CLASSES, _PICTURES, _SUFFIX = "classes.txt", "pictures", ".toy.jsonl"
_MOST_BYTES = 1 << 28  # of a file of labels
_CARRIES = frozenset({Column.BOXES})


class _Line(msgspec.Struct):
    name: str
    size: tuple[int, int]
    objects: list[tuple[str, float, float, float, float]] = []


@dataclass(frozen=True)
class _Item:
    """A line of a file of labels, and the folder of its pictures."""

    split: str
    folder: str
    file: str
    number: int
    line: _Line


def _sniff(root: Path) -> str:
    found = next(iter(sorted(root.glob(f"*{_SUFFIX}"))), None) if root.is_dir() else None
    return f"{found.name} holds toy labels" if found else ""


def _read(root: Path, probe: Probe, options: NoOptions, spread: MapEngine = map, /) -> Dataset:
    files = {path.name.removesuffix(_SUFFIX): path for path in root.glob(f"*{_SUFFIX}")} if root.is_dir() else {}
    if not files:
        raise LayoutError(root, "", f"no toy labels here (want <split>{_SUFFIX})")
    splits = splits_of(files)
    if len(set(splits.values())) < len(splits):
        raise LayoutError(root, "", f"two files of one split: {', '.join(sorted(files))}")
    items: list[_Item] = []
    findings: list[Finding] = []
    for name, split in sorted(splits.items(), key=lambda item: order(item[1])):
        own, faults = _items(root, files[name], name, split)
        items += sorted(own, key=lambda item: item.line.name.encode())
        findings += faults
    classes = _classes(root)
    return Dataset(
        root=root,
        format="toy",
        categories=Categories.from_names(classes),
        samples=LazySamples.each(items, _Loader(root, probe, classes)),
        splits=tuple(sorted(splits.values(), key=order)),
        findings=tuple(findings),
    )


def _classes(root: Path) -> tuple[str, ...]:
    path = root / _CLASSES
    try:
        names = tuple(read_bytes(path, _MOST_BYTES).decode("utf-8").split("\n")[:-1])
    except UnicodeDecodeError as error:
        raise AnnotationError(path, "", f"is no UTF-8 ({error})") from error
    if len(set(names)) < len(names):
        raise AnnotationError(path, "", "have a class twice, want each once")
    return names


def _items(root: Path, path: Path, folder: str, split: str) -> tuple[list[_Item], list[Finding]]:
    """The images that are listed in the file at `path`, and findings about lines that list none."""
    items: dict[str, _Item] = {}
    faults: list[Finding] = []
    for number, data in enumerate(read_bytes(path, _MOST_BYTES).split(b"\n"), 1):
        if not data:
            continue
        try:
            line = msgspec.json.decode(data, type=_Line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            faults.append(Finding("record-unreadable", str(error), path.name, f"line {number}", split=split))
            continue
        name = safe_relative(line.name)
        if not name or name in items or not is_within(root / _PICTURES / folder / name, resolved(root)):
            words = f"have the name {line.name!r}, want one below {_PICTURES}/{folder}, and each once"
            lost = len(line.objects)
            faults.append(Finding("record-unreadable", words, path.name, f"line {number}", lost, split=split))
            continue
        line.name = name
        items[name] = _Item(split, folder, path.name, number, line)
    return list(items.values()), faults


@dataclass(frozen=True)
class _Loader:
    """Makes samples of items."""

    root: Path
    probe: Probe
    classes: tuple[str, ...]

    def __call__(self, item: _Item) -> Sample:
        path, line = self.root / _PICTURES / item.folder / item.line.name, item.line
        declared = Size(*line.size) if min(line.size) > 0 else None
        header, seen = probe_image(self.probe, path, self.root, item.split, declared)
        kept = [row for row in line.objects if row[0] in self.classes and all(map(isfinite, row[1:]))]
        lost = len(line.objects) - len(kept)
        words = f"{lost} objects have no known class or no finite corners"
        fault = Finding("record-unreadable", words, item.file, f"line {item.number}", lost, split=item.split)
        return Sample(
            name=PurePosixPath(line.name),
            path=path,
            header=header,
            instances=Instances.of([row[1:] for row in kept], [self.classes.index(row[0]) for row in kept]),
            split=item.split,
            declared=declared,
            findings=(*seen, fault) if lost else seen,
            source_count=len(line.objects),
        )


class ToyWriter:
    """Collects the line of each image, and writes the files when it is closed."""

    stage = ""
    carries = _CARRIES

    def __init__(self, root: Path, dataset: Dataset, options: NoOptions) -> None:  # noqa: ARG002  # it has none
        self._root, self._classes = root, dataset.categories.names
        self._lines: dict[str, list[str]] = {split: [] for split in dataset.splits}

    def paths(self, split: str, name: str) -> tuple[str, ...]:
        """The picture below the folder of its split; its labels stand in the file of all."""
        return (f"{_PICTURES}/{split}/{name}",)

    def encode(self, batch: Batch, images: Sequence[str]) -> list[Labels]:
        """The line of each image, as its entry."""
        names = [self._classes[label] for label in batch.instances.labels]
        rows = [(name, *box) for name, box in zip(names, batch.instances.boxes.tolist(), strict=True)]
        return list(map(_encoded, batch, images, batch.split(rows)))

    def collect(self, entry: Any) -> None:
        """Take the line of one image."""
        split, line = entry
        self._lines[split].append(line)

    @property
    def documents(self) -> tuple[str, ...]:
        """The file of each split, and the class table."""
        return (*map(_labels, self._lines), _CLASSES)

    def close(self) -> None:
        """Write the file of each split, and the class table."""
        for split, lines in self._lines.items():
            write_text(self._root / _labels(split), "".join(f"{line}\n" for line in lines))
        write_text(self._root / _CLASSES, "".join(f"{name}\n" for name in self._classes))


def _encoded(sample: Sample, image: str, rows: list[tuple[str, float, float, float, float]]) -> Labels:
    name = image.removeprefix(f"{_PICTURES}/{sample.split}/")
    line = msgspec.json.encode(_Line(name, (sample.size.width, sample.size.height), rows)).decode("utf-8")
    return Labels(len(rows), entry=[sample.split, line])


def _labels(split: str) -> str:
    return f"{split}{_SUFFIX}"


FORMAT = Format(
    title="Toy",
    layout=f"<split>{_SUFFIX} over pictures/<split>/, and classes.txt",
    sniff=_sniff,
    read=_read,
    write=ToyWriter,
    carries=_CARRIES,
    step=lambda _: Step(),  # shortest decimals that read back as they were
)
