"""The scan of a document, window by window: every record is where it says, however the file is written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.errors import AnnotationError
from bboxprep.formats.coco import document
from bboxprep.formats.coco.document import LISTS, load
from bboxprep.io import lenient_json

TEXTS = st.text(st.sampled_from('ab"\\,:{}[] é\n'), max_size=8)  # what a cut may take for the end of something
VALUES = st.recursive(
    st.none() | st.integers(-9, 99) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
RECORDS = st.lists(st.dictionaries(TEXTS, VALUES, max_size=4), max_size=6)
BLANKS = st.sampled_from(["", " ", "\n", "\t \r\n"])


@st.composite
def written(draw: st.DrawFn) -> tuple[bytes, dict[str, Any]]:
    """A document with its lists in any order among other members, with any blanks, and what it holds."""
    held = {name: draw(RECORDS) for name in LISTS} | {"info": draw(VALUES)}
    blank = draw(BLANKS)
    members = [
        f"{blank}{json.dumps(name)}{blank}:{blank}{_spelt(held[name], draw(BLANKS), name in LISTS)}{blank}"
        for name in draw(st.permutations(list(held)))
    ]
    return f"{{{','.join(members)}}}{blank}".encode(), held


def _spelt(value: Any, blank: str, listed: bool) -> str:
    if not listed:
        return json.dumps(value)
    return f"[{blank}{f'{blank},{blank}'.join(map(json.dumps, value))}{blank}]"


def check(text: bytes, held: dict[str, Any], window: int) -> None:
    """Each record is read back from its place, and each is shown once as it goes by, in its order."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(document, "WINDOW", window)
        path = Path(folder, "all.json")
        path.write_bytes(text)
        shown: dict[str, list[bytes]] = {name: [] for name in LISTS}
        found = load(path, lambda _, raws: list(map(bytes, raws)), lambda name, seen: shown[name].extend(seen))
        for name in LISTS:
            ranges = getattr(found, name)
            assert [json.loads(ranges[row]) for row in range(len(ranges))] == held[name]
            assert list(map(json.loads, shown[name])) == held[name]
        assert found.extra == {"info": held["info"]}


@given(written(), st.integers(1, 60))
def test_every_record_is_where_it_says(text: tuple[bytes, dict[str, Any]], window: int) -> None:
    check(*text, window)


def test_the_check_catches_an_end_that_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    text = b'{"images":[{"id":1},{"id":2}],"annotations":[{"a":[{"b":1},{"b":2}]}],"categories":[{"id":3}],"info":0}'
    held = json.loads(text)
    check(text, held, 1000)
    monkeypatch.setattr(lenient_json, "what_follows", lambda _: 7)
    with pytest.raises((AnnotationError, AssertionError)):
        check(text, held, 1000)


@pytest.mark.parametrize(("name", "window"), [("plain", 300), ("},{", 30), ('"},{"', 30)])
def test_a_long_list_is_read_in_parts_as_far_as_they_are_whole_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, window: int
) -> None:
    records: list[dict[str, Any]] = [{"id": number} for number in range(99)]
    records[60] |= {"name": name, "of": [{"a": 1}, {"b": 2}]}
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({"images": records, "annotations": records}), encoding="utf-8")
    monkeypatch.setattr(document, "WINDOW", window)
    asked: list[Any] = []
    shown: dict[str, list[Any]] = {"images": [], "annotations": []}

    def spread(work: Any, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            asked.append(work(item))
            yield asked[-1]

    found = load(path, lambda _, raws: list(map(bytes, raws)), lambda name, seen: shown[name].extend(seen), "", spread)
    assert [json.loads(record) for record in found.images[:]] == records
    assert {name: list(map(json.loads, seen)) for name, seen in shown.items()} == {
        "images": records,
        "annotations": records,
    }
    assert len(asked) > 2
    assert None in asked  # a part that begins or ends within a record


def test_records_with_many_lists_within_do_not_make_the_window_grow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = {"id": 1, "attributes": {"parts": [{"a": 1}, {"b": 2}] * 30}}
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({"images": [record] * 200}), encoding="utf-8")
    monkeypatch.setattr(document, "WINDOW", 2000)
    monkeypatch.setattr(document, "MOST_VALUE", 5000)
    assert len(document.load(path).images) == 200


@pytest.mark.parametrize(
    "content",
    [
        {"info": "x" * 9000, "images": []},
        {"x" * 9000: 1, "images": []},
        {"images": [{"file_name": "x" * 9000}]},
        {"images": [], "info": [[]] * 4000},
        {"images": {"a": "x" * 9000}},
    ],
    ids=["text", "name", "record", "lists", "no list"],
)
def test_a_value_that_is_too_long_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: dict[str, Any]
) -> None:
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    monkeypatch.setattr(document, "WINDOW", 1000)
    monkeypatch.setattr(document, "MOST_VALUE", 2000)
    with pytest.raises(AnnotationError, match="a value of more than 2,000 bytes"):
        document.load(path)
