"""Work that kills the process that does it."""

from __future__ import annotations

import os
import signal
from pathlib import Path


class Fatal:
    """Kills its process: at each of `always`, and at each of `once` unless its file is there."""

    def __init__(self, folder: Path, once: set[int], always: set[int]) -> None:
        self._folder, self._once, self._always = folder, once, always

    def __call__(self, number: int) -> int:
        mark = self._folder / str(number)
        if number in self._always or (number in self._once and not mark.exists()):
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return number
