"""Several options as one decorator."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def stacked(*options: Decorator) -> Decorator:
    """A decorator that adds `options`, which then stand in this order in the help."""
    return lambda command: reduce(lambda changed, option: option(changed), reversed(options), command)
