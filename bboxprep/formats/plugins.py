"""Formats that other distributions bring, by entry points of the group ``bboxprep.formats``::

    [project.entry-points."bboxprep.formats"]
    toy = "toy_format:FORMAT"

The entry point is named as the format is, and leads to its `Format`.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from bboxprep.errors import FormatWarning, UsageError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Answer = TypeVar("Answer")
GROUP = "bboxprep.formats"


def entry_points_by_name() -> Mapping[str, tuple[EntryPoint, ...]]:
    """The entry points of the group by their names; more than one where distributions clash."""
    if not any(map(_may_hold_plugins, sys.path)):
        return {}
    from importlib.metadata import entry_points

    found: dict[str, set[EntryPoint]] = defaultdict(set)
    for point in entry_points(group=GROUP):
        found[point.name].add(point)
    return {name: tuple(points) for name, points in sorted(found.items())}


def load_entry_point(points: Sequence[EntryPoint], taken: Collection[str]) -> object:
    """What the entry point of a name leads to. Raises `UsageError` where there are several `points` of the name, where
    the name is `taken`, and where the code behind it cannot be imported.
    """
    point, *others = points
    if others:
        raise UsageError(f"several distributions bring it ({', '.join(sorted(one.value for one in points))})")
    if point.name in taken:
        raise UsageError(f"bboxprep has a format of this name, and {point.value} another")
    try:
        return point.load()
    except Exception as error:  # whatever the code of others raises when it is imported
        raise UsageError(f"{point.value} cannot be imported ({type(error).__name__}: {error})") from error


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


def _may_hold_plugins(folder: str) -> bool:
    """Whether a distribution installed in `folder` has entry points of the group.

    The files are searched for its name before `importlib.metadata` is asked, for this takes 2 ms and that 40.
    """
    try:
        with os.scandir(folder or ".") as entries:
            names = [entry.name for entry in entries if entry.name.endswith((".dist-info", ".egg-info"))]
    except NotADirectoryError:
        return True  # an archive: only `importlib.metadata` knows
    except OSError:
        return False
    return any(_names_group(os.path.join(folder, name, "entry_points.txt")) for name in names)  # noqa: PTH118  # for speed


def _names_group(path: str) -> bool:
    try:
        with open(path, "rb") as file:  # noqa: PTH123  # for speed
            return f"[{GROUP}]".encode() in file.read()
    except OSError:
        return False
