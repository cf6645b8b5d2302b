"""A finished output is replaced as a whole: the new one is built beside it, and the two change places at the end.

Beside the output ``out`` that is the folder ``out.bboxprep-new``. A run that fails or is killed leaves the old output
as it was; ``resume`` goes on with the new one. They change places in one system call where the system has it (Linux,
``RENAME_EXCHANGE``), else by two renames: a run that is killed between them leaves no ``out``, and the old output as
``out.bboxprep-old``, which the next run puts back first.

A storage can exchange nothing: there an output is removed before the new one is written. So is an unfinished one,
which nobody can use.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from bboxprep.errors import TargetError
from bboxprep.io.atomic import as_target_error
from bboxprep.io.paths import resolved
from bboxprep.io.remote import is_stored
from bboxprep.pipeline.output.output_folder import (
    clear_target,
    entries,
    is_finished,
    is_ours,
    mark_unfinished,
    remove_folder,
)

_NEW, _OLD = ".bboxprep-new", ".bboxprep-old"
_HERE = -100  # AT_FDCWD
_EXCHANGE = 2  # RENAME_EXCHANGE of renameat2(2)
_FAILED = "cannot be replaced"


def is_replaced_whole(dest: Path) -> bool:
    """Whether a run that overwrites the output at `dest` builds the new one beside it. Raises `TargetError` where it
    has to and cannot.
    """
    if is_stored(dest) or not is_finished(dest):
        return False
    if resolved(dest).is_mount():
        raise TargetError(
            f"{dest}: is the root of a file system, where no new output can take the place of the old one; want a "
            "folder below it, or remove the old output"
        )
    new = new_beside(dest)
    if new.is_symlink():
        raise TargetError(f"{new}: is a link where the new output is to be built; want a folder or nothing, remove it")
    return True


def new_beside(dest: Path) -> Path:
    """The folder beside `dest` that a new output is built in."""
    return _beside(dest, _NEW)


def is_begun(dest: Path) -> bool:
    """Whether a run has begun to replace the output at `dest`."""
    return not is_stored(dest) and is_ours(new_beside(dest))


def put_back(dest: Path) -> None:
    """Where a run was killed between two renames, give the old output its place `dest` again. Raises `TargetError`."""
    if is_stored(dest) or os.path.lexists(dest):
        return
    old = _beside(dest, _OLD)
    if is_ours(old):
        with as_target_error(dest, _FAILED):
            old.rename(resolved(dest))


def exchange(dest: Path) -> None:
    """Give the new output beside `dest` its place, and remove the old one. Raises `TargetError`."""
    new, place, old = new_beside(dest), resolved(dest), _beside(dest, _OLD)
    with as_target_error(dest, _FAILED):
        if _exchanged(new, place):
            old = new
        else:
            discard(old)  # of an earlier run that was killed over it
            _rename_both(new, place, old)
        _flush(place.parent)
    discard(old)


def discard(output: Path) -> None:
    """Remove the folder `output`, if it is ours and there, so that what a kill leaves of it is still taken for an
    unfinished output. Raises `TargetError`.
    """
    if output.is_dir() and (is_ours(output) or not entries(output)):
        mark_unfinished(output)
        clear_target(output)
        remove_folder(output)


def _beside(dest: Path, suffix: str) -> Path:
    place = resolved(dest)
    return place.with_name(f"{place.name}{suffix}")


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; whether the system and the file system can."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    return rename is not None and rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0


def _rename_both(new: Path, place: Path, old: Path) -> None:
    """Exchange two folders in two steps; the first is taken back where the second fails. Raises `OSError`."""
    place.rename(old)
    try:
        new.rename(place)
    except OSError:
        old.rename(place)
        raise


def _flush(folder: Path) -> None:
    """Return when the renames in `folder` are on the disk, where the system can tell. Raises `OSError`."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
