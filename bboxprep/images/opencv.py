"""OpenCV, imported when it is first needed: a tenth of a second that a run without pixels does not spend."""

from __future__ import annotations

from functools import cache
from types import ModuleType


@cache
def opencv() -> ModuleType:
    """The module ``cv2``. Its own threads are off for the whole process: the workers are the threads here."""
    import cv2

    cv2.setNumThreads(0)
    return cv2
