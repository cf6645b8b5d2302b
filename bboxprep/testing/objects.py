"""Checks of objects: each is written or dropped with a finding, and the sidecar restores all columns."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle
from bboxprep.model.sample import Sample
from bboxprep.pipeline.api import read
from bboxprep.pipeline.work.convert import write
from bboxprep.recipe.crops import Crop
from bboxprep.recipe.geometric import Fill, Letterbox
from bboxprep.recipe.recipe import Recipe
from bboxprep.testing.check import expect, expect_that
from bboxprep.testing.example import FormatExample, LabelledDataset
from bboxprep.testing.runs import converted, declared, painted, random_dataset, rows_of, step_edges

_RECIPES = (Recipe(), Recipe(Crop(10, 5, 12, 12)), Recipe(Letterbox(32), Fill((16, 24))))
_NO_CORNERS = [(np.nan, np.nan)] * 4  # of an object without an oriented box
_COLUMNS = {  # the field of `Instances` of each column except boxes
    Column.POLYGONS: "polygons",
    Column.MASKS: "masks",
    Column.ORIENTED: "oriented",
    Column.KEYPOINTS: "keypoints",
    Column.CROWD: "crowd",
    Column.AREAS: "areas",
    Column.SCORES: "scores",
    Column.IDS: "ids",
    Column.ATTRIBUTES: "attributes",
}


def check_conservation(example: FormatExample, folder: Path) -> None:
    """Objects in = objects out + dropped by reason, by split and by class; images in = images out."""
    for seed in range(3):
        dataset = _with_odd_boxes(random_dataset(example, seed=10 + seed, reach=20.0))
        root = painted(example, folder / f"in-{seed}", dataset)
        for number, recipe in enumerate(_RECIPES):
            out = folder / f"out-{seed}-{number}"
            converted(example, root, out, recipe)
            _check_account(dataset, example.read(out), out)


def _with_odd_boxes(dataset: LabelledDataset) -> LabelledDataset:
    """`dataset` with a box without width and a box outside of its image."""
    first, *others = dataset.images
    boxes = [*first.boxes, (3.0, 4.0, 3.0, 9.0), (200.0, 1.0, 220.0, 9.0)]
    return replace(dataset, images=(first.with_objects(boxes, (*first.classes, "ant", "ant")), *others))


def _check_account(painted: LabelledDataset, written: LabelledDataset, out: Path) -> None:
    record = json.loads((out / "bboxprep.json").read_text(encoding="utf-8"))
    listed, found = _tally(painted), _tally(written)
    dropped: Counter[tuple[str, str]] = Counter()
    for finding in record["findings"]:
        dropped[finding.get("split", ""), finding.get("category", "")] += finding.get("objects", 0)
    expect("objects by split and class, written and dropped", found + dropped, listed)
    for row in record["splits"]:
        images = [image for image in painted.images if image.split == row["split"]]
        expect(f"{row['split']}: images recorded", (row["images_in"], row["images_out"]), (len(images), len(images)))
        total = row["objects_out"] + sum(row["dropped"].values())
        expect(f"{row['split']}: objects recorded", row["objects_in"], total)
        expect(f"{row['split']}: objects recorded as read", row["objects_in"], sum(len(one.boxes) for one in images))
    recorded = {row["output"]: row["objects"]["out"] for row in rows_of(out)}
    expect("objects written, by image", {image.place: len(image.boxes) for image in written.images}, recorded)


def _tally(dataset: LabelledDataset) -> Counter[tuple[str, str]]:
    return Counter((image.split, name) for image in dataset.images for name in image.classes)


def check_sidecar(example: FormatExample, folder: Path) -> None:
    """Every column of every object is restored: the sidecar holds the columns that the format cannot hold."""
    root = painted(example, folder / "in", random_dataset(example, seed=20))
    rich = read(root, example.format, labels_in="displayed").map(_with_all_columns)
    write(rich, folder / "out", example.format, **example.options)
    back = {(sample.split, str(sample.name)): sample for sample in read(folder / "out", example.format)}
    for sample in rich:
        found = back[sample.split, str(sample.name)]
        expect(f"{sample.name}: number of objects", len(found.instances), len(sample.instances))
        expect(f"{sample.name}: labels", found.instances.labels.tolist(), sample.instances.labels.tolist())
        for column in _COLUMNS:
            _check_column(column, found, sample)
        off = float(np.abs(found.instances.boxes - sample.instances.boxes).max(initial=0.0))
        most = step_edges(example, sample.size) + 1e-6
        expect_that(off <= most, f"{sample.name}: boxes {off:.3g} px off", f"at most {most:.3g} px")
    findings = [one for sample in back.values() for one in sample.findings if one.code.startswith("sidecar")]
    expect("findings about the sidecar", findings, [])


def check_unlabelled(example: FormatExample, folder: Path) -> None:
    """An unlabelled image stays unlabelled, and an image without objects stays labelled, also in an output's output."""
    if not declared(example).keeps_empty_images:
        return
    root = painted(example, folder / "in", random_dataset(example, seed=21))
    source = read(root, example.format, labels_in="displayed").map(_unlabelled_if_first)
    write(source, folder / "out", example.format, **example.options)
    converted(example, folder / "out", folder / "again")
    for out in (folder / "out", folder / "again"):
        have = _labelled(read(out, example.format))
        expect(f"{out.name}: whether each image is labelled, and its objects", have, _labelled(source))


