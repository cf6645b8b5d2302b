"""How long the command line takes to start, as a multiple of importing numpy, run in pairs.

Run it with ``python benchmarks/cold_start.py``. Each line is the median (least to most) of the ratio over the pairs;
the goal for ``bboxprep formats`` is at most 3.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

PAIRS = 15
BASE = [sys.executable, "-c", "import numpy"]
COMMANDS = {
    "bboxprep --help": [sys.executable, "-m", "bboxprep", "--help"],
    "bboxprep formats": [sys.executable, "-m", "bboxprep", "formats"],
    "bboxprep convert --help": [sys.executable, "-m", "bboxprep", "convert", "--help"],
}


def seconds(command: list[str]) -> float:
    """The wall time of one run."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Time each command against the import, alternating."""
    for name, command in COMMANDS.items():
        seconds(BASE), seconds(command)
        ratios = [seconds(command) / seconds(BASE) for _ in range(PAIRS)]
        print(f"{name:26} {statistics.median(ratios):.2f}x import numpy ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
