from __future__ import annotations

from typing import Any

import pytest

from bboxprep.errors import AnnotationError, UsageError
from bboxprep.findings import Finding
from bboxprep.model.object_policy import ObjectPolicy

FOUND = [Finding(code, f"a {code}", "a.jpg", "object 2", 1, "cat") for code in ("box-cropped", "box-degenerate")]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"crowd": "kept"}, "crowd: have 'kept', want one of keep, drop, ignore"),
        ({"degenerate": None}, "degenerate: have None, want one of drop, error"),
        ({"outside": ["clip"]}, "outside: have ['clip'], want one of clip, drop, error"),
        ({"outside_tolerance": -1}, "outside tolerance: have -1, want px of 0 or more"),
        ({"outside_tolerance": float("inf")}, "outside tolerance: have inf, want px"),
        ({"outside_tolerance": float("nan")}, "outside tolerance: have nan, want px"),
        ({"min_visibility": 1.1}, "min visibility: have 1.1, want 0 to 1"),
        ({"min_visibility": "0.5"}, "min visibility: have '0.5', want 0 to 1"),
        ({"swap_classes": "ab"}, "swap classes: have 'ab', want pairs of class names"),
        ({"swap_classes": [("a", "b", "c")]}, "want pairs of class names"),
        ({"swap_classes": [("a", 1)]}, "want pairs of class names"),
        ({"swap_classes": 5}, "want pairs of class names"),
        ({"swap_classes": [("a", "b"), ("b", "c")]}, "swap classes: have 'b' twice"),
        ({"swap_classes": [("a", "a")]}, "swap classes: have 'a' twice"),
    ],
)
def test_a_wrong_rule_says_what_it_wants(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        ObjectPolicy(**given)
    assert said in str(caught.value)


def test_rules_are_values() -> None:
    pairs: Any = [["a", "b"]]
    assert ObjectPolicy(swap_classes=pairs) == ObjectPolicy(swap_classes=(("a", "b"),))
    assert hash(ObjectPolicy(min_visibility=0.5)) == hash(ObjectPolicy(min_visibility=0.5))


def test_a_refusal_names_the_place_and_the_option() -> None:
    ObjectPolicy(outside="error").refuse(FOUND)
    with pytest.raises(AnnotationError) as caught:
        ObjectPolicy(degenerate="error").refuse(FOUND)
    assert str(caught.value) == (
        "a.jpg: object 2: a box-degenerate (`degenerate='error'` refuses it, `degenerate='drop'` lists it instead)"
    )


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("degenerate", "box-degenerate"),
        ("degenerate", "box-not-finite"),
        ("outside", "box-outside"),
        ("outside", "box-overreach"),
    ],
)
def test_each_rule_refuses_its_own(rule: str, code: str) -> None:
    given: dict[str, Any] = {rule: "error"}
    assert ObjectPolicy(**given).may_refuse
    with pytest.raises(AnnotationError, match=f"`{rule}='error'`"):
        ObjectPolicy(**given).refuse([Finding(code, "x")])
    ObjectPolicy().refuse([Finding(code, "x")])
