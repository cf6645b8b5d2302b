"""Processes of this machine, which take blocks of samples in order.

Processes, because all but the codecs is Python, and its threads run one at a time. They are forked where that is safe,
so that they share what has been read; else they are spawned, and the work is pickled for them. When a process dies
(killed for its memory, or by a fault of a decoder), its items are given out again, each to one process alone, so that
an item that kills every process is found.

loky (3.7), which keeps such processes too, was tried in place of ``ProcessPoolExecutor``. With it
`test_a_process_ends_with_the_one_that_started_it` fails: its workers outlive a parent that was killed. It cannot fork
either, so all that was read is pickled: 64 items beside 200 MB take 4 s with it and 0.1 s here.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from typing import Any, Generic, Literal

from bboxprep.errors import StoppedError, WorkerError
from bboxprep.garbage import spared
from bboxprep.pipeline.work.engines import Item, Result, never, nothing

Start = Literal["fork", "spawn"]

AHEAD = 2  # blocks given out per worker: enough to keep it busy, few enough to bound the memory
LIVES = 3  # processes that an item may kill before it is given up

START: Start = "fork" if sys.platform == "linux" else "spawn"
STOPPED = "stopped as asked"
_work: Callable[[Any], Any]


def blocks(count: int, workers: int, most: int = 256) -> list[range]:
    """The numbers below `count` in blocks of at most `most`, so small that all workers finish about together."""
    size = max(1, min(most, count // (workers * 16)))
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


@dataclass(frozen=True)
class Local:
    """`workers` processes of this machine; the calling process itself, if 1."""

    workers: int = 1

    @property
    def least(self) -> int:
        """As `Engine` says."""
        return 1

    def run(
        self,
        work: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        stop: Callable[[], bool] = never,
        lost: Callable[[Item], Result] | None = None,
        died: Callable[[], None] = nothing,
    ) -> Iterator[Result]:
        """As `Engine` says."""
        if self.workers > 1:
            yield from _Crew(work, self.workers, stop, lost, died).results(items)
            return
        for item in items:
            if stop():
                raise StoppedError(STOPPED)
            yield work(item)


def alone(work: Callable[[Item], Result], item: Item) -> Result:
    """The result of ``work(item)`` from a process of its own, tried `LIVES` times. Raises `WorkerError` where all of
    these die, and what the work raises.
    """
    for _ in range(LIVES):
        with _pool_of(work, 1) as pool:
            try:
                result: Result = _future_of(pool, item).result()
            except BrokenProcessPool:
                continue
            return result
    raise WorkerError(f"an item of work ended {LIVES} processes one after the other")


class _Crew(Generic[Item, Result]):
    """Processes, and the items that they work on, in order."""

    def __init__(
        self,
        work: Callable[[Item], Result],
        workers: int,
        stop: Callable[[], bool],
        lost: Callable[[Item], Result] | None,
        died: Callable[[], None],
    ) -> None:
        self._work, self._workers, self._stop, self._lost, self._died = work, workers, stop, lost, died
        self._pending: deque[tuple[Item, Future[Result]]] = deque()
        self._pool = _pool_of(work, workers)

    def results(self, items: Iterable[Item]) -> Iterator[Result]:
        stopped = False
        with spared():
            try:
                for item in items:
                    stopped = self._stop()
                    if stopped:
                        break
                    self._submit(item)
                    if len(self._pending) >= self._workers * AHEAD:
                        yield self._next()
                while self._pending:
                    yield self._next()
            finally:
                self._pool.shutdown(cancel_futures=True)
        if stopped:
            raise StoppedError(STOPPED)

    def _submit(self, item: Item) -> None:
        try:
            future = _future_of(self._pool, item)
        except BrokenProcessPool as error:
            future = Future()
            future.set_exception(error)
        self._pending.append((item, future))

    def _next(self) -> Result:
        item, future = self._pending.popleft()
        try:
            return future.result()
        except BrokenProcessPool:
            self._pool.shutdown()  # first: a fork beside the running thread of the pool may lock up
            self._died()
            result = self._retried(item)
            self._pool = _pool_of(self._work, self._workers)
            again = [item for item, _ in self._pending]
            self._pending.clear()
            for item in again:
                self._submit(item)
            return result

    def _retried(self, item: Item) -> Result:
        try:
            return alone(self._work, item)
        except WorkerError:
            if self._lost is None:
                raise
            return self._lost(item)


def _pool_of(work: Callable[[Any], Any], workers: int) -> ProcessPoolExecutor:
    start = "spawn" if "fsspec.asyn" in sys.modules else START  # whose connections, and thread, outlive no fork
    return ProcessPoolExecutor(workers, get_context(start), initializer=_begin, initargs=(work,))


def _future_of(pool: ProcessPoolExecutor, item: Any) -> Future[Any]:
    """The future of `item` in `pool`, whose processes start with the first one. Raises `WorkerError` if they cannot."""
    try:
        with _signals_delayed():
            return pool.submit(_do, item)
    except BrokenProcessPool:
        raise
    except (OSError, RuntimeError) as error:  # the latter for want of a thread
        for process in (pool._processes or {}).values():  # nobody else would end those that did start
            process.terminate()
        pool.shutdown(wait=False)  # for there may be no thread to wait for
        raise WorkerError(f"no process can be started ({error}); fewer `workers` need less") from error


@contextmanager
def _signals_delayed() -> Iterator[None]:
    """Delay Ctrl-C and SIGTERM: a pool that is interrupted while it starts its processes never ends them."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_STOPS = {signal.SIGINT, signal.SIGTERM}


def _begin(work: Callable[[Any], Any]) -> None:
    global _work  # a process has one work for all its life
    _work = work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the calling process decides whether the run stops
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, which may have been killed."""
    parent = parent_process()
    if parent:
        parent.join()
        os._exit(1)


def _do(item: Any) -> Any:
    return _work(item)
