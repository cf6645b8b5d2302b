from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bboxprep.errors import AnnotationError
from bboxprep.model.dataset import Dataset
from tests.formats.coco.trees import Json, box, codes, copy, document, image, picture, read, written


def dataset_of(folder: Path, categories: list[Any] | None, *used: Any) -> Dataset:
    picture(folder / "a.jpg")
    boxes = [box(number, 1, identity) for number, identity in enumerate(used, 1)]
    document(folder / "all.json", [image(1, "a.jpg")], boxes, [] if categories is None else categories)
    return read(folder)


def classes(*pairs: tuple[Any, str]) -> list[Json]:
    return [{"id": identity, "name": name, "supercategory": ""} for identity, name in pairs]


@pytest.mark.parametrize(
    ("pairs", "names", "ids"),
    [
        ([(0, "a"), (3, "b"), (7, "c")], ("a", "b", "c"), (0, 3, 7)),
        ([(90, "c"), (13, "b"), (2, "a")], ("a", "b", "c"), (2, 13, 90)),
        ([("10", "c"), ("9", "b"), ("1", "a")], ("a", "b", "c"), (1, 9, 10)),
        ([("y", "a"), ("x", "b"), (5, "c")], ("c", "b", "a"), (1, 2, 3)),
        ([(2**40, "a")], ("a",), (2**40,)),
    ],
)
def test_classes_come_by_id_and_keep_it(
    tmp_path: Path, pairs: list[tuple[Any, str]], names: tuple[str, ...], ids: tuple[int, ...]
) -> None:
    dataset = dataset_of(tmp_path, classes(*pairs), *(identity for identity, _ in pairs))
    assert (dataset.categories.names, dataset.categories.ids) == (names, ids)
    assert [names[label] for label in dataset[0].instances.labels] == [name for _, name in pairs]


def test_a_class_keeps_all_that_is_said_of_it(tmp_path: Path) -> None:
    record = {"id": 1, "name": "person", "supercategory": "being", "keypoints": ["nose", "eye"], "skeleton": [[1, 2]]}
    (category,) = dataset_of(tmp_path, [{**record, "color": "red"}], 1).categories
    assert (category.name, category.id, category.supercategory) == ("person", 1, "being")
    assert (category.keypoints, category.skeleton, category.extra) == (("nose", "eye"), ((1, 2),), {"color": "red"})


@pytest.mark.parametrize(
    ("stated", "flip_idx", "repaired"),
    [
        ([1, 0], (1, 0), False),
        ([], (), False),
        ([0], (), True),
        ([1, 1], (), True),
        ([1, "0"], (1, 0), False),
        (["b", "a"], (), True),
        (None, (), True),
        ({"a": "b"}, (), True),
    ],
)
def test_the_partners_of_keypoints_come_back_where_they_make_sense(
    tmp_path: Path, stated: Any, flip_idx: tuple[int, ...], repaired: bool
) -> None:
    record = {"id": 1, "name": "person", "supercategory": "", "keypoints": ["a", "b"], "flip_idx": stated}
    dataset = dataset_of(tmp_path / "in", [record], 1)
    assert dataset.categories[0].flip_idx == flip_idx
    assert ["record-repaired"] * repaired == [finding.code for finding in dataset.findings]
    copy(dataset, tmp_path / "out")
    assert written(tmp_path / "out")["categories"][0].get("flip_idx", []) == list(flip_idx)


def test_the_parent_of_all_others_is_left_out_where_it_has_no_objects(tmp_path: Path) -> None:
    table = [{"id": 0, "name": "animals", "supercategory": "none"}] + [
        {"id": number, "name": name, "supercategory": "animals"} for number, name in ((1, "cat"), (2, "dog"))
    ]
    dataset = dataset_of(tmp_path, table, 2)
    assert (dataset.categories.names, dataset.categories.ids) == (("cat", "dog"), (1, 2))
    assert dataset[0].instances.labels.tolist() == [1]
    assert [(found.code, found.where) for found in dataset.findings] == [("record-repaired", "categories")]
    assert dataset_of(tmp_path, table, 0).categories.names == ("animals", "cat", "dog")
    assert dataset_of(tmp_path, table[:1]).categories.names == ("animals",)
    others = [*table, {"id": 3, "name": "oak", "supercategory": "plants"}]
    assert dataset_of(tmp_path, others).categories.names == ("animals", "cat", "dog", "oak")


