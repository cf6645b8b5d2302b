"""Writes the image file and the label files of one sample, wherever an engine runs it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from bboxprep.errors import ImageError, TargetError
from bboxprep.findings import Finding
from bboxprep.formats.api import Labels, Writer
from bboxprep.formats.reading import image_fault
from bboxprep.geometry.plan import Plan
from bboxprep.images.codecs import codec, lossless
from bboxprep.images.container import NAMES
from bboxprep.images.header import refuse_changed
from bboxprep.io.atomic import Place, output_path, write_bytes
from bboxprep.io.copying import Check, ImagePlacement, accept, copy_file, link_file, read_file
from bboxprep.io.hashing import bytes_sha256
from bboxprep.io.remote import is_stored
from bboxprep.model.batch import Batch
from bboxprep.model.columns import Column
from bboxprep.model.flip_names import FlipMapping
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample
from bboxprep.model.validation import Location, drop_findings_by_class
from bboxprep.pipeline.output.image_rows import WriteMethod, WrittenSample
from bboxprep.pipeline.output.naming import Output
from bboxprep.pipeline.report.crowds import CrowdPlan
from bboxprep.pipeline.resume.fingerprint import OutputFile, stamp_of

_NOTHING = Instances.of()


class ImageWriter(msgspec.Struct, frozen=True):
    """Writes the image and the labels of transformed samples below `dest`; None for a dry run, which writes nothing.

    `names` (C,) are the classes of the output. `labels_only` and `images` are those of the `RunOptions`.
    """

    names: Sequence[str]
    writer: Writer
    dest: Path | None
    encoding: codec.Encoding
    crowd: CrowdPlan
    flip_mapping: FlipMapping
    labels_only: bool = False
    images: ImagePlacement = "copy"

    def write_image(self, sample: Sample, output: Output | None) -> WrittenSample:
        """Write the image of `sample` to `output`. Where `output` is None or the image cannot be read, the image and
        its objects are left out, with findings. Raises `TargetError`.
        """
        if sample.header is None or sample.refusal:
            return self._leave_out(sample)
        if output is None:
            return self._leave_out_unread(sample, "could not be read when this run looked for its size, but later")
        whole = sample.instances
        sample = self.crowd.apply(sample, self._location(sample)) if Column.CROWD in whole.column_counts else sample
        objects = whole if self.crowd.in_sidecar else sample.instances
        try:
            return self._write(_renamed(sample, output) if output.renamed else sample, output)._replace(objects=objects)
        except ImageError as error:
            return self._leave_out(sample.with_findings(image_fault(error, sample.relative_path, sample.split)))

    def write_labels(self, samples: Sequence[WrittenSample]) -> list[WrittenSample]:
        """Write the labels of `samples`, whose images are written; returns them with their labels. Raises
        `TargetError`.
        """
        encoded = iter(self._encode_labels([(one.sample, one.output) for one in samples if one.output]))
        return [self._with_labels(one, next(encoded)) if one.output else one for one in samples]

    def give_up(self, sample: Sample) -> WrittenSample:
        """`sample` left out with its objects, because its image kills every process that opens it."""
        return self._leave_out_unread(
            sample, "kills the process that decodes it (out of memory, or a fault of its decoder)"
        )

    def _write(self, sample: Sample, output: Output) -> WrittenSample:
        """Write the image file of `sample`.

        Where no step changes a pixel, it has the bytes of the source, with the orientation tag, if any, set to 1,
        unless it is of another kind than is written (`Encoding.image_format`). Raises `ImageError` and `TargetError`.
        """
        header = sample.header
        if (self.labels_only or self.images == "none") and header and not codec.keeps_bytes(header):
            words = f"is a {NAMES[header.container]} by its name, which trainers skip, and is not converted unopened"
            kept = Finding("image-unconverted", words, sample.relative_path, split=sample.split)
            sample = sample.with_findings(kept)
        if self.dest is None or self.images == "none":
            return WrittenSample(sample, output)
        if self.labels_only:
            return self._keep_if_there(sample, output, self.dest)
        if header is None or sample.plan is None:
            raise ValueError(f"{sample.path}: not a transformed sample")
        if sample.is_redrawn or not sample.plan.is_identity or not codec.keeps_bytes(header, self.encoding):
            source = read_file(sample.path)
            data, note, method = _encoded(sample, header, sample.plan, source, self.encoding)
            if note:
                dropped = Finding("metadata-dropped", note, path=sample.relative_path, split=sample.split)
                sample = sample.with_findings(dropped)
            return self._write_bytes(sample, output, data, method, source)
        if header.tagged:
            source = read_file(sample.path)
            return self._write_bytes(sample, output, codec.untag(source, header), "untagged", source)
        return self._keep(sample, output, self.dest)

    def _write_bytes(
        self, sample: Sample, output: Output, data: bytes, method: WriteMethod, source: bytes
    ) -> WrittenSample:
        """Write the image file `data`, which was made from the bytes `source`."""
        file = self._write_file(output.image, data)
        return WrittenSample(sample, output, method, bytes_sha256(source), (file,))

    def _keep(self, sample: Sample, output: Output, dest: Path) -> WrittenSample:
        """Write the image file with the bytes of the source."""
        place = _place_staged if self.writer.stage else _PLACE[self.images]
        digest, method = place(sample.path, output_path(dest, output.image), self._check(sample))
        return WrittenSample(sample, output, method, digest, (self._file(output.image, digest),))

    def _check(self, sample: Sample) -> Check:
        """A check that a file is the one that was looked at; none of an image whose size the labels state."""
        if sample.header is None or self.labels_only or is_stored(sample.path):
            return accept
        return partial(refuse_changed, sample.path, sample.header)

    def _keep_if_there(self, sample: Sample, output: Output, dest: Path) -> WrittenSample:
        try:
            return self._keep(sample, output, dest)
        except ImageError:
            if sample.path.is_file():
                raise
            return WrittenSample(sample, output)

    def _encode_labels(self, samples: Sequence[tuple[Sample, Output]]) -> Sequence[Labels]:
        if not self.dest:
            return [Labels(len(sample.instances)) for sample, _ in samples]
        batch = Batch.of([sample for sample, _ in samples])
        return self.writer.encode(batch, [output.image for _, output in samples])

    def _with_labels(self, written: WrittenSample, labels: Labels) -> WrittenSample:
        """Write the files of `labels`; returns `written` with them."""
        files = [self._write_file(path, data) for path, data in labels.files] if self.dest else []
        return written._replace(
            sample=written.sample.with_findings(*labels.findings), files=(*written.files, *files), labels=labels
        )

    def _write_file(self, path: str, data: bytes) -> OutputFile:
        if self.dest:
            write_bytes(output_path(self.dest, path), data)
        return self._file(path, bytes_sha256(data))

    def _file(self, path: str, digest: str) -> OutputFile:
        """The written file at `path`, with its stamp in a storage."""
        stamp = stamp_of(self.dest / path) if self.dest and is_stored(self.dest) else None
        return OutputFile(path, digest, stamp)

    def _leave_out_unread(self, sample: Sample, words: str) -> WrittenSample:
        fault = Finding("image-unread", words, sample.relative_path, split=sample.split)
        return self._leave_out(sample.with_findings(fault))

    def _leave_out(self, sample: Sample) -> WrittenSample:
        """`sample` without its objects, with a finding for each class of them."""
        rows = np.ones(len(sample.instances), dtype=np.bool_)
        gone = drop_findings_by_class(
            "image-skipped", sample.instances, rows, self._location(sample), "skipped with their image"
        )
        return WrittenSample(sample.replace_fast(instances=_NOTHING).with_findings(*gone), None)

    def _location(self, sample: Sample) -> Location:
        return Location(sample.relative_path, sample.split, self.flip_mapping.source_names(self.names, sample))


def _place_copy(source: Path, path: Place, check: Check) -> tuple[str, WriteMethod]:
    return copy_file(source, path, check), "copied"


def _place_link(source: Path, path: Place, check: Check) -> tuple[str, WriteMethod]:
    return link_file(source, path, check), "linked"


def _place_symlink(source: Path, path: Place, check: Check) -> tuple[str, WriteMethod]:
    return link_file(source, path, check, symbolic=True), "symlinked"


def _place_staged(source: Path, path: Place, check: Check) -> tuple[str, WriteMethod]:
    """A link where possible, else a copy, of a file that is packed into a shard later and then removed."""
    try:
        return link_file(source, path, check), "copied"
    except TargetError:
        return copy_file(source, path, check), "copied"


_PLACE = {"copy": _place_copy, "link": _place_link, "symlink": _place_symlink}


def _renamed(sample: Sample, output: Output) -> Sample:
    """`sample` with a finding that its output has another name."""
    words = f"written as {output.image}"
    return sample.with_findings(Finding("name-changed", words, sample.relative_path, split=sample.split))


def _encoded(
    sample: Sample, header: Header, plan: Plan, source: bytes, encoding: codec.Encoding
) -> tuple[bytes, str, WriteMethod]:
    """The bytes of an image file that is encoded again, a message for `metadata-dropped` ("" for none), and the method.

    A JPEG that is only turned is turned without loss where that is possible, else encoded with its own quantisation
    tables. An `encoding` with a quality takes precedence over both.
    """
    own = header.container == "jpeg" and codec.keeps_bytes(header, encoding) and encoding.quality is None
    if sample.is_redrawn or not plan.is_turn or not own:
        order = codec.encoder_order(header, encoding)
        pixels = sample.pixels(source, order)
        return *codec.encode(pixels, sample.path, header, encoding, data=source, order=order), "encoded"
    turned = lossless.turned(sample.path, source, header, plan.turn, strip=encoding.strip_metadata)
    if turned:
        return *turned, "turned-lossless"
    pixels = sample.pixels(source)
    return *codec.encode(pixels, sample.path, header, encoding, turn=plan.turn, data=source), "turned-re-encoded"
