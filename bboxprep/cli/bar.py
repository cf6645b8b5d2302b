"""The progress bars of a command; a module of its own, because only a command on a terminal imports it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

REFRESH = 0.1  # seconds between two looks of the bar


class _Rate(ProgressColumn):
    """Images or other items a second so far."""

    def render(self, task: Task) -> Text:
        """The rate as text."""
        return Text(f"{task.speed:,.1f}/s" if task.speed else "")


class ProgressBars:
    """Bars with rate and time left on a console; a bar within another one is shown below it, as long as it runs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Progress | None = None

    @contextmanager
    def bar(self, total: int, what: str, *, passing: bool = False) -> Iterator[Callable[[int], None]]:
        """A bar of `total` items, 0 where their number is not known. It is called with the number of items that are
        done. One that is `passing` leaves nothing behind.
        """
        if self._live is not None:
            with _task(self._live, total, what) as advance:
                yield advance
            return
        self._live = _bars_on(self._console, passing)
        try:
            with self._live, _task(self._live, total, what, stays=True) as advance:
                yield advance
        finally:
            self._live = None


def _bars_on(console: Console, passing: bool) -> Progress:
    return Progress(
        TextColumn("  {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
        auto_refresh=False,  # it would take a thread, and processes that are forked beside one can lock up
        transient=passing,
    )


@contextmanager
def _task(live: Progress, total: int, what: str, *, stays: bool = False) -> Iterator[Callable[[int], None]]:
    """A line of `live`, which goes at its end unless it `stays`."""
    shown = monotonic()
    task = live.add_task(what, total=total or None)
    live.refresh()

    def advance(done: int) -> None:
        nonlocal shown
        live.update(task, completed=done)
        if monotonic() - shown > REFRESH or done == total:
            live.refresh()
            shown = monotonic()

    yield advance
    if not stays:
        live.remove_task(task)
