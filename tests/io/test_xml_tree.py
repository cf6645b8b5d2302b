"""XML of strangers: what a tree may hold, and the children of a root one by one."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, fromstring, tostring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.errors import AnnotationError
from bboxprep.io import xml_tree
from bboxprep.io.xml_tree import each_child, parse_xml

FILE = Path("labels.xml")
BOMB = b'<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>'
TREES = st.recursive(
    st.just("<e k='v'/>"), lambda inner: st.lists(inner, max_size=3).map(lambda own: f"<e>{''.join(own)}</e>")
)


def children(data: bytes) -> tuple[str, list[str]]:
    found: list[str] = []
    return each_child(FILE, data, lambda child: found.append(tostring(child, "unicode"))), found


@given(st.lists(TREES, max_size=4), st.sampled_from(["", "<!-- a comment -->"]))
def test_children_one_by_one_are_those_of_the_tree(own: list[str], comment: str) -> None:
    text = f"<root>{comment}{''.join(own)}</root>"
    assert children(text.encode()) == ("root", [tostring(child, "unicode") for child in fromstring(text)])


@pytest.mark.parametrize("read", [lambda data: parse_xml(FILE, data), children])
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (BOMB, "document type"),
        (b"<a>" * 70 + b"</a>" * 70, "levels deep"),
        (b"<a><b></a>", "well-formed"),
        (b"", "well-formed"),
    ],
)
def test_what_is_refused(read: object, data: bytes, words: str) -> None:
    assert callable(read)
    with pytest.raises(AnnotationError, match=words):
        read(data)


def test_the_limit_of_elements_is_that_of_each_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml_tree, "MAX_ELEMENTS", 5)
    seen: list[Element] = []
    each_child(FILE, b"<a>" + b"<b><c/><c/></b>" * 9 + b"</a>", seen.append)
    assert len(seen) == 9
    with pytest.raises(AnnotationError, match="more than 5 elements"):
        each_child(FILE, b"<a><b>" + b"<c/>" * 9 + b"</b></a>", seen.append)
