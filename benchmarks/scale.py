"""How a run grows: throughput and the memory of the process that keeps the books, at growing sizes, and what that means
for ten million images on several machines.

``python benchmarks/scale.py [--work FOLDER] [--most 100000] [--engine local|ray]`` makes YOLO datasets of small photos,
converts each to COCO with a letterbox by 1 and by 2 workers, and fits seconds of CPU to images and objects by least
squares. Linux only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from environments import OURS, VARIABLES, WORK
from pairs import machine, table
from soak import make, pss

SIZES = (1_000, 10_000, 100_000)
OBJECTS = (2, 20)  # an image
GOAL = 10_000_000  # images, of 7.3 objects, as COCO has them
NODES, PROCESSORS = (1, 8, 64), 16
MOST_GROWTH = 1.3  # of the memory from 10,000 to 100,000 images


@dataclass(frozen=True)
class Point:
    """One run: `driver` is the peak of the first process in MB, looked at ten times a second."""

    images: int
    objects: int
    workers: int
    wall: float
    driver: float


def measured(source: Path, dest: Path, images: int, objects: int, workers: int, engine: str) -> Point:
    """One run over `source`."""
    shutil.rmtree(dest, ignore_errors=True)
    words = ["convert", str(source), str(dest), "--to", "coco", "--letterbox", "64", "-q", "--engine", engine]
    began, peak = time.perf_counter(), 0.0
    run = subprocess.Popen([*OURS, *words, "--workers", str(workers)], env={**os.environ, **VARIABLES})
    while run.poll() is None:
        peak = max(peak, pss(run.pid))
        time.sleep(0.1)
    if run.returncode:
        raise SystemExit(f"exit {run.returncode}: {' '.join(words)}")
    wall = time.perf_counter() - began
    shutil.rmtree(dest)
    return Point(images, objects, workers, wall, peak)


def points(work: Path, most: int, engine: str) -> list[Point]:
    """All runs, small ones first."""
    found = []
    for images in (size for size in SIZES if size <= most):
        for objects in OBJECTS if images < SIZES[-1] else OBJECTS[:1]:
            source = work / "scale-in"
            shutil.rmtree(source, ignore_errors=True)
            make(source, images, objects, broken=0)
            for workers in (1, 2):
                found.append(measured(source, work / "scale-out", images, objects, workers, engine))
                print(f"{found[-1]}", file=sys.stderr, flush=True)
            shutil.rmtree(source)
    return found


def costs(found: list[Point], workers: int) -> tuple[float, float, float]:
    """Seconds of a start, of an image and of an object, by least squares of relative errors."""
    chosen = [point for point in found if point.workers == workers]
    rows = np.array([(1.0, point.images, point.images * point.objects) for point in chosen])
    walls = np.array([point.wall for point in chosen])
    start, image, each = np.linalg.lstsq(rows / walls[:, None], np.ones(len(walls)), rcond=None)[0].tolist()
    return start, image, each


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--most", type=int, default=SIZES[-1])
    parser.add_argument("--engine", choices=["local", "ray"], default="local")
    given = parser.parse_args()
    found = points(given.work, given.most, given.engine)
    print(f"{machine()}; engine {given.engine}.\n")
    rows = [["images", "objects each", "workers", "wall s", "images/s", "driver's peak MB"]]
    for one in found:
        rows.append([f"{one.images:,}", f"{one.objects}", f"{one.workers}", f"{one.wall:.1f}"])
        rows[-1] += [f"{one.images / one.wall:,.0f}", f"{one.driver:.0f}"]
    print(table(rows))
    start, image, each = costs(found, 1)
    print(f"One worker: {start:.2f} s to start, {image * 1e6:.0f} us an image, {each * 1e6:.1f} us an object.\n")
    seconds = GOAL * (image + 7.3 * each)
    ahead = [["nodes", "hours"]] + [[f"{nodes}", f"{seconds / nodes / PROCESSORS / 3600:.2f}"] for nodes in NODES]
    print(f"{GOAL:,} such images with 7.3 objects, nodes of {PROCESSORS} processors:\n\n{table(ahead)}")
    memory = {one.images: one.driver for one in found if one.workers == 2 and one.objects == OBJECTS[0]}
    if SIZES[-1] in memory:
        growth = memory[SIZES[-1]] / memory[SIZES[-2]]
        print(
            f"The driver's peak at {SIZES[-1]:,} images is {growth:.2f} x that at {SIZES[-2]:,} (want {MOST_GROWTH})."
        )


if __name__ == "__main__":
    main()
