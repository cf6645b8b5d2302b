"""The progress bar of a run; a module of its own, because only a run on a terminal imports it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

REFRESH = 0.1  # seconds between two looks of the bar


class _Rate(ProgressColumn):
    """Images a second so far."""

    def render(self, task: Task) -> Text:
        """The rate as text."""
        return Text(f"{task.speed:.1f} img/s" if task.speed else "")


@contextmanager
def bar_on(console: Console, total: int, what: str) -> Iterator[Callable[[int], None]]:
    """A bar with rate and time left. It is called with the number of images that are done, of `total`."""
    bar = Progress(
        TextColumn("  {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
        auto_refresh=False,  # it would take a thread, and processes that are forked beside one can lock up
    )
    shown = 0.0

    def advance(done: int) -> None:
        nonlocal shown
        bar.update(task, completed=done)
        if monotonic() - shown > REFRESH or done == total:
            bar.refresh()
            shown = monotonic()

    with bar:
        task = bar.add_task(what, total=total)
        yield advance
