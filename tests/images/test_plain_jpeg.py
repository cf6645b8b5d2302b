from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from bboxprep.errors import ImageError
from bboxprep.images import header as header_module
from bboxprep.images import plain_jpeg
from bboxprep.images.header import MOST_PIXELS, read_any_header, read_header
from bboxprep.images.plain_jpeg import HEAD, plain_header
from bboxprep.model.header import Header
from tests.images import specimens
from tests.images.specimens import DATA, EXIF_HEADER, XMP_HEADER, card, jpeg, saved, srgb_profile, tiff_block

GRAY = Image.new("L", (8, 8))
ICC = b"ICC_PROFILE\0\1\1"
PLAIN = {
    "colour": jpeg(),
    "gray": saved("JPEG", GRAY),
    "progressive": saved("JPEG", Image.fromarray(card()), progressive=True),
    "tables of one segment, restarts": saved("JPEG", Image.fromarray(card()), restart_marker_blocks=1),
    "profile, comment, unknown application": jpeg((0xE2, ICC + srgb_profile()), (0xFE, b"by hand"), (0xE5, b"")),
    "Adobe": jpeg((0xEE, b"Adobe\0\x64\0\0\0\0\1")),
}
ODD = {
    "EXIF": jpeg((0xE1, EXIF_HEADER + tiff_block(6))),
    "XMP": jpeg((0xE1, XMP_HEADER + specimens.xmp_packet(6))),
    "Photoshop": jpeg((0xED, b"Photoshop 3.0\x008BIM\4\4")),
    "inks": saved("JPEG", Image.new("CMYK", (8, 8))),
    "short JFIF": b"\xff\xd8" + b"\xff\xe0\0\7JFIF\0" + jpeg()[2:],
    "gap": jpeg()[:2] + b"\0" + jpeg()[2:],
    "pad byte": jpeg()[:2] + b"\xff" + jpeg()[2:],
    "long head": jpeg((0xFE, b"x" * 5000)),
    "another container": saved("PNG", GRAY),
    "no image": b"\xff\xd8\xff\xd9",
    "empty": b"",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "photo.jpg"


def plain(data: bytes, most_pixels: int = MOST_PIXELS) -> Header | None:
    return plain_header(data[:HEAD], most_pixels)


def outcome(path: Path, *, careful: bool) -> Header | str:
    """The header of `path`, or the words of the refusal."""
    try:
        return (read_any_header if careful else read_header)(path, MOST_PIXELS)
    except ImageError as error:
        return str(error)


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_photo_is_not_given_to_pillow(name: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_bytes(PLAIN[name])
    want = read_any_header(file)
    monkeypatch.delattr(header_module, "opened")
    assert read_header(file) == want


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_goes_to_the_careful_reader(name: str, file: Path) -> None:
    file.write_bytes(ODD[name])
    assert plain(ODD[name]) is None
    assert outcome(file, careful=False) == outcome(file, careful=True)


def test_what_is_too_large_is_not_plain(file: Path) -> None:
    assert plain(jpeg(), specimens.CARD_SIZE.pixels)
    assert plain(jpeg(), specimens.CARD_SIZE.pixels - 1) is None
    file.write_bytes(jpeg())
    os.truncate(file, 1 << 40)
    assert re.search(r"have 1,0[0-9,]+ bytes for an image of 64x40", str(outcome(file, careful=False)))
    assert outcome(file, careful=False) == outcome(file, careful=True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(ImageError, match="is a device or a pipe"):
        read_header(tmp_path / "pipe.jpg")


def odd_files() -> Iterator[bytes]:
    """The odd files, and each plain one cut off or with one byte of its head changed."""
    yield from ODD.values()
    chance = random.Random(14)
    for data in PLAIN.values():
        for at in range(0, min(len(data), 800) - 3, 4):
            place = at + chance.randrange(4)
            byte = chance.choice(
                [0, 1, 0xFF, 0xC2, 0xDA, 0xE1, data[place] ^ 1, data[place] ^ 0x10, chance.randrange(256)]
            )
            yield data[:place] + bytes([byte]) + data[place + 1 :]
            yield data[: place + 2]


def law(path: Path) -> None:
    """What the plain reader takes has the header that the careful one gives it."""
    for data in odd_files():
        found = plain(data)
        if found:
            path.write_bytes(data)
            want = outcome(path, careful=True)
            assert isinstance(want, Header), data[:800]
            assert found == msgspec.structs.replace(want, ends_early=False), data[:800]
            assert outcome(path, careful=False) == want, data[:800]


def test_what_the_plain_reader_takes_has_the_header_of_the_careful_one(file: Path) -> None:
    law(file)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("_LEAST", plain_jpeg._LEAST | {0xE1: 2}),
        ("_LEAST", plain_jpeg._LEAST | {0xE0: 2}),
        ("_MODES", {1: "L", 3: "RGB", 4: "RGB"}),
        ("_is_sound_dqt", lambda *_: True),
    ],
)
def test_the_law_catches_a_planted_mistake(
    name: str, value: object, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain_jpeg, name, value)
    with pytest.raises(AssertionError):
        law(file)


@pytest.mark.skipif(not DATA.is_dir(), reason="the real data is not here")
def test_real_photos_have_the_header_of_the_careful_reader() -> None:
    photos = sorted(path for path in DATA.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg"} and path.is_file())
    assert [outcome(path, careful=False) for path in photos] == [outcome(path, careful=True) for path in photos]
    assert sum(plain(path.read_bytes()) is not None for path in photos) > len(photos) // 2


def test_sizes_are_read_from_either_byte(file: Path) -> None:
    file.write_bytes(saved("JPEG", np.zeros((259, 1027), dtype=np.uint8)))
    assert plain(file.read_bytes()) == read_any_header(file)
