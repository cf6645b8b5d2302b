"""The conservation law: objects in = objects out + dropped by reason, for each class and split, and images likewise,
counted here by means that share no code with the program."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bboxprep import formats
from bboxprep.errors import InternalError, LossError
from bboxprep.model.columns import Column
from bboxprep.model.object_policy import ObjectPolicy
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.crops import Crop
from bboxprep.recipe.geometric import Fill, Flip, Letterbox, RecipeStep
from bboxprep.recipe.recipe import Recipe
from bboxprep.transform import map_objects
from tests.conformance.examples import WRITTEN
from tests.painted import written

CATEGORIES = {3: "cat", 8: "dog", 90: "a: b"}
EDGES = st.one_of(st.integers(-20, 60), st.floats(-5, 60, allow_nan=False))
RECORDS = st.fixed_dictionaries(
    {
        "category_id": st.sampled_from([*CATEGORIES, 77]),
        "bbox": st.one_of(
            st.tuples(EDGES, EDGES, EDGES, EDGES).map(list),
            st.just(["a", 1, 2, 3]),
            st.just([1, 2]),
        ),
        "iscrowd": st.sampled_from([0, 0, 0, 1]),
    }
)
IMAGES = st.lists(
    st.tuples(st.sampled_from(["sound", "sound", "sound", "missing", "broken"]), st.lists(RECORDS, max_size=5)),
    min_size=1,
    max_size=4,
)
STEPS: st.SearchStrategy[list[RecipeStep]] = st.lists(
    st.sampled_from([Letterbox(32), Crop(10, 5, 12, 12), Fill((16, 24)), Flip("vertical"), Crop(45, 0, 5, 5)]),
    max_size=3,
)
RULES = st.builds(
    ObjectPolicy,
    crowd=st.sampled_from([None, "keep", "drop", "ignore"]),
    outside=st.sampled_from(["clip", "drop"]),
    outside_tolerance=st.sampled_from([0.0, 1e-3, 2.0]),
    min_visibility=st.sampled_from([0.0, 0.5, 1.0]),
    swap_classes=st.sampled_from([(), (("cat", "a: b"),)]),
)


def make(root: Path, splits: dict[str, list[tuple[str, list[dict[str, Any]]]]]) -> None:
    number = 0
    for split, images in splits.items():
        document: dict[str, Any] = {"images": [], "annotations": []}
        document["categories"] = [{"id": key, "name": name} for key, name in CATEGORIES.items()]
        (root / split).mkdir(parents=True)
        for index, (state, records) in enumerate(images, 1):
            name = f"{index}.png"
            document["images"].append({"id": index, "file_name": name, "width": 40, "height": 30})
            if state != "missing":
                Image.new("RGB", (40, 30)).save(root / split / name)
            if state == "broken":
                (root / split / name).write_bytes((root / split / name).read_bytes()[:60])
            for record in records:
                number += 1
                document["annotations"].append({"id": number, "image_id": index, **record})
        document["annotations"].append({"id": number + 1, "image_id": 999, "category_id": 3, "bbox": [1, 1, 2, 2]})
        number += 1
        path = root / "annotations" / f"instances_{split}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(document), encoding="utf-8")


@pytest.mark.parametrize("target", WRITTEN)
@settings(max_examples=10)
@given(train=IMAGES, val=IMAGES, steps=STEPS, object_policy=RULES)
def test_every_object_and_image_is_accounted_for(
    target: str,
    train: list[tuple[str, list[dict[str, Any]]]],
    val: list[tuple[str, list[dict[str, Any]]]],
    steps: list[RecipeStep],
    object_policy: ObjectPolicy,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root, out = Path(folder) / "in", Path(folder) / "out"
        make(root, {"train": train, "val": val})
        try:
            convert_source(
                open_source(root, object_policy=object_policy), out, target, Recipe(*steps), run_options=RunOptions()
            )
        except LossError:
            assert object_policy.crowd is None
            assert Column.CROWD not in formats.load(target).carries
            return
        record = json.loads((out / "bboxprep.json").read_text(encoding="utf-8"))
        rows = [json.loads(line) for line in (out / "bboxprep.images.jsonl").read_text(encoding="utf-8").splitlines()]
        found = {image.place: len(image.boxes) for image in written(out, target)}
        assert {row["output"]: row["objects"]["out"] for row in rows if row["output"]} == found
        assert len(rows) == len(train) + len(val)
        for row, images in zip(record["splits"], (train, val), strict=True):
            assert row["images_in"] == len(images)
            assert row["images_out"] == sum(r["split"] == row["split"] and r["output"] is not None for r in rows)
            assert row["objects_in"] == 1 + sum(len(records) for _, records in images)
            assert row["objects_in"] == row["objects_out"] + sum(row["dropped"].values())
        assert sum(row["objects_out"] for row in record["splits"]) == sum(found.values())
        listed = Counter(CATEGORIES.get(r["category_id"], "") for _, records in train + val for r in records)
        for row in record["classes"]:
            assert row["objects_in"] + row.get("swapped", 0) == row["objects_out"] + sum(row["dropped"].values())
            if row["class"] in CATEGORIES.values():
                assert row["objects_in"] <= listed[row["class"]] + 2 * (row["class"] == "cat")


def test_an_object_that_vanishes_without_a_finding_stops_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "in", {"train": [("sound", [{"category_id": 3, "bbox": [45, 1, 5, 5], "iscrowd": 0}])]})
    monkeypatch.setattr(map_objects, "drop_findings", lambda *_: ())
    with pytest.raises(InternalError, match="does not balance"):
        convert_source(open_source(tmp_path / "in"), tmp_path / "out", "yolo", Recipe(), run_options=RunOptions())
    assert not (tmp_path / "out" / "bboxprep.json").exists()
    shutil.rmtree(tmp_path / "out")
