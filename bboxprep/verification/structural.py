"""The first layer of verification: files, sizes, tags, ids and counts of an output, compared with its record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bboxprep.errors import ImageError
from bboxprep.findings import Severity
from bboxprep.images.codecs.independent_decoder import decode_displayed, read_pillow_header
from bboxprep.io.hashing import bytes_sha256
from bboxprep.io.paths import IMAGE_SUFFIXES, relative_path
from bboxprep.io.remote import member
from bboxprep.model.filters import DUPLICATE
from bboxprep.model.sample import Sample
from bboxprep.model.splits import splits_of
from bboxprep.pipeline.output.image_rows import BYTE_PRESERVING, ImageRow
from bboxprep.pipeline.work.stages import staged
from bboxprep.verification.arithmetic import Derived, derive
from bboxprep.verification.augmentation_check import augment_of, drawn_faults
from bboxprep.verification.class_balance import copy_faults
from bboxprep.verification.class_comparison import class_faults
from bboxprep.verification.faults import Fault, Layer
from bboxprep.verification.isolated import isolated_faults
from bboxprep.verification.oriented import overreach
from bboxprep.verification.removals import removal_totals
from bboxprep.verification.verification_inputs import FILTERED, VerificationInputs, described, names_of

SPILL = 0.01  # px; how far rounding may move a box over an edge
_RENAMED = {  # findings of the reader that are faults with another code
    "size-contradicts": "size-differs",
    "size-swapped": "size-differs",
    "box-outside": "outside-range",
    "box-degenerate": "outside-range",
    "box-not-finite": "outside-range",
}


@dataclass(frozen=True)
class Contents:
    """The numbers of images and objects of an output, by split and by class."""

    images: Counter[str]
    objects: Counter[str]
    classes: Counter[str]


def image_faults(case: VerificationInputs, image: ImageRow) -> Iterator[Fault]:
    """The faults of one image of the output, its file and its labels."""
    if image.output is None:
        yield from _left_out(case, image)
        return
    path, sample = member(case.run.root / image.output), case.written(image)
    if not path.is_file():
        yield _fault("image-missing", image.output, f"was written from {image.source}, and is gone")
        return
    if sample is None:
        yield _fault("image-unlisted", image.output, "the labels of the output do not name it")
        return
    yield from _sample_findings(sample, image.output)
    yield from _size_faults(case, image, sample, path)
    yield from _label_faults(case, image.output, sample)
    yield from _count_faults(case, image, sample)
    if sample.header is not None:  # without a header the reader may have refused a link that leads out
        yield from _bytes_changed(case, image, path)
    yield from _source_changed(case, image)
    yield from drawn_faults(case, image)


def dataset_faults(case: VerificationInputs, contents: Contents) -> Iterator[Fault]:
    """The faults of the output as a whole, whose images have the `contents`."""
    yield from _stray_images(case)
    yield from _repeated_outputs(case.run.images)
    yield from copy_faults(case, augment_of(case.run.record.recipe))
    yield from isolated_faults(case)
    yield from _class_faults(case)
    yield from class_faults(case)
    yield from _totals(case, contents)
    yield from removal_totals(case)
    yield from _strict_faults(case, "")
    for finding in case.output.dataset.findings:
        if finding.severity is Severity.FAULT:
            yield _fault(_RENAMED.get(finding.code, finding.code), finding.path, finding.message, finding.where)


def contents_of(case: VerificationInputs) -> Contents:
    """The contents of the output, counted from its labels."""
    dataset, contents = case.output.dataset, Contents(Counter(), Counter(), Counter())
    for batch in staged(dataset.batches(), len(dataset), "counting", len):
        for split, header, count in zip(batch.values("split"), batch.headers, batch.counts.tolist(), strict=True):
            contents.images[split] += header is not None
            contents.objects[split] += count
        objects = np.bincount(batch.instances.labels, minlength=len(dataset.classes)).tolist()
        contents.classes.update(dict(zip(dataset.classes, objects, strict=True)))
    return contents


def _fault(code: str, image: str, message: str, where: str = "", amount: float = 0.0) -> Fault:
    return Fault(Layer.STRUCTURAL, code, image, where, message, amount)


def _left_out(case: VerificationInputs, image: ImageRow) -> Iterator[Fault]:
    """The fault of an image that was left out: no finding says why, or nothing that can be seen keeps it out."""
    codes = case.noted.get(image.source, frozenset())
    if not codes:
        yield _fault("image-missing", image.source, "was not written, and no finding says why")
    elif "image-unread" in codes:
        words = "was not written, for the system failed to read it; the same command tries it again"
        yield _fault("image-missing", image.source, words)
    elif not codes & {FILTERED, DUPLICATE} and _can_be_written(case, image, codes):  # their rules are asked elsewhere
        words = f"was not written ({', '.join(sorted(codes))}), and can be read and transformed"
        yield _fault("image-missing", image.source, words)


def _can_be_written(case: VerificationInputs, image: ImageRow, codes: frozenset[str]) -> bool:
    """Whether the source of `image`, which was left out with findings of the `codes`, can be read, and the recipe
    leaves something of it.
    """
    origin = case.origin(image)
    if origin is None or origin.header is None or origin.refusal:
        return False
    header, path = origin.header, origin.path
    wants_decision = header.depth > 8 or header.frames > 1
    if wants_decision and "image-refused" in codes:  # the record does not say whether the run had been given one
        return False
    try:
        decode_displayed(path, header.container, case.file(image, path))
    except ImageError:
        return False
    return isinstance(derive(case.recipe(image), header.size, header.orientation), Derived)


def _sample_findings(sample: Sample, output: str) -> Iterator[Fault]:
    """The findings of the reader on the image and its labels, as faults."""
    for finding in sample.findings:
        if finding.severity is Severity.FAULT or finding.code in _RENAMED:
            yield _fault(_RENAMED.get(finding.code, finding.code), output, finding.message, finding.where)
    header = sample.header
    if header is not None and header.tagged:
        words = header.disputed or header.invalid or f"says orientation {header.orientation} in EXIF or XMP"
        yield _fault("tag-present", output, f"{words} (want 1 or none)")


def _size_faults(case: VerificationInputs, image: ImageRow, sample: Sample, path: Path) -> Iterator[Fault]:
    try:
        seen = read_pillow_header(path, sample.header.container if sample.header else "jpeg", case.file(image, path))
    except ImageError as error:
        yield _fault("image-unreadable", str(image.output), error.problem)
        return
    if seen.orientation != 1 and not (sample.header and sample.header.tagged):
        yield _fault("tag-present", str(image.output), f"Pillow reads orientation {seen.orientation} (want 1)")
    for who, size in (("the record", image.output_size), ("the labels", sample.declared)):
        if size is not None and size != seen.displayed:
            yield _fault("size-differs", str(image.output), f"{who} say {size}, the image is {seen.displayed}")


def _label_faults(case: VerificationInputs, output: str, sample: Sample) -> Iterator[Fault]:
    if sample.header is None:
        return
    size, over = sample.size, overreach(sample.instances, sample.size)
    names = names_of(sample, case.output.dataset)
    for row in np.flatnonzero(~(over <= SPILL)):
        words = f"the box reaches {over[row]:.3g} px out of an image of {size}"
        yield _fault("outside-range", output, words, described(int(row), names[row]), float(over[row]))
    yield from _strict_faults(case, output)


def _strict_faults(case: VerificationInputs, output: str) -> Iterator[Fault]:
    """The faults in the label file of the image `output` that other programs refuse; "": in the documents."""
    for found in case.format.check(case.run.root, output, case.options):
        yield _fault(found.code, found.path or output, found.message, found.where)


def _count_faults(case: VerificationInputs, image: ImageRow, sample: Sample) -> Iterator[Fault]:
    """The fault of a wrong number of objects. With a source the geometric layer says which ones."""
    have, want = len(sample.instances), image.objects.written
    if have != want and case.source is None:
        code = "object-missing" if have < want else "object-extra"
        yield _fault(code, str(image.output), f"has {have} objects, the record says {want}")


def _bytes_changed(case: VerificationInputs, image: ImageRow, path: Path) -> Iterator[Fault]:
    """The fault of a copied or linked image that has not the recorded bytes of its source."""
    if image.made in BYTE_PRESERVING and image.sha256 and _digest(case, image, path) not in ("", image.sha256):
        words = f"has other bytes than {image.source} had when it was {image.made}"
        yield _fault("image-changed", str(image.output), words)


def _source_changed(case: VerificationInputs, image: ImageRow) -> Iterator[Fault]:
    origin = case.origin(image)
    if image.sha256 is None or origin is None:
        return
    digest = _digest(case, image, origin.path)
    if digest and digest != image.sha256:
        words = f"{image.source} has changed since {image.output} was made of it"
        yield _fault("source-changed", str(image.output), words)


def _digest(case: VerificationInputs, image: ImageRow, path: Path) -> str:
    """The SHA-256 of the file at `path`, the output or the source of `image`; "" where it cannot be read."""
    try:
        return bytes_sha256(case.file(image, path))
    except ImageError:
        return ""


def _stray_images(case: VerificationInputs) -> Iterator[Fault]:
    """The faults of image files that have no row, also in packed files."""
    root, known = case.run.root, case.run.outputs
    files = (path for path in root.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    packed = (place for place in case.output.places if place not in known and member(root / place).is_file())
    found, masks = {*(relative_path(path, root) for path in files), *packed}, case.format.masks_in
    for below in sorted(path for path in found - known.keys() if not (masks and path.startswith(masks))):
        yield _fault("image-extra", below, "lies in the output, and the record does not name it")


def _repeated_outputs(images: Iterable[ImageRow]) -> Iterator[Fault]:
    counts = Counter(image.output for image in images if image.output)
    for output, count in counts.items():
        if count > 1:
            yield _fault("record-damaged", output, f"has {count} rows in the record, want one")


def _class_faults(case: VerificationInputs) -> Iterator[Fault]:
    tables = case.run.record.names, case.output.dataset.categories.names
    recorded, have = ([name for name in names if name not in case.format.not_classes] for names in tables)
    if have != recorded[: len(have)] or len(have) < len(recorded):
        words = f"have {', '.join(have) or 'none'}; the record says {', '.join(recorded) or 'none'}"
        yield _fault("classes-differ", "", words)


def _totals(case: VerificationInputs, contents: Contents) -> Iterator[Fault]:
    """The faults of counts by split and by class that differ from the record."""
    record = case.run.record
    written = [row.split for row in record.splits if row.images_out]
    read_as = splits_of(written) if len(case.output.dataset.splits) == 1 else {}
    splits = [(row, read_as.get(row.split, row.split)) for row in record.splits]
    totals = [
        *((f"split {row.split}", "images", contents.images[name], row.images_out) for row, name in splits),
        *((f"split {row.split}", "objects", contents.objects[name], row.objects_out) for row, name in splits),
        *((f"class {row.name}", "objects", contents.classes[row.name], row.objects_out) for row in record.classes),
    ]
    for where, what, have, want in totals:
        if have != want:
            words = f"holds {have} {what}, the record says {want}"
            yield _fault("count-differs", "", words, where, abs(have - want))
