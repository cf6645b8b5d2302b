from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bboxprep.images.container import is_lossless_webp, jpeg_fill, jpeg_segments, metadata_blocks, scans, sniff
from bboxprep.images.orientation import judge
from tests.images import specimens
from tests.images.specimens import EXIF_HEADER, tiff_block, xmp_packet

FILES = {
    **{container: specimens.oriented_file(container, 6) for container in specimens.CONTAINERS},
    "bmp": specimens.saved("BMP", specimens.card()),
    "gif": specimens.saved("GIF", specimens.card()),
}


@pytest.mark.parametrize("container", FILES)
def test_the_container_is_told_from_the_first_bytes(container: str) -> None:
    assert sniff(FILES[container]) == container


@pytest.mark.parametrize("data", [b"", b"B", b"<!DOCTYPE html>", b"RIFF....WAVE", b"\0\0\0\x1cftypmp42", b"%PDF-1.7"])
def test_what_is_no_known_image_has_no_container(data: bytes) -> None:
    assert sniff(data) is None


@pytest.mark.parametrize("container", ["jpeg", "png", "webp"])
def test_a_blob_lies_where_it_says(container: str) -> None:
    block, packet = tiff_block(6), xmp_packet(6)
    data = specimens.image_file(container, exif=EXIF_HEADER + block if container == "jpeg" else block, xmp=packet)
    found = metadata_blocks(data, container)
    assert [(block.kind, block.content, block.quirk) for block in found] == [("exif", block, ""), ("xmp", packet, "")]
    assert all(data[block.start : block.start + len(block.content)] == block.content for block in found)


def test_the_blob_of_a_tiff_is_the_file() -> None:
    packet = xmp_packet(6)
    data = specimens.saved("TIFF", specimens.card(), tiffinfo={700: packet})
    assert [(block.kind, block.content) for block in metadata_blocks(data, "tiff")] == [("exif", data), ("xmp", packet)]


def test_fill_bytes_and_junk_between_segments_are_passed_over() -> None:
    data = specimens.oriented_file("jpeg", 6)
    padded = data[:2] + b"\xff\xff\xff" + data[2:]
    assert judge(metadata_blocks(padded, "jpeg")).orientation == 6
    assert judge(metadata_blocks(data[:2] + b"\x07\x08" + data[2:], "jpeg")).orientation == 6


@given(between=st.lists(st.sampled_from([b"\xff", b"\xff\xd0", b"\0", b"\0\x07"]), max_size=9))
def test_what_stands_between_segments_is_counted(between: list[bytes]) -> None:
    data = specimens.oriented_file("jpeg", 6)
    junk = b"".join(between)
    padded = data[:2] + junk + data[2:]
    assert len(list(jpeg_segments(padded))) == len(list(jpeg_segments(data)))
    assert jpeg_fill(padded) == len(junk)
    assert jpeg_fill(data) == 0


def test_a_compressed_text_is_inflated_but_not_without_bound() -> None:
    packet = xmp_packet(6)
    head = b"XML:com.adobe.xmp\0\1\0\0\0"
    (found,) = metadata_blocks(specimens.png((b"iTXt", head + zlib.compress(packet))), "png")
    assert (found.content, found.verbatim) == (packet, False)
    (bomb,) = metadata_blocks(specimens.png((b"iTXt", head + zlib.compress(b"\0" * (1 << 24)))), "png")
    assert len(bomb.content) <= 1 << 20


@pytest.mark.parametrize("lossless", [True, False])
def test_a_webp_says_whether_it_is_lossless(*, lossless: bool) -> None:
    pixels = specimens.card()
    assert is_lossless_webp(specimens.webp(exif=tiff_block(1), lossless=lossless)) is lossless
    assert is_lossless_webp(specimens.saved("WEBP", pixels, lossless=lossless)) is lossless

    more = [Image.fromarray(255 - pixels)]
    animated = specimens.saved("WEBP", pixels, lossless=lossless, save_all=True, append_images=more)
    assert is_lossless_webp(animated) is lossless


@pytest.mark.parametrize("container", specimens.CONTAINERS)
def test_a_file_cut_at_any_byte_never_raises(container: str) -> None:
    data = (
        specimens.image_file(container, exif=tiff_block(6), xmp=xmp_packet(6)) if container != "tiff" else FILES["tiff"]
    )
    for end in range(0, len(data), 1 if len(data) < 3000 else 7):
        assert judge(metadata_blocks(data[:end], container)).orientation in {1, 6}


@given(st.binary(max_size=300), st.sampled_from(specimens.CONTAINERS))
def test_no_bytes_whatever_make_it_raise(noise: bytes, container: str) -> None:
    data = FILES[container][:33] + noise
    assert judge(metadata_blocks(data, container)).orientation in range(1, 9)
    assert is_lossless_webp(data) in {True, False}


def test_a_jpeg_that_is_read_at_once_has_one_scan_whatever_follows() -> None:
    begin = b"\xff\xda"
    plain = specimens.saved("JPEG", specimens.card())
    progressive = specimens.saved("JPEG", specimens.card(), progressive=True)
    assert scans(plain) == scans(plain + 1000 * begin) == 1
    assert scans(progressive) == progressive.count(begin) > 1
    assert scans(progressive + 1000 * begin) == progressive.count(begin) + 1000
    first = plain.index(begin)
    fewer = plain[: first + 4] + bytes([plain[first + 4] - 1]) + plain[first + 5 :]  # a channel is left for later
    assert scans(fewer + 1000 * begin) == 1001
    frame = plain.index(b"\xff\xc0")
    twice = plain[:frame] + plain[frame : frame + 19] + plain[frame:]
    assert scans(twice + 1000 * begin) == 1001
