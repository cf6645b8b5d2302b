"""The pages of docs/ that are made of tables of the program say what these say."""

from __future__ import annotations

import pytest

from bboxprep import formats
from bboxprep.model import splits
from docs import recognised


def test_the_page_of_what_is_recognised_is_that_of_the_tables() -> None:
    written = recognised.PAGE.read_text(encoding="utf-8")
    assert written == recognised.page(), "`python -m docs.recognised` writes it anew"
    assert all(f"(`{name}`)" in written for name in formats.names())


def test_a_word_that_is_added_to_the_splits_is_missed_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognised, "WORDS", {**splits.WORDS, "exam": splits.TEST})
    assert "`exam`" in recognised.page()
    assert recognised.page() != recognised.PAGE.read_text(encoding="utf-8")
