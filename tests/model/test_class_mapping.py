from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.cli import commands
from bboxprep.cli.flag_names import with_flags
from bboxprep.errors import UsageError
from bboxprep.findings import Finding
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories, Category
from bboxprep.model.class_mapping import ClassPolicy, merge_tables, objects_by_class, similar_names
from bboxprep.model.dataset import Dataset
from bboxprep.model.escaping import split_pair
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample

WORDS = ("cat", "dog", "no", "1e3", "a: b", "🐈", "a,b", "a=b")
names = st.sampled_from(WORDS)
tables = st.lists(names, min_size=1, max_size=6, unique=True).map(tuple)


def sample(labels: list[int], table: tuple[str, ...] = (), broken: str = "") -> Sample:
    findings = (Finding("record-unreadable", "bad", objects=2, category=broken),) if broken else ()
    boxes = [(row, 0, row + 1, 1) for row in range(len(labels))]
    objects = Instances.of(boxes, labels, ids=range(1, len(labels) + 1))
    return Sample(PurePosixPath("a.jpg"), Path("a.jpg"), None, objects, findings=findings, source_count=len(labels))


def dataset(table: tuple[str, ...], *samples: Sample) -> Dataset:
    return Dataset(Path("photos"), "coco", Categories.from_names(table), samples)


def written(data: Dataset) -> list[list[str]]:
    return [[data.categories.names[label] for label in one.instances.labels] for one in data]


@st.composite
def wishes(draw: st.DrawFn) -> tuple[tuple[str, ...], list[int], str, dict[str, Any]]:
    """A table, labels, the class of a broken record, and rules that fit."""
    table = draw(tables)
    labels = draw(st.lists(st.integers(0, len(table) - 1), max_size=8))
    rename = draw(st.dictionaries(st.sampled_from(table), names, max_size=3))
    after = sorted({rename.get(name, name) for name in table})
    only = draw(st.lists(st.sampled_from(after), max_size=3, unique=True))
    drop = draw(st.lists(st.sampled_from(after), max_size=2, unique=True))
    broken = draw(st.sampled_from(["", *table]))
    return table, labels, broken, {"rename": rename, "only": only, "drop": drop}


@given(wishes())
def test_objects_of_each_class_are_kept_or_dropped_by_name(
    wish: tuple[tuple[str, ...], list[int], str, dict[str, Any]],
) -> None:
    table, labels, broken, given_ = wish
    before = Counter(given_["rename"].get(table[label], table[label]) for label in labels)
    changed = dataset(table, sample(labels, table, broken)).with_classes(ClassPolicy(**given_))
    kept = Counter(written(changed)[0])
    dropped = Counter({f.category: f.objects for f in changed[0].findings if f.code == "class-dropped"})
    assert kept + dropped == before
    assert not kept.keys() & dropped.keys()
    wanted = {name for name in before if name not in given_["drop"] and (name in given_["only"] or not given_["only"])}
    assert kept.keys() == wanted
    unread = [f.category for f in changed[0].findings if f.code == "record-unreadable"]
    assert unread == ([given_["rename"].get(broken, broken)] if broken else [])
    assert len(set(changed.categories.names)) == len(changed.categories)


@given(wishes())
def test_what_is_kept_stays_what_it_was(wish: tuple[tuple[str, ...], list[int], str, dict[str, Any]]) -> None:
    table, labels, _, given_ = wish
    data = dataset(table, sample(labels, table))
    before, after = data[0].instances, data.with_classes(ClassPolicy(**given_))[0].instances
    rows = after.ids - 1
    assert rows.tolist() == sorted(rows.tolist())
    assert replace(after, labels=before.labels[rows]) == before.select(rows)


@given(tables, st.data())
def test_renamed_and_renamed_back_is_the_same(table: tuple[str, ...], data: st.DataObject) -> None:
    new = data.draw(st.permutations(WORDS))
    rename = dict(zip(table, new, strict=False))
    labels = data.draw(st.lists(st.integers(0, len(table) - 1), max_size=5))
    first = dataset(table, sample(labels))
    there = first.with_classes(ClassPolicy(rename))
    back = there.with_classes(ClassPolicy({new: old for old, new in rename.items()}))
    assert there.categories.names == tuple(rename[name] for name in table)
    assert back.categories == first.categories
    assert list(back) == list(first)


@given(tables, st.data())
def test_the_table_is_in_the_order_that_is_pinned(table: tuple[str, ...], data: st.DataObject) -> None:
    pinned = data.draw(st.lists(names, unique=True))
    labels = data.draw(st.lists(st.integers(0, len(table) - 1), max_size=5))
    first = dataset(table, sample(labels))
    used = {table[label] for label in labels}
    if used <= set(pinned):
        changed = first.with_classes(ClassPolicy(classes=pinned))
        assert changed.categories.names == tuple(pinned)
        assert written(changed) == written(first)
        left = [f.category for f in changed.findings if f.code == "class-dropped"]
        assert left == [name for name in table if name not in pinned]
    else:
        with pytest.raises(UsageError, match=r"classes: '.*' is missing"):
            first.with_classes(ClassPolicy(classes=pinned))


@given(st.lists(tables, min_size=1, max_size=4))
def test_a_joint_table_keeps_every_name_once_and_every_object_its_name(parts: list[tuple[str, ...]]) -> None:
    maps = merge_tables([Categories.from_names(table) for table in parts])
    whole = maps[0].categories
    assert whole.names == tuple(dict.fromkeys(name for table in parts for name in table))
    for table, change in zip(parts, maps, strict=True):
        assert change.categories == whole
        moved = change.apply(Batch.of([sample(list(range(len(table))))]))
        assert [whole.names[label] for label in moved.instances.labels] == list(table)


