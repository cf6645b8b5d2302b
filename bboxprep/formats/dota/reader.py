"""DOTA 1.0, 1.5 and 2.0, and datasets of their form: a text file an image, oriented boxes by their corners.

The modules: `sniff` recognises the files, `files` finds them and pairs them with images, `rows` parses them, `writer`
writes. The class table is ``classes.txt`` at the root, or the names in a ``data.yaml`` there, as Roboflow exports it;
where all names are those of DOTA, they stand in the order of Ultralytics' numbers, else as they are first seen. Rows
may have hyphens for the blanks of a name there. An image without a file is unlabelled, one whose file is empty has no
objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import msgspec
import numpy as np

from bboxprep.errors import AnnotationError, LayoutError
from bboxprep.findings import Finding
from bboxprep.formats.api import MapEngine, Probe, TextReadOptions, reads
from bboxprep.formats.dota.fields import CLASSES, CONFIG, DIFFICULT, LAYOUT, NAMES, row_names
from bboxprep.formats.dota.files import DotaItem, label_paths, open_files, pair_images, read_file
from bboxprep.formats.dota.rows import DotaRow
from bboxprep.formats.image_tree import link_notes, walk
from bboxprep.formats.reading import probe_image
from bboxprep.io.paths import is_within, resolved
from bboxprep.io.text import read_text
from bboxprep.model.categories import MOST_CLASSES, Categories
from bboxprep.model.dataset import Dataset, LazySamples
from bboxprep.model.instances import Instances
from bboxprep.model.sample import EMPTY_SAMPLE, Sample
from bboxprep.model.splits import TRAIN

_MOST_BYTES = 8 << 20  # of the class table


@reads
def read(root: Path, probe: Probe, options: TextReadOptions, spread: MapEngine = map) -> Dataset:
    """The dataset below the folder `root`; every file is parsed once now, and again when its sample is read.

    Raises `LayoutError` where there is none, `AnnotationError` where no file can be read.
    """
    if not root.is_dir():
        raise LayoutError(root, "", "want a folder that holds images and label files of DOTA")
    tree = walk(root, ".txt")
    labels, skipped = label_paths(root, tree)
    if not labels:
        raise LayoutError(root, "", f"no label files of DOTA here (looked for {LAYOUT})")
    opened, broken = open_files(root, labels, spread, options.encoding)
    items, findings = pair_images(root, tree, opened, broken)
    categories = _categories(root, [file.counts for file in opened.values()], options.encoding)
    samples = _Samples(root, probe, categories.names, options.encoding)
    return Dataset(
        root=root,
        format="dota",
        categories=categories,
        samples=LazySamples(items, samples.load),
        outlines=LazySamples(items, samples.outlines),
        splits=tuple(dict.fromkeys(item.split for item in items)) or (TRAIN,),
        findings=(*link_notes(tree), *skipped, *broken.values(), *findings),
        task="obb",
    )


def _categories(root: Path, files: Iterable[Mapping[str, int]], encoding: str) -> Categories:
    """The classes of the table at `root` in its order, then those of `files`."""
    seen = dict.fromkeys(name for counts in files for name in counts)
    table, config = (root / name for name in (CLASSES, CONFIG))
    listed: list[str] = []
    if table.is_file() and is_within(table, resolved(root)):
        lines = read_text(table, _MOST_BYTES, encoding).splitlines()
        listed = [name for line in lines if (name := line.strip())]
    elif config.is_file() and is_within(config, resolved(root)):
        listed = _names_in(config, encoding)
    elif seen.keys() <= set(NAMES):
        listed = [name for name in NAMES if name in seen]
    known = {word for word, name in zip(row_names(listed), listed, strict=True) if word != name}
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

    def load(self, items: Sequence[DotaItem]) -> list[Sample]:
        """The samples of `items`."""
        numbers = {name: number for row in (row_names(self.names), self.names) for number, name in enumerate(row)}
        return [self._labelled(item, numbers) if item.label else self._unlabelled(item) for item in items]

    def outlines(self, items: Sequence[DotaItem]) -> list[Sample]:
        """The samples of `items` without their objects."""
        return list(map(self._outline, items))

    def _labelled(self, item: DotaItem, numbers: Mapping[str, int]) -> Sample:
        outline = self._outline(item)
        try:
            file = read_file(self.root / item.label, self.encoding)
        except AnnotationError as error:  # it was changed since it was opened
            return outline.with_findings(Finding("record-unreadable", error.problem, item.label, error.where))
        known = [row for row in file.rows if row.name in numbers]
        unknown = [
            Finding("category-unknown", "not in the class table", objects=1, category=row.name)
            for row in file.rows
            if row.name not in numbers
        ]
        placed = (replace(finding, path=item.label, split=item.split) for finding in (*file.findings, *unknown))
        return outline.replace_fast(
            instances=_instances(known, numbers),
            findings=(*outline.findings, *placed),
            source_count=file.source_count,
            extra={"dota": file.header} if file.header else {},
        )

    def _unlabelled(self, item: DotaItem) -> Sample:
        unlabelled = Finding("image-unlabelled", "no label file", item.image, split=item.split)
        return self._outline(item).with_findings(unlabelled)

    def _outline(self, item: DotaItem) -> Sample:
        """The sample of `item` without its objects."""
        header, findings = probe_image(self.probe, self.root / item.image, self.root, item.split)
        return EMPTY_SAMPLE.replace_fast(
            name=PurePosixPath(item.name),
            path=self.root / item.image,
            header=header,
            split=item.split,
            findings=findings,
            labelled=bool(item.label),
        )


def _instances(rows: Sequence[DotaRow], numbers: Mapping[str, int]) -> Instances:
    """The columns of the objects in `rows`."""
    corners = np.array([row.corners for row in rows], dtype=np.float64).reshape(-1, 4, 2)
    return Instances.of(
        np.concatenate((corners.min(axis=1), corners.max(axis=1)), axis=1),
        [numbers[row.name] for row in rows],
        oriented=corners,
        attributes=[{DIFFICULT: row.difficult} if row.difficult else {} for row in rows],
    )
