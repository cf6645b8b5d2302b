"""Tasks of a Ray cluster, each a block of samples; the process that asks keeps the books.

The work travels once to every process that takes a task and is kept there. SOURCE and DEST are paths that every machine
of the cluster sees. Ray is imported only here, and only when this engine is chosen: ``pip install 'bboxprep[ray]'``.
Its reports of usage are switched off, its handlers of signals are not left in place of ours.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bboxprep.errors import BboxprepError, StoppedError, UsageError, WorkerError
from bboxprep.pipeline.engines import Item, Result, never, nothing
from bboxprep.pipeline.engines.local import AHEAD, LIVES, STOPPED

PATIENCE = 10.0  # s, for a cluster to answer
_works: dict[str, Callable[[Any], Any]] = {}  # of a process of the cluster: the work that it has in hand, by its name


@dataclass(frozen=True)
class OnRay:
    """The cluster at `address`; without one, a cluster of `processes` on this machine that ends with this process.

    Raises `UsageError` where Ray is not installed, `WorkerError` where the cluster does not answer.
    """

    processes: int = 1
    address: str | None = None

    @property
    def workers(self) -> int:
        """The processors of the cluster."""
        return max(1, int(self._ray().cluster_resources().get("CPU", 1)))

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
        ray = self._ray()
        crew = _Crew(ray, ray.put(work), died)
        most, pending, stopped = self.workers * AHEAD, deque[tuple[Item, Any]](), False
        for item in items:
            stopped = stop()
            if stopped:
                break
            pending.append((item, crew.given(item)))
            if len(pending) >= most:
                yield crew.next(pending, lost)
        while pending:
            yield crew.next(pending, lost)
        if stopped:
            raise StoppedError(STOPPED)

    def _ray(self) -> Any:
        """Ray, joined to the cluster."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            import ray
        except ImportError as error:
            raise UsageError("engine: ray is not installed; pip install 'bboxprep[ray]' brings it") from error
        if not ray.is_initialized():
            _knock(self.address)
            with _own_signals():
                self._join(ray)
        return ray

    def _join(self, ray: Any) -> None:
        quiet = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": True}
        here = {"address": "local", "num_cpus": self.processes, "include_dashboard": False}
        try:
            ray.init(**({"address": self.address} if self.address else here), **quiet)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            place = f"the cluster at {self.address}" if self.address else "a cluster on this machine"
            raise WorkerError(f"{place} cannot be joined ({str(error).splitlines()[0]})") from error


@dataclass(frozen=True)
class _Crew:
    """Gives items to the cluster, and to it again where the process that had one died."""

    ray: Any
    work: Any  # a reference to it
    died: Callable[[], None]

    def given(self, item: Any) -> Any:
        """A reference to what will come of `item`."""
        return self.ray.remote(_do).options(max_retries=0, num_cpus=1).remote([self.work], item)

    def next(self, pending: deque[tuple[Item, Any]], lost: Callable[[Item], Result] | None) -> Result:
        """The result of the first that is `pending`."""
        item, reference = pending.popleft()
        for _ in range(LIVES):
            try:
                result, error = self.ray.get(reference)
            except self.ray.exceptions.RayError:
                self._rest([reference for _, reference in pending])
                reference = self.given(item)
                continue
            if error is not None:
                self._rest([reference for _, reference in pending])
                raise error
            return result  # type: ignore[no-any-return]
        if lost is None:
            raise WorkerError(f"a piece of work brought down {LIVES} processes one after the other")
        return lost(item)

    def _rest(self, references: list[Any]) -> None:
        """Wait for what is at work, and let what was left half-written be removed."""
        if references:
            self.ray.wait(references, num_returns=len(references))
        self.died()


def _do(works: list[Any], item: Any) -> tuple[Any, BboxprepError | None]:
    """What comes of `item`, or the error; in a process of the cluster, which keeps the work for the next item."""
    import ray

    (reference,) = works  # in a list, so that Ray does not unpack the work for each item anew
    name = reference.hex()
    if name not in _works:
        _works.clear()
        _works[name] = ray.get(reference)
    try:
        return _works[name](item), None
    except BboxprepError as error:
        return None, error


def _knock(address: str | None) -> None:
    """Raise `WorkerError` where nobody listens at HOST:PORT; Ray itself would ask again for minutes."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if not (host and port.isdecimal()):
        return
    try:
        socket.create_connection((host, int(port)), PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise WorkerError(f"the cluster at {address} cannot be joined ({error})") from error


class _own_signals:
    """What is to be done about a signal is the same afterwards: Ray puts a handler of its own in place."""

    def __enter__(self) -> None:
        self._main = threading.current_thread() is threading.main_thread()
        numbers = (signal.SIGINT, signal.SIGTERM) if self._main else ()
        self._before = {number: signal.getsignal(number) for number in numbers}

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