def test_classes_that_get_one_name_become_one_with_the_id_of_the_first() -> None:
    table = Categories((Category("car", 3), Category("tree", 9), Category("truck", 8, keypoints=("wheel",))))
    data = replace(dataset((), sample([0, 1, 2, 2])), categories=table)
    changed = data.with_classes(ClassPolicy({"truck": "vehicle", "car": "vehicle"}))
    assert changed.categories.items == (Category("vehicle", 3, keypoints=("wheel",)), Category("tree", 9))
    assert written(changed) == [["vehicle", "tree", "vehicle", "vehicle"]]
    assert [str(finding) for finding in changed.findings] == [
        "'car' (1 object), 'truck' (2 objects) became one class, 'vehicle'"
    ]


def test_two_classes_can_change_places() -> None:
    changed = dataset(("cat", "dog"), sample([0, 0, 1])).with_classes(ClassPolicy({"cat": "dog", "dog": "cat"}))
    assert changed.categories.names == ("dog", "cat")
    assert written(changed) == [["dog", "dog", "cat"]]
    assert changed.findings == ()


def test_classes_with_different_keypoints_cannot_be_one() -> None:
    hand, face = Category("hand", keypoints=("thumb",)), Category("face", keypoints=("nose", "chin"))
    with pytest.raises(UsageError, match=r"class 'face': cannot be merged, keypoints differ \(have thumb and nose"):
        ClassPolicy({"hand": "face"}).resolve(Categories((hand, face)), {})
    with pytest.raises(UsageError, match="class 'hand': cannot be merged"):
        merge_tables([Categories((hand,)), Categories((replace(face, name="hand"),))])


@pytest.mark.parametrize(
    ("tables_", "ids"),
    [
        ([[("cat", None)], [("dog", None)]], [None, None]),
        ([[("cat", 3), ("dog", 7)], [("cat", 1)]], [3, 7]),
        ([[("cat", 3), ("dog", 7)], [("cow", 3)]], [3, 7, 8]),
        ([[("cat", 3)], [("dog", None), ("cow", 2)]], [3, 4, 2]),
    ],
)
def test_ids_stand_where_they_can(tables_: list[list[tuple[str, int | None]]], ids: list[int | None]) -> None:
    maps = merge_tables([Categories(tuple(Category(*row) for row in table)) for table in tables_])
    assert [category.id for category in maps[0].categories] == ids


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"rename": {"Cat": "x"}}, "rename: have 'Cat', want a class of the source; did you mean 'cat'?"),
        ({"only": ["zebra"]}, r"only: have 'zebra', want a class of the source \('cat', 'dog'\)"),
        (
            {"rename": {"cat": "lion"}, "drop": ["cat"]},
            "drop: have 'cat', want a class of the source; it is 'lion' now",
        ),
        (
            {"classes": ["cats", "dog"]},
            "classes: 'cat' is missing, but the source has 1 object of it; did you mean 'cats'?",
        ),
        ({"classes": ["cat", "cat"]}, "classes: have 'cat' twice, want different names"),
        ({"only": "cat"}, "only: have 'cat', want names"),
        ({"drop": [7]}, r"drop: have \[7\], want names"),
        ({"rename": {"cat": ""}}, "rename: have .*, want names"),
        ({"rename": "cat"}, "rename: have 'cat', want new names by old ones"),
    ],
)
def test_rules_that_do_not_fit_are_refused(rules: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        dataset(("cat", "dog"), sample([0, 1])).with_classes(ClassPolicy(**rules))


def test_rules_say_what_was_asked() -> None:
    assert not ClassPolicy()
    assert ClassPolicy().options() == {}
    rules = ClassPolicy({"cat": "lion"}, drop=["dog"], classes=("lion",))
    assert rules
    changed = dataset(("cat", "dog"), sample([0])).with_classes(rules)
    assert changed.changes == ({"classes": {"rename": {"cat": "lion"}, "drop": ["dog"], "classes": ["lion"]}},)


@pytest.mark.parametrize(
    ("name", "other"),
    [("Car", "car"), ("traffic sign", "traffic-sign"), ("car", "cars"), ("a_b", "A B"), ("Straße", "STRASSE")],
)
def test_names_that_are_nearly_the_same_are_told_with_the_option_that_joins_them(name: str, other: str) -> None:
    (finding,) = similar_names([name, "x", other])
    words = shlex.split(with_flags(finding.message.partition("if they are one: ")[2], commands))
    assert words[0] == "--rename"
    assert split_pair(words[1]) == (other, name)


@given(st.lists(st.text(min_size=1, max_size=5), unique=True, max_size=6))
def test_the_option_that_is_told_joins_the_names(words: list[str]) -> None:
    for finding in similar_names(words):
        option, pair = shlex.split(with_flags(finding.message.partition("if they are one: ")[2], commands))
        old, new = split_pair(pair)
        assert option == "--rename"
        assert {old, new} <= set(words)


def test_names_that_differ_are_not() -> None:
    assert similar_names(["car", "cart", "bus", "tram", "s", "1", "11"]) == ()


def test_objects_are_counted_by_the_class_they_are_listed_with() -> None:
    one = sample([0, 1, 1], broken="cow")
    assert objects_by_class([one], ("cat", "dog")) == {"cat": 1, "dog": 2, "cow": 2}
    assert np.array_equal(one.instances.labels, [0, 1, 1])
