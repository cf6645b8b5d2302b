"""A whole run: samples through the engine, images and labels onto the disk, every object into the books."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from bboxprep import formats
from bboxprep.errors import PlanError, StoppedError, UsageError
from bboxprep.findings import Finding, escape_surrogates
from bboxprep.formats.api import Format, Writer
from bboxprep.images.codecs.codec import Encoding
from bboxprep.images.opencv import opencv
from bboxprep.io.paths import resolved
from bboxprep.io.remote import open_path
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Column
from bboxprep.model.sample import Key, Sample
from bboxprep.pipeline.augment import Augmenter, with_variants
from bboxprep.pipeline.output.image_rows import IMAGES
from bboxprep.pipeline.output.naming import Output, check_splits, name_outputs
from bboxprep.pipeline.output.output_folder import (
    check_target,
    entries,
    is_finished,
    mark_finished,
    remove_files,
    remove_folder,
    remove_left_over,
)
from bboxprep.pipeline.output.run_record import RECORD, RunRecord, write_record
from bboxprep.pipeline.output.versions import versions
from bboxprep.pipeline.report.account import Account
from bboxprep.pipeline.report.crowds import CrowdPlan
from bboxprep.pipeline.report.preflight import column_findings, refuse_faults, refuse_loss
from bboxprep.pipeline.resume.fsync import flush_all
from bboxprep.pipeline.resume.image_result import ImageResult, decode_results
from bboxprep.pipeline.resume.journal import Journal, key_as_noted, terms_as_text
from bboxprep.pipeline.resume.remote_journal import open_journal
from bboxprep.pipeline.resume.resume import begin, end_state, may_resume
from bboxprep.pipeline.run_options import Outcome, RunOptions
from bboxprep.pipeline.sidecar.schema import IN_SIDECAR, SIDECAR
from bboxprep.pipeline.sidecar.writer import SidecarWriter
from bboxprep.pipeline.source.open import Source
from bboxprep.pipeline.source.survey import ImageSummary, checked, survey
from bboxprep.pipeline.work.engines.local import blocks
from bboxprep.pipeline.work.image_writer import ImageWriter
from bboxprep.pipeline.work.result_sink import ResultSink
from bboxprep.pipeline.work.worker import BatchWorker, Block
from bboxprep.recipe.recipe import Recipe

PIXEL_BLOCK = 8  # images of a block whose pixels are made anew
LABEL_BLOCK = 256  # of others
TOGETHER = 64  # of these, that go through a stage of the work together; more gain nothing and take memory


def convert_source(
    source: Source,
    dest: Path,
    to: str,
    recipe: Recipe,
    *,
    run_options: RunOptions,
    options: Mapping[str, Any] | None = None,
    progress: Callable[[int], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Write `source` through `recipe` to `dest` as the format `to`, whose writer takes `options`.

    `progress` is called with the number of images done. Once `stop` says so the images in hand are finished and no
    other is begun. Raises `BboxprepError` where the run cannot be done, of these `StoppedError` where it was stopped.
    """

    def touched(summary: ImageSummary) -> bool:
        if summary.header is None:
            return False
        try:
            if recipe.is_tiled or recipe.appearance or not recipe.is_fixed:
                return True
            return not recipe.plan(summary.header.size, summary.header.turn).is_identity
        except PlanError:
            return False

    if run_options.labels_only and any(map(touched, source.summaries)):
        raise UsageError(f"labels only: have the recipe {recipe}, want one that leaves every picture as it is")
    dataset = source.dataset if run_options.labels_only else checked(source.dataset, source.summaries)
    dataset = replace(dataset, findings=dataset.transform(recipe).findings)
    source = with_variants(replace(source, dataset=dataset), recipe)
    asked = {**source.reading, "policy": asdict(source.image_policy)}
    augmenter = Augmenter.of(recipe, source)
    job = _Job(
        source.dataset, source.summaries, dest, to, run_options, options or {}, augmenter, source.reading, asked, stop
    )
    return job.run(touched, progress)


def write(
    dataset: Dataset,
    dest: str | Path,
    to: str,
    *,
    workers: int = 1,
    overwrite: bool = False,
    quality: int | None = None,
    strip_metadata: bool = False,
    sidecar: bool = True,
    **options: Any,
) -> Outcome:
    """Write `dataset`, transformed or not, to the folder `dest` as the format `to`.

    Pictures that were not transformed are turned upright; what no step touches keeps its bytes, and a JPEG that is only
    turned its coding, unless a `quality` is asked for (95 otherwise). `options` are those of the format's writer. What
    the format cannot hold is kept in a `sidecar` beside it, for when it is read again. What could not be used is left
    out and stands in the outcome's account. Raises `BboxprepError` where nothing can be written.
    """
    planned = dataset.map(_planned)
    run_options = RunOptions(workers, overwrite=overwrite, encoding=Encoding(quality, strip_metadata), sidecar=sidecar)
    summaries = survey(planned, run_options.hands)
    job = _Job(checked(planned, summaries), summaries, open_path(dest), to, run_options, options, None)
    return job.run(lambda summary: summary.touched, lambda _: None)


