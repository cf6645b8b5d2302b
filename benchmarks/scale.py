"""How a run grows: throughput and the memory of the process that takes the results, by size, and what that means
for ten million images on several machines.

``python benchmarks/scale.py [--work FOLDER] [--most 100000] [--engine local|ray]`` makes YOLO datasets of small photos,
converts each to COCO with a letterbox by 1 and by 2 workers, fits CPU seconds to images and objects by least squares,
and prints the section "Scale" of README.md from its first table on. Linux only.

Seconds are of CPU, of a process and all that it waited for, so that what else the machine does counts little. With two
workers the first process does nothing but take the results, so its own seconds are what no further node takes over.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from environments import OURS, VARIABLES, WORK
from pairs import machine, table, verdict
from soak import make, pss

SIZES = (1_000, 10_000, 100_000)
OBJECTS = (2, 20)  # an image
GOAL, MEAN = 10_000_000, 7.3  # images, and objects of each, as COCO has them
NODES, PROCESSORS = (1, 8, 64), 16
DECODE = 0.0037  # s of CPU a photo of COCO's size takes beside a small one: bboxprep's row of the table of pixels
MEGABYTES, BANDWIDTH = 0.2, 1250.0  # in and out of an image; a second of a node
REQUESTS, LATENCY = 9, 0.02  # of a photo and its YOLO labels from bucket to bucket, one after the other; s
AT_ONCE = 4  # workers for each processor, where they wait for a bucket most of the time
MOST_GROWTH = 1.3  # of the memory of a cluster's driver, from 10,000 to 100,000 images


@dataclass(frozen=True)
class Point:
    """One run: seconds, of the CPU in all and of the first process alone, whose peak is `memory` in MB, looked at ten
    times a second.
    """

    images: int
    objects: int
    workers: int
    wall: float
    cpu: float
    first: float
    memory: float


@dataclass(frozen=True)
class Cost:
    """Seconds of a start, of an image and of an object."""

    start: float
    image: float
    each: float

    @property
    def whole(self) -> float:
        """Of an image with its objects."""
        return self.image + MEAN * self.each

    def __str__(self) -> str:
        return f"{self.start:.2f} s to start, {self.image * 1e6:,.0f} us an image, {self.each * 1e6:.1f} us an object"


def measured(source: Path, dest: Path, images: int, objects: int, workers: int, engine: str) -> Point:
    """One run over `source`."""
    shutil.rmtree(dest, ignore_errors=True)
    words = ["convert", str(source), str(dest), "--to", "coco", "--letterbox", "64", "-q", "--engine", engine]
    began, peak, first, ended = time.perf_counter(), 0.0, 0.0, 0
    run = subprocess.Popen([*OURS, *words, "--workers", str(workers)], env={**os.environ, **VARIABLES})
    while not ended:
        peak, first = max(peak, pss(run.pid)), max(first, _own_seconds(run.pid))
        time.sleep(0.1)
        ended, status, usage = os.wait4(run.pid, os.WNOHANG)
    run.returncode = os.waitstatus_to_exitcode(status)
    if run.returncode:
        raise SystemExit(f"exit {run.returncode}: {' '.join(words)}")
    wall = time.perf_counter() - began
    shutil.rmtree(dest)
    return Point(images, objects, workers, wall, usage.ru_utime + usage.ru_stime, first, peak)


def _own_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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


def fitted(found: Sequence[Point], seconds: Sequence[float]) -> Cost:
    """What `seconds` of the runs come from, by least squares of relative errors."""
    rows = np.array([(1.0, point.images, point.images * point.objects) for point in found])
    took = np.array(seconds)
    return Cost(*np.linalg.lstsq(rows / took[:, None], np.ones(len(took)), rcond=None)[0].tolist())


def ahead(work: Cost, first: Cost) -> str:
    """The hours of ten million images: those of each part, of which the longest is the bottleneck."""
    waits = REQUESTS * LATENCY / AT_ONCE
    rows = [
        ["nodes", "decode and the rest of the work", "network", "requests to a bucket", "first process", "bottleneck"]
    ]
    for nodes in NODES:
        parts = {
            "decode": (work.whole - first.whole + DECODE) / (nodes * PROCESSORS),
            "network": MEGABYTES / (BANDWIDTH * nodes),
            "requests": waits / (nodes * PROCESSORS),
            "first process": first.whole,
        }
        hours = {name: GOAL * seconds / 3600 for name, seconds in parts.items()}
        rows.append([f"{nodes}", *(f"{value:.2f}" for value in hours.values())])
        local = {name: value for name, value in hours.items() if name != "requests"}
        names = [max(some, key=lambda name: some[name]) for some in (local, hours)]
        rows[-1].append(names[0] if names[0] == names[1] else f"{names[0]}; in buckets {names[1]}")
    return table(rows)


def report(found: Sequence[Point], engine: str) -> str:
    """The section, in Markdown."""
    rows = [["images", "objects each", "workers", "images/s", "wall s", "CPU s", "first process CPU s", "its peak MB"]]
    for one in found:
        rows.append([f"{one.images:,}", f"{one.objects}", f"{one.workers}", f"{one.images / one.wall:,.0f}"])
        rows[-1] += [f"{one.wall:.1f}", f"{one.cpu:.1f}", f"{one.first:.1f}", f"{one.memory:.0f}"]
    one, two = ([point for point in found if point.workers == workers] for workers in (1, 2))
    work, first = fitted(one, [point.cpu for point in one]), fitted(two, [point.first for point in two])
    text = [f"{machine()}; engine {engine}.\n", table(rows)]
    text.append(f"All work, one worker: {work}.\n\nThe first of three processes: {first}.\n")
    memory = {point.images: point.memory for point in two if point.objects == OBJECTS[0]}
    if SIZES[-1] in memory:
        growth = memory[SIZES[-1]] / memory[SIZES[-2]]
        state = f"; goal: at most {MOST_GROWTH} ({verdict(growth <= MOST_GROWTH)})" if engine == "ray" else ""
        each = (memory[SIZES[-1]] - memory[SIZES[-2]]) / (SIZES[-1] - SIZES[-2])
        text.append(
            f"The first process's peak at {SIZES[-1]:,} images is {growth:.2f} x that at {SIZES[-2]:,}{state}. "
            f"It grows by {each * 1e6:,.0f} bytes an image: "
            f"{(memory[SIZES[-1]] + each * (GOAL - SIZES[-1])) / 1000:.1f} GB at {GOAL:,}.\n"
        )
    text.append(f"Hours of {GOAL:,} images with {MEAN} objects each, on nodes of {PROCESSORS} processors:\n")
    text.append(ahead(work, first))
    text.append(
        f"Assumed: costs stay as they are per image; photos of COCO's size, {DECODE * 1e3:.1f} ms of CPU more than the "
        f"small ones\n(the pixels table above) and {MEGABYTES} MB in and out; {BANDWIDTH / 125:.0f} Gbit/s a node; "
        f"{REQUESTS} requests an image of {LATENCY * 1e3:.0f} ms,\n{AT_ONCE} workers a processor while they wait; "
        "nodes do not slow each other; one first process takes the results."
    )
    return "\n".join(text)


def main() -> None:
    """Print the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--most", type=int, default=SIZES[-1])
    parser.add_argument("--engine", choices=["local", "ray"], default="local")
    given = parser.parse_args()
    print(report(points(given.work, given.most, given.engine), given.engine))


if __name__ == "__main__":
    main()
