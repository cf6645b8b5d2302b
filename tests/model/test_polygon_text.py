"""Polygons that stay JSON text: the text is what would be written from its numbers, and acts as the arrays do."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.model import polygon_text
from bboxprep.model.polygon_text import RingLengths, points_of, ring_lengths
from bboxprep.model.polygons import Polygons

usual = st.tuples(st.integers(-(10**6), 10**6), st.integers(0, 3)).map(lambda one: one[0] / 10 ** one[1])
odd = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.integers(-9, 10**17), st.sampled_from([1e-5, 1e-4, 0.0])
)
usual_objects = st.lists(
    st.lists(st.lists(usual, min_size=6, max_size=12), min_size=1, max_size=3).map(
        lambda rings: [ring[: len(ring) // 2 * 2] for ring in rings]
    ),
    max_size=5,
)
odd_ring = st.lists(st.one_of(usual, odd), max_size=9)
odd_objects = st.lists(
    st.one_of(
        usual_objects.filter(bool).map(lambda many: many[0]),
        st.lists(st.one_of(odd_ring, odd, st.lists(odd_ring, max_size=2)), max_size=3),
    ),
    max_size=4,
)
spelled = st.sampled_from(
    [(b".5", b".50"), (b",", b", "), (b"1.", b"10e-1."), (b"0.", b"0.000"), (b".0", b""), (b"", b"")]
)


def is_plain(rings: Any) -> bool:
    """Whether `rings` are rings of three points or more, all of them decimals."""
    return isinstance(rings, list) and all(
        isinstance(ring, list) and len(ring) >= 6 and len(ring) % 2 == 0 and all(isinstance(one, float) for one in ring)
        for ring in rings
    )


def holds(texts: Sequence[bytes], found: RingLengths | None) -> bool:
    """Whether the lengths `found` are true, and what is written from the numbers of `texts` are these texts."""
    if found is None:
        return True
    objects = [msgspec.json.decode(text) if text else [] for text in texts]
    if not all(map(is_plain, objects)) or [msgspec.json.encode(one) for one in objects if one] != list(
        filter(None, texts)
    ):
        return False
    flat = [ring for rings in objects for ring in rings]
    points = points_of(texts, sum(map(len, flat)) // 2)
    return (
        found.objects.tolist() == list(map(len, objects))
        and found.rings.tolist() == [len(ring) // 2 for ring in flat]
        and points.ravel().tolist() == [number for ring in flat for number in ring]
    )


@given(st.one_of(usual_objects, odd_objects), spelled)
def test_text_is_kept_only_where_its_numbers_would_be_written_so(
    objects: list[Any], change: tuple[bytes, bytes]
) -> None:
    texts = [msgspec.json.encode(one).replace(*change, 2) if one else b"" for one in objects]
    for text in filter(None, texts):
        try:
            msgspec.json.decode(text)
        except msgspec.DecodeError:
            return
    assert holds(texts, ring_lengths(texts))


@given(usual_objects)
def test_decimals_as_tools_write_them_are_kept(objects: list[Any]) -> None:
    assert ring_lengths([msgspec.json.encode(one) for one in objects]) is not None


@pytest.mark.parametrize("name", ["_numbers_are_plain", "_has_run"])
def test_the_law_catches_a_check_that_is_missing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polygon_text, name, lambda *_: name == "_numbers_are_plain")
    texts = (
        [b"[[1.50,2.5,3.5,4.5,5.5,6.5]]"]
        if name == "_numbers_are_plain"
        else [b"[[0.12345678901234567,2.5,3.5,4.5,5.5,6.5]]"]
    )
    assert not holds(texts, ring_lengths(texts))


@given(usual_objects, st.data())
def test_text_acts_as_arrays_do(objects: list[Any], data: st.DataObject) -> None:
    objects = [*objects, []]
    text = Polygons.from_texts([msgspec.json.encode(one) if one else b"" for one in objects])
    assert text is not None
    array = Polygons.of([[np.array(ring).reshape(-1, 2) for ring in rings] for rings in objects])
    rows = np.array(data.draw(st.lists(st.integers(0, len(objects) - 1), max_size=6)), dtype=np.int64)
    cut = data.draw(st.integers(0, len(objects)))
    assert text[cut:] == array[cut:]
    assert text.select(rows) == array.select(rows)
    assert Polygons.concat([text[cut:], text.select(rows), array[:cut]]) == Polygons.concat(
        [array[cut:], array.select(rows), array[:cut]]
    )
    assert Polygons.concat([text[cut:], text.select(rows)]) == Polygons.concat([array[cut:], array.select(rows)])
    assert pickle.loads(pickle.dumps(text[cut:])) == array[cut:]
    assert text.moved(lambda points: points + 1) == array.moved(lambda points: points + 1)
    assert [[ring.tolist() for ring in rings] for rings in text] == [
        [ring.tolist() for ring in rings] for rings in array
    ]
