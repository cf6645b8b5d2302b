"""Handles Ctrl-C and SIGTERM: they end a command at once; a run that writes first finishes its current images."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class _State:
    received = False  # a signal was received
    deferred = False  # the first signal is only recorded


_state = _State()  # of the process, as handlers are


@contextmanager
def interrupting_signals() -> Iterator[None]:
    """Raise `KeyboardInterrupt` for each signal inside the ``with``; restore the earlier handlers afterwards."""
    _state.received = False
    before = {number: signal.signal(number, _on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether a signal was received. Inside, only the second signal raises."""
    if _state.received:  # Python drops an exception that is raised while it forks
        raise KeyboardInterrupt
    _state.deferred = True
    try:
        yield lambda: _state.received
    finally:
        _state.deferred = False


def _on_signal(_number: int, _frame: FrameType | None) -> None:
    only_recorded = _state.deferred and not _state.received
    _state.received = True
    if not only_recorded:
        raise KeyboardInterrupt
