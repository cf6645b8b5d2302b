"""The Python API as people guess it: parts of datasets, their objects, and the account of what functions leave out."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bboxprep
from bboxprep import Augment, Flip, Instances, Letterbox, Recipe
from bboxprep.errors import UsageError, WrongTypeError
from bboxprep.model.dataset import Dataset
from bboxprep.model.sample import Sample
from tests.conformance.examples import WRITTEN
from tests.tiny import tiny

ROOT = Path(__file__).parents[1]
LOOSE: Any = bboxprep  # as a person without a type checker calls it


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photos of two objects each in train and two in val, of which one has a name of train."""
    path = tiny(tmp_path_factory.mktemp("api") / "set", range(6))
    for folder, names in (("images", ("00001.jpg", "00009.jpg")), ("labels", ("00001.txt", "00009.txt"))):
        (path / folder / "val").mkdir()
        for name in names:
            shutil.copy(path / folder / "train" / name.replace("9", "2"), path / folder / "val" / name)
    (path / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [cat, dog]\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def ds(root: Path) -> Dataset:
    return bboxprep.read(root)


def test_the_examples_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "fixtures", tmp_path / "fixtures")
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "pages" / "python.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", page, flags=re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {"__name__": "example"}
    for block in blocks:
        exec(compile(block, "docs/pages/python.md", "exec", dont_inherit=True), names)  # the page is ours
    assert len(blocks) == 5
    assert names["proved"].holds
    assert (tmp_path / "prepared-in-python" / "data.yaml").is_file()
    assert names["framed"][0].size.width == names["ds"][0].size.width + 32
    assert 0 < len(names["objects"]) < sum(names["images"]["objects"]) + 1


def test_parts_are_datasets_with_their_own_splits(ds: Dataset) -> None:
    assert ds.classes == ("cat", "dog")
    assert ds.names[-2:] == ("00001.jpg", "00009.jpg")
    assert [sample.key for sample in ds[2:4]] == [sample.key for sample in (ds[2], ds[3])]
    assert ds[::-1].names == ds.names[::-1]
    assert (len(ds[:0]), ds[-1].key) == (0, ds[len(ds) - 1].key)
    assert (ds.split("val").splits, len(ds.split("valid"))) == (("val",), 2)
    assert ds[:1].splits == ("train",)
    assert ds["val/00001.jpg"].split == "val"
    with pytest.raises(UsageError, match=r"want the name of one image, one of 'train/00001.jpg', 'val/00001.jpg'"):
        ds["00001.jpg"]
    with pytest.raises(UsageError, match=r"want the name of one image; did you mean '00009.jpg'"):
        ds["0009.jpg"]
    with pytest.raises(UsageError, match="split: have 'test', want one of train, val"):
        ds.split("test")
    with pytest.raises(IndexError):
        ds[99]


def test_names_and_splits_are_listed_without_reading_a_label(root: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(root, tmp_path / "set")
    ds = bboxprep.read(copy)
    shutil.rmtree(copy / "labels")
    assert len(ds.split("val").names) == 2


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**16 - 1), st.integers(0, 2**8 - 1))
def test_what_a_filter_leaves_out_is_in_the_account(ds: Dataset, objects: int, images: int) -> None:
    """Whatever is left out: objects in = out + dropped, by class, and nothing else is dropped."""
    numbers = {(s.key, tuple(b)): n for n, (s, b) in enumerate((s, b) for s in ds for b in s.boxes.tolist())}

    def keeps(sample: Sample) -> Sample:
        wanted = [bool(objects >> numbers[sample.key, tuple(box)] & 1) for box in sample.boxes.tolist()]
        return sample.replace_fast(instances=sample.instances.select(wanted))

    rows = {sample.key: row for row, sample in enumerate(ds)}
    part = ds.map(keeps).filter(images=lambda sample: images >> rows[sample.key] & 1)
    kept = [sample for sample in ds if images >> rows[sample.key] & 1]
    assert [sample.key for sample in part] == [sample.key for sample in kept]
    for before, after in zip(kept, part, strict=True):
        lost = Counter(before.class_names) - Counter(after.class_names)
        found = {one.category: one.objects for one in after.findings if one.code == "object-removed"}
        assert found == dict(lost)


@pytest.mark.parametrize("to", WRITTEN)
def test_objects_left_out_and_added_are_counted_in_every_output(ds: Dataset, tmp_path: Path, to: str) -> None:
    def twice(sample: Sample) -> Sample:
        return sample.replace_fast(instances=Instances.concat([sample.instances] * 2))

    few = ds.filter(objects=lambda one: one.class_name == "cat")
    outcome = few.write(tmp_path / "few", to)
    cats, dogs = (sum(s.class_names.count(name) for s in ds) for name in ("cat", "dog"))
    assert {
        row.name: (row.objects_in, row.objects_out, row.dropped) for row in outcome.account.class_rows(ds.classes)
    } == {
        "cat": (cats, cats, {}),
        "dog": (dogs, 0, {"object-removed": dogs}),
    }
    more = ds.map(twice).write(tmp_path / "more", to)
    assert sum(row.objects_out for row in more.account.rows()) == 2 * (cats + dogs)
    assert {finding.code for finding in more.account.findings} >= {"object-added"}


