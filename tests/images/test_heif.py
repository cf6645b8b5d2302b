from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import AvifImagePlugin, Image

from bboxprep.errors import ImageError, RefusedImageError
from bboxprep.geometry.affine import Size
from bboxprep.images import heif
from bboxprep.images.codecs.codec import ImagePolicy, decode, encode, keeps_bytes, suffix_of
from bboxprep.images.container import metadata_blocks, sniff
from bboxprep.images.header import read_header
from bboxprep.model.header import Header
from tests.images import specimens
from tests.images.decoders import differ, pillow_shows, turned
from tests.images.iso_files import Kind, clear_file, deep_heic, gray_file, heic_of, iso_file
from tests.images.specimens import CARD_SIZE, card, tiff_block, xmp_packet

KINDS = get_args(Kind)
TURNS = range(1, 9)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "photo.jpg"  # the name lies


def header_of(file: Path, data: bytes) -> Header:
    file.write_bytes(data)
    return read_header(file)


@pytest.mark.parametrize("own", TURNS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_turn_of_the_container_is_read(kind: Kind, own: int) -> None:
    assert heif.turn(iso_file(kind, own)).exif == own


@pytest.mark.parametrize("exif", [None, *TURNS])
@pytest.mark.parametrize("own", TURNS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_container_turns_the_picture_and_exif_does_not(file: Path, kind: Kind, own: int, exif: int | None) -> None:
    header = header_of(file, iso_file(kind, own, exif))
    pixels = decode(file, header).pixels
    assert header.size == Size(pixels.shape[1], pixels.shape[0])
    assert differ(turned(pixels, header.orientation), turned(card(), own)) < 4
    assert header.orientation == (own if kind == "avif" else 1)
    assert not header.tagged
    disputed = exif not in {None, 1, own}
    words = f"EXIF says {exif}, the container {own}, which alone counts; taken as {own}"
    assert header.disputed == (words if disputed else "")


@pytest.mark.parametrize("own", TURNS)
def test_pillow_reads_the_same_turn_from_an_avif_whatever_exif_says(own: int) -> None:
    for exif in TURNS:
        assert differ(pillow_shows(iso_file("avif", own, exif)), turned(card(), own)) < 4


@pytest.mark.parametrize("kind", KINDS)
def test_xmp_does_not_turn_either(file: Path, kind: Kind) -> None:
    header = header_of(file, iso_file(kind, 1, 1, xmp=1).replace(xmp_packet(1), xmp_packet(6)))
    assert header.displayed == CARD_SIZE
    assert header.disputed == "XMP says 6, the container 1, which alone counts; taken as 1"


@pytest.mark.parametrize("kind", KINDS)
def test_metadata_lies_where_its_blobs_say(kind: Kind) -> None:
    data = iso_file(kind, 6, 3, xmp=6)
    found = metadata_blocks(data, kind)
    assert [(block.kind, bytes(block.content).rstrip(b"\0")) for block in found] == [
        ("exif", tiff_block(3).rstrip(b"\0")),
        ("xmp", xmp_packet(6)),
    ]
    assert all(data[block.start : block.start + len(block.content)] == block.content for block in found)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x1cftypavif\0\0\0\0mif1miafMA1B", "avif"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "heic"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "avif"),
        (b"\0\0\0\x18ftypmsf1\0\0\0\0hevcmsf1", "heic"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", None),
        (b"\0\0\0\x18ftypqt  \0\0\0\0qt  \0\0\0\0", None),
        (b"\0\0\0\x10ftypmif1\0\0\0\0avifavif", "heic"),  # beyond its end
    ],
)
def test_the_brands_tell_which_it_is(head: bytes, kind: str | None) -> None:
    assert sniff(head) == kind


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_written_as_a_jpeg_that_nobody_turns(file: Path, kind: Kind) -> None:
    header = header_of(file, iso_file(kind, 6, 3))
    shown = turned(decode(file, header).pixels, header.orientation)
    data, lost = encode(shown, file, header)
    assert (suffix_of(header), lost, keeps_bytes(header)) == (".jpg", "", False)
    assert differ(pillow_shows(data), turned(card(), 6)) < 6
    with Image.open(BytesIO(data)) as image:
        assert (image.format, image.getexif().get(274, 1)) == ("JPEG", 1)
        assert 305 in image.getexif()


@pytest.mark.parametrize("kind", KINDS)
def test_gray_stays_gray_and_what_is_clear_shows_the_background(file: Path, kind: Kind) -> None:
    pixels = decode(file, header_of(file, gray_file(kind))).pixels
    assert differ(np.stack([pixels] * 3, axis=-1) if pixels.ndim == 2 else pixels, grays()) < 4
    clear = decode(file, header_of(file, clear_file(kind)), ImagePolicy(background=(9, 8, 7))).pixels
    assert (clear == (9, 8, 7)).all()


def grays() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(Image.fromarray(card()).convert("L").convert("RGB"))


def test_several_pictures_wait_for_a_decision_and_the_first_is_the_primary_one(file: Path) -> None:
    header = header_of(file, heic_of(40, 200))
    assert (header.frames, header.size) == (2, Size(64, 65))
    with pytest.raises(RefusedImageError, match=r"holds 2 images \(want one, or `frames='first'`\)"):
        decode(file, header)
    assert abs(int(decode(file, header, ImagePolicy(frames="first")).pixels.mean()) - 200) < 4
    assert header_of(file, heic_of(40)).frames == 1


def test_ten_bits_wait_for_a_decision(file: Path) -> None:
    header = header_of(file, deep_heic())
    assert header.depth == 10
    with pytest.raises(RefusedImageError, match="has 10 bits a channel"):
        decode(file, header)
    assert decode(file, header, ImagePolicy(depth16="shift8")).pixels.shape == (40, 64, 3)


def test_without_the_extra_a_heic_is_refused_in_one_clear_line(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    words = r"photo\.jpg: is a HEIC, which takes one more library \(pip install 'bboxprep\[heif\]'\)$"
    with pytest.raises(RefusedImageError, match=words):
        header_of(file, iso_file("heic", 1))


def test_a_pillow_without_avif_refuses_it_in_one_clear_line(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AvifImagePlugin, "SUPPORTED", False)
    with pytest.raises(RefusedImageError, match="is an AVIF, which this build of Pillow cannot read"):
        header_of(file, iso_file("avif", 1))


@given(kind=st.sampled_from(KINDS), data=st.data())
def test_damage_is_an_image_error_or_nothing(
    tmp_path_factory: pytest.TempPathFactory, kind: Kind, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / f"damaged-{kind}"
    path.write_bytes(specimens.damaged(iso_file(kind, 6, 3, xmp=6), data))
    try:
        header = read_header(path)
        decoded = decode(path, header, ImagePolicy(frames="first", depth16="shift8"))
    except ImageError:
        return
    assert (decoded.pixels.shape[1], decoded.pixels.shape[0]) == header.size


@given(noise=st.binary(max_size=200), at=st.integers(0, 400))
def test_boxes_that_are_noise_say_nothing_and_raise_nothing(noise: bytes, at: int) -> None:
    whole = iso_file("avif", 6, 3)
    data = whole[:at] + noise + whole[at + len(noise) :]
    assert heif.turn(data).exif in TURNS
    assert 0 <= heif.depth(data) <= 255
    assert all(len(item.content) <= len(data) * 16 for item in heif.items(data))
