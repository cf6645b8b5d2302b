from __future__ import annotations

import struct
import timeit
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bboxprep.errors import ImageError
from bboxprep.geometry.affine import Size
from bboxprep.images.header import MOST_PIXELS, read_header
from bboxprep.model.header import Header
from tests.images import specimens
from tests.images.decoders import opencv_shows, pillow_shows
from tests.images.specimens import DATA, EXIF_HEADER, oriented_file, saved, tiff_block

PILLOW = DATA / "pillow_shared" / "Tests" / "images"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "photo.bin"


def header_of(path: Path, data: bytes) -> Header:
    path.write_bytes(data)
    return read_header(path)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("container", specimens.CONTAINERS)
def test_the_size_is_the_stored_one_and_the_displayed_one_is_what_others_show(
    file: Path, container: str, orientation: int, order: str
) -> None:
    data = oriented_file(container, orientation, order=order)
    header = header_of(file, data)
    assert header == Header(specimens.CARD_SIZE, orientation, container, tagged=orientation != 1)
    assert pillow_shows(data).shape[:2] == header.displayed[::-1]
    if container != "tiff" or orientation < 5:  # OpenCV 5.0 fails to read such a TIFF
        assert opencv_shows(data).shape[:2] == header.displayed[::-1]


GRAY16 = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
PALETTE = Image.fromarray(specimens.card()).convert("P")


@pytest.mark.parametrize(
    ("data", "container", "mode", "depth"),
    [
        (saved("JPEG", Image.new("L", (8, 8))), "jpeg", "L", 8),
        (saved("JPEG", Image.new("CMYK", (8, 8))), "jpeg", "CMYK", 8),
        (saved("PNG", Image.new("1", (8, 8))), "png", "1", 1),
        (saved("PNG", PALETTE), "png", "P", 8),
        (saved("PNG", Image.new("LA", (8, 8))), "png", "LA", 8),
        (saved("PNG", GRAY16), "png", "I;16", 16),
        (saved("TIFF", GRAY16), "tiff", "I;16", 16),
        (saved("TIFF", Image.new("F", (8, 8))), "tiff", "F", 32),
        (saved("TIFF", Image.new("1", (8, 8))), "tiff", "1", 1),
        (saved("BMP", Image.new("RGB", (8, 8))), "bmp", "RGB", 8),
        (saved("GIF", PALETTE), "gif", "P", 8),
        (saved("WEBP", Image.new("RGBA", (8, 8))), "webp", "RGBA", 8),
        (saved("PPM", Image.new("RGB", (8, 8))), "ppm", "RGB", 8),
        (saved("PPM", Image.new("I", (8, 8))), "ppm", "I", 16),
        (saved("JPEG2000", GRAY16), "jp2", "I;16", 16),
        (saved("TGA", PALETTE), "tga", "P", 8),
    ],
)
def test_mode_and_depth(file: Path, data: bytes, container: str, mode: str, depth: int) -> None:
    header = header_of(file, data)
    assert (header.container, header.mode, header.depth) == (container, mode, depth)


def test_deep_rgb_says_so_though_pillow_opens_it_as_eight_bits(file: Path) -> None:
    header = header_of(file, specimens.deep_png(np.zeros((4, 6, 3), dtype=np.uint16)))
    assert (header.size, header.mode, header.depth) == (Size(6, 4), "RGB", 16)


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF"])
def test_frames_are_counted(file: Path, form: str) -> None:
    pictures = [Image.fromarray(np.full((8, 8, 3), level, dtype=np.uint8)) for level in (0, 100, 200)]
    assert header_of(file, saved(form, pictures[0], save_all=True, append_images=pictures[1:])).frames == 3


def test_the_further_pictures_of_a_camera_are_not_frames(file: Path) -> None:
    pictures = [Image.fromarray(specimens.card()) for _ in range(2)]
    header = header_of(file, saved("MPO", pictures[0], save_all=True, append_images=pictures[1:]))
    assert (header.container, header.frames, header.size) == ("jpeg", 1, specimens.CARD_SIZE)


