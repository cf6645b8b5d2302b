"""A model that sees what is there contradicts labels that are wrong, and no others."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.errors import AnnotationError
from bboxprep.model.instances import Instances
from bboxprep.verification import suspects
from bboxprep.verification.suspects import LEAST, Suspicion, suspicions
from bboxprep.verification.verify import verify
from tests.conftest import FIXTURES
from tests.invoked import run

PHOTOS = FIXTURES / "phone-photos-coco"


@st.composite
def apart(draw: st.DrawFn) -> Instances:
    """One to six objects of three classes, none of which touches another."""
    cells = draw(st.lists(st.integers(0, 15), min_size=1, max_size=6, unique=True))
    low = np.array([(cell % 4 * 100.0, cell // 4 * 100.0) for cell in cells])
    sides = np.array([draw(st.tuples(st.integers(20, 80), st.integers(20, 80))) for _ in cells], dtype=np.float64)
    labels = [draw(st.integers(0, 2)) for _ in cells]
    return Instances.of(np.concatenate((low, low + sides), axis=1), labels)


def seen(objects: Instances, score: float = 0.9) -> Instances:
    """What a perfect model sees of `objects`."""
    return replace(objects, scores=np.full(len(objects), score))


def told(labels: Instances, objects: Instances) -> list[tuple[str, int | None]]:
    """The labels that a perfect model that sees `objects` contradicts."""
    return [(one.code, one.row) for one in suspicions(labels, seen(objects)) if one.amount >= LEAST]


def planted(objects: Instances, row: int) -> dict[str, tuple[Instances, list[tuple[str, int | None]]]]:
    """Labels of `objects` that are wrong in one place, and what must be told of them."""
    rows, sides = np.arange(len(objects)) == row, objects.boxes[:, 2:] - objects.boxes[:, :2]
    return {
        "missing": (objects.select(~rows), [("label-overlooked", None)]),
        "swapped": (
            replace(objects, labels=np.where(rows, (objects.labels + 1) % 3, objects.labels)),
            [("label-swapped", row)],
        ),
        "moved": (
            replace(objects, boxes=objects.boxes + np.tile(sides * 0.4, 2) * rows[:, None]),
            [("label-misplaced", row)],
        ),
        "repeated": (Instances.concat([objects, objects.select(rows)]), [("label-repeated", len(objects))]),
    }


@given(apart(), st.data())
def test_what_is_wrong_is_told_and_nothing_else(objects: Instances, data: st.DataObject) -> None:
    assert told(objects, objects) == []
    for labels, wanted in planted(objects, data.draw(st.integers(0, len(objects) - 1))).values():
        assert told(labels, objects) == wanted


@pytest.mark.parametrize(
    ("check", "kind"),
    [("_overlooked", "missing"), ("_swapped", "swapped"), ("_misplaced", "moved"), ("_repeated", "repeated")],
)
def test_the_law_catches_a_check_that_is_missing(check: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = Instances.of([[0, 0, 40, 30], [200, 0, 240, 30]], [0, 1])
    labels, wanted = planted(objects, 0)[kind]
    assert told(labels, objects) == wanted
    monkeypatch.setattr(suspects, check, lambda *_: iter(()))
    assert told(labels, objects) != wanted


def test_a_model_that_is_not_sure_says_nothing_and_a_crowd_region_has_its_label() -> None:
    objects = Instances.of([[0, 0, 40, 30]], [0])
    assert suspicions(Instances.of(), seen(objects, 0.4)) == []
    region = Instances.of([[0, 0, 400, 300]], [0], crowd=[True])
    assert [one for one in suspicions(region, seen(objects)) if one.amount >= LEAST] == []
    assert isinstance(suspicions(Instances.of(), seen(objects))[0], Suspicion)


def results(folder: Path) -> list[dict[str, object]]:
    """The labels of the photos as a model's results."""
    (path,) = (folder / "annotations").glob("*_train.json")
    rows = json.loads(path.read_text(encoding="utf-8"))["annotations"]
    return [{key: row[key] for key in ("image_id", "category_id", "bbox")} | {"score": 0.9} for row in rows]


def test_results_are_read_and_what_cannot_be_is_listed(tmp_path: Path) -> None:
    rows = results(PHOTOS)
    assert verify(PHOTOS, predictions=written(tmp_path, rows)).holds
    gone = {**rows[0], "bbox": [0, 0, 9, 9]}
    odd: list[dict[str, object]] = [{**rows[0], "image_id": 987654}, {**rows[0], "category_id": 4321}, {"score": 1}]
    report = verify(PHOTOS, predictions=written(tmp_path, [gone, *rows, *odd]))
    codes = [fault.code for fault in report.faults]
    assert sorted(codes) == ["annotation-orphan", "category-unknown", "label-overlooked", "record-unreadable"]
    with pytest.raises(AnnotationError, match="holds no predictions"):
        verify(PHOTOS, predictions=written(tmp_path, []))


def test_rows_of_text_files_are_read(tmp_path: Path) -> None:
    assert run("convert", PHOTOS, tmp_path / "yolo", "--to", "yolo").exit_code == 0
    shutil.copytree(tmp_path / "yolo" / "labels", tmp_path / "seen")
    assert verify(tmp_path / "yolo", predictions=tmp_path / "seen").holds
    (path, *_) = sorted((tmp_path / "seen").rglob("*.txt"))
    path.write_text(path.read_text(encoding="utf-8") + "0 0.01 0.01 0.01 0.01\n", encoding="utf-8")
    told = run("verify", tmp_path / "yolo", "--predictions", tmp_path / "seen")
    assert told.exit_code == 1
    assert "1 x label-overlooked" in told.output


def written(folder: Path, rows: list[dict[str, object]]) -> Path:
    path = folder / "results.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path
