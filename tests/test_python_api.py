"""The Python API as people guess it: parts of datasets, their objects, and the account of what functions leave out."""

from __future__ import annotations

import json
import pickle
import re
import shutil
import sys
from collections import Counter
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bboxprep
from bboxprep import Augment, Fit, Flip, Instances, Letterbox, Recipe, verify
from bboxprep.errors import BboxprepError, LossError, UsageError, WrongTypeError
from bboxprep.model.dataset import Dataset
from bboxprep.model.sample import Sample
from tests.conformance.examples import WRITTEN
from tests.tiny import tiny, tree
from tests.verification.outputs import codes, edit_record, recorded

ROOT = Path(__file__).parents[1]
LOOSE: Any = bboxprep  # as a person without a type checker calls it
ARRAYS: Any = ModuleType("torch")  # takes arrays as torch does, and leaves them as they are
ARRAYS.from_numpy = ARRAYS.as_tensor = np.asarray


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


def page() -> list[str]:
    """The code of each example of the page."""
    text = (ROOT / "docs" / "pages" / "python.md").read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def test_the_examples_of_the_page_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "fixtures", tmp_path / "fixtures")
    monkeypatch.chdir(tmp_path)
    if find_spec("torch") is None:
        monkeypatch.setitem(sys.modules, "torch", ARRAYS)
    names: dict[str, Any] = {"__name__": "example"}
    for block in page():
        exec(compile(block, "docs/pages/python.md", "exec", dont_inherit=True), names)  # the page is ours
    assert names["proved"].holds
    assert (tmp_path / "prepared-in-python" / "data.yaml").is_file()
    assert names["framed"][0].size.width == names["ds"][0].size.width + 32
    assert 0 < len(names["table"]) < sum(names["images"]["objects"]) + 1
    assert (len(names["two"]), names["halves"].is_changed, names["counted"].dest) == (2, True, None)
    assert all((tmp_path / name).is_file() for name in ("sample.png", "sheet.png", "preview.png"))
    said = re.findall(r"print\(error\)  # (.*)", "".join(page()))
    assert capsys.readouterr().out.splitlines() == said


def test_the_page_has_an_example_of_all_that_a_dataset_offers(ds: Dataset) -> None:
    code = "".join(page())
    offered = [name for name in dir(ds) if not name.startswith("_")]
    offered += ["boxes", "labels", "class_names", "image", "show", "objects", "instances", "xywh", "cxcywh"]
    assert [name for name in offered if not re.search(rf"\.{name}\b", code)] == []
    calls = ("read", "verify", "convert", "preview", "ClassPolicy", "BboxprepError")
    assert [name for name in calls if f"bboxprep.{name}" not in code] == []
    assert {"convert", "filter", "show", "to_torch"} <= {*dir(bboxprep), *offered}


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
    both = ds + bboxprep.read(shutil.copytree(root, tmp_path / "copy"))
    assert len(both) == 2 * len(ds)
    assert len({sample.key for sample in both}) == len(both)
    assert both.classes == ds.classes
    assert both[0].class_names
    moved = ds.transform(Recipe(Letterbox(64)))[:2] + ds[3:4]
    assert [sample.size for sample in moved] == [(64, 64), (64, 64), ds[3].size]
    outcome = moved.write(tmp_path / "out", "coco")
    assert sum(row.objects_out for row in outcome.account.rows()) == 6
    assert len(ds + ds.transform(Recipe(Flip()))) == 2 * len(ds)
    assert len(ds[2:5] + ds[3:]) == len(ds[2:5]) + len(ds[3:])  # an image of both is there twice, under two names


