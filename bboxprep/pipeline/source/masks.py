"""Reads instance masks that a format stores in separate images (VOC ``SegmentationObject``), when a sample is read."""

from __future__ import annotations

from dataclasses import replace

from bboxprep.errors import ImageError
from bboxprep.findings import Finding
from bboxprep.images.header import MOST_PIXELS, read_header
from bboxprep.images.pillow_reader import read_indices
from bboxprep.model.rle import Rle
from bboxprep.model.sample import Sample
from bboxprep.model.segmentation import read_masks, unused_values


def with_masks(sample: Sample) -> Sample:
    """`sample`, whose frame is decided, with the masks of its segmentation; findings where masks do not fit."""
    segmentation = sample.segmentation
    if segmentation is None or sample.header is None or sample.refusal:
        return sample if segmentation is None else replace(sample, segmentation=None)
    try:
        header = read_header(segmentation.path, max(MOST_PIXELS, sample.size.pixels))
        if header.size != sample.size:  # checked before it is decoded: it may be far larger than the image
            message = f"{segmentation.path.name} is {header.size}, the image {sample.size}; its masks are left out"
            return _without(sample, "mask-misfit", message)
        indices = read_indices(segmentation.path, header)
    except ImageError as error:
        problem = f"{segmentation.path.name}: {error.problem}; its masks are left out"
        return _without(sample, "record-unreadable", problem)
    masks, left_out = read_masks(indices, segmentation.numbers, sample.instances.boxes)
    notes = []
    if left_out:
        notes.append(f"{left_out} masks of {segmentation.path.name} lie elsewhere than the boxes of their objects")
    if others := unused_values(indices, sample.source_count):
        shown = ", ".join(map(str, others))
        notes.append(f"{segmentation.path.name} shows objects {shown}, the labels have {sample.source_count}")
    return replace(
        sample,
        segmentation=None,
        instances=replace(sample.instances, masks=tuple(map(_either, masks, sample.instances.masks))),
        findings=(*sample.findings, *(_finding(sample, "mask-misfit", f"{note}; left out") for note in notes)),
    )


def _either(found: Rle | None, known: Rle | None) -> Rle | None:
    return known if found is None else found


def _without(sample: Sample, code: str, message: str) -> Sample:
    return replace(sample, segmentation=None, findings=(*sample.findings, _finding(sample, code, message)))


def _finding(sample: Sample, code: str, message: str) -> Finding:
    return Finding(code, message, path=sample.relative_path, split=sample.split)
