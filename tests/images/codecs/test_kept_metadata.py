from __future__ import annotations

import struct
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from bboxprep.images.codecs.kept_metadata import KeptMetadata, kept_from
from bboxprep.images.container import EXIF_HEADER
from bboxprep.images.metadata import exif
from tests.images import specimens

NOTHING = KeptMetadata()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "source.bin"


def kept(file: Path, data: bytes, container: str, *, mode: str = "RGB", strip: bool = False) -> KeptMetadata:
    file.write_bytes(data)
    return kept_from(file, container, mode, strip=strip)


@pytest.mark.parametrize("container", ["jpeg", "png", "webp"])
def test_exif_is_kept_byte_for_byte_but_for_the_orientation_and_the_thumbnail(file: Path, container: str) -> None:
    block = specimens.thumbnailed_exif(6)
    result = kept(file, specimens.image_file(container, exif=EXIF_HEADER + block), container).exif
    assert result is not None
    assert result == EXIF_HEADER + exif.upright(block, depth=2, unlink=True)
    assert sum(one != other for one, other in zip(result[6:], block, strict=True)) <= 6
    read = Image.Exif()
    read.load(result)
    assert (read[272], read.get_ifd(0x8825)[1], read[274]) == ("Model 7", "N", 1)
    assert read.get_ifd(ExifTags.IFD.IFD1) == {}


def test_a_doubled_header_is_not_handed_on(file: Path) -> None:
    result = kept(file, specimens.jpeg((0xE1, EXIF_HEADER * 2 + specimens.tiff_block(6))), "jpeg").exif
    assert result == EXIF_HEADER + specimens.tiff_block(1)


def test_a_text_profile_is_handed_on_as_exif(file: Path) -> None:
    text = b"Raw profile type exif\0" + specimens.raw_profile(specimens.tiff_block(6))
    assert kept(file, specimens.png((b"tEXt", text)), "png").exif == EXIF_HEADER + specimens.tiff_block(1)


def test_exif_that_is_cut_off_is_left_out_and_told(file: Path) -> None:
    data = specimens.jpeg((0xE1, EXIF_HEADER + specimens.tiff_block(6)[:20]))
    assert kept(file, data, "jpeg") == KeptMetadata(lost="EXIF that cannot be read in full was left out")


def test_a_tiff_hands_on_what_describes_it_and_not_where_its_pixels_lie(file: Path) -> None:
    tags = Image.Exif()
    tags.load(EXIF_HEADER + specimens.thumbnailed_exif(6))
    result = kept(file, specimens.saved("TIFF", specimens.card(), exif=tags), "tiff").exif
    assert result is not None
    read = Image.Exif()
    read.load(result)
    assert (read[272], read.get_ifd(0x8825)[1], read.get_ifd(0x8769)[0x829A]) == ("Model 7", "N", 0.01)
    assert {256, 257, 273, 274, 279}.isdisjoint(read)


def test_a_plain_tiff_has_nothing_to_hand_on(file: Path) -> None:
    assert kept(file, specimens.saved("TIFF", specimens.card()), "tiff") == NOTHING


@pytest.mark.parametrize(
    ("profile", "mode", "fits"),
    [("sRGB", "RGB", True), ("sRGB", "L", False), ("CMYK", "RGB", False), ("broken", "RGB", False)],
)
def test_a_colour_profile_is_kept_where_it_fits_and_else_told(
    file: Path, profile: str, mode: str, *, fits: bool
) -> None:
    given = {"sRGB": specimens.srgb_profile(), "CMYK": specimens.cmyk_profile(), "broken": b"what?"}[profile]
    result = kept(file, specimens.saved("PNG", specimens.card(), icc_profile=given), "png", mode=mode)
    assert result.profile == (given if fits else None)
    assert bool(result.lost) is not fits
    assert fits or "colour profile was left out" in result.lost


def test_stripping_leaves_exif_out_without_a_word_and_keeps_the_profile(file: Path) -> None:
    profile = specimens.srgb_profile()
    data = specimens.saved("PNG", specimens.card(), icc_profile=profile, exif=EXIF_HEADER + specimens.tiff_block(6))
    assert kept(file, data, "png", strip=True) == KeptMetadata(profile)


@pytest.mark.parametrize(("number", "name"), [(0, "4:4:4"), (1, "4:2:2"), (2, "4:2:0")])
def test_the_chroma_subsampling_of_a_jpeg(file: Path, number: int, name: str) -> None:
    assert kept(file, specimens.saved("JPEG", specimens.card(), subsampling=number), "jpeg").sampling == name


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_a_jpeg_without_chroma_asks_for_no_subsampling(file: Path, mode: str) -> None:
    assert kept(file, specimens.saved("JPEG", Image.new(mode, (16, 16))), "jpeg").sampling == "4:4:4"


def test_a_directory_of_a_tiff_that_leads_nowhere_is_left_out_and_told(file: Path) -> None:
    tags = Image.Exif()
    tags.load(EXIF_HEADER + specimens.thumbnailed_exif(6))
    data = bytearray(specimens.saved("TIFF", specimens.card(), exif=tags))
    at = data.index(struct.pack("<HHI", 0x8769, 4, 1))
    data[at + 8 : at + 12] = struct.pack("<I", len(data) + 1000)
    result = kept(file, bytes(data), "tiff")
    assert result.lost == "EXIF that cannot be read in full was left out"
    assert result.exif is not None
    read = Image.Exif()
    read.load(result.exif)
    assert (read[272], read.get_ifd(0x8769)) == ("Model 7", {})
