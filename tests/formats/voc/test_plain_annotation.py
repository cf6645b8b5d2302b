"""The reader of plain files and the careful one read alike, whatever both can read."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.formats.voc.annotation import Annotation, read_annotation
from bboxprep.formats.voc.plain_annotation import read_plain
from tests.formats.voc.trees import document, obj
from tests.fuzz.mutations import mutated

PLAIN = [
    document(obj((1, 2, 30, 40))),
    document(
        obj((1.5, 2, 30.25, 40), "dog"), obj((1, 1, 100, 80), " a cat ", "<pose>Left</pose><occluded>1</occluded>")
    ),
    document(database="The VOC2007 Database"),
    document(database="Unknown", head="<folder>x</folder>\n\t<filename>y\\z.jpg</filename><path>/q</path>\n"),
    document(obj((0, 0, 7, 7), "x", "<truncated>1</truncated><difficult></difficult>"), size=(0, 80)),
]
"""Files that the devkit's patterns fit."""


def careful(data: bytes) -> Annotation:
    return read_annotation(Path("a.xml"), data)


def with_kinds(annotation: Annotation) -> tuple[Any, ...]:
    """All of `annotation`, with the kinds of its numbers."""
    return (*annotation, *map(type, (*annotation.written, *annotation.less_one)))


@pytest.mark.parametrize("text", PLAIN)
def test_plain_files_are_read_by_pattern(text: str) -> None:
    found = read_plain(text.encode())
    assert found is not None
    assert with_kinds(found) == with_kinds(careful(text.encode()))


@given(start=st.sampled_from(PLAIN), number=st.integers(0, 2**32), changes=st.integers(0, 3))
def test_what_both_readers_can_read_both_read_alike(start: str, number: int, changes: int) -> None:
    data, chance = start.encode(), random.Random(number)
    for _ in range(changes):
        data = mutated(data, (b"<object>", b"</object>", b"<difficult>1</difficult>", b"&#10;", b"1.5"), chance)
    found = read_plain(data)
    if found is not None:
        assert with_kinds(found) == with_kinds(careful(data))


ODD = [
    "<annotation><size><width>9</width><height>9</height></size><object><name>a</name></object></annotation>",
    document(obj((1, 2, 3, 4), "a &amp; b")),
    document(obj((1, 2, 3, 4), "Zug \u00fc")),
    document(obj(("1e1", 2, 3, 4))),
    document(obj((1, 2, 3, 4), "a", "<part><name>head</name></part>")),
    document(obj((1, 2, 3, 4), " ")),
    document(obj((1, 2, 3, 4))) + "<annotation/>",
]


@pytest.mark.parametrize("text", ODD)
def test_what_is_not_plain_is_left_to_the_careful_reader(text: str) -> None:
    assert read_plain(text.encode()) is None