def test_a_list_an_array_or_a_mask_picks_images(ds: Dataset) -> None:
    wanted = (ds.names[2], ds.names[4])
    mask = [row in (2, 4) for row in range(len(ds))]
    for index in ([2, 4], (2, 4), np.array([2, 4 - len(ds)]), wanted, list(wanted), mask, np.array(mask)):
        assert ds[index].names == wanted
    many = ds.to_pandas("images")["objects"] > 1
    assert ds[many].names == tuple(name for name, keeps in zip(ds.names, many, strict=True) if keeps)
    assert len(ds[[]]) == 0
    for wrong, said in (
        ([0, 0], "have 0 twice"),
        ([True], "have 1 truth values, want 8"),
        (["x"], "have 'x', want"),
    ):
        with pytest.raises(UsageError, match=f"index: {said}"):
            ds[wrong]
    assert ("val/00001.jpg" in ds, "00009.jpg" in ds, "9.jpg" in ds, ds[2] in ds) == (True, True, False, True)


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.sets(st.integers(0, 7), min_size=1), copies=st.booleans())
def test_a_part_is_written_with_what_it_leaves_out(ds: Dataset, tmp_path: Path, rows: set[int], copies: bool) -> None:
    """Written, or converted with copies: `verify` holds what is gone against the record, and only so much may be."""
    part = ds[sorted(rows)]
    if copies:
        augmented = Recipe(Letterbox(64), augment=Augment(Flip(p=0.5), copies=2))
        out = bboxprep.convert(part, tmp_path / "out", "yolo", augmented, overwrite=True).dest
    else:
        out = part.write(tmp_path / "out", "yolo", overwrite=True).dest
    assert out
    assert verify(out).faults == ()
    if len(rows) < len(ds) - 1:
        edit_record(out, changes=[{"left_out": len(ds) - len(rows) - 1}])
        assert codes(verify(out)) == {"image-missing"}


def test_a_dataset_keeps_the_options_that_it_was_read_with(tmp_path: Path) -> None:
    ds = bboxprep.read(ROOT / "fixtures" / "phone-photos-voc", origin="devkit")
    out = ds[:4].write(tmp_path / "out", "coco").dest
    assert recorded(out)["reading"]["origin"] == "devkit"
    assert verify(out).faults == ()
    again = bboxprep.convert(ds, tmp_path / "again", "coco").dest
    assert again
    assert recorded(again)["reading"] == recorded(out)["reading"]


def test_convert_takes_a_dataset_as_it_does_its_path(ds: Dataset, root: Path, tmp_path: Path) -> None:
    how: dict[str, Any] = {"recipe": Recipe(Fit(24), augment=Augment(Flip(p=0.5))), "split": {"train": 0.5, "val": 0.5}}
    places: tuple[Path | Dataset, ...] = (root, ds)
    for number, source in enumerate(places):
        bboxprep.convert(source, tmp_path / str(number), "coco", **how)
    bboxprep.convert(root, tmp_path / "2", "coco", **how | {"split": "train=0.5,val=0.5"})
    assert tree(tmp_path / "0") == tree(tmp_path / "1") == tree(tmp_path / "2")
    counted = bboxprep.convert(root, tmp_path / "none", "coco", dry_run=True)
    assert (counted.dest, counted.account.images_out.total()) == (None, len(ds))
    assert not (tmp_path / "none").exists()
    labels = bboxprep.convert(
        root, tmp_path / "labels", "coco", Recipe(upright=False), labels_only=True, images="none"
    ).dest
    assert labels
    assert not list(labels.rglob("*.jpg"))
    changed = (ds.transform(Recipe(Flip())), ds.filter(objects=lambda one: one.width > 8))
    for dataset in changed:
        with pytest.raises(UsageError, match="convert: have a Dataset that a recipe or a function has changed"):
            bboxprep.convert(dataset, tmp_path / "out", "yolo")
    with pytest.raises(UsageError, match="convert: have format beside a Dataset, which is read already"):
        bboxprep.convert(ds, tmp_path / "out", "yolo", format="yolo")
    with pytest.raises(UsageError, match="convert: have no source"):
        bboxprep.convert([], tmp_path / "out", "yolo")


