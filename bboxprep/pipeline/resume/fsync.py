"""Flushes all written files to the disk at once: an fsync of every file would take longer than the run."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from bboxprep.io.atomic import as_target_error
from bboxprep.io.remote import is_stored


def flush_all(root: Path) -> None:
    """Flush all files written below the folder `root` to the disk; does nothing on Windows, which has no such call, and
    for a storage. Raises `TargetError` where the disk reports a failure.
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
