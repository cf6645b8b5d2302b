"""Writes the image files and the label files of a batch of samples, wherever an engine runs it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
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
from bboxprep.images.thumbnail import thumbnail_of
from bboxprep.io.atomic import Place, output_path, write_unfinished
from bboxprep.io.copying import Check, ImagePlacement, accept, copy_file, link_file, read_file
from bboxprep.io.hashing import bytes_sha256
from bboxprep.io.remote import is_stored
from bboxprep.model.batch import Batch
from bboxprep.model.filters import DUPLICATE, NO_FILTERS, Filters
from bboxprep.model.flip_names import FlipMapping
from bboxprep.model.header import Header
from bboxprep.model.sample import Sample, Seen
from bboxprep.model.validation import dropped_by_class
from bboxprep.pipeline.output.image_rows import NO_FILE, ImageFile, WriteMethod, WrittenBatch
from bboxprep.pipeline.output.naming import Output
from bboxprep.pipeline.report.crowds import CrowdPlan
from bboxprep.pipeline.resume.fingerprint import OutputFile, stamp_of
from bboxprep.pipeline.work.filtering import FilterPlan

NO_LABELS = Labels()
NO_FILES: tuple[OutputFile, ...] = ()


class ImageWriter(msgspec.Struct, frozen=True):
    """Writes the image and the labels of transformed samples below `dest`; None for a dry run, which writes nothing.

    `names` (C,) are the classes of the output. `labels_only` and `images` are those of the `RunOptions`, and `filters`
    those of the recipe.
    """

    names: Sequence[str]
    writer: Writer
    dest: Path | None
    encoding: codec.Encoding
    crowd: CrowdPlan
    flip_mapping: FlipMapping
    labels_only: bool = False
    images: ImagePlacement = "copy"
    filters: Filters = NO_FILTERS

    def write_images(
        self, batch: Batch, outputs: Sequence[Output | None], given_up: Collection[int] = ()
    ) -> WrittenBatch:
        """Write the image of each sample of `batch` to its place in `outputs`. An image without a place, one that
        cannot be read, those that the filters leave out, and those at the rows `given_up`, because they kill every
        process that opens them, are left out with their objects, with findings. Raises `TargetError`.
        """
        refused, source_names = dict(self._refused(batch, outputs, given_up)), self._source_names
        alike = {row: () for row in refused if batch.values("refusal")[row] == DUPLICATE}
        batch = self._leave_out(batch, alike, DUPLICATE)
        batch = self._leave_out(batch, {row: why for row, why in refused.items() if row not in alike})
        plan = FilterPlan(self.filters, self.names, self.flip_mapping)
        whole = batch = plan.without_objects(batch)
        batch = self.crowd.apply(batch, source_names)
        filtered = {row: why for row, why in plan.left_out(batch).items() if row not in refused}
        batch, refused = self._leave_out(batch, filtered, "image-filtered"), refused | filtered
        places: list[Output | None] = [None if row in refused else output for row, output in enumerate(outputs)]
        images, notes, faults = [NO_FILE] * len(batch), dict[int, list[Finding]](), dict[int, list[Finding]]()
        for row, (place, header) in enumerate(zip(places, batch.headers, strict=True)):
            if place is None or header is None:
                continue
            try:
                images[row], noted = self._write(batch, row, header, place)
            except ImageError as error:
                places[row] = None
                faults[row] = [image_fault(error, batch.relative_paths[row], batch.values("split")[row])]
            else:
                if noted:
                    notes[row] = noted
        batch = self._leave_out(batch.with_findings(notes), faults)
        return WrittenBatch(batch, places, images, whole if self.crowd.in_sidecar else batch)

    def write_labels(self, written: WrittenBatch) -> WrittenBatch:
        """Write the labels of `written`, whose images are written; returns it with them. Raises `TargetError`."""
        rows, count, images = written.rows, len(written.outputs), [output.image for output in written.outputs if output]
        labels, files = [NO_LABELS] * count, [NO_FILES] * count
        for row, own in zip(rows, self._encode_labels(written.samples.select(rows), images), strict=True):
            labels[row] = own
            files[row] = tuple([self._write_file(*file) for file in own.files]) if self.dest else ()
        noted = {row: labels[row].findings for row in rows if labels[row].findings}
        return replace(written, samples=written.samples.with_findings(noted), labels=labels, label_files=files)

    def _refused(
        self, batch: Batch, outputs: Sequence[Output | None], given_up: Collection[int]
    ) -> Iterator[tuple[int, list[Finding]]]:
        """The row of each sample that is left out unopened, and the findings about that, if it has none."""
        for row, (header, refusal, output) in enumerate(
            zip(batch.headers, batch.values("refusal"), outputs, strict=True)
        ):
            if row in given_up:
                words = "kills the process that decodes it (out of memory, or a fault of its decoder)"
                yield row, [batch.finding(row, "image-unread", words)]
            elif header is None or refusal:
                yield row, []
            elif output is None:
                words = "could not be read when this run looked for its size, but later"
                yield row, [batch.finding(row, "image-unread", words)]

    def _write(self, batch: Batch, row: int, header: Header, output: Output) -> tuple[ImageFile, list[Finding]]:
        """Write the image file of a sample; with the findings about it.

        Where no step changes a pixel, it has the bytes of the source, with the orientation tag, if any, set to 1,
        unless it is of another kind than is written (`Encoding.image_format`). Raises `ImageError` and `TargetError`.
        """
        notes = [batch.finding(row, "name-changed", f"written as {output.image}")] if output.renamed else []
        unopened = self.labels_only or self.images == "none"
        if unopened and not codec.keeps_bytes(header):
            words = f"is a {NAMES[header.container]} by its name, which trainers skip, and is not converted unopened"
            notes.append(batch.finding(row, "image-unconverted", words))
        if self.dest is None or self.images == "none":
            return NO_FILE, notes
        path: Path = batch.values("path")[row]
        if self.labels_only:
            return self._keep_if_there(path, header, output, self.dest), notes
        if batch.touched[row] or not codec.keeps_bytes(header, self.encoding):
            sample, source = batch[row], read_file(path)
            if sample.plan is None:
                raise ValueError(f"{path}: not a transformed sample")
            thumbnails: list[bytes] = []
            look = None if self.filters.dedupe else lambda pixels: thumbnails.append(thumbnail_of(pixels, header.turn))
            data, note, method = _encoded(sample, header, sample.plan, source, self.encoding, look)
            if note:
                notes.append(batch.finding(row, "metadata-dropped", note))
            return self._write_bytes(output, data, method, source, *thumbnails), notes
        if header.tagged:
            source = read_file(path)
            return self._write_bytes(output, codec.untag(source, header), "untagged", source), notes
        return self._keep(path, header, output, self.dest), notes

    def _write_bytes(
        self, output: Output, data: bytes, method: WriteMethod, source: bytes, thumbnail: bytes = b""
    ) -> ImageFile:
        """Write the image file `data`, which was made from the bytes `source`."""
        file = self._write_file(output.image, data)
        return ImageFile(method, bytes_sha256(source), file, thumbnail)

    def _keep(self, path: Path, header: Header, output: Output, dest: Path) -> ImageFile:
        """Write the image file with the bytes of the source at `path`."""
        place = _place_staged if self.writer.stage else _PLACE[self.images]
        digest, method = place(path, output_path(dest, output.image), self._check(path, header))
        return ImageFile(method, digest, self._file(output.image, digest))

    def _check(self, path: Path, header: Header) -> Check:
        """A check that a file is the one that was looked at; none of an image whose size the labels state."""
        if self.labels_only or is_stored(path):
            return accept
        return partial(refuse_changed, path, header)

    def _keep_if_there(self, path: Path, header: Header, output: Output, dest: Path) -> ImageFile:
        try:
            return self._keep(path, header, output, dest)
        except ImageError:
            if path.is_file():
                raise
            return NO_FILE

    def _encode_labels(self, batch: Batch, images: Sequence[str]) -> Sequence[Labels]:
        if not self.dest:
            return list(map(Labels, batch.counts.tolist()))
        return self.writer.encode(batch, images)

    def _write_file(self, path: str, data: bytes) -> OutputFile:
        if self.dest:
            write_unfinished(output_path(self.dest, path), data)
        return self._file(path, bytes_sha256(data))

    def _file(self, path: str, digest: str) -> OutputFile:
        """The written file at `path`, with its stamp in a storage."""
        stamp = stamp_of(self.dest / path) if self.dest and is_stored(self.dest) else None
        return OutputFile(path, digest, stamp)

    @property
    def _source_names(self) -> Callable[[bool], Sequence[str]]:
        """The classes of labels before a flip, by whether a sample is mirrored."""
        return partial(self.flip_mapping.source_names, self.names)

    def _leave_out(self, batch: Batch, rows: Mapping[int, Sequence[Finding]], code: str = "image-skipped") -> Batch:
        """`batch` without the objects of the samples at `rows`, with these findings and one of `code` for each class of
        them.
        """
        if not rows:
            return batch
        gone = np.isin(batch.owners, list(rows))
        lost = dropped_by_class(batch, code, gone, self._source_names, "left out with their image")
        return batch.with_findings(rows).with_findings(lost).keep(~gone)


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


def _encoded(
    sample: Sample, header: Header, plan: Plan, source: bytes, encoding: codec.Encoding, seen: Seen | None
) -> tuple[bytes, str, WriteMethod]:
    """The bytes of an image file that is encoded again, a message for `metadata-dropped` ("" for none), and the method.

    A JPEG that is only turned or padded is so without loss where that is possible; one that is only turned is else
    encoded with its own quantisation tables. An `encoding` with a quality takes precedence over all of that. `seen` is
    called as by `Sample.pixels`.
    """
    own = header.container == "jpeg" and codec.keeps_bytes(header, encoding) and encoding.quality is None
    if sample.is_redrawn or not plan.is_whole or not own:
        return *_encoded_anew(sample, header, source, encoding, seen), "encoded"
    if not plan.is_turn:
        pad, strip = sample.rendering.pad, encoding.strip_metadata
        padded = lossless.padded(sample.path, source, header, plan, pad, strip=strip)
        if padded is None:
            return *_encoded_anew(sample, header, source, encoding, seen), "encoded"
        return *padded, "padded-lossless"
    turned = lossless.turned(sample.path, source, header, plan.turn, strip=encoding.strip_metadata)
    if turned:
        return *turned, "turned-lossless"
    pixels = sample.pixels(source, seen=seen)
    return *codec.encode(pixels, sample.path, header, encoding, turn=plan.turn, data=source), "turned-re-encoded"


def _encoded_anew(
    sample: Sample, header: Header, source: bytes, encoding: codec.Encoding, seen: Seen | None
) -> tuple[bytes, str]:
    order = codec.encoder_order(header, encoding)
    pixels = sample.pixels(source, order, seen)
    return codec.encode(pixels, sample.path, header, encoding, data=source, order=order)
