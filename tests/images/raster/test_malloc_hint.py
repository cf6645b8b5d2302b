from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import numpy as np
from bboxprep.images.raster.malloc_hint import keep_freed

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        one, other = np.ones(1_000_000, np.uint8), np.ones(1_300_000, np.uint8)
        del one, other
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

first = faults()
keep_freed()
print(first, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other libraries keep memory as they see fit")
def test_arrays_that_are_freed_and_made_again_come_from_pages_that_are_there() -> None:
    said = subprocess.run([sys.executable, "-c", FAULTS], check=True, capture_output=True, text=True).stdout
    before, after = map(int, said.split())
    assert after < 100
    assert after < before / 4
