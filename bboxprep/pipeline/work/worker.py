"""Processes one block of samples: reads them, writes their files, and returns the result of the batch.

Engines run a worker in any process. A worker is immutable and its results depend on the block alone; the run takes them
in the order of the samples.

**Stage by stage.** A block is read as one `Batch`, whose columns are hashed, moved, written, recorded and counted at
once; a sample is made of its row only where a stage has to look at that one. Where a pipeline of albumentations may
run, samples go one at a time: a pipeline computes objects and pixels together, and keeps the pixels of the last sample
only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, groupby
from pathlib import Path

import msgspec

from bboxprep import formats
from bboxprep.errors import WorkerError
from bboxprep.findings import escape_surrogates
from bboxprep.formats.api import Writer
from bboxprep.model.batch import Batch
from bboxprep.model.dataset import Dataset
from bboxprep.model.filters import NO_FILTERS
from bboxprep.model.sample import Key, Sample
from bboxprep.pipeline.augment import AugmentedBatch, Augmenter
from bboxprep.pipeline.output.image_rows import WrittenBatch, encode_rows, rows_of
from bboxprep.pipeline.output.naming import Output
from bboxprep.pipeline.report.account import count_output_objects, count_source_objects
from bboxprep.pipeline.report.crowds import CrowdPlan
from bboxprep.pipeline.report.preflight import OnError, stop_at_fault
from bboxprep.pipeline.resume.batch_result import BatchResult, decode_result, encode_result
from bboxprep.pipeline.resume.fingerprint import (
    NO_STAMP,
    BatchFingerprint,
    FileStamp,
    ImageFiles,
    content_hash,
    stamp_of,
    stamps_of,
)
from bboxprep.pipeline.resume.journal import journal_key
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.sidecar.writer import SidecarWriter
from bboxprep.pipeline.work.engines.local import blocks
from bboxprep.pipeline.work.image_writer import ImageWriter

_STAGE_SIZE = 256  # samples per stage: 64 take a tenth longer, for what is asked of a batch is asked more often


class Block(msgspec.Struct, frozen=True):
    """Consecutive samples of one split of a dataset, from row `start` on, and where each is written (None for an image
    without a header); their batch in the journal of an earlier run, by its `number` and its `fingerprint`, if it is
    there.
    """

    start: int
    outputs: tuple[Output | None, ...]
    number: int = 0
    fingerprint: BatchFingerprint | None = None

    @property
    def rows(self) -> range:
        """The rows of its samples in the dataset."""
        return range(self.start, self.start + len(self.outputs))

    def split(self, most: int) -> Iterator[Block]:
        """Its samples in blocks of at most so many, which no earlier run has noted."""
        for place in range(0, len(self.outputs), most):
            yield Block(self.start + place, self.outputs[place : place + most])


def batches_of(keys: Sequence[Key], size: int, noted: Mapping[int, Sequence[Key]]) -> Iterator[tuple[range, int]]:
    """The rows of each batch of the images `keys`, in their order, with its number among the batches that are `noted`;
    0 for a new one, which has `size` images or fewer, all of one split.

    A batch that an earlier run has noted is a batch again as long as its images follow each other as before. So an
    image that is added to the source changes the batch that it falls into, and shifts no other.
    """
    starts = {images[0]: number for number, images in noted.items() if images}  # of two, the later one
    new = row = 0  # the first row that is in no batch yet, and the one that is looked at
    while row < len(keys):
        number = starts.get(journal_key(keys[row]), 0)
        end = row + len(noted.get(number, ()))
        if number and list(map(journal_key, keys[row:end])) == noted[number]:
            yield from _new_batches(keys, range(new, row), size)
            yield range(row, end), number
            new = row = end
        else:
            row += 1
    yield from _new_batches(keys, range(new, len(keys)), size)


def _new_batches(keys: Sequence[Key], rows: range, size: int) -> Iterator[tuple[range, int]]:
    for _, alike in groupby(rows, key=lambda row: keys[row][0]):
        own = list(alike)
        for batch in blocks(range(own[0], own[-1] + 1), size):
            yield batch, 0


class BatchWorker(msgspec.Struct, frozen=True):
    """Processes blocks of `dataset`; the `augmenter`, if there is one, applies the recipe to its samples.

    `together` is how many samples go through a stage before the next one begins. `given_up` are the rows of samples
    whose image kills every process that opens it. `packed` says that the files of the samples are inside documents by
    now, so that only the source is compared with a fingerprint.
    """

    dataset: Dataset
    augmenter: Augmenter | None
    image_writer: ImageWriter
    sidecar_writer: SidecarWriter | None
    on_error: OnError
    stage_size: int = 1
    given_up: frozenset[int] = frozenset()
    packed: bool = False

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        augmenter: Augmenter | None,
        writer: Writer,
        to: str,
        dest: Path,
        run_options: RunOptions,
        *,
        reencodes: bool,
    ) -> BatchWorker:
        """The worker of a run that writes `dataset` to `dest` as the format `to`. With `reencodes`, the pixels of some
        images change.
        """
        target = formats.load(to)
        dry, sidecar = run_options.dry_run, run_options.sidecar
        image_writer = ImageWriter(
            dataset.categories.names,
            writer,
            None if dry else dest / writer.stage,
            run_options.encoding,
            CrowdPlan.of(dataset.object_policy.crowd, writer, target, sidecar=sidecar),
            dataset.flip_mapping,
            run_options.labels_only,
            run_options.images,
            augmenter.recipe.filters if augmenter else NO_FILTERS,
        )
        sidecar_writer = SidecarWriter.of(dataset, to, writer.carries) if sidecar and not dry else None
        keeps_pixels = reencodes and (augmenter is None or augmenter.runs_pipelines)
        stage_size = 1 if keeps_pixels else _STAGE_SIZE
        return cls(dataset, augmenter, image_writer, sidecar_writer, run_options.on_error, stage_size)

    def is_current(self, block: Block) -> bool:
        """Whether the fingerprint of `block` still matches; nothing is written."""
        batch = self.dataset.at(block.rows)
        return self._matches(block, batch, self._content(block, batch))

    def __call__(self, block: Block) -> bytes:
        """The result of `block` as `encode_result` writes it: its number, if its fingerprint still matches.

        Raises `SourceError` at the first fault, if the run is to stop there, and `TargetError`.
        """
        batch = self.dataset.at(block.rows)
        content = self._content(block, batch)
        if self._matches(block, batch, content):
            return encode_result(block.number)
        parts = []
        for part in block.split(self.stage_size):
            place = part.start - block.start
            parts.append(self._process(part, batch[place : place + len(part.outputs)]))
        return encode_result(BatchResult.join(content, parts))

    def process_singly(self, block: Block) -> bytes:
        """The result of a `block` that kills every process: each image gets a process of its own, and an image that
        kills it again is left out. Raises as a call does.
        """
        from bboxprep.pipeline.work.engines.processes import run_in_own_process  # seldom needed

        parts = []
        for single in block.split(1):
            try:
                encoded = run_in_own_process(self, single)
            except WorkerError:
                encoded = msgspec.structs.replace(self, given_up=frozenset({single.start}))(single)
            parts.append(decode_result(encoded))
        return encode_result(BatchResult.join(self._content(block, self.dataset.at(block.rows)), parts))

    def _process(self, block: Block, batch: Batch) -> BatchResult:
        """The result of `batch`, the samples of `block`, which go through each stage together. It has no hash."""
        stamps = stamps_of(batch)  # first: what changes from now on is read again
        augmented = self.augmenter.transform_all(batch) if self.augmenter else AugmentedBatch(batch, batch)
        given_up = [row - block.start for row in self.given_up]
        images = self.image_writer.write_images(augmented.samples, block.outputs, given_up)
        written = self.image_writer.write_labels(images)
        findings = list(chain.from_iterable(written.samples.values("findings")))
        stop_at_fault(findings, self.on_error)
        names, flips = self.image_writer.names, self.image_writer.flip_mapping
        return BatchResult(
            batch.values("split")[0],
            b"",
            tuple(_image_files(batch, stamps, written)),
            count_source_objects(_first_of_each(batch), names, flips),
            count_output_objects(augmented.sources, written, names, flips, sized=self._chooses_size),
            tuple(findings),
            encode_rows(rows_of(written, self.dataset.folder)),
            b"".join(self.sidecar_writer.lines(written)) if self.sidecar_writer else b"",
            tuple([written.labels[row].entry for row in written.rows]),
            tuple(_thumbnails(batch, written)),
        )

    @property
    def _chooses_size(self) -> bool:
        return self.augmenter is not None and self.augmenter.recipe.chooses_size

    def _matches(self, block: Block, batch: Batch, content: bytes) -> bool:
        """Whether images, labels and all files of `block` are as its fingerprint says.

        Only the images' own files are opened: the journal, and so the fingerprint, may be anybody's.
        """
        fingerprint = block.fingerprint
        if self.image_writer.dest is None or fingerprint is None or fingerprint.content != content:
            return False
        return len(fingerprint.images) == len(batch) and all(
            map(self._is_unchanged, fingerprint.images, batch.values("path"), block.outputs)
        )

    def _is_unchanged(self, image: ImageFiles, source: Path, output: Output | None) -> bool:
        dest, own = self.image_writer.dest, {output.image, *output.labels} if output else set()
        if dest is None or not own >= {file.path for file in image.files} or not image.matches_source(source):
            return False
        return self.packed or image.matches_files(dest, source)

    def _content(self, block: Block, batch: Batch) -> bytes:
        others = [self._others(sample) for sample in batch] if self.augmenter and self.augmenter.training else []
        return content_hash(batch, block.outputs, others)

    def _others(self, sample: Sample) -> list[tuple[Sample, FileStamp]]:
        others = self.augmenter.others(sample) if self.augmenter else ()
        return [(other, stamp_of(other.path)) for other in others]


def _first_of_each(batch: Batch) -> Batch:
    """The samples of `batch` that are the first output of their image."""
    variants = batch.values("variant")
    return batch.select([row for row, variant in enumerate(variants) if variant is None or variant.is_first])


def _thumbnails(batch: Batch, written: WrittenBatch) -> Iterator[bytes]:
    """The thumbnail of each sample of `batch`; b"" of all but the first output of an image, and of those that were not
    decoded for it."""
    for image, variant in zip(written.images, batch.values("variant"), strict=True):
        yield image.thumbnail if variant is None or variant.is_first else b""


def _image_files(batch: Batch, stamps: Sequence[FileStamp], written: WrittenBatch) -> Iterator[ImageFiles]:
    """The files of each sample. An image that was not read has no stamp, so that the next run tries it again."""
    findings, names = written.samples.values("findings"), map(escape_surrogates, batch.names)
    for name, stamp, image, files, own in zip(names, stamps, written.images, written.files, findings, strict=True):
        unread = own and any(finding.code == "image-unread" for finding in own)
        yield ImageFiles(name, NO_STAMP if unread else stamp, image.sha256 or "", files)
