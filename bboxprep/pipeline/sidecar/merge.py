"""Merges the sidecar into a dataset when an output is read: objects get back the columns that the format lacks.

An image is found by its path, an object by its row. Where a label file is what was written, byte for byte, all its
objects are as they were. Where it is not (somebody edited it, or a tool wrote it anew), an object is still the one that
was written if its class is the same and its box within the format's step; then what the label file holds itself is
taken from there, and only the exact box and the rest from the sidecar. Any other row counts as it reads. So an edit
always wins; a finding ``sidecar-stale`` says how many objects the labels and the sidecar do not agree on.

Nothing in the file is trusted: a bad line is a finding, and a path in it is only ever compared with those of images
that are there, or hashed if it stays below the folder.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from bboxprep import formats
from bboxprep.findings import Finding
from bboxprep.formats.api import Step
from bboxprep.geometry.affine import Size
from bboxprep.io.safe_names import safe_relative
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Instances
from bboxprep.model.object_matching import GONE, UNWRITTEN, Order, Rows, WrittenObjects, combined, combined_order, match
from bboxprep.model.sample import Sample
from bboxprep.model.segmentation import Segmentation
from bboxprep.pipeline.sidecar.classes import KeptClasses
from bboxprep.pipeline.sidecar.index import SidecarIndex, find_sidecar, finding
from bboxprep.pipeline.sidecar.schema import BadLine, KeptImage, unpack

_REWRITING = 2e-6  # of the longer side; that a program that writes the labels anew may move an edge


def rejoin(dataset: Dataset) -> Dataset:
    """`dataset`, as its label files say it, with what the sidecar beside them keeps; as it is where there is none."""
    index = find_sidecar(dataset.root)
    if index is None or (index.head and index.head.format != dataset.format):
        return dataset  # or one that is beside labels of another format than those that are read
    findings = (*dataset.findings, *index.findings)
    if index.head is None:
        return replace(dataset, findings=findings)
    classes = KeptClasses.of(dataset.categories, index.head.categories)
    declared = formats.load(dataset.format)
    step = declared.step(declared.write_options())
    rejoiner = _Rejoiner(index, classes, frozenset(index.head.carries), step, dataset.folder)
    rejoined = replace(
        dataset.map(rejoiner),
        outlines=dataset.outlines,
        categories=classes.categories,
        findings=findings,
        extra={**index.head.extra, **dataset.extra},
    )
    return _with_names(rejoined, index)


def _with_names(dataset: Dataset, index: SidecarIndex) -> Dataset:
    """`dataset` with the names that its images had before the layout of the output changed them, sorted by these; as it
    is where two images would have one name.
    """
    if not any(safe_relative(line.name) for line in index.lines.values()):
        return dataset
    named = dataset.map(partial(_named, index=index))
    outlines = map(named.outline, range(len(named)))
    keys = [(sample.split, str(sample.name)) for sample in outlines]
    if len(set(keys)) < len(keys):
        return dataset
    place = {split: at for at, split in enumerate(dataset.splits)}
    order = sorted(
        range(len(keys)), key=lambda at: (place.get(keys[at][0], 0), keys[at][1].encode("utf-8", "surrogatepass"))
    )
    return named.select(order)


def _named(sample: Sample, index: SidecarIndex) -> Sample:
    line = index.find(sample.path)
    return replace(sample, name=PurePosixPath(line.name)) if line and safe_relative(line.name) else sample


@dataclass(frozen=True)
class _Rejoiner:
    """Rejoins one sample; plain data, so that worker processes can have it."""

    index: SidecarIndex
    classes: KeptClasses
    carries: frozenset[Column]
    step: Step  # of the format
    root: Path  # of the dataset

    def __call__(self, sample: Sample) -> Sample:
        sample = replace(sample, root=self.root, instances=self.classes.relabel(sample.instances))
        line = self.index.find(sample.path)
        if line is None or sample.header is None:
            return sample
        try:
            kept = self.index.read(line)
            objects = unpack(kept, self.classes.count, self.classes.points)
        except BadLine as error:
            return _noted(sample, finding(self.index.path, line.number, f"{error}; left out", sample.split))
        if sample.header.orientation != 1 or sample.header.size != Size(*kept.size):
            have = f"{sample.header.size}, orientation {sample.header.orientation}"
            return _stale(sample, f"the image is {have} and was {Size(*kept.size)}; nothing of it is rejoined")
        sample = replace(sample, id=sample.id or kept.id, extra={**kept.extra, **sample.extra})
        return sample if kept.objects is None else self._with_objects(sample, kept, objects)

    def _with_objects(self, sample: Sample, kept: KeptImage, objects: Instances) -> Sample:
        """`sample` with the `objects` of its line, but for those of which its label file says otherwise now."""
        read = sample.instances
        written = np.array([one.row is not None for one in kept.objects or ()], dtype=np.bool_)
        untouched = self.index.holds_as_written(kept.labels) and len(read) == written.sum()
        if not (sample.labelled or untouched):
            return _stale(sample, "its labels are gone; nothing of it is rejoined") if len(objects) else sample
        labels = self.classes.rows[objects.labels]
        rows = np.full(len(objects), UNWRITTEN)
        slack = None if untouched else self._slack(kept, objects.boxes[written])
        rows[written] = self._match(read, objects.select(written), labels[written], slack)
        rows[labels < 0] = GONE
        order = combined_order(rows, written, len(read))
        told = frozenset() if untouched else self.carries
        instances = combined(replace(objects, labels=np.maximum(labels, 0)), read, order, told)
        sample = replace(
            sample,
            instances=instances,
            segmentation=sample.segmentation and _still_to_read(sample.segmentation, instances, order),
            source_count=sample.source_count + int((rows == UNWRITTEN).sum()),
        )
        return _compared(sample, gone=int((rows == GONE).sum()), new=len(read) - int((rows >= 0).sum()))

    def _slack(self, kept: KeptImage, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far an edge of each of the written `boxes` (N, 4) may lie from where it was: (N,) float64, px."""
        step = self.step if kept.rounded else replace(self.step, pixels=0.0)
        off = step.of(boxes, Size(*kept.size)).max(axis=1, initial=0.0)
        return np.asarray(off + _REWRITING * max(kept.size))

    def _match(self, read: Instances, objects: Instances, labels: Rows, slack: NDArray[np.float64] | None) -> Rows:
        """For each of `objects`, which have the new `labels`, its row in the label file; `GONE` where it has none.

        An edge may lie its `slack` (N,) px from where it was written; None in a file that nobody has touched, where
        only the classes can have got other names.
        """
        kinds = np.append(self.classes.kinds, -1)  # -1, the label of a class that is no more, is alike to no other
        if slack is None:
            return np.where(kinds[read.labels] == kinds[labels], np.arange(len(read)), GONE)
        return match(read.boxes, kinds[read.labels], WrittenObjects.of(objects, kinds[labels]), slack)


def _still_to_read(segmentation: Segmentation, instances: Instances, order: Order) -> Segmentation:
    """`segmentation` for `instances`, of which those that have a mask or no row in the label file need none from it."""
    numbers = (
        0 if mask or row < 0 else segmentation.numbers[row]
        for mask, (_, row) in zip(instances.masks, order, strict=True)
    )
    return replace(segmentation, numbers=tuple(numbers))


def _compared(sample: Sample, gone: int, new: int) -> Sample:
    if not gone and not new:
        return sample
    return _stale(sample, f"{gone} kept objects are not in the labels any more, {new} objects are new or changed there")


def _stale(sample: Sample, message: str) -> Sample:
    return _noted(sample, Finding("sidecar-stale", message, sample.relative_path, split=sample.split))


def _noted(sample: Sample, note: Finding) -> Sample:
    return replace(sample, findings=(*sample.findings, note))
