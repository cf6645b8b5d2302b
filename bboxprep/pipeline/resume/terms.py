"""The terms of a run as text, and how those of two runs differ, in words."""

from __future__ import annotations

from collections.abc import Mapping
from json import dumps, loads
from typing import Any

from bboxprep.errors import UsageError
from bboxprep.recipe.load import recipe_of
from bboxprep.recipe.plugins import names_code

_MAX_EXCERPT = 120  # characters


def terms_as_text(terms: Mapping[str, Any]) -> dict[str, str]:
    """`terms` with each value as JSON."""
    return {name: dumps(value, sort_keys=True, default=str) for name, value in terms.items()}


def term_words(name: str, before: str, now: str) -> tuple[str, str]:
    """The values `before` and `now` of the term `name`, two different JSON texts, as words that differ: recipes as they
    are printed, of two maps what differs, of long texts the part around the first difference.
    """
    try:
        old, new = loads(before), loads(now)
        if name == "recipe" and not any(map(names_code, (old, new))):
            before, now = _recipe_words(old, new), _recipe_words(new, old)
        elif isinstance(old, dict) and isinstance(new, dict):
            before, now = _map_words(old, new), _map_words(new, old)
        elif isinstance(old, str) and isinstance(new, str):
            before, now = old, new
    except (ValueError, UsageError):  # no JSON, or a recipe of another version
        pass
    return _excerpt(before, now), _excerpt(now, before)


def _recipe_words(options: dict[str, Any] | None, other: dict[str, Any] | None) -> str:
    """The steps of a recipe, and those of its other options that the steps do not show and that differ in `other`."""
    if not options:
        return "none"
    words = str(recipe_of(options))
    return f"{words}, {_map_words(options, other)}" if other and str(recipe_of(other)) == words else words


def _map_words(values: dict[str, Any], other: dict[str, Any]) -> str:
    differing = (name for name in sorted(values.keys() | other.keys()) if values.get(name) != other.get(name))
    return ", ".join(f"{name} {_value(values.get(name))}" for name in differing)


def _value(value: Any) -> str:
    return "none" if value is None else value if isinstance(value, str) else dumps(value)


def _excerpt(text: str, other: str) -> str:
    """`text`; of a long one the part around its first difference from `other`."""
    if len(text) <= _MAX_EXCERPT:
        return text
    first = next((at for at, (one, two) in enumerate(zip(text, other, strict=False)) if one != two), len(other))
    start = max(0, first - _MAX_EXCERPT // 3)
    end = start + _MAX_EXCERPT
    return f"{'...' if start else ''}{text[start:end]}{'...' if end < len(text) else ''}"
