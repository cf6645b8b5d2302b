"""What one worker does at a time: a block of samples, and what came of each.

A shift runs where an engine puts it. It has all it needs, is changed by nothing, and what it returns depends on its
block alone; the run gathers the pieces in the order of the samples, whoever made them.

**Stage by stage.** Samples are read, then all of them are hashed, and so on: what is done many times on end stays in
the caches of the processor, and samples that go through all stages one by one take two fifths longer. Where pixels are
made each goes by itself, which costs nothing beside them: a pipeline that has moved the objects of a sample keeps the
pixels too, but of the last one only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import file_digest
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from bboxprep.errors import SourceError, WorkerError
from bboxprep.findings import Finding, Severity, escape_surrogates
from bboxprep.io.remote import is_stored
from bboxprep.model.dataset import Dataset
from bboxprep.model.sample import Sample
from bboxprep.pipeline.augment import AugmentedSample, Augmenter
from bboxprep.pipeline.output import run_record
from bboxprep.pipeline.output.naming import Output
from bboxprep.pipeline.report.account import came_of, due_of, went_of
from bboxprep.pipeline.sidecar.writer import SidecarWriter
from bboxprep.pipeline.work.engines.local import alone
from bboxprep.pipeline.work.image_result import (
    NO_STAMP,
    FileStamp,
    Fingerprint,
    ImageResult,
    OutputFile,
    content_of,
    decode_results,
    encode_results,
    stamp_of,
)
from bboxprep.pipeline.work.image_writer import ImageWriter, LabelledSample, WrittenSample

OnError = Literal["skip", "stop"]


@dataclass(frozen=True, slots=True)
class Block:
    """Samples `start` and following of a dataset, where each goes (None for an image without a header), and what an
    earlier run claims of it.
    """

    start: int
    outputs: tuple[Output | None, ...]
    fingerprints: tuple[Fingerprint | None, ...]

    @property
    def rows(self) -> range:
        """The rows of its samples in the dataset."""
        return range(self.start, self.start + len(self.outputs))

    def parted(self, most: int) -> Iterator[Block]:
        """Its samples in blocks of at most so many."""
        for place in range(0, len(self.outputs), most):
            end = place + most
            yield Block(self.start + place, self.outputs[place:end], self.fingerprints[place:end])


class _Case(NamedTuple):
    """A sample of which a piece is to be made: its row in the dataset, itself, and where it goes."""

    row: int
    sample: Sample
    output: Output | None


@dataclass(frozen=True)
class BatchWorker:
    """Does the work on blocks of `dataset`; the `augmenter`, if there is one, takes its samples through their recipe.

    `together` is how many samples go through a stage before the next one begins.
    """

    dataset: Dataset
    augmenter: Augmenter | None
    work: ImageWriter
    sidecar_writer: SidecarWriter | None
    on_error: OnError
    together: int = 1
    given_up: frozenset[int] = frozenset()  # samples whose image brings down every process that opens it
    packed: bool = False  # what was written of the samples is in documents now

    def holds(self, block: Block) -> bool:
        """Whether all claims of `block` are still true; nothing is written."""
        return all(
            fingerprint and self._holds(self.dataset[row], output, fingerprint)
            for row, output, fingerprint in zip(block.rows, block.outputs, block.fingerprints, strict=True)
        )

    def __call__(self, block: Block) -> bytes:
        """The pieces of `block`, None where a claim is still true, as `encode_results` writes them.

        Raises `SourceError` at the first fault, if it is to stop there, and `TargetError`.
        """
        return encode_results([result for part in block.parted(self.together) for result in self._part(part)])

    def one_by_one(self, block: Block) -> bytes:
        """The pieces of a `block` that brings down every process: each image has one of its own, and the image that it
        is because of is left out. Raises as a call does.
        """
        results: list[ImageResult | None] = []
        for single in block.parted(1):
            try:
                results += decode_results(alone(self, single))
            except WorkerError:
                given_up = replace(self, given_up=frozenset({single.start}))
                results += decode_results(given_up(single))
        return encode_results(results)

    def _part(self, block: Block) -> list[ImageResult | None]:
        samples = [self.dataset[row] for row in block.rows]
        cases = [
            _Case(row, sample, output)
            for row, sample, output, fingerprint in zip(
                block.rows, samples, block.outputs, block.fingerprints, strict=True
            )
            if not (fingerprint and self._holds(sample, output, fingerprint))
        ]
        made = dict(zip([case.row for case in cases], self._results_of(cases), strict=True))
        return [made.get(row) for row in block.rows]

    def _results_of(self, cases: Sequence[_Case]) -> list[ImageResult]:
        contents = [self._content(case.sample, case.output) for case in cases]
        stamps = [self._stamp(case) for case in cases]
        augmented_samples = [self._augmented(case) for case in cases]
        done = self.work.label(
            [
                self._written_sample(case, augmented.sample)
                for case, augmented in zip(cases, augmented_samples, strict=True)
            ]
        )
        for one in done:
            stop_at_fault(one.sample.findings, self.on_error)
        kept = [self.sidecar_writer.line(one) for one in done] if self.sidecar_writer else [b""] * len(done)
        rows = [self._row(one) for one in done]
        return list(map(self._result, cases, contents, stamps, augmented_samples, done, rows, kept))

    def _stamp(self, case: _Case) -> FileStamp:
        """Of the image of `case`; none of one that is given up, for the next run shall try again."""
        return NO_STAMP if case.row in self.given_up else stamp_of(case.sample.path)

    def _augmented(self, case: _Case) -> AugmentedSample:
        return self.augmenter(case.sample) if self.augmenter else AugmentedSample(case.sample, (case.sample,))

    def _written_sample(self, case: _Case, sample: Sample) -> WrittenSample:
        """The image of `case`, whose `sample` has been through its recipe."""
        return self.work.give_up(sample) if case.row in self.given_up else self.work.write_image_of(sample, case.output)

    def _row(self, done: LabelledSample) -> bytes:
        image = done.output.image if done.output else None
        row = run_record.image_row(
            done.sample, self.dataset.folder, output=image, objects=done.labels.count, image=done.written
        )
        return msgspec.json.encode(row) + b"\n"

    def _result(
        self,
        case: _Case,
        content: bytes,
        stamp: FileStamp,
        augmented: AugmentedSample,
        done: LabelledSample,
        row: bytes,
        kept: bytes,
    ) -> ImageResult:
        sample = case.sample
        names = self.work.mirror.before(self.work.names, sample)
        went, swapped = self._went(done)
        for part in augmented.sample.parts:
            swapped = _sum(swapped, self._counted(part, len(part.instances))[1])
        came = came_of(sample, names)
        return ImageResult(
            split=sample.split,
            name=escape_surrogates(str(sample.name)),
            content=content,
            stamp=stamp,
            digest=(done.written.digest if done.written else "") or "",
            first=sample.variant is None or sample.variant.is_first,
            source_count=sample.source_count,
            **came,
            due=came["came"] if len(augmented.sources) == 1 else due_of(augmented.sources, names),
            went=went,
            swapped=swapped,
            findings=done.sample.findings,
            written=done.output is not None,
            made=done.written.made if done.written else "",
            files=_files(done, self.work.dest),
            row=row,
            kept=kept,
            entry=done.labels.entry,
        )

    def _holds(self, sample: Sample, output: Output | None, fingerprint: Fingerprint) -> bool:
        """Whether the image, its labels and all its files are as `fingerprint` says. What was read once is read again.

        No file is looked at but those that are this image's own: the claim may be anybody's.
        """
        stamp, dest = stamp_of(sample.path), self.work.dest
        if dest is None or fingerprint.content != self._content(sample, output) or fingerprint.stamp.size != stamp.size:
            return False
        own = {output.image, *output.labels} if output else set()
        if not own >= {file.path for file in fingerprint.files}:
            return False
        read = fingerprint.digest and not is_stored(sample.path)
        same = _digest(sample.path) == fingerprint.digest if read else fingerprint.stamp == stamp
        return same and (self.packed or all(_stands(dest / file.path, file, sample.path) for file in fingerprint.files))

    def _content(self, sample: Sample, output: Output | None) -> bytes:
        others = self.augmenter.others(sample) if self.augmenter else ()
        return content_of(sample, output, [(other, stamp_of(other.path)) for other in others])

    def _went(self, done: LabelledSample) -> tuple[dict[str, int], dict[str, int]]:
        return ({}, {}) if done.output is None else self._counted(done.sample, done.labels.count)

    def _counted(self, sample: Sample, written: int) -> tuple[dict[str, int], dict[str, int]]:
        names, before = self.work.names, self.work.mirror.before(self.work.names, sample)
        labels = sample.instances.labels.tolist()
        classes = [names[label] for label in labels]
        return went_of(classes, classes if before is names else [before[label] for label in labels], written)


def stop_at_fault(findings: Iterable[Finding], on_error: OnError) -> None:
    """Raise `SourceError` for the first fault of `findings`, if `on_error` is "stop"."""
    for finding in findings if on_error == "stop" else ():
        if finding.severity is Severity.FAULT:
            raise SourceError(finding.path, finding.where, f"{finding.message} (--on-error skip lists it instead)")


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in [*one, *other]}


def _files(done: LabelledSample, dest: Path | None) -> tuple[OutputFile, ...]:
    if done.output is None:
        return ()
    image = done.written and OutputFile(done.output.image, done.written.content)
    labels = [OutputFile(path, digest) for path, digest in done.digests.items()]
    files = (image, *labels) if image else tuple(labels)
    if dest is None or not is_stored(dest):
        return files
    return tuple([OutputFile(file.path, file.digest, stamp_of(dest / file.path)) for file in files])


def _stands(path: Path, file: OutputFile, source: Path) -> bool:
    """Whether what stands at `path` is `file`: by its bytes, or as a link to the `source`."""
    try:
        if file.stamp and is_stored(path):
            return stamp_of(path) == file.stamp
        return _digest(path) == file.digest if file.digest else path.samefile(source)
    except OSError:
        return False


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
