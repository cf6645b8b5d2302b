"""The folder that an output goes to: empty, or ours to replace; never the source, never somebody else's files."""

from __future__ import annotations

import shutil
from pathlib import Path

from bboxprep.errors import TargetError
from bboxprep.pipeline.record import INCOMPLETE, RECORD, read_record


def check_target(dest: Path, source: Path, *, overwrite: bool) -> None:
    """Raise `TargetError` unless an output may be written to `dest`; nothing is changed."""
    real, origin = dest.resolve(), source.resolve()
    if real == origin or real in origin.parents or origin in real.parents:
        raise TargetError(f"{dest}: lies in the source, or the source in it; the source is never modified")
    if dest.exists() and not dest.is_dir():
        raise TargetError(f"{dest}: is a file, want a folder")
    others = _others(dest)
    if _is_ours(dest) and not overwrite:
        state = (
            "the output of an earlier run" if (dest / RECORD).exists() else "the unfinished output of an earlier run"
        )
        raise TargetError(f"{dest}: holds {state}; --overwrite replaces it")
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        raise TargetError(f"{dest}: holds other files ({others[0]}{more}), want an empty or new folder")


def clear_target(dest: Path) -> None:
    """Remove what an earlier run wrote to `dest`, which `check_target` has passed. Raises `TargetError`."""
    try:
        for entry in sorted(dest.iterdir()) if dest.is_dir() else ():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        dest.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TargetError(f"{dest}: cannot be made ready ({error.strerror or error})") from error


def entries(dest: Path) -> list[str]:
    """The names that stand in `dest`, sorted."""
    return sorted(entry.name for entry in dest.iterdir()) if dest.is_dir() else []


def _is_ours(dest: Path) -> bool:
    return (dest / RECORD).is_file() or (dest / INCOMPLETE).is_file()


def _others(dest: Path) -> list[str]:
    """What stands in `dest` and was not written by us."""
    if (dest / INCOMPLETE).is_file():
        return []
    record = read_record(dest)
    ours = set(record.get("entries", ())) | {RECORD} if record else set()
    return [name for name in entries(dest) if name not in ours]
