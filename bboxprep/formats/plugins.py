"""Formats that other distributions bring, by entry points of the group ``bboxprep.formats``::

    [project.entry-points."bboxprep.formats"]
    toy = "toy_format:FORMAT"

The entry point is named as the format is, and leads to its `Format`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TypeVar

from bboxprep.errors import FormatWarning

Answer = TypeVar("Answer")
GROUP = "bboxprep.formats"


def ask_plugin(name: str, function: str, ask: Callable[[], Answer], otherwise: Answer) -> Answer:
    """What `ask`, the `function` of the format `name` of another distribution, says of a folder. Where its code raises,
    a `FormatWarning` names it and the answer is `otherwise`.
    """
    try:
        return ask()
    except Exception as error:  # noqa: BLE001  # whatever the code of others raises
        words = f"format {name}: its {function}() raised {type(error).__name__}: {error}; it is not used"
        warnings.warn(words, FormatWarning, stacklevel=2)
        return otherwise