def _planned(sample: Sample) -> Sample:
    return sample if sample.plan else sample.transform(Recipe())


@dataclass(frozen=True)
class _Hand:
    """What a run works with: `most` is how many images a block has, `paints` whether pixels of any are made anew."""

    writer: Writer
    target: Format
    outputs: Mapping[Key, Output]
    most: int
    paints: bool
    shift: BatchWorker
    account: Account
    progress: Callable[[int], None]


@dataclass(frozen=True)
class _Job:
    """A run: of what, to where, as what, and how."""

    dataset: Dataset
    summaries: Sequence[ImageSummary]
    dest: Path
    to: str
    run_options: RunOptions
    options: Mapping[str, Any]
    augmenter: Augmenter | None  # None where the samples have been through their recipes
    reading: Mapping[str, Any] = field(default_factory=dict)
    asked: Mapping[str, Any] = field(default_factory=dict)  # of the reading of labels and images
    stop: Callable[[], bool] = lambda: False

    def run(self, touched: Callable[[ImageSummary], bool], progress: Callable[[int], None]) -> Outcome:
        target = formats.load(self.to)
        for root in self.dataset.roots:
            check_target(self.dest, root)
        check_splits(self.dataset.splits)
        writer: Writer = target.write(self.dest, self.dataset, target.write_options(**self.options))
        refuse_loss(self.dataset, writer, target, strict=self.run_options.strict, sidecar=self.run_options.sidecar)
        if self.run_options.on_error == "stop" or self.dataset.object_policy.may_refuse:
            refuse_faults(self.dataset, self.augmenter, self.run_options.on_error)
        outputs = name_outputs(self.summaries, writer, touched)
        paints = any(map(touched, self.summaries))
        most = max(self.run_options.hands.least, PIXEL_BLOCK if paints else LABEL_BLOCK)
        shift = self._shift(writer, target, together=1 if paints else TOGETHER)
        hand = _Hand(writer, target, outputs, most, paints, shift, self._open_account(), progress)
        if self.run_options.dry_run:
            return self._account_only(hand)
        with open_journal(self.dest, anew=self.run_options.overwrite) as journal:
            asked = self._terms_of_bytes()
            resumed = may_resume(
                self.dest, journal, asked, overwrite=self.run_options.overwrite, resume=self.run_options.resume
            )
            if resumed and self._unchanged(journal, hand):
                return self._as_it_was(journal, hand)
            places, once = hand.outputs.values(), _written_once(hand.writer)
            anew, stage = None if resumed else asked, hand.writer.stage
            begin(self.dest, journal, anew, places, once, stage=stage, labels_only=self.run_options.labels_only)
            return self._do(journal if resumed else None, journal, hand)

    def _account_only(self, hand: _Hand) -> Outcome:
        for results in self._results(hand, None):
            self._account(decode_results(results), hand.account)
            hand.progress(hand.account.images_in.total())
        self._close(hand)
        return Outcome(self.dataset, hand.account, None, self.options)

    def _unchanged(self, journal: Journal, hand: _Hand) -> bool:
        """Whether the output is finished, and a run would make the same again."""
        end, keys = journal.end, {key_as_noted(summary.key) for summary in self.summaries}
        shift = replace(hand.shift, packed=bool(hand.writer.stage))
        if not is_finished(self.dest) or end != end_state(self.dest, self.dataset, _written_once(hand.writer)):
            return False
        return set(journal.keys()) == keys and all(
            self.run_options.hands.run(shift.is_current, self._blocks(hand, journal), stop=self.stop)
        )

    def _as_it_was(self, journal: Journal, hand: _Hand) -> Outcome:
        self._account([journal.result(summary.key) for summary in self.summaries], hand.account)
        self._close(hand)
        return Outcome(self.dataset, hand.account, self.dest, self.options)

    def _do(self, old: Journal | None, journal: Journal, hand: _Hand) -> Outcome:
        keys = [summary.key for summary in self.summaries]
        shift, account = hand.shift, hand.account
        if hand.paints:
            opencv()  # before there are processes, which would each load it
        ours: Mapping[Key, Output] = (
            {} if self.run_options.labels_only else hand.outputs
        )  # others may put the images there
        gathering = ResultSink(self.dest, keys, ours, journal, account, hand.writer, shift.sidecar_writer)
        try:
            gathering.take(self._results(hand, old), hand.progress)
        except StoppedError as error:
            done = f"{gathering.done:,} of {len(keys):,} images are done, --resume goes on from there"
            raise StoppedError(f"{self.dest}: {error}; {done}") from error
        remove_files(self.dest / hand.writer.stage, gathering.absent)
        if old:
            old.keep(keys)
        gathering.close()
        if hand.writer.stage:
            remove_folder(self.dest / hand.writer.stage)
        self._close(hand)
        flush_all(self.dest)
        self._write_record(account, journal.entries)
        mark_finished(self.dest)
        journal.note_end(end_state(self.dest, self.dataset, _written_once(hand.writer)))
        return Outcome(self.dataset, account, self.dest, self.options, gathering.fresh)

    def _results(self, hand: _Hand, old: Journal | None) -> Iterator[bytes]:
        return self.run_options.hands.run(
            hand.shift,
            self._blocks(hand, old),
            stop=self.stop,
            lost=hand.shift.one_by_one,
            died=partial(remove_left_over, self.dest, at_work=True),
        )

    def _account(self, results: Iterable[ImageResult | None], account: Account) -> None:
        for result in results:
            if result:
                account.book(result)

    def _close(self, hand: _Hand) -> None:
        """Book what holds for the run as a whole. Raises `InternalError` where the books do not balance."""
        account, writer, target = hand.account, hand.writer, hand.target
        aside = f"; {IN_SIDECAR}" if self.run_options.sidecar else ""
        account.note(self._unopened(account))
        account.note(column_findings(account.columns, writer, target, besides=frozenset({Column.CROWD}), aside=aside))
        account.check()

    def _terms_of_bytes(self) -> dict[str, str]:
        """What the bytes of the output depend on, besides the images and labels, as JSON by name."""
        run_options = {
            "version": versions(),
            "source": [escape_surrogates(str(resolved(root))) for root in self.dataset.roots],
            "format": [self.dataset.format, self.to],
            "reading": self.asked,
            "changes": self.dataset.changes,
            "recipe": self.augmenter.recipe.options() if self.augmenter else None,
            "options": self.options,
            "rules": asdict(self.dataset.object_policy),
            "class table": [asdict(category) for category in self.dataset.categories],
            "encoding": asdict(self.run_options.encoding),
            "sidecar": self.run_options.sidecar,
            "labels only": self.run_options.labels_only,
        }
        return terms_as_text(run_options)

    def _shift(self, writer: Writer, target: Format, *, together: int) -> BatchWorker:
        image_writer = ImageWriter(
            self.dataset.categories.names,
            writer,
            None if self.run_options.dry_run else self.dest / writer.stage,
            self.run_options.encoding,
            CrowdPlan.of(self.dataset.object_policy.crowd, writer, target, sidecar=self.run_options.sidecar),
            self.dataset.mirror,
            self.run_options.labels_only,
        )
        kept = self.run_options.sidecar and not self.run_options.dry_run
        sidecar_writer = SidecarWriter.of(self.dataset, self.to, writer.carries) if kept else None
        return BatchWorker(
            self.dataset, self.augmenter, image_writer, sidecar_writer, self.run_options.on_error, together
        )

    def _blocks(self, hand: _Hand, old: Journal | None) -> Iterator[Block]:
        """The work in blocks, with what the `old` journal claims of it."""
        keys = [summary.key for summary in self.summaries]
        for rows in blocks(len(keys), self.run_options.hands.workers, hand.most):
            block = [keys[row] for row in rows]
            fingerprints = [old.fingerprint(key) if old else None for key in block]
            yield Block(rows.start, tuple([hand.outputs.get(key) for key in block]), tuple(fingerprints))

    def _unopened(self, account: Account) -> tuple[Finding, ...]:
        """That no image was opened, where that was asked for."""
        count = sum(account.images_out.values())
        words = f"images whose size is taken from the labels, without a look at them ({count}); orientation tags stay"
        return (Finding("image-unopened", words),) if self.run_options.labels_only and count else ()

    def _open_account(self) -> Account:
        account = Account()
        account.note_outside_samples(self.dataset.findings)
        return account

    def _write_record(self, account: Account, planned: Collection[str]) -> None:
        record = RunRecord.of(
            self.dataset,
            self.to,
            account.report(self.dataset.categories.names),
            recipe=self.augmenter.recipe.options() if self.augmenter else {},
            reading=self.reading,
            options=self.options,
            entries=tuple([name for name in entries(self.dest) if name in planned]),
        )
        write_record(self.dest, record)


def _written_once(writer: Writer) -> tuple[str, ...]:
    """The paths of all that is written once for the dataset, and lasts."""
    return (*writer.documents, IMAGES, SIDECAR, RECORD)
