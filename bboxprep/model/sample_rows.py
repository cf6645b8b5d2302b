"""The rows of a dataset that an index means: a number, a name, a slice, or a list or an array of these."""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, SupportsIndex

from bboxprep.errors import UsageError, WrongTypeError
from bboxprep.model.sample import Key
from bboxprep.spelling import suggestion

_WANTED = "a number, a slice, a name such as 'a.jpg', or a list of numbers, names or truth values"


def rows_at(index: Any, count: int, keys: Callable[[], Sequence[Key]]) -> int | Sequence[int]:
    """The row that `index` means in a dataset of `count` samples, or the rows of a slice, list, array or Series.

    `keys` gives the (split, name) of each sample; numbers do not ask for it. Raises `UsageError` for an unknown name,
    for truth values that are not one for each sample, and for a sample that stands twice; `IndexError` for a number
    out of range; `WrongTypeError` for any other type.
    """
    plain = index.tolist() if hasattr(index, "tolist") else index  # of numpy and pandas
    if isinstance(plain, slice):
        return range(*plain.indices(count))
    if isinstance(plain, list | tuple):
        return _rows(plain, count, keys)
    return _row(plain, count, (lambda name: rows_by_name(keys()).get(name, [])), keys)


def rows_by_name(keys: Sequence[Key]) -> dict[str, list[int]]:
    """The rows of each name, with and without its split before it (``val/a.jpg``)."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, (split, name) in enumerate(keys):
        rows[name].append(row)
        rows[f"{split}/{name}"].append(row)
    return dict(rows)


def _rows(values: Sequence[Any], count: int, keys: Callable[[], Sequence[Key]]) -> list[int]:
    if values and all(isinstance(value, bool) for value in values):
        if len(values) != count:
            raise UsageError(f"index: have {len(values):,} truth values, want {count:,}, one for each image")
        return [row for row, value in enumerate(values) if value]
    named = rows_by_name(keys()) if any(isinstance(value, str) for value in values) else {}
    rows = [_row(value, count, lambda name: named.get(name, []), keys) for value in values]
    if len(set(rows)) < len(rows):
        twice = next(value for place, value in enumerate(values) if rows[place] in rows[:place])
        raise UsageError(f"index: have {twice!r} twice, want each image once")
    return rows


def _row(value: Any, count: int, named: Callable[[str], list[int]], keys: Callable[[], Sequence[Key]]) -> int:
    if isinstance(value, str):
        return _only(value, named(value), keys())
    if not isinstance(value, SupportsIndex):
        raise WrongTypeError(f"index: have a {type(value).__name__}, want {_WANTED}")
    number = operator.index(value)
    if not -count <= number < count:
        raise IndexError(f"index: have {number}, want {-count} to {count - 1}" if count else "index: there is no image")
    return number % count


def _only(name: str, rows: Sequence[int], keys: Sequence[Key]) -> int:
    if len(rows) == 1:
        return rows[0]
    alike = ", ".join(repr("/".join(keys[row])) for row in rows)
    listed = f", one of {alike}" if rows else suggestion(name, [own for _, own in keys])
    raise UsageError(f"index: have {name!r}, want the name of one image{listed}")
