from __future__ import annotations

import pytest

from bboxprep.verification.consensus import combine
from bboxprep.verification.patch_similarity import Likeness, PatchVerdict

RIGHT = Likeness(PatchVerdict.SAME, 0.99, 0.99, (0, 0), 30.0)


def verdicts(*places: Likeness, noise: float = 2.0) -> list[PatchVerdict]:
    return [one.verdict for _, one in combine([("", one) for one in places], noise, 400)]


def shifted(x: int, best: float = 0.8, score: float = 0.6) -> Likeness:
    return Likeness(PatchVerdict.SHIFTED, score, best, (x, 0), 20.0)


def test_most_places_shifted_alike_are_believed_even_in_noise() -> None:
    assert verdicts(shifted(12), shifted(14), shifted(12), RIGHT).count(PatchVerdict.SHIFTED) == 3


def test_places_shifted_each_its_own_way_are_not() -> None:
    assert verdicts(shifted(12), shifted(-14), shifted(3), RIGHT).count(PatchVerdict.SHIFTED) == 0


@pytest.mark.parametrize(
    ("lone", "believed"),
    [
        (shifted(12, best=0.99, score=0.6), True),
        (shifted(12, best=0.99, score=0.97), False),
        (shifted(12, best=0.9, score=0.2), False),
        (Likeness(PatchVerdict.OTHER, 0.1, 0.2, (0, 0), 25.0), True),
        (Likeness(PatchVerdict.OTHER, 0.1, 0.2, (0, 0), 8.0), False),
    ],
)
def test_a_lone_place_is_believed_where_chance_cannot_explain_it(lone: Likeness, believed: bool) -> None:
    assert verdicts(RIGHT, RIGHT, RIGHT, lone)[-1] is (lone.verdict if believed else PatchVerdict.UNSURE)


def test_texture_must_stand_out_of_the_noise() -> None:
    other = Likeness(PatchVerdict.OTHER, 0.1, 0.2, (0, 0), 25.0)
    assert verdicts(RIGHT, RIGHT, RIGHT, other, noise=12.0)[-1] is PatchVerdict.UNSURE
