"""Describes a recorded recipe, and the values drawn for one image, in words. Accepts any JSON value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MAX_LENGTH = 60  # characters of a value


def recipe_words(recipe: Mapping[str, Any]) -> list[str]:
    """The steps of a recorded recipe, each in a few words: first those of all images, then those of training images."""
    upright = recipe.get("upright", True)
    words = ["upright auto" if upright == "auto" else "upright" if upright else "as stored"]
    words += _steps(recipe.get("steps", recipe.get("preprocess")))
    augment = recipe.get("augment")
    if isinstance(augment, Mapping):
        plain = ", the first plain" if augment.get("plain") is True else ""
        words.append(f"training images: {_value(augment.get('copies', 1))} of each{plain}")
        words += _steps(augment.get("steps"))
    return words


def drawn_words(recipe: Mapping[str, Any] | None, copy: int, tile: str) -> str:
    """The values drawn for one image, in one line; "" where the record has none."""
    if recipe is None:
        return ""
    which = [f"copy {copy + 1}", *([f"tile {tile}"] if tile else [])]
    return f"{', '.join(which)}: {' > '.join(recipe_words(recipe))}"


def _steps(steps: object) -> list[str]:
    words = []
    for step in steps if isinstance(steps, list) else []:
        named = step.items() if isinstance(step, Mapping) else [(step, None)]
        words += [" ".join(filter(None, (str(name), _options(value)))) for name, value in named]
    return words


def _options(options: Any) -> str:
    if not isinstance(options, Mapping):
        return _value(options)
    shown = {
        name: _size(value) if name == "size" else _value(value) for name, value in options.items() if value is not False
    }
    return " ".join(text if len(shown) == 1 or name == "size" else f"{name} {text}" for name, text in shown.items())


def _size(value: Any) -> str:
    return "×".join(map(_value, value)) if isinstance(value, list) and len(value) == 2 else _value(value)


def _value(value: Any) -> str:
    """A value in words; a list of two numbers is a range."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case [int() | float(), int() | float()]:
            return " to ".join(map(_value, value))
        case {"one_of": list(some)}:
            return f"one of {', '.join(map(_value, some))}"
        case list():
            return ", ".join(map(_value, value))
    text = str(value)
    return text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}…"
