"""What was written, on the disk itself: once for all files, for to ask for each would take longer than the run."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from bboxprep.io.atomic import as_target_error
from bboxprep.io.remote import is_stored


def flush_all(root: Path) -> None:
    """Return when all that was written below the folder `root` is on the disk, where the system can say so (Windows
    cannot), and a storage has it anyhow. Raises `TargetError` where the disk has not taken it.
    """
    if is_stored(root):
        return
    if sys.platform == "linux":
        with as_target_error(root):
            _flush_disk_of(root)
    elif hasattr(os, "sync"):
        os.sync()


def _flush_disk_of(root: Path) -> None:
    """Linux's ``syncfs``, which Python has not: ``sync`` would wait for what others write to other disks as well, and
    not tell of a failure. Raises `OSError`.
    """
    folder = os.open(root, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(folder):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(folder)
