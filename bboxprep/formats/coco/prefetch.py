"""Reading ahead: what is asked for one by one, in order, is read many at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

Found = TypeVar("Found")

_MOST = 64  # read together


class Prefetch(Generic[Found]):
    """Keeps what was read last. Nothing that comes back depends on it, and no copy of it knows what it keeps."""

    def __init__(self) -> None:
        self._last: tuple[range, Sequence[Found]] = (range(0), ())

    def get(self, place: int, end: int, read: Callable[[range], Sequence[Found]]) -> Found:
        """What ``read`` gives for `place`. Where the place before it was the last one read, more before `end` are read
        with it, up to where others that read ahead will begin.
        """
        places, found = self._last  # read once: another thread may put its own in place
        if place not in places:
            stop = min(end, (place // _MOST + 1) * _MOST) if place == places.stop else place + 1
            places = range(place, stop)
            found = read(places)
            self._last = places, found
        return found[place - places.start]

    def __reduce__(self) -> tuple[Any, ...]:
        return Prefetch, ()
