"""LabelMe: one JSON file an image. It reads the files of LabelMe 3 to 7 and of X-AnyLabeling, in any layout of folders.

The modules: `sniff` recognises the files, `files` opens them and pairs them with images, `shapes` makes objects of
shapes, `writer` writes. LabelMe draws on the image as displayed (since 3.11), X-AnyLabeling on the one as stored; the
size that a file states tells which. Classes stand in the order of ``labels.txt`` at the root, then as they are first
seen. An image without a file is unlabelled, one whose file has no shapes has no objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import msgspec
import numpy as np

from bboxprep.errors import AnnotationError, LayoutError
from bboxprep.findings import Finding
from bboxprep.formats import image_tree, reading
from bboxprep.formats.api import MapEngine, Probe, TextReadOptions, reads
from bboxprep.formats.labelme import fields, shapes
from bboxprep.formats.labelme.files import LabelMeFile, LabelMeItem, label_paths, open_files, pair_images, read_file
from bboxprep.io.lenient_json import BadJson
from bboxprep.io.paths import is_within, resolved
from bboxprep.io.text import read_text
from bboxprep.model.categories import Categories, Category
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Instances
from bboxprep.model.lazy_samples import LazySamples
from bboxprep.model.sample import EMPTY_SAMPLE, Sample
from bboxprep.model.splits import TRAIN

_MOST_BYTES = 8 << 20  # of the class table


@reads
def read(root: Path, probe: Probe, options: TextReadOptions, spread: MapEngine = map) -> Dataset:
    """The dataset below the folder `root`; every file is parsed once now, and again when its sample is read.

    Raises `LayoutError` where there is none, `AnnotationError` where no file can be read.
    """
    if not root.is_dir():
        raise LayoutError(root, "", "want a folder that holds LabelMe files and images")
    tree = image_tree.walk(root, ".json")
    labels, skipped = label_paths(root, tree)
    if not labels:
        raise LayoutError(root, "", f"no LabelMe files here (looked for {fields.LAYOUT})")
    opened, broken = open_files(root, labels, spread, options.encoding)
    items, findings = pair_images(root, tree, opened, broken)
    categories = _categories(root, [file.classes for file in opened.values()], options.encoding)
    samples = _Samples(root, probe, categories, options.encoding)
    return Dataset(
        root=root,
        format="labelme",
        categories=categories,
        samples=LazySamples(items, samples.load),
        outlines=LazySamples(items, samples.outlines),
        splits=tuple(dict.fromkeys(item.split for item in items)) or (TRAIN,),
        findings=(*image_tree.link_notes(tree), *skipped, *findings),
    )


def _categories(root: Path, files: Iterable[Mapping[str, Sequence[str]]], encoding: str) -> Categories:
    """The classes of the table at `root` in its order, then those of `files`; each with the names of its keypoints."""
    keypoints: dict[str, dict[str, None]] = {}
    for classes in files:
        for name, points in classes.items():
            keypoints.setdefault(name, {}).update(dict.fromkeys(points))
    table = root / fields.CLASSES
    listed: list[str] = []
    if table.is_file() and is_within(table, resolved(root)):
        lines = [line.strip() for line in read_text(table, _MOST_BYTES, encoding).split("\n")]
        listed = [name for name in lines if name and (name not in fields.NO_CLASSES or name in keypoints)]
    names = dict.fromkeys([*listed, *keypoints])
    return Categories(tuple(Category(name, keypoints=tuple(keypoints.get(name, ()))) for name in names))


class _Samples(msgspec.Struct, frozen=True):
    """Makes samples on access; plain data, so that worker processes can have it."""

    root: Path
    probe: Probe
    categories: Categories
    encoding: str

    def load(self, items: Sequence[LabelMeItem]) -> list[Sample]:
        """The samples of `items`."""
        return [self._labelled(item) if item.label else self._unlabelled(item) for item in items]

    def outlines(self, items: Sequence[LabelMeItem]) -> list[Sample]:
        """The samples of `items` without their objects."""
        return list(map(self._outline, items))

    def _labelled(self, item: LabelMeItem) -> Sample:
        outline = self._outline(item)
        try:
            file = read_file(self.root / item.label, self.encoding)
            extra = _extra(file)
        except AnnotationError as error:  # it was changed since it was opened
            return outline.with_findings(Finding("record-unreadable", error.problem, item.label, error.where))
        size = item.declared or (outline.header.displayed if outline.header else None)
        objects, findings = shapes.read_objects(file.shapes, size)
        names = self.categories.names
        known = [made for made in objects if made.label in names]
        findings += [
            Finding("category-unknown", "not in the class table", objects=1, category=made.label)
            for made in objects
            if made.label not in names
        ]
        placed = (replace(finding, path=item.label, split=item.split) for finding in findings)
        return outline.replace_fast(
            instances=_instances(known, self.categories),
            findings=(*outline.findings, *placed),
            source_count=len(objects) + sum(finding.objects for finding in findings if finding.where),
            extra={"labelme": extra} if extra else {},
        )

    def _unlabelled(self, item: LabelMeItem) -> Sample:
        unlabelled = Finding("image-unlabelled", "no LabelMe file is about it", item.image, split=item.split)
        return self._outline(item).with_findings(unlabelled)

    def _outline(self, item: LabelMeItem) -> Sample:
        """The sample of `item` without its objects."""
        missing = Finding("image-missing", item.problem, item.image, split=item.split)
        header, findings = (
            (None, (missing,))
            if item.problem
            else reading.probe_image(self.probe, self.root / item.image, self.root, item.split, item.declared)
        )
        return EMPTY_SAMPLE.replace_fast(
            name=PurePosixPath(item.name),
            path=self.root / item.image,
            header=header,
            split=item.split,
            declared=item.declared,
            findings=findings,
            labelled=bool(item.label),
        )


def _extra(file: LabelMeFile) -> dict[str, object]:
    """What a file states of its image besides: its flags, and the keys of other tools."""
    found: dict[str, object] = {}
    for key in file.others.keys() - fields.FILE_KEYS:
        try:
            value = file.value(key)
        except BadJson:
            continue
        if not fields.is_empty(value):
            found[key] = value
    return dict(sorted(found.items()))


_NO_CORNERS = np.full((4, 2), np.nan)


def _instances(objects: Sequence[shapes.ReadObject], categories: Categories) -> Instances:
    """The columns of `objects`."""
    labels = [categories.names.index(made.label) for made in objects]
    points = max((len(category.keypoints) for category in categories), default=0)
    keypoints = np.zeros((len(objects), points, 2))
    visibility = np.zeros((len(objects), points), dtype=np.uint8)
    for row, (made, label) in enumerate(zip(objects, labels, strict=True)):
        for name, (x, y, seen) in made.keypoints.items():
            if name in categories[label].keypoints:
                column = categories[label].keypoints.index(name)
                keypoints[row, column], visibility[row, column] = (x, y), seen
    return Instances.of(
        [made.box for made in objects],
        labels,
        polygons=[made.rings for made in objects],
        masks=[made.mask for made in objects],
        oriented=[_NO_CORNERS if made.oriented is None else made.oriented for made in objects],
        keypoints=keypoints,
        visibility=visibility,
        scores=[made.score for made in objects],
        attributes=[made.attributes for made in objects],
    )
