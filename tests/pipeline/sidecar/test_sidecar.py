"""What a format cannot carry comes back: the way round through another format gives the bytes of the straight way."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bboxprep import formats
from bboxprep.cli import commands
from bboxprep.errors import BboxprepError, LossError
from bboxprep.model.categories import Categories, Category
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Instances
from bboxprep.pipeline.api import read
from bboxprep.pipeline.resume.journal import FOLDER
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.sidecar import writer
from bboxprep.pipeline.work.convert import write
from bboxprep.recipe.crops import Crop
from bboxprep.recipe.geometric import Flip, Letterbox, RecipeStep
from tests.conformance.examples import WRITTEN
from tests.formats.coco import trees
from tests.pipeline.sidecar.trips import INFO, SIDECAR, around, grow, records, run, small
from tests.strategies import instances
from tests.tiny import tiny

FIXTURE = Path(__file__).parents[3] / "fixtures" / "phone-photos-coco"
TARGETS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("yolo", {}),
    ("yolo", {"task": "segment"}),
    ("yolo", {"task": "pose"}),
    ("yolo", {"task": "obb"}),
    ("voc", {}),
    ("voc", {"float_": True}),
)
RECIPES: tuple[tuple[RecipeStep, ...], ...] = ((), (Letterbox((40, 56)),), (Crop(5, 4, 50, 40), Flip("horizontal")))


@st.composite
def datasets(draw: st.DrawFn) -> Dataset:
    """COCO datasets of two splits, in which images share names, with all that COCO can say."""
    samples = []
    for number, (split, name) in enumerate(draw(st.permutations(PLACES)), 1):
        objects = draw(instances(trees.SIZE))
        crowd = objects.crowd & (np.arange(len(objects)) % 2 == 1)  # mere crowd would be refused
        samples.append(
            trees.sample_of(
                replace(objects, crowd=crowd),
                name,
                split=split,
                id=draw(st.sampled_from([number, 10 * number, 2**40 + number])),
                extra={"coco": {"license": 7, "date": f"day {number}"}} if number % 2 else {},
            )
        )
    return trees.dataset_of(*sorted(samples, key=lambda one: (one.split, str(one.name))), extra=INFO)


PLACES = [("train", "a.png"), ("train", "sub/b ü.png"), ("val", "a.png")]


def tree(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file() and FOLDER not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


# ---------------------------------------------------------------------------------------------------- the way round


@pytest.mark.parametrize(("to", "options"), TARGETS)
@settings(max_examples=10)
@given(dataset=datasets(), steps=st.sampled_from(RECIPES))
def test_the_way_round_is_the_straight_way(
    to: str, options: Mapping[str, Any], dataset: Dataset, steps: tuple[RecipeStep, ...]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        grow(Path(folder, "in"), dataset)
        straight, back = around(Path(folder), to, *steps, **options)
        assert straight == back


@pytest.mark.parametrize("steps", RECIPES, ids=["plain", "letterbox", "crop, flip"])
@pytest.mark.parametrize(("to", "options"), TARGETS)
def test_phone_photos_come_back(
    tmp_path: Path, to: str, options: Mapping[str, Any], steps: tuple[RecipeStep, ...]
) -> None:
    shutil.copytree(FIXTURE, tmp_path / "in")
    straight, back = around(tmp_path, to, *steps, **options)
    assert straight == back
    assert len(straight) == 2


def test_the_law_catches_a_lost_sidecar(tmp_path: Path) -> None:
    small(tmp_path / "in")
    run(tmp_path / "in", tmp_path / "there", "yolo")
    (tmp_path / "there" / SIDECAR).unlink()
    run(tmp_path / "there", tmp_path / "back", "coco")
    assert [record["bbox"] for record in records(tmp_path / "back")] != [r["bbox"] for r in records(tmp_path / "in")]


@pytest.mark.parametrize("to", WRITTEN)
def test_every_trip_writes_the_same_bytes(tmp_path: Path, to: str) -> None:
    """What a trip writes depends on its source alone: where one gives the bytes of the one before, so do all others."""
    shutil.copytree(FIXTURE, tmp_path / "in")
    run(tmp_path / "in", tmp_path / "first", "coco", Letterbox(96))
    source, seen = tmp_path / "first", []
    for trip in range(3):
        run(source, tmp_path / f"there{trip}", to)
        run(tmp_path / f"there{trip}", tmp_path / f"back{trip}", "coco")
        source = tmp_path / f"back{trip}"
        seen.append((tree(tmp_path / f"there{trip}"), tree(source)))
    for there, back in seen[1:]:
        assert _without_record(there) == _without_record(seen[0][0])
        assert _without_record(back) == _without_record(seen[0][1])
    assert trees.bytes_of(source) == trees.bytes_of(tmp_path / "first")


def _without_record(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """All but what names the source's folder."""
    return {name: data for name, data in files.items() if name not in {"bboxprep.json", "bboxprep.images.jsonl"}}


