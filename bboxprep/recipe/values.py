"""Values of step options: fixed numbers, and ranges and choices to draw from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from bboxprep.errors import UsageError


class OptionError(UsageError):
    """An option of a step has a value that it cannot take; `option` names it."""

    def __init__(self, step: str, option: str, problem: str) -> None:
        super().__init__(f"{step}: {option}: {problem}")
        self.option = option


class OneOf(msgspec.Struct, frozen=True):
    """One of `values`, each as likely as the others."""

    values: tuple[float, ...]


Amount = float | tuple[float, float] | OneOf  # a number, any number from the first to the second, or one of some


class Bounds(msgspec.Struct, frozen=True):
    """The smallest and the largest number that an option takes."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}"

    def check(self, step: str, option: str, value: Any) -> Amount:
        """`value` as an amount. Raises `OptionError`."""
        wanted = f"a number of {self}, [LOW, HIGH] of such, or one_of some"
        numbers = value.values if isinstance(value, OneOf) else value if isinstance(value, tuple | list) else (value,)
        if not numbers or not all(map(self._holds, numbers)):
            raise OptionError(step, option, f"have {value!r}, want {wanted}")
        match value:
            case OneOf():
                return value if len(numbers) > 1 else float(numbers[0])
            case (low, high) if low <= high:
                return float(low) if low == high else (float(low), float(high))
            case tuple() | list():
                raise OptionError(step, option, f"have {value!r}, want {wanted}")
            case _:
                return float(value)

    def number(self, step: str, option: str, value: Any) -> float:
        """`value` as one number. Raises `OptionError`."""
        if not self._holds(value):
            raise OptionError(step, option, f"have {value!r}, want a number of {self}")
        return float(value)

    def _holds(self, number: object) -> bool:
        return isinstance(number, int | float) and not isinstance(number, bool) and self.low <= number <= self.high


Amounts = Mapping[str, Bounds]  # by the name of an option


def is_settled(amount: Amount) -> bool:
    """Whether `amount` is a fixed number, with nothing to draw."""
    return not isinstance(amount, tuple | OneOf)


def check_choice(step: str, option: str, value: object, known: tuple[Any, ...]) -> None:
    """Raise `OptionError` unless `value` is one of `known`."""
    if not any(value == each and type(value) is type(each) for each in known):
        raise OptionError(step, option, f"have {value!r}, want one of {', '.join(map(str, known))}")


def check_seed(step: str, seed: object) -> None:
    """Raise `OptionError` unless `seed` is None or a whole number of 0 to 2**63 - 1, which every file can hold."""
    if seed is not None and (type(seed) is not int or not 0 <= seed < 2**63):
        raise OptionError(step, "seed", f"have {seed!r}, want a whole number of 0 or more, below 2**63")


def plain(value: Any) -> Any:
    """`value` in the types of JSON and YAML: tuples as lists, a choice as ``{"one_of": [...]}``."""
    match value:
        case OneOf():
            return {"one_of": list(value.values)}
        case tuple() | list():
            return [plain(each) for each in value]
        case _:
            return value


def tuples(value: Any) -> Any:
    """`value` of JSON or YAML with its lists as tuples."""
    return tuple(map(tuples, value)) if isinstance(value, list) else value


def words(value: Any) -> str:
    """`value` as text for a summary."""
    match value:
        case OneOf():
            return "|".join(map(words, value.values))
        case (low, high):
            return f"{words(low)}..{words(high)}"
        case float():
            return f"{value:g}"
        case _:
            return str(value)
