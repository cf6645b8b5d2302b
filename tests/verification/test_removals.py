"""What the record claims that functions of the user left out, held against the labels of source and output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bboxprep import Letterbox, Recipe, convert, read, write
from bboxprep.model.class_mapping import ClassPolicy
from bboxprep.model.sample import Sample
from bboxprep.verification.verify import verify
from tests.verification.outputs import codes, copied, edit_object, edit_record, edit_rows, photos, recorded, told

CODE = "object-removed"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output of which a function left out the first object of each image."""
    dest = tmp_path_factory.mktemp("removals") / "out"
    write(read(photos("coco")).map(without_first), dest, "yolo")
    return dest


def without_first(sample: Sample) -> Sample:
    rows = np.arange(len(sample.instances))
    return sample.replace_fast(instances=sample.instances.select(rows > 0))


def claims(row: dict[str, Any], change: int) -> dict[str, Any]:
    """The `row` of an image, claiming so many more removed objects."""
    dropped = row["objects"]["dropped"]
    more = {CODE: dropped.get(CODE, 0) + change} if dropped or change > 0 else {}
    return row | {"objects": row["objects"] | {"dropped": dropped | more}}


def test_objects_that_functions_left_out_are_counted_by_class(out: Path) -> None:
    report = verify(out, sample=0)
    assert (report.faults, report.tallies[1].checked > 10) == ((), True)
    assert any("functions of the user" in words for words in report.tallies[1].words)


def test_a_function_may_come_after_a_flip_and_before_a_change_of_names(tmp_path: Path) -> None:
    renamed = ClassPolicy(rename={"car": "vehicle"}, drop=("person",))
    dataset = read(photos("coco")).map(without_first).transform(Recipe(Letterbox(96))).with_classes(renamed)
    write(dataset.filter(objects=lambda one: one.width > 8), tmp_path / "out", "coco")
    assert verify(tmp_path / "out", sample=0).faults == ()


def test_an_object_that_is_said_to_be_removed_and_is_there_is_told(out: Path, tmp_path: Path) -> None:
    lie = copied(out, tmp_path / "lie")
    edit_rows(lie, lambda row: claims(row, 1))
    found = verify(lie, sample=0)
    assert codes(found) == {"removal-differs"}
    assert "a function left 2 objects out, and only 1 are gone" in told(found)


def test_a_claim_about_another_class_is_told(out: Path, tmp_path: Path) -> None:
    lie = copied(out, tmp_path / "lie")
    other = {"person": "car", "car": "traffic sign", "traffic sign": "person"}
    findings = [
        one | {"category": other[one["category"]]} if one["code"] == CODE else one for one in recorded(lie)["findings"]
    ]
    edit_record(lie, findings=findings)
    assert codes(verify(lie, sample=0)) == {"removal-differs"}


def test_more_is_gone_than_any_line_says(out: Path, tmp_path: Path) -> None:
    lie = copied(out, tmp_path / "lie")
    image = next(path for path in sorted((lie / "labels").rglob("*.txt")) if path.read_text(encoding="utf-8").strip())
    edit_object(lie, image.with_suffix(".jpg").name, lambda *_: None)
    found = verify(lie, sample=0)
    assert "1 objects of the source are gone, and no line of the record says why" in told(found)


def test_totals_that_are_not_those_of_the_images_are_told(out: Path, tmp_path: Path) -> None:
    lie = copied(out, tmp_path / "lie")
    classes = [one | {"dropped": {}} for one in recorded(lie)["classes"]]
    edit_record(lie, classes=classes)
    assert "the classes of the record count 0 objects that functions left out" in told(verify(lie, sample=0))


def test_no_function_takes_part_in_a_run_with_a_recipe(tmp_path: Path) -> None:
    """A record that a run of the command wrote, and somebody changed to hide an object that is gone."""
    lie = tmp_path / "out"
    convert(photos("coco"), lie, "yolo", Recipe(Letterbox(96)))
    image = "IMG_2001.jpg"
    edit_object(lie, image, lambda *_: None)
    edit_rows(lie, lambda row: claims(row, int(row["output"].endswith(image))))
    found = verify(lie, sample=0)
    assert {"object-missing", "removal-differs"} <= codes(found, image)
    assert "a run with a recipe calls none" in told(found)