def test_splits_of_convert_keep_together_what_looks_alike(root: Path, tmp_path: Path) -> None:
    """As ``--split --group-by near`` does: 00001 and 00009 of val are copies of photos of train."""
    rule = bboxprep.SplitPolicy({"train": 0.5, "val": 0.5}, "near")
    out = bboxprep.convert(root, tmp_path / "out", "yolo", split=rule).dest
    assert out
    homes = {row["source"]: row["split"] for row in images_of(out)}
    assert homes["images/val/00001.jpg"] == homes["images/train/00001.jpg"]
    assert homes["images/val/00009.jpg"] == homes["images/train/00002.jpg"]


def images_of(out: Path) -> list[dict[str, Any]]:
    """The rows of the images of the record."""
    return [json.loads(line) for line in (out / "bboxprep.images.jsonl").read_text(encoding="utf-8").splitlines()]


def test_what_stops_a_run_is_asked_for_in_python_too(root: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(root, tmp_path / "set")
    (copy / "labels" / "train" / "00001.txt").write_text("0 0.5 0.5 0.2 x\n", encoding="utf-8")
    for made in (partial(bboxprep.convert, copy), bboxprep.read(copy).write):
        with pytest.raises(BboxprepError, match="`on_error='skip'` lists it instead"):
            made(tmp_path / "out", "coco", on_error="stop")
        assert made(tmp_path / "dry", "coco", dry_run=True).dest is None
    with pytest.raises(LossError):
        bboxprep.read(ROOT / "fixtures" / "phone-photos-coco").write(tmp_path / "out", "yolo", strict=True)
    assert not (tmp_path / "out").exists()


def test_an_unknown_option_is_named_with_those_there_are(ds: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="writing YOLO: there is no option 'tsk'; did you mean 'task'"):
        ds.write(tmp_path / "out", "yolo", tsk="detect")
    with pytest.raises(UsageError, match=r"reading YOLO: there is no option 'letterbox' \('follow_links'"):
        bboxprep.read(ds.root, letterbox=640)


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


def test_an_index_of_objects_is_that_of_their_columns(ds: Dataset) -> None:
    objects = ds[1].instances
    for row in (0, 1, -1, np.int64(1)):
        assert objects[row].box.tolist() == objects.boxes[row].tolist()
    for rows in (slice(1), slice(None, None, -1), [1], [], np.array([1, 0]), objects.labels == 1):
        assert objects[rows] == objects.select(np.arange(len(objects))[rows])
    with pytest.raises(IndexError):
        objects[2]


def test_what_is_printed_is_short_and_says_what_counts(ds: Dataset, tmp_path: Path) -> None:
    outcome = ds.filter(objects=lambda one: one.class_name == "cat").write(tmp_path / "out", "coco")
    report = verify(outcome.dest)
    shown: list[tuple[object, tuple[str, ...]]] = [
        (ds, ("images: 8 in train, val", "classes: 2: cat, dog")),
        (outcome, ("images: 8 of 8", "dropped: object-removed ", "findings: ")),
        (report, ("structural: 8 images right, 0 wrong, 0 undecided", "faults: none")),
        (ds[1].instances, ("<Instances: 2 objects>",)),
        (ds[1].objects[0], ("<Instance dog: 18 12 30 20>",)),
        (ds[1].instances[0], ("<Instance of label 1: ",)),
    ]
    for value, parts in shown:
        assert len(repr(value)) <= 300
        assert all(part in repr(value) for part in parts), repr(value)
    assert "<td>8 of 8</td>" in outcome._repr_html_()


def test_a_report_is_true_where_it_holds(ds: Dataset, tmp_path: Path) -> None:
    out = ds[:2].write(tmp_path / "out", "yolo").dest
    assert verify(out)
    next(out.rglob("*.txt")).write_text("0 0.5 0.5 0.1 0.1\n", encoding="utf-8")
    assert not verify(out)
    assert "object-missing 1" in repr(verify(out))


def test_pictures_show_themselves(ds: Dataset, tmp_path: Path) -> None:
    for picture in (ds.show(3), ds[0].show(), bboxprep.preview(ds.root, Recipe(Letterbox(64)), 2)):
        assert picture.startswith(b"\x89PNG")
        assert picture._repr_png_() == picture
        assert len(repr(picture)) < 70
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
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UsageError, match="torch is not installed; pip install torch brings it"):
        ds.to_torch()