def test_the_sidecar_goes_with_the_labels_from_output_to_output(tmp_path: Path) -> None:
    small(tmp_path / "in")
    run(tmp_path / "in", tmp_path / "one", "yolo")
    run(tmp_path / "one", tmp_path / "two", "voc")
    run(tmp_path / "two", tmp_path / "three", "yolo")
    run(tmp_path / "three", tmp_path / "back", "coco")
    run(tmp_path / "in", tmp_path / "straight", "coco")
    assert trees.bytes_of(tmp_path / "back") == trees.bytes_of(tmp_path / "straight")
    assert tree(tmp_path / "three")[SIDECAR] == tree(tmp_path / "one")[SIDECAR]


def test_corners_that_were_rounded_come_back(tmp_path: Path) -> None:
    rows = "0 0.513370 0.500017 0.201234 0.400006\n"
    for name, text in (("labels/train/a.txt", rows), ("data.yaml", "train: images/train\nnames: [cat]\n")):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(text, encoding="utf-8")
    (tmp_path / "in/images/train").mkdir(parents=True)
    Image.new("RGB", trees.SIZE).save(tmp_path / "in/images/train/a.png")
    run(tmp_path / "in", tmp_path / "there", "voc")
    run(tmp_path / "there", tmp_path / "back", "yolo")
    assert (tmp_path / "back/labels/train/a.txt").read_text(encoding="utf-8") == rows


# ---------------------------------------------------------------------------------------------- when it is written


def test_nothing_lost_nothing_kept(tmp_path: Path) -> None:
    small(tmp_path / "in")
    run(tmp_path / "in", tmp_path / "coco", "coco", Letterbox(32))
    run(tmp_path / "in", tmp_path / "yolo", "yolo", run_options=RunOptions(sidecar=False))
    run(tmp_path / "yolo", tmp_path / "again", "yolo")
    for name in ("coco", "yolo", "again"):
        assert not (tmp_path / name / SIDECAR).exists()


def test_a_class_table_alone_is_kept(tmp_path: Path) -> None:
    classes = [{"id": 3, "name": "cat", "supercategory": "animal"}]
    trees.document(tmp_path / "in/labels.json", [trees.image(0, "a.png")], [], classes)
    Image.new("RGB", trees.SIZE).save(tmp_path / "in/a.png")
    run(tmp_path / "in", tmp_path / "there", "yolo")
    assert len((tmp_path / "there" / SIDECAR).read_bytes().splitlines()) == 1
    run(tmp_path / "there", tmp_path / "back", "coco")
    assert trees.written(tmp_path / "back")["categories"] == classes


def test_the_account_counts_a_kept_crowd_region_as_dropped(tmp_path: Path) -> None:
    small(tmp_path / "in")
    there = run(tmp_path / "in", tmp_path / "there", "yolo").account
    back = run(tmp_path / "there", tmp_path / "back", "yolo").account
    assert there.rows() == back.rows()
    assert back.rows()[0].objects_in == 3
    assert back.rows()[0].dropped == {"crowd-dropped": 1}
    messages = {one.code: one.message for one in there.findings}
    assert messages["crowd-dropped"].endswith(f"kept in {SIDECAR}")
    assert messages["column-dropped"].endswith(f"kept in {SIDECAR}")
    bare = run(tmp_path / "in", tmp_path / "bare", "yolo", run_options=RunOptions(sidecar=False)).account
    assert not any(SIDECAR in one.message for one in bare.findings)


@pytest.mark.parametrize(
    ("sidecar", "words"), [(True, f"the rest is kept in {SIDECAR}"), (False, "the loss is listed")]
)
def test_strict_refuses_all_the_same(tmp_path: Path, sidecar: bool, words: str) -> None:
    small(tmp_path / "in")
    with pytest.raises(LossError, match=words):
        run(tmp_path / "in", tmp_path / "there", "yolo", run_options=RunOptions(strict=True, sidecar=sidecar))


def test_it_belongs_to_the_output(tmp_path: Path) -> None:
    small(tmp_path / "in")
    run(tmp_path / "in", tmp_path / "out", "yolo")
    assert SIDECAR in json.loads((tmp_path / "out/bboxprep.json").read_bytes())["entries"]
    run(tmp_path / "in", tmp_path / "out", "coco", run_options=RunOptions(overwrite=True))
    assert not (tmp_path / "out" / SIDECAR).exists()


def test_the_command_line_can_do_without(tmp_path: Path) -> None:
    small(tmp_path / "in")
    for name, more in (("with", []), ("without", ["--no-sidecar"])):
        arguments = ["convert", str(tmp_path / "in"), str(tmp_path / name), "--to", "voc", *more]
        assert CliRunner().invoke(commands, arguments).exit_code == 0
    assert (tmp_path / "with" / SIDECAR).exists()
    assert not (tmp_path / "without" / SIDECAR).exists()


