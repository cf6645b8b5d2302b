"""Each way to resample against its definition in floating point, and against the place where its pixels belong."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import floor
from typing import Literal, get_args

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image

from bboxprep.geometry.affine import Size
from bboxprep.images.raster.resample import SHARP, Box, Pixels, quick_way, resample
from bboxprep.model.rendering import Kernel

Floats = NDArray[np.float64]
Profile = Callable[[Floats], Floats]


def cubic(a: float) -> Profile:
    """Keys' cubic with the parameter `a`."""

    def profile(x: Floats) -> Floats:
        x = np.abs(x)
        near = (a + 2) * x**3 - (a + 3) * x**2 + 1
        return np.where(x < 1, near, np.where(x < 2, a * (x**3 - 5 * x**2 + 8 * x - 4), 0.0))

    return profile


def lanczos(x: Floats) -> Floats:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)


def weights(old: int, new: int, profile: Profile, reach: int, *, widen: bool) -> Floats:
    """(new, old): what each old pixel gives each new one; beyond its edges a row goes on as it ends."""
    ratio = old / new
    width = max(ratio, 1.0) if widen else 1.0
    margin = int(reach * width) + 2
    places = np.arange(-margin, old + margin)
    found = profile((places + 0.5 - (np.arange(new)[:, None] + 0.5) * ratio) / width)
    folded = np.zeros((new, old))
    for column, place in enumerate(np.clip(places, 0, old - 1)):
        folded[:, place] += found[:, column]
    return np.asarray(folded / folded.sum(axis=1, keepdims=True))


def shares(old: int, new: int) -> Floats:
    """(new, old): the share of each old pixel in the area under each new one."""
    edges = np.arange(new + 1) * old / new
    first = np.arange(old)
    under = np.minimum(first + 1, edges[1:, None]) - np.maximum(first, edges[:-1, None])
    return np.asarray(under.clip(0) * new / old)


def exact(pixels: Pixels | Floats, size: Size, way: Literal["cubic", "area", "lanczos"]) -> Floats:
    """`pixels` at `size` in floating point, 0 to 255."""
    height, width = pixels.shape[:2]
    along = []
    for old, new in ((height, size.height), (width, size.width)):
        match way:
            case "area":
                along.append(shares(old, new))
            case "cubic":
                along.append(weights(old, new, cubic(-0.75), 2, widen=False))
            case "lanczos":
                along.append(weights(old, new, lanczos, 3, widen=True))
    rows = np.tensordot(along[0], pixels.astype(np.float64), 1)
    return np.asarray(np.moveaxis(np.tensordot(along[1], rows, (1, 1)), 0, 1).clip(0, 255))


def whole(pixels: Pixels) -> Box:
    return (0.0, 0.0, float(pixels.shape[1]), float(pixels.shape[0]))


def decibels(one: Floats, other: Floats) -> float:
    return float(10 * np.log10(255**2 / np.mean((one - other) ** 2)))


@st.composite
def stretches(draw: st.DrawFn) -> tuple[Size, tuple[int, int, int, int], Size]:
    """A raster, a box of whole pixels on it, and a size that it grows to along both axes or shrinks to along both."""
    raster = draw(st.builds(Size, st.integers(1, 40), st.integers(1, 40)))
    left, top = draw(st.integers(0, raster.width - 1)), draw(st.integers(0, raster.height - 1))
    right, bottom = draw(st.integers(left + 1, raster.width)), draw(st.integers(top + 1, raster.height))
    wide, high = right - left, bottom - top
    shrunk = st.builds(Size, st.integers(1, wide), st.integers(1, high))
    grown = st.builds(Size, st.integers(wide, 60), st.integers(high, 60))
    return raster, (left, top, right, bottom), draw(st.one_of(shrunk, grown))


@given(stretches(), st.sampled_from([(), (3,)]), st.data())
def test_the_quick_ways_are_what_they_say(
    stretch: tuple[Size, tuple[int, int, int, int], Size], channels: tuple[int, ...], data: st.DataObject
) -> None:
    raster, (left, top, right, bottom), size = stretch
    way = quick_way(raster, (left, top, right, bottom), size)
    assert way in ("cubic", "area")
    pixels = data.draw(hnp.arrays(np.uint8, (raster.height, raster.width, *channels)))
    found = resample(pixels, (left, top, right, bottom), size, "auto", reduced=False)
    assert found.shape == (size.height, size.width, *channels)
    assert np.abs(found - exact(pixels[top:bottom, left:right], size, way)).max() <= 1.0


