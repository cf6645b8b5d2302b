"""Checks of runs: round trips are stable, and outputs are equal for any number of workers and after a kill."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from bboxprep import formats
from bboxprep.pipeline.output.run_record import INCOMPLETE, RECORD
from bboxprep.pipeline.source.roots import find_root
from bboxprep.recipe.geometric import Flip, Letterbox
from bboxprep.recipe.recipe import Recipe
from bboxprep.testing import runs
from bboxprep.testing.check import expect, expect_that
from bboxprep.testing.example import FormatExample, LabelledDataset

TRIPS = 10
_READ = 3e-6  # px; the error of a reader by the arithmetic of its format, which may be float32
_TIMEOUT = 120.0  # s
_KILLS = 2
_HALF = (24.0, 16.0)  # px of the images' width and height, which no format rounds
_KILLED_IMAGES, _KILLED_SIZE = 60, (480, 320)


def check_round_trip(example: FormatExample, folder: Path) -> None:
    """Boxes are read as painted and written within the step; the tenth round trip writes the bytes of the second, where
    the format is written."""
    dataset = runs.random_dataset(example, seed=1)
    root = runs.painted(example, folder / "in", dataset)
    _check_read(example, root, dataset)
    runs.converted(example, root, folder / "coarse", finest=False)
    _check_written(example, folder / "coarse", dataset, finest=False)
    if not runs.declared(example).is_written:
        return
    trees = []
    for trip in range(1, TRIPS + 1):
        runs.converted(example, root, folder / f"trip-{trip}")
        root = runs.remove_records(folder / f"trip-{trip}")
        _check_written(example, root, dataset)
        trees.append(runs.tree_hashes(root))
    _expect_same(f"trip {TRIPS} against trip 2", trees[-1], trees[1])


def _check_read(example: FormatExample, root: Path, dataset: LabelledDataset) -> None:
    wanted, source = runs.by_key(dataset), runs.opened(example, root).dataset
    names = source.categories.names
    expect("images read", sorted((sample.split, str(sample.name)) for sample in source), sorted(wanted))
    for sample in source:
        image = wanted[sample.split, str(sample.name)]
        found = tuple(names[label] for label in sample.instances.labels.tolist())
        expect(f"{image.name}: classes read", found, image.classes)
        off = float(np.abs(sample.instances.boxes - image.boxes).max(initial=0.0))
        have = f"{image.name}: boxes read {sample.instances.boxes.tolist()}, painted {image.boxes.tolist()}"
        expect_that(off <= _READ, have, f"at most {_READ} px between them")


def _check_written(example: FormatExample, out: Path, dataset: LabelledDataset, *, finest: bool = True) -> None:
    found, wanted = runs.by_key(example.read(out)), runs.by_key(dataset)
    expect("images written", runs.without_data(example.read(out)), runs.without_data(dataset))
    for key, image in wanted.items():
        expect(f"{image.name}: classes written", found[key].classes, image.classes)
        off = float(np.abs(found[key].boxes - image.boxes).max(initial=0.0))
        most = runs.step_edges(example, image.size, finest=finest) + _READ
        have = f"{image.name}: boxes {found[key].boxes.tolist()} of {image.boxes.tolist()}, {off:.3g} px off"
        expect_that(off <= most, have, f"at most {most:.3g} px")


def check_same_bytes(example: FormatExample, folder: Path) -> None:
    """One and two workers write equal files; images painted in another order get the same names and labels."""
    dataset = runs.random_dataset(example, seed=2, images=12)
    root = runs.painted(example, folder / "in", dataset)
    recipe = Recipe(Letterbox(40), Flip("horizontal"))
    for workers in (1, 2):
        runs.converted(example, root, folder / str(workers), recipe, workers=workers)
    _expect_same("two workers against one", runs.tree_hashes(folder / "2"), runs.tree_hashes(folder / "1"))
    other = runs.painted(example, folder / "other", replace(dataset, images=dataset.images[::-1]))
    runs.converted(example, other, folder / "reversed", recipe)
    have, want = (_labels(example, folder / name) for name in ("reversed", "1"))  # numbers may depend on the order
    expect("labels by image, painted in reverse order", have, want)


def _labels(example: FormatExample, out: Path) -> dict[tuple[str, str], tuple[object, ...]]:
    """The written classes and boxes of each image, by split and name."""
    return {key: (image.classes, image.boxes.tolist()) for key, image in runs.by_key(example.read(out)).items()}


def check_kill_and_resume(example: FormatExample, folder: Path) -> None:
    """A run that is killed and resumed writes the same files as an undisturbed run."""
    drawn = bool(formats.load(example.target).masks_in)  # with several pictures an image: fewer are killed as surely
    images = _KILLED_IMAGES // (6 if drawn else 2)
    dataset = runs.random_dataset(example, seed=3, images=images, size=_KILLED_SIZE)
    root = runs.painted(example, folder / "in", dataset)
    _finish(_start_run(example, root, folder / "whole"))
    whole, kills = runs.tree_hashes(folder / "whole"), 0
    for number in range(_KILLS):
        out = folder / f"killed-{number}"
        process = _start_run(example, root, out)
        kills += _kill(process, out, 1 + 12 * number)
        _finish(_start_run(example, root, out, "--resume"))
        _expect_same(f"killed and resumed, {number + 1}", runs.tree_hashes(out), whole)
    expect_that(kills, "every run ended before it was killed", "one that is killed in the midst of its work")


def _start_run(example: FormatExample, root: Path, out: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bboxprep", "convert", root, out, "--from", example.format, "--to", example.target]
    command += ["--letterbox", "400", "--labels-in", "displayed", "--workers", "1", "--quiet", *options]
    surroundings = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen(
        list(map(str, command)), env=surroundings, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def _finish(process: subprocess.Popen[str]) -> None:
    _, words = process.communicate(timeout=_TIMEOUT)
    expect_that(process.returncode == 0, f"exit code {process.returncode} ({words.strip()[-400:]})", "0")


def _kill(process: subprocess.Popen[str], out: Path, files: int) -> bool:
    """Kill the run once it has written so many `files`; returns whether it had not ended by then."""
    deadline = time.monotonic() + _TIMEOUT
    while process.poll() is None and time.monotonic() < deadline:
        if (out / INCOMPLETE).exists() and sum(path.is_file() for path in out.rglob("*.png")) >= files:
            break
        time.sleep(0.002)
    process.kill()
    process.communicate(timeout=_TIMEOUT)
    return not (out / RECORD).exists()


def _expect_same(what: str, have: dict[str, str], want: dict[str, str]) -> None:
    """Raise AssertionError with the files that differ."""
    differing = sorted(name for name in have.keys() | want.keys() if have.get(name) != want.get(name))
    expect(f"{what}: files that differ", differing, [])


def check_origin(example: FormatExample, folder: Path) -> None:
    """A box in the upper left corner of its image is read and written exactly, and begins at the declared origin."""
    plain = runs.random_dataset(example, seed=5, images=1)
    images = [image.with_objects([[0.0, 0.0, *_HALF]], runs.CLASSES[:1]) for image in plain.images]
    dataset = replace(plain, images=tuple(images))
    root = runs.painted(example, folder / "in", dataset)
    _check_read(example, root, dataset)
    runs.converted(example, root, folder / "out")
    for image in example.read(folder / "out").images:
        expect(f"{image.name}: the box written", image.boxes.tolist(), [[0.0, 0.0, *_HALF]])
    origin = formats.load(example.target).origin
    expect("the numbers of the upper left corner", tuple(example.first_corner(folder / "out")), (origin, origin))


def check_declared(example: FormatExample, folder: Path) -> None:
    """The declaration of a format is true: it is recognised, and holds empty images, splits and its class table."""
    dataset = runs.random_dataset(example, seed=4)
    root = runs.painted(example, folder / "in", dataset)
    runs.converted(example, root, folder / "out")
    for place, name in ((root, example.format), (runs.remove_records(folder / "out"), example.target)):
        expect(f"the format that {place.name} is laid out in", find_root(place).format, name)
    expect("sniff on an empty folder", runs.declared(example).sniff(_empty(folder / "empty")), "")
    splits = {image.split for image in example.read(folder / "out").images}
    expect("splits written", splits, {image.split for image in dataset.images})


def _empty(folder: Path) -> Path:
    folder.mkdir()
    return folder
