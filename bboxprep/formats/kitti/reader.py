"""KITTI's object benchmark, and datasets of its form, as NVIDIA TAO reads them: a text file an image, a row an object.

The modules: `sniff` recognises the files, `rows` parses them, `stem_pairs` pairs them with images, `writer` writes.
Labels lie in ``label_2`` beside ``image_2``, or in ``labels`` beside ``images``; where there are folders ``image_2``,
images elsewhere (those of other cameras, the frames before) are left aside. The class table is ``labels.txt`` at the
root; without one, classes are sorted by name, and ``DontCare`` is the last. An image without a file is unlabelled, one
whose file is empty has no objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from bboxprep.errors import AnnotationError, LayoutError
from bboxprep.findings import Finding
from bboxprep.formats import image_tree, label_documents, reading, stem_pairs
from bboxprep.formats.api import MapEngine, Probe, TextReadOptions, reads
from bboxprep.formats.kitti import fields, rows
from bboxprep.io.text import read_text
from bboxprep.model.categories import MOST_CLASSES, Categories
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Instances
from bboxprep.model.lazy_samples import LazySamples
from bboxprep.model.splits import TRAIN

_MOST_BYTES = 1 << 26  # of a label file
_LISTS = "imagesets"  # the folder of lists of images, in lower case


@reads
def read(root: Path, probe: Probe, options: TextReadOptions, spread: MapEngine = map) -> Dataset:
    """The dataset below the folder `root`; every file is parsed once now, and again when its sample is read.

    Raises `LayoutError` where there is none, `AnnotationError` where no file can be read.
    """
    if not root.is_dir():
        raise LayoutError(root, "", "want a folder that holds images and label files of KITTI")
    tree, others = _own_images(image_tree.walk(root, ".txt"))
    labels = _label_paths(root, tree)
    if not labels:
        raise LayoutError(root, "", f"no label files of KITTI here (looked for {fields.LAYOUT})")
    table = tuple(dict.fromkeys(label_documents.class_list(root, options.encoding)))
    read_file = partial(_read_file, table, options.encoding)
    opened, broken = reading.open_files(partial(stem_pairs.opened_labels, root, read_file), root, labels, spread)
    homes = {home for label in opened if (home := _home(label)) is not None}
    place = stem_pairs.SplitHomes(root, tree.images, homes)
    items, findings = stem_pairs.pair_images(tree, opened, broken, place)
    categories = _categories(root, table, [file.counts for file in opened.values()])
    numbers = {name: number for number, name in enumerate(categories.names)}
    samples = stem_pairs.PairedSamples(root, probe, numbers, read_file, _instances)
    return Dataset(
        root=root,
        format="kitti",
        categories=categories,
        samples=LazySamples(items, samples.load),
        outlines=LazySamples(items, samples.outlines),
        splits=tuple(dict.fromkeys(item.split for item in items)) or (TRAIN,),
        findings=(*image_tree.link_notes(tree), *others, *_list_note(tree), *broken.values(), *findings),
    )


def _own_images(tree: image_tree.ImageTree) -> tuple[image_tree.ImageTree, tuple[Finding, ...]]:
    """`tree` with the images of the labelled camera alone, where a folder is called as it is; a note on the others."""
    own = [path for path in tree.images if _is_below(fields.IMAGES, path)]
    if not own:
        return tree, ()
    others = sorted({*tree.images} - {*own})
    return msgspec.structs.replace(tree, images=own), image_tree.aside_note(others)


def _label_paths(root: Path, tree: image_tree.ImageTree) -> list[str]:
    """The label files of `tree`: those with rows, and the others in their folders or in ``label_2`` that are
    named after an image: one without objects has an empty file. Raises `LayoutError` for those of another benchmark.
    """
    files = [path for path in tree.labels if path != label_documents.CLASS_LIST and not _is_below(_LISTS, path)]
    kinds = {path: fields.benchmark_of(root / path) for path in files}
    for path, kind in kinds.items():
        if kind == fields.TRACKING:
            words = "labels of KITTI's tracking benchmark, a file for each video; want those of its object benchmark"
            raise LayoutError(root / path, "line 1", words)
    labels = {path for path, kind in kinds.items() if kind == fields.OBJECTS}
    folders = {image_tree.split_path(path)[0] for path in labels}
    folders |= {image_tree.split_path(path)[0] for path in files if _is_below(fields.LABELS, path)}
    images = image_tree.Images(tree.images)
    return [
        path
        for path in files
        if path in labels or (image_tree.split_path(path)[0] in folders and images.beside(path, stem_pairs.stem(path)))
    ]


def _home(label: str) -> str | None:
    """The folder that has the folder of labels in which the file `label` lies; None where it lies in none."""
    folders = label.lower().split("/")[:-1]
    at = next((at for at, folder in enumerate(folders) if folder in (fields.LABELS, "labels")), None)
    return None if at is None else "/".join(label.split("/")[:at])


def _is_below(folder: str, path: str) -> bool:
    """Whether the file at `path` lies in a folder that is called `folder`, or in one of its folders."""
    return folder in path.lower().split("/")[:-1]


def _list_note(tree: image_tree.ImageTree) -> list[Finding]:
    """The note on lists of images, which are not read."""
    lists = [path for path in tree.labels if _is_below(_LISTS, path)]
    words = f"lists of images are not read ({len(lists):,}); folders name the splits"
    return [Finding("file-skipped", words, lists[0])] if lists else []


def _read_file(table: Sequence[str], encoding: str, path: Path) -> stem_pairs.LabelRows[rows.KittiRow]:
    """The label file at `path`, with classes of the `table`. Raises `AnnotationError`."""
    return rows.parse(read_text(path, _MOST_BYTES, encoding), table)


def _categories(root: Path, table: Sequence[str], counts: Iterable[Mapping[str, int]]) -> Categories:
    """The classes of the `table` in its order, then those of the files by name, which have `counts`, and `DontCare`."""
    seen = {name for own in counts for name in own}
    names = list(dict.fromkeys([*table, *sorted(seen - {fields.DONT_CARE}), *(seen & {fields.DONT_CARE})]))
    if len(names) > MOST_CLASSES:
        raise AnnotationError(root, "", f"have {len(names):,} names of classes, want at most {MOST_CLASSES:,}")
    return Categories.from_names(names)


def _instances(objects: Sequence[rows.KittiRow], numbers: Mapping[str, int]) -> Instances:
    """The columns of the `objects`."""
    return Instances.of(
        np.array([row.box for row in objects], dtype=np.float64).reshape(-1, 4),
        [numbers[row.name] for row in objects],
        crowd=[row.crowd for row in objects],
        scores=[row.score for row in objects],
        attributes=[row.attributes for row in objects],
    )
