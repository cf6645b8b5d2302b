"""The checks of a format when it is loaded, and of its writer when one is made: those of mypy, at run time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any

from bboxprep.errors import UsageError
from bboxprep.formats.api import Format, Writer
from bboxprep.model.categories import Category
from bboxprep.model.dataset import Dataset

FUNCTIONS = ("sniff", "read", "write", "step", "holds_outlines_only", "check")
WRITER_MEMBERS = tuple(sorted(name for name in vars(Writer) if not name.startswith("_")))


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
