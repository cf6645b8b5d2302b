"""Mask PNGs: a picture of class indices for each image, and one of object numbers, as in the VOC devkit and labelme.

`layout` finds the files, `pixels` says what values mean, `formats.mask_samples` makes the samples. An image without a
mask is unlabelled; one whose masks show nothing has no objects.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from bboxprep.errors import LayoutError
from bboxprep.formats import mask_samples, object_records
from bboxprep.formats.api import MapEngine, Probe, TextReadOptions, reads
from bboxprep.formats.masks import layout
from bboxprep.formats.masks.pixels import ClassTable, MaskData, read_masks
from bboxprep.io import hashing
from bboxprep.model.categories import Categories
from bboxprep.model.dataset import Dataset
from bboxprep.model.lazy_samples import LazySamples
from bboxprep.model.sample import Sample
from bboxprep.model.splits import TRAIN, order


@reads
def read(root: Path, probe: Probe, options: TextReadOptions, spread: MapEngine = map) -> Dataset:  # noqa: ARG001
    """The dataset below the folder `root`. Raises `LayoutError` or `AnnotationError`."""
    if not root.is_dir():
        raise LayoutError(root, "", f"want a folder with {layout.LAYOUT}")
    names, first = layout.read_classes(root, options.encoding)
    files = layout.find_files(root, layout.read_table(root, options.encoding))
    items = sorted(files.items, key=lambda one: (order(one.split), one.name.encode("utf-8", "surrogatepass")))
    rows = {name: row for row, name in enumerate(dict.fromkeys(names))}
    loader = _Loader(root, probe, ClassTable(rows, first, [rows[name] for name in names]))
    return Dataset(
        root=root,
        format="masks",
        categories=Categories.from_names(tuple(rows)),
        samples=LazySamples.each(items, loader),
        outlines=LazySamples.each(items, loader.outline),
        splits=tuple(dict.fromkeys(item.split for item in items)) or (TRAIN,),
        findings=tuple(files.findings),
    )


class _Loader(msgspec.Struct, frozen=True):
    """Makes samples of images with their masks; plain data, which is pickled for worker processes."""

    root: Path
    probe: Probe
    table: ClassTable

    def __call__(self, item: layout.MaskItem) -> Sample:
        outline, image = self.outline(item), _image(item)
        if not outline.labelled:
            return outline
        try:
            data = MaskData(self._bytes(item.classes), self._bytes(item.objects), item.rows)
            read = read_masks(data, self.table)
        except mask_samples.UNREADABLE as error:
            return image.unreadable(outline, error)
        return image.sample(outline, read.segments, read.listed, labels_digest(data))

    def outline(self, item: layout.MaskItem) -> Sample:
        """The sample of `item` without its objects."""
        return _image(item).outline(self.root, self.probe)

    def _bytes(self, path: str) -> bytes:
        return mask_samples.mask_bytes(self.root / path) if path else b""


def _image(item: layout.MaskItem) -> mask_samples.MaskedImage:
    return mask_samples.MaskedImage(item.split, item.name, item.image, item.objects or item.classes)


def labels_digest(data: MaskData) -> str:
    """The SHA-256 of the labels of an image: its masks, and its rows of the table."""
    table = object_records.json_digest(list(map(list, data.rows)))
    return hashing.bytes_sha256(b"%b%b%b" % (data.classes, data.objects, table.encode()))
