from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.errors import LayoutError
from bboxprep.model.class_mapping import ClassPolicy
from bboxprep.model.object_policy import ObjectPolicy
from bboxprep.pipeline.output.image_rows import IMAGES, ImageRow, ObjectCounts, PartRow, encode_rows
from bboxprep.pipeline.output.run_record import (
    INCOMPLETE,
    RECORD,
    Change,
    ClassChange,
    ClassCount,
    FlipTable,
    RecordedFinding,
    Report,
    RunRecord,
    SplitChange,
    SplitCount,
    find_record,
    open_run,
    read_record,
    write_record,
)
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source.merge import assemble
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.source.split import SplitPolicy
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.predictions import unmap
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.combining import Mosaic
from bboxprep.recipe.geometric import Flip, Letterbox
from bboxprep.recipe.recipe import Recipe
from bboxprep.review.build import build, plan_review
from bboxprep.verification.verify import verify

SOURCE = Path(__file__).parents[3] / "fixtures" / "phone-photos-coco"

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
COUNTS = st.integers(0, 2**53)
BY_TEXT = st.dictionaries(TEXTS, COUNTS, max_size=2)
DATA = st.dictionaries(TEXTS, st.recursive(st.none() | COUNTS | TEXTS, st.lists, max_leaves=3), max_size=2)


