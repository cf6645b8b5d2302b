"""COCO trees with images, converted there and back, for the tests of the sidecar."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle
from bboxprep.pipeline.run_options import Outcome, RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.geometric import RecipeStep
from bboxprep.recipe.recipe import Recipe
from tests.formats.coco import trees

SIDECAR = "bboxprep.sidecar.jsonl"
INFO = {"coco": {"info": {"année": 2024, "by": ["us"]}, "licenses": [{"id": 7, "name": "CC0"}], "type": "instances"}}


def grow(root: Path, dataset: Dataset) -> Path:
    """`dataset` as a COCO tree with images at `root`."""
    trees.copy(dataset, root)
    for sample in dataset:
        Image.new("RGB", trees.SIZE).save(root / sample.split / sample.name)
    return root


def small(root: Path, objects: Instances | None = None) -> Path:
    """A COCO tree of one image with three objects, the second of them a crowd region."""
    return grow(root, trees.dataset_of(trees.sample_of(objects or THREE, id=70), extra=INFO))


THREE = Instances.of(
    [[1.25, 2.0, 10.3, 20.0], [0.0, 0.0, 30.0, 30.0], [20.0, 10.0, 40.125, 44.0]],
    [1, 0, 2],
    crowd=[False, True, False],
    polygons=[[[(1.25, 2.0), (10.3, 2.0), (5.0, 20.0)]], [], []],
    masks=[None, Rle.from_mask(np.ones((48, 64), dtype=np.bool_)), None],
    areas=[80.5, 3072, np.nan],
    ids=[900, 5, 77],
    attributes=[{"truncated": 0}, {"why": "far"}, {"coco_fields": {"depth": 3.5}}],
)


def run(
    source: Path, dest: Path, to: str, *steps: RecipeStep, run_options: RunOptions | None = None, **options: Any
) -> Outcome:
    """What comes of converting `source` to `dest`."""
    return convert_source(
        open_source(source), dest, to, Recipe(*steps), run_options=run_options or RunOptions(), options=options
    )


def around(root: Path, to: str, *steps: RecipeStep, **options: Any) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The COCO documents of the source at `root`/in, straight, and around through `to`."""
    run(root / "in", root / "straight", "coco", *steps)
    run(root / "in", root / "there", to, *steps, **options)
    run(root / "there", root / "back", "coco")
    return trees.bytes_of(root / "straight"), trees.bytes_of(root / "back")


def records(root: Path) -> list[dict[str, Any]]:
    """The annotation records of the train split at `root`."""
    found: list[dict[str, Any]] = trees.written(root)["annotations"]
    return found


def codes(dataset: Dataset) -> list[str]:
    """The codes of all findings about the sidecar."""
    findings = [*dataset.findings, *(finding for sample in dataset for finding in sample.findings)]
    return [finding.code for finding in findings if finding.code.startswith("sidecar")]


def stale(dataset: Dataset) -> list[str]:
    """What is said of labels that were changed."""
    return [finding.message for one in dataset for finding in one.findings if finding.code == "sidecar-stale"]


def edit(path: Path, change: Callable[[str], str]) -> None:
    """`change` the text of the file at `path`."""
    before = path.read_text(encoding="utf-8")
    after = change(before)
    assert before != after
    path.write_text(after, encoding="utf-8")
