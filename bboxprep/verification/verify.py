"""Runs all three layers of verification on one output: the command ``bboxprep verify``."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count
from math import gcd
from pathlib import Path, PurePath
from typing import Any

import msgspec

from bboxprep.errors import BboxprepError, MissingPackageError, UsageError, WrongTypeError
from bboxprep.findings import Finding, escape_surrogates
from bboxprep.images.codecs.codec import DEFAULT_IMAGE_POLICY, ImagePolicy
from bboxprep.io.remote import open_path
from bboxprep.model.short_text import ShownAsTable
from bboxprep.pipeline.output.image_rows import IMAGES, ImageRow, read_images
from bboxprep.pipeline.output.run_record import INCOMPLETE, RECORD, RecordedFinding, Run, find_record
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.engines.local import Local
from bboxprep.verification.class_balance import Place, beyond_limit_of
from bboxprep.verification.consistency import examine
from bboxprep.verification.detections import read_detections
from bboxprep.verification.faults import Fault, Layer, Tally, meaning, worst_first
from bboxprep.verification.filtered_images import duplicate_faults, filter_faults
from bboxprep.verification.geometric import compare
from bboxprep.verification.pixel import UNIT, PixelComparison, compare_pixels, swapped
from bboxprep.verification.structural import contents_of, dataset_faults, image_faults
from bboxprep.verification.suspects import faults_of
from bboxprep.verification.verification_inputs import (
    Options,
    VerificationInputs,
    empty_output,
    open_inputs,
    open_output,
)


@dataclass(frozen=True, repr=False)
class VerificationReport(ShownAsTable):
    """The result of a verification: `faults`, the worst first, and the tallies of each layer. Without faults the output
    is correct as far as the tallies go, and the report is true. `against` is the source, None without one. `notes` are
    about a dataset that was judged by itself: what may be meant so.
    """

    out: Path
    against: Path | None
    faults: tuple[Fault, ...]
    tallies: tuple[Tally, ...]
    notes: tuple[Finding, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether there are no faults."""
        return not self.faults

    def __bool__(self) -> bool:
        return self.holds

    def _rows(self) -> dict[str, str]:
        counts = Counter(fault.code for fault in self.faults)
        found = ", ".join(f"{code} {count:,}" for code, count in counts.most_common())
        layers = {str(one.layer): one.counts for one in self.tallies}
        against = {"against": str(self.against)} if self.against else {}
        return {"faults": found or "none", **layers, "out": str(self.out), **against}

    def encoded(self) -> bytes:
        """The report as JSON."""
        content: dict[str, Any] = {
            "out": escape_surrogates(str(self.out)),
            "against": escape_surrogates(str(self.against)) if self.against else None,
            "holds": self.holds,
            "layers": [asdict(tally) for tally in self.tallies],
            "faults": [{"meaning": meaning(fault.code)} | asdict(fault) for fault in self.faults],
            "notes": [msgspec.to_builtins(RecordedFinding.of(finding)) for finding in self.notes],
        }
        return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def verify(
    out: str | Path,
    against: str | Path | None = None,
    *,
    sample: int | None = None,
    workers: int = 1,
    reading: Options = lambda _: {},
    image_policy: ImagePolicy = DEFAULT_IMAGE_POLICY,
    predictions: str | Path | None = None,
    begin: Callable[[int], None] = lambda _: None,
    progress: Callable[[int], None] = lambda _: None,
) -> VerificationReport:
    """Verify the output at `out` against the dataset at `against`, by default its recorded source.

    A folder that this package did not write is judged by itself: is it consistent? `sample` checks the pixels of so
    many images only, turned ones first; `workers` threads; `reading` gives the options of the source's reader by its
    format; an image that `image_policy` finds too large is not opened. `predictions` of a model on the
    images at `out`, COCO results or a folder of YOLO text files, add the labels that it contradicts (`suspects`).
    `begin` is called with the number of images,
    `progress` with that of those done. Raises `SourceError` where `against` or a dataset that is not ours cannot be
    read, and `UsageError`, also where a dataset that is not ours is to be compared.
    """
    if not isinstance(out, str | PurePath):
        raise WrongTypeError(f"verify: have a {type(out).__name__}, want the path of an output, as `Outcome.dest` is")
    report = _verified(out, against, sample, workers, reading, image_policy, begin, progress)
    if predictions is None:
        return report
    suspected, tally = _contradicted(report.out, open_path(predictions), reading, image_policy)
    faults = worst_first((*report.faults, *suspected))
    return replace(report, faults=faults, tallies=(*report.tallies, tally))


