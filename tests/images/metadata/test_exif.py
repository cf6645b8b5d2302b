from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.images.metadata import exif
from tests.images.specimens import ifd, tiff_block

ORDERS = ("<", ">")


def values(data: bytes) -> list[int | None]:
    return [tag.value for tag in exif.orientation_tags(data)]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", [3, 4, 9])
@pytest.mark.parametrize("value", [0, 1, 6, 9])
def test_an_orientation_is_read_in_either_byte_order_from_every_whole_number_type(
    order: str, kind: int, value: int
) -> None:
    assert values(tiff_block(value, order, kind=kind)) == [value]


def test_a_long_is_not_cut_to_its_low_half() -> None:
    assert values(tiff_block(65537, kind=4)) == [65537]


@pytest.mark.parametrize("kind", [0, 1, 2, 5, 7, 77, 0xFFFF])
def test_a_value_of_another_type_is_no_number(kind: int) -> None:
    (tag,) = exif.orientation_tags(tiff_block(6, kind=kind))
    assert (tag.value, tag.as_short, tag.kind) == (None, 6, kind)


def test_values_that_do_not_fit_the_field_are_read_where_it_points() -> None:
    at = 8 + len(ifd([(258, 3, 3, 0)], "<"))
    data = b"II*\0\x08\0\0\0" + ifd([(258, 4, 3, at)], "<") + struct.pack("<3I", 16, 8, 12)
    directory = next(exif.directories(data))
    assert exif.whole_numbers(data, directory.layout, directory.entries[0]) == (16, 8, 12)


def test_big_tiff_is_read_and_patched() -> None:
    data = b"II+\0\x08\0\0\0" + struct.pack("<Q", 16) + struct.pack("<QHHQQQ", 1, 274, 3, 1, 6, 0)
    assert values(data) == [6]
    assert values(exif.upright(data, depth=1)) == [1]


def test_a_directory_that_points_at_itself_is_read_once() -> None:
    data = b"II*\0\x08\0\0\0" + ifd([(274, 3, 1, 6)], "<", link=8)
    assert len(list(exif.directories(data))) == 1


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", [1, 2, 3, 4, 77])
def test_patching_sets_both_directories_to_one_and_keeps_all_else(order: str, kind: int) -> None:
    data = tiff_block(6, order, kind=kind, thumbnail=8)
    patched = exif.upright(data, depth=2)
    assert [[tag.field for tag in d.entries] for d in exif.directories(data)] == [
        [tag.field for tag in d.entries] for d in exif.directories(patched)
    ]
    for directory in exif.directories(patched):
        (entry,) = directory.entries
        assert exif.whole_numbers(patched, directory.layout, entry) == (1,)
    assert sum(a != b for a, b in zip(data, patched, strict=True)) <= 10


def test_unlinking_hides_the_thumbnail_only() -> None:
    data = tiff_block(6, thumbnail=6)
    patched = exif.upright(data, depth=2, unlink=True)
    assert len(list(exif.directories(patched))) == 1
    assert values(patched) == [1]
    assert exif.is_sound(patched)


@pytest.mark.parametrize("order", ORDERS)
def test_a_block_cut_at_any_byte_never_raises_and_never_grows(order: str) -> None:
    data = tiff_block(6, order, thumbnail=8)
    for end in range(len(data)):
        cut = data[:end]
        assert set(values(cut)) <= {6}
        assert len(exif.upright(cut, depth=2, unlink=True)) == end
        assert exif.is_sound(cut) == (end >= 8 + 2 + 2 * 12)


@given(st.binary(max_size=200), st.sampled_from([b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"II+\0\x08\0\0\0"]))
def test_no_bytes_whatever_make_it_raise_and_after_patching_only_one_is_left(noise: bytes, head: bytes) -> None:
    data = head + noise
    patched = exif.upright(data, depth=1)
    assert len(patched) == len(data)
    assert set(values(patched)) <= {1}


@given(st.data())
def test_a_damaged_block_never_raises(data: st.DataObject) -> None:
    block = bytearray(tiff_block(6, data.draw(st.sampled_from(ORDERS)), thumbnail=8))
    for _ in range(data.draw(st.integers(1, 4))):
        block[data.draw(st.integers(0, len(block) - 1))] = data.draw(st.integers(0, 255))
    for directory in exif.directories(bytes(block)):
        for entry in directory.entries:
            exif.stretch(bytes(block), directory.layout, entry)
    assert len(exif.upright(bytes(block), depth=2, unlink=True)) == len(block)
