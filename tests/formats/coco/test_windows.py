"""A document is read in windows: whatever their size, it says the same, and nothing in it makes them grow for ever."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bboxprep.errors import AnnotationError
from bboxprep.formats.coco import document

_TEXTS = st.text(alphabet='ab"\\\\{}[], ', max_size=12)
_VALUES = st.recursive(
    st.none() | st.integers(-9, 9) | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=12,
)
_RECORDS = st.lists(st.dictionaries(_TEXTS, _VALUES, max_size=4), max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    images=_RECORDS,
    annotations=_RECORDS,
    extra=_VALUES,
    window=st.integers(1, 80),
    indent=st.sampled_from([None, 0, 2]),
)
def test_a_document_says_the_same_in_windows_of_any_size(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    images: list[Any],
    annotations: list[Any],
    extra: Any,
    window: int,
    indent: int | None,
) -> None:
    path = tmp_path / "labels.json"
    content = {"images": images, "info": extra, "annotations": annotations}
    path.write_text(json.dumps(content, indent=indent), encoding="utf-8")
    monkeypatch.setattr(document, "WINDOW", window)
    seen: dict[str, list[Any]] = {"images": [], "annotations": []}
    found = document.load(path, lambda name, raws: seen[name].extend(map(msgspec.json.decode, raws)))
    assert (found.extra["info"], seen["images"], seen["annotations"]) == (extra, images, annotations)
    assert [msgspec.json.decode(raw) for raw in found.annotations] == annotations


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
