"""Standard output that is full or closed: told in one line on standard error, never by a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bboxprep.errors import BboxprepError
from bboxprep.io.paths import error_reason


class SystemFaultError(BboxprepError):
    """The system refused what no other message names: standard output, or a file that is opened in passing."""


def open_missing_streams() -> None:
    """Open each of the three standard descriptors that is closed, so that no file of the run takes its number. What is
    printed to it fails.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)  # the lowest number that is free
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")


@contextmanager
def system_faults_named() -> Iterator[None]:
    """Turn an `OSError` that nothing has named, and those of standard output, into a `SystemFaultError`; what was
    printed is flushed at the end.
    """
    try:
        try:
            yield
        except SystemExit:
            sys.stdout.flush()
            raise
        sys.stdout.flush()
    except OSError as error:
        what = "standard output: cannot be written" if _stdout_fails() else f"{error.filename}: cannot be used"
        raise SystemFaultError(f"{what} ({error_reason(error)})") from error
    except MemoryError as error:
        raise SystemFaultError("the system: no memory is left; fewer `workers` need less") from error


@contextmanager
def work_is_done() -> Iterator[None]:
    """Exit with 1 where standard output fails: the work is done, and only its account was not printed."""
    try:
        with system_faults_named():
            yield
    except SystemFaultError as error:
        sys.stderr.write(f"bboxprep: {error}; all else is done\n")
        sys.exit(1)


def _stdout_fails() -> bool:
    """Whether another line cannot be printed. Then what was printed is dropped: the interpreter would try again at its
    end.
    """
    try:
        sys.stdout.write("\n")
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return True
    return False
