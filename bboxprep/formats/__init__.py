"""Annotation formats: a folder each, with its reader and its writer. The name of the folder is the name of the format.

A folder's package holds a `FORMAT` (see `formats.api`), and nothing else has to name it. Other distributions bring
formats by entry points (see `formats.plugins`). A format of theirs that cannot be used, or cannot tell whether a folder
is of its kind, is left out with a `FormatWarning`; the others are used. A format is checked when it is loaded, and its
writer when one is made, as mypy would check them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from bboxprep.errors import FormatWarning, UsageError
from bboxprep.formats.api import Format, RootEvidence, Writer
from bboxprep.formats.plugins import GROUP, ask_plugin
from bboxprep.io.python_objects import entry_points_by_name, load_entry_point
from bboxprep.model.categories import Category
from bboxprep.model.dataset import Dataset
from bboxprep.spelling import did_you_mean, suggestion

FUNCTIONS = ("sniff", "read", "write", "step", "holds_outlines_only", "task", "options_for", "check")
WRITER_MEMBERS = tuple(sorted(name for name in vars(Writer) if not name.startswith("_")))


def names() -> tuple[str, ...]:
    """The names of the formats that can be used, sorted. Warns of those that cannot."""
    return tuple(_all())


def written() -> tuple[str, ...]:
    """The names of those that can be written, sorted; the others are only read."""
    return tuple(name for name, known in _all().items() if known.is_written)


def load(name: str) -> Format:
    """The format called `name`. Raises `UsageError`: with the nearest known name, or why the format cannot be used."""
    return _load(name, names)


def load_written(name: str) -> Format:
    """The format called `name`, to write. Raises `UsageError` as `load` does, and for one that is only read."""
    if not (known := _load(name, written)).is_written:
        raise UsageError(f"format: {name} is only read ({known.title}); want one of {', '.join(written())}")
    return known


def _load(name: str, wanted: Callable[[], tuple[str, ...]]) -> Format:
    """The format called `name`. Raises `UsageError`, for an unknown one with the names that are `wanted`."""
    if name in _own_names():
        return _own(name)
    if name in _plugins():
        return _plugin(name)
    listed = f"{', '.join(wanted())}{did_you_mean(name, wanted())}"
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
    """The kind of file of the format `name` at `path`, or "". Raises `UsageError` for an unknown name."""
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


_plugins = cache(partial(entry_points_by_name, GROUP))


@cache
def _plugin(name: str) -> Format:
    try:
        return checked(load_entry_point(_plugins()[name], _own_names(), "format"))
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


def checked(found: object) -> Format:
    """`found`, which must be a `Format` that has all that is declared there. Raises `UsageError` where it is not."""
    if not isinstance(found, Format):
        raise UsageError(f"have {found!r:.80}, want a bboxprep.formats.api.Format")
    problems = [f"{name} is no function" for name in FUNCTIONS if not callable(getattr(found, name))]
    for side in ("read_options", "write_options"):
        problems += [f"{side}{problem}" for problem in _option_problems(getattr(found, side))]
    if unknown := sorted(found.category_fields - {field.name for field in fields(Category)}):
        problems.append(f"category_fields: have {', '.join(unknown)}, want fields of Category")
    if problems:
        raise UsageError("; ".join(problems))
    return found


def made_options(kind: type[Any], given: Mapping[str, Any], title: str) -> Any:
    """The options of reader or writer of the `kind` of the format `title` that are `given` by name. Raises
    `UsageError` for one that it lacks.
    """
    known = [field.name for field in fields(kind)]
    for name in given:
        if name not in known:
            raise UsageError(f"{title}: there is no option {name!r}{suggestion(name, known)}")
    return kind(**given)


def open_writer(target: Format, root: Path, dataset: Dataset, options: Any) -> Writer:
    """The writer of `target` (see `WriterFactory`). Raises `UsageError` where it lacks a member of `Writer`."""
    writer = target.write(root, dataset, options)
    known = {*dir(type(writer)), *getattr(writer, "__dict__", {})}
    if missing := [name for name in WRITER_MEMBERS if name not in known]:
        words = f"its writer {type(writer).__name__} lacks {', '.join(missing)} (see bboxprep.formats.api.Writer)"
        raise UsageError(f"format {target.title}: {words}")
    return writer


def _option_problems(options: object) -> Iterator[str]:
    if not (isinstance(options, type) and is_dataclass(options)):
        yield ": want a dataclass"
        return
    for field in fields(options):
        if not field.metadata.get("flag", "").startswith("--") or "help" not in field.metadata:
            yield f'.{field.name}: want metadata={{"flag": "--…", "help": "…"}}'
        if not _has_default(field):
            yield f".{field.name}: want a default"


def _has_default(field: Field[Any]) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING
