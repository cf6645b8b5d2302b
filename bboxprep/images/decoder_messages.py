"""Messages that libtiff, libjpeg and OpenCV print on standard error, under the name of the image that they are about.

The libraries write to file descriptor 2, past Python. It leads to a file while an image is decoded; what was written
joins the error of the image, or is a `DecoderWarning` where the image could be decoded all the same.
"""

from __future__ import annotations

import os
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import IO

from bboxprep.errors import DecoderWarning, ImageError

_STDERR = 2
_MOST_LINES, _MOST_BYTES = 3, 2000
_lock = threading.Lock()  # the descriptor is the process's: while one thread has it, others decode without


@contextmanager
def decoder_messages(path: PurePath) -> Iterator[None]:
    """Catches what decoders print while the image at `path` is decoded inside the ``with``.

    Raises the `ImageError` of its body, with the messages in it; warns with a `DecoderWarning` where there is none.
    """
    if not _lock.acquire(blocking=False):
        yield
        return
    try:
        with _message_file() as file:
            try:
                with _stderr_into(file):
                    yield
            except ImageError as error:
                if type(error) is not ImageError or not (words := _words(file)):
                    raise
                raise ImageError(error.path, error.where, f"{error.problem}: {words}") from error
            if words := _words(file):
                warnings.warn(f"{path}: {words}", DecoderWarning, stacklevel=3)
    finally:
        _lock.release()


def _message_file() -> IO[bytes]:
    """A file in memory where the system has such (7 us, one on a disk 14): no decoder needs room on a disk."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("decoder messages"), "w+b")
    return tempfile.TemporaryFile()


@contextmanager
def _stderr_into(file: IO[bytes]) -> Iterator[None]:
    try:
        kept = os.dup(_STDERR)
    except OSError:  # closed: then nothing is printed
        yield
        return
    os.dup2(file.fileno(), _STDERR)
    try:
        yield
    finally:
        os.dup2(kept, _STDERR)
        os.close(kept)


def _words(file: IO[bytes]) -> str:
    """The first lines of `file` in one."""
    file.seek(0)
    lines = [line.strip() for line in file.read(_MOST_BYTES).decode("utf-8", "replace").splitlines()]
    return "; ".join(dict.fromkeys(filter(None, lines[:_MOST_LINES])))
