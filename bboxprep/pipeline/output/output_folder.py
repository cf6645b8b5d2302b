"""Checks, clears and flushes the output folder, which must be empty or hold an output, and never be the source.

Only files that the journal of an earlier run lists are removed. All other files stay.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NoReturn

from bboxprep import formats
from bboxprep.errors import TargetError
from bboxprep.io.archive_names import is_archive_name
from bboxprep.io.atomic import TEMPORARY, as_target_error, own_temporary, write_text
from bboxprep.io.folder_listing import walk
from bboxprep.io.paths import relative_path, resolved
from bboxprep.io.remote import is_stored
from bboxprep.io.safe_names import safe_path
from bboxprep.pipeline.output.run_record import INCOMPLETE, RECORD, find_record
from bboxprep.pipeline.resume.journal import FOLDER, NAME
from bboxprep.pipeline.resume.terms import term_words


def check_target(dest: Path, source: Path) -> None:
    """Raise `TargetError` unless `dest` is empty or holds only an output of bboxprep. Changes nothing."""
    packed = dest.is_packed if is_stored(dest) else is_archive_name(dest.name) and not dest.is_dir()
    if packed:
        raise TargetError(f"{dest}: archives are read, not written; want a folder")
    if overlap(dest, source):
        raise TargetError(f"{dest}: lies in the source, or the source in it; the source is never modified")
    if dest.exists() and not dest.is_dir():
        raise TargetError(f"{dest}: is a file, want a folder")
    if not (dest / INCOMPLETE).is_file():
        record = find_record(dest)
        _refuse_others(dest, [*record.entries, RECORD] if record else [])


def check_terms(dest: Path, old: Mapping[str, str], new: Mapping[str, str], *, resume: bool) -> None:
    """Raise `TargetError` unless a run with the terms `new` may update the output at `dest`, which was written with the
    terms `old`. A finished output is updated where these are equal; an unfinished one only with `resume`.
    """
    state = "the output of an earlier run" if is_finished(dest) else "the unfinished output of an earlier run"
    if not old:
        raise TargetError(f"{dest}: holds {state}, whose journal is missing; `overwrite=True` replaces it")
    for name in sorted(new.keys() | old.keys(), key=_rank):
        before, now = (terms.get(name, "nothing") for terms in (old, new))
        if before != now:
            have, want = term_words(name, before, now)
            raise TargetError(
                f"{dest}: holds {state} with another {name} ({have} before, now {want}); `overwrite=True` replaces it"
            )
    if not (is_finished(dest) or resume):
        raise TargetError(f"{dest}: holds {state}; `resume=True` goes on from there, `overwrite=True` replaces it")


def check_entries(dest: Path, planned: Iterable[str]) -> None:
    """Raise `TargetError` where `dest` holds entries that the earlier run has not `planned`."""
    _refuse_others(dest, [RECORD, INCOMPLETE, *planned])


def check_files(dest: Path, planned: Collection[str]) -> None:
    """Raise `TargetError` where the output at `dest`, which is to be removed, holds files that are not `planned`.

    `planned` is empty where the journal is missing; then only `check_target` has compared the entries of the folder.
    """
    if planned and (others := unplanned_files(dest, planned)):
        raise TargetError(
            f"{dest}: holds files that no run of bboxprep has written ({_shown(others)}); move them, or they would "
            "be removed with the output"
        )


def unplanned_files(dest: Path, planned: Iterable[str]) -> list[str]:
    """The sorted paths of the files below `dest` that are not `planned`, the journal's, marks or temporary files."""
    known = {*planned, RECORD, INCOMPLETE}
    found = {relative_path(folder / name, dest) for folder, _, names in walk(dest) for name in names}
    ours = "" if is_stored(dest) else NAME  # in a storage the journal is several files
    return sorted(path for path in found - known if _may_be_foreign(path, ours))


def _may_be_foreign(path: str, journal: str) -> bool:
    """Whether `path` is neither a temporary file nor a file of the journal, whose names begin with `journal`."""
    place = PurePosixPath(path)
    if place.name.startswith(TEMPORARY):
        return False
    return place.parts[0] != FOLDER or not (place.name.startswith(journal) and (len(place.parts) == 2 or not journal))


def _shown(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _MAX_SHOWN:,} more" if len(paths) > _MAX_SHOWN else ""
    return f"{', '.join(paths[:_MAX_SHOWN])}{more}"


def overlap(one: Path, other: Path) -> bool:
    """Whether two folders are the same or one lies in the other, after links are followed."""
    here, there = resolved(one), resolved(other)
    return here.is_relative_to(there) or there.is_relative_to(here)


def is_ours(dest: Path) -> bool:
    """Whether `dest` holds an output of bboxprep, finished or not."""
    return (dest / RECORD).is_file() or (dest / INCOMPLETE).is_file()


def is_finished(dest: Path) -> bool:
    """Whether `dest` holds a finished output."""
    return (dest / RECORD).is_file() and not (dest / INCOMPLETE).exists()


def mark_unfinished(dest: Path) -> None:
    """Mark the output at `dest` as incomplete, on the disk too; create the folder where it is missing. Raises
    `TargetError`.
    """
    write_text(dest / INCOMPLETE, "The run that writes this output has not ended well, or not yet.\n")
    with as_target_error(dest, _NOT_PREPARED):
        (dest / RECORD).unlink(missing_ok=True)
        flush_folder(dest)