def test_from_python(tmp_path: Path) -> None:
    small(tmp_path / "in")
    dataset = read(tmp_path / "in")
    write(dataset, tmp_path / "with", "yolo")
    write(dataset, tmp_path / "without", "yolo", sidecar=False)
    assert read(tmp_path / "with")[0].instances == dataset[0].instances
    assert len(read(tmp_path / "without")[0].instances) == 2


@given(workers=st.integers(1, 4))
@settings(max_examples=4)
def test_it_is_the_same_with_any_number_of_workers(workers: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run(FIXTURE, Path(folder, "one"), "voc", Letterbox(64))
        run(FIXTURE, Path(folder, "many"), "voc", Letterbox(64), run_options=RunOptions(workers=workers))
        assert Path(folder, "one", SIDECAR).read_bytes() == Path(folder, "many", SIDECAR).read_bytes()


def test_values_that_json_does_not_know_become_text(tmp_path: Path) -> None:
    small(tmp_path / "in")
    odd = {"number": np.float64(1.5), "many": np.arange(2), "where": Path("x"), "late": object}
    dataset = read(tmp_path / "in")
    objects = replace(dataset[0].instances, attributes=(odd, {}, {}))
    write(dataset.map(lambda sample: replace(sample, instances=objects)), tmp_path / "out", "yolo")
    kept = read(tmp_path / "out")[0].instances.attributes[0]
    assert kept == {"number": 1.5, "many": [0, 1], "where": "x", "late": "<class 'object'>"}


def test_text_that_json_cannot_hold_is_refused(tmp_path: Path) -> None:
    small(tmp_path / "in")
    dataset = read(tmp_path / "in")
    objects = replace(dataset[0].instances, attributes=({"half": "\ud800"}, {}, {}))
    odd = dataset.map(lambda sample: replace(sample, instances=objects))
    with pytest.raises(BboxprepError, match=r"images/train/a\.jpg: cannot be kept .* `sidecar=False` writes none"):
        write(odd, tmp_path / "out", "yolo")
    write(odd, tmp_path / "bare", "yolo", sidecar=False)


@pytest.mark.parametrize("to", WRITTEN)
def test_all_that_is_known_of_the_classes_comes_back_from_every_format(tmp_path: Path, to: str) -> None:
    boxes = Instances.of([[1.0, 2.0, 11.0, 20.0]], [0], ids=[4], areas=[180.0])
    grow(tmp_path / "in", trees.dataset_of(trees.sample_of(boxes, id=1), categories=RICH))
    document = tmp_path / "in" / "annotations" / "instances_train.json"
    tables = ("images", "annotations", "categories")  # of nothing else a sidecar would be made
    document.write_text(json.dumps({name: trees.written(tmp_path / "in")[name] for name in tables}), encoding="utf-8")
    straight, back = around(tmp_path, to)
    assert straight == back


def test_the_law_catches_a_format_that_claims_a_class_table_it_does_not_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, all_fields = formats.load, formats.load("coco").category_fields
    monkeypatch.setattr(formats, "load", lambda name: replace(load(name), category_fields=all_fields))
    monkeypatch.setattr(writer, "_OF_KEYPOINTS", frozenset())
    with pytest.raises(AssertionError):
        test_all_that_is_known_of_the_classes_comes_back_from_every_format(tmp_path, "webdataset")


@pytest.mark.parametrize("to", WRITTEN)
def test_an_image_without_a_label_file_has_none_again(tmp_path: Path, to: str) -> None:
    labels = tiny(tmp_path / "in", range(3)) / "labels" / "train"
    (labels / "00000.txt").unlink()
    (labels / "00001.txt").write_text("", encoding="utf-8")
    run(tmp_path / "in", tmp_path / "straight", "yolo")
    run(tmp_path / "in", tmp_path / "there", to)
    run(tmp_path / "there", tmp_path / "back", "yolo", task="detect")  # the boxes of DOTA are oriented
    straight, back = (tree(tmp_path / name / "labels") for name in ("straight", "back"))
    assert back == straight
    assert set(back) == {"train/00001.txt", "train/00002.txt"}


def test_an_image_is_labelled_once_its_labels_list_an_object(tmp_path: Path) -> None:
    (tiny(tmp_path / "in", range(2)) / "labels" / "train" / "00000.txt").unlink()
    run(tmp_path / "in", tmp_path / "there", "voc")
    first, second = (tmp_path / "there" / "Annotations" / f"0000{number}.xml" for number in range(2))
    assert [sample.labelled for sample in read(tmp_path / "there")] == [False, True]
    first.write_bytes(second.read_bytes().replace(b"00001.jpg", b"00000.jpg"))
    assert [sample.labelled for sample in read(tmp_path / "there")] == [True, True]


RICH = Categories(
    (
        Category("cat", 7, "animal", ("nose", "tail"), ((1, 2),), {"colour": "red"}, (1, 0)),
        Category("dog", 3, "animal"),
        Category("car", 12, "vehicle"),
    )
)