def test_datasets_are_added(ds: Dataset, root: Path, tmp_path: Path) -> None:
    both = ds + bboxprep.read(root)
    assert len(both) == 2 * len(ds)
    assert len({sample.key for sample in both}) == len(both)
    assert both.classes == ds.classes
    assert both[0].class_names
    moved = ds.transform(Recipe(Letterbox(64)))[:2] + ds[3:4]
    assert [sample.size for sample in moved] == [(64, 64), (64, 64), ds[3].size]
    outcome = moved.write(tmp_path / "out", "coco")
    assert sum(row.objects_out for row in outcome.account.rows()) == 6


def test_objects_are_rows_of_the_columns(ds: Dataset) -> None:
    sample = ds[1]
    assert list(sample.class_names) == [one.class_name for one in sample.objects]
    for row, one in enumerate(sample.instances):
        assert one.box.tolist() == sample.boxes[row].tolist()
        assert (one.label, one.class_name) == (sample.labels[row], "")
        assert one.area == pytest.approx(one.width * one.height)
    boxes = sample.boxes
    np.testing.assert_allclose(sample.instances.xywh[:, 2:], boxes[:, 2:] - boxes[:, :2])
    np.testing.assert_allclose(sample.instances.cxcywh[:, :2] * 2, boxes[:, 2:] + boxes[:, :2])
    assert Instances.of().xywh.shape == Instances.of().cxcywh.shape == (0, 4)
    assert sample.image.shape == (*reversed(sample.size), 3)


def test_pictures_show_themselves(ds: Dataset, tmp_path: Path) -> None:
    for picture in (ds.show(3), ds[0].show(), bboxprep.preview(ds.root, Recipe(Letterbox(64)), 2)):
        assert picture.startswith(b"\x89PNG")
        assert picture._repr_png_() == picture
        assert len(repr(picture)) < 60
    picture.save(tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").read_bytes() == picture


def test_tables_have_a_row_for_each(ds: Dataset) -> None:
    objects, images = ds.to_pandas(), ds.to_pandas("images")
    assert objects["class"].tolist() == [name for sample in ds for name in sample.class_names]
    assert objects[["x0", "y0", "x1", "y1"]].to_numpy().tolist() == [box for s in ds for box in s.boxes.tolist()]
    assert images["image"].tolist() == list(ds.names)
    assert images["objects"].sum() == len(objects)
    assert [tuple(size) for size in images[["width", "height"]].to_numpy()] == [sample.size for sample in ds]
    with pytest.raises(UsageError, match="rows: have 'boxes', want objects or images"):
        ds.to_pandas("boxes")  # type: ignore[arg-type]  # as a person may write


def test_without_torch_it_is_told_what_brings_it(ds: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(UsageError, match="torch is not installed; pip install torch brings it"):
        ds.to_torch()


class Arrays:
    """Takes arrays as torch does, and leaves them as they are."""

    from_numpy = as_tensor = staticmethod(np.asarray)


def test_items_for_torch_are_those_of_torchvision(ds: Dataset) -> None:
    from bboxprep.pipeline.api import TorchDataset

    items = TorchDataset(ds, 1, Arrays)
    assert len(items) == len(ds)
    image, target = items[1]
    assert (image.shape, image.dtype) == ((3, ds[1].size.height, ds[1].size.width), np.uint8)
    np.testing.assert_array_equal(image.transpose(1, 2, 0), ds[1].image)
    assert target["boxes"].dtype == np.float32
    assert target["labels"].tolist() == [label + 1 for label in ds[1].labels]
    assert {name: len(target[name]) for name in ("area", "iscrowd")} == {"area": 2, "iscrowd": 2}


def test_a_recipe_takes_steps_or_one_list() -> None:
    assert Recipe([Letterbox(64), Flip()]) == Recipe(Letterbox(64), Flip()) == Recipe((Letterbox(64), Flip()))
    assert Augment([Flip(p=0.5)]) == Augment(Flip(p=0.5))
    with pytest.raises(UsageError, match="steps: have none"):
        Augment([])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda _: LOOSE.Recipe("letterbox"), r"Recipe: have 'letterbox', want steps, as in Recipe\(Letterbox"),
        (lambda _: LOOSE.Recipe(Letterbox), "Recipe: have <class .*Letterbox'>, want steps"),
        (lambda _: LOOSE.Augment({"flip": 1}), "Augment: have {'flip': 1}, want steps"),
        (
            lambda ds: ds.transform(Letterbox(64)),
            r"transform: have Letterbox.*, want a Recipe, as in Recipe\(Letterbox",
        ),
        (lambda ds: ds[1.5], "index: have a float, want a number, a slice, a name"),
        (lambda ds: ds.map(lambda _: None)[0], "map: the function returned a NoneType, want the changed Sample"),
        (lambda _: LOOSE.read(7), "read: have a int, want the path of a dataset"),
        (lambda _: LOOSE.write("set", "out", "yolo"), "write: have a str, want a Dataset"),
    ],
)
def test_a_wrong_type_is_told_with_what_is_accepted(ds: Dataset, call: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said) as error:
        call(ds)
    assert isinstance(error.value, WrongTypeError | UsageError)


def test_a_dataset_made_by_hand_says_what_it_cannot(ds: Dataset) -> None:
    with pytest.raises(UsageError, match="made by hand"):
        Dataset(ds.root, "coco", ds.categories, list(ds)).write("out", "coco")


def test_the_package_lists_its_public_names_alone() -> None:
    assert [name for name in dir(bboxprep) if not name.startswith("_")] == [
        name for name in bboxprep.__all__ if not name.startswith("_")
    ]
