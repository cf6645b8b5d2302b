"""The fields of classes, and the counts of keypoints, are those of the source."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bboxprep.recipe.recipe import Recipe
from bboxprep.verification.verify import verify
from tests.verification.outputs import codes, copied, make, photos

Document = dict[str, Any]


@pytest.fixture(scope="module")
def true_output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("true") / "out", photos("coco"), "coco", Recipe())


def with_keypoints(document: Document) -> Document:
    """The first class or object of the lists of `document` that has keypoints."""
    return next(row for table in ("categories", "annotations") for row in document[table] if row.get("keypoints"))


LIES: list[tuple[str, Callable[[Document], Any]]] = [
    ("class-changed", lambda document: document["categories"][0].update(supercategory="plant")),
    ("class-changed", lambda document: with_keypoints(document)["keypoints"].reverse()),
    ("class-changed", lambda document: with_keypoints(document)["skeleton"].pop()),
    ("keypoints-miscounted", lambda document: [row.update(num_keypoints=99) for row in document["annotations"]]),
]


@pytest.mark.parametrize(("code", "lie"), LIES, ids=["parent", "keypoints", "skeleton", "num_keypoints"])
def test_a_class_or_a_count_that_lies_is_told(
    true_output: Path, tmp_path: Path, code: str, lie: Callable[[Document], Any]
) -> None:
    out = copied(true_output, tmp_path / "out")
    path = next((out / "annotations").glob("*train*.json"))
    document = json.loads(path.read_text(encoding="utf-8"))
    lie(document)
    path.write_text(json.dumps(document), encoding="utf-8")
    assert codes(verify(true_output, sample=0)) == set()
    assert code in codes(verify(out, sample=0))


def test_ids_of_classes_and_objects_are_those_of_the_source(true_output: Path, tmp_path: Path) -> None:
    out = copied(true_output, tmp_path / "out")
    path = next((out / "annotations").glob("*train*.json"))
    document = json.loads(path.read_text(encoding="utf-8"))
    first, second = document["annotations"][:2]
    first["id"], second["id"] = second["id"], first["id"]
    for row in (*document["categories"], *document["annotations"]):
        name = "category_id" if "category_id" in row else "id"
        row[name] += 70
    path.write_text(json.dumps(document), encoding="utf-8")
    assert {"id-changed", "class-changed"} <= codes(verify(out, sample=0))
