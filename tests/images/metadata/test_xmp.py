from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.images.metadata import xmp
from tests.images.specimens import xmp_packet


@pytest.mark.parametrize("element", [True, False])
@pytest.mark.parametrize("value", [0, 1, 6, 8, 9, 65537])
def test_an_orientation_is_read_as_attribute_or_element(value: int, *, element: bool) -> None:
    assert xmp.orientations(xmp_packet(value, element=element)) == (value,)


@pytest.mark.parametrize("text", [b"tiff:Orientation='6'", b'tiff:Orientation = "6"', b"<tiff:Orientation> 6 </"])
def test_other_spellings_of_the_same_xml_are_read(text: bytes) -> None:
    assert xmp.orientations(text) == (6,)


@pytest.mark.parametrize(
    "text", [b"", b"tiff:Orientation", b'tiff:Orientation="up"', b"exif:Orientation='6'", b"\xff\xfe<"]
)
def test_what_states_no_number_states_nothing(text: bytes) -> None:
    assert xmp.orientations(text) == ()
    assert xmp.upright(text) == text


@given(st.lists(st.tuples(st.integers(-9, 99_999), st.booleans()), max_size=3), st.binary(max_size=40))
def test_patching_leaves_ones_only_and_the_length(said: list[tuple[int, bool]], noise: bytes) -> None:
    packet = noise + b"".join(xmp_packet(value, element=element) for value, element in said) + noise
    patched = xmp.upright(packet)
    assert len(patched) == len(packet)
    assert set(xmp.orientations(patched)) <= {1}
    assert len(xmp.orientations(patched)) == len(xmp.orientations(packet))
    # the rule by which Pillow finds it reads a 1 as well
    assert set(re.findall(rb'tiff:Orientation(?:="|>)([0-9])', patched)) <= {b"1"}
