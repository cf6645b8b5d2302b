"""Annotation formats. One folder a format, its reader and writer side by side; the folder's name is its registration.

`names` lists the packages of this folder without importing them, `load` imports one. Each holds a `FORMAT` (see
`contract`); nothing else has to know of it. A folder, not a file: every format has dialects enough to fill several
modules of one purpose each.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from bboxprep.errors import LayoutError, UsageError
from bboxprep.formats.api import Format
from bboxprep.spelling import did_you_mean


@cache  # a run asks some thirty times
def names() -> tuple[str, ...]:
    """The names of the known formats, sorted."""
    return tuple(sorted(module.name for module in iter_modules(__path__) if module.ispkg))


def load(name: str) -> Format:
    """The format called `name`. Raises `UsageError` with the nearest known name."""
    if name not in names():
        listed = f"{', '.join(names())}{did_you_mean(name, names())}"
        raise UsageError(f"format: have {name!r}, want one of {listed}")
    module: Format = import_module(f"{__name__}.{name}").FORMAT
    return module


def detect(root: Path) -> str:
    """The name of the one format that `root` (a folder or a file) is laid out in. Raises `LayoutError`."""
    if not root.exists():
        raise LayoutError(root, "", "there is no such file or folder")
    seen = {name: reason for name in names() if (reason := load(name).sniff(root))}
    if len(seen) == 1:
        return next(iter(seen))
    if seen:
        found = "; ".join(f"{name} ({reason})" for name, reason in seen.items())
        raise LayoutError(root, "", f"looks like more than one format: {found}; say which with --from")
    looked_for = "; ".join(f"{name}: {load(name).layout}" for name in names())
    raise LayoutError(root, "", f"no labelled dataset recognised here (looked for {looked_for})")
