"""Effects against values worked out by hand, against laws, and beside albumentations and torchvision's formulas."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import albumentations
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image

from bboxprep.errors import InternalError
from bboxprep.geometry.affine import Size
from bboxprep.images.effects import apply, light
from bboxprep.images.effects.apply import (
    effects_applied,
    grayscale,
    holes_in,
    saturate,
    turn_hue,
)
from bboxprep.images.effects.light import exposure_table
from bboxprep.images.effects.pixel_noise import add_noise
from bboxprep.model.rendering import Effect, Pad, Rendering

Pixels = NDArray[np.uint8]

PRIMARIES = {  # and the luma of each by hand: 0.299 R + 0.587 G + 0.114 B of 255, rounded
    "red": ((255, 0, 0), 76),
    "green": ((0, 255, 0), 150),
    "blue": ((0, 0, 255), 29),
    "yellow": ((255, 255, 0), 226),
    "cyan": ((0, 255, 255), 179),
    "magenta": ((255, 0, 255), 105),
    "white": ((255, 255, 255), 255),
    "black": ((0, 0, 0), 0),
    "a half, rounded up": ((100, 100, 145), 105),  # 29.9 + 58.7 + 16.53
    "exactly a half": ((5, 0, 35), 5),  # 1.495 + 3.99 = 5.485
    "exactly a half up": ((0, 0, 250), 29),  # 28.5
}
GENTLE: dict[str, dict[str, Any]] = {
    "grayscale": {"channels": 1},
    "exposure": {"gain": 1.0, "space": "linear"},
    "contrast": {"factor": 1.0},
    "hue": {"degrees": 0.0},
    "saturation": {"factor": 1.0},
    "blur": {"sigma": 0.0},
    "noise": {"sigma": 0.0, "seed": 1},
    "cutout": {"count": 1, "size": 0.0, "holes": ()},
}


def rendering(name: str, pad: Pad = 114, **options: Any) -> Rendering:
    return Rendering(pad=pad, effects=(Effect(name, tuple(options.items())),))


def done(pixels: Pixels, name: str, pad: Pad = 114, **options: Any) -> Pixels:
    return effects_applied(pixels, rendering(name, pad, **options))


def solid(*colour: int) -> Pixels:
    return np.full((2, 3, 3), colour, dtype=np.uint8)


def ramp() -> Pixels:
    return np.tile(np.arange(256, dtype=np.uint8), (2, 1))


def colours(count: int = 40_000) -> Pixels:
    return np.random.default_rng(7).integers(0, 256, (count // 200, 200, 3), dtype=np.uint8)


def pictures() -> st.SearchStrategy[Pixels]:
    """Gray and colour, from a single pixel on."""
    sides = st.tuples(st.integers(1, 9), st.integers(1, 9))
    return sides.flatmap(lambda size: st.one_of(hnp.arrays(np.uint8, size), hnp.arrays(np.uint8, (*size, 3))))


def effects() -> st.SearchStrategy[Effect]:
    """Any effect, settled."""
    share = st.floats(0, 1)
    hole = st.tuples(share, share, share, share)
    return st.one_of(
        made("grayscale", channels=st.sampled_from([1, 3])),
        made("exposure", gain=st.floats(0, 100), space=st.sampled_from(["linear", "srgb"])),
        made("contrast", factor=st.floats(0, 100)),
        made("hue", degrees=st.floats(-180, 180)),
        made("saturation", factor=st.floats(0, 100)),
        made("blur", sigma=st.floats(0, 20)),
        made("noise", sigma=st.floats(0, 255), seed=st.integers(0, 2**63 - 1)),
        made("cutout", count=st.just(1), size=st.just(0.0), holes=st.lists(hole, max_size=3).map(tuple)),
    )


def made(name: str, **options: st.SearchStrategy[Any]) -> st.SearchStrategy[Effect]:
    return st.fixed_dictionaries(options).map(lambda said: Effect(name, tuple(said.items())))


@given(pictures(), st.lists(effects(), max_size=4))
def test_any_effects_keep_size_type_and_the_source(pixels: Pixels, wanted: list[Effect]) -> None:
    before = pixels.copy()
    out = effects_applied(pixels, Rendering(effects=tuple(wanted)))
    assert out.shape[:2] == pixels.shape[:2]
    assert out.dtype == np.uint8
    assert out.ndim == 2 or out.shape[2] == 3
    np.testing.assert_array_equal(pixels, before)
    np.testing.assert_array_equal(out, effects_applied(before, Rendering(effects=tuple(wanted))))


@given(pictures(), st.sampled_from(sorted(GENTLE)))
def test_an_effect_that_says_nothing_changes_no_pixel(pixels: Pixels, name: str) -> None:
    if name != "grayscale" or pixels.ndim == 2:
        np.testing.assert_array_equal(done(pixels, name, **GENTLE[name]), pixels)


@given(pictures(), st.lists(effects(), max_size=3), st.sampled_from([114, (255, 0, 0)]))
def test_gray_stays_gray(pixels: Pixels, wanted: list[Effect], pad: Pad) -> None:
    """One channel stays one, or becomes three equal ones where that was asked for; noise alone colours three."""
    gray = pixels if pixels.ndim == 2 else pixels[..., 0]
    quiet = tuple(effect for effect in wanted if effect.name != "noise")
    out = effects_applied(gray, Rendering(pad=pad, effects=quiet))
    if ("channels", 3) not in {option for effect in quiet for option in effect.options}:
        assert out.ndim == 2
    elif quiet[-1].name == "grayscale":
        assert out.ndim == 2 or ((out[..., :1] == out).all())


def test_an_effect_of_no_known_name_is_refused() -> None:
    with pytest.raises(InternalError, match="effect 'sparkle'"):
        done(ramp(), "sparkle")


@pytest.mark.parametrize("name", PRIMARIES)
def test_grayscale_is_the_luma_worked_out_by_hand(name: str) -> None:
    colour, luma = PRIMARIES[name]
    assert done(solid(*colour), "grayscale", channels=3).tolist() == solid(luma, luma, luma).tolist()
    assert done(solid(*colour), "grayscale", channels=1).tolist() == solid(luma, luma, luma)[..., 0].tolist()


@given(st.lists(st.tuples(*(st.integers(0, 255),) * 3), min_size=1, max_size=50))
def test_grayscale_rounds_the_exact_luma_half_up(colours: list[tuple[int, int, int]]) -> None:
    out = grayscale(np.array([colours], dtype=np.uint8), 1)
    assert out[0].tolist() == [(299 * r + 587 * g + 114 * b) // 1000 + ((299 * r + 587 * g + 114 * b) % 1000 >= 500)
                               for r, g, b in colours]  # fmt: skip


def test_grayscale_beside_other_libraries() -> None:
    """Pillow and OpenCV (which albumentations asks) differ by one level at most, for few colours, as their weights are
    fixed-point numbers; torchvision cuts the fraction off, and so is darker for half of all colours.
    """
    pixels = colours()
    ours = grayscale(pixels, 1).astype(int)
    pillow = np.asarray(Image.fromarray(pixels).convert("L")).astype(int)
    library = albumentations.ToGray(num_output_channels=1, p=1)(image=pixels)["image"].squeeze().astype(int)
    red, green, blue = np.moveaxis(pixels.astype(np.float32), -1, 0)
    torchvision = (0.2989 * red + 0.587 * green + 0.114 * blue).astype(np.uint8).astype(int)
    for other, share in ((pillow, 0.01), (library, 0.01)):
        assert np.abs(ours - other).max() <= 1
        assert (ours != other).mean() < share
    assert set(np.unique(ours - torchvision)) == {0, 1}
    assert 0.4 < (ours != torchvision).mean() < 0.6


def test_exposure_by_hand() -> None:
    """Twice the light of level 128 (0.215861 of white) is 0.431722, which sRGB writes as 0.689138: level 176."""
    linear, stored = exposure_table(2.0, "linear"), exposure_table(2.0, "srgb")
    assert linear[[0, 1, 10, 64, 128, 188, 255]].tolist() == [0, 2, 18, 90, 176, 255, 255]
    assert stored[[0, 1, 10, 64, 127, 128, 255]].tolist() == [0, 2, 20, 128, 254, 255, 255]
    assert exposure_table(0.5, "linear")[[0, 128, 255]].tolist() == [0, 92, 188]
    assert exposure_table(0.5, "srgb")[[0, 1, 3, 255]].tolist() == [0, 0, 2, 128]


@given(st.floats(0, 100), st.sampled_from(["linear", "srgb"]))
def test_exposure_never_overflows_and_keeps_the_order(gain: float, space: Any) -> None:
    table = exposure_table(gain, space).astype(int)
    assert (np.diff(table) >= 0).all()
    assert (table >= np.arange(256)).all() if gain >= 1 else (table <= np.arange(256)).all()
    assert table[0] == 0
    np.testing.assert_array_equal(done(ramp(), "exposure", gain=gain, space=space), table[ramp()])


@given(st.floats(0.05, 20))
def test_exposure_of_linear_light_is_undone_by_its_inverse_where_nothing_was_cut(gain: float) -> None:
    there = exposure_table(gain, "linear")
    back = exposure_table(1.0 / gain, "linear")[there].astype(int)
    kept = (there > 30) & (there < 255)
    slack = np.ceil(1.0 / np.gradient(there.astype(float)).clip(0.01))[kept]
    assert (np.abs(back - np.arange(256))[kept] <= slack + 1).all()


@pytest.mark.parametrize("gain", [0.3, 0.8, 1.0, 1.25, 3.0])
def test_exposure_of_stored_values_beside_other_libraries(gain: float) -> None:
    """torchvision and albumentations multiply stored values too, and cut the fraction off that is rounded here."""
    ours = exposure_table(gain, "srgb").astype(int)
    torchvision = np.clip(np.float32(gain) * np.arange(256, dtype=np.float32), 0, 255).astype(np.uint8).astype(int)
    jitter = albumentations.ColorJitter((gain, gain), (1, 1), (1, 1), (0, 0), p=1)
    library = jitter(image=np.repeat(ramp()[..., None], 3, axis=2))["image"][0, :, 0].astype(int)
    assert set(np.unique(ours - torchvision)) <= {0, 1}
    assert np.abs(ours - library).max() <= 1


def test_contrast_by_hand() -> None:
    """The mean luma of levels 0 and 200 is 100: half the contrast is 50 and 150, twice is cut at 0 and 255."""
    pixels = np.array([[0, 200]], dtype=np.uint8)
    assert done(pixels, "contrast", factor=0.5).tolist() == [[50, 150]]
    assert done(pixels, "contrast", factor=2.0).tolist() == [[0, 255]]
    assert done(pixels, "contrast", factor=0.0).tolist() == [[100, 100]]
    two = np.array([[[255, 0, 0], [0, 0, 255]]], dtype=np.uint8)  # luma 76.245 and 29.07, mean 52.6575
    assert done(two, "contrast", factor=0.5).tolist() == [[[154, 26, 26], [26, 26, 154]]]


@pytest.mark.parametrize("factor", [0.0, 0.4, 1.7])
def test_contrast_beside_other_libraries(factor: float) -> None:
    """torchvision (its blend with the mean of the rounded-down gray, cut) and albumentations are within 1.5 levels."""
    pixels = colours()
    ours = done(pixels, "contrast", factor=factor).astype(int)
    red, green, blue = np.moveaxis(pixels.astype(np.float32), -1, 0)
    mean = np.floor(0.2989 * red + 0.587 * green + 0.114 * blue).mean()
    torchvision = np.clip(factor * pixels + (1 - factor) * mean, 0, 255).astype(np.uint8).astype(int)
    jitter = albumentations.ColorJitter((1, 1), (factor, factor), (1, 1), (0, 0), p=1)
    assert np.abs(ours - torchvision).max() <= 1.5
    assert np.abs(ours - jitter(image=pixels)["image"].astype(int)).max() <= 1.5


@pytest.mark.parametrize(
    ("degrees", "moved"),
    [(60, (255, 255, 0)), (120, (0, 255, 0)), (180, (0, 255, 255)), (-120, (0, 0, 255)), (-60, (255, 0, 255))],
)
def test_hue_of_red_by_hand(degrees: float, moved: tuple[int, ...]) -> None:
    assert done(solid(255, 0, 0), "hue", degrees=degrees).tolist() == solid(*moved).tolist()


@given(pictures())
def test_a_third_of_the_circle_changes_the_places_of_the_channels(pixels: Pixels) -> None:
    if pixels.ndim == 3:
        np.testing.assert_array_equal(turn_hue(pixels, 120), pixels[..., [2, 0, 1]])
        np.testing.assert_array_equal(turn_hue(turn_hue(pixels, 120), -120), pixels)


@given(pictures(), st.floats(-180, 180))
def test_hue_keeps_the_largest_and_the_least_channel(pixels: Pixels, degrees: float) -> None:
    if pixels.ndim == 3:
        turned = turn_hue(pixels, degrees)
        np.testing.assert_array_equal(turned.max(axis=2), pixels.max(axis=2))
        np.testing.assert_array_equal(turned.min(axis=2), pixels.min(axis=2))


def test_hue_beside_other_libraries() -> None:
    """albumentations works on hues in steps of 2 degrees and rounded saturations, so it differs by some levels, and
    does not give back what it got. Ours is the formula of torchvision for floats.
    """
    pixels = colours()
    nothing = albumentations.ColorJitter((1, 1), (1, 1), (1, 1), (0.0, 0.0), p=1)
    library = albumentations.ColorJitter((1, 1), (1, 1), (1, 1), (0.25, 0.25), p=1)(image=pixels)["image"].astype(int)
    ours = turn_hue(pixels, 90).astype(int)
    assert np.abs(ours - library).mean() < 1.5
    assert np.abs(ours - library).max() > 2
    hsv = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + 90) % 360
    exact = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * 255
    assert np.abs(ours - exact).max() < 0.51
    assert nothing(image=pixels)["image"].shape == pixels.shape


def test_saturation_by_hand() -> None:
    """Red has the luma 76.245: half as far from it is 165.6 and 38.1, twice as far is cut at 255 and 0."""
    assert done(solid(255, 0, 0), "saturation", factor=0.5).tolist() == solid(166, 38, 38).tolist()
    assert done(solid(255, 0, 0), "saturation", factor=2.0).tolist() == solid(255, 0, 0).tolist()
    assert done(solid(200, 100, 50), "saturation", factor=0.0).tolist() == solid(124, 124, 124).tolist()


@pytest.mark.parametrize("factor", [0.0, 0.4, 1.7])
def test_saturation_beside_other_libraries(factor: float) -> None:
    """torchvision blends with the gray that it rounded down, and cuts; albumentations with the gray that it rounded."""
    pixels = colours()
    ours = saturate(pixels, factor).astype(int)
    red, green, blue = np.moveaxis(pixels.astype(np.float32), -1, 0)
    gray = np.floor(0.2989 * red + 0.587 * green + 0.114 * blue)[..., None]
    torchvision = np.clip(factor * pixels + (1 - factor) * gray, 0, 255).astype(np.uint8).astype(int)
    jitter = albumentations.ColorJitter((1, 1), (1, 1), (factor, factor), (0, 0), p=1)
    assert np.abs(ours - torchvision).max() <= 2
    assert np.abs(ours - jitter(image=pixels)["image"].astype(int)).max() <= 2


def test_blur_spreads_a_point_as_a_gaussian() -> None:
    pixels = np.zeros((41, 41), dtype=np.uint8)
    pixels[20, 20] = 255
    row = done(pixels, "blur", sigma=1.0)[20].astype(float)
    wanted = 255 / (2 * np.pi) * np.exp(-((np.arange(41) - 20.0) ** 2) / 2)
    assert np.abs(row - wanted).max() < 1.0
    flat = np.full((5, 4, 3), 77, dtype=np.uint8)
    np.testing.assert_array_equal(done(flat, "blur", sigma=50.0), flat)


@pytest.mark.parametrize("sigma", [0.7, 2.0, 6.0])
def test_blur_beside_albumentations(sigma: float) -> None:
    """Both ask OpenCV; albumentations ends its kernel at 3.5 sigma, OpenCV by itself at 3."""
    pixels = colours()
    library = albumentations.GaussianBlur(0, (sigma, sigma), p=1)(image=pixels)["image"].astype(int)
    assert np.abs(done(pixels, "blur", sigma=sigma).astype(int) - library).max() <= 2


@given(st.floats(0.5, 40), st.integers(0, 2**63 - 1))
def test_noise_has_the_spread_that_was_asked_for(sigma: float, seed: int) -> None:
    noise = add_noise(np.full((60, 50, 3), 128, dtype=np.uint8), sigma, seed).astype(float) - 128
    inside = np.sqrt(sigma**2 + 1 / 12) if sigma < 30 else sigma  # rounded; beyond that much is cut
    assert abs(noise.mean()) < 6 * sigma / np.sqrt(9000) + 0.01
    assert noise.std() == pytest.approx(inside, rel=0.06)
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.12


def test_noise_is_the_same_for_ever() -> None:
    """The bytes themselves: nothing may change them, no platform and no version."""
    pixels = np.full((64, 64, 3), 128, dtype=np.uint8)
    digest = sha256(add_noise(pixels, 12.5, 20_240_229).tobytes()).hexdigest()
    assert digest == "29bd1381e9ac906420e26cb78ee6ae0163055604c4d6b237e7a4336537e5f7d8"
    assert sha256(add_noise(pixels, 12.5, 20_240_230).tobytes()).hexdigest() != digest


def test_noise_of_one_size_is_the_same_in_another_process() -> None:
    code = (
        "import numpy as np; from hashlib import sha256; from bboxprep.images.effects.pixel_noise import add_noise;"
        "print(sha256(add_noise(np.zeros((9, 7, 3), np.uint8), 30.0, 5).tobytes()).hexdigest())"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert there == sha256(add_noise(np.zeros((9, 7, 3), dtype=np.uint8), 30.0, 5).tobytes()).hexdigest()


@pytest.mark.parametrize(("pad", "fill"), [(0, 0), (114, 114), ("edge", 114), ("reflect", 114)])
def test_a_cutout_is_filled_with_the_pad(pad: Pad, fill: int) -> None:
    out = done(np.full((10, 20), 200, dtype=np.uint8), "cutout", pad, holes=((0.25, 0.1, 0.5, 0.3),))
    wanted = np.full((10, 20), 200)
    wanted[1:4, 5:15] = fill
    assert out.tolist() == wanted.tolist()


def test_a_coloured_pad_fills_gray_with_its_luma() -> None:
    holes = ((0.0, 0.0, 1.0, 0.5),)
    assert done(np.zeros((2, 1), dtype=np.uint8), "cutout", (255, 0, 0), holes=holes).tolist() == [[76], [0]]
    assert done(solid(1, 2, 3), "cutout", (255, 0, 0), holes=holes)[0, 0].tolist() == [255, 0, 0]


def test_holes_lie_on_whole_pixels_inside_the_picture() -> None:
    effect = Effect("cutout", (("holes", ((0.24, 0.9, 0.3, 0.3),)),))
    assert holes_in(Size(10, 10), effect).tolist() == [[2, 9, 5, 10]]
    assert holes_in(Size(10, 10), Effect("blur", (("sigma", 1.0),))).shape == (0, 4)


MISTAKES: dict[str, Callable[[Any], Any]] = {
    "wraps around": lambda levels: levels.astype(np.int64).astype(np.uint8),
    "cuts the fraction off": lambda levels: np.clip(levels, 0, 255).astype(np.uint8),
    "casts before it rounds": lambda levels: np.rint(np.clip(levels, 0, 255).astype(np.uint8)),
    "loses white": lambda levels: np.clip(np.rint(levels), 0, 254).astype(np.uint8),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_values_worked_out_by_hand_catch_mistakes(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (apply, light):
        monkeypatch.setattr(module, "rounded", MISTAKES[mistake])
    exposure_table.cache_clear()
    with pytest.raises(AssertionError):
        test_exposure_by_hand()
    exposure_table.cache_clear()
