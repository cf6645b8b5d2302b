"""Takes results in the order of the samples, and writes the journal, the image rows, the sidecar and the account."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from bboxprep.errors import BboxprepError, TargetError
from bboxprep.formats.api import Writer
from bboxprep.io.atomic import AtomicWriter
from bboxprep.pipeline.output.image_rows import IMAGES
from bboxprep.pipeline.output.naming import Output
from bboxprep.pipeline.report.account import Account
from bboxprep.pipeline.resume.batch_result import BatchResult, decode_result_or_number
from bboxprep.pipeline.resume.journal import Journal, Key
from bboxprep.pipeline.resume.result_lines import ResultLines
from bboxprep.pipeline.sidecar.writer import SidecarWriter


class ResultSink(msgspec.Struct):
    """Takes the results of a run, whose images have the `keys`.

    `done` counts the images, `fresh` those that were written by this run, not by an earlier one. `reused` are the
    numbers of the batches of the earlier run. `starts` has the places (bytes) where the lines of each batch start in
    the rows and in the sidecar, by its number in the journal. `unwritten` are the paths of `outputs` that were not
    written: the image was left out, or is not labelled.
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
    reused: set[int] = msgspec.field(default_factory=set)
    starts: dict[int, tuple[int, int]] = msgspec.field(default_factory=dict)
    unwritten: list[str] = msgspec.field(default_factory=list)

    def take(self, encoded_results: Iterable[bytes], progress: Callable[[int], None]) -> None:
        """Write the image rows and the sidecar lines of `encoded_results`, one for each batch, and add the results to
        the journal and the account. Raises `TargetError`, and every error of the blocks.
        """
        with ExitStack() as stack:
            rows = stack.enter_context(AtomicWriter(self.dest / IMAGES))
            sidecar = stack.enter_context(self.sidecar_writer.opened(self.dest)) if self.sidecar_writer else None
            for encoded in encoded_results:
                number, result, lines = self._result_of(encoded)
                self._note(result)
                self.starts[number] = (rows.size, sidecar.size if sidecar else 0)
                rows.write(lines.rows)
                if sidecar:
                    sidecar.write(lines.sidecar)
                progress(self.done)

    def close(self) -> None:
        """Write the documents of the dataset. Raises `TargetError`."""
        with self._damage_as_target_error():
            self.writer.close()

    def _note(self, result: BatchResult) -> None:
        keys = self.keys[self.done : self.done + len(result.images)]
        self.done += len(keys)
        self.account.add(result)
        with self._damage_as_target_error():
            for entry in result.entries:
                self.writer.collect(entry)
        written = {file.path for image in result.images for file in image.files}
        for output in filter(None, map(self.outputs.get, keys)):
            self.unwritten += [path for path in (output.image, *output.labels) if path not in written]

    def _result_of(self, encoded: bytes) -> tuple[int, BatchResult, ResultLines]:
        """The number, the result and the lines of a block. A new result is added to the journal; for a number the
        earlier one is read from it.
        """
        found = decode_result_or_number(encoded)
        if isinstance(found, BatchResult):
            self.fresh += len(found.images)
            return self.journal.add(found), found, ResultLines(found.rows, found.sidecar)
        self.reused.add(found)
        result, lines = self.journal.result(found), self.journal.lines(found)
        if result is None or lines is None:
            raise TargetError(f"{self.dest}: its records changed while the run was at work; the same command goes on")
        return found, result, lines

    @contextmanager
    def _damage_as_target_error(self) -> Iterator[None]:
        """Raise `TargetError` where a writer fails with an entry of the journal, which is untrusted input."""
        try:
            yield
        except BboxprepError:
            raise
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            if not self.reused:
                raise
            raise TargetError(f"{self.dest}: its journal is damaged ({error}); `overwrite=True` begins anew") from error