def some(each: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(each, max_size=2).map(tuple)


@st.composite
def flip_tables(draw: st.DrawFn) -> FlipTable:
    count = draw(st.integers(0, 3))
    labels = draw(st.permutations(range(count)))
    ids = draw(st.just(()) | st.lists(st.none() | COUNTS, min_size=count, max_size=count).map(tuple))
    return FlipTable(ids, tuple(labels), draw(some(some(st.integers(0, 9)))))


POLICIES = st.builds(
    ObjectPolicy, st.sampled_from([None, "keep", "drop", "ignore"]), st.sampled_from(["drop", "error"]),
    outside_tolerance=st.floats(0, 9), min_visibility=st.floats(0, 1), turned=st.sampled_from(["ellipse", "corners"]),
    swap_classes=st.sampled_from([(), (("l", "r"),)]),
)  # fmt: skip
REPORTS = {
    "splits": some(st.builds(SplitCount, TEXTS, *[COUNTS] * 5, BY_TEXT)),
    "images_made": BY_TEXT,
    "images_sized": BY_TEXT,
    "classes": some(st.builds(ClassCount, TEXTS, COUNTS, COUNTS, BY_TEXT, st.integers(-9, 9))),
    "findings": some(st.builds(RecordedFinding, *[TEXTS] * 5, COUNTS, TEXTS, TEXTS)),
}
RECORDS = st.builds(
    RunRecord,
    versions=st.dictionaries(TEXTS, TEXTS, max_size=2),
    source=TEXTS,
    sources=some(TEXTS),
    source_format=TEXTS,
    reading=DATA,
    format=TEXTS,
    changes=some(
        st.builds(
            Change,
            st.none() | st.builds(ClassChange, st.dictionaries(TEXTS, TEXTS, max_size=2), *[some(TEXTS)] * 3),
            st.none() | st.builds(SplitChange, st.dictionaries(TEXTS, st.floats(0, 1) | COUNTS, max_size=2), TEXTS),
        )
    ),
    recipe=DATA,
    options=DATA,
    object_policy=POLICIES,
    names=some(TEXTS),
    flip=flip_tables(),
    **REPORTS,
    entries=some(TEXTS),
)


def converted(folder: Path, recipe: Recipe, to: str = "coco", **how: Any) -> Path:
    source = assemble([open_source(SOURCE)], ClassPolicy({"car": "vehicle"}), **how)
    convert_source(source, folder / "out", to, recipe, run_options=RunOptions())
    return folder / "out"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return converted(tmp_path, Recipe(Letterbox(320)))


@given(record=RECORDS)
def test_a_record_that_is_read_and_written_again_keeps_its_bytes(
    tmp_path_factory: pytest.TempPathFactory, record: RunRecord
) -> None:
    root = tmp_path_factory.mktemp("out")
    write_record(root, record)
    written = (root / RECORD).read_bytes()
    again = read_record(root)
    assert again == record
    write_record(root, again)
    assert (root / RECORD).read_bytes() == written


@pytest.mark.parametrize("recipe", [Recipe(), Recipe(augment=Augment(Mosaic((64, 64)), copies=2))])
def test_the_record_of_a_run_keeps_its_bytes_and_the_order_of_its_fields(tmp_path: Path, recipe: Recipe) -> None:
    out = converted(tmp_path, recipe, split=SplitPolicy({"train": 0.5, "val": 0.5}))
    written = (out / RECORD).read_bytes()
    write_record(out, read_record(out))
    assert (out / RECORD).read_bytes() == written
    content = json.loads(written)
    assert list(content) == [
        *("versions", "source", "sources", "from", "reading", "image_policy", "encoding"),
        *(
            "image_names",
            "to",
            "changes",
            "recipe",
            "options",
            "rules",
            "names",
            "mirror",
            "splits",
            "images_made",
            "images_sized",
            "classes",
            "findings",
            "entries",
        ),
    ]
    assert content["changes"] == [
        {"split": {"shares": {"train": 0.5, "val": 0.5}, "group_by": "file"}},
        {"classes": {"rename": {"car": "vehicle"}}},
    ]


def test_the_report_is_the_part_of_the_record_that_counts() -> None:
    fields = {field.name: field.type for field in msgspec.structs.fields(RunRecord)}
    of_report = {field.name: field.type for field in msgspec.structs.fields(Report)}
    assert fields | of_report == fields
    assert [name for name in fields if name in of_report] == list(of_report)


def test_fields_of_later_versions_are_ignored_and_missing_ones_have_defaults(tmp_path: Path) -> None:
    (tmp_path / RECORD).write_text('{"recipe": {"later": 1}, "later": [3], "rules": {"later": 2}}', encoding="utf-8")
    assert read_record(tmp_path) == RunRecord(recipe={"later": 1})


DAMAGED: dict[str, Any] = {
    "source": 3, "sources": "photos", "from": None, "to": ["yolo"], "reading": [], "changes": 3, "recipe": None,
    "options": 1, "rules": 3, "names": "cat", "mirror": {"labels": [1]}, "splits": [{"split": "train"}],
    "classes": [{"class": "cat", "objects_in": "3"}], "findings": [{"code": 3}], "entries": [1], "images_made": [],
    "images_sized": [],
    "versions": 1, "image_policy": {"background": [1, 2]}, "encoding": {"quality": "best"}, "image_names": "short",
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_a_field_of_another_kind_makes_a_damaged_record_that_is_named(out: Path, name: str) -> None:
    content = json.loads((out / RECORD).read_bytes())
    (out / RECORD).write_text(json.dumps(content | {name: DAMAGED[name]}), encoding="utf-8")
    assert find_record(out) is None
    with pytest.raises(LayoutError, match=r"bboxprep\.json: is not the record of a run \(.*\$\." + name):
        open_run(out)


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"to": "yolo"}', '{"recipe": {}, "rules": {"turned": "up"}}'])
def test_what_is_no_record_is_damaged(out: Path, text: str) -> None:
    (out / RECORD).write_text(text, encoding="utf-8")
    with pytest.raises(LayoutError, match=r"bboxprep\.json: is not the record of a run"):
        open_run(out)


def test_what_is_no_output_is_refused(out: Path) -> None:
    with pytest.raises(LayoutError, match=r"no bboxprep\.json in it"):
        open_run(SOURCE)
    (out / RECORD).rename(out / INCOMPLETE)
    with pytest.raises(LayoutError, match="has not ended"):
        open_run(out)


def test_a_run_has_its_images_and_a_damaged_row_is_named(out: Path) -> None:
    run = open_run(out)
    assert len(run.images) == len(run.outputs) == 12
    with (out / IMAGES).open("a", encoding="utf-8") as file:
        file.write("{\n")
    with pytest.raises(LayoutError, match=r"bboxprep.images.jsonl: line 13: is not a row of an image"):
        open_run(out)


SCHEMA: tuple[type[msgspec.Struct], ...] = (
    *(RunRecord, SplitCount, ClassCount, RecordedFinding, Change, ClassChange, SplitChange, FlipTable),
    *(ImageRow, ObjectCounts, PartRow),
)
FOR_PEOPLE = {  # written for whoever opens the files, and read by no program of ours
    "RunRecord.images_sized",
    *("RunRecord.images_made", "SplitCount.objects_due", "ClassCount.swapped", "ObjectCounts.source_count"),
    *("RecordedFinding.objects", "RecordedFinding.category", "ClassChange.classes"),
    *("Change.split", "SplitChange.shares", "SplitChange.group_by", "SplitChange.stratify", "SplitChange.fold"),
    "RunRecord.image_names",
    *(f"PartRow.{name}" for name in PartRow.__struct_fields__),
}


@pytest.fixture
def read_fields(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The fields of the schema that are read while the fixture lives."""
    seen: set[str] = set()
    for kind in SCHEMA:
        for name in kind.__struct_fields__:
            monkeypatch.setattr(kind, name, property(_noting(kind.__dict__[name], f"{kind.__name__}.{name}", seen)))
    return seen


def _noting(field: Any, name: str, seen: set[str]) -> Callable[[Any], Any]:
    def read(row: Any) -> Any:
        seen.add(name)
        return field.__get__(row)

    return read


def test_no_field_is_dead(tmp_path: Path, read_fields: set[str]) -> None:
    """Verification, the review, predictions and the check of a target read every field that is not for people."""
    out = converted(tmp_path, Recipe(augment=Augment(Flip("horizontal", p=0.5), Letterbox(64), copies=2)), "yolo")
    results = tmp_path / "results.json"
    results.write_text(json.dumps([{"image_id": "IMG_2001", "category_id": 1, "bbox": [3, 4, 9, 9]}]), encoding="utf-8")
    read_fields.clear()
    verify(out, SOURCE)
    unmap(open_run(out), results, tmp_path / "back.json")
    build(plan_review(out, against=SOURCE), tmp_path / "review", workers=1, overwrite=False)
    rows = [msgspec.structs.replace(row, factors=None, not_affine="it bends") for row in open_run(out).images]
    (out / IMAGES).write_bytes(encode_rows(rows))
    assert "it bends" in unmap(open_run(out), results, tmp_path / "none.json").findings[0].message
    convert_source(open_source(SOURCE), out, "coco", Recipe(), run_options=RunOptions(overwrite=True))
    fields = {f"{kind.__name__}.{name}" for kind in SCHEMA for name in kind.__struct_fields__}
    assert fields - read_fields == FOR_PEOPLE
