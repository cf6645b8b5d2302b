"""Plain data in which each part has its place in the file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from bboxprep.errors import UsageError

MOST_DEPTH = 40
T = TypeVar("T")


class LocatedData(msgspec.Struct, frozen=True):
    """A scalar, a list of `LocatedData` or a dict of them, its place `where` (``line 7``), and its name."""

    value: Any
    where: str
    name: str = ""


class WrongPlace(Exception):  # internal: `load` turns it into `UsageError`
    """The data at `where` are invalid."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}" if where else problem)


def located(value: Any, where: str = "", depth: int = 0) -> LocatedData:
    """`value` as a tree whose places are paths, as in ``augment.steps[1].flip``. Raises `WrongPlace`."""
    if depth > MOST_DEPTH:
        raise WrongPlace(where, f"have more than {MOST_DEPTH} levels")
    match value:
        case dict():
            if not all(isinstance(key, str) for key in value):
                raise WrongPlace(where, "have a key that is no text")
            dot = "." if where else ""
            return LocatedData(
                {key: located(each, f"{where}{dot}{key}", depth + 1) for key, each in value.items()}, where
            )
        case list() | tuple():
            return LocatedData(
                [located(each, f"{where}[{place}]", depth + 1) for place, each in enumerate(value)], where
            )
        case None | bool() | int() | float() | str():
            return LocatedData(value, where)
        case _:
            raise WrongPlace(where, f"have a {type(value).__name__}, want text, a number, a list or a map")


def plain_data(found: Any) -> Any:
    """The plain data of a tree, without places."""
    value = found.value if isinstance(found, LocatedData) else found
    match value:
        case dict():
            return {key: plain_data(each) for key, each in value.items()}
        case list():
            return [plain_data(each) for each in value]
        case _:
            return value


def parsed_text(found: LocatedData, parse: Callable[[str, str], T], option: str) -> T:
    """What `parse` makes of the text in `found` and the name of its `option`. Raises `WrongPlace`."""
    try:
        return parse(found.value, option)
    except UsageError as error:
        raise WrongPlace(found.where, str(error).replace("`", "")) from error