def test_items_for_torch_are_those_of_torchvision(ds: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", ARRAYS)
    items = pickle.loads(pickle.dumps(ds.to_torch(first_label=1)))  # as workers of a DataLoader get it
    assert len(items) == len(ds)
    image, target = items[1]
    assert (image.shape, image.dtype) == ((3, ds[1].size.height, ds[1].size.width), np.uint8)
    np.testing.assert_array_equal(image.transpose(1, 2, 0), ds[1].image)
    assert target["boxes"].dtype == np.float32
    assert target["labels"].tolist() == [label + 1 for label in ds[1].labels]
    assert {name: len(target[name]) for name in ("area", "iscrowd")} == {"area": 2, "iscrowd": 2}
    assert items[-1][1]["image_id"] == len(ds) - 1
    with pytest.raises(IndexError):
        items[len(ds)]


def test_a_recipe_takes_steps_or_one_list() -> None:
    assert Recipe([Letterbox(64), Flip()]) == Recipe(Letterbox(64), Flip()) == Recipe((Letterbox(64), Flip()))
    assert Augment([Flip(p=0.5)]) == Augment(Flip(p=0.5))
    with pytest.raises(UsageError, match="steps: have none"):
        Augment([])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda _: LOOSE.Recipe("letterbox"), r"Recipe: have 'letterbox', want steps, as in Recipe\(Letterbox"),
        (lambda _: LOOSE.Recipe(Letterbox), "Recipe: have the class Letterbox itself, want steps"),
        (
            lambda _: LOOSE.convert("set", "out", "yolo", Letterbox(64)),
            r"convert: have the recipe Letterbox\(",
        ),
        (lambda _: LOOSE.convert("set", "out", "yolo", classes={"a": "b"}), "convert: have the classes .*ClassPolicy"),
        (lambda _: LOOSE.convert("set", "out", "yolo", split=0.8), "convert: have the split 0.8, want shares as in"),
        (lambda _: LOOSE.convert(7, "out", "yolo"), "convert: have the sources 7, want the path of a dataset, a Dat"),
        (lambda _: LOOSE.convert("set", None, "yolo"), "convert: have the dest None, want the path of a folder"),
        (lambda _: LOOSE.preview("set", [Letterbox(64)]), "preview: have the recipe .*, want a Recipe"),
        (lambda ds: LOOSE.verify(ds), "verify: have a Dataset, want the path of an output"),
        (lambda ds: ds.map(3), "map: have 3, want a function that takes a Sample"),
        (lambda ds: ds.filter(objects="car"), "filter: have 'car', want a function for objects, as in objects=lambda"),
        (lambda ds: ds.filter(3), "filter: have 3, want a function for images, as in images=lambda"),
        (lambda ds: ds.split(0.8), "split: have 0.8, want the name of a split; .*split='train=0.8,val=0.2'"),
        (lambda ds: ds.show("all"), "show: have 'all', want the number of images, 1 or more"),
        (lambda ds: ds[[1.5]], "index: have a float, want a number"),
        (lambda _: LOOSE.Augment({"flip": 1}), "Augment: have {'flip': 1}, want steps"),
        (
            lambda ds: ds.transform(Letterbox(64)),
            r"transform: have Letterbox.*, want a Recipe, as in Recipe\(Letterbox",
        ),
        (lambda ds: ds[0].transform([Letterbox(64)]), "transform: have .*, want a Recipe, as in"),
        (lambda ds: ds.with_classes({"cat": "dog"}), "with_classes: have {'cat': 'dog'}, want a ClassPolicy"),
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