def test_the_check_tells_the_ways_apart() -> None:
    pixels = photo(Size(40, 30))
    for way, old, size in (
        ("cubic", cv2.INTER_LINEAR, Size(50, 40)),
        ("cubic", cv2.INTER_LANCZOS4, Size(50, 40)),
        ("area", cv2.INTER_LINEAR, Size(17, 13)),
        ("area", cv2.INTER_NEAREST, Size(17, 13)),
    ):
        assert np.abs(cv2.resize(pixels, size, interpolation=old) - exact(pixels, size, way)).max() > 5.0  # type: ignore[arg-type]


def smoothed(pixels: Pixels, size: Size) -> Floats:
    """`pixels` under a Gaussian that goes with how much they shrink, along both axes; beyond the edges they go on."""
    found = pixels.astype(np.float64)
    for axis, covered in ((0, pixels.shape[0] / size.height), (1, pixels.shape[1] / size.width)):
        sigma = 0.35 * np.sqrt(covered**2 - 1)
        reach = 1 if sigma < 0.62 else int(np.ceil(2 * sigma))
        taps = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2)) if sigma else np.ones(1)
        places = np.arange(pixels.shape[axis])[:, None] + np.arange(len(taps)) - len(taps) // 2
        around = np.take(found, places.clip(0, pixels.shape[axis] - 1), axis=axis)
        found = np.tensordot(around, taps / taps.sum(), (axis + 1, 0))
    return found


@given(stretches(), st.sampled_from([(), (3,)]), st.data())
def test_a_reduced_raster_is_smoothed_where_it_shrinks(
    stretch: tuple[Size, tuple[int, int, int, int], Size], channels: tuple[int, ...], data: st.DataObject
) -> None:
    raster, (left, top, right, bottom), size = stretch
    pixels = data.draw(hnp.arrays(np.uint8, (raster.height, raster.width, *channels)))
    found = resample(pixels, (left, top, right, bottom), size, "auto", reduced=True)
    part = pixels[top:bottom, left:right]
    if quick_way(raster, (left, top, right, bottom), size, reduced=True) == "smoothed":
        assert np.abs(found - exact(np.rint(smoothed(part, size)), size, "cubic")).max() <= 4.0
    else:
        assert np.array_equal(found, resample(pixels, (left, top, right, bottom), size, "auto", reduced=False))


def test_smoothing_brings_a_photo_nearer_to_an_exact_resampling() -> None:
    pixels = photo(Size(160, 120))
    for size in (Size(102, 76), Size(80, 60), Size(66, 50)):
        smooth = resample(pixels, whole(pixels), size, "auto", reduced=True).astype(np.float64)
        sharp = cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC).astype(np.float64)
        for way in WAYS:
            assert decibels(smooth, exact(pixels, size, way)) > decibels(sharp, exact(pixels, size, way)) + 3


WAYS: tuple[Literal["area", "lanczos"], ...] = ("area", "lanczos")
SIZES = st.builds(Size, st.integers(1, 40), st.integers(1, 40))
ENDS = st.lists(st.sampled_from([-0.5, 0.0, 1.0, 3.5, 8.0, 20.0, 20.25, 41.0]), min_size=2, max_size=2, unique=True)


@given(
    st.builds(Size, st.integers(1, 40), st.integers(1, 40)),
    ENDS.map(sorted),
    ENDS.map(sorted),
    st.builds(Size, st.integers(1, 40), st.integers(1, 40)),
)
def test_the_quick_ways_are_taken_only_where_they_are_exact(
    raster: Size, columns: list[float], rows: list[float], size: Size
) -> None:
    (left, right), (top, bottom) = columns, rows
    box = (left, top, right, bottom)
    way = quick_way(raster, box, size)
    across, down = (right - left) / size.width, (bottom - top) / size.height
    if left < 0 or top < 0 or right > raster.width or bottom > raster.height or any(edge % 1 for edge in box):
        assert way is None
    elif way == "cubic":
        assert max(across, down) <= SHARP
    elif way == "area":
        assert min(across, down) >= 1
    else:
        assert max(across, down) > SHARP
        assert min(across, down) < 1


@pytest.mark.parametrize("kernel", [kernel for kernel in get_args(Kernel) if kernel not in {"auto", "nearest"}])
def test_the_kernels_by_name_are_pillow_s(kernel: Kernel) -> None:
    pixels = photo(Size(40, 30))
    name = {"linear": "bilinear", "cubic": "bicubic"}.get(kernel, kernel).upper()
    for size in (Size(50, 40), Size(17, 13), Size(50, 13)):
        want = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling[name]))
        assert np.array_equal(resample(pixels, whole(pixels), size, kernel, reduced=False), want)


