"""Large arrays that are freed and asked for again: that they are not given back to the system in between."""

from __future__ import annotations

from functools import cache

import numpy as np

_LARGEST = 31 << 20  # bytes; glibc learns from no block larger than 32 MiB


@cache
def keep_freed() -> None:
    """Has glibc keep freed blocks of up to `_LARGEST` bytes for the next picture; elsewhere nothing happens.

    It serves large blocks from fresh pages, each of which costs a fault when it is first written: in all as much time
    as decoding a photo of 640x480. Once a larger block was freed it keeps smaller ones (mallopt(3), M_MMAP_THRESHOLD).
    """
    np.empty(_LARGEST, dtype=np.uint8)
