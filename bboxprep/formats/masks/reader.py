"""Mask PNGs: a picture of class indices for each image, and one of object numbers, as in the VOC devkit and labelme.

`layout` finds the files, `pixels` says what values mean. The size of a mask tells the plane of a turned photo, for a
mask has no orientation of its own. An image without a mask is unlabelled; one whose masks show nothing has no objects.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

import msgspec

from bboxprep.errors import AnnotationError, LayoutError
from bboxprep.findings import Finding, escape_surrogates
from bboxprep.formats import object_records, reading
from bboxprep.formats.api import MapEngine, Probe, TextReadOptions, reads
from bboxprep.formats.masks import layout
from bboxprep.formats.masks.layout import MaskItem
from bboxprep.formats.masks.pixels import ClassTable, MaskData, read_masks
from bboxprep.geometry.affine import Size
from bboxprep.io import hashing, paths, png
from bboxprep.model.categories import Categories
from bboxprep.model.dataset import Dataset, LazySamples
from bboxprep.model.sample import EMPTY_SAMPLE, Sample
from bboxprep.model.splits import TRAIN, order

_MOST_BYTES = 1 << 30  # of a mask
_HEAD = 64


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

    def __call__(self, item: MaskItem) -> Sample:
        outline, shown = self.outline(item), item.objects or item.classes
        if not outline.labelled:
            return outline
        try:
            data = MaskData(self._bytes(item.classes), self._bytes(item.objects), item.rows)
            read = read_masks(data, self.table)
        except (AnnotationError, ValueError) as error:
            problem = error.problem if isinstance(error, AnnotationError) else str(error)
            fault = Finding("record-unreadable", f"the mask cannot be read: {problem}", shown, split=item.split)
            return outline.with_findings(fault).replace_fast(labelled=False)
        found = [replace(one, path=shown, split=item.split) for one in read.segments.findings]
        return outline.replace_fast(
            instances=read.segments.objects,
            findings=(*outline.findings, *found),
            source_count=read.listed,
            label_digest=labels_digest(data),
        )

    def outline(self, item: MaskItem) -> Sample:
        """The sample of `item` without its objects."""
        shown = item.objects or item.classes
        size = png.png_size(self._start(shown)) if shown else None
        declared = Size(*size) if size else None
        header, findings = reading.probe_image(self.probe, self.root / item.image, self.root, item.split, declared)
        if not shown:
            note = Finding("image-unlabelled", "no mask is called like it", item.image, split=item.split)
            findings = (*findings, note)
        return EMPTY_SAMPLE.replace_fast(
            name=PurePosixPath(escape_surrogates(item.name)),
            path=self.root / item.image,
            header=header,
            split=item.split,
            declared=declared,
            findings=findings,
            labelled=bool(shown),
        )

    def _bytes(self, path: str) -> bytes:
        return paths.read_bytes(self.root / path, _MOST_BYTES) if path else b""

    def _start(self, path: str) -> bytes:
        try:
            return paths.read_start(self.root / path, _HEAD)
        except OSError as error:
            paths.refuse_passing(error, self.root / path)
            return b""


def labels_digest(data: MaskData) -> str:
    """The SHA-256 of the labels of an image: its masks, and its rows of the table."""
    table = object_records.json_digest(list(map(list, data.rows)))
    return hashing.bytes_sha256(b"%b%b%b" % (data.classes, data.objects, table.encode()))
