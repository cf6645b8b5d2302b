"""The stages of long work besides that which its caller is told of by a `progress` of its own: reading, counting.

Whoever wants to show them says so once, and no function between has to hand it on. Without that nothing happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import TypeVar

Advance = Callable[[int], None]
"""It is called with the number of items that are done."""
Show = Callable[[int, str], AbstractContextManager[Advance]]
"""It is called with the number of items of a stage, 0 where that is not known, and the name of the stage."""

T = TypeVar("T")

_show: ContextVar[Show | None] = ContextVar("show", default=None)


@contextmanager
def stages_shown(show: Show) -> Iterator[None]:
    """Have `show` called at the begin of each stage, in this thread."""
    token = _show.set(show)
    try:
        yield
    finally:
        _show.reset(token)


@contextmanager
def stage(total: int, what: str) -> Iterator[Advance]:
    """The stage `what` of `total` items, 0 where their number is not known."""
    show = _show.get()
    if show is None:
        yield lambda _: None
        return
    with show(total, what) as advance:
        yield advance


def staged(items: Iterable[T], total: int, what: str, size: Callable[[T], int] = lambda _: 1) -> Iterator[T]:
    """The `items` as they are, as the stage `what`; `size` says how many of the `total` an item is."""
    done = 0
    with stage(total, what) as advance:
        for item in items:
            yield item
            done += size(item)
            advance(done)
