"""Runs work on this machine: in the calling process, or in several processes that take blocks of samples in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice

import msgspec

from bboxprep.errors import StoppedError
from bboxprep.pipeline.work.engines import STOPPED, Item, Result, do_nothing, never_stop

FEW_IMAGES = 256  # whose labels the calling process converts before other processes would have started
MOST_PER_PROCESSOR = 4  # processes: each has its own memory, and more are no faster


def block_size(count: int, workers: int, most: int = 256) -> int:
    """The size of the blocks of `count` items: at most `most`, so small that all workers finish at the same time."""
    return max(1, min(most, count // (workers * 16)))


def blocks(rows: range, size: int) -> list[range]:
    """Consecutive `rows` in blocks of `size`, the last of fewer."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]


class Local(msgspec.Struct, frozen=True):
    """`workers` processes of this machine, at most `MOST_PER_PROCESSOR` for each processor and one for each item; with
    1 the work is done in the calling process.
    """

    workers: int = 1

    @property
    def min_block_size(self) -> int:
        """See `Engine`."""
        return 1

    def run(
        self,
        work: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        stop: Callable[[], bool] = never_stop,
        on_lost_item: Callable[[Item], Result] | None = None,
        on_worker_death: Callable[[], None] = do_nothing,
    ) -> Iterator[Result]:
        """See `Engine.run`."""
        if self.workers > 1:
            # here, since multiprocessing takes as long to import as 100 images take to convert
            from bboxprep.pipeline.work.engines.processes import ProcessPool

            most, waiting = min(self.workers, MOST_PER_PROCESSOR * (os.cpu_count() or 1)), iter(items)
            first = list(islice(waiting, most))
            if first:
                pool = ProcessPool(work, len(first), stop, on_lost_item, on_worker_death)
                yield from pool.results(chain(first, waiting))
            return
        for item in items:
            if stop():
                raise StoppedError(STOPPED)
            yield work(item)


IN_CALLING_PROCESS = Local()
