"""Processes one block of samples: reads them, writes their files, and returns a result for each.

Engines run a worker in any process. A worker is immutable and its results depend on the block alone; the run takes them
in the order of the samples.

**Stage by stage.** All samples are read, then all are hashed, and so on. Code that runs many times in a row stays in
the caches of the processor. One sample at a time takes 40 % longer, or 15 % where photos of COCO's size are encoded.
Where a pipeline of albumentations may run, samples go one at a time all the same: a pipeline computes objects and
pixels together, and keeps the pixels of the last sample only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bboxprep import formats
from bboxprep.errors import WorkerError
from bboxprep.findings import escape_surrogates
from bboxprep.formats.api import Writer
from bboxprep.model.dataset import Dataset
from bboxprep.model.sample import Sample
from bboxprep.pipeline.augment import AugmentedSample, Augmenter
from bboxprep.pipeline.output.image_rows import WrittenSample, encode_row, row_of
from bboxprep.pipeline.output.naming import Output
from bboxprep.pipeline.report.account import count_source_objects, count_written_objects, sum_source_objects
from bboxprep.pipeline.report.crowds import CrowdPlan
from bboxprep.pipeline.report.preflight import OnError, stop_at_fault
from bboxprep.pipeline.resume.fingerprint import NO_STAMP, FileStamp, Fingerprint, content_hash, stamp_of
from bboxprep.pipeline.resume.image_result import ImageResult, decode_results, encode_results
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.sidecar.writer import SidecarWriter
from bboxprep.pipeline.work.engines.local import run_in_own_process
from bboxprep.pipeline.work.image_writer import ImageWriter

_STAGE_SIZE = 64  # samples per stage; more take memory and are no faster


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive samples of a dataset, from row `start` on: the output of each (None for an image without a header),
    and its fingerprint of an earlier run, if there is one.
    """

    start: int
    outputs: tuple[Output | None, ...]
    fingerprints: tuple[Fingerprint | None, ...]

    @property
    def rows(self) -> range:
        """The rows of the samples in the dataset."""
        return range(self.start, self.start + len(self.outputs))

    def split(self, most: int) -> Iterator[Block]:
        """The samples in blocks of at most `most`."""
        for place in range(0, len(self.outputs), most):
            end = place + most
            yield Block(self.start + place, self.outputs[place:end], self.fingerprints[place:end])


