"""A long run watched: memory and open files of all its processes while 20,000 images and 1,000,000 objects go by.

``python benchmarks/soak.py [--images 20000] [--objects 50] [--work FOLDER]`` makes a YOLO dataset of small photos and
converts it to COCO with a letterbox, once as it is and once with one image in a hundred cut short. At 25, 50, 75 and
100 % it prints what the first process and the largest of the others hold (RSS), and what all hold together, now and at
most so far (PSS, so that what is shared counts once). The latter rises while pages that the processes share come apart,
to no more than the sum of the former. Five looks a second; Linux only.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
SIZE = (96, 72)


def make(root: Path, images: int, objects: int, *, broken: int) -> None:
    """A dataset below `root`, every `broken`-th image of which is cut short; 0 for none."""
    chance = random.Random(1)
    out = BytesIO()
    Image.effect_noise(SIZE, 40).convert("RGB").save(out, "JPEG", quality=85)
    photo = out.getvalue()
    for folder in ("images/train", "labels/train"):
        (root / folder).mkdir(parents=True)
    for number in range(images):
        data = photo[: len(photo) // 2] if broken and number % broken == 0 else photo
        (root / f"images/train/{number:06d}.jpg").write_bytes(data)
        rows = (f"{chance.randrange(20)} {_box(chance)}\n" for _ in range(objects))
        (root / f"labels/train/{number:06d}.txt").write_text("".join(rows), encoding="utf-8")
    names = "".join(f"  {number}: class{number}\n" for number in range(20))
    (root / "data.yaml").write_text(f"train: images/train\nnames:\n{names}", encoding="utf-8")


def _box(chance: random.Random) -> str:
    width, height = chance.uniform(0.05, 0.3), chance.uniform(0.05, 0.3)
    x, y = chance.uniform(width / 2, 1 - width / 2), chance.uniform(height / 2, 1 - height / 2)
    return f"{x:.6f} {y:.6f} {width:.6f} {height:.6f}"


def watch(source: Path, dest: Path, images: int) -> None:
    """Convert `source` and print what the run holds on its way."""
    command = [sys.executable, "-m", "bboxprep", "convert", str(source), str(dest), "--to", "coco", "--letterbox", "64"]
    run = subprocess.Popen([*command, "--workers", "2", "-q"], cwd=ROOT)
    began, marks, peak = time.monotonic(), [25, 50, 75, 100], 0.0
    while run.poll() is None:
        family = [run.pid, *_children(run.pid)]
        together = sum(pss(one) for one in family)
        peak, done = max(peak, together), _count(dest / "train")
        if marks and done * 100 >= marks[0] * images * 0.985:
            first, *others = (rss(one) for one in family)
            files = sum(_count(Path(f"/proc/{one}/fd")) for one in family)
            each = f"first {first:.0f} MB, largest other {max(others, default=0):.0f} MB"
            all_of = f"all {together:.0f} MB (most {peak:.0f})"
            print(f"  {marks.pop(0):3d} %: {each}, {all_of}, {files} files, {time.monotonic() - began:.0f} s")
        time.sleep(0.2)
    print(f"  exit {run.wait()} after {time.monotonic() - began:.0f} s, all at most {peak:.0f} MB", flush=True)


def _count(folder: Path) -> int:
    try:
        with os.scandir(folder) as entries:
            return sum(1 for _ in entries)
    except FileNotFoundError:
        return 0


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def pss(pid: int) -> float:
    """The memory of a process in MB, what it shares counted by its share; 0 for one that has ended."""
    return _held("Pss", pid)


def rss(pid: int) -> float:
    """The memory of a process in MB, what it shares counted in full; 0 for one that has ended."""
    return _held("Rss", pid)


def _held(kind: str, pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith(f"{kind}:")), 0.0)


def main() -> None:
    """Both runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--objects", type=int, default=50)
    parser.add_argument("--work", type=Path, default=Path(".benchmarks"))
    given = parser.parse_args()
    for name, broken in (("clean", 0), ("one in a hundred cut short", 100)):
        work = given.work / "soak"
        shutil.rmtree(work, ignore_errors=True)
        make(work / "in", given.images, given.objects, broken=broken)
        print(f"{name}: {given.images:,} images, {given.images * given.objects:,} objects", flush=True)
        watch(work / "in", work / "out", given.images)
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
