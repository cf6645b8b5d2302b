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
from functools import cached_property
from hashlib import file_digest
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from bboxprep.errors import SourceError, WorkerError
from bboxprep.findings import Finding, Severity, spelt
from bboxprep.io.remote import is_stored
from bboxprep.model.dataset import Dataset
from bboxprep.model.sample import Sample
from bboxprep.pipeline.augment import Director, Shot
from bboxprep.pipeline.output import run_record
from bboxprep.pipeline.output.naming import Output
from bboxprep.pipeline.report.account import came_of, due_of, went_of
from bboxprep.pipeline.sidecar.writer import Keeper
from bboxprep.pipeline.work.engines.local import alone
from bboxprep.pipeline.work.image_result import (
    NO_STAMP,
    Claim,
    File,
    Piece,
    Stamp,
    content_of,
    decode_pieces,
    encode_pieces,
    stamp_of,
)
from bboxprep.pipeline.work.image_writer import Developed, Done, Work

OnError = Literal["skip", "stop"]


@dataclass(frozen=True, slots=True)
class Block:
    """Samples `start` and following of a dataset, where each goes (None for an image without a header), and what an
    earlier run claims of it.
    """

    start: int
    outputs: tuple[Output | None, ...]
    claims: tuple[Claim | None, ...]

    @property
    def rows(self) -> range:
        """The rows of its samples in the dataset."""
        return range(self.start, self.start + len(self.outputs))

    def parted(self, most: int) -> Iterator[Block]:
        """Its samples in blocks of at most so many."""
        for place in range(0, len(self.outputs), most):
            end = place + most
            yield Block(self.start + place, self.outputs[place:end], self.claims[place:end])


class _Case(NamedTuple):
    """A sample of which a piece is to be made: its row in the dataset, itself, and where it goes."""

    row: int
    sample: Sample
    output: Output | None


