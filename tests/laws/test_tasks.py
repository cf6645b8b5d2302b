"""A dataset that is written again in its own format keeps the kind of its labels, without an option."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from bboxprep import formats
from bboxprep.formats.api import Format
from bboxprep.geometry.affine import Affine
from bboxprep.model.categories import Categories, Category
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Instances
from bboxprep.pipeline.output.run_record import read_record
from bboxprep.pipeline.output.written_options import written_with
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.work import convert
from bboxprep.recipe.geometric import Flip, Letterbox
from tests.formats.coco import trees
from tests.invoked import run as invoked
from tests.pipeline.sidecar import trips

ALONE = RunOptions(sidecar=False)
EARS = Category("cat", 1, keypoints=("left ear", "right ear"))
TURNED = Affine.rotation(35)(np.array([(-9, -5), (9, -5), (9, 5), (-9, 5)], dtype=np.float64))
MIDDLES = (20, 24), (45, 24)


WAYS = [
    pytest.param(name, options, id=f"{name} {flag}".strip())
    for name in formats.written()
    for flag, options in formats.load(name).write_variants()
    if formats.load(name).task(options)
]


def source(root: Path, task: str = "obb") -> Path:
    """A dataset whose objects have boxes, keypoints and polygons: turned rectangles, without a corner for segment."""
    shape = TURNED[1:] if task == "segment" else TURNED
    objects = Instances.of(
        [[10, 8, 30, 40], [32, 4, 60, 44]],
        [0, 0],
        polygons=[[np.add(shape, middle)] for middle in MIDDLES],
        keypoints=[[(12, 10), (28, 12)], [(40, 8), (50, 8)]],
        visibility=[[2, 1], [2, 0]],
    )
    dataset = trees.dataset_of(trees.sample_of(objects))
    return trips.grow(root, replace(dataset, categories=Categories((EARS,))))


def of_task(root: Path, task: str) -> Path:
    """A YOLO dataset of `task`."""
    trips.run(source(root / "coco", task), root / "set", "yolo", run_options=ALONE, task=task)
    return root / "set"


def labels(root: Path) -> Mapping[str, bytes]:
    """The label files of the output at `root`."""
    return {path.name: path.read_bytes() for path in root.rglob("*.txt")}


def recorded_task(root: Path, declared: Format) -> str:
    return declared.task(written_with(read_record(root), declared))


@pytest.mark.parametrize(("to", "options"), WAYS)
def test_the_task_is_kept(tmp_path: Path, to: str, options: Any) -> None:
    declared = formats.load(to)
    task = declared.task(options)
    given = {"task": task} if hasattr(options, "task") else {}  # a format of one task has no option for it
    trips.run(source(tmp_path / "in", task), tmp_path / "out", to, run_options=ALONE, **given)
    outcome = trips.run(tmp_path / "out", tmp_path / "again", to, run_options=ALONE)
    assert recorded_task(tmp_path / "again", declared) == task
    assert labels(tmp_path / "again") == labels(tmp_path / "out")
    assert [one for one in outcome.account.findings if one.code == "column-dropped"] == []


@pytest.mark.parametrize(("to", "options"), WAYS)
def test_the_law_catches_a_run_that_follows_no_dataset(
    tmp_path: Path, to: str, options: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = formats.load(to)
    if declared.task(options) == declared.task(declared.write_options()):
        return
    monkeypatch.setattr(convert, "writing_options", lambda given, *_: dict(given))
    with pytest.raises(AssertionError):
        test_the_task_is_kept(tmp_path, to, options)


def test_an_option_that_is_given_wins(tmp_path: Path) -> None:
    outcome = trips.run(of_task(tmp_path, "segment"), tmp_path / "out", "yolo", run_options=ALONE, task="detect")
    assert {len(row.split()) for row in labels(tmp_path / "out")["a.txt"].splitlines()} == {5}
    assert any("holds polygons only with" in one.message for one in outcome.account.findings)


def test_keypoints_of_a_source_are_those_of_its_output(tmp_path: Path) -> None:
    trips.run(of_task(tmp_path, "pose"), tmp_path / "out", "yolo", Letterbox(32), Flip("horizontal"))
    before, after = (yaml.safe_load((tmp_path / name / "data.yaml").read_text("utf-8")) for name in ("set", "out"))
    for key in ("kpt_shape", "flip_idx", "kpt_names", "names"):
        assert before[key] == after[key]
    assert after["flip_idx"] == [1, 0]


def test_the_command_names_the_task_and_what_writes_another(tmp_path: Path) -> None:
    followed = invoked("convert", of_task(tmp_path / "one", "obb"), tmp_path / "out", "--to", "yolo")
    assert ", labels of task obb" in followed.output
    assert "next: yolo obb train" in followed.output
    plain = invoked("convert", source(tmp_path / "in"), tmp_path / "boxes", "--to", "yolo")
    assert "YOLO holds polygons only with --yolo-out segment (2 objects have them)" in plain.output
    assert "YOLO holds keypoints only with --yolo-out pose (2 objects have them)" in plain.output


@pytest.mark.parametrize(("other", "task"), [("segment", "segment"), ("detect", "detect")])
def test_sources_of_several_tasks_have_none(tmp_path: Path, other: str, task: str) -> None:
    sets = [of_task(tmp_path / name, kind) for name, kind in (("one", "segment"), ("two", other))]
    assert invoked("convert", *sets, tmp_path / "out", "--to", "yolo").exit_code == 0
    assert recorded_task(tmp_path / "out", formats.load("yolo")) == task


def test_a_table_without_keypoints_is_no_pose() -> None:
    bare = Dataset(Path(), "yolo", Categories.from_names(["cat"]), (), task="pose")
    assert formats.load("yolo").options_for(bare, {}) == {}
    posed = replace(bare, categories=Categories((EARS,)))
    assert formats.load("yolo").options_for(posed, {}) == {"task": "pose"}
    assert formats.load("yolo").options_for(posed, {"layout": "darknet"}) == {}
