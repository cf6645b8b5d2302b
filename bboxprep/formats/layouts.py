"""Layouts: where the files of an output stand, for programs that look for them in other places.

A format declares its layouts as the field ``layout`` of its writer's options, whose type lists their names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from bboxprep.errors import UsageError

_LAYOUTS = "layouts"  # in the metadata of the field


def layout_metadata(layouts: Mapping[Any, str]) -> dict[str, Any]:
    """The metadata of the field ``layout``, from the name of each layout and what stands where."""
    return {"flag": "--layout", "help": "Where the files of DEST stand.", _LAYOUTS: layouts}


def layouts_of(options: Any) -> Mapping[str, str]:
    """The layouts that the options of a writer declare, by name; {} where they declare none."""
    return next((own.metadata[_LAYOUTS] for own in fields(options) if _LAYOUTS in own.metadata), {})


def check_layout(options: Any) -> None:
    """Raise `UsageError` where the ``layout`` of a writer's `options` is none of those that they declare."""
    known = layouts_of(options)
    if options.layout not in known:
        raise UsageError(f"`layout`: have {options.layout!r}, want one of {', '.join(known)}")
