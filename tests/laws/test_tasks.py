"""A dataset keeps the kind of its labels, without an option: in its own format, and oriented boxes in every other."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from bboxprep import formats
from bboxprep.formats import open_writer
from bboxprep.formats.api import Format
from bboxprep.geometry.affine import Affine, Points
from bboxprep.model.categories import Categories, Category
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Instances
from bboxprep.model.lazy_samples import LazySamples
from bboxprep.model.sample import Sample
from bboxprep.pipeline.api import read
from bboxprep.pipeline.output.run_record import read_record
from bboxprep.pipeline.output.written_options import with_task, written_with
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


FOLLOW = tuple(
    name
    for name in formats.names()
    if formats.load(name).options_for(Dataset(Path(), "coco", Categories((EARS,)), (), task="obb"), {})
)


def holding_oriented(name: str) -> Mapping[str, Any]:
    """The options under which the writer of the format `name` holds oriented boxes."""
    declared, default = formats.load(name), formats.load(name).write_options()
    bare = Dataset(Path(), "yolo", Categories((EARS,)), (), task="obb")
    followed = declared.options_for(bare, {})
    every = [replace(default, **followed), *(options for _, options in declared.write_variants())]
    held = next(one for one in every if Column.ORIENTED in open_writer(declared, Path(), bare, one).carries)
    return {key: value for key, value in vars(held).items() if value != getattr(default, key)}


def oriented_source(root: Path, name: str) -> Path:
    """A dataset of the format `name`, whose objects are all oriented boxes."""
    trips.run(of_task(root, "obb"), root / "held", name, run_options=ALONE, **holding_oriented(name))
    return root / "held"


def corners(root: Path) -> Points:
    """The oriented boxes (N, 4, 2) px of the dataset at `root`; NaN for an object without one."""
    return np.concatenate([sample.instances.oriented for sample in read(root)])


@pytest.mark.parametrize("to", FOLLOW)
@pytest.mark.parametrize("name", [one for one in formats.names() if Column.ORIENTED in formats.load(one).carries])
def test_oriented_boxes_of_every_format_stay_oriented(tmp_path: Path, name: str, to: str) -> None:
    outcome = trips.run(oriented_source(tmp_path, name), tmp_path / "out", to, run_options=ALONE)
    assert recorded_task(tmp_path / "out", formats.load(to)) == "obb"
    assert not [one for one in outcome.account.findings if "oriented boxes only" in one.message]
    np.testing.assert_allclose(corners(tmp_path / "out"), corners(tmp_path / "set"), atol=1e-3)


@pytest.mark.parametrize("name", ["coco", "cvat"])
def test_the_law_catches_a_run_that_reads_no_objects(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convert, "with_task", lambda dataset, *_: dataset)
    with pytest.raises(AssertionError):
        test_oriented_boxes_of_every_format_stay_oriented(tmp_path, name, "yolo")


BOX, FOUR = [10, 8, 30, 40], TURNED + MIDDLES[0]
NONE = np.full((4, 2), np.nan)
ONE = Instances.of([BOX], [0], oriented=[FOUR])


@pytest.mark.parametrize(
    ("objects", "task"),
    [
        ([ONE, Instances.of([], []), ONE], "obb"),
        ([Instances.of([BOX, BOX], [0, 0], oriented=[FOUR, NONE], crowd=[False, True])], "obb"),
        ([ONE, Instances.of([BOX, BOX], [0, 0], oriented=[FOUR, NONE])], ""),
        ([Instances.of([BOX], [0], polygons=[[FOUR]])], ""),
        ([Instances.of([], [])], ""),
    ],
    ids=["all", "all but crowd", "a box", "polygons", "none"],
)
def test_one_other_object_makes_it_a_dataset_of_boxes(objects: Sequence[Instances], task: str) -> None:
    found = with_task(trees.dataset_of(*map(trees.sample_of, objects)), {}, "yolo")
    assert found.task == task
    assert trees.codes(found.findings) == (["task-assumed"] if task else [])


def test_a_source_of_several_kinds_is_told_how_to_keep_them(tmp_path: Path) -> None:
    root = oriented_source(tmp_path, "cvat")
    trips.edit(root / "train.xml", lambda text: re.sub(' rotation="[^"]*"', "", text, count=1))
    said = invoked("convert", root, tmp_path / "out", "--to", "yolo").output
    assert "YOLO holds oriented boxes only with --yolo-out obb (1 objects have them)" in said
    assert "next: yolo detect train" in said


def test_sources_without_oriented_boxes_cost_one_image() -> None:
    loaded: list[int] = []

    def load(number: int) -> Sample:
        loaded.append(number)
        return trees.sample_of(Instances.of([BOX], [0]), f"{number}.png")

    dataset = Dataset(Path(), "coco", Categories((EARS,)), LazySamples.each(range(500), load))
    assert with_task(dataset, {}, "yolo") is dataset
    assert loaded == [0]
    for given, to in (({"task": "detect"}, "yolo"), ({"layout": "darknet"}, "yolo"), ({}, "coco")):
        assert with_task(dataset, given, to) is dataset
    assert loaded == [0]


def test_oriented_sources_of_two_formats_are_oriented_together(tmp_path: Path) -> None:
    sets = oriented_source(tmp_path, "cvat"), of_task(tmp_path / "other", "obb")
    assert "next: yolo obb train" in invoked("convert", *sets, tmp_path / "out", "--to", "yolo").output
