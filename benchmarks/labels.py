"""Labels alone, from format to format: bboxprep against panlabel, which is written in Rust.

``python benchmarks/labels.py [--work FOLDER] [--turns 5] [--only SIZE] [--task "coco to yolo"]`` after
``python benchmarks/environments.py FOLDER``; makes datasets of COCO's sizes (``trees.py``) below FOLDER if they are not
there. ``--large`` converts one COCO file of ten million objects, some 5 GB, once. Ours carries polygons, ids and crowds
through its model and accounts for every object; panlabel carries boxes. Most of the time goes into opening and making
files: a memory disk (``--work /dev/shm/bboxprep``) is steadier.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from environments import OURS, VARIABLES, WORK, programs, versions
from pairs import Command, Run, machine, measure, middle, ratio, table, take_turns, verdict

HERE = Path(__file__).parent
OPTIONS: tuple[str, ...] = ("--workers", "2", "--images", "none")  # labels alone, as panlabel writes them
SIZES = {
    "val2017": "val2017's size: 5,000 images, 36,781 objects",
    "train2017": "train2017's size: 118,287 images, 860,001 objects",
}
MOST_MEMORY = {"coco to yolo": 700}  # MB, at train2017's size
MOST_LARGE = 2 * 1024**3 / 1e6


@dataclass(frozen=True)
class Task:
    """One conversion, and the most time it may take as a multiple of panlabel's, by size."""

    source: str
    target: str
    goals: dict[str, float]

    @property
    def name(self) -> str:
        """What it is called in a table."""
        return f"{self.source} to {self.target}"


TASKS = (
    Task("coco", "yolo", {"val2017": 1.0, "train2017": 0.55}),
    Task("coco", "voc", {"val2017": 2.0, "train2017": 1.2}),
    Task("yolo", "coco", {"val2017": 2.0, "train2017": 1.3}),
    Task("yolo", "voc", {"val2017": 2.0, "train2017": 1.0}),
    Task("voc", "coco", {"val2017": 2.0, "train2017": 1.1}),
)


def ours(work: Path, tree: Path, target: str) -> Command:
    """Our command for a dataset."""
    out = work / "out" / "ours"
    return Command(
        "bboxprep", [*OURS, "convert", str(tree), str(out), "--to", target, *OPTIONS], VARIABLES, out, codes=(0, 1)
    )


def panlabel(work: Path, tree: Path, target: str) -> Command:
    """panlabel's, which is given the file where a dataset is one, and writes one where that is the target."""
    out = work / "out" / "panlabel"
    source = tree / "annotations" / "instances_train.json" if tree.name == "coco" else tree
    place = out / "instances_train.json" if target == "coco" else out
    words = ["convert", "--from", tree.name, "--to", target, "--input", source, "--output", place, "--allow-lossy"]
    make = f'mkdir -p {out} && exec "$@"'  # it makes no folder for a file; a shell starts in a millisecond
    start = ["sh", "-c", make, "sh", programs(work, "panlabel") / "panlabel"]
    return Command("panlabel", [str(word) for word in (*start, *words)], clear=out)


def row(task: Task, size: str, runs: dict[str, list[Run]]) -> list[str]:
    """One line of the table."""
    mine, theirs = runs["bboxprep"], runs["panlabel"]
    share, most = ratio(mine, theirs), MOST_MEMORY.get(task.name) if size == "train2017" else None
    good = share.median <= task.goals[size] and (most is None or middle(mine, "memory") <= most)
    cpu = f"{ratio(mine, theirs, 'cpu').median:.2f}"
    goal = f"at most {task.goals[size]}" + (f", {most} MB" if most else "")
    return [task.name, *_figures(mine), *_figures(theirs), str(share), cpu, goal, verdict(good)]


def _figures(runs: list[Run]) -> list[str]:
    return [f"{middle(runs, 'wall'):.2f} / {middle(runs, 'cpu'):.2f}", f"{middle(runs, 'memory'):.0f}"]


def compare(work: Path, size: str, tasks: Sequence[Task], turns: int) -> str:
    """The table of one size, in Markdown."""
    rows = [["", "bboxprep s wall / CPU", "MB", "panlabel s wall / CPU", "MB", "ratio", "of CPU", "goal", ""]]
    for task in tasks:
        tree = made(work / size, task.source, size)
        pair = [ours(work, tree, task.target), panlabel(work, tree, task.target)]
        rows.append(row(task, size, take_turns(pair, turns, warm=size == "val2017")))
    return f"### {SIZES[size]}\n\n{table(rows)}"


def made(folder: Path, source: str, extent: str) -> Path:
    """A dataset, made if it is not there."""
    tree = folder / source
    if not tree.is_dir():
        words = [sys.executable, str(HERE / "trees.py"), str(folder), "--only", source, "--extent", extent]
        subprocess.run(words, check=True, stdout=sys.stderr)
    return tree


def large(work: Path) -> str:
    """What one run over the file that is larger than memory takes, in words."""
    tree = made(work / "large", "coco", "large")
    size = (tree / "annotations" / "instances_train.json").stat().st_size / 1e9
    run = measure(ours(work, tree, "yolo"))
    goal = f"goal: at most {MOST_LARGE:.0f} ({verdict(run.memory <= MOST_LARGE)})"
    return (
        f"### A COCO file of {size:.1f} GB, 10,000,000 objects, to YOLO, once\n\n"
        f"{run.wall:.0f} s, CPU {run.cpu:.0f} s, peak memory {run.memory:.0f} MB; {goal}.\n"
    )


def main() -> None:
    """Measure the sizes that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--only", choices=list(SIZES), action="append")
    parser.add_argument("--task", choices=[task.name for task in TASKS], action="append")
    parser.add_argument("--large", action="store_true", help="the file of ten million objects, and nothing else")
    arguments = parser.parse_args()
    print(f"{machine()}; {versions(arguments.work, 'panlabel')}; options of ours: {' '.join(OPTIONS)}.\n", flush=True)
    if arguments.large:
        print(large(arguments.work))
        return
    tasks = [task for task in TASKS if task.name in (arguments.task or task.name)]
    for size in arguments.only or SIZES:
        print(compare(arguments.work, size, tasks, arguments.turns), flush=True)


if __name__ == "__main__":
    main()
