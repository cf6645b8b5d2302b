"""Names of files with and without their suffixes."""

from __future__ import annotations

from posixpath import splitext

from hypothesis import given
from hypothesis import strategies as st

from bboxprep.io.suffixes import stem_of, suffix_of


@given(st.text("ab."))
def test_the_stem_and_the_suffix_are_those_of_os_path(name: str) -> None:
    assert (stem_of(name), suffix_of(name)) == splitext(name)
