from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bboxprep.errors import TargetError, UsageError
from bboxprep.images.codecs.codec import ImagePolicy
from bboxprep.io.paths import relative_path
from bboxprep.model.class_mapping import ClassPolicy
from bboxprep.model.columns import NO_TRACK
from bboxprep.model.instances import Instances
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source import merge
from bboxprep.pipeline.source.merge import assemble, unique_keys
from bboxprep.pipeline.source.open import Source, open_source
from bboxprep.pipeline.source.split import SplitPolicy
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.recipe import Recipe
from tests.painted import written

FIXTURES = Path(__file__).parents[3] / "fixtures"
PHONES = [FIXTURES / f"phone-photos-{name}" for name in ("coco", "yolo", "voc")]
CLASSES = ["cat", "dog", "a: b"]
OBJECTS = st.lists(st.sampled_from(CLASSES), max_size=3)
SETS = st.lists(
    st.dictionaries(st.sampled_from(["1.png", "2.png", "a/1.png"]), OBJECTS, min_size=1), min_size=1, max_size=3
)


def make(root: Path, splits: dict[str, dict[str, list[str]]], classes: list[str], colour: int = 0) -> Path:
    """A COCO dataset whose image and annotation ids start at 1."""
    for split, images in splits.items():
        document: dict[str, Any] = {"images": [], "annotations": []}
        document["categories"] = [{"id": number, "name": name} for number, name in enumerate(classes, 1)]
        for number, (name, objects) in enumerate(images.items(), 1):
            path = root / split / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 6), (number, len(split), colour)).save(path)
            document["images"].append({"id": number, "file_name": name, "width": 8, "height": 6})
            for track, category in enumerate(objects):
                row: dict[str, Any] = {
                    "track_id": track,
                    "id": len(document["annotations"]) + 1,
                    "image_id": number,
                    "bbox": [1, 1, 2 + colour % 3, 3],
                }
                document["annotations"].append(row | {"category_id": classes.index(category) + 1})
        (root / "annotations").mkdir(parents=True, exist_ok=True)
        path = root / "annotations" / f"instances_{split}.json"
        path.write_text(json.dumps(document), encoding="utf-8")
    return root


def opened(*roots: Path) -> list[Source]:
    return [open_source(root) for root in roots]


def names(source: Source) -> list[str]:
    return [f"{sample.split}/{sample.name}" for sample in source.dataset]


def codes(source: Source) -> Counter[str]:
    findings = [*source.dataset.findings, *(found for sample in source.dataset for found in sample.findings)]
    return Counter(finding.code for finding in findings)