EIGHTHS = st.integers(-8, 8 * 12).map(lambda eighths: Fraction(eighths, 8))
STRETCHES = st.lists(EIGHTHS, min_size=2, max_size=2, unique=True).map(sorted)


@given(st.builds(Size, st.integers(1, 12), st.integers(1, 12)), STRETCHES, STRETCHES, SIZES, st.sampled_from("CF"))
def test_nearest_is_the_pixel_under_each_middle(
    raster: Size, columns: list[Fraction], rows: list[Fraction], size: Size, order: Literal["C", "F"]
) -> None:
    pixels = np.arange(raster.pixels, dtype=np.uint8).reshape(raster.height, raster.width)
    box = (float(columns[0]), float(rows[0]), float(columns[1]), float(rows[1]))
    found = resample(np.asarray(pixels, order=order), box, size, "nearest", reduced=False)
    (left, right), (top, bottom) = columns, rows
    for row in range(size.height):
        for column in range(size.width):
            y = floor(top + (row + Fraction(1, 2)) * (bottom - top) / size.height)
            x = floor(left + (column + Fraction(1, 2)) * (right - left) / size.width)
            want = pixels[min(max(y, 0), raster.height - 1), min(max(x, 0), raster.width - 1)]
            assert found[row, column] == want


@pytest.mark.parametrize(
    ("box", "size", "reduced"),
    [
        ((0.0, 0.0, 40.0, 30.0), Size(50, 15), True),
        ((0.0, 0.0, 39.25, 29.5), Size(20, 15), True),
        ((0.0, 0.0, 40.0, 30.0), Size(50, 15), False),
        ((0.5, 0.0, 40.0, 30.0), Size(20, 15), False),
        ((0.0, 0.0, 39.25, 29.5), Size(60, 50), False),
    ],
)
def test_auto_is_cubic_where_no_quick_way_is_exact(box: Box, size: Size, *, reduced: bool) -> None:
    pixels = photo(Size(40, 30))
    want = resample(pixels, box, size, "cubic", reduced=reduced)
    assert np.array_equal(resample(pixels, box, size, "auto", reduced=reduced), want)


def test_a_box_that_reaches_out_sees_the_edge_go_on() -> None:
    pixels = np.array([[10, 20, 30]], np.uint8)
    found = resample(pixels, (-0.5, 0.0, 3.5, 1.0), Size(4, 1), "linear", reduced=False)
    assert found.tolist() == [[10, 15, 25, 30]]


def photo(size: Size, seed: int = 1) -> Pixels:
    """(H, W, 3) whose spectrum falls like that of photos, and reaches the finest detail."""
    random = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(size.height)[:, None], np.fft.rfftfreq(size.width)[None, :])
    frequency[0, 0] = np.inf
    channels = []
    for _ in range(3):
        phases = np.exp(2j * np.pi * random.random(frequency.shape))
        plane = np.fft.irfft2(phases / frequency**1.3, s=(size.height, size.width))
        channels.append(plane / plane.std() * 50 + 120)
    return np.stack(channels, axis=-1).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("size", "like", "least"),
    [
        (Size(640, 480), "lanczos", 45.0),
        (Size(450, 337), "lanczos", 45.0),
        (Size(356, 267), "lanczos", 45.0),
        (Size(355, 266), "area", 55.0),
        (Size(300, 225), "area", 55.0),
        (Size(123, 92), "area", 55.0),
    ],
)
def test_auto_is_as_good_as_is_promised(size: Size, like: Literal["lanczos", "area"], least: float) -> None:
    pixels = photo(Size(400, 300))
    found = resample(pixels, whole(pixels), size, "auto", reduced=False).astype(np.float64)
    assert decibels(found, exact(pixels, size, like)) >= least


def test_the_promise_is_broken_by_an_aliased_or_a_blurred_picture() -> None:
    pixels = photo(Size(400, 300))
    aliased = cv2.resize(pixels, (123, 92), interpolation=cv2.INTER_LINEAR)
    assert decibels(aliased.astype(np.float64), exact(pixels, Size(123, 92), "area")) < 49
    blurred = cv2.resize(pixels, (640, 480), interpolation=cv2.INTER_LINEAR)
    assert decibels(blurred.astype(np.float64), exact(pixels, Size(640, 480), "lanczos")) < 45
