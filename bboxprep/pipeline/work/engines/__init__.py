"""Engines run the work of a conversion, one module each, all with the same interface."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def never() -> bool:
    """False: the `stop` of a run that nobody stops."""
    return False


def nothing() -> None:
    """Do nothing: the default for `died`."""


class Engine(Protocol):
    """Calls one function on many items, in several processes, on this machine or elsewhere."""

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

        For an item that kills every process that takes it, the result is ``lost(item)``. `died` is called after a
        process has died, while none is at work. Raises `StoppedError` once `stop` returns True and the items at work
        are done, `WorkerError` for such an item without `lost` and where no process can be started, and what `work`
        raises.
        """
