"""Ctrl-C and SIGTERM: they end a command at once; a run that writes is first asked to finish the images at hand."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class _State:
    asked = False  # one has come
    patient = False  # the first one is only noted


_state = _State()  # of the process, as handlers are


@contextmanager
def signals_heard() -> Iterator[None]:
    """Inside, each of the signals raises `KeyboardInterrupt`; afterwards the earlier handlers are back."""
    _state.asked = False
    before = {number: signal.signal(number, _hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """A function: whether a signal has come. Inside, the first one raises nothing, and the second one does."""
    if _state.asked:  # Python drops what is raised while it forks, among other things
        raise KeyboardInterrupt
    _state.patient = True
    try:
        yield lambda: _state.asked
    finally:
        _state.patient = False


def _hear(_number: int, _frame: FrameType | None) -> None:
    noted = _state.patient and not _state.asked
    _state.asked = True
    if not noted:
        raise KeyboardInterrupt
