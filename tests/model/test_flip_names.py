from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.errors import UsageError
from bboxprep.geometry.affine import Size
from bboxprep.model.categories import Categories, Category
from bboxprep.model.flip_names import FlipMapping, flip_order, names_without_partner, opposite, says_side
from bboxprep.model.instances import Instances
from tests.strategies import instances

COCO = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow"),
    *("right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle"),
    "right_ankle",
)
COCO_FLIP = (
    0,
    2,
    1,
    4,
    3,
    6,
    5,
    8,
    7,
    10,
    9,
    12,
    11,
    14,
    13,
    16,
    15,
)  # as trainers' own files for these points have it

names = st.lists(
    st.one_of(
        st.from_regex(r"(left|right|l|r|Left|RIGHT|up|tail)[ _-]?(eye|ear|L|r)?", fullmatch=True),
        st.text(max_size=6),
    ),
    max_size=8,
).map(tuple)


def posed(*points: str, flip_idx: tuple[int, ...] = ()) -> Category:
    return Category("person", keypoints=points, flip_idx=flip_idx)


@given(names)
def test_every_order_undoes_itself(points: tuple[str, ...]) -> None:
    order = flip_order(posed(*points))
    assert [order[other] for other in order] == list(range(len(points)))


@given(st.text())
def test_the_opposite_of_a_word_that_says_a_side_says_the_other(name: str) -> None:
    assert opposite(f"left {name}") != f"left {name}"
    assert opposite(opposite(f"{name} Right")) == f"{name} Right"


@given(st.data(), st.permutations(range(3)), st.booleans())
def test_a_mirror_of_a_mirror_is_the_thing_itself(data: st.DataObject, order: list[int], swap: bool) -> None:
    points = [("left_a", "b", "right_a")[row] for row in order]
    table = Categories(tuple(Category(name, keypoints=tuple(points)) for name in ("one", "two", "three")))
    mirror = FlipMapping.of(table, (("one", "three"),) if swap else ())
    objects = data.draw(instances(Size(30, 20)))
    once = mirror.apply(objects)
    assert mirror.apply(once) == objects
    assert replace(once, labels=objects.labels, keypoints=objects.keypoints, visibility=objects.visibility) == objects


def test_cocos_own_points_have_their_well_known_partners() -> None:
    assert flip_order(posed(*COCO)) == COCO_FLIP


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("left_eye", "right_eye"),
        ("eye_left", "eye_right"),
        ("left ear", "right ear"),
        ("left-ear", "right-ear"),
        ("Left", "Right"),
        ("LEFT_EYE", "RIGHT_EYE"),
        ("leftEye", "rightEye"),
        ("eyeLeft", "eyeRight"),
        ("front_left_paw2", "front_right_paw2"),
        ("left1", "right1"),
        ("l_eye", "r_eye"),
        ("L_Eye", "R_Eye"),
        ("eye.l", "eye.r"),
        ("hand-r-tip", "hand-l-tip"),
        ("lefteye", "righteye"),
    ],
)
def test_partners_by_name(name: str, other: str) -> None:
    assert (opposite(name), opposite(other)) == (other, name)
    assert flip_order(posed("nose", name, other)) == (0, 2, 1)
    assert flip_order(posed("nose", name)) == (0, 1)


@pytest.mark.parametrize(
    "name", ["bright", "upright", "leftover", "Leftover", "copyright", "LEFTY", "l", "R", "lr", ""]
)
def test_words_that_only_look_like_a_side(name: str) -> None:
    assert not says_side(name)
    assert flip_order(posed(name, "right", "left")) == (0, 2, 1)


def test_a_name_that_stands_twice_has_no_partner() -> None:
    assert flip_order(posed("left", "left", "right")) == (0, 1, 2)


def test_what_is_stated_goes_before_the_names() -> None:
    assert flip_order(posed("left", "right", "tail", flip_idx=(0, 1, 2))) == (0, 1, 2)
    assert flip_order(posed("a", "b", flip_idx=(1, 0))) == (1, 0)


