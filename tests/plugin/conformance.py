"""The whole test of the toy format: a painter, a reader, and the kit. (`tests/testing/test_plugin.py` runs it, once the
plugin is installed.)"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from bboxprep.testing import Check, FormatExample, LabelledDataset, LabelledImage, checks_of, displayed_size


def paint(root: Path, dataset: LabelledDataset) -> None:
    shutil.rmtree(root / "pictures", ignore_errors=True)
    for path in root.glob("*.toy.jsonl"):
        path.unlink()
    for image in dataset.images:
        path = root / "pictures" / image.split / image.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image.data)
        objects = [[name, *box] for name, box in zip(image.classes, image.boxes.tolist(), strict=True)]
        line = json.dumps({"name": image.name, "size": list(image.size), "objects": objects}, ensure_ascii=False)
        with (root / f"{image.split}.toy.jsonl").open("a", encoding="utf-8", newline="\n") as file:
            file.write(f"{line}\n")
    (root / "classes.txt").write_text("".join(f"{name}\n" for name in dataset.classes), encoding="utf-8")


def read(root: Path) -> LabelledDataset:
    images = []
    for file in sorted(root.glob("*.toy.jsonl")):
        split = file.name.removesuffix(".toy.jsonl")
        for line in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
            place = f"pictures/{split}/{line['name']}"
            data, rows = (root / place).read_bytes(), line["objects"]
            boxes = np.array([row[1:] for row in rows], dtype=np.float64).reshape(-1, 4)
            names = tuple(row[0] for row in rows)
            images.append(LabelledImage(split, line["name"], data, displayed_size(data), boxes, names, place))
    return LabelledDataset(tuple((root / "classes.txt").read_text(encoding="utf-8").splitlines()), tuple(images))


def first_corner(root: Path) -> tuple[float, float]:
    with min(root.glob("*.toy.jsonl")).open(encoding="utf-8") as file:
        _, x, y, *_ = json.loads(file.readline())["objects"][0]
    return x, y


EXAMPLE = FormatExample("toy", paint, read, first_corner)


@pytest.mark.parametrize("check", checks_of("toy"), ids=str)
def test_conformance(check: Check, tmp_path: Path) -> None:
    check(EXAMPLE, tmp_path)
