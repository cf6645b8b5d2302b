"""A recorded recipe in words: what was asked for, and what was drawn of it for one image. Any record can be spelt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LONG = 60  # characters of a value that are shown


def recipe_words(recipe: Mapping[str, Any]) -> list[str]:
    """The steps of a recorded recipe, each in a few words: those of all images, then those of training images."""
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
    """What was drawn for one image, in a line; "" where the record does not say it."""
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
    shown = {name: _size(value) if name == "size" else _value(value) for name, value in options.items()}
    return " ".join(text if len(shown) == 1 or name == "size" else f"{name} {text}" for name, text in shown.items())


def _size(value: Any) -> str:
    return "×".join(map(_value, value)) if isinstance(value, list) and len(value) == 2 else _value(value)


def _value(value: Any) -> str:
    """A value in words; two numbers are a range, which is how records write one."""
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
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"
