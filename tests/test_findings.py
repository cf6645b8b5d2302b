from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.findings import CODES, Finding, Severity, by_place, count_faults


@pytest.mark.parametrize("code", CODES)
def test_a_code_is_kebab_case_and_says_how_much_it_weighs(code: str) -> None:
    severity, meaning = CODES[code]
    assert re.fullmatch("[a-z]+(-[a-z]+)*", code)
    assert Finding(code, "message").severity is severity
    assert "\n" not in meaning
    assert not meaning.endswith(".")


def test_codes_are_sorted() -> None:
    assert list(CODES) == sorted(CODES)


def test_both_weights_occur() -> None:
    assert {severity for severity, _ in CODES.values()} == set(Severity)


def test_an_unknown_code_is_refused() -> None:
    with pytest.raises(ValueError, match="'box-vanished' is not in CODES"):
        Finding("box-vanished", "gone")


def test_a_finding_reads_as_file_place_and_message() -> None:
    finding = Finding("record-unreadable", "five numbers wanted", "labels/a.txt", "line 3", objects=1)
    assert str(finding) == "labels/a.txt: line 3: five numbers wanted"
    assert str(Finding("record-unreadable", "five numbers wanted")) == "five numbers wanted"


def test_findings_are_values() -> None:
    assert len({Finding("box-clipped", "cut"), Finding("box-clipped", "cut")}) == 1


@given(text=st.text(st.characters(codec=None)))
def test_what_is_told_can_be_written_and_text_stays_as_it_is(text: str) -> None:
    told = Finding("file-skipped", text, text, text)
    assert str(told).encode("utf-8").decode("utf-8") == str(told)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        assert told.message != text
    else:
        assert (told.message, told.path, told.where) == (text, text, text)


findings = st.builds(
    Finding, st.sampled_from(["label-orphan", "box-degenerate", "box-clipped"]), st.just("words"),
    path=st.sampled_from(["", "a.txt", "b.txt"]), where=st.sampled_from(["", "line 1"]), objects=st.integers(0, 3),
)  # fmt: skip


@given(st.lists(findings))
def test_findings_about_one_place_count_once(some: list[Finding]) -> None:
    places = by_place(some)
    assert sorted(map(id, some)) == sorted(id(one) for place in places for one in place)
    for place in places:
        assert len({(one.split, one.path, one.where) for one in place}) == 1
        assert len(place) == 1 or place[0].path
    faults = {(one.code, one.split, one.path, one.where) for one in some if one.severity is Severity.FAULT and one.path}
    alone = [one for one in some if one.severity is Severity.FAULT and not one.path]
    assert count_faults(some) == len(faults) + len(alone)
