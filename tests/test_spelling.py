from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bboxprep.spelling import did_you_mean, suggestion

NAMES = st.lists(st.text("abcDEF_ ", min_size=3, max_size=9), min_size=1, max_size=20, unique_by=str.casefold)


@given(NAMES, st.data())
def test_a_name_in_another_case_is_meant(names: list[str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(names))
    assert did_you_mean(name.swapcase(), names) == suggestion(name.swapcase(), names) == f"; did you mean {name!r}?"


def test_a_near_name_is_meant_and_without_one_all_are_listed() -> None:
    assert did_you_mean("yollo", ["coco", "yolo"]) == "; did you mean 'yolo'?"
    assert did_you_mean("zebra", ["dog", "cat"]) == ""
    assert suggestion("zebra", ["dog", "cat"]) == " ('dog', 'cat')"
    assert suggestion("zebra", map(str, range(20))).endswith("'11' and 8 more)")
    assert suggestion("zebra", []) == " (there is none)"