def mark_finished(dest: Path) -> None:
    """Remove the mark of an incomplete output, after the record is written, on the disk too. Raises `TargetError`."""
    with as_target_error(dest, _NOT_FINISHED):
        (dest / INCOMPLETE).unlink(missing_ok=True)
        flush_folder(dest)


def clear_target(dest: Path) -> None:
    """Remove the earlier output at `dest` except for its journal and its mark. Raises `TargetError`."""
    with as_target_error(dest, _NOT_PREPARED):
        for entry in sorted(dest.iterdir()) if dest.is_dir() else ():
            if entry.name in (FOLDER, INCOMPLETE):
                continue
            if entry.is_dir() and not entry.is_symlink():
                entry.remove_tree() if is_stored(entry) else shutil.rmtree(entry)
            else:
                entry.unlink()


def remove_folder(folder: Path) -> None:
    """Remove `folder`, which a run has made, with its content. Raises `TargetError`."""
    with as_target_error(folder, _NOT_PREPARED):
        if folder.is_dir() and not folder.is_symlink():
            folder.remove_tree() if is_stored(folder) else shutil.rmtree(folder)


def remove_left_over(dest: Path, *, at_work: bool = False) -> None:
    """Remove temporary files below `dest` that killed processes have left, except those of this process if `at_work`.

    Raises `TargetError`, also for a link to a folder, through which files would be written outside of the output.
    """
    if is_stored(dest):  # a storage has no half-written files
        return
    own = own_temporary() if at_work else "/"
    with as_target_error(dest, _NOT_PREPARED):
        for folder, folders, names in os.walk(dest, onerror=_fail):
            for name in folders:
                if Path(folder, name).is_symlink():
                    raise TargetError(
                        f"{Path(folder, name)}: is a link, want a folder; `overwrite=True` replaces it all"
                    )
            for name in names:
                if name.startswith(TEMPORARY) and not name.startswith(own):
                    Path(folder, name).unlink(missing_ok=True)


def _fail(error: OSError) -> NoReturn:
    raise error


def remove_files(dest: Path, paths: Iterable[str]) -> None:
    """Remove the files `paths` below the output `dest`, and folders that become empty. Paths that lead out of it or do
    not exist are ignored. Raises `TargetError`.
    """
    emptied: set[PurePosixPath] = set()
    with as_target_error(dest, _NOT_PREPARED):
        for path in filter(is_below, paths):
            if is_stored(dest) or os.path.lexists(dest / path):
                (dest / path).unlink(missing_ok=True)
                emptied.update(() if is_stored(dest) else PurePosixPath(path).parents)
        for folder in sorted(emptied, key=lambda folder: len(folder.parts), reverse=True):
            if folder.parts and (dest / folder).is_dir() and not any((dest / folder).iterdir()):
                (dest / folder).rmdir()


def is_below(path: str) -> bool:
    """Whether `path` of a journal, which is untrusted, is a safe path below an output and outside of the journal."""
    place = PurePosixPath(path)
    try:
        return str(safe_path(place)) == path and bool(place.parts) and place.parts[0] != FOLDER
    except TargetError:
        return False


def entries(dest: Path) -> list[str]:
    """The sorted names in the folder `dest`, without the journal and temporary files."""
    names = [entry.name for entry in dest.iterdir()] if dest.is_dir() else []
    return sorted(name for name in names if name != FOLDER and not name.startswith(TEMPORARY))


def _refuse_others(dest: Path, ours: Iterable[str]) -> None:
    others = sorted(set(entries(dest)) - set(ours))
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        itself = "; it is a dataset itself: is the folder to write missing?" if formats.sniffed(dest) else ""
        raise TargetError(f"{dest}: holds other files ({others[0]}{more}), want an empty or new folder{itself}")


def _rank(name: str) -> tuple[int, str]:
    """The sort key of a term: terms that others depend on come first."""
    first = ("source", "format", "class table", "recipe")
    return first.index(name) if name in first else len(first), name


_MAX_SHOWN = 5  # files in a message
_NOT_PREPARED = "cannot be made ready"
_NOT_FINISHED = "cannot be marked as finished"


def flush_all(root: Path) -> None:
    """Flush all files below the folder `root` to the disk at once: an fsync of every file would take longer than a run.

    Does nothing on Windows, which has no such call, and for a storage. Raises `TargetError` where the disk reports a
    failure.
    """
    if is_stored(root):
        return
    if sys.platform == "linux":
        with as_target_error(root):
            _flush_disk_of(root)
    elif hasattr(os, "sync"):
        os.sync()


def _flush_disk_of(root: Path) -> None:
    """Call Linux's ``syncfs`` for the disk of `root`; Python has no function for it. ``sync`` waits for all other disks
    as well, and reports no failure. Raises `OSError`.
    """
    folder = os.open(root, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(folder):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(folder)


def flush_folder(folder: Path) -> None:
    """Flush the names in `folder` to the disk; does nothing on Windows and for a storage. Raises `OSError`."""
    if is_stored(folder) or sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
