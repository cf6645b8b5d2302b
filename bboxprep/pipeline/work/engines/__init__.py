"""Engines run the work of a conversion, one module each, all with the same interface."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

BLOCKS_PER_WORKER = 2  # submitted at once: enough to keep a worker busy, few enough to bound the memory
MAX_ATTEMPTS = 3  # processes that an item may kill before it is given up
STOPPED = "stopped as asked"


def never_stop() -> bool:
    """False: the default for `stop`."""
    return False


def do_nothing() -> None:
    """Do nothing: the default for `on_worker_death`."""


class Engine(Protocol):
    """Calls one function on many items, in several processes, on this machine or elsewhere."""

    @property
    def workers(self) -> int:
        """The number of items that are processed at once."""

    @property
    def min_block_size(self) -> int:
        """The least number of images of an item, where there are enough images for all workers."""

    def run(
        self,
        work: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        stop: Callable[[], bool] = never_stop,
        on_lost_item: Callable[[Item], Result] | None = None,
        on_worker_death: Callable[[], None] = do_nothing,
    ) -> Iterator[Result]:
        """The results of ``work(item)``, in the order of the items. Few items are taken in advance.

        An item that kills every process it is given to has the result ``on_lost_item(item)``; without `on_lost_item`
        it raises `WorkerError`. `on_worker_death` is called after a process has died, while no other one is working.
        Once `stop` returns True, the items at work are finished and `StoppedError` is raised. Raises `WorkerError`
        where no process can be started, and every error of `work`.
        """
