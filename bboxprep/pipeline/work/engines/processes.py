"""Runs work in processes of this machine, which take blocks of samples in order.

Threads would not help: except for the codecs all code is Python, whose threads run one at a time. Processes are forked
where that is safe, so that they share the dataset in memory; elsewhere they are spawned and the work is pickled. When
a process dies (killed for its memory, or by a fault of a decoder), each of its items is tried again in a process of
its own. That finds the item that kills every process.

loky (3.7) was tried in place of ``ProcessPoolExecutor``. `test_a_process_ends_with_the_one_that_started_it` fails with
it: its workers outlive a parent that was killed. It cannot fork, so the dataset is pickled: 64 items beside 200 MB
take 4 s with loky and 0.1 s here.
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
from multiprocessing import get_context, parent_process
from typing import Any, Generic, Literal

from bboxprep.errors import StoppedError, WorkerError
from bboxprep.gc_control import gc_frozen
from bboxprep.io.paths import error_reason
from bboxprep.pipeline.work.engines import BLOCKS_PER_WORKER, MAX_ATTEMPTS, STOPPED, Item, Result

Start = Literal["fork", "spawn"]

START: Start = "fork" if sys.platform == "linux" else "spawn"
_work: Callable[[Any], Any]


def run_in_own_process(work: Callable[[Item], Result], item: Item) -> Result:
    """The result of ``work(item)`` from a process of its own. Raises `WorkerError` where `MAX_ATTEMPTS` processes die,
    and every error of `work`.
    """
    for _ in range(MAX_ATTEMPTS):
        with _pool_of(work, 1) as pool:
            try:
                result: Result = _future_of(pool, item).result()
            except BrokenProcessPool:
                continue
            return result
    raise WorkerError(f"one block of images killed {MAX_ATTEMPTS} processes in a row")


class ProcessPool(Generic[Item, Result]):
    """Processes and the items they work on; results come in the order of the items."""

    def __init__(
        self,
        work: Callable[[Item], Result],
        workers: int,
        stop: Callable[[], bool],
        on_lost_item: Callable[[Item], Result] | None,
        on_worker_death: Callable[[], None],
    ) -> None:
        self._work, self._workers, self._stop = work, workers, stop
        self._on_lost_item, self._on_worker_death = on_lost_item, on_worker_death
        self._pending: deque[tuple[Item, Future[Result]]] = deque()
        self._pool = _pool_of(work, workers)

    def results(self, items: Iterable[Item]) -> Iterator[Result]:
        """See `Engine.run`."""
        stopped = False
        with gc_frozen():
            try:
                for item in items:
                    stopped = self._stop()
                    if stopped:
                        break
                    self._submit(item)
                    if len(self._pending) >= self._workers * BLOCKS_PER_WORKER:
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
            self._pool.shutdown()  # first: a fork while the thread of the pool runs may deadlock
            self._on_worker_death()
            result = self._retried(item)
            self._pool = _pool_of(self._work, self._workers)
            again = [item for item, _ in self._pending]
            self._pending.clear()
            for item in again:
                self._submit(item)
            return result

    def _retried(self, item: Item) -> Result:
        try:
            return run_in_own_process(self._work, item)
        except WorkerError:
            if self._on_lost_item is None:
                raise
            return self._on_lost_item(item)


def _pool_of(work: Callable[[Any], Any], workers: int) -> ProcessPoolExecutor:
    """A pool, whose processes are not started yet. Raises `WorkerError` where the system has no room for one."""
    start = "spawn" if "fsspec.asyn" in sys.modules else START  # its connections and its thread do not survive a fork
    try:
        return ProcessPoolExecutor(workers, get_context(start), initializer=_init_worker, initargs=(work,))
    except OSError as error:  # no file descriptor is left, or nothing can be written to /dev/shm
        raise WorkerError(f"no process can be started ({error_reason(error)}); `workers=1` needs none") from error


def _future_of(pool: ProcessPoolExecutor, item: Any) -> Future[Any]:
    """The future of `item` in `pool`, whose processes start with the first one. Raises `WorkerError` if they cannot."""
    try:
        with _signals_delayed():
            return pool.submit(_run_item, item)
    except BrokenProcessPool:
        raise
    except (OSError, RuntimeError) as error:  # RuntimeError: no thread can be started
        for process in (pool._processes or {}).values():  # those that did start; nothing else would end them
            process.terminate()
        pool.shutdown(wait=False)  # there may be no thread to wait for
        raise WorkerError(f"no process can be started ({error}); fewer `workers` need less") from error


@contextmanager
def _signals_delayed() -> Iterator[None]:
    """Delay Ctrl-C and SIGTERM. A pool that is interrupted while it starts its processes never ends them."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_STOPS = {signal.SIGINT, signal.SIGTERM}


def _init_worker(work: Callable[[Any], Any]) -> None:
    global _work  # one function for the life of the process
    _work = work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the calling process decides whether the run stops
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when its parent has ended, which may have been killed."""
    parent = parent_process()
    if parent:
        parent.join()
        os._exit(1)


def _run_item(item: Any) -> Any:
    return _work(item)
