"""Merges the sidecar into a dataset when an output is read: objects get back the columns that the format lacks.

An image is identified by its path, an object by its row. Where a label file has the bytes that were written, all its
objects are restored from the sidecar. Where it was edited or rewritten, an object is still the same one if its class
is equal and its box is within the format's step. Then the columns that the format holds come from the label file, the
exact box and all other columns from the sidecar. Every other row of the label file is a new object. So an edit always
wins; a finding ``sidecar-stale`` says how many objects of the labels and of the sidecar do not match. An image that was
not labelled stays so until its labels list an object.

The sidecar is untrusted input: a bad line is a finding. A path in it is only compared with the paths of images of the
dataset, or hashed where it stays below the folder.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

import msgspec
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
from bboxprep.pipeline.sidecar.classes import MergedClasses
from bboxprep.pipeline.sidecar.index import SidecarIndex, find_sidecar, finding
from bboxprep.pipeline.sidecar.schema import SIDECAR, BadLine, KeptImage, unpack

_REWRITING = 2e-6  # of the longer side: how far a program that rewrites the labels may move an edge


def merge_sidecar(dataset: Dataset) -> Dataset:
    """`dataset` with the columns of its sidecar; unchanged where it has none."""
    index = find_sidecar(dataset.root)
    if index is None or (index.head and index.head.format != dataset.format):
        return dataset  # also where the sidecar belongs to labels of another format
    findings = (*dataset.findings, *index.findings)
    if index.head is None:
        return replace(dataset, findings=findings)
    classes = MergedClasses.of(dataset.categories, index.head.categories)
    declared = formats.load(dataset.format)
    step = declared.step(declared.write_options())
    merge_sample = _SampleMerge(index, classes, frozenset(index.head.carries), step, dataset.folder)
    merged = replace(
        dataset.with_samples(merge_sample),
        outlines=dataset.outlines,
        categories=classes.categories,
        findings=findings,
        extra={**index.head.extra, **dataset.extra},
    )
    return _with_names(merged, index)


def _with_names(dataset: Dataset, index: SidecarIndex) -> Dataset:
    """`dataset` with the names that its images had in the source, sorted by them; unchanged where two images would have
    the same name.
    """
    if not any(safe_relative(line.name) for line in index.lines.values()):
        return dataset
    named = dataset.with_samples(partial(_named, index=index))
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


class _SampleMerge(msgspec.Struct, frozen=True):
    """Merges the line of one sample; plain data, which is pickled for worker processes."""

    index: SidecarIndex
    classes: MergedClasses
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
            return _with_finding(sample, finding(self.index.path, line.number, f"{error}; left out", sample.split))
        if sample.header.orientation != 1 or sample.header.size != Size(*kept.size):
            have = f"{sample.header.size}, orientation {sample.header.orientation}"
            return _stale(sample, f"the image is {have} and was {Size(*kept.size)}; nothing of it is restored")
        sample = replace(sample, id=sample.id or kept.id, extra={**kept.extra, **sample.extra})
        sample = sample if kept.objects is None else self._with_objects(sample, kept, objects)
        return sample if kept.labelled or not sample.labelled or sample.source_count else _unlabelled(sample)

    def _with_objects(self, sample: Sample, kept: KeptImage, objects: Instances) -> Sample:
        """`sample` with the `objects` of its line, except where its label file was edited."""
        read = sample.instances
        written = np.array([one.row is not None for one in kept.objects or ()], dtype=np.bool_)
        same = sample.label_digest == kept.digest if kept.digest else self.index.labels_unchanged(kept.labels)
        untouched = same and len(read) == written.sum()
        if not (sample.labelled or untouched):
            return _stale(sample, "its labels are gone; nothing of it is restored") if len(objects) else sample
        labels = self.classes.from_sidecar[objects.labels]
        rows = np.full(len(objects), UNWRITTEN)
        slack = None if untouched else self._slack(kept, objects.boxes[written])
        rows[written] = self._match(read, objects.select(written), labels[written], sample.size, slack)
        rows[labels < 0] = GONE
        order = combined_order(rows, written, len(read))
        own = frozenset() if untouched else self.carries  # columns of the label file
        instances = combined(replace(objects, labels=np.maximum(labels, 0)), read, order, own)
        sample = replace(
            sample,
            instances=instances,
            segmentation=sample.segmentation and sample.segmentation.of_rows(_remaining_rows(instances, order)),
            source_count=sample.source_count + int((rows == UNWRITTEN).sum()),
        )
        return _with_mismatch(sample, gone=int((rows == GONE).sum()), new=len(read) - int((rows >= 0).sum()))

    def _slack(self, kept: KeptImage, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        """The distance that an edge of each of the written `boxes` (N, 4) may have moved: (N,) float64, px."""
        step = self.step if kept.rounded else msgspec.structs.replace(self.step, pixels=0.0)
        off = step.of(boxes, Size(*kept.size)).max(axis=1, initial=0.0)
        return np.asarray(off + _REWRITING * max(kept.size))

    def _match(
        self, read: Instances, objects: Instances, labels: Rows, size: Size, slack: NDArray[np.float64] | None
    ) -> Rows:
        """For each of `objects` in an image of `size`, with the merged `labels`, its row in the label file; `GONE` for
        none.

        An edge may have moved by `slack` (N,) px. `slack` is None for an unchanged file, in which only classes can have
        been renamed.
        """
        kinds = np.append(self.classes.first_of_name, -1)  # -1, the label of a removed class, matches no other
        if slack is None:
            return np.where(kinds[read.labels] == kinds[labels], np.arange(len(read)), GONE)
        return match(read.boxes, kinds[read.labels], WrittenObjects.of(objects, kinds[labels], size), slack)


def _remaining_rows(instances: Instances, order: Order) -> list[int]:
    """The row in the label file of each of `instances`, -1 where it has a mask of its own or no such row."""
    return [-1 if mask else row for mask, (_, row) in zip(instances.masks, order, strict=True)]


def _with_mismatch(sample: Sample, gone: int, new: int) -> Sample:
    if not gone and not new:
        return sample
    return _stale(sample, f"{gone} kept objects are not in the labels any more, {new} objects are new or changed there")


def _unlabelled(sample: Sample) -> Sample:
    words = f"no label file in the source, as {SIDECAR} says"
    found = Finding("image-unlabelled", words, sample.relative_path, split=sample.split)
    return _with_finding(replace(sample, labelled=False), found)


def _stale(sample: Sample, message: str) -> Sample:
    return _with_finding(sample, Finding("sidecar-stale", message, sample.relative_path, split=sample.split))


def _with_finding(sample: Sample, finding: Finding) -> Sample:
    return replace(sample, findings=(*sample.findings, finding))
