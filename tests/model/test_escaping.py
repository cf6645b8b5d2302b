from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.errors import UsageError
from bboxprep.model.escaping import escaped, printable, split_names, split_pair

NAMES = st.text(st.sampled_from([*"ab ,=\\\t🐈é:'\"#"]), min_size=1, max_size=8)


@given(st.lists(NAMES, min_size=1, max_size=5))
def test_every_name_can_be_written_in_a_list(names: list[str]) -> None:
    assert split_names(",".join(map(escaped, names))) == tuple(names)


@given(NAMES, NAMES)
def test_every_name_can_be_written_in_a_pair(old: str, new: str) -> None:
    assert split_pair(f"{escaped(old)}={escaped(new)}") == (old, new)


@given(st.text(max_size=20))
def test_any_text_is_a_list_or_a_pair_or_refused(text: str) -> None:
    assert len(split_names(text)) <= text.count(",") + 1
    try:
        old, new = split_pair(text)
    except UsageError:
        return
    assert len(old) + len(new) < len(text)


@pytest.mark.parametrize("text", ["cat", "a=b=c", r"a\=b", ""])
def test_what_is_no_pair_is_told_how_to_write_one(text: str) -> None:
    with pytest.raises(UsageError, match=r"want OLD=NEW \(an equals sign in a name is written \\=\)"):
        split_pair(text)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("cat", ("cat",)),
        ("cat, dog ,a b", ("cat", "dog", "a b")),
        (r"a\,b,c", ("a,b", "c")),
        (r"C:\new", (r"C:\new",)),
        ("a,,b", ("a", "", "b")),
    ],
)
def test_a_list_of_names(text: str, names: tuple[str, ...]) -> None:
    assert split_names(text) == names


@given(st.text(max_size=20))
def test_text_for_a_terminal_is_one_line_without_controls_and_plain_text_is_as_it_was(text: str) -> None:
    shown = printable(text)
    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(mark) in ("Cc", "Cs", "Zl", "Zp") for mark in shown)
    assert not any(unicodedata.bidirectional(mark) in BIDI_CONTROLS for mark in shown)
    assert printable(shown) == shown
    if text.isprintable():
        assert shown == text


BIDI_CONTROLS = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("cat\x1b[31m", r"cat\x1b[31m"),
        ("a\nb\rc\x85d\u2028e", r"a\nb\rc\x85d\u2028e"),
        ("cat\u202egpj", r"cat\u202egpj"),
        ("gone\x9b2J", r"gone\x9b2J"),
        ("👩\u200d🚀 Übung 猫 می\u200cخواهم", "👩\u200d🚀 Übung 猫 می\u200cخواهم"),
    ],
)
def test_controls_are_spelt_as_python_does_and_joiners_of_emoji_and_scripts_stay(name: str, shown: str) -> None:
    assert printable(name) == shown
