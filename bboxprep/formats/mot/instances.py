"""Reads the PNGs of MOTS: gray of 16 bits, each value an object, its class times 1000 plus its number in the class.

``instances/`` lies beside ``images/``, with the same folders of sequences in both or without; a PNG is called like its
image. Classes are the lines of ``instances/labels.txt``, as Datumaro writes it; without it those of MOTS, all of them,
for which of them occur only the pixels tell. The value is the track, as in the text files (`masks`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from bboxprep.findings import Finding
from bboxprep.formats import image_tree, label_documents, mask_samples, record_values, segment_pixels
from bboxprep.formats.api import Probe
from bboxprep.formats.mot import fields, masks
from bboxprep.io import hashing, paths
from bboxprep.model.categories import Categories
from bboxprep.model.dataset import Dataset
from bboxprep.model.lazy_samples import LazySamples
from bboxprep.model.sample import Sample
from bboxprep.model.splits import TRAIN, order

_OF_CLASS = 1000  # values of each class


def instances_dataset(
    root: Path, folders: Sequence[Path], tree: image_tree.ImageTree, probe: Probe, encoding: str
) -> Dataset:
    """The dataset at `root` of the images of `tree` that lie beside the `folders` of PNGs. Raises `AnnotationError` for
    a list of classes that cannot be read.
    """
    tables = {paths.relative_path(one, root): label_documents.class_list(one, encoding) for one in folders}
    known = (table or fields.MASK_CLASSES.values() for table in tables.values())
    classes = tuple(dict.fromkeys(name for names in known for name in names))
    pngs = {paths.stem_of(path): path for path in tree.images if _folder_of(path, tables)}
    images = [path for path in tree.images if not _folder_of(path, tables)]
    pairs = {path: pngs.pop(stem) for path in images if (stem := _stem_of_png(path)) in pngs}
    unlabelled, aside = image_tree.unlabelled_images(images, pairs, ())
    found = [*pairs, *unlabelled]
    splits = image_tree.split_folders(root, found)
    items = [mask_samples.MaskedImage(*image_tree.place(path, splits), path, pairs.get(path, "")) for path in found]
    items.sort(key=lambda one: (order(one.split), one.name.encode("utf-8", "surrogatepass")))
    loader = _Loader(root, probe, tables, {name: row for row, name in enumerate(classes)})
    notes = [*image_tree.link_notes(tree), *image_tree.aside_note(aside)]
    if pngs:
        words = f"PNGs of instances have no image of their name ({len(pngs):,}); left out"
        notes.append(Finding("label-orphan", words, next(iter(pngs.values()))))
    return Dataset(
        root=root,
        format="mot",
        categories=Categories.from_names(classes),
        samples=LazySamples.each(items, loader),
        outlines=LazySamples.each(items, loader.outline),
        splits=tuple(dict.fromkeys(one.split for one in items)) or (TRAIN,),
        findings=tuple(notes),
    )


def _folder_of(path: str, folders: Mapping[str, object]) -> str:
    """That of the `folders` which the file at `path` lies in, "" for none."""
    return next((one for one in folders if path.startswith(f"{one}/")), "")


def _stem_of_png(image: str) -> str:
    """The path, without suffix, of the PNG of the `image`."""
    folder, name = image_tree.split_path(image)
    images = image_tree.base_of(folder)
    instances = image_tree.join_path(image_tree.split_path(images)[0], fields.INSTANCES)
    return paths.stem_of(f"{instances}{folder[len(images) :]}/{name}")


class _Loader(msgspec.Struct, frozen=True):
    """Makes samples of images with their PNGs; plain data, which is pickled for worker processes."""

    root: Path
    probe: Probe
    tables: Mapping[str, Sequence[str]]  # the classes by the folder of PNGs
    rows: Mapping[str, int]

    def __call__(self, item: mask_samples.MaskedImage) -> Sample:
        outline = self.outline(item)
        if not item.mask:
            return outline
        try:
            data = mask_samples.mask_bytes(self.root / item.mask)
            found = read_instances(data, self.tables[_folder_of(item.mask, self.tables)], self.rows)
        except mask_samples.UNREADABLE as error:
            return item.unreadable(outline, error)
        listed = len(found.objects) + sum(one.objects for one in found.findings)
        return item.sample(outline, found, listed, hashing.bytes_sha256(data))

    def outline(self, item: mask_samples.MaskedImage) -> Sample:
        """The sample of `item` without its objects."""
        return item.outline(self.root, self.probe)


def read_instances(data: bytes, table: Sequence[str], rows: Mapping[str, int]) -> segment_pixels.Segments:
    """The objects of the PNG `data`, whose classes are those of `table`, else those of MOTS; `rows` are the labels of
    classes by name. A value of no class is a finding. Raises ValueError for a PNG that cannot be read.
    """
    ids = segment_pixels.gray_values(data).astype(np.int32)
    values = [value for value in np.unique(ids).tolist() if value]
    listed: list[segment_pixels.Segment] = []
    findings: list[Finding] = []
    for value in values:
        where = f"value {value}"
        try:
            name, crowd = masks.class_of(value // _OF_CLASS, table)
        except record_values.UnusableRecord as error:
            findings.append(error.finding(where, ""))
            continue
        listed.append(segment_pixels.Segment(value, rows[name], None, where, crowd, track=value))
    found = segment_pixels.segment_objects(listed, ids, values, "")
    return segment_pixels.Segments(found.objects, (*findings, *found.findings))
