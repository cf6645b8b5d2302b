"""DOTA 1.0, 1.5 and 2.0, and datasets of their form: a text file an image, oriented boxes by their corners.

The modules: `sniff` recognises the files, `files` finds them, `stem_pairs` pairs them with images, `rows` parses them,
`writer` writes. The class table is ``classes.txt`` at the root, or the names in a ``data.yaml`` there, as Roboflow
exports it; where all names are those of DOTA, they stand in the order of Ultralytics' numbers, else as they are first
seen. Rows may have hyphens for the blanks of a name there. An image without a file is unlabelled, one whose file is
empty has no objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from bboxprep.errors import AnnotationError, LayoutError
from bboxprep.findings import Finding
from bboxprep.formats import image_tree, stem_pairs
from bboxprep.formats.api import MapEngine, Probe, TextReadOptions, reads
from bboxprep.formats.dota import fields, files, rows
from bboxprep.io.paths import is_within, resolved
from bboxprep.io.text import read_text
from bboxprep.model.categories import MOST_CLASSES, Categories
from bboxprep.model.dataset import Dataset, LazySamples
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample
from bboxprep.model.splits import TRAIN

_MOST_BYTES = 8 << 20  # of the class table


@reads
def read(root: Path, probe: Probe, options: TextReadOptions, spread: MapEngine = map) -> Dataset:
    """The dataset below the folder `root`; every file is parsed once now, and again when its sample is read.

    Raises `LayoutError` where there is none, `AnnotationError` where no file can be read.
    """
    if not root.is_dir():
        raise LayoutError(root, "", "want a folder that holds images and label files of DOTA")
    tree = image_tree.walk(root, ".txt")
    labels, skipped = files.label_paths(root, tree)
    if not labels:
        raise LayoutError(root, "", f"no label files of DOTA here (looked for {fields.LAYOUT})")
    opened, broken = files.open_files(root, labels, spread, options.encoding)
    items, findings = files.pair_images(root, tree, opened, broken)
    categories = _categories(root, [file.counts for file in opened.values()], options.encoding)
    samples = _Samples(root, probe, categories.names, options.encoding)
    return Dataset(
        root=root,
        format="dota",
        categories=categories,
        samples=LazySamples(items, samples.load),
        outlines=LazySamples(items, samples.outlines),
        splits=tuple(dict.fromkeys(item.split for item in items)) or (TRAIN,),
        findings=(*image_tree.link_notes(tree), *skipped, *broken.values(), *findings),
        task="obb",
    )


def _categories(root: Path, counts: Iterable[Mapping[str, int]], encoding: str) -> Categories:
    """The classes of the table at `root` in its order, then those of the files, which have `counts` by class."""
    seen = dict.fromkeys(name for own in counts for name in own)
    table, config = (root / name for name in (fields.CLASSES, fields.CONFIG))
    listed: list[str] = []
    if table.is_file() and is_within(table, resolved(root)):
        lines = read_text(table, _MOST_BYTES, encoding).splitlines()
        listed = [name for line in lines if (name := line.strip())]
    elif config.is_file() and is_within(config, resolved(root)):
        listed = _names_in(config, encoding)
    elif seen.keys() <= set(fields.NAMES):
        listed = [name for name in fields.NAMES if name in seen]
    known = {word for word, name in zip(fields.row_names(listed), listed, strict=True) if word != name}
    names = list(dict.fromkeys([*listed, *(name for name in seen if name not in known)]))
    if len(names) > MOST_CLASSES:
        raise AnnotationError(root, "", f"have {len(names):,} names of classes, want at most {MOST_CLASSES:,}")
    return Categories.from_names(names)


def _names_in(config: Path, encoding: str) -> list[str]:
    """The names of classes in a data.yaml, in their order; none where it has no list or map of them."""
    from bboxprep.io.strict_yaml import load_texts  # imported here because YAML is slow to import and rarely needed

    names = load_texts(config, encoding).get("names", ())
    listed = names.values() if isinstance(names, dict) else names if isinstance(names, list) else ()
    return [name for name in listed if isinstance(name, str) and name]


class _Samples(msgspec.Struct, frozen=True):
    """Makes samples on access; plain data, so that worker processes can have it."""

    root: Path
    probe: Probe
    names: tuple[str, ...]
    encoding: str

    def load(self, items: Sequence[stem_pairs.PairedItem]) -> list[Sample]:
        """The samples of `items`."""
        spellings = (fields.row_names(self.names), self.names)
        numbers = {name: number for names in spellings for number, name in enumerate(names)}
        return [
            self._labelled(item, numbers) if item.label else item.unlabelled(self.root, self.probe) for item in items
        ]

    def outlines(self, items: Sequence[stem_pairs.PairedItem]) -> list[Sample]:
        """The samples of `items` without their objects."""
        return [item.outline(self.root, self.probe) for item in items]

    def _labelled(self, item: stem_pairs.PairedItem, numbers: Mapping[str, int]) -> Sample:
        outline = item.outline(self.root, self.probe)
        try:
            file = files.read_file(self.root / item.label, self.encoding)
        except AnnotationError as error:  # it was changed since it was opened
            return outline.with_findings(Finding("record-unreadable", error.problem, item.label, error.where))
        known, unknown = stem_pairs.known_rows(file.rows, numbers)
        placed = (replace(finding, path=item.label, split=item.split) for finding in (*file.findings, *unknown))
        return outline.replace_fast(
            instances=_instances(known, numbers),
            findings=(*outline.findings, *placed),
            source_count=file.source_count,
            extra={"dota": file.header} if file.header else {},
        )


def _instances(objects: Sequence[rows.DotaRow], numbers: Mapping[str, int]) -> Instances:
    """The columns of `objects`."""
    corners = np.array([row.corners for row in objects], dtype=np.float64).reshape(-1, 4, 2)
    return Instances.of(
        np.concatenate((corners.min(axis=1), corners.max(axis=1)), axis=1),
        [numbers[row.name] for row in objects],
        oriented=corners,
        attributes=[{fields.DIFFICULT: row.difficult} if row.difficult else {} for row in objects],
    )
