"""One conversion run: checks, names of outputs, blocks of images, and the run record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import msgspec

from bboxprep import formats
from bboxprep.errors import BboxprepError, NothingLeftError, StoppedError, TargetError
from bboxprep.formats.api import Format, Writer
from bboxprep.images.codecs.codec import DEFAULT_IMAGE_POLICY, ImagePolicy, keeps_bytes
from bboxprep.images.opencv import opencv
from bboxprep.io.remote import is_stored
from bboxprep.model.dataset import Dataset
from bboxprep.model.sample import Key
from bboxprep.pipeline.augment import Augmenter
from bboxprep.pipeline.output import output_folder, replacement
from bboxprep.pipeline.output.naming import Output, check_splits, name_outputs
from bboxprep.pipeline.output.run_record import RunRecord, write_record
from bboxprep.pipeline.report import preflight
from bboxprep.pipeline.report.account import Account
from bboxprep.pipeline.resume.batch_result import decode_result
from bboxprep.pipeline.resume.journal import Journal
from bboxprep.pipeline.resume.remote_journal import open_journal
from bboxprep.pipeline.resume.resume import begin_output, check_files, end_state, may_resume, replaces_whole, terms_of
from bboxprep.pipeline.run_options import Outcome, RunOptions
from bboxprep.pipeline.source.survey import ImageSummary
from bboxprep.pipeline.work.engines import Engine
from bboxprep.pipeline.work.engines.local import FEW_IMAGES, IN_CALLING_PROCESS, block_size
from bboxprep.pipeline.work.result_sink import ResultSink
from bboxprep.pipeline.work.worker import BatchWorker, Block, batches_of

PIXEL_BLOCK = 8  # images of a block, where images are encoded again
LABEL_BLOCK = 256  # where none are


@dataclass(frozen=True)
class Conversion:
    """A run that writes `dataset`, whose images are `summaries`, to the folder `dest` as the format `to`.

    `options` are those of the format's writer. The `augmenter` applies the recipe to each sample; None where the
    samples are transformed already. `touched` says whether the pixels of an image change. `image_policy` are the rules
    by which the images of the source are decoded. `progress` is called with the number of images done; once `stop`
    returns True, no other block is begun.
    """

    dataset: Dataset
    summaries: Sequence[ImageSummary]
    dest: Path
    to: str
    run_options: RunOptions
    options: Mapping[str, Any]
    touched: Callable[[ImageSummary], bool]
    augmenter: Augmenter | None = None
    image_policy: ImagePolicy = DEFAULT_IMAGE_POLICY
    progress: Callable[[int], None] = lambda _: None
    stop: Callable[[], bool] = lambda: False
    home: Path | None = None  # of an output that is built beside it

    def run(self) -> Outcome:
        """Run the conversion. An output that is overwritten stays until the new one is complete (`output.replacement`).

        Raises `BboxprepError` where the run cannot be done.
        """
        options = self.run_options
        if options.dry_run:
            return self._checked().count()
        replacement.restore(self.dest)
        if replaces_whole(self.dest, self._terms, overwrite=options.overwrite, resume=options.resume):
            return self._replace()
        return self._run(self._checked())

    def _run(self, checked: _CheckedConversion) -> Outcome:
        """Run the `checked` conversion in the folder `dest`."""
        options, resumed = self.run_options, False
        try:
            with open_journal(self.dest, anew=options.overwrite) as journal:
                resumed = may_resume(
                    self.dest, journal, self._terms, overwrite=options.overwrite, resume=options.resume
                )
                if resumed and checked.is_current(journal):
                    return checked.count_finished(journal)
                outputs, new_terms = checked.outputs.values(), None if resumed else self._terms
                begin_output(
                    self.dest, journal, new_terms, outputs, checked.writer, shared_images=options.trusts_labels
                )
                return checked.write(journal, resumed=resumed)
        except NothingLeftError:
            if not resumed:
                replacement.discard(self.dest)
            raise

    def _replace(self) -> Outcome:
        """Write the new output beside the old one, which is locked, and then replace the old one.

        An unfinished new output is kept where a later run can resume it, and removed after any other failure.
        """
        self._check_target()
        new = replace(self, dest=replacement.new_beside(self.dest), home=self.dest)
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
        return msgspec.structs.replace(outcome, dest=self.dest)

    @cached_property
    def _terms(self) -> Mapping[str, str]:
        """The terms of the run, as the journal stores them."""
        return terms_of(self.dataset, self.to, self.recipe, self.run_options, self._placed, self.reading_terms)

    @cached_property
    def _placed(self) -> Mapping[str, Any]:
        """The options of the writer, with those that the place of the output decides."""
        target = formats.load(self.to)
        return {**self.options, **target.placed(self._made(self.options), self.home or self.dest)}

    def _made(self, options: Mapping[str, Any]) -> Any:
        target = formats.load(self.to)
        return formats.made_options(target.write_options, options, f"writing {target.title}")

    @property
    def recipe(self) -> Mapping[str, Any]:
        """The recipe of all images as plain data; {} where samples were transformed one by one."""
        return self.augmenter.recipe.options() if self.augmenter else {}

    @property
    def reading_terms(self) -> Mapping[str, Any]:
        """The options of reading that the bytes of the output depend on."""
        return {**self.dataset.reading, "policy": msgspec.structs.asdict(self.image_policy)}

    def _check_target(self) -> None:
        for root in self.dataset.roots:
            output_folder.check_target(self.dest, root)

    def _checked(self) -> _CheckedConversion:
        """The conversion after all checks that need no output."""
        how, dataset, target = self.run_options, self.dataset, formats.load(self.to)
        self._check_target()
        check_splits(dataset.splits)
        writer = formats.open_writer(target, self.dest, dataset, self._made(self._placed))
        preflight.refuse_placement(how.images, writer, target, self.dest, dataset.roots)
        recipe, reencodes = self.augmenter and self.augmenter.recipe, any(map(self._reencodes, self.summaries))
        preflight.refuse_changed_images(
            recipe, how.encoding, self.turned, trusts_labels=how.trusts_labels, reencodes=reencodes
        )
        preflight.refuse_loss(dataset, writer, target, strict=how.strict, sidecar=how.sidecar)
        if how.on_error == "stop" or dataset.object_policy.may_refuse:
            preflight.refuse_faults(dataset, self.augmenter, how.on_error)
        outputs = name_outputs(self.summaries, writer, how.naming)
        worker = BatchWorker.of(dataset, self.augmenter, writer, self.to, self.dest, how, reencodes=reencodes)
        account = Account()
        account.note_dataset(dataset.findings)
        account.note(preflight.mixed_images((output.image for output in outputs.values()), target))
        size = self._batch_size(reencodes=reencodes)
        return _CheckedConversion(self, target, writer, outputs, worker, account, reencodes, size)

    @property
    def turned(self) -> list[str]:
        """The paths below the source of the images whose header was read and states a turn."""
        headers = {each.path: each.header for each in self.summaries if each.header}
        return preflight.stored_turned(headers, self.dataset.folder)

    def _reencodes(self, summary: ImageSummary) -> bool:
        """Whether an image is encoded again."""
        encoding, header = self.run_options.encoding, summary.header
        other_kind = encoding.image_format != "keep" and header is not None and not keeps_bytes(header, encoding)
        return other_kind or self.touched(summary)

    @property
    def engine(self) -> Engine:
        """The engine that does the work; for few images the calling process alone."""
        return IN_CALLING_PROCESS if self._few else self.run_options.chosen_engine

    def _batch_size(self, *, reencodes: bool) -> int:
        """The number of images of a batch. Raises `WorkerError` where the engine cannot be reached."""
        most = max(self.engine.min_block_size, PIXEL_BLOCK if reencodes else LABEL_BLOCK)
        return most if self._few else block_size(len(self.summaries), self.engine.workers, most)

    @property
    def _few(self) -> bool:
        """Whether no image is needed, and so few have labels that this process is done before others would start."""
        images, roots = self.run_options.images, self.dataset.roots
        return images == "none" and len(self.dataset) <= FEW_IMAGES and not any(map(is_stored, roots))


class _CheckedConversion(msgspec.Struct, frozen=True):
    """A conversion that has passed its checks. `outputs` are the paths of its images; `reencodes`: the pixels of some
    images change. A batch has at most `batch_size` images.
    """

    conversion: Conversion
    target: Format
    writer: Writer
    outputs: Mapping[Key, Output]
    worker: BatchWorker
    account: Account
    reencodes: bool
    batch_size: int

    def count(self) -> Outcome:
        """A dry run: transform and count all objects, and write nothing."""
        for encoded in self._results(None):
            self.account.add(decode_result(encoded))
            self.conversion.progress(self.account.images_in.total())
        self._close_account()
        self.account.refuse_emptied()
        return self._outcome(None)

    def is_current(self, journal: Journal) -> bool:
        """Whether the output is finished and the run would write the same files again."""
        end, dest = journal.end, self.conversion.dest
        if not output_folder.is_finished(dest) or end != end_state(dest, self.conversion.dataset, self.writer):
            return False
        if {number for _, number in self._batches(journal)} != journal.batches.keys():
            return False
        worker = msgspec.structs.replace(self.worker, packed=bool(self.writer.stage))
        return all(self.conversion.engine.run(worker.is_current, self._blocks(journal), stop=self.conversion.stop))

    def count_finished(self, journal: Journal) -> Outcome:
        """The outcome of an output that is current, counted from the results in `journal`."""
        for number in journal.batches:
            if result := journal.result(number):
                self.account.add(result)
        self._close_account()
        return self._outcome(self.conversion.dest)

    def write(self, journal: Journal, *, resumed: bool) -> Outcome:
        """Write all images that are missing or outdated, then the files of the dataset, then the run record."""
        dest, keys = self.conversion.dest, self._keys()
        sink = self._write_images(journal, keys, resumed=resumed)
        self.account.refuse_emptied()
        output_folder.remove_files(dest / self.writer.stage, sink.unwritten)
        if resumed:
            journal.prune(sink.reused)
        sink.close()
        if self.writer.stage:
            output_folder.remove_folder(dest / self.writer.stage)
        self._close_account()
        output_folder.flush_all(dest)
        write_record(dest, self._record(journal))
        output_folder.mark_finished(dest)
        journal.note_end(end_state(dest, self.conversion.dataset, self.writer), sink.starts)
        return self._outcome(dest, sink.fresh)

    def _write_images(self, journal: Journal, keys: Sequence[Key], *, resumed: bool) -> ResultSink:
        """Write all images; returns the sink with their results. Raises `StoppedError`."""
        if self.reencodes:
            opencv()  # imported before the processes fork, so that not each imports it
        dest = self.conversion.dest
        own = {} if self.conversion.run_options.trusts_labels else self.outputs  # the user places the images
        sink = ResultSink(dest, keys, own, journal, self.account, self.writer, self.worker.sidecar_writer)
        try:
            sink.take(self._results(journal if resumed else None), self.conversion.progress)
        except StoppedError as error:
            done = f"{sink.done:,} of {len(keys):,} images are done, `resume=True` goes on from there"
            raise StoppedError(f"{dest}: {error}; {done}") from error
        return sink

    def _results(self, earlier: Journal | None) -> Iterator[bytes]:
        """The encoded result of each block, in order; its number where its `earlier` result is still valid."""
        return self.conversion.engine.run(
            self.worker,
            self._blocks(earlier),
            stop=self.conversion.stop,
            on_lost_item=self.worker.process_singly,
            on_worker_death=partial(output_folder.remove_left_over, self.conversion.dest, at_work=True),
        )

    def _blocks(self, earlier: Journal | None) -> Iterator[Block]:
        """The images in blocks; a batch of the `earlier` run whose lines are still there is a block with its
        fingerprint.
        """
        keys = self._keys()
        for rows, number in self._batches(earlier):
            outputs = tuple([self.outputs.get(keys[row]) for row in rows])
            whole = earlier and number and earlier.lines(number)
            yield Block(rows.start, outputs, number, earlier.fingerprint(number) if earlier and whole else None)

    def _batches(self, earlier: Journal | None) -> Iterator[tuple[range, int]]:
        return batches_of(self._keys(), self.batch_size, earlier.batches if earlier else {})

    def _keys(self) -> list[Key]:
        return [summary.key for summary in self.conversion.summaries]

    def _close_account(self) -> None:
        """Add the findings about the whole run. Raises `InternalError` where the account does not balance."""
        how, dataset = self.conversion.run_options, self.conversion.dataset
        self.account.note_near_duplicates(self.conversion.summaries, dataset.folder)
        preflight.note_losses(
            self.account,
            self.writer,
            self.target,
            dataset,
            self.conversion.turned,
            sidecar=how.sidecar,
            unopened=how.trusts_labels,
        )
        self.account.check()

    def _record(self, journal: Journal) -> RunRecord:
        conversion, planned = self.conversion, journal.entries
        if not conversion.run_options.trusts_labels:
            listed = set(output_folder.entries(conversion.dest))  # a storage may not list yet what was just written
            left = sorted(set(planned) - {self.writer.stage})
            planned = tuple([name for name in left if name in listed or (conversion.dest / name).exists()])
        return RunRecord.of(
            conversion.dataset,
            conversion.to,
            self.account.report(conversion.dataset.categories.names),
            recipe=conversion.recipe,
            reading=conversion.dataset.reading,
            image_policy=conversion.image_policy,
            encoding=conversion.run_options.encoding,
            image_names=conversion.run_options.names,
            options=conversion.options,
            entries=planned,
        )

    def _outcome(self, dest: Path | None, fresh: int = 0) -> Outcome:
        return Outcome(self.conversion.dataset, self.account, dest, self.conversion.options, fresh)
