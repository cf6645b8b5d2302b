"""The benchmarks at a tiny size: their corpora are datasets, the same every time; two commands are run in turns."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import bboxprep

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SHARED = BENCHMARKS.parents[1] / "shared" / "data"
ORIENTATION = 0x0112
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the measuring reads /proc")


def run(script: str, *words: str | Path, code: int = 0) -> str:
    done = subprocess.run([sys.executable, BENCHMARKS / script, *words], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout


def tree_hash(root: Path) -> str:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    parts = [path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() for path in files]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def test_the_trees_are_one_dataset_in_three_formats(tmp_path: Path) -> None:
    run("trees.py", tmp_path, "--extent", "10,70")
    read = {name: list(bboxprep.read(tmp_path / name)) for name in ("coco", "yolo", "voc")}
    counts = [[len(sample.instances.labels) for sample in samples] for samples in read.values()]
    assert counts[0] == counts[1] == counts[2]
    assert sum(counts[0]) == 70
    for one, other in zip(read["coco"], read["yolo"], strict=True):
        assert abs(one.instances.boxes - other.instances.boxes).max(initial=0) < 0.01
    for sample in read["voc"]:
        with Image.open(sample.path) as image:
            assert image.size == (sample.size.width, sample.size.height)


def test_ten_thousand_objects_are_like_coco(tmp_path: Path) -> None:
    run("trees.py", tmp_path, "--extent", "1400,10000", "--only", "coco", "--without-images")
    from pycocotools.coco import COCO

    coco = COCO(tmp_path / "coco" / "annotations" / "instances_train.json")
    objects = list(coco.anns.values())
    small = sum(entry["area"] < 32**2 for entry in objects) / len(objects)
    crowd = [entry for entry in objects if entry["iscrowd"]]
    assert 0.38 < small < 0.45
    assert 60 < len(crowd) < 200
    assert max(coco.cats) == 90
    assert len(coco.cats) == 80
    for entry in crowd:
        assert coco.annToMask(entry).sum() == entry["area"]


def test_photos_are_the_same_every_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        run("corpora.py", tmp_path / name, "--data", tmp_path / "none", "--photos", "5", "--only", "other")
    assert tree_hash(tmp_path / "one") == tree_hash(tmp_path / "two")
    samples = list(bboxprep.read(tmp_path / "one" / "other"))
    assert len(samples) == 5
    assert all(640 not in (sample.size.width, sample.size.height) for sample in samples)


@pytest.mark.skipif(not SHARED.is_dir(), reason="no public data beside the checkout")
def test_phone_photos_are_turned_as_they_say(tmp_path: Path) -> None:
    run("corpora.py", tmp_path, "--data", SHARED, "--phones", "4", "--only", "phone")
    samples = list(bboxprep.read(tmp_path / "phone"))
    for sample, turn in zip(samples, (1, 6, 8, 3), strict=True):
        with Image.open(sample.path) as image:
            assert (image.size, image.getexif().get(ORIENTATION, 1)) == ((4032, 3024), turn)
    assert [str(sample.frame) for sample in samples[1:3]] == ["displayed"] * 2


@LINUX
def test_two_commands_are_run_in_turns(tmp_path: Path) -> None:
    made = tmp_path / "made"
    make = f"{sys.executable} -c \"import os; os.mkdir('{made}')\""  # fails unless what it made is cleared
    said = run("pairs.py", make, f"{sys.executable} -c 'bytearray(60_000_000)'", "--pairs", "2", "--clear", made)
    rows = [line.split(" | ") for line in said.splitlines()[2:4]]
    assert [len(row) for row in rows] == [7, 7]
    assert float(rows[1][3]) > 60 > float(rows[0][3])
    assert not made.exists()


@LINUX
def test_a_command_that_fails_is_not_measured() -> None:
    command = f'{sys.executable} -c "raise SystemExit(3)"'
    assert run("pairs.py", command, command, "--pairs", "1", code=1) == ""


@LINUX
def test_memory_of_children_counts(tmp_path: Path) -> None:
    child = "import time; kept = bytearray(b'1') * 50_000_000; time.sleep(0.4)"
    script = tmp_path / "parent.py"
    script.write_text(
        f"import subprocess, sys\nwords = [sys.executable, '-c', {child!r}]\n"
        "for process in [subprocess.Popen(words), subprocess.Popen(words)]: process.wait()\n",
        encoding="utf-8",
    )
    row = run("pairs.py", f"{sys.executable} {script}", "true", "--pairs", "1").splitlines()[2].split(" | ")
    assert float(row[3]) > 100 > float(row[4])


@LINUX
def test_the_time_an_image_is_a_table_with_goals(tmp_path: Path) -> None:
    said = run("per_image.py", "--work", tmp_path, "--turns", "1", "--images", "300", "--task", "yolo to coco")
    head, _, *rows = [line for line in said.splitlines() if line.startswith("|")]
    assert head.count("goal") == 2
    (row,) = rows
    figures = [float(cell.split("(")[0]) for cell in row.split("|")[2:5:2]]
    assert figures[0] > 0
    assert 0 < figures[1] < 1000
