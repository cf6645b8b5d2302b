"""Law: an output is the same data set in each layout of its format: read by our own reader from its folder alone, true
to its source, current for a later run, replaced as a whole, and its predictions come home. Over all layouts that the
formats declare.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bboxprep import formats
from bboxprep.errors import AnnotationError, UsageError
from bboxprep.formats.layouts import layouts_of
from bboxprep.model.categories import Categories, Category
from bboxprep.model.dataset import Dataset
from bboxprep.pipeline.run_options import Outcome, RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.geometric import Letterbox
from bboxprep.recipe.recipe import Recipe
from bboxprep.testing.example import LabelledDataset
from bboxprep.testing.painting import painted_dataset
from bboxprep.testing.runs import rows_of, tree_hashes
from bboxprep.verification.verify import verify
from tests.conformance.examples import EXAMPLES
from tests.invoked import run as invoked

LAYOUTS = [(name, layout) for name in formats.written() for layout in layouts_of(formats.load(name).write_options)]
SIZE, BOX = (62, 47), (14.0, 11.0, 33.0, 37.0)
SPLITS = ("train", "val", "test")
each_layout = pytest.mark.parametrize(("name", "layout"), LAYOUTS)


def source(root: Path) -> Path:
    """Images in three splits, one of them in a folder, and one without objects."""
    whole = painted_dataset("displayed", SIZE, BOX, ("jpg", "png"))
    images = [replace(image, split=SPLITS[number % 3]) for number, image in enumerate(whole.images)]
    images[0] = replace(images[0], name=f"a b/{images[0].name}")
    images[4] = images[4].with_objects([], ())
    ordered = sorted(images, key=lambda image: (SPLITS.index(image.split), image.name))
    EXAMPLES["coco"].paint(root, LabelledDataset(("patch", "other thing"), tuple(ordered)))
    return root


def converted(root: Path, name: str, layout: str, recipe: Recipe, run_options: RunOptions) -> Outcome:
    opened = open_source(root / "source", "coco", labels_in="displayed")
    return convert_source(opened, root / "out", name, recipe, run_options=run_options, options={"layout": layout})


def contents(dataset: Dataset) -> list[tuple[str, str, list[int], list[list[float]]]]:
    """Split, name, labels and boxes of each image."""
    return [
        (one.split, str(one.name), one.instances.labels.tolist(), np.round(one.instances.boxes, 3).tolist())
        for one in dataset
    ]


@each_layout
def test_an_output_is_the_same_data_set_in_each_layout(tmp_path: Path, name: str, layout: str) -> None:
    source(tmp_path / "source")
    outcome = converted(tmp_path, name, layout, Recipe(), RunOptions())
    out, usual = tmp_path / "out", tmp_path / "usual"
    convert_source(open_source(tmp_path / "source", "coco"), usual, name, Recipe(), run_options=RunOptions())
    assert not outcome.account.faults
    found = open_source(out).dataset
    assert found.format == name
    assert found.categories.names == ("patch", "other thing")
    assert contents(found) == contents(open_source(usual).dataset)
    assert not [finding for finding in found.findings if finding.code != "voc-origin-decided"]
    proof = verify(out)
    assert proof.holds, proof.faults
    assert {row["output"] for row in rows_of(out)} == {str(one.path.relative_to(out).as_posix()) for one in found}
    before = tree_hashes(out)
    assert converted(tmp_path, name, layout, Recipe(), RunOptions(resume=True)).fresh == 0
    converted(tmp_path, name, layout, Recipe(), RunOptions(overwrite=True))
    assert tree_hashes(out) == before


@each_layout
def test_the_predictions_on_each_layout_come_home(tmp_path: Path, name: str, layout: str) -> None:
    source(tmp_path / "source")
    converted(tmp_path, name, layout, Recipe(Letterbox(128)), RunOptions())
    out, rows = tmp_path / "out", rows_of(tmp_path / "out")
    boxes = {one.relative_path: one.instances.boxes for one in open_source(out).dataset}
    results = [
        {"image_id": row["output"], "category_id": 1, "bbox": [x0, y0, x1 - x0, y1 - y0], "score": 0.9}
        for row in rows
        for x0, y0, x1, y1 in boxes[row["output"]].tolist()
    ]
    assert results
    (tmp_path / "results.json").write_text(json.dumps(results))
    ran = invoked("unmap", tmp_path / "results.json", "--run", out, "-o", tmp_path / "home.json")
    assert f"{len(results)} of {len(results)} predictions" in ran.output


def test_a_layout_of_another_format_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    source(tmp_path / "source")
    for name, layout in LAYOUTS:
        others = {own for other, own in LAYOUTS if other != name} - {own for other, own in LAYOUTS if other == name}
        assert layout not in others
        for other in sorted(others)[:1]:
            with pytest.raises(UsageError, match=f"`layout`: have '{other}', want one of .*{layout}"):
                formats.load(name).write_options(layout=other)


def test_the_help_and_the_table_of_formats_list_every_layout() -> None:
    text = " ".join(invoked("convert", "--help").output.split())
    table = invoked("formats").output
    for name, layout in LAYOUTS:
        assert f"{layout} (" in text
        assert layout in next(line for line in table.splitlines() if line.startswith(f"| `{name}`"))


def test_yolov5_is_told_the_place_of_the_output_that_stays(tmp_path: Path) -> None:
    source(tmp_path / "source")
    for run_options in (RunOptions(), RunOptions(overwrite=True)):
        converted(tmp_path, "yolo", "yolov5", Recipe(), run_options)
        first, *_ = (tmp_path / "out" / "data.yaml").read_text("utf-8").splitlines()
        assert first == f'path: "{tmp_path / "out"}"'


@pytest.mark.parametrize(
    ("name", "layout", "class_name"),
    [
        ("voc", "datumaro", "#1"),
        ("voc", "datumaro", "background"),
        ("yolo", "darknet", " cat"),
        ("yolo", "darknet", ""),
    ],
)
def test_a_class_that_no_line_of_the_table_can_hold_is_refused(
    tmp_path: Path, name: str, layout: str, class_name: str
) -> None:
    target = formats.load(name)
    dataset = Dataset(tmp_path, "coco", Categories((Category("cat"), Category(class_name))), [])
    with pytest.raises((UsageError, AnnotationError), match="class name: have"):
        target.write(tmp_path, dataset, target.write_options(layout=layout))


def test_darknet_has_no_other_splits_than_the_usual_ones(tmp_path: Path) -> None:
    target, dataset = formats.load("yolo"), Dataset(tmp_path, "coco", Categories(()), [], splits=("train", "fold 2"))
    with pytest.raises(UsageError, match="split: have fold 2, want train, val, test"):
        target.write(tmp_path, dataset, target.write_options(layout="darknet"))
