"""No pixel step, no pixel work: 100,000 images with an object each, converted without a pixel step, against ``cp
-al``.

``python benchmarks/links.py [--work FOLDER] [--turns 5] [--images 100000]`` makes the dataset (``trees.py``) below
FOLDER if it is not there. ``cp -al`` makes a second tree of hard links and knows nothing of labels; ours does too,
and reads, checks, writes and accounts for the labels. To COCO that is one more file, to YOLO one more an image.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from environments import OURS, VARIABLES, WORK
from pairs import Command, machine, middle, ratio, table, take_turns, verdict

HERE = Path(__file__).parent
LEAST = 0.5  # of the images a second of `cp -al`
OPTIONS = ("--workers", "2", "--labels-only")  # no image is opened, for COCO states the sizes


def commands(work: Path, tree: Path) -> list[Command]:
    """`cp -al`, ours to COCO, ours to YOLO."""
    out = work / "out"
    found = [Command("cp -al", ["cp", "-al", str(tree), str(out / "links")], clear=out / "links")]
    for target in ("coco", "yolo"):
        place = out / f"links-{target}"
        words = [*OURS, "convert", str(tree), str(place), "--to", target, *OPTIONS]
        found.append(Command(f"bboxprep to {target.upper()}", words, VARIABLES, place, codes=(0, 1)))
    return found


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
    runs = take_turns(commands(arguments.work, tree), arguments.turns)
    rows = [["", "images/s", "wall s", "CPU s", "peak MB", "of the speed of cp -al", "goal", ""]]
    for name, those in runs.items():
        share = ratio(runs["cp -al"], those)
        wall = middle(those, "wall")
        figures = [
            f"{count / wall:,.0f}",
            f"{wall:.2f}",
            f"{middle(those, 'cpu'):.2f}",
            f"{middle(those, 'memory'):.0f}",
        ]
        goal = ["1", "", ""] if name == "cp -al" else [str(share), f"at least {LEAST}", verdict(share.median >= LEAST)]
        rows.append([name, *figures, *goal])
    print(f"{machine()}.\n\n### {count:,} images without a pixel step\n\n{table(rows)}")


if __name__ == "__main__":
    main()
