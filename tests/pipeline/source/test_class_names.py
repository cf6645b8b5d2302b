"""A class is its name, in every format and from every source: none is lost, doubled or invented."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bboxprep import formats
from bboxprep.errors import UsageError
from bboxprep.model.class_mapping import ClassPolicy
from bboxprep.model.dataset import Dataset
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source.merge import assemble
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.recipe import Recipe
from tests.painted import written

XML = "<annotation><size><width>20</width><height>10</height></size>{}</annotation>"
OBJECT = "<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>2</ymin><xmax>{}</xmax><ymax>6</ymax></bndbox></object>"


def yolo(root: Path, names: tuple[str, ...]) -> None:
    rows = [f"{number} {0.1 + 0.2 * number} .5 .1 .4\n" for number in range(len(names))]
    (root / "a.txt").write_text("".join(rows), encoding="utf-8")
    (root / "data.yaml").write_text(json.dumps({"names": list(names)}), encoding="utf-8")


def coco(root: Path, names: tuple[str, ...]) -> None:
    objects = [
        {"id": number, "image_id": 1, "category_id": number, "bbox": [4 * number - 3, 3, 2, 4]}
        for number in range(1, len(names) + 1)
    ]
    categories = [{"id": number, "name": name} for number, name in enumerate(names, 1)]
    images = [{"id": 1, "file_name": "a.png", "width": 20, "height": 10}]
    document = {"images": images, "annotations": objects, "categories": categories}
    (root / "a.json").write_text(json.dumps(document), encoding="utf-8")


def voc(root: Path, names: tuple[str, ...]) -> None:
    body = "".join(OBJECT.format(name, 4 * number + 2, 4 * number + 3) for number, name in enumerate(names))
    (root / "a.xml").write_text(XML.format(body), encoding="utf-8")


WRITERS: dict[str, Callable[[Path, tuple[str, ...]], None]] = {"yolo": yolo, "coco": coco, "voc": voc}


def made(root: Path, format: str, names: tuple[str, ...]) -> Path:
    """One picture with one object of each class that stands in the table of the data set."""
    root.mkdir()
    Image.fromarray(np.zeros((10, 20, 3), np.uint8)).save(root / "a.png")
    WRITERS[format](root, names)
    return root


def opened(root: Path, policy: ClassPolicy | None = None) -> Dataset:
    return assemble([open_source(root)], policy or ClassPolicy()).dataset


def codes(dataset: Dataset) -> list[str]:
    return [finding.code for finding in dataset.findings if finding.code.startswith("class-")]


def names_of_objects(dataset: Dataset) -> list[str]:
    return [dataset.categories.names[label] for label in dataset[0].instances.labels.tolist()]


@pytest.mark.parametrize("format", WRITERS)
@pytest.mark.parametrize("to", formats.written())
def test_a_name_that_stands_twice_is_one_class(tmp_path: Path, format: str, to: str) -> None:
    source = open_source(made(tmp_path / "set", format, ("cat", "dog", "cat")))
    assert source.dataset.categories.names == ("cat", "dog")
    assert names_of_objects(source.dataset) == ["cat", "dog", "cat"]
    assert codes(source.dataset) == ([] if format == "voc" else ["class-merged"])  # labels of VOC name their class
    convert_source(source, tmp_path / "out", to, Recipe(), run_options=RunOptions())
    read = open_source(tmp_path / "out").dataset
    assert (read.categories.names, sorted(names_of_objects(read))) == (("cat", "dog"), ["cat", "cat", "dog"])


@pytest.mark.parametrize("format", WRITERS)
def test_names_that_are_nearly_the_same_are_told_and_one_with_the_option(tmp_path: Path, format: str) -> None:
    root = made(tmp_path / "set", format, ("Cat", "cat", "dog"))
    dataset = opened(root)
    assert (len(dataset.categories), codes(dataset)) == (3, ["class-similar"])
    (note,) = (finding.message for finding in dataset.findings if finding.code == "class-similar")
    assert "`rename=" in note
    joined = opened(root, ClassPolicy(rename={"Cat": "cat"}))
    assert (joined.categories.names, codes(joined)) == (("cat", "dog"), ["class-merged"])
    assert names_of_objects(joined) == ["cat", "cat", "dog"]


def test_a_blank_beside_a_name_is_told(tmp_path: Path) -> None:
    assert codes(opened(made(tmp_path / "set", "coco", ("cat", " cat")))) == ["class-similar"]


@pytest.mark.parametrize("to", formats.written())
@pytest.mark.parametrize("name", ["", "  "])
def test_a_class_without_a_name_gets_its_number_for_one(tmp_path: Path, name: str, to: str) -> None:
    source = open_source(made(tmp_path / "set", "coco", ("cat", name)))
    assert (source.dataset.categories.names, names_of_objects(source.dataset)) == (("cat", "2"), ["cat", "2"])
    assert [one.message for one in source.dataset.findings] == [f"a class is called {name!r}; it is '2' now"]
    outcome = convert_source(source, tmp_path / "out", to, Recipe(), run_options=RunOptions())
    assert sum(row.objects_out for row in outcome.account.rows()) == 2


def unnamed(root: Path, format: str) -> Path:
    made(root, format, ("x", "y"))
    if format == "yolo":
        (root / "data.yaml").unlink()
    else:
        document = json.loads((root / "a.json").read_text(encoding="utf-8"))
        (root / "a.json").write_text(json.dumps({**document, "categories": []}), encoding="utf-8")
    return root


@pytest.mark.parametrize(("format", "numbers"), [("yolo", ("0", "1")), ("coco", ("1", "2"))])
def test_names_that_nobody_stated_are_told_and_can_be_given(
    tmp_path: Path, format: str, numbers: tuple[str, ...]
) -> None:
    root = unnamed(tmp_path / "set", format)
    dataset = opened(root)
    assert (dataset.categories.names, codes(dataset)) == (numbers, ["class-unnamed"])
    assert "`classes` takes their names" in dataset.findings[0].message
    named = opened(root, ClassPolicy(classes=("cat", "dog")))
    assert (named.categories.names, names_of_objects(named), codes(named)) == (("cat", "dog"), ["cat", "dog"], [])
    less = opened(root, ClassPolicy(classes=("dog", "cat"), drop=("cat",)))
    assert names_of_objects(less) == ["dog"]
    with pytest.raises(UsageError, match=r"have 1 names for 2 classes without a name .*, want one for each"):
        opened(root, ClassPolicy(classes=("cat",)))


def test_more_names_than_numbers_are_taken_only_where_numbers_are_places(tmp_path: Path) -> None:
    names = ("cat", "dog", "bird")
    assert opened(unnamed(tmp_path / "yolo", "yolo"), ClassPolicy(classes=names)).categories.names == names
    with pytest.raises(UsageError, match=r"have 3 names for 2 classes without a name \(1, 2\), want one for each"):
        opened(unnamed(tmp_path / "coco", "coco"), ClassPolicy(classes=names))


def test_a_stated_table_is_not_named_anew(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="classes: 'x' is missing"):
        opened(made(tmp_path / "set", "yolo", ("x", "y")), ClassPolicy(classes=("cat", "dog")))


@pytest.mark.parametrize(
    ("line", "name"),
    [("bird:1,2,3::", "bird"), ("a:b:1,2,3::", "a:b"), ("bird", "bird"), ("bird:4,5,6:head:run", "bird")],
)
def test_a_labelmap_is_the_class_table_of_voc(tmp_path: Path, line: str, name: str) -> None:
    root = made(tmp_path / "set", "voc", ("dog", "cat"))
    text = f"# label:color_rgb:parts:actions\nbackground:0,0,0::\n{line}\ndog:2,3,4::\ncat:4,5,6::\n"
    (root / "labelmap.txt").write_text(text, encoding="utf-8")
    dataset = opened(root)
    assert (dataset.categories.names, names_of_objects(dataset)) == ((name, "dog", "cat"), ["dog", "cat"])
    convert_source(open_source(root), tmp_path / "out", "yolo", Recipe(), run_options=RunOptions())
    assert len(written(tmp_path / "out", "yolo")) == 1