@dataclass(frozen=True)
class BatchWorker:
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
        )
        sidecar_writer = SidecarWriter.of(dataset, to, writer.carries) if sidecar and not dry else None
        keeps_pixels = reencodes and (augmenter is None or augmenter.runs_pipelines)
        stage_size = 1 if keeps_pixels else _STAGE_SIZE
        return cls(dataset, augmenter, image_writer, sidecar_writer, run_options.on_error, stage_size)

    def is_current(self, block: Block) -> bool:
        """Whether the fingerprints of all samples of `block` still match. Writes nothing."""
        return all(
            fingerprint and self._matches(sample, output, fingerprint)
            for sample, output, fingerprint in zip(
                self.dataset.at(block.rows), block.outputs, block.fingerprints, strict=True
            )
        )

    def __call__(self, block: Block) -> bytes:
        """Write `block`; returns its results encoded by `encode_results`, None for samples whose fingerprint matches.

        Raises `SourceError` at the first fault if `on_error` is "stop", and `TargetError`.
        """
        samples = self.dataset.at(block.rows)
        results: list[ImageResult | None] = []
        for part in block.split(self.stage_size):
            place = part.start - block.start
            results += self._results_of(part, samples[place : place + len(part.outputs)])
        return encode_results(results)

    def process_singly(self, block: Block) -> bytes:
        """Write a `block` that kills every process, each image in a process of its own; an image that kills that too is
        left out. Returns and raises as `__call__`.
        """
        results: list[ImageResult | None] = []
        for single in block.split(1):
            try:
                results += decode_results(run_in_own_process(self, single))
            except WorkerError:
                without = replace(self, given_up=frozenset({single.start}))
                results += decode_results(without(single))
        return encode_results(results)

    def _results_of(self, block: Block, samples: Sequence[Sample]) -> list[ImageResult | None]:
        stale = [
            place
            for place, (sample, output, fingerprint) in enumerate(
                zip(samples, block.outputs, block.fingerprints, strict=True)
            )
            if not (fingerprint and self._matches(sample, output, fingerprint))
        ]
        rows, outputs = [block.start + place for place in stale], [block.outputs[place] for place in stale]
        made = dict(zip(stale, self._process(rows, [samples[place] for place in stale], outputs), strict=True))
        return [made.get(place) for place in range(len(samples))]

    def _process(
        self, rows: Sequence[int], samples: Sequence[Sample], outputs: Sequence[Output | None]
    ) -> list[ImageResult]:
        """Write `samples`, the `rows` of the dataset, to `outputs`; returns their results."""
        contents = list(map(self._content, samples, outputs))
        stamps = list(map(self._stamp, rows, samples))
        augmented = list(map(self._augment, samples))
        written = self.image_writer.write_labels(list(map(self._write_image, rows, augmented, outputs)))
        for one in written:
            stop_at_fault(one.sample.findings, self.on_error)
        sidecar_lines = self.sidecar_writer.lines(written) if self.sidecar_writer else [b""] * len(written)
        image_rows = [encode_row(row_of(one, self.dataset.folder)) for one in written]
        return list(map(self._result, contents, stamps, augmented, written, image_rows, sidecar_lines))

    def _stamp(self, row: int, sample: Sample) -> FileStamp:
        """The stamp of the image of `sample`; `NO_STAMP` for one that is given up, which the next run tries again."""
        return NO_STAMP if row in self.given_up else stamp_of(sample.path)

    def _augment(self, sample: Sample) -> AugmentedSample:
        return self.augmenter(sample) if self.augmenter else AugmentedSample(sample, (sample,))

    def _write_image(self, row: int, augmented: AugmentedSample, output: Output | None) -> WrittenSample:
        if row in self.given_up:
            return self.image_writer.give_up(augmented.sample)
        return self.image_writer.write_image(augmented.sample, output)

    def _result(
        self,
        content: bytes,
        stamp: FileStamp,
        augmented: AugmentedSample,
        written: WrittenSample,
        row: bytes,
        sidecar_line: bytes,
    ) -> ImageResult:
        source = augmented.sources[0]
        names = self.image_writer.flip_mapping.source_names(self.image_writer.names, source)
        objects_out, swapped = (
            ({}, {}) if written.output is None else self._counts(written.sample, written.labels.count)
        )
        for part in augmented.sample.parts:
            swapped = _sum(swapped, self._counts(part, len(part.instances))[1])
        counts = count_source_objects(source, names)
        due = counts["objects_in"] if len(augmented.sources) == 1 else sum_source_objects(augmented.sources, names)
        return ImageResult(
            split=source.split,
            name=escape_surrogates(str(source.name)),
            content=content,
            stamp=stamp,
            digest=written.source_sha256 or "",
            first=source.variant is None or source.variant.is_first,
            source_count=source.source_count,
            **counts,
            objects_due=due,
            objects_out=objects_out,
            swapped=swapped,
            findings=written.sample.findings,
            written=written.output is not None,
            write_method=written.write_method,
            files=written.files,
            row=row,
            sidecar_line=sidecar_line,
            entry=written.labels.entry,
        )

    def _matches(self, sample: Sample, output: Output | None, fingerprint: Fingerprint) -> bool:
        """Whether the image, its labels and all its files match `fingerprint`.

        The journal, and so the fingerprint, is untrusted: only paths of this image's own output are opened.
        """
        dest = self.image_writer.dest
        if dest is None or fingerprint.content != self._content(sample, output):
            return False
        own = {output.image, *output.labels} if output else set()
        if not own >= {file.path for file in fingerprint.files} or not fingerprint.matches_source(sample.path):
            return False
        return self.packed or fingerprint.matches_files(dest, sample.path)

    def _content(self, sample: Sample, output: Output | None) -> bytes:
        others = self.augmenter.others(sample) if self.augmenter else ()
        return content_hash(sample, output, [(other, stamp_of(other.path)) for other in others])

    def _counts(self, sample: Sample, written: int) -> tuple[dict[str, int], dict[str, int]]:
        """The counts of `count_written_objects` for `sample`, of which `written` objects were written."""
        names = self.image_writer.names
        source_names = self.image_writer.flip_mapping.source_names(names, sample)
        labels = sample.instances.labels.tolist()
        classes = [names[label] for label in labels]
        return count_written_objects(
            classes, classes if source_names is names else [source_names[label] for label in labels], written
        )


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in [*one, *other]}
