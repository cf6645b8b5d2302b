"""No pixel step, no pixel work: 100,000 images with an object each, converted without a pixel step, against ``cp``.

``python benchmarks/links.py [--work FOLDER] [--turns 5] [--images 100000]`` makes the dataset (``trees.py``) below
FOLDER if it is not there. ``cp -al`` makes a second tree of hard links, ``cp -a`` one of copies, and both know nothing
of labels. Ours makes them too (``--images link`` and ``copy``), notes the SHA-256 of each image, and reads, checks,
writes and accounts for the labels. To COCO that is one more file, to YOLO one more an image.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from environments import OURS, VARIABLES, WORK
from pairs import Command, machine, middle, ratio, table, take_turns, verdict

HERE = Path(__file__).parent
LEAST = {"link": 0.5, "copy": 0.5}  # of the images a second of `cp`
COPIERS = {"link": ("cp", "-al"), "copy": ("cp", "-a")}  # what does the same without the labels
OPTIONS = ("--workers", "2", "--labels-only")  # no image is opened, for COCO states the sizes


def commands(work: Path, tree: Path, images: str) -> list[Command]:
    """What makes such a tree without labels, ours to COCO, ours to YOLO."""
    out = work / "out"
    words = COPIERS[images]
    found = [Command(" ".join(words), [*words, str(tree), str(out / images)], clear=out / images)]
    for target in ("coco", "yolo"):
        place = out / f"{images}-{target}"
        ours = [*OURS, "convert", str(tree), str(place), "--to", target, *OPTIONS, "--images", images]
        found.append(Command(f"bboxprep to {target.upper()}", ours, VARIABLES, place, codes=(0, 1)))
    return found


def compared(work: Path, tree: Path, images: str, turns: int, count: int) -> str:
    """The table of one value of ``--images``, in Markdown."""
    runs = take_turns(commands(work, tree, images), turns)
    first, *_ = runs
    rows = [["", "images/s", "wall s", "CPU s", "peak MB", f"of the speed of {first}", "goal", ""]]
    for name, those in runs.items():
        share, least = ratio(runs[first], those), LEAST[images]
        wall = middle(those, "wall")
        figures = [
            f"{count / wall:,.0f}",
            f"{wall:.2f}",
            f"{middle(those, 'cpu'):.2f}",
            f"{middle(those, 'memory'):.0f}",
        ]
        goal = ["1", "", ""] if name == first else [str(share), f"at least {least}", verdict(share.median >= least)]
        rows.append([name, *figures, *goal])
    return f"### {count:,} images without a pixel step, --images {images}\n\n{table(rows)}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--images", type=int, default=100_000)
    arguments = parser.parse_args()
    count = arguments.images
    tree = arguments.work / f"links-{count}" / "coco"
    if not tree.is_dir():
        words = [
            sys.executable,
            str(HERE / "trees.py"),
            str(tree.parent),
            "--only",
            "coco",
            "--extent",
            f"{count},{count}",
        ]
        subprocess.run(words, check=True, stdout=sys.stderr)
    (arguments.work / "out").mkdir(parents=True, exist_ok=True)
    print(f"{machine()}.\n", flush=True)
    for images in COPIERS:
        print(compared(arguments.work, tree, images, arguments.turns, count), flush=True)


if __name__ == "__main__":
    main()