@pytest.mark.parametrize("order", [(1, 2, 0), (0, 0, 1), (0, 1), (2, 1, 3), (-1, 1, 0)])
def test_an_order_that_does_not_undo_itself_is_refused(order: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="flip_idx: have"):
        posed("a", "b", "c", flip_idx=order)


def test_points_and_their_visibility_move_together() -> None:
    table = Categories((posed("left", "right", "tail"), Category("box")))
    objects = Instances.of(
        np.ones((2, 4)),
        [0, 1],
        keypoints=[[[1, 1], [2, 2], [3, 3]], [[4, 4], [5, 5], [6, 6]]],
        visibility=[[1, 2, 0], [1, 2, 0]],
    )
    once = FlipMapping.of(table).apply(objects)
    assert once.keypoints[:, :, 0].tolist() == [[2, 1, 3], [4, 5, 6]]
    assert once.visibility.tolist() == [[2, 1, 0], [1, 2, 0]]


def test_classes_change_places_and_are_known_by_what_they_were() -> None:
    table = Categories.from_names(["left_hand", "cup", "right_hand"])
    mirror = FlipMapping.of(table, [("left_hand", "right_hand")])
    once = mirror.apply(Instances.of(np.ones((3, 4)), [0, 1, 2]))
    assert once.labels.tolist() == [2, 1, 0]
    assert mirror.source_names(table.names, False) == table.names
    assert mirror.source_names(table.names, True) == ("right_hand", "cup", "left_hand")


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (("left_hand",), "swap classes: have 'right_hand', want a class of the source; did you mean 'left_hand'?"),
        (
            ("left_hand", "right_hand", "right_hand"),
            "swap classes: have 'right_hand', the name of 2 classes, want one class each",
        ),
    ],
)
def test_a_pair_that_cannot_be_swapped_is_refused(classes: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        FlipMapping.of(Categories.from_names(classes), [("left_hand", "right_hand")])
    assert str(caught.value) == said


def test_classes_of_different_points_are_not_swapped() -> None:
    table = Categories((Category("a", keypoints=("left", "right")), Category("b", keypoints=("tip", "end"))))
    with pytest.raises(UsageError, match="the keypoints of 'a' and 'b' do not match"):
        FlipMapping.of(table, [("a", "b")])


@pytest.mark.parametrize(
    ("table", "swaps", "told"),
    [
        ([Category("cup"), Category("bright")], (), []),
        ([Category("left_hand"), Category("cup")], (), ["class 'left_hand'"]),
        ([Category("turn left"), Category("turn right")], (), ["class 'turn left'", "class 'turn right'"]),
        ([Category("hand_l"), Category("hand_r"), Category("type_r")], (), ["class 'hand_l'", "class 'hand_r'"]),
        ([Category("left"), Category("right")], (("left", "right"),), []),
        ([Category("a", keypoints=COCO)], (), []),
        ([Category("a", keypoints=("left_eye", "tail"))], (), ["keypoint 'left_eye' of class 'a'"]),
        ([Category("a", keypoints=("left_eye", "tail"), flip_idx=(0, 1))], (), []),
        ([Category("a", keypoints=("left_x",)), Category("b", keypoints=("left_x",))], (), ["keypoint 'left_x'"]),
        (
            [Category("left", keypoints=("left_tip",)), Category("right", keypoints=("right_tip",))],
            (("left", "right"),),
            [],
        ),
    ],
)
def test_what_says_a_side_and_stays_is_told_once(
    table: list[Category], swaps: tuple[tuple[str, str], ...], told: list[str]
) -> None:
    findings = names_without_partner(Categories(tuple(table)), swaps)
    assert len(findings) == len(told)
    assert all(finding.code == "flip-unmapped" for finding in findings)
    assert all(finding.message.startswith(words) for finding, words in zip(findings, told, strict=True))
