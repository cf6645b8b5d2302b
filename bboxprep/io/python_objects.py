"""Python objects of other distributions: found by entry points of a group, or named as ``module:object``.

An entry point is code that the user installed. The module of a name is imported and run, so callers take names only
from the command line, from Python and from files that the user names, never from a dataset.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from bboxprep.errors import UsageError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


def entry_points_by_name(group: str) -> Mapping[str, tuple[EntryPoint, ...]]:
    """The entry points of the `group` by their names; more than one where distributions clash."""
    if not any(_may_hold_plugins(folder, group) for folder in sys.path):
        return {}
    from importlib.metadata import entry_points

    found: dict[str, set[EntryPoint]] = defaultdict(set)
    for point in entry_points(group=group):
        found[point.name].add(point)
    return {name: tuple(points) for name, points in sorted(found.items())}


def load_entry_point(points: Sequence[EntryPoint], taken: Collection[str], kind: str) -> object:
    """What the entry point of a name leads to. Raises `UsageError` where there are several `points` of the name, where
    the name is `taken` by a `kind` of this package, and where the code behind it cannot be imported.
    """
    point, *others = points
    if others:
        raise UsageError(f"several distributions bring it ({', '.join(sorted(one.value for one in points))})")
    if point.name in taken:
        raise UsageError(f"bboxprep has a {kind} of this name, and {point.value} another")
    return _imported(point.value, point.load)


def named_object(name: str) -> object:
    """The object ``module:object``, from what is installed or else from the current folder. Raises `UsageError` where
    it cannot be imported.
    """
    module, _, path = name.partition(":")
    sys.path.append("")
    try:
        return _imported(name, lambda: attrgetter(path)(import_module(module)))
    finally:
        sys.path.remove("")


def _imported(name: str, load: Callable[[], Any]) -> object:
    try:
        return load()
    except Exception as error:  # whatever the code of others raises when it is imported
        raise UsageError(f"{name}: cannot be imported ({type(error).__name__}: {error})") from error


def _may_hold_plugins(folder: str, group: str) -> bool:
    """Whether a distribution installed in `folder` has entry points of the `group`.

    The files are searched for its name before `importlib.metadata` is asked, for this takes 2 ms and that 40.
    """
    try:
        with os.scandir(folder or ".") as entries:
            names = [entry.name for entry in entries if entry.name.endswith((".dist-info", ".egg-info"))]
    except NotADirectoryError:
        return True  # an archive: only `importlib.metadata` knows
    except OSError:
        return False
    return any(_names_group(os.path.join(folder, name, "entry_points.txt"), group) for name in names)  # noqa: PTH118  # for speed


def _names_group(path: str, group: str) -> bool:
    try:
        with open(path, "rb") as file:  # noqa: PTH123  # for speed
            return f"[{group}]".encode() in file.read()
    except OSError:
        return False