@dataclass(frozen=True)
class Shift:
    """Does the work on blocks of `dataset`; the `director`, if there is one, takes its samples through their recipe.

    `together` is how many samples go through a stage before the next one begins.
    """

    dataset: Dataset
    director: Director | None
    work: Work
    keeper: Keeper | None
    on_error: OnError
    together: int = 1
    given_up: frozenset[int] = frozenset()  # samples whose image brings down every process that opens it
    packed: bool = False  # what was written of the samples is in documents now

    def holds(self, block: Block) -> bool:
        """Whether all claims of `block` are still true; nothing is written."""
        return all(
            claim and self._holds(self.dataset[row], output, claim)
            for row, output, claim in zip(block.rows, block.outputs, block.claims, strict=True)
        )

    def __call__(self, block: Block) -> bytes:
        """The pieces of `block`, None where a claim is still true, as `encode_pieces` writes them.

        Raises `SourceError` at the first fault, if it is to stop there, and `TargetError`.
        """
        return encode_pieces([piece for part in block.parted(self.together) for piece in self._part(part)])

    def one_by_one(self, block: Block) -> bytes:
        """The pieces of a `block` that brings down every process: each image has one of its own, and the image that it
        is because of is left out. Raises as a call does.
        """
        pieces: list[Piece | None] = []
        for single in block.parted(1):
            try:
                pieces += decode_pieces(alone(self, single))
            except WorkerError:
                given_up = replace(self, given_up=frozenset({single.start}))
                pieces += decode_pieces(given_up(single))
        return encode_pieces(pieces)

    def _part(self, block: Block) -> list[Piece | None]:
        samples = [self.dataset[row] for row in block.rows]
        cases = [
            _Case(row, sample, output)
            for row, sample, output, claim in zip(block.rows, samples, block.outputs, block.claims, strict=True)
            if not (claim and self._holds(sample, output, claim))
        ]
        made = dict(zip([case.row for case in cases], self._pieces(cases), strict=True))
        return [made.get(row) for row in block.rows]

    def _pieces(self, cases: Sequence[_Case]) -> list[Piece]:
        contents = [self._content(case.sample, case.output) for case in cases]
        stamps = [self._stamp(case) for case in cases]
        shots = [self._shot(case) for case in cases]
        done = self.work.label([self._developed(case, shot.sample) for case, shot in zip(cases, shots, strict=True)])
        for one in done:
            stop_at_fault(one.sample.findings, self.on_error)
        kept = [self.keeper.line(one) for one in done] if self.keeper else [b""] * len(done)
        rows = [self._row(one) for one in done]
        return list(map(self._piece, cases, contents, stamps, shots, done, rows, kept))

    def _stamp(self, case: _Case) -> Stamp:
        """Of the image of `case`; none of one that is given up, for the next run shall try again."""
        return NO_STAMP if case.row in self.given_up else stamp_of(case.sample.path)

    def _shot(self, case: _Case) -> Shot:
        return self.director(case.sample) if self.director else Shot(case.sample, (case.sample,))

    def _developed(self, case: _Case, sample: Sample) -> Developed:
        """The image of `case`, whose `sample` has been through its recipe."""
        return self.work.give_up(sample) if case.row in self.given_up else self.work.develop(sample, case.output)

    def _row(self, done: Done) -> bytes:
        image = done.output.image if done.output else None
        row = run_record.image_row(done.sample, self._root, output=image, objects=done.labels.count, image=done.written)
        return msgspec.json.encode(row) + b"\n"

    def _piece(
        self, case: _Case, content: bytes, stamp: Stamp, shot: Shot, done: Done, row: bytes, kept: bytes
    ) -> Piece:
        sample = case.sample
        names = self.work.mirror.before(self.work.names, sample)
        went, swapped = self._went(done)
        for part in shot.sample.parts:
            swapped = _sum(swapped, self._counted(part, len(part.instances))[1])
        came = came_of(sample, names)
        return Piece(
            split=sample.split,
            name=spelt(str(sample.name)),
            content=content,
            stamp=stamp,
            digest=(done.written.digest if done.written else "") or "",
            first=sample.take is None or sample.take.is_first,
            listed=sample.listed,
            **came,
            due=came["came"] if len(shot.sources) == 1 else due_of(shot.sources, names),
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

    def _holds(self, sample: Sample, output: Output | None, claim: Claim) -> bool:
        """Whether the image, its labels and all its files are as `claim` says. What was read once is read again.

        No file is looked at but those that are this image's own: the claim may be anybody's.
        """
        stamp, dest = stamp_of(sample.path), self.work.dest
        if dest is None or claim.content != self._content(sample, output) or claim.stamp.size != stamp.size:
            return False
        own = {output.image, *output.labels} if output else set()
        if not own >= {file.path for file in claim.files}:
            return False
        read = claim.digest and not is_stored(sample.path)
        same = _digest(sample.path) == claim.digest if read else claim.stamp == stamp
        return same and (self.packed or all(_stands(dest / file.path, file, sample.path) for file in claim.files))

    def _content(self, sample: Sample, output: Output | None) -> bytes:
        others = self.director.others(sample) if self.director else ()
        return content_of(sample, output, [(other, stamp_of(other.path)) for other in others])

    def _went(self, done: Done) -> tuple[dict[str, int], dict[str, int]]:
        return ({}, {}) if done.output is None else self._counted(done.sample, done.labels.count)

    def _counted(self, sample: Sample, written: int) -> tuple[dict[str, int], dict[str, int]]:
        names, before = self.work.names, self.work.mirror.before(self.work.names, sample)
        labels = sample.instances.labels.tolist()
        classes = [names[label] for label in labels]
        return went_of(classes, classes if before is names else [before[label] for label in labels], written)

    @cached_property
    def _root(self) -> str:
        root = self.dataset.root
        return str(root if root.is_dir() else root.parent)


def stop_at_fault(findings: Iterable[Finding], on_error: OnError) -> None:
    """Raise `SourceError` for the first fault of `findings`, if `on_error` is "stop"."""
    for finding in findings if on_error == "stop" else ():
        if finding.severity is Severity.FAULT:
            raise SourceError(finding.path, finding.where, f"{finding.message} (--on-error skip lists it instead)")


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in [*one, *other]}


def _files(done: Done, dest: Path | None) -> tuple[File, ...]:
    if done.output is None:
        return ()
    image = done.written and File(done.output.image, done.written.content)
    labels = [File(path, digest) for path, digest in done.digests.items()]
    files = (image, *labels) if image else tuple(labels)
    if dest is None or not is_stored(dest):
        return files
    return tuple([File(file.path, file.digest, stamp_of(dest / file.path)) for file in files])


def _stands(path: Path, file: File, source: Path) -> bool:
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
