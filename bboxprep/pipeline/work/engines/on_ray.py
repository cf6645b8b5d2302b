"""Runs work as tasks of a Ray cluster, each a block of samples; the calling process takes the results.

The work is sent once to every process of the cluster and kept there. SOURCE and DEST are paths that every machine of
the cluster can open. Only this module imports Ray, and only when this engine is chosen (``pip install
'bboxprep[ray]'``). Its usage reports are switched off, and its signal handlers do not replace ours. A cluster that is
started here has a token of its own; Ray would leave one in the user's home.

Where no result comes for a while, the connection to the cluster is checked. Without that Ray would end this process
with a message and an exit code of its own.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from bboxprep.errors import BboxprepError, MissingPackageError, StoppedError, UsageError, WorkerError
from bboxprep.pipeline.work import engines
from bboxprep.pipeline.work.engines import Item, Result, do_nothing, never_stop

TIMEOUT = 10.0  # s, for a cluster to answer
_ADDRESS = re.compile(r"[^\s/]+:[0-9]{1,5}")
_TOKENS = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")  # set by users who have a token
_works: dict[str, Callable[[Any], Any]] = {}  # in a process of the cluster: the work it keeps, by its id


@dataclass(frozen=True)
class OnRay:
    """The cluster at `address`; without one, a cluster of `processes` on this machine that ends with this process.

    Raises `UsageError` where Ray is not installed or `address` is not HOST:PORT, `WorkerError` where the cluster does
    not answer.
    """

    processes: int = 1
    address: str | None = None

    def __post_init__(self) -> None:
        if self.address is not None and not _ADDRESS.fullmatch(self.address):
            raise UsageError(f"address: have {self.address!r}, want HOST:PORT of a Ray cluster")

    @property
    def workers(self) -> int:
        """The processors of the cluster."""
        return max(1, int(self._ray().cluster_resources().get("CPU", 1)))

    @property
    def min_block_size(self) -> int:
        """See `Engine`. A task costs some milliseconds, and its results an entry of the journal."""
        return 256

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
        ray = self._ray()
        task = ray.remote(max_retries=0, num_cpus=1)(_run_item)
        cluster = _Cluster(ray, task, ray.put(work), on_worker_death, ray.get_runtime_context().gcs_address)
        most, pending, stopped = self.workers * engines.BLOCKS_PER_WORKER, deque[tuple[Item, Any]](), False
        for item in items:
            stopped = stop()
            if stopped:
                break
            pending.append((item, cluster.submit(item)))
            if len(pending) >= most:
                yield cluster.next(pending, on_lost_item)
        while pending:
            yield cluster.next(pending, on_lost_item)
        if stopped:
            raise StoppedError(engines.STOPPED)

    def _ray(self) -> Any:
        """Ray, joined to the cluster."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        if not (self.address or "ray" in sys.modules or any(name in os.environ for name in _TOKENS)):
            os.environ["RAY_AUTH_TOKEN"] = token_hex(32)
        try:
            import ray
        except ImportError as error:
            raise MissingPackageError("engine: ray is not installed; pip install 'bboxprep[ray]' brings it") from error
        if not ray.is_initialized():
            if self.address:
                _check_listening(self.address)
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
            raise WorkerError(f"{place} cannot be joined ({_reason(error)})") from error


@dataclass(frozen=True)
class _Cluster:
    """Submits items to the cluster, and again where a process died."""

    ray: Any
    task: Any  # one for all items: each new task function is sent to the whole cluster
    work: Any  # a reference to the object in the cluster
    on_worker_death: Callable[[], None]
    head: str  # HOST:PORT of the cluster's head

    def submit(self, item: Any) -> Any:
        """A reference to the result of `item`."""
        return self.task.remote([self.work], item)

    def next(self, pending: deque[tuple[Item, Any]], on_lost_item: Callable[[Item], Result] | None) -> Result:
        """The result of the first item of `pending`, which is removed from it."""
        item, reference = pending.popleft()
        for _ in range(engines.MAX_ATTEMPTS):
            try:
                result, error = self._result_of(reference)
            except self.ray.exceptions.RayError:
                self._check_cluster()
                self._wait_for([reference for _, reference in pending])
                reference = self.submit(item)
                continue
            if error is not None:
                self._wait_for([reference for _, reference in pending])
                raise error
            return result  # type: ignore[no-any-return]
        if on_lost_item is None:
            raise WorkerError(f"one block of images killed {engines.MAX_ATTEMPTS} processes in a row")
        return on_lost_item(item)

    def _result_of(self, reference: Any) -> Any:
        """The result and the error of a task. Raises `WorkerError` where the cluster is gone."""
        while True:
            try:
                return self.ray.get(reference, timeout=TIMEOUT)
            except self.ray.exceptions.GetTimeoutError:
                self._check_cluster()

    def _check_cluster(self) -> None:
        try:
            _check_listening(self.head)
        except WorkerError as error:
            words = "is gone; what is done stays, `resume=True` goes on from there"
            raise WorkerError(f"the cluster at {self.head} {words}") from error

    def _wait_for(self, references: list[Any]) -> None:
        """Wait for the running tasks, then call `on_worker_death`, which removes half-written files."""
        while self.ray.wait(references, num_returns=len(references), timeout=TIMEOUT)[1] if references else ():
            self._check_cluster()
        self.on_worker_death()


def _run_item(works: list[Any], item: Any) -> tuple[Any, BboxprepError | None]:
    """The result of `item`, or the error. Runs in a process of the cluster, which keeps the work for the next item."""
    import ray

    (reference,) = works  # in a list: Ray resolves a bare reference again for each task
    name = reference.hex()
    if name not in _works:
        _works.clear()
        _works[name] = ray.get(reference)
    try:
        return _works[name](item), None
    except BboxprepError as error:
        return None, error


def _reason(error: BaseException) -> str:
    """The first line of the message of `error`; where a missing token has caused it, what to do."""
    cause: BaseException | None = error
    while cause:
        if "AuthenticationError" in repr(cause):  # the message of another error may hold the traceback
            return "it asks for a token; set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN unless ~/.ray has it"
        cause = cause.__cause__ or cause.__context__
    return str(error).splitlines()[0]


def _check_listening(address: str) -> None:
    """Raise `WorkerError` where nothing listens at HOST:PORT. Ray itself would retry for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), TIMEOUT).close()
    except (OSError, OverflowError) as error:
        raise WorkerError(f"the cluster at {address} cannot be joined ({error})") from error


class _own_signals:
    """Restores the signal handlers afterwards, which Ray replaces."""

    def __enter__(self) -> None:
        self._main = threading.current_thread() is threading.main_thread()
        numbers = (signal.SIGINT, signal.SIGTERM) if self._main else ()
        self._before = {number: signal.getsignal(number) for number in numbers}

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
