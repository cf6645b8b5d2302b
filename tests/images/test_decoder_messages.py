"""What the libraries under Pillow and OpenCV print is told of the image, and standard error stays clean."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from bboxprep.errors import DecoderWarning, ImageError, RefusedImageError
from bboxprep.images.codecs.codec import decode
from bboxprep.images.codecs.independent_decoder import decode_with_opencv
from bboxprep.images.decoder_messages import decoder_messages
from bboxprep.images.header import read_header
from tests.images.specimens import saved

NOISE = np.random.default_rng(3).integers(0, 255, (60, 80, 3), dtype=np.uint8)


def test_what_libtiff_prints_is_part_of_the_error_of_its_image(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = bytearray(saved("TIFF", NOISE, compression="tiff_adobe_deflate"))
    data[2000:2040] = bytes(byte ^ 0x5A for byte in data[2000:2040])
    path = tmp_path / "photo.tif"
    path.write_bytes(bytes(data))
    with pytest.raises(ImageError, match="ZIPDecode") as refusal:
        decode(path, read_header(path))
    assert refusal.value.path == path
    assert capfd.readouterr().err == ""


def test_what_opencv_prints_is_a_warning_that_names_the_image(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = bytearray(saved("JPEG", NOISE, quality=95))
    data[3000:3010] = b"\xff\xd3abcdefgh"
    path = tmp_path / "photo.jpg"
    path.write_bytes(bytes(data))
    with pytest.warns(DecoderWarning, match=r"photo\.jpg: Corrupt JPEG data"):
        assert decode_with_opencv(path, "jpeg").gray.shape == (60, 80)
    assert capfd.readouterr().err == ""


def test_standard_error_is_as_before_whatever_happens_inside(capfd: pytest.CaptureFixture[str]) -> None:
    with decoder_messages(Path("a.jpg")), decoder_messages(Path("b.jpg")):
        pass
    os.write(2, b"mine\n")
    for error in (ImageError(Path("a.jpg"), "", "broken"), RefusedImageError(Path("a.jpg"), "", "no"), KeyError("a")):
        with pytest.raises(type(error)) as raised, decoder_messages(Path("a.jpg")), decoder_messages(Path("b.jpg")):
            raise error
        assert raised.value is error
        os.write(2, b"mine\n")
    assert capfd.readouterr().err == "mine\n" * 4
