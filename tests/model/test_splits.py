from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bboxprep.model.splits import (
    TEST,
    TRAIN,
    USUAL,
    VAL,
    WORDS,
    SplitFolders,
    is_training,
    is_word,
    known_split,
    name_prefixes,
    order,
    split_of,
    splits_of,
)

TABLE = {
    TRAIN: (
        *("train", "Train", "TRAIN", "training", "trn", "train2014", "train2017", "train_17", "2012_train", "my_train"),
        *("instances_train2017", "lvis_v1_train", "obj_train_data", "train_annotations", "train2017_subset"),
    ),
    VAL: (
        *(
            "val",
            "valid",
            "Validation",
            "dev",
            "eval",
            "val2017",
            "my_val",
            "person_keypoints_val2017",
            "obj_valid_data",
        ),
        *("train-dev", "val_small"),
    ),
    TEST: ("test", "testing", "test2017", "test-dev", "test-dev2017", "testdev", "TEST_DEV", "dev-test", "my_test"),
    "trainval": ("trainval", "TrainVal", "trainval2012", "VOC2012_trainval", "train_val"),
    "minival": ("minival", "minival2014", "mini-val", "coco_minival"),
    "": (
        "",
        "v2",
        "fold1",
        "holdout",
        "unlabeled2017",
        "trainer",
        "valley",
        "contest",
        "device",
        "évaluation",
        "default",
    ),
}
MEANT = [(name, split) for split, names in TABLE.items() for name in names]
FOLDERS = SplitFolders(frozenset({"images", "labels"}))
letters = st.characters(categories=["Ll", "Lu"])


@pytest.mark.parametrize(("name", "split"), MEANT)
def test_a_name_means_the_split_of_its_last_word(name: str, split: str) -> None:
    assert known_split(name) == split
    assert is_training(name) == (split == TRAIN)


@given(st.sampled_from(sorted(WORDS)), st.text(st.sampled_from("0123456789_-. "), max_size=6), st.booleans())
def test_numbers_punctuation_and_case_do_not_count(word: str, around: str, upper: bool) -> None:
    name = f"{around}{word.upper() if upper else word}{around}"
    assert is_word(name)
    assert known_split(name) == WORDS[word]


@given(st.sampled_from(sorted(WORDS)), st.text(letters, min_size=1, max_size=6))
@example("train", "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}")
def test_a_word_counts_as_a_whole_only(word: str, more: str) -> None:
    assert known_split(f"{more}_{word}") in {*WORDS.values()}
    if (glued := f"{more}{word}").lower() not in WORDS:
        assert not is_word(glued)
        assert known_split(glued) == ""


@given(st.text(max_size=20))
def test_a_split_means_itself(name: str) -> None:
    assert split_of(split_of(name)) == split_of(name)
    assert known_split(known_split(name)) == known_split(name)


@given(st.lists(st.sampled_from([name for name, _ in MEANT]), min_size=1, max_size=5))
def test_an_unknown_name_is_a_split_beside_others_and_train_alone(names: list[str]) -> None:
    splits = splits_of(names)
    assert set(splits) == set(names)
    for name, split in splits.items():
        alone = TRAIN if len(splits) == 1 or name in ("", "default") else name
        assert split == (known_split(name) or alone)


@given(st.lists(st.sampled_from([name for name, _ in MEANT if name]), min_size=1, max_size=6))
def test_images_of_two_documents_never_have_one_name(names: list[str]) -> None:
    prefix, splits = name_prefixes(names), set(map(split_of, names))
    assert len({(split_of(name), f"{prefix[name]}a.jpg") for name in names}) == len(prefix)
    assert all(folder == "" for folder in prefix.values()) == (len(splits) == len(prefix))


@given(st.lists(st.text(st.sampled_from("abtrainvles"), max_size=5)))
def test_splits_are_ordered_train_val_test_then_by_name(others: list[str]) -> None:
    ordered = sorted({*USUAL, *others}, key=order)
    assert ordered == [*USUAL, *sorted({*others} - {*USUAL})]


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        ("images/train", TRAIN),
        ("images/dev", VAL),
        ("images/fold1", "fold1"),
        ("images/fold1/sub", "fold1"),
        ("images/default", TRAIN),
        ("labels/fold1", "fold1"),
        ("images", TRAIN),
        ("other/fold1", TRAIN),
        ("other/val", VAL),
        ("fold1/images", TRAIN),
        ("images/train/test_drive", TRAIN),
        ("images/my_test/cats", TEST),
    ],
)
def test_a_folder_beside_training_images_is_a_split(folder: str, split: str) -> None:
    parts, known = folder.split("/"), [("images", "train"), ("images", "dev"), ("images", "fold1")]
    folders = FOLDERS.of("photos_of_test", [(one, range(len(one))) for one in known])
    assert folders.split(parts, folders.find(parts, range(len(parts)))) == split


def test_other_folders_are_no_splits_where_none_has_training_images() -> None:
    folders = FOLDERS.of("set", [(one, range(2)) for one in (("images", "test"), ("images", "cam1"))])
    assert folders.find(("images", "cam1"), range(2)) is None
    assert folders.split(("images", "cam1"), None) == TRAIN


@pytest.mark.parametrize(("name", "split"), [("valid", VAL), ("Test", TEST), ("my_test", TRAIN), ("set", TRAIN)])
def test_a_source_called_by_a_word_alone_is_of_that_split(name: str, split: str) -> None:
    folders = FOLDERS.of(name, [])
    assert folders.split((), folders.find((), ())) == split
