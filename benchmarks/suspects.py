"""Plants errors in labels and prints how well predictions rank them: the area under the precision-recall curve.

    python benchmarks/suspects.py [SOURCE...] [--share 0.1] [--jitter 0.07] [--seed 0]

For each kind of error, one label in ten is removed, moved, given another class, or repeated. The model is imitated: it
sees each true object with edges off by a normal error of 0.07 of the sides, misses one in twelve, takes one in thirty
for another class, and sees one thing that is none in every fourth image; its scores are higher for what is true. A list
in random order has the area that is printed as "chance". Without SOURCE, generated labels are used.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bboxprep.model.instances import Instances
from bboxprep.pipeline.source.open import open_source
from bboxprep.verification.suspects import suspicions

Random = np.random.Generator
SIDE = 640  # px, of generated images


def generated(count: int, random: Random) -> Iterator[tuple[Instances, int]]:
    """Objects of `count` images, and the number of classes."""
    for _ in range(count):
        number = int(random.integers(0, 9))
        sides = random.uniform(20, 200, (number, 2))
        low = random.uniform(0, 1, (number, 2)) * (SIDE - sides)
        yield Instances.of(np.concatenate((low, low + sides), axis=1), random.integers(0, 5, number)), 5


def of_source(root: Path) -> Iterator[tuple[Instances, int]]:
    """The objects of each image of the dataset at `root`, and the number of classes."""
    dataset = open_source(root).dataset
    for sample in dataset:
        yield sample.instances.select(~sample.instances.crowd), len(dataset.classes)


def predicted(true: Instances, classes: int, jitter: float, random: Random) -> Instances:
    """What the imitated model sees."""
    boxes, sides = true.boxes, true.boxes[:, 2:] - true.boxes[:, :2]
    moved = boxes + random.normal(0, jitter, boxes.shape) * np.tile(sides, 2)
    ordered = np.concatenate((np.minimum(moved[:, :2], moved[:, 2:]), np.maximum(moved[:, :2], moved[:, 2:])), axis=1)
    wrong = random.random(len(true)) < 1 / 30
    labels = np.where(wrong, random.integers(0, classes, len(true)), true.labels)
    scores = np.where(wrong, random.uniform(0.3, 0.8, len(true)), random.beta(8, 1.5, len(true)))
    kept = random.random(len(true)) > 1 / 12
    extra = int(random.random() < 0.25)
    low = random.uniform(0, SIDE, (extra, 2))
    return Instances.of(
        np.concatenate((ordered[kept], np.concatenate((low, low + random.uniform(20, 90, (extra, 2))), axis=1))),
        np.concatenate((labels[kept], random.integers(0, classes, extra))),
        scores=np.concatenate((scores[kept], random.uniform(0.2, 0.8, extra))),
    )


def moved(true: Instances, rows: NDArray[np.bool_], _classes: int, random: Random) -> Instances:
    """The boxes at `rows` shifted by half to all of their sides."""
    sides = true.boxes[:, 2:] - true.boxes[:, :2]
    shift = random.choice([-1, 1], sides.shape) * random.uniform(0.35, 0.6, sides.shape) * sides
    return replace(true, boxes=true.boxes + np.tile(shift, 2) * rows[:, None])


def swapped(true: Instances, rows: NDArray[np.bool_], classes: int, random: Random) -> Instances:
    """The labels at `rows` of another class."""
    other = (true.labels + random.integers(1, max(2, classes), len(true))) % max(classes, 2)
    return replace(true, labels=np.where(rows, other, true.labels))


def repeated(true: Instances, rows: NDArray[np.bool_], _classes: int, random: Random) -> Instances:
    """The labels at `rows` once more, a little off."""
    return Instances.concat([true, moved_a_little(true.select(rows), random)])


def moved_a_little(some: Instances, random: Random) -> Instances:
    """Boxes off by a twentieth of their sides."""
    sides = np.tile(some.boxes[:, 2:] - some.boxes[:, :2], 2)
    return replace(some, boxes=some.boxes + random.normal(0, 0.05, some.boxes.shape) * sides)


def removed(true: Instances, rows: NDArray[np.bool_], _classes: int, _random: Random) -> Instances:
    """The labels but those at `rows`."""
    return true.select(~rows)


KINDS: dict[str, tuple[str, Callable[[Instances, NDArray[np.bool_], int, Random], Instances]]] = {
    "missing": ("label-overlooked", removed),
    "moved": ("label-misplaced", moved),
    "swapped": ("label-swapped", swapped),
    "repeated": ("label-repeated", repeated),
}


def area(hits: Sequence[bool], wanted: int) -> float:
    """The area under the precision-recall curve of a list with these `hits`, the most suspect first."""
    found = np.cumsum(hits)
    precisions = found / np.arange(1, len(hits) + 1)
    return float(precisions[np.asarray(hits, dtype=np.bool_)].sum() / max(wanted, 1))


def ranked(
    images: Sequence[tuple[Instances, int]], kind: str, share: float, jitter: float, seed: int
) -> tuple[float, float, int]:
    """The area, that of a random order, and the number of planted errors."""
    random, (code, plant) = np.random.default_rng(seed), KINDS[kind]
    told: list[tuple[float, bool]] = []
    planted = labels = 0
    for true, classes in images:
        rows = random.random(len(true)) < share
        if kind == "swapped" and classes < 2:
            rows[:] = False
        wrong = plant(true, rows, classes, random)
        planted, labels = planted + int(rows.sum()), labels + len(true)
        found = suspicions(wrong, predicted(true, classes, jitter, random))
        told += [
            (one.amount, is_planted(kind, true, rows, one.row, np.array(one.box))) for one in found if one.code == code
        ]
    told.sort(key=lambda pair: -pair[0])
    return area([hit for _, hit in told], planted), planted / max(labels, 1), planted


def is_planted(kind: str, true: Instances, rows: NDArray[np.bool_], row: int | None, box: NDArray[np.float64]) -> bool:
    """Whether a suspicion is about a planted error."""
    if kind == "repeated":
        return row is not None and row >= len(true)
    if row is not None:
        return bool(rows[row])
    gone = true.boxes[rows]
    centre = (box[:2] + box[2:]) / 2
    return bool(((gone[:, :2] <= centre) & (centre <= gone[:, 2:])).all(axis=1).any())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="*", type=Path, metavar="SOURCE")
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--jitter", type=float, default=0.07)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    sets = {path.name: list(of_source(path)) for path in given.sources}
    sets = sets or {"generated, 2,000 images": list(generated(2000, np.random.default_rng(given.seed)))}
    print("| labels | error | planted | area | chance |\n|---|---|---|---|---|")
    for name, images in sets.items():
        for kind in KINDS:
            found, chance, planted = ranked(images, kind, given.share, given.jitter, given.seed)
            print(f"| {name} | {kind} | {planted:,} | {found:.3f} | {chance:.3f} |", flush=True)


if __name__ == "__main__":
    main()