def _contradicted(
    folder: Path, predictions: Path, reading: Options, image_policy: ImagePolicy
) -> tuple[list[Fault], Tally]:
    """The labels of the dataset at `folder` that `predictions` contradict."""
    source = open_source(folder, image_policy=image_policy, options=reading, sidecar=False)
    dataset, faults, checked = source.dataset, list[Fault](), 0
    detections = read_detections(predictions, dataset)
    for sample in dataset:
        seen = detections.of_image.get(sample.key)
        if seen is not None:
            checked += len(sample.instances)
            faults += faults_of(sample.instances, seen, sample.relative_path, dataset.classes)
    wrong = len({(fault.image, fault.where) for fault in faults})
    words = (f"{len(detections.of_image):,} of {len(dataset):,} images have predictions",)
    return [*detections.faults, *faults], Tally(Layer.PREDICTIONS, "labels", max(0, checked - wrong), 0, wrong, words)


def _verified(
    out: str | Path,
    against: str | Path | None,
    sample: int | None,
    workers: int,
    reading: Options,
    image_policy: ImagePolicy,
    begin: Callable[[int], None],
    progress: Callable[[int], None],
) -> VerificationReport:
    folder, source = open_path(out), open_path(against) if against else None
    if sample is not None and sample < 0:
        raise UsageError(f"sample: have {sample}, want 0 or more")
    record = find_record(folder)
    if record is None:
        code, words = _state(folder)
        if code:
            return _failed_report(folder, code, words)
        if source:
            raise UsageError(f"against: {folder} has no {RECORD}, so that nothing says how it was made of {source}")
        found = examine(folder, reading, image_policy, begin, progress)
        return VerificationReport(folder, None, found.faults, found.tallies, found.notes)
    images, problems = read_images(folder)
    run = Run(folder, record, images)
    _refuse_without_images(run)
    try:
        output = open_output(run, source, image_policy, reading)
    except MissingPackageError:
        raise  # that says nothing about the output
    except BboxprepError as error:
        if any(image.output for image in images):
            return _failed_report(folder, "output-unreadable", str(error))
        output = empty_output(run)
    case = open_inputs(run, output, source, reading, image_policy)
    damaged = [Fault(Layer.STRUCTURAL, "record-damaged", IMAGES, where, words) for where, words in problems]
    return _assembled(case, damaged, _pixel_rows(images, sample), workers, begin, progress)


def _state(folder: Path) -> tuple[str, str]:
    """(fault code, message) of an output without a valid record; ("", "") for others."""
    if (folder / INCOMPLETE).exists():
        return "run-incomplete", f"{INCOMPLETE} says that its run has not ended well, or not yet"
    if (folder / RECORD).exists():
        return "record-damaged", f"{RECORD} cannot be read, or is not the record of a run"
    return ("record-missing", f"has {IMAGES} and no {RECORD}") if (folder / IMAGES).exists() else ("", "")


def _refuse_without_images(run: Run) -> None:
    """Raise `UsageError` for labels that were written without images, which are still missing."""
    written = [image for image in run.images if image.output]
    if not written or any(image.made or (run.root / str(image.output)).is_file() for image in written):
        return
    raise UsageError(
        f"{run.root}: holds labels alone (`images='none'`), want its {len(written)} images at the places that {IMAGES} "
        f"names ({written[0].output})"
    )


@dataclass(frozen=True)
class _ImageVerdict:
    """The results of the three layers for one image."""

    faults: tuple[Fault, ...]
    tallies: tuple[Tally, ...]
    pixels: PixelComparison


@dataclass(frozen=True)
class _ImageCheck:
    """Checks the image of a row, and of the rows `chosen` the pixels too. A limit of their classes leaves out the
    images `beyond`. Plain data, pickled for worker processes.
    """

    case: VerificationInputs
    chosen: frozenset[int]
    beyond: frozenset[Place] | None

    def __call__(self, row: int) -> _ImageVerdict:
        return _check_image(self.case, self.case.run.images[row], self.beyond, pixels=row in self.chosen)


