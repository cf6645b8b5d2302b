from __future__ import annotations

import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image

from bboxprep.errors import ImageError
from bboxprep.images.header import read_header
from bboxprep.images.pillow_reader import faults_named, opened, read_indices
from bboxprep.model.segmentation import devkit_palette
from tests.images import specimens


def test_a_file_opens_as_the_container_it_is_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(specimens.oriented_file("png", 1))
    with opened(path, "png") as image:
        assert (image.format, image.size) == ("PNG", specimens.CARD_SIZE)


def test_faults_are_image_errors_about_the_file(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(specimens.oriented_file("png", 1)[:20])
    with pytest.raises(ImageError, match=r"photo\.png: cannot be read as PNG \(") as caught, opened(path, "png"):
        pass
    assert caught.value.__cause__ is not None


def test_a_missing_file_is_told_in_plain_words() -> None:
    with pytest.raises(ImageError, match=r"nowhere\.png: there is no such file$"), opened(Path("nowhere.png"), "png"):
        pass


def test_our_own_errors_pass_unchanged() -> None:
    problem = ImageError("a.png", "", "is odd")
    with pytest.raises(ImageError) as caught, faults_named(Path("b.png"), "cannot be read"):
        raise problem
    assert caught.value is problem


def test_the_silence_ends_with_the_last_thread_inside(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(specimens.oriented_file("png", 1))
    before = list(warnings.filters)
    first_is_in, second_is_in = threading.Event(), threading.Event()

    def overlapping() -> None:
        first_is_in.wait(5)
        with opened(path, "png"):
            second_is_in.set()
            first_is_out.wait(5)

    first_is_out = threading.Event()
    other = threading.Thread(target=overlapping)
    other.start()
    with opened(path, "png"):
        warnings.warn("a corrupt tag", stacklevel=1)
        first_is_in.set()
        assert second_is_in.wait(5)
    first_is_out.set()
    other.join()
    assert warnings.filters == before
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", stacklevel=1)


def write(path: Path, values: NDArray[np.uint8], **options: object) -> Path:
    image = Image.fromarray(values).convert("P") if "palette" in options else Image.fromarray(values)
    if options.pop("palette", None):
        image = Image.fromarray(values)
        image.putpalette([level for number in range(256) for level in (number * 7 % 256, 255 - number, 3)])
    image.save(path, "PNG", **options)
    return path


def indices_at(path: Path) -> NDArray[np.uint8]:
    return read_indices(path, read_header(path))


@given(values=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)), colours=st.booleans())
def test_the_numbers_come_back_whatever_colours_stand_for_them(
    tmp_path_factory: pytest.TempPathFactory, values: NDArray[np.uint8], colours: bool
) -> None:
    options = {"palette": True} if colours else {}
    path = write(tmp_path_factory.getbasetemp() / "mask.png", values, **options)
    assert (indices_at(path) == values).all()


def test_the_colours_of_the_devkit_stand_for_their_numbers(tmp_path: Path) -> None:
    colours = devkit_palette()
    known = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 8: (64, 0, 0), 20: (0, 64, 128), 255: (224, 224, 192)}
    assert {number: tuple(colours[number].tolist()) for number in known} == known
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert (indices_at(write(tmp_path / "mask.png", colours[values])) == values).all()


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_packed_numbers_are_unpacked(tmp_path: Path, bits: int) -> None:
    values = np.arange(12, dtype=np.uint8).reshape(3, 4) % (1 << bits)
    assert (indices_at(write(tmp_path / "mask.png", values, palette=True, bits=bits)) == values).all()


def test_a_transparent_number_and_a_turn_change_nothing(tmp_path: Path) -> None:
    values = np.arange(6, dtype=np.uint8).reshape(2, 3)
    exif = Image.Exif()
    exif[274] = 6
    path = write(tmp_path / "mask.png", values, palette=True, transparency=0, exif=exif)
    assert (indices_at(path) == values).all()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (specimens.saved("PNG", specimens.card()), r"want a PNG with a palette .have colours, and \(230, 30, 30\) is "),
        (specimens.saved("PNG", Image.new("RGBA", (4, 3))), "want a PNG with a palette .have png, mode RGBA, 8 bits"),
        (specimens.saved("GIF", Image.new("P", (4, 3))), "want a PNG with a palette .have gif"),
        (specimens.deep_png(np.zeros((3, 4), dtype=np.uint16)), "16 bits"),
        (specimens.saved("PNG", Image.new("P", (40, 30)))[:60], "truncated|cannot be read"),
        (b"no picture", "not an image"),
    ],
)
def test_colours_depth_and_damage_are_refused(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "mask.png").write_bytes(data)
    with pytest.raises(ImageError, match=words):
        indices_at(tmp_path / "mask.png")
