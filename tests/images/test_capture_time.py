from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from bboxprep.images.capture_time import CaptureTime, capture_time_of
from bboxprep.images.header import read_header


def photo(path: Path, time: str | None, model: str | None = "Phone 3", **options: str) -> Path:
    exif = Image.Exif()
    if model:
        exif[0x0110] = model
    if time:
        exif.get_ifd(0x8769)[0x9003] = time
    Image.new("RGB", (4, 3)).save(path, exif=exif.tobytes(), **options)
    return path


def moment(path: Path) -> CaptureTime | None:
    return capture_time_of(path, read_header(path).container)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_the_moment_is_that_of_the_shutter(tmp_path: Path, suffix: str) -> None:
    assert moment(photo(tmp_path / f"a.{suffix}", "1970:01:02 00:00:05")) == CaptureTime("Phone 3", 86405)


def test_a_camera_without_a_name_is_one_too(tmp_path: Path) -> None:
    assert moment(photo(tmp_path / "a.jpg", "1970:01:01 00:01:00", None)) == CaptureTime("", 60)


@pytest.mark.parametrize(
    "time", [None, "0000:00:00 00:00:00", "    :  :     :  :  ", "yesterday", "2024-01-02 03:04:05"]
)
def test_a_photo_without_a_time_has_no_moment(tmp_path: Path, time: str | None) -> None:
    assert moment(photo(tmp_path / "a.jpg", time)) is None


def test_no_file_and_no_exif_have_no_moment(tmp_path: Path) -> None:
    Image.new("RGB", (4, 3)).save(tmp_path / "a.bmp")
    Image.new("RGB", (4, 3)).save(tmp_path / "a.png")
    assert moment(tmp_path / "a.bmp") is None
    assert moment(tmp_path / "a.png") is None
    assert capture_time_of(tmp_path / "none.jpg", "jpeg") is None


def test_exif_that_is_cut_off_anywhere_has_no_moment_or_the_true_one(tmp_path: Path) -> None:
    whole = photo(tmp_path / "a.tif", "1970:01:02 00:00:05").read_bytes()
    for end in range(len(whole)):
        (tmp_path / "cut.tif").write_bytes(whole[:end])
        assert capture_time_of(tmp_path / "cut.tif", "tiff") in (
            None,
            CaptureTime("Phone 3", 86405),
            CaptureTime("", 86405),
        )