def _check_image(
    case: VerificationInputs, image: ImageRow, beyond: frozenset[Place] | None, *, pixels: bool
) -> _ImageVerdict:
    structural = tuple(image_faults(case, image))
    compared = compare(case, image)
    filtered = tuple(filter_faults(case, image, compared, beyond))
    pixel = compare_pixels(case, image, compared) if pixels else PixelComparison()
    tallies = (
        Tally(Layer.STRUCTURAL, "images", int(not structural), 0, int(bool(structural))),
        compared.tally,
        pixel.tally,
    )
    return _ImageVerdict((*structural, *compared.faults, *filtered, *pixel.faults), tallies, pixel)


def _assembled(
    case: VerificationInputs,
    damaged: list[Fault],
    chosen: frozenset[int],
    workers: int,
    begin: Callable[[int], None],
    progress: Callable[[int], None],
) -> VerificationReport:
    images = case.run.images
    faults = [*damaged, *dataset_faults(case, contents_of(case)), *_unrecorded(case), *duplicate_faults(case, workers)]
    tallies = [Tally(Layer.STRUCTURAL, "images"), Tally(Layer.GEOMETRIC, "objects"), Tally(Layer.PIXEL, UNIT)]
    comparisons: list[tuple[str, PixelComparison]] = []
    check = _ImageCheck(case, chosen, beyond_limit_of(case))
    begin(len(images))
    for number, verdict in enumerate(Local(workers).run(check, range(len(images))), 1):
        faults += verdict.faults
        tallies = [one + other for one, other in zip(tallies, verdict.tallies, strict=True)]
        comparisons.append((images[number - 1].output or "", verdict.pixels))
        progress(number)
    faults += swapped(comparisons)
    against = case.source.dataset.root if case.source else None
    return VerificationReport(case.run.root, against, worst_first(faults), tuple(tallies))


def _unrecorded(case: VerificationInputs) -> Iterator[Fault]:
    """The faults of images of the source without a row. Which ones a part of a dataset leaves out nothing says, but no
    more are gone than the record claims.
    """
    if case.source is None or case.several:
        return
    recorded = {image.source for image in case.run.images}
    gone = [path for path in case.source.places if path not in recorded]
    claimed = sum(change.left_out for change in case.run.record.changes)
    if claimed and len(gone) > claimed:
        words = f"{len(gone):,} images of the source have no row, and the record says that {claimed:,} were left out"
        yield Fault(Layer.STRUCTURAL, "image-missing", "", "", words, len(gone) - claimed)
        return
    for path in gone if not claimed else ():
        words = "is in the source, and the record does not name it"
        yield Fault(Layer.STRUCTURAL, "image-missing", path, "", words)


def _pixel_rows(images: Sequence[ImageRow], sample: int | None) -> frozenset[int]:
    """The rows whose pixels are checked: all, or `sample` of them, taken in turn from each orientation."""
    written = [index for index, image in enumerate(images) if image.output]
    if sample is None or sample >= len(written):
        return frozenset(written)
    groups: dict[int, list[int]] = defaultdict(list)
    for index in written:
        groups[images[index].orientation].append(index)
    ordered = sorted(groups.items(), key=lambda item: (item[0] == 1, item[0]))
    turns = [
        (place, rank, index)
        for rank, (_, group) in enumerate(ordered)
        for place, index in enumerate(_evenly_ordered(group))
    ]
    return frozenset(index for _, _, index in sorted(turns)[:sample])


def _evenly_ordered(group: list[int]) -> list[int]:
    """The rows of one orientation in an order in which each prefix is evenly spread."""
    step = next(step for step in count(max(1, round(len(group) * 0.618))) if gcd(step, len(group)) == 1)
    return [group[place * step % len(group)] for place in range(len(group))]


def _failed_report(folder: Path, code: str, words: str) -> VerificationReport:
    tally = Tally(Layer.STRUCTURAL, "images", wrong=1)
    return VerificationReport(folder, None, (Fault(Layer.STRUCTURAL, code, str(folder), "", words),), (tally,))
