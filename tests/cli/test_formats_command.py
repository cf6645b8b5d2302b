"""``bboxprep formats NAME`` tells all about each format, from its declaration."""

from __future__ import annotations

import pytest

from bboxprep import formats
from tests.conformance.examples import FORMATS
from tests.invoked import refused, run


@pytest.mark.parametrize("name", FORMATS)
def test_everything_that_a_format_declares_is_told(name: str) -> None:
    declared, told = formats.load(name), run("formats", name)
    assert told.exit_code == 0
    text = told.output
    assert text.startswith(f"{declared.title} (`{name}`)\n")
    assert all(column in text for column in declared.carries)
    assert declared.layout in text
    assert "known traps" in text
    for words, source in declared.traps:
        assert f"  {words} ({source})\n" in text
    for title, options in (("reading", declared.read_options), ("writing", declared.write_options)):
        flags = [one.metadata["flag"] for one in options.__dataclass_fields__.values()]
        own = [flag for flag in flags if flag != "--follow-links"]
        assert all(f"  {flag}: " in text for flag in own)
        assert (f"options of {title}" in text) == bool(own)


def test_every_format_knows_its_traps_and_their_sources() -> None:
    for name in formats.names():
        traps = formats.load(name).traps
        assert traps, name
        assert all(words and source for words, source in traps)


def test_an_unknown_format_is_refused_with_the_nearest() -> None:
    assert "did you mean 'labelme'?" in refused("formats", "labelm")
