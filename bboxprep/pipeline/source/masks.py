"""Reads instance masks that a format stores in separate images (VOC ``SegmentationObject``, Open Images), when a sample
is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bboxprep.errors import ImageError
from bboxprep.findings import Finding
from bboxprep.images.header import MOST_PIXELS, read_header
from bboxprep.images.pillow_reader import read_indices
from bboxprep.model.rle import Rle
from bboxprep.model.sample import Sample
from bboxprep.model.segmentation import ObjectPictures, Segmentation, fitted_mask, read_masks, unused_values


def with_masks(sample: Sample) -> Sample:
    """`sample`, whose frame is decided, with the masks of its segmentation; findings where masks do not fit."""
    segmentation = sample.segmentation
    if segmentation is None or sample.header is None or sample.refusal:
        return sample if segmentation is None else replace(sample, segmentation=None)
    if isinstance(segmentation, ObjectPictures):
        return _with_pictures(sample, segmentation)
    return _with_numbers(sample, segmentation)


def _with_numbers(sample: Sample, segmentation: Segmentation) -> Sample:
    """`sample` with the masks of one picture, which has the size of the image."""
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
    return _with(sample, masks, [_finding(sample, "mask-misfit", f"{note}; left out") for note in notes])


def _with_pictures(sample: Sample, pictures: ObjectPictures) -> Sample:
    """`sample` with the mask of each object that has a picture, made as large as the image."""
    masks: list[Rle | None] = []
    findings: list[Finding] = []
    for path, box in zip(pictures.paths, sample.boxes, strict=True):
        masks.append(None)
        if path is None:
            continue
        try:
            masks[-1] = fitted_mask(read_indices(path, read_header(path, MOST_PIXELS)), sample.size, box)
        except ImageError as error:
            words = f"{path.name}: {error.problem}; its mask is left out"
            findings.append(_finding(sample, "record-unreadable", words))
            continue
        if masks[-1] is None:
            words = f"the mask of {path.name} is empty or lies elsewhere than the box of its object; left out"
            findings.append(_finding(sample, "mask-misfit", words))
    return _with(sample, masks, findings)


def _with(sample: Sample, masks: Sequence[Rle | None], findings: Sequence[Finding]) -> Sample:
    own = tuple(map(_either, masks, sample.instances.masks))
    instances = replace(sample.instances, masks=own)
    return replace(sample, segmentation=None, instances=instances, findings=(*sample.findings, *findings))


def _either(found: Rle | None, known: Rle | None) -> Rle | None:
    return known if found is None else found


def _without(sample: Sample, code: str, message: str) -> Sample:
    return replace(sample, segmentation=None, findings=(*sample.findings, _finding(sample, code, message)))


def _finding(sample: Sample, code: str, message: str) -> Finding:
    return Finding(code, message, path=sample.relative_path, split=sample.split)
