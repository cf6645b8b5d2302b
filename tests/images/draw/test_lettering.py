"""Names in any script are written or spelt, and never as empty boxes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.images.draw import lettering as letters
from bboxprep.images.draw.lettering import is_spelt_otherwise, lettering, transliterated


@pytest.mark.parametrize(
    ("name", "spelt"),
    [
        ("Müll", "Mull"),
        ("собака", "sobaka"),
        ("कुत्ता", "kuttaa"),
        ("개", "gae"),
        ("狗 1", "[U+72D7] 1"),
        ("🐶", "[dog face]"),
    ],
)
def test_a_script_without_a_font_is_spelt(name: str, spelt: str) -> None:
    assert transliterated(name) == spelt


@given(st.text())
def test_what_is_spelt_is_ascii(name: str) -> None:
    assert transliterated(name).isascii()


def test_a_name_is_written_as_it_is_where_a_font_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lettering("car", 12).text == "car"
    letters._file_for.cache_clear()
    monkeypatch.setattr(letters, "_font_files", lambda: ())
    assert lettering("狗", 12).text == "[U+72D7]"
    assert is_spelt_otherwise("狗")
    assert not is_spelt_otherwise("car")
    letters._file_for.cache_clear()