def test_one_table_serves_all_files(tmp_path: Path) -> None:
    tables = {"train": classes((1, "cat"), (2, "dog")), "val": classes((2, "dog"), (1, "cat"), (3, "owl"))}
    for split, table in tables.items():
        picture(tmp_path / split / "a.jpg")
        path = tmp_path / "annotations" / f"instances_{split}.json"
        document(path, [image(1, "a.jpg")], [box(1, 1, 2)], table)
    dataset = read(tmp_path)
    assert (dataset.categories.names, dataset.categories.ids) == (("cat", "dog", "owl"), (1, 2, 3))
    assert [sample.instances.labels.tolist() for sample in dataset] == [[1], [1]]
    assert dataset.findings == ()


def test_files_that_disagree_on_ids_agree_on_names(tmp_path: Path) -> None:
    tables = {"train": classes((1, "cat"), (2, "dog")), "val": classes((1, "dog"), (2, "owl"))}
    for split, table in tables.items():
        picture(tmp_path / split / "a.jpg")
        path = tmp_path / "annotations" / f"instances_{split}.json"
        document(path, [image(1, "a.jpg")], [box(1, 1, 1), box(2, 1, 2)], table)
    dataset = read(tmp_path)
    found = [[dataset.categories.names[label] for label in sample.instances.labels] for sample in dataset]
    assert found == [["cat", "dog"], ["dog", "owl"]]
    assert dataset.categories.ids == (1, 2, 3)
    assert codes(dataset.findings) == ["record-repaired"]


def test_two_classes_of_one_name_stay_two(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, classes((1, "cat"), (2, "cat")), 2, 1)
    assert dataset.categories.ids == (1, 2)
    assert dataset[0].instances.labels.tolist() == [1, 0]


def test_one_id_for_two_classes_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        AnnotationError, match=r"categories\[1\]\.id: have 1 for 'dog', want an id other than that of 'cat'"
    ):
        dataset_of(tmp_path, classes((1, "cat"), ("1", "dog")))


def test_a_file_without_classes_names_them_by_their_ids(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, None, 10, 2, "10")
    assert (dataset.categories.names, dataset.categories.ids) == (("2", "10"), (2, 10))
    assert dataset[0].instances.labels.tolist() == [1, 0, 1]
    assert [found.code for found in dataset.findings] == ["class-unnamed"]
    assert not dataset.categories.stated


@pytest.mark.parametrize(
    ("record", "code", "words", "name"),
    [
        (7, "record-unreadable", "want an object", None),
        ({"name": "x"}, "record-unreadable", "with an id", None),
        ({"id": 1}, "record-repaired", "name: have None", "1"),
        ({"id": 1, "name": 5}, "record-repaired", "name: have 5", "5"),
        ({"id": 1, "name": "x", "keypoints": "nose"}, "record-repaired", "keypoints: have 'nose'", "x"),
        ({"id": 1, "name": "x", "skeleton": [[1]]}, "record-repaired", "skeleton: have [[1]]", "x"),
        ({"id": 1, "name": "x", "skeleton": 4}, "record-repaired", "skeleton: have 4", "x"),
    ],
)
def test_a_bad_class_record_is_a_finding(tmp_path: Path, record: Any, code: str, words: str, name: str | None) -> None:
    dataset = dataset_of(tmp_path, [{"id": 9, "name": "z"}, record])
    (found,) = dataset.findings
    assert (found.code, found.path, found.where) == (code, "all.json", "categories[1]")
    assert words in found.message
    assert dataset.categories.names == (("z",) if name is None else (name, "z"))
