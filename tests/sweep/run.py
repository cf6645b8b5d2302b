"""The whole sweep: ``python -m tests.sweep.run``; prints each point that is not survived, and how many there were.

``--share 0.1`` takes a tenth of the points, another one with each ``--seed``. The exit code is 1 where a point is not
survived. ``--part 0/2`` and ``--part 1/2`` beside it take a half each.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bboxprep import formats
from tests.sweep.scenes import MODES, Scene, make
from tests.sweep.sweep import FAULTS, Point, broken, points, slice_of


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--formats", nargs="*", default=list(formats.written()))
    parser.add_argument("--modes", nargs="*", default=list(MODES))
    parser.add_argument("--in-turn", action="store_true", help="each format in one of the modes alone")
    parser.add_argument("--faults", nargs="*", default=list(FAULTS))
    parser.add_argument("--calls", nargs="*", help="only these system calls")
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", default="0/1")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="no point is begun after so many")
    given = parser.parse_args()
    begun, done, wrong, left = time.monotonic(), 0, 0, 0
    folder = Path(tempfile.mkdtemp(prefix="sweep-"))  # a TemporaryDirectory would be removed by the first forked run
    try:
        for scene in _scenes(folder, given):
            for point in _points(scene, given):
                if time.monotonic() - begun > given.seconds:
                    left += 1
                    continue
                done += 1
                if found := broken(scene, point):
                    wrong += 1
                    _say(str(found))
            _say(f"{scene.to} {scene.mode}: {done:,} points tried so far")
    finally:
        shutil.rmtree(folder)
    _say(f"{done:,} points tried, {wrong:,} not survived, {left:,} left for want of time")
    return 1 if wrong else 0


def _scenes(folder: Path, given: argparse.Namespace) -> Iterator[Scene]:
    for number, to in enumerate(given.formats):
        for place, mode in enumerate(given.modes):
            if not given.in_turn or place == number % len(given.modes):
                yield make(folder / to / mode, to, mode)


def _points(scene: Scene, given: argparse.Namespace) -> list[Point]:
    chosen = [
        point
        for point in points(scene)
        if point.fault in given.faults and (not given.calls or point.call in given.calls)
    ]
    part, parts = map(int, given.part.split("/"))
    return slice_of(chosen, given.share, given.seed)[part::parts]


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
