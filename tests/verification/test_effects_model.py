from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bboxprep.recipe.appearance import Contrast
from bboxprep.recipe.geometric import Letterbox
from bboxprep.recipe.recipe import Recipe
from bboxprep.verification.effects_model import apply_effects, level_of
from bboxprep.verification.verify import verify
from tests.tiny import tiny
from tests.verification.outputs import make

RAMP = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (32, 1))  # (32, 64)


@pytest.mark.parametrize("steps", [None, 3, [], ["blur"], [{"rotate": {"degrees": 3}}, {"grayscale": {"channels": 1}}]])
def test_what_does_not_touch_the_gray_leaves_it(steps: object) -> None:
    found = apply_effects(RAMP, steps)
    np.testing.assert_array_equal(found.gray, RAMP)
    assert (found.outside_holes, found.bleed, found.weak) == (None, 0.0, "")


@pytest.mark.parametrize(
    ("options", "level", "want"),
    [
        ({"gain": 2.0, "space": "srgb"}, 100, 200),
        ({"gain": 2.0, "space": "srgb"}, 200, 255),
        ({"gain": 0.5}, 188, 137.1),  # half of the light of 50.3 % gray (IEC 61966-2-1)
        ({"gain": 2.0, "space": "linear"}, 4, 8),  # where the curve is a line
        ({"gain": 1.0}, 120, 120),
    ],
)
def test_an_exposure(options: dict[str, Any], level: int, want: float) -> None:
    found = apply_effects(np.full((2, 2), level, dtype=np.uint8), [{"exposure": options}])
    assert found.gray[0, 0] == pytest.approx(want, abs=0.51)
    assert not found.weak


def test_contrast_is_about_the_mean_and_clips() -> None:
    found = apply_effects(RAMP, [{"contrast": {"factor": 2.0}}]).gray
    assert (found.min(), found.max()) == (0.0, 255.0)
    assert found[0, 32] - found[0, 31] == pytest.approx(8.0)
    assert apply_effects(RAMP, [{"contrast": {"factor": 0}}]).gray.std() == 0


def test_contrast_is_about_the_mean_of_the_whole_output_with_its_margin(tmp_path: Path) -> None:
    """A bright wide picture in a square of darker gray: what is expected of it was 19 gray levels off."""
    photos = tiny(tmp_path / "photos", range(1), (96, 32))
    path = next(photos.rglob("*.jpg"))
    with Image.open(path) as opened:
        opened.point(lambda level: 180 + level // 4).save(path, quality=95)
    out = make(tmp_path / "out", photos, "yolo", Recipe(Letterbox(96), Contrast(0.5)))
    assert verify(out).faults == ()


@pytest.mark.parametrize(("pad", "level"), [(114, 114.0), ([255, 0, 0], 76.245), ("edge", None), (None, None)])
def test_the_gray_level_of_a_pad(pad: object, level: float | None) -> None:
    assert level_of(pad) == (None if level is None else pytest.approx(level))


def test_holes_are_not_bare_and_a_blur_bleeds() -> None:
    steps = [{"cutout": {"count": 1, "size": 0.0, "holes": [[0.25, 0.5, 0.25, 0.25]]}}, {"blur": {"sigma": 2.0}}]
    found = apply_effects(RAMP, steps)
    assert found.outside_holes is not None
    rows, columns = np.nonzero(~found.outside_holes)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (15, 24, 15, 32)
    assert (found.bleed, found.weak) == (6.0, "")
    assert found.gray[:, :4].mean() > RAMP[:, :4].mean()


@pytest.mark.parametrize(
    "step",
    [
        {"hue": {"degrees": 40}},
        {"exposure": {"gain": [0.5, 2.0]}},
        {"exposure": {"gain": 6.0}},
        {"noise": {"sigma": 30.0, "seed": 1}},
        {"cutout": {"count": 2, "size": 0.3}},
        {"albumentations": {"object": "a:b"}},
    ],
)
def test_after_what_cannot_be_repeated_unlikeness_says_nothing(step: dict[str, Any]) -> None:
    assert apply_effects(RAMP, [step, {"contrast": {"factor": 1.5}}]).weak == next(iter(step))
