"""The work on one sample, which any engine can do anywhere: make its image file, and say what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from bboxprep.errors import ImageError
from bboxprep.findings import Finding
from bboxprep.formats.api import Labels, Writer, image_fault
from bboxprep.geometry.plan import Plan
from bboxprep.images.codecs import codec, lossless
from bboxprep.images.pillow_reader import faults_named
from bboxprep.io.atomic import Place, link_or_copy, output_path, write_bytes
from bboxprep.model.flip_names import FlipMapping
from bboxprep.model.header import Header
from bboxprep.model.instances import Column, Instances
from bboxprep.model.sample import Sample
from bboxprep.model.validation import Location, lost_by_class
from bboxprep.pipeline.output.naming import Output
from bboxprep.pipeline.report.crowds import CrowdPlan

_NOTHING = Instances.of()

Made = Literal["linked", "untagged", "turned-lossless", "turned-re-encoded", "encoded"]


@dataclass(frozen=True)
class ImageFile:
    """An image file: how it was made, the SHA-256 of its source where that was read, and findings.

    `content` is the SHA-256 of the file written, "" of a link.
    """

    made: Made
    digest: str | None = None
    findings: tuple[Finding, ...] = ()
    content: str = ""


class WrittenSample(NamedTuple):
    """One sample whose image is made, with its findings so far: `output` is None where the image was left out.

    `written` is its image file, None where none was made. `objects` are those of the sample and, in their order, the
    crowd regions that were left out because the format has no place for them.
    """

    sample: Sample
    output: Output | None
    written: ImageFile | None = None
    objects: Instances = _NOTHING


class LabelledSample(NamedTuple):
    """One sample after its work, with all its findings: as in `WrittenSample`, and the `labels` that were written of
    it.

    `digests` are the SHA-256 of each label file, by its path.
    """

    sample: Sample
    output: Output | None
    written: ImageFile | None
    objects: Instances
    labels: Labels
    digests: Mapping[str, str]


@dataclass(frozen=True)
class ImageWriter:
    """Makes the image and the labels of a transformed sample below `dest` (nothing, if None)."""

    names: Sequence[str]
    writer: Writer
    dest: Path | None
    encoding: codec.Encoding
    crowd: CrowdPlan
    mirror: FlipMapping
    labels_only: bool = False

    def write_image_of(self, sample: Sample, output: Output | None) -> WrittenSample:
        """The image of `sample` written at `output`; or left out, its objects with it, and findings.

        Raises `TargetError`.
        """
        if sample.header is None or sample.refusal or output is None:
            return self._left_out(sample)
        whole = sample.instances
        sample = self.crowd.apply(sample, self._location(sample)) if Column.CROWD in whole.column_counts else sample
        try:
            written = self._write_image(sample, output)
        except ImageError as error:
            return self._left_out(sample.with_findings(image_fault(error, sample.relative_path, sample.split)))
        renamed = (_renamed(sample, output),) if output.renamed else ()
        noted = sample.with_findings(*renamed, *(written.findings if written else ()))
        return WrittenSample(noted, output, written, whole if self.crowd.kept_aside else sample.instances)

    def label(self, written_sample: Sequence[WrittenSample]) -> list[LabelledSample]:
        """What was `written_sample`, the labels of each written. Raises `TargetError`."""
        labels = [self._labels(one) for one in written_sample]
        if self.dest:
            for path, data in chain.from_iterable([own.files for own in labels]):
                write_bytes(output_path(self.dest, path), data)
        return [_done(one, own) for one, own in zip(written_sample, labels, strict=True)]

    def give_up(self, sample: Sample) -> WrittenSample:
        """`sample`, whose image brings down every process that opens it, left out with its objects."""
        words = "brings down the process that works on it (out of memory, or a fault of its decoder)"
        fault = Finding("image-unreadable", words, sample.relative_path, split=sample.split)
        return self._left_out(sample.with_findings(fault))

    def _write_image(self, sample: Sample, output: Output) -> ImageFile | None:
        if self.dest is None:
            return None
        path = output_path(self.dest, output.image)
        return _linked_if_there(sample.path, path) if self.labels_only else write_image(sample, path, self.encoding)

    def _labels(self, written_sample: WrittenSample) -> Labels:
        sample, output = written_sample.sample, written_sample.output
        if output is None:
            return Labels()
        return self.writer.encode(sample, output.image) if self.dest else Labels(len(sample.instances))

    def _left_out(self, sample: Sample) -> WrittenSample:
        rows = np.ones(len(sample.instances), dtype=np.bool_)
        gone = lost_by_class(
            "image-skipped", sample.instances, rows, self._location(sample), "skipped with their image"
        )
        return WrittenSample(sample.replace_fast(instances=_NOTHING).with_findings(*gone), None)

    def _location(self, sample: Sample) -> Location:
        return Location(sample.relative_path, sample.split, self.mirror.before(self.names, sample))


def _renamed(sample: Sample, output: Output) -> Finding:
    return Finding("name-changed", f"written as {output.image}", sample.relative_path, split=sample.split)


def _done(written_sample: WrittenSample, labels: Labels) -> LabelledSample:
    sample, output, written, objects = written_sample
    digests = {path: sha256(data).hexdigest() for path, data in labels.files}
    return LabelledSample(sample.with_findings(*labels.findings), output, written, objects, labels, digests)


def write_image(sample: Sample, path: Place, encoding: codec.Encoding) -> ImageFile:
    """Write the picture of a transformed sample.

    Where no step changes a pixel the bytes are the source's: linked, or copied with their orientation tags set to 1;
    AVIF and HEIC are written anew all the same. A JPEG that is only turned is turned without loss where that can be,
    else encoded by its own quantisation tables; `encoding` at a quality that is asked for comes before either.
    Raises `ImageError` and `TargetError`.
    """
    header = sample.header
    if header is None or sample.plan is None:
        raise ValueError(f"{sample.path}: not a transformed sample")
    if sample.is_repainted or not sample.plan.is_identity or not codec.keeps_bytes(header):
        source = _read(sample.path)
        data, note, made = _made(sample, header, sample.plan, source, encoding)
        finding = Finding("metadata-dropped", note, path=sample.relative_path, split=sample.split)
        return _written(path, data, made, source, (finding,) if note else ())
    if header.tagged:
        source = _read(sample.path)
        return _written(path, codec.untag(source, header), "untagged", source)
    return _linked(sample.path, path)


def _written(path: Place, data: bytes, made: Made, source: bytes, findings: tuple[Finding, ...] = ()) -> ImageFile:
    write_bytes(path, data)
    return ImageFile(made, sha256(source).hexdigest(), findings, sha256(data).hexdigest())


def _linked(source: Path, path: Place) -> ImageFile:
    return ImageFile("linked", content=link_or_copy(source, path))


def _linked_if_there(source: Path, path: Place) -> ImageFile | None:
    """What came of the image at `source`; None where there is none."""
    try:
        return _linked(source, path)
    except ImageError:
        if source.is_file():
            raise
        return None


def _made(
    sample: Sample, header: Header, plan: Plan, source: bytes, encoding: codec.Encoding
) -> tuple[bytes, str, Made]:
    """The file of a picture that is not its source's, words for `metadata-dropped`, and how it was made."""
    if sample.is_repainted or not plan.is_turn or header.container != "jpeg" or encoding.quality is not None:
        return *codec.encode(sample.pixels(source), sample.path, header, encoding, data=source), "encoded"
    turned = lossless.turned(sample.path, source, header, plan.turn, strip=encoding.strip_metadata)
    if turned:
        return *turned, "turned-lossless"
    pixels = sample.pixels(source)
    return *codec.encode(pixels, sample.path, header, encoding, turn=plan.turn, data=source), "turned-re-encoded"


def _read(path: Path) -> bytes:
    with faults_named(path, "cannot be read"):
        return path.read_bytes()
