"""DOTA 1.0, 1.5 and 2.0, and datasets of their form: a text file an image, oriented boxes by their corners.

The modules: `sniff` recognises the files, `files` finds them, `stem_pairs` pairs them with images, `rows` parses them,
`writer` writes. The class table is ``classes.txt`` at the root, or the names in a ``data.yaml`` there, as Roboflow
exports it; where all names are those of DOTA, they stand in the order of Ultralytics' numbers, else as they are first
seen. Rows may have hyphens for the blanks of a name there. An image without a file is unlabelled, one whose file is
empty has no objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from bboxprep.errors import AnnotationError, LayoutError
from bboxprep.formats import image_tree, reading, stem_pairs
from bboxprep.formats.api import MapEngine, Probe, TextReadOptions, reads
from bboxprep.formats.dota import fields, files, rows
from bboxprep.io.paths import is_within, resolved
from bboxprep.io.text import read_text
from bboxprep.model.categories import MOST_CLASSES, Categories
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Instances
from bboxprep.model.lazy_samples import LazySamples
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
    read_file = partial(files.read_file, options.encoding)
    opened, broken = reading.open_files(partial(stem_pairs.opened_labels, root, read_file), root, labels, spread)
    items, findings = files.pair_images(root, tree, opened, broken)
    categories = _categories(root, [file.counts for file in opened.values()], options.encoding)
    spellings = (fields.row_names(categories.names), categories.names)
    numbers = {name: number for names in spellings for number, name in enumerate(names)}
    samples = stem_pairs.PairedSamples(root, probe, numbers, read_file, _instances)
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


def _instances(objects: Sequence[rows.DotaRow], numbers: Mapping[str, int]) -> Instances:
    """The columns of `objects`."""
    corners = np.array([row.corners for row in objects], dtype=np.float64).reshape(-1, 4, 2)
    return Instances.of(
        np.concatenate((corners.min(axis=1), corners.max(axis=1)), axis=1),
        [numbers[row.name] for row in objects],
        oriented=corners,
        attributes=[{fields.DIFFICULT: row.difficult} if row.difficult else {} for row in objects],
    )
