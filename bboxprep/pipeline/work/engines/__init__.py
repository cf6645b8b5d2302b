"""Ways to run the work of a job; one file each, all with the same face."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def never() -> bool:
    """False: what a run that nobody stops asks."""
    return False


def nothing() -> None:
    """What is to be done about a process that died: nothing."""


class Engine(Protocol):
    """Does a piece of work on many items, in some number of processes, here or elsewhere."""

    @property
    def workers(self) -> int:
        """How many items are at work at once."""

    @property
    def least(self) -> int:
        """How many images an item should have, where there are enough for all workers."""

    def run(
        self,
        work: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        stop: Callable[[], bool] = never,
        lost: Callable[[Item], Result] | None = None,
        died: Callable[[], None] = nothing,
    ) -> Iterator[Result]:
        """The results of ``work(item)``, in the order of the items, of which few are taken ahead.

        An item that brings down every process that takes it has the result that `lost` gives. `died` is called after a
        process has died, when none is at work. Raises `StoppedError` once `stop` says so and what was in hand is done,
        `WorkerError` for such an item without `lost` and where no process can be started, and what `work` raises.
        """
