"""Replaces a finished output as a whole: the new output is built beside it, and the two are exchanged at the end.

The new output of ``out`` is built in the folder ``out.bboxprep-new``. A run that fails or is killed leaves the old
output unchanged; ``resume`` continues the new one. The two are exchanged in one system call where the system has it
(Linux, ``RENAME_EXCHANGE``), else by two renames. A run that is killed between them leaves no ``out``, but the old
output as ``out.bboxprep-old``, which the next run renames back first.

A storage has no exchange: there the old output is removed before the new one is written. An unfinished output, which
nobody can use, is removed first too.
"""

from __future__ import annotations

import ctypes
import os
import sys
import warnings
from pathlib import Path

from bboxprep.errors import LeftOverWarning, TargetError
from bboxprep.io.atomic import as_target_error
from bboxprep.io.paths import resolved
from bboxprep.io.remote import is_stored
from bboxprep.pipeline.output import output_folder

_NEW, _OLD = ".bboxprep-new", ".bboxprep-old"
_HERE = -100  # AT_FDCWD
_EXCHANGE = 2  # RENAME_EXCHANGE of renameat2(2)
_FAILED = "cannot be replaced"


def is_replaced_whole(dest: Path) -> bool:
    """Whether a run that overwrites the output at `dest` builds the new one beside it. Raises `TargetError` where that
    is required and impossible.
    """
    if is_stored(dest) or not output_folder.is_finished(dest):
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
    """The folder beside `dest` where its new output is built."""
    return _beside(dest, _NEW)


def has_unfinished(dest: Path) -> bool:
    """Whether an unfinished new output lies beside the output at `dest`."""
    return not is_stored(dest) and output_folder.is_ours(new_beside(dest))


def restore(dest: Path) -> None:
    """Rename the old output back to `dest` where a run was killed between two renames. Raises `TargetError`."""
    if is_stored(dest) or os.path.lexists(dest):
        return
    old = _beside(dest, _OLD)
    if output_folder.is_ours(old):
        with as_target_error(dest, _FAILED):
            old.rename(resolved(dest))


def exchange(dest: Path) -> None:
    """Replace the output at `dest` by the new one beside it, and remove the old one; a `LeftOverWarning` where only
    that fails. Raises `TargetError`.
    """
    new, place, old = new_beside(dest), resolved(dest), _beside(dest, _OLD)
    with as_target_error(dest, _FAILED):
        if _exchanged(new, place):
            old = new
        else:
            discard(old)  # left by an earlier run that was killed here
            _rename_both(new, place, old)
        output_folder.flush_folder(place.parent)
    try:
        discard(old)
    except (OSError, TargetError) as error:
        words = f"{old}: is the old output, which was replaced and cannot be removed ({error}); remove it"
        warnings.warn(words, LeftOverWarning, stacklevel=2)


def discard(output: Path) -> None:
    """Remove the folder `output`, if it is an output of bboxprep. It is marked unfinished first, so that it counts as
    an unfinished output where a kill leaves a part of it. Raises `TargetError`.
    """
    if output.is_dir() and (output_folder.is_ours(output) or not output_folder.entries(output)):
        output_folder.mark_unfinished(output)
        output_folder.clear_target(output)
        output_folder.remove_folder(output)


def _beside(dest: Path, suffix: str) -> Path:
    place = resolved(dest)
    return place.with_name(f"{place.name}{suffix}")


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two folders in one system call; returns False where the system or the file system cannot."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    return rename is not None and rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0


def _rename_both(new: Path, place: Path, old: Path) -> None:
    """Exchange two folders by two renames; the first is undone where the second fails. Raises `OSError`."""
    place.rename(old)
    try:
        new.rename(place)
    except OSError:
        old.rename(place)
        raise
