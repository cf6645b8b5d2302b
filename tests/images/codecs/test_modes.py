from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image

from bboxprep.errors import RefusedImageError
from bboxprep.images.codecs.modes import Colour, Depth16, icc_space, is_deep, to_uint8
from tests.images import specimens

HERE = Path("photo")
RED, CLEAR_BLUE, HALF_GREEN = (255, 0, 0, 255), (0, 0, 255, 0), (0, 255, 0, 128)
WHITE, TEAL = (255, 255, 255), (0, 128, 128)


def decode_displayed(
    image: Image.Image, *, depth: int = 8, depth16: Depth16 = "shift8", background: Colour = WHITE
) -> NDArray[np.uint8]:
    return to_uint8(HERE, image, depth, depth16=depth16, background=background)


def reopened(form: str, image: Image.Image, **options: object) -> Image.Image:
    return Image.open(BytesIO(specimens.saved(form, image, **options)))


def of_pixels(mode: str, *values: Any) -> Image.Image:
    """A picture of one row."""
    image = Image.new(mode, (len(values), 1))
    image.putdata(values)
    return image


@pytest.mark.parametrize(
    ("image", "want"),
    [
        (of_pixels("L", 0, 77, 255), [0, 77, 255]),
        (of_pixels("1", 0, 255), [0, 255]),
        (of_pixels("RGB", (1, 2, 3)), [(1, 2, 3)]),
        (of_pixels("RGBA", RED, CLEAR_BLUE, HALF_GREEN), [(255, 0, 0), WHITE, (127, 255, 127)]),
        (of_pixels("LA", (10, 255), (10, 0), (0, 128)), [10, 255, 127]),
        (of_pixels("CMYK", (0, 0, 0, 0), (255, 0, 0, 0), (0, 0, 0, 255)), [WHITE, (0, 255, 255), (0, 0, 0)]),
        (of_pixels("RGB", (200, 10, 10)).convert("YCbCr"), [(200, 10, 10)]),
        (of_pixels("RGB", (200, 10, 10)).convert("P"), [(200, 10, 10)]),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else "",
)
def test_every_mode_becomes_gray_or_rgb(image: Image.Image, want: list[object]) -> None:
    pixels = decode_displayed(image)
    assert pixels.dtype == np.uint8
    assert pixels.shape == np.array([want]).shape
    assert np.abs(pixels.astype(int) - np.array([want])).max() <= {"P": 25, "YCbCr": 3}.get(image.mode, 1)


@pytest.mark.parametrize(
    ("image", "transparency", "want"),
    [
        (of_pixels("L", 7, 9), 7, [255, 9]),
        (of_pixels("1", 0, 255), 0, [255, 255]),
        (of_pixels("RGB", (1, 2, 3), (4, 5, 6)), (1, 2, 3), [WHITE, (4, 5, 6)]),
        (of_pixels("RGB", (255, 0, 0), (0, 0, 0)).quantize(2), b"\xff\0", None),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else "",
)
def test_a_png_s_transparent_colour_shows_the_background(
    image: Image.Image, transparency: object, want: list[object] | None
) -> None:
    pixels = decode_displayed(reopened("PNG", image, transparency=transparency))
    if want is None:  # the order of a palette is the quantiser's: the entry without opacity is the second
        want = [WHITE if index == 1 else tuple(colour) for index, colour in zip(
            np.asarray(image)[0], np.asarray(image.convert("RGB"))[0], strict=True)]  # fmt: skip
    assert pixels.tolist() == [[list(value) if isinstance(value, tuple) else value for value in want]]


def test_gray_stays_gray_over_a_gray_and_becomes_rgb_over_a_colour() -> None:
    image = of_pixels("LA", (10, 255), (10, 0))
    assert decode_displayed(image, background=(50, 50, 50)).tolist() == [[10, 50]]
    assert decode_displayed(image, background=TEAL).tolist() == [[[10, 10, 10], list(TEAL)]]


def test_an_adobe_cmyk_jpeg_is_not_a_negative() -> None:
    inks = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    pixels = decode_displayed(reopened("JPEG", inks, quality=95))
    assert np.abs(pixels.astype(int) - (255, 0, 0)).max() <= 3


def test_cmyk_with_a_profile_goes_by_it_and_with_a_broken_one_by_the_plain_formula() -> None:
    image = Image.new("CMYK", (2, 2), (255, 0, 0, 0))
    plain = decode_displayed(image)
    image.info["icc_profile"] = specimens.cmyk_profile()
    assert icc_space(specimens.cmyk_profile()) == "CMYK"
    assert plain[0, 0].tolist() == [0, 255, 255]
    assert decode_displayed(image).min() >= 253  # by the profile, cyan leaves no trace on white paper
    image.info["icc_profile"] = specimens.cmyk_profile()[:200]
    assert np.array_equal(decode_displayed(image), plain)


RAMP16 = np.arange(65536, dtype=np.uint16).reshape(256, 256)


@pytest.mark.parametrize("depth16", ["shift8", "minmax", "percentile"])
@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_a_16_bit_ramp_keeps_its_levels(form: str, depth16: Depth16) -> None:
    with Image.open(BytesIO(specimens.saved(form, RAMP16))) as image:
        pixels = decode_displayed(image, depth=16, depth16=depth16)
    assert len(np.unique(pixels)) >= 250
    assert (np.diff(pixels.ravel().astype(int)) >= 0).all()


def test_both_byte_orders_are_read_the_same() -> None:
    big = Image.frombytes("I;16B", (256, 256), RAMP16.astype(">u2").tobytes())
    assert np.array_equal(decode_displayed(big, depth=16), (RAMP16 >> 8).astype(np.uint8))


def test_shift8_keeps_the_high_byte_of_the_depth_and_cuts_below_zero() -> None:
    assert decode_displayed(Image.fromarray(np.array([[0, 4095]], dtype=np.uint16)), depth=12).tolist() == [[0, 255]]
    assert decode_displayed(Image.fromarray(np.array([[-5, 32767]], dtype=np.int32)), depth=16).tolist() == [[0, 127]]
    assert decode_displayed(Image.fromarray(np.array([[-5, 2**31 - 1]], dtype=np.int32)), depth=32).tolist() == [
        [0, 127]
    ]


def test_floats_have_no_high_byte_but_can_be_stretched() -> None:
    image = Image.fromarray(np.array([[-1.0, 0.0, 1.0, np.nan, np.inf]], dtype=np.float32))
    with pytest.raises(RefusedImageError, match=r"photo: its pixels are floats.*`depth16='minmax'` or 'percentile'"):
        decode_displayed(image, depth=32)
    assert decode_displayed(image, depth=32, depth16="minmax").tolist() == [[0, 128, 255, 0, 0]]


def test_percentile_is_not_led_by_one_hot_pixel() -> None:
    values = np.full((100, 100), 1000, dtype=np.uint16)
    values[:, :50], values[0, 0] = 500, 65535
    pixels = decode_displayed(Image.fromarray(values), depth=16, depth16="percentile")
    assert (pixels[1:, :50] == 0).all()
    assert (pixels[:, 50:] == 255).all()


def test_a_transparent_deep_gray_shows_the_background() -> None:
    image = Image.fromarray(np.array([[256, 512]], dtype=np.uint16))
    image.info["transparency"] = 256
    assert decode_displayed(image, depth=16).tolist() == [[255, 2]]
    assert decode_displayed(image, depth=16, background=TEAL).tolist() == [[list(TEAL), [2, 2, 2]]]


@given(hnp.arrays(np.float32, (3, 4)), st.sampled_from(["minmax", "percentile"]))
def test_stretching_never_leaves_the_range_and_never_warns(values: NDArray[np.float32], depth16: Depth16) -> None:
    assert decode_displayed(Image.fromarray(values), depth=32, depth16=depth16).shape == (3, 4)


@pytest.mark.parametrize(
    ("mode", "depth", "deep"),
    [("L", 8, False), ("RGB", 16, True), ("I;16", 16, True), ("I;16B", 12, True), ("F", 32, True), ("P", 4, False)],
)
def test_what_is_deep(mode: str, depth: int, *, deep: bool) -> None:
    assert is_deep(mode, depth) is deep


@pytest.mark.parametrize("profile", [b"", b"no profile", b"\0" * 200])
def test_what_is_no_profile_has_no_space(profile: bytes) -> None:
    assert icc_space(profile) == ""