def picture_claiming(width: int, height: int) -> bytes:
    """A 1-bit PNG of a few bytes that says it is `width` x `height`."""
    ihdr = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = [(b"IHDR", ihdr), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    packed = (struct.pack(">I", len(p)) + k + p + struct.pack(">I", zlib.crc32(k + p)) for k, p in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def test_a_bomb_is_refused_from_its_header_and_the_largest_picture_is_not(file: Path) -> None:
    with pytest.raises(
        ImageError,
        match=r"too large \(have 30000x30000 = 900,000,000 pixels, want at most 178,956,970; `max_pixels`",
    ):
        header_of(file, picture_claiming(30_000, 30_000))
    assert header_of(file, picture_claiming(MOST_PIXELS // 10, 10)).size.pixels == MOST_PIXELS


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", r"the file is empty \(0 bytes\)"),
        (b"<!DOCTYPE html><html>not found", r"not an image: starts with b'<!DOCTYPE html>.*\(want JPEG, PNG"),
        (b"\0\0\0\x1cftypavif\0\0\0\0", "cannot be read as AVIF"),
        (
            b"\0\0\0\x1cftypmp42\0\0\0\0",
            r"not an image: .*\(want JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF, HEIC, PPM, JPEG2000, TGA\)",
        ),
        (b"\xff\xd8\xff\xd9", "cannot be read as JPEG"),
        (b"GIF89a\0\0\x05\0\0\0\0", "GIF"),
        (b"BMW is a car", "cannot be read as BMP"),
        (b"II*\0\xff\xff\xff\xff", "cannot be read as TIFF"),
    ],
)
def test_what_is_no_image_is_an_image_error_that_says_what_is_there(file: Path, data: bytes, words: str) -> None:
    with pytest.raises(ImageError, match=words) as caught:
        header_of(file, data)
    assert caught.value.path == file


def test_a_jpeg_that_is_mostly_fill_bytes_is_refused(file: Path) -> None:
    data = specimens.oriented_file("jpeg", 6)
    file.write_bytes(data[:2] + b"\xff" * 65_536 + data[2:])
    assert read_header(file).orientation == 6
    for junk in (b"\xff" * 2_000_000, b"\xff\xd0" * 1_000_000):
        file.write_bytes(data[:2] + junk + data[2:])
        with pytest.raises(ImageError, match="has 2,000,000 bytes between two segments"):
            read_header(file)


def test_a_tiff_with_more_strips_than_bytes_is_refused(file: Path) -> None:
    rows = [(256, 3, 1), (257, 4, 3_000_000), (258, 3, 8), (259, 3, 5), (262, 3, 1), (273, 4, 200), (278, 4, 1)]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in [*rows, (279, 4, 100)])
    file.write_bytes(b"II*\0\x08\0\0\0" + struct.pack("<H", len(rows) + 1) + entries + bytes(25_000))
    with pytest.raises(ImageError, match=r"have 3,000,000 strips in 25,\d+ bytes"):
        read_header(file)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"there is no such file$"):
        read_header(tmp_path / "nowhere.jpg")
    with pytest.raises(ImageError, match="is a folder"):
        read_header(tmp_path)


@pytest.mark.parametrize("order", ["<", ">"])
def test_broken_exif_never_keeps_a_picture_from_being_read(file: Path, order: str) -> None:
    block = tiff_block(6, order, thumbnail=8)
    for end in range(len(block)):
        header = header_of(file, specimens.jpeg((0xE1, EXIF_HEADER + block[:end])))
        assert header.size == specimens.CARD_SIZE
        assert header.orientation in {1, 6}


@given(container=st.sampled_from(specimens.CONTAINERS), data=st.data())
def test_a_damaged_file_has_a_header_or_raises_image_error_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, container: str, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / f"damaged-{container}"
    header = read_damaged(path, specimens.damaged(oriented_file(container, 6), data))
    assert header is None or header.size.pixels <= MOST_PIXELS


def read_damaged(path: Path, data: bytes) -> Header | None:
    path.write_bytes(data)
    try:
        return read_header(path)
    except ImageError:
        return None


@pytest.mark.skipif(not PILLOW.is_dir(), reason="the real data is not here")
@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("g4_orientation_6.tif", Header(Size(88, 590), 6, "tiff", "1", 1, tagged=True)),
        ("g4_orientation_3.tif", Header(Size(590, 88), 3, "tiff", "1", 1, tagged=True)),
        ("hopper_orientation_5.jpg", Header(Size(128, 128), 5, "jpeg", tagged=True)),
        ("iss634.gif", Header(Size(245, 245), 1, "gif", "P", frames=42)),
        ("sugarshack.mpo", Header(Size(640, 480), 1, "jpeg")),
        ("apng/mode_16bit.png", Header(Size(128, 64), 1, "png", "RGBA", 16, frames=3)),
        ("invalid-exif.jpg", Header(Size(200, 200), 1, "jpeg")),
        ("hopper_bad_exif.jpg", Header(Size(500, 500), 1, "jpeg", "L")),
    ],
)
def test_real_files(name: str, want: Header) -> None:
    assert read_header(PILLOW / name) == want


@pytest.mark.skipif(not PILLOW.is_dir(), reason="the real data is not here")
@pytest.mark.parametrize("name", ["broken.png", "decompression_bomb.gif", "zero_width.gif"])
def test_real_broken_files(name: str) -> None:
    with pytest.raises(ImageError, match="cannot be read as"):
        read_header(PILLOW / name)


def test_a_header_costs_well_under_a_millisecond(file: Path) -> None:
    header_of(file, oriented_file("jpeg", 6))
    assert min(timeit.repeat(lambda: read_header(file), number=20, repeat=5)) / 20 < 0.001
