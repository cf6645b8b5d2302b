"""CPU time an image of label conversions, without the start of the program, and the share of the first process.

``python benchmarks/per_image.py [--work FOLDER] [--turns 5] [--images 5000] [--task "coco to yolo"]`` makes two data
sets of each format (``trees.py``) below FOLDER if they are not there, one of a hundredth of the images. The CPU time of
both (all processes, 2 workers, ``--images none``) is compared in turns; the difference by the images more is the time
of one. The first process takes the results of all workers: its share is the CPU time between taking one and
asking for the next. It bounds how many machines can work on one run.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from environments import OURS, VARIABLES, WORK
from labels import OPTIONS, made
from pairs import Command, machine, table, take_turns, verdict

from bboxprep import convert
from bboxprep.pipeline.work.engines.local import Local
from bboxprep.pipeline.work.worker import BatchWorker

GOALS = {  # us of CPU an image
    "coco to yolo": 90,
    "coco to voc": 95,
    "yolo to coco": 60,
    "voc to coco": 70,
    "yolo to voc": 65,
}
MOST_FIRST = 10  # us an image
OBJECTS = 7.36  # an image, as in val2017
FEW = 100  # the smaller data set has one image in so many


def ours(work: Path, count: int, task: str) -> Command:
    """The conversion of a data set of `count` images."""
    source, target = task.split(" to ")
    out = work / "out" / f"{count}"
    words = [*OURS, "convert", str(tree_of(work, source, count)), str(out), "--to", target, *OPTIONS]
    return Command(str(count), words, VARIABLES, out, codes=(0, 1))


def cpu_per_image(work: Path, task: str, count: int, turns: int) -> list[float]:
    """The CPU time of one image in each turn, in us."""
    few = max(1, count // FEW)
    runs = take_turns([ours(work, count, task), ours(work, few, task)], turns)
    pairs = zip(runs[str(count)], runs[str(few)], strict=True)
    return [(many.cpu - one.cpu) / (count - few) * 1e6 for many, one in pairs]


class FirstProcess(Local, frozen=True):
    """Does all work first, then hands out the results: what the receiver takes for them is its own share."""

    spent: list[float] = msgspec.field(default_factory=list)

    def run(self, work: Any, items: Any, **_: Any) -> Iterator[Any]:
        """The results of `work`; `spent` has the CPU time until the receiver asks for the next one, in s."""
        begun = time.process_time()
        blocks = list(items)
        self.spent.append(time.process_time() - begun)
        for result in [work(block) for block in blocks]:
            begun = time.process_time()
            yield result
            if isinstance(work, BatchWorker):
                self.spent.append(time.process_time() - begun)


def first_process(work: Path, task: str, count: int, turns: int) -> list[float]:
    """The CPU time that the first process takes for the result of one image in each turn, in us."""
    source, target = task.split(" to ")
    tree, out, found = tree_of(work, source, count), work / "out" / "first", []
    for _ in range(turns):
        engine = FirstProcess()
        convert(tree, out, target, images="none", overwrite=out.exists(), engine=engine)
        found.append(sum(engine.spent) / count * 1e6)
    shutil.rmtree(out)
    return found


def tree_of(work: Path, source: str, count: int) -> Path:
    """The data set of `count` images in the format `source`."""
    return made(work / f"trees-{count}", source, f"{count},{round(count * OBJECTS)}")


def row(task: str, whole: list[float], first: list[float]) -> list[str]:
    """The figures of one task and its goals."""
    good = statistics.median(whole) <= GOALS[task], statistics.median(first) <= MOST_FIRST
    figures = [f"{statistics.median(those):.0f} ({min(those):.0f} to {max(those):.0f})" for those in (whole, first)]
    goals = [f"at most {goal} ({verdict(met)})" for goal, met in zip((GOALS[task], MOST_FIRST), good, strict=True)]
    return [task, figures[0], goals[0], figures[1], goals[1]]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--task", choices=list(GOALS), action="append")
    arguments = parser.parse_args()
    work, count, turns = arguments.work, arguments.images, arguments.turns
    print(f"{machine()}; {count:,} images; options: {' '.join(OPTIONS)}.\n", flush=True)
    head = ["", "CPU an image, us", "goal", "of it the first process", "goal"]
    rows = [
        row(task, cpu_per_image(work, task, count, turns), first_process(work, task, count, turns))
        for task in arguments.task or GOALS
    ]
    print(table([head, *rows]))


if __name__ == "__main__":
    main()
