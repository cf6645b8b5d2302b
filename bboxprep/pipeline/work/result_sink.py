"""Takes results in the order of the samples, and writes the journal, the image rows, the sidecar and the account."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bboxprep.errors import BboxprepError, InternalError, TargetError
from bboxprep.formats.api import Writer
from bboxprep.io.atomic import AtomicWriter
from bboxprep.pipeline.output.image_rows import IMAGES
from bboxprep.pipeline.output.naming import Output
from bboxprep.pipeline.report.account import Account
from bboxprep.pipeline.resume.image_result import ImageResult, decode_results, encode_results
from bboxprep.pipeline.resume.journal import Journal, Key
from bboxprep.pipeline.sidecar.writer import SidecarWriter


@dataclass
class ResultSink:
    """Takes the results of a run, whose images have the `keys`.

    `done` counts the images, `fresh` those that were written by this run, not by an earlier one. `unwritten` are the
    paths of `outputs` that were not written: the image was left out, or is not labelled.
    """

    dest: Path
    keys: Sequence[Key]
    outputs: Mapping[Key, Output]
    journal: Journal
    account: Account
    writer: Writer
    sidecar_writer: SidecarWriter | None
    done: int = 0
    fresh: int = 0
    unwritten: list[str] = field(default_factory=list)
    _uses_journal: bool = False  # whether some results are of an earlier run

    def take(self, encoded_batches: Iterator[bytes], progress: Callable[[int], None]) -> None:
        """Write the image rows and the sidecar lines of `encoded_batches`, the results of one block each, and add the
        results to the journal and the account. Raises `TargetError`, and every error of the blocks.
        """
        with ExitStack() as stack:
            rows = stack.enter_context(AtomicWriter(self.dest / IMAGES))
            sidecar = stack.enter_context(self.sidecar_writer.opened(self.dest)) if self.sidecar_writer else None
            for encoded in encoded_batches:
                results = self._results_of(encoded)
                for result in results:
                    self._note(result, self.keys[self.done])
                    self.done += 1
                rows.write(*[result.row for result in results])
                if sidecar:
                    sidecar.write(*[result.sidecar_line for result in results])
                progress(self.done)

    def close(self) -> None:
        """Write the documents of the dataset. Raises `TargetError`."""
        with self._damage_as_target_error():
            self.writer.close()

    def _note(self, result: ImageResult, key: Key) -> None:
        self.account.add(result)
        if result.written:
            with self._damage_as_target_error():
                self.writer.collect(result.entry)
        if output := self.outputs.get(key):
            written = {file.path for file in result.files}
            self.unwritten += [path for path in (output.image, *output.labels) if path not in written]

    def _results_of(self, results: bytes) -> Sequence[ImageResult]:
        """The results of a block. New results are added to the journal; for None the earlier result is read from it."""
        found = decode_results(results)
        new = sum(result is not None for result in found)
        self.fresh += new
        all_results = [
            result or self._earlier_result(self.keys[self.done + place]) for place, result in enumerate(found)
        ]
        if new:
            self.journal.add(results if new == len(found) else encode_results(all_results))
        return all_results

    def _earlier_result(self, key: Key) -> ImageResult:
        self._uses_journal = True
        result = self.journal.result(key)
        if result is None:
            raise InternalError(f"{'/'.join(key)}: its fingerprint matches but its result is gone; please report this")
        return result

    @contextmanager
    def _damage_as_target_error(self) -> Iterator[None]:
        """Raise `TargetError` where a writer fails with an entry of the journal, which is untrusted input."""
        try:
            yield
        except BboxprepError:
            raise
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            if not self._uses_journal:
                raise
            raise TargetError(f"{self.dest}: its journal is damaged ({error}); `overwrite=True` begins anew") from error
