"""Annotation formats: a folder each, with its reader and its writer. The name of the folder is the name of the format.

A folder's package holds a `FORMAT` (see `formats.api`), and nothing else has to name it. Other distributions bring
formats by entry points (see `formats.plugins`). A format of theirs that cannot be used, or cannot tell whether a folder
is of its kind, is left out with a `FormatWarning`; the others are used.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from bboxprep.errors import FormatWarning, LayoutError, UsageError
from bboxprep.formats.api import Format
from bboxprep.formats.checks import checked
from bboxprep.formats.checks import open_writer as open_writer
from bboxprep.formats.plugins import entry_points_by_name, load_entry_point, sniff_plugin
from bboxprep.spelling import did_you_mean


def names() -> tuple[str, ...]:
    """The names of the formats that can be used, sorted. Warns of those that cannot."""
    return tuple(_all())


def load(name: str) -> Format:
    """The format called `name`. Raises `UsageError`: with the nearest known name, or why the format cannot be used."""
    if name in _own_names():
        return _own(name)
    if name in _plugins():
        return _plugin(name)
    listed = f"{', '.join(names())}{did_you_mean(name, names())}"
    raise UsageError(f"format: have {name!r}, want one of {listed}")


def detect(root: Path) -> str:
    """The name of the one format that `root` (a folder or a file) is laid out in. Raises `LayoutError`."""
    if not root.exists():
        raise LayoutError(root, "", "there is no such file or folder")
    seen = {name: reason for name, known in _all().items() if (reason := _sniffed(name, known, root))}
    if len(seen) == 1:
        return next(iter(seen))
    if seen:
        found = "; ".join(f"{name} ({reason})" for name, reason in seen.items())
        raise LayoutError(root, "", f"looks like more than one format: {found}; say which with `format`")
    looked_for = "; ".join(f"{name}: {known.layout}" for name, known in _all().items())
    raise LayoutError(root, "", f"no labelled dataset recognised here (looked for {looked_for})")


def _sniffed(name: str, known: Format, root: Path) -> str:
    return known.sniff(root) if name in _own_names() else sniff_plugin(name, known, root)


@cache  # a run asks some thirty times
def _own_names() -> frozenset[str]:
    return frozenset(module.name for module in iter_modules(__path__) if module.ispkg)


@cache
def _own(name: str) -> Format:
    return checked(import_module(f"{__name__}.{name}").FORMAT)


_plugins = cache(entry_points_by_name)


@cache
def _plugin(name: str) -> Format:
    try:
        return checked(load_entry_point(_plugins()[name], _own_names()))
    except UsageError as error:
        raise UsageError(f"format {name}: {error}; update or remove the distribution that brings it") from error


@cache
def _all() -> Mapping[str, Format]:
    """All formats that can be used by name, sorted."""
    found = {name: _own(name) for name in _own_names()}
    for name in _plugins():
        try:
            found[name] = _plugin(name)
        except UsageError as error:
            warnings.warn(str(error), FormatWarning, stacklevel=2)
    return dict(sorted(found.items()))