@settings(max_examples=25)
@given(SETS, st.booleans(), st.dictionaries(st.sampled_from(CLASSES), st.sampled_from([*CLASSES, "new"])))
def test_nothing_is_lost_between_several_sources_and_one_output(
    sets: list[dict[str, list[str]]], anew: bool, rename: dict[str, str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        roots = [
            make(
                Path(folder) / f"set{number}", {"train": images}, CLASSES[number % 2 :] + CLASSES[: number % 2], number
            )
            for number, images in enumerate(sets)
        ]
        split = SplitPolicy({"train": 0.5, "val": 0.5}) if anew else None
        source = assemble(opened(*roots), ClassPolicy(rename), split)
        outcome = convert_source(source, Path(folder) / "out", "coco", Recipe(), run_options=RunOptions())
        images = written(Path(folder) / "out", "coco")
        found: Counter[str] = Counter()
        ids: list[tuple[str, int]] = []
        for file in sorted((Path(folder) / "out" / "annotations").iterdir()):
            document = json.loads(file.read_text(encoding="utf-8"))
            table = {row["id"]: row["name"] for row in document["categories"]}
            found.update(table[row["category_id"]] for row in document["annotations"])
            ids += [(file.name, row["id"]) for row in document["images"]]
    assert len(images) == len(set(ids)) == sum(map(len, sets))
    expected = Counter(rename.get(name, name) for images in sets for objects in images.values() for name in objects)
    assert found == expected
    assert sum(row.objects_in for row in outcome.account.rows()) == sum(expected.values())
    counts = sorted(len(objects) for each in sets for objects in each.values())
    assert sorted(len(image.boxes) for image in images) == counts


@given(st.lists(st.tuples(st.tuples(st.just("train"), st.sampled_from("ab")), st.sampled_from(["x", "y"])), max_size=9))
def test_keys_are_unique_and_the_first_keeps_its_own(wanted: list[tuple[tuple[str, str], str]]) -> None:
    keys = unique_keys([key for key, _ in wanted], [folder for _, folder in wanted])
    assert len(set(keys)) == len(wanted)
    seen = set()
    for (key, folder), settled in zip(wanted, keys, strict=True):
        assert settled == key if key not in seen else settled[1].startswith(folder)
        seen.add(key)


def test_a_name_below_a_folder_gives_way_to_one_that_was_there() -> None:
    wanted = [("train", "1.jpg"), ("train", "1.jpg"), ("train", "b/1.jpg"), ("train", "1.jpg")]
    assert [name for _, name in unique_keys(wanted, ["a", "b", "b", "b"])] == [
        "1.jpg",
        "b-2/1.jpg",
        "b/1.jpg",
        "b-3/1.jpg",
    ]


def test_one_source_without_wishes_is_as_it_was() -> None:
    (source,) = opened(PHONES[0])
    assert assemble([source]) is source


def test_two_coco_sets_that_both_start_at_id_1(tmp_path: Path) -> None:
    one = make(tmp_path / "one", {"train": {"1.png": ["cat"], "2.png": []}}, ["cat", "dog"])
    two = make(tmp_path / "two", {"train": {"1.png": ["dog"]}, "val": {"9.png": ["cow"]}}, ["cow", "dog"], 1)
    source = assemble(opened(one, two))
    assert names(source) == ["train/1.png", "train/2.png", "train/two/1.png", "val/9.png"]
    assert [(one.name, one.id) for one in source.dataset.categories] == [("cat", 1), ("dog", 2), ("cow", 3)]
    convert_source(source, tmp_path / "out", "coco", Recipe(), run_options=RunOptions())
    document = json.loads((tmp_path / "out" / "annotations" / "instances_train.json").read_text(encoding="utf-8"))
    assert sorted(row["id"] for row in document["images"]) == [1, 2, 3]
    assert sorted(row["id"] for row in document["annotations"]) == [1, 2]
    image = {row["id"]: row["file_name"] for row in document["images"]}
    assert {image[row["image_id"]]: row["category_id"] for row in document["annotations"]} == {
        "1.png": 1,
        "two/1.png": 2,
    }


def test_where_each_image_came_from_is_told_below_the_folder_of_all_sources(tmp_path: Path) -> None:
    one = make(tmp_path / "x" / "photos", {"train": {"1.png": ["cat"]}}, ["cat"])
    two = make(tmp_path / "y" / "photos", {"train": {"1.png": ["cat"]}}, ["cat"], 1)
    convert_source(assemble(opened(one, two)), tmp_path / "out", "voc", Recipe(), run_options=RunOptions())
    record = json.loads((tmp_path / "out" / "bboxprep.json").read_text(encoding="utf-8"))
    rows = (tmp_path / "out" / "bboxprep.images.jsonl").read_text(encoding="utf-8").splitlines()
    sources = [json.loads(row)["source"] for row in rows]
    assert sources == ["x/photos/train/1.png", "y/photos/train/1.png"]
    assert all((Path(record["source"]) / source).is_file() for source in sources)
    assert record["sources"] == [str(one), str(two)]
    assert record["from"] == "coco"


def test_no_source_may_hold_the_output(tmp_path: Path) -> None:
    one = make(tmp_path / "one", {"train": {"1.png": ["cat"]}}, ["cat"])
    two = make(tmp_path / "two", {"train": {"1.png": ["cat"]}}, ["cat"])
    for dest in (one / "out", two / "out", tmp_path):
        with pytest.raises(TargetError, match="the source is never modified"):
            convert_source(assemble(opened(one, two)), dest, "yolo", Recipe(), run_options=RunOptions())


def test_three_formats_of_the_same_photos(tmp_path: Path) -> None:
    source = assemble(opened(*PHONES))
    assert len(source.dataset) == 36
    assert source.dataset.categories.names == ("person", "car", "traffic sign")
    assert codes(source)["name-changed"] == 24
    assert codes(source)["voc-origin-decided"] == 1
    assert len({(sample.split, str(sample.name)) for sample in source.dataset}) == 36
    assert len(source.frames) == 30
    assert Counter(evidence for _, evidence in source.frames.values()) == {
        "declared-size": 14,
        "whole-pixels": 7,
        "dataset": 9,
    }
    outcome = convert_source(source, tmp_path / "out", "yolo", Recipe(), run_options=RunOptions())
    assert sum(row.images_out for row in outcome.account.rows()) == 36
    assert not outcome.account.faults


def test_the_same_photo_on_both_sides_of_a_split_is_a_fault(tmp_path: Path) -> None:
    sources = opened(*PHONES[:2])
    source = assemble(sources, split=SplitPolicy({"train": 0.5, "val": 0.5}))
    outcome = convert_source(source, tmp_path / "whole", "yolo", Recipe(), run_options=RunOptions(dry_run=True))
    assert not outcome.account.faults  # one name, one group, one split
    swapped = tmp_path / "swapped"
    shutil.copytree(PHONES[2], swapped)
    lists = swapped / "ImageSets" / "Main"
    (lists / "train.txt").rename(lists / "test.txt")
    outcome = convert_source(
        assemble(opened(PHONES[0], swapped)), tmp_path / "out", "yolo", Recipe(), run_options=RunOptions()
    )
    leaks = {str(one) for one in outcome.account.findings if one.code == "split-leak"}
    assert len(leaks) == outcome.account.faults == 8
    copy, first = swapped / "JPEGImages" / "IMG_2001.jpg", PHONES[0] / "train" / "IMG_2001.jpg"
    root = outcome.dataset.root
    assert f"{relative_path(copy, root)}: the same bytes as {relative_path(first, root)} (train)" in leaks


def test_names_that_are_nearly_the_same_are_told_until_they_are_joined(tmp_path: Path) -> None:
    one = make(tmp_path / "one", {"train": {"1.png": ["traffic sign"]}}, ["traffic sign"])
    two = make(tmp_path / "two", {"train": {"2.png": ["Traffic_signs"]}}, ["Traffic_signs"])
    apart = assemble(opened(one, two))
    (finding,) = apart.dataset.findings
    assert finding.code == "class-similar"
    assert finding.message.endswith("if they are one: `rename={'Traffic_signs': 'traffic sign'}`")
    joined = assemble(opened(one, two), ClassPolicy({"Traffic_signs": "traffic sign"}))
    assert joined.dataset.categories.names == ("traffic sign",)
    assert codes(joined) == {"class-merged": 1}


def test_classes_of_one_name_and_other_keypoints_are_refused(tmp_path: Path) -> None:
    roots = [make(tmp_path / name, {"train": {"1.png": ["cat"]}}, ["cat"]) for name in ("one", "two")]
    for root, point in zip(roots, ("nose", "tail"), strict=True):
        path = root / "annotations" / "instances_train.json"
        document = json.loads(path.read_text(encoding="utf-8"))
        document["categories"][0]["keypoints"] = [point]
        path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(UsageError, match=r"class 'cat': cannot be merged, keypoints differ \(have nose and tail\)"):
        assemble(opened(*roots))


def test_a_new_split_keeps_apart_what_had_one_name_in_two_splits(tmp_path: Path) -> None:
    root = make(tmp_path / "in", {"train": {"1.png": ["cat"]}, "val": {"1.png": ["dog", "dog"]}}, ["cat", "dog"])
    source = assemble(opened(root), split=SplitPolicy({"all": 1.0}))
    assert names(source) == ["all/1.png", "all/val/1.png"]
    assert [len(sample.instances) for sample in source.dataset] == [1, 2]
    assert source.dataset.splits == ("all",)
    assert source.dataset.changes == ({"split": {"shares": {"all": 1.0}, "group_by": "file"}},)
    outcome = convert_source(source, tmp_path / "out", "yolo", Recipe(), run_options=RunOptions())
    assert [(row.split, row.objects_out) for row in outcome.account.rows()] == [("all", 3)]


@settings(max_examples=15)
@given(st.lists(st.sampled_from(["1.png", "2.png", "a/1.png", "b/2.png", "3.png"]), min_size=1, unique=True))
def test_the_split_of_an_image_depends_on_no_other_source(wanted: list[str]) -> None:
    rule = SplitPolicy({"train": 0.4, "val": 0.4, "test": 0.2})
    with tempfile.TemporaryDirectory() as folder:
        one = make(Path(folder) / "one", {"train": {name: [] for name in wanted}}, ["cat"])
        two = make(Path(folder) / "two", {"val": {name: [] for name in ["1.png", "2.png", "b/2.png"]}}, ["cat"], 1)
        places = [
            {sample.path: sample.split for sample in assemble(sources, split=rule).dataset}
            for sources in (opened(one), opened(two), opened(one, two), opened(two, one))
        ]
    assert places[0] | places[1] == places[2] == places[3]
    assert places[2].items() >= places[0].items()


def test_class_rules_reach_the_account_and_what_is_not_carried(tmp_path: Path) -> None:
    (source,) = opened(PHONES[0])
    ruled = assemble([source], ClassPolicy({"car": "vehicle"}, only=["vehicle"]))
    outcome = convert_source(ruled, tmp_path / "out", "yolo", Recipe(), run_options=RunOptions())
    rows = {row.name: row for row in outcome.account.class_rows(ruled.dataset.categories.names)}
    assert list(rows) == ["vehicle", "person", "traffic sign"]
    assert rows["vehicle"].objects_in == rows["vehicle"].objects_out == 9
    assert rows["person"].dropped == {"class-dropped": 10}
    said = [finding.message for finding in outcome.account.findings if finding.code == "column-dropped"]
    assert not any("keypoints" in words for words in said)
    assert (tmp_path / "out" / "data.yaml").read_text(encoding="utf-8").endswith('nc: 1\nnames:\n  0: "vehicle"\n')


def test_parts_converted_with_a_pinned_table_are_the_parts_of_the_whole(tmp_path: Path) -> None:
    table = ClassPolicy(classes=["zebra", "dog", "cat"])
    parts = {"one": {"1.png": ["cat"]}, "two": {"2.png": ["dog", "cat"]}}
    roots = [make(tmp_path / name, {"train": images}, ["cat", "dog"]) for name, images in parts.items()]
    convert_source(assemble(opened(*roots), table), tmp_path / "whole", "yolo", Recipe(), run_options=RunOptions())
    for root in roots:
        convert_source(
            assemble(opened(root), table), tmp_path / "out" / root.name, "yolo", Recipe(), run_options=RunOptions()
        )
        for label in sorted((tmp_path / "out" / root.name / "labels").rglob("*.txt")):
            whole = tmp_path / "whole" / label.relative_to(tmp_path / "out" / root.name)
            assert label.read_bytes() == whole.read_bytes()


def tracks_by_source(folder: Path) -> list[set[int]]:
    """The track ids of two sources of the tracks 0 and 1, each with two images, as they are written to one output."""
    roots = [
        make(
            folder / f"set{number}",
            {"train": {f"{number}a.png": ["cat", "dog"], f"{number}b.png": ["cat", "dog"]}},
            CLASSES,
        )
        for number in range(2)
    ]
    convert_source(assemble(opened(*roots)), folder / "out", "coco", Recipe(), run_options=RunOptions())
    found: dict[str, set[int]] = {}
    for sample in open_source(folder / "out").dataset:
        found.setdefault(sample.name.name[0], set()).update(sample.instances.tracks.tolist())
    return [found["0"], found["1"]]


def test_tracks_of_one_number_in_two_sources_stay_two_tracks(tmp_path: Path) -> None:
    first, second = tracks_by_source(tmp_path)
    assert first == {0, 1}
    assert second == {10**9, 10**9 + 1}


def test_the_law_catches_tracks_that_are_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "_TRACKS_APART", 0)
    first, second = tracks_by_source(tmp_path)
    assert first & second


def test_an_object_without_a_track_gets_none_and_no_track_id_overflows() -> None:
    tracks = np.array([NO_TRACK, 0, 2**63 - 1])
    moved = merge._with_tracks_from(10**9, Instances.of([[0, 0, 1, 1]] * 3, [0] * 3, tracks=tracks)).tracks
    assert moved.tolist() == [NO_TRACK, 10**9, 10**9 - 1]


def test_a_source_that_is_split_anew_keeps_the_options_that_it_was_read_with(tmp_path: Path) -> None:
    policy = ImagePolicy(depth16="shift8")
    source = open_source(FIXTURES / "phone-photos-voc", image_policy=policy, options=lambda _: {"origin": "plus-one"})
    split = assemble([source], split=SplitPolicy({"train": 0.5, "val": 0.5}))
    assert (split.dataset.reading, split.image_policy) == (source.dataset.reading, policy)
    assert split.dataset.reading["origin"] == "plus-one"
