"""One conversion run: checks, output names, the blocks of images, and the run record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from bboxprep import formats
from bboxprep.errors import BboxprepError, StoppedError, TargetError
from bboxprep.formats.api import Format, Writer
from bboxprep.images.opencv import opencv
from bboxprep.model.dataset import Dataset
from bboxprep.model.sample import Key
from bboxprep.pipeline.augment import Augmenter
from bboxprep.pipeline.output import output_folder, replacement
from bboxprep.pipeline.output.naming import Output, check_splits, name_outputs
from bboxprep.pipeline.output.run_record import RunRecord, write_record
from bboxprep.pipeline.report.account import Account
from bboxprep.pipeline.report.preflight import (
    note_losses,
    refuse_changed_images,
    refuse_faults,
    refuse_loss,
    refuse_placement,
)
from bboxprep.pipeline.resume.fsync import flush_all
from bboxprep.pipeline.resume.image_result import decode_results
from bboxprep.pipeline.resume.journal import Journal, key_as_noted
from bboxprep.pipeline.resume.remote_journal import open_journal
from bboxprep.pipeline.resume.resume import begin, check_files, end_state, may_resume, replaces_whole, terms_of
from bboxprep.pipeline.run_options import Outcome, RunOptions
from bboxprep.pipeline.source.survey import ImageSummary
from bboxprep.pipeline.work.engines.local import blocks
from bboxprep.pipeline.work.result_sink import ResultSink
from bboxprep.pipeline.work.worker import BatchWorker, Block

PIXEL_BLOCK = 8  # images of a block, where images are encoded again
LABEL_BLOCK = 256  # where none are


@dataclass(frozen=True)
class Conversion:
    """What a run is asked for: to write `dataset`, of the images `summaries`, to the folder `dest` as the format `to`.

    `options` are those of the format's writer. The `augmenter` takes each sample through its recipe; None where that
    was done before. `touched` says whether the pixels of an image change. `reading` are the options that the
    source was read with, `image_policy` those of its images. `progress` is called with the number of images done; once
    `stop` returns True, no other block is begun.
    """

    dataset: Dataset
    summaries: Sequence[ImageSummary]
    dest: Path
    to: str
    run_options: RunOptions
    options: Mapping[str, Any]
    touched: Callable[[ImageSummary], bool]
    augmenter: Augmenter | None = None
    reading: Mapping[str, Any] = field(default_factory=dict)
    image_policy: Mapping[str, Any] = field(default_factory=dict)
    progress: Callable[[int], None] = lambda _: None
    stop: Callable[[], bool] = lambda: False

    def run(self) -> Outcome:
        """Run the conversion. Raises `BboxprepError` if it cannot be done.

        An output that is overwritten stays as it is until the new one is whole (`output.replacement`).
        """
        how = self.run_options
        if how.dry_run:
            return self._checked().count()
        replacement.put_back(self.dest)
        if replaces_whole(self.dest, self._terms, overwrite=how.overwrite, resume=how.resume):
            return self._replace()
        return self._run(self._checked())

    def _run(self, checked: _CheckedConversion) -> Outcome:
        """Run the conversion, which is `checked`, in the folder `dest`."""
        how = self.run_options
        with open_journal(self.dest, anew=how.overwrite) as journal:
            resumed = may_resume(self.dest, journal, self._terms, overwrite=how.overwrite, resume=how.resume)
            if resumed and checked.is_current(journal):
                return checked.count_noted(journal)
            outputs, anew = checked.outputs.values(), None if resumed else self._terms
            begin(self.dest, journal, anew, outputs, checked.writer, may_hold_others=how.trusts_labels)
            return checked.write(journal, resumed=resumed)

    def _replace(self) -> Outcome:
        """Write the new output beside the old one, which is locked meanwhile, and put it in its place.

        What can go on where it has stopped is kept beside the old output; of any other failure nothing is.
        """
        self._check_target()
        new = replace(self, dest=replacement.new_beside(self.dest))
        checked = new._checked()
        try:
            with open_journal(self.dest, anew=True) as old:
                check_files(self.dest, old)
                outcome = new._run(checked)
                check_files(self.dest, old)
        except (StoppedError, TargetError):
            raise
        except BboxprepError:
            replacement.discard(new.dest)
            raise
        replacement.exchange(self.dest)
        return replace(outcome, dest=self.dest)

    @cached_property
    def _terms(self) -> Mapping[str, str]:
        """The terms of the run, as the journal has them."""
        return terms_of(self.dataset, self.to, self.recipe, self.run_options, self.options, self.reading_terms)

    @property
    def recipe(self) -> Mapping[str, Any]:
        """The recipe of all images as plain data; {} where each sample had its own."""
        return self.augmenter.recipe.options() if self.augmenter else {}

    @property
    def reading_terms(self) -> Mapping[str, Any]:
        """How labels and images are read, as far as the bytes of the output depend on it."""
        return {**self.reading, "policy": self.image_policy} if self.image_policy else self.reading

    def _check_target(self) -> None:
        for root in self.dataset.roots:
            output_folder.check_target(self.dest, root)

    def _checked(self) -> _CheckedConversion:
        """This conversion, checked as far as it can be before anything is written."""
        how, dataset, target = self.run_options, self.dataset, formats.load(self.to)
        self._check_target()
        check_splits(dataset.splits)
        writer = formats.open_writer(target, self.dest, dataset, target.write_options(**self.options))
        refuse_placement(how.images, writer, target, self.dest, dataset.roots)
        repaints, recipe = any(map(self.touched, self.summaries)), self.augmenter and self.augmenter.recipe
        refuse_changed_images(recipe, trusts_labels=how.trusts_labels, repaints=repaints)
        refuse_loss(dataset, writer, target, strict=how.strict, sidecar=how.sidecar)
        if how.on_error == "stop" or dataset.object_policy.may_refuse:
            refuse_faults(dataset, self.augmenter, how.on_error)
        outputs = name_outputs(self.summaries, writer, self.touched)
        worker = BatchWorker.of(dataset, self.augmenter, writer, self.to, self.dest, how, repaints=repaints)
        account = Account()
        account.note_outside_samples(dataset.findings)
        return _CheckedConversion(self, target, writer, outputs, worker, account, repaints)


@dataclass(frozen=True)
class _CheckedConversion:
    """A conversion that can begin. `outputs` are the places of its images; `repaints`: pixels of some change."""

    conversion: Conversion
    target: Format
    writer: Writer
    outputs: Mapping[Key, Output]
    worker: BatchWorker
    account: Account
    repaints: bool

    def count(self) -> Outcome:
        """A dry run: all objects go through their steps into the account, and nothing is written."""
        for results in self._results(None):
            for result in filter(None, decode_results(results)):
                self.account.add(result)
            self.conversion.progress(self.account.images_in.total())
        self._close_account()
        return self._outcome(None)

    def is_current(self, journal: Journal) -> bool:
        """Whether the output is finished, and the run would make the same again."""
        end, dest = journal.end, self.conversion.dest
        if not output_folder.is_finished(dest) or end != end_state(dest, self.conversion.dataset, self.writer):
            return False
        if set(journal.keys()) != {key_as_noted(key) for key in self._keys()}:
            return False
        worker, engine = replace(self.worker, packed=bool(self.writer.stage)), self.conversion.run_options.chosen_engine
        return all(engine.run(worker.is_current, self._blocks(journal), stop=self.conversion.stop))

    def count_noted(self, journal: Journal) -> Outcome:
        """The account of an output that is as it should be."""
        for key in self._keys():
            if result := journal.result(key):
                self.account.add(result)
        self._close_account()
        return self._outcome(self.conversion.dest)

    def write(self, journal: Journal, *, resumed: bool) -> Outcome:
        """Write all that is missing or out of date, then what stands once for the dataset, then the record."""
        dest, keys = self.conversion.dest, self._keys()
        sink = self._written(journal, keys, resumed=resumed)
        output_folder.remove_files(dest / self.writer.stage, sink.absent)
        if resumed:
            journal.keep(keys)
        sink.close()
        if self.writer.stage:
            output_folder.remove_folder(dest / self.writer.stage)
        self._close_account()
        flush_all(dest)
        write_record(dest, self._record(journal))
        output_folder.mark_finished(dest)
        journal.note_end(end_state(dest, self.conversion.dataset, self.writer))
        return self._outcome(dest, sink.fresh)

    def _written(self, journal: Journal, keys: Sequence[Key], *, resumed: bool) -> ResultSink:
        """The sink that has taken the results of all images. Raises `StoppedError`."""
        if self.repaints:
            opencv()  # before there are processes, which would each load it
        dest = self.conversion.dest
        own = {} if self.conversion.run_options.trusts_labels else self.outputs  # else others may put the images there
        sink = ResultSink(dest, keys, own, journal, self.account, self.writer, self.worker.sidecar_writer)
        try:
            sink.take(self._results(journal if resumed else None), self.conversion.progress)
        except StoppedError as error:
            done = f"{sink.done:,} of {len(keys):,} images are done, `resume=True` goes on from there"
            raise StoppedError(f"{dest}: {error}; {done}") from error
        return sink

    def _results(self, earlier: Journal | None) -> Iterator[bytes]:
        """The results of all blocks, in order; of images that are as the `earlier` run left them, None."""
        return self.conversion.run_options.chosen_engine.run(
            self.worker,
            self._blocks(earlier),
            stop=self.conversion.stop,
            lost=self.worker.one_by_one,
            died=partial(output_folder.remove_left_over, self.conversion.dest, at_work=True),
        )

    def _blocks(self, earlier: Journal | None) -> Iterator[Block]:
        """The images in blocks, with what the `earlier` run noted of them."""
        keys, engine = self._keys(), self.conversion.run_options.chosen_engine
        most = max(engine.least, PIXEL_BLOCK if self.repaints else LABEL_BLOCK)
        for rows in blocks(len(keys), engine.workers, most):
            block = [keys[row] for row in rows]
            fingerprints = [earlier.fingerprint(key) if earlier else None for key in block]
            yield Block(rows.start, tuple([self.outputs.get(key) for key in block]), tuple(fingerprints))

    def _keys(self) -> list[Key]:
        return [summary.key for summary in self.conversion.summaries]

    def _close_account(self) -> None:
        """Note what holds for the run as a whole. Raises `InternalError` where the account does not balance."""
        how = self.conversion.run_options
        note_losses(self.account, self.writer, self.target, sidecar=how.sidecar, unopened=how.trusts_labels)
        self.account.check()

    def _record(self, journal: Journal) -> RunRecord:
        conversion, planned = self.conversion, journal.entries
        there = planned if conversion.run_options.trusts_labels else output_folder.entries(conversion.dest)
        return RunRecord.of(
            conversion.dataset,
            conversion.to,
            self.account.report(conversion.dataset.categories.names),
            recipe=conversion.recipe,
            reading=conversion.reading,
            options=conversion.options,
            entries=tuple([name for name in there if name in planned]),
        )

    def _outcome(self, dest: Path | None, fresh: int = 0) -> Outcome:
        return Outcome(self.conversion.dataset, self.account, dest, self.conversion.options, fresh)
