"""The work on one sample, which any engine can do anywhere: make its image file, and say what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np

from bboxprep.errors import ImageError
from bboxprep.files import Place, below, link_or_copy, write_bytes
from bboxprep.findings import Finding
from bboxprep.formats.contract import Labels, Writer, image_fault
from bboxprep.geometry.plan import Plan
from bboxprep.images import codec, lossless
from bboxprep.images.opening import faults_named
from bboxprep.model.checks import Location, lost_by_class
from bboxprep.model.handedness import Mirror
from bboxprep.model.header import Header
from bboxprep.model.instances import Column, Instances
from bboxprep.model.sample import Sample
from bboxprep.pipeline.crowds import CrowdPlan
from bboxprep.pipeline.naming import Output

Made = Literal["linked", "untagged", "turned-lossless", "turned-re-encoded", "encoded"]


@dataclass(frozen=True)
class Written:
    """An image file: how it was made, the SHA-256 of its source where that was read, and findings.

    `content` is the SHA-256 of the file written, "" of a link.
    """

    made: Made
    digest: str | None = None
    findings: tuple[Finding, ...] = ()
    content: str = ""


@dataclass(frozen=True)
class Done:
    """One sample after its work, with all its findings: `output` is None where the image was left out.

    `written` is its image file, None where none was made. `objects` are those of the sample and, in their order, the
    crowd regions that were left out because the format has no place for them. `labels` are what was written of them.
    """

    sample: Sample
    output: Output | None
    written: Written | None = None
    objects: Instances = field(default_factory=Instances.of)
    labels: Labels = field(default_factory=Labels)

    @cached_property
    def label_digests(self) -> dict[str, str]:
        """The SHA-256 of each label file, by its path."""
        return {path: sha256(data).hexdigest() for path, data in self.labels.files}


@dataclass(frozen=True)
class Work:
    """Makes the image and the labels of a transformed sample below `dest` (nothing, if None)."""

    names: Sequence[str]
    writer: Writer
    dest: Path | None
    encoding: codec.Encoding
    crowd: CrowdPlan
    mirror: Mirror
    labels_only: bool = False

    def develop(self, sample: Sample, output: Output | None) -> Done:
        """The image of `sample` written at `output`, its labels not yet; or left out with its objects and findings.
        Raises `TargetError`.
        """
        if sample.header is None or sample.refusal or output is None:
            return self._left_out(sample)
        whole = sample.instances
        sample = self.crowd.apply(sample, self._location(sample)) if Column.CROWD in whole.held else sample
        try:
            written = self._write_image(sample, output)
        except ImageError as error:
            finding = image_fault(error, str(sample.name), sample.split)
            return self._left_out(sample.having(findings=(*sample.findings, finding)))
        findings = (*sample.findings, *output.findings, *(written.findings if written else ()))
        objects = whole if self.crowd.kept_aside else sample.instances
        return Done(sample.having(findings=findings), output, written, objects)

    def label(self, made: Sequence[Done]) -> list[Done]:
        """What was `made`, the labels of each written. Raises `TargetError`."""
        labels = [self._labels(one) for one in made]
        for path, data in chain.from_iterable(own.files for own in labels):
            if self.dest:
                write_bytes(below(self.dest, path), data)
        return [
            replace(one, sample=one.sample.having(findings=(*one.sample.findings, *own.findings)), labels=own)
            for one, own in zip(made, labels, strict=True)
        ]

    def give_up(self, sample: Sample) -> Done:
        """`sample`, whose image brings down every process that opens it, left out with its objects."""
        words = "brings down the process that works on it (out of memory, or a fault of its decoder)"
        fault = Finding("image-unreadable", words, str(sample.name), split=sample.split)
        return self._left_out(sample.having(findings=(*sample.findings, fault)))

    def _write_image(self, sample: Sample, output: Output) -> Written | None:
        if self.dest is None or (self.labels_only and not sample.path.is_file()):
            return None
        if self.labels_only:
            return _linked(sample.path, below(self.dest, output.image))
        return write_image(sample, below(self.dest, output.image), self.encoding)

    def _labels(self, made: Done) -> Labels:
        if made.output is None:
            return Labels()
        if self.dest is None:
            return Labels(len(made.sample.instances))
        return self.writer.encode(made.sample, made.output.image)

    def _left_out(self, sample: Sample) -> Done:
        rows = np.ones(len(sample.instances), dtype=np.bool_)
        gone = lost_by_class(
            "image-skipped", sample.instances, rows, self._location(sample), "skipped with their image"
        )
        return Done(sample.having(instances=Instances.of(), findings=(*sample.findings, *gone)), None)

    def _location(self, sample: Sample) -> Location:
        return Location(str(sample.name), sample.split, self.mirror.before(self.names, sample))


def write_image(sample: Sample, path: Place, encoding: codec.Encoding) -> Written:
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
        finding = Finding("metadata-dropped", note, path=str(sample.name), split=sample.split)
        return _written(path, data, made, source, (finding,) if note else ())
    if header.tagged:
        source = _read(sample.path)
        return _written(path, codec.untag(source, header), "untagged", source)
    return _linked(sample.path, path)


def _written(path: Place, data: bytes, made: Made, source: bytes, findings: tuple[Finding, ...] = ()) -> Written:
    write_bytes(path, data)
    return Written(made, sha256(source).hexdigest(), findings, sha256(data).hexdigest())


def _linked(source: Path, path: Place) -> Written:
    return Written("linked", content=link_or_copy(source, path))


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