def _labelled(dataset: Dataset) -> dict[tuple[str, str], tuple[bool, int]]:
    """Whether each image is labelled, and the number of its objects."""
    return {sample.key: (sample.labelled, len(sample.instances)) for sample in dataset}


def _unlabelled_if_first(sample: Sample) -> Sample:
    """`sample`, unlabelled and without objects if it is the first of its split."""
    first = sample.name.stem.endswith("-0")
    return replace(sample, instances=Instances.of(), source_count=0, labelled=False) if first else sample


def _check_column(column: Column, found: Sample, wanted: Sample) -> None:
    have, want = (getattr(sample.instances, _COLUMNS[column]) for sample in (found, wanted))
    if isinstance(want, np.ndarray):
        alike = have.shape == want.shape and np.allclose(
            have, want, rtol=0, atol=1e-9, equal_nan=want.dtype.kind == "f"
        )
    elif column is Column.POLYGONS:
        alike = [list(map(_points, rings)) for rings in have] == [list(map(_points, rings)) for rings in want]
    else:
        alike = list(have) == list(want)
    expect_that(alike, f"{wanted.name}: {column} {have!r:.200}", f"{want!r:.200}, as it was before it was written")


def _points(ring: NDArray[np.float64]) -> list[Any]:
    return list(ring.round(9).tolist())


def _with_all_columns(sample: Sample) -> Sample:
    """`sample` with a value in every column of its objects; the first of several objects is a crowd region."""
    objects, size = sample.instances, sample.size
    count = len(objects)
    mask = np.zeros((size.height, size.width), dtype=np.bool_)
    mask[3:9, 4:20] = True
    rings = [[[(x0, y0), (x1, y0), (x0, y1)]] for x0, y0, x1, y1 in objects.boxes.tolist()]
    kind = [row % 3 for row in range(count)]  # a polygon, a mask or an oriented box
    corners = [[(x0 + 1, y0), (x1, y0 + 1), (x1 - 1, y1), (x0, y1 - 1)] for x0, y0, x1, y1 in objects.boxes.tolist()]
    first = 1000 * (1 + crc32("/".join(sample.key).encode()) % 10**6)  # ids are unique in a data set
    return replace(
        sample,
        id=first,
        instances=Instances.of(
            objects.boxes,
            objects.labels,
            crowd=[row == 0 and count > 2 for row in range(count)],
            polygons=[ring if which == 0 else [] for ring, which in zip(rings, kind, strict=True)],
            masks=[Rle.from_mask(mask) if which == 1 else None for which in kind],
            oriented=[own if which == 2 else _NO_CORNERS for own, which in zip(corners, kind, strict=True)],
            areas=[10.5 + row for row in range(count)],
            scores=[0.5] * count,
            ids=[first + row for row in range(count)],
            attributes=[{"colour": "red", "age": row} for row in range(count)],
        ),
    )
