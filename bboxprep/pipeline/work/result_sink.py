"""Pieces, in the order of the samples, into all that is written once: journal, books, records, the writer's files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bboxprep.errors import BboxprepError, InternalError, TargetError
from bboxprep.formats.api import Writer
from bboxprep.io.atomic import Growing
from bboxprep.pipeline.output.naming import Output
from bboxprep.pipeline.output.run_record import IMAGES
from bboxprep.pipeline.report.account import Account
from bboxprep.pipeline.resume.journal import Journal, Key
from bboxprep.pipeline.sidecar.writer import Keeper
from bboxprep.pipeline.work.image_result import Piece, decode_pieces, encode_pieces


@dataclass
class Gathering:
    """Takes the pieces of a run.

    `done` counts the images, `fresh` those that were not as an earlier run had left them. `absent` are the paths of
    `outputs` where nothing was written, because the image was left out or nobody has labelled it.
    """

    dest: Path
    keys: Sequence[Key]
    outputs: Mapping[Key, Output]
    journal: Journal
    account: Account
    writer: Writer
    keeper: Keeper | None
    done: int = 0
    fresh: int = 0
    absent: list[str] = field(default_factory=list)
    _trusts: bool = False  # a piece that it has not seen made

    def take(self, harvests: Iterator[bytes], progress: Callable[[int], None]) -> None:
        """Write the records and the sidecar from `harvests`, the pieces of blocks, and note all else.

        Raises `TargetError`, and what comes of the blocks.
        """
        with ExitStack() as stack:
            rows = stack.enter_context(Growing(self.dest / IMAGES))
            kept = stack.enter_context(self.keeper.opened(self.dest)) if self.keeper else None
            for harvest in harvests:
                pieces = self._pieces(harvest)
                for piece in pieces:
                    self._note(piece, self.keys[self.done])
                    self.done += 1
                rows.write(*[piece.row for piece in pieces])
                if kept:
                    kept.write(*[piece.kept for piece in pieces])
                progress(self.done)

    def close(self) -> None:
        """Write what stands once for the dataset. Raises `TargetError`."""
        with self._as_noted():
            self.writer.close()

    def _note(self, piece: Piece, key: Key) -> None:
        self.account.book(piece)
        if piece.written:
            with self._as_noted():
                self.writer.collect(piece.entry)
        if output := self.outputs.get(key):
            written = {file.path for file in piece.files}
            self.absent += [path for path in (output.image, *output.labels) if path not in written]

    def _pieces(self, harvest: bytes) -> Sequence[Piece]:
        """The pieces of a block, those that are as they were from the journal; the others go into it."""
        found = decode_pieces(harvest)
        new = sum(piece is not None for piece in found)
        self.fresh += new
        whole = [piece or self._old(self.keys[self.done + place]) for place, piece in enumerate(found)]
        if new:
            self.journal.add(harvest if new == len(found) else encode_pieces(whole))
        return whole

    def _old(self, key: Key) -> Piece:
        self._trusts = True
        piece = self.journal.piece(key)
        if piece is None:
            raise InternalError(f"{'/'.join(key)}: its claim is true but its piece is gone; please report this")
        return piece

    @contextmanager
    def _as_noted(self) -> Iterator[None]:
        """What a writer makes of an entry that no writer has made, for the journal was another's."""
        try:
            yield
        except BboxprepError:
            raise
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            if not self._trusts:
                raise
            raise TargetError(f"{self.dest}: its journal is damaged ({error}); --overwrite begins anew") from error
