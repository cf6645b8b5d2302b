"""Annotation formats: a folder each, with its reader and its writer. The name of the folder is the name of the format.

A folder's package holds a `FORMAT` (see `formats.api`), and nothing else has to name it. Other distributions bring
formats by entry points (see `formats.plugins`). A format of theirs that cannot be used, or cannot tell whether a folder
is of its kind, is left out with a `FormatWarning`; the others are used.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from bboxprep.errors import FormatWarning, UsageError
from bboxprep.formats.api import Format, RootEvidence
from bboxprep.formats.checks import checked
from bboxprep.formats.checks import open_writer as open_writer
from bboxprep.formats.plugins import ask_plugin, entry_points_by_name, load_entry_point
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


def sniffed(root: Path, wanted: str | None = None) -> Mapping[str, str]:
    """Why `root` (a folder or a file) looks like each format that it looks like, or like the `wanted` one."""
    asked = {wanted: load(wanted)} if wanted else _all()
    return {name: reason for name, known in asked.items() if (reason := _sniffed(name, known, root))}


def root_evidence(name: str, folder: Path, apart: Collection[Path] = ()) -> RootEvidence:
    """Whether a data set of the format called `name` begins in `folder`; what lies in the folders `apart` does not
    count. Raises `UsageError` for an unknown name.
    """
    known = load(name)
    if known.root_evidence is None:
        return RootEvidence.DOCUMENT if _sniffed(name, known, folder) else RootEvidence.NONE
    if name in _own_names():
        return known.root_evidence(folder, apart)
    return ask_plugin(name, "root_evidence", partial(known.root_evidence, folder, apart), RootEvidence.NONE)


def label_file(name: str, path: Path) -> str:
    """What of the format called `name` the file at `path` is, or "". Raises `UsageError` for an unknown name."""
    known = load(name)
    if known.label_file is None:
        return ""
    return (
        known.label_file(path)
        if name in _own_names()
        else ask_plugin(name, "label_file", partial(known.label_file, path), "")
    )


def _sniffed(name: str, known: Format, root: Path) -> str:
    return known.sniff(root) if name in _own_names() else ask_plugin(name, "sniff", partial(known.sniff, root), "")


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
