from __future__ import annotations

from hashlib import sha256

import numpy as np
import pytest

from bboxprep.images.effects.light import decoded
from bboxprep.images.effects.pixel_noise import add_sensor_noise, salt_and_pepper

EXPECTED = ["6cc569bce5290808", "24cb79918d8cdba5"]
FLAT = np.full((300, 400, 3), 128, dtype=np.uint8)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.05, 0.5, 1.0])
def test_salt_and_pepper_take_their_share_and_as_many_of_each(share: float) -> None:
    found = salt_and_pepper(FLAT, share, 4)
    salt, pepper = (found == 255).all(axis=2).mean(), (found == 0).all(axis=2).mean()
    off = 5 * np.sqrt(share / 2 / 120_000) + 1e-9
    assert (salt, pepper) == pytest.approx((share / 2, share / 2), abs=off)
    assert (found == 128).all(axis=2).mean() == pytest.approx(1 - salt - pepper)


@pytest.mark.parametrize("level", [30, 90, 180])
def test_the_noise_of_a_sensor_grows_with_the_light(level: int) -> None:
    """The variance of the light is the variance asked for times the light; a level is a part of it."""
    light = decoded(add_sensor_noise(np.full((400, 500), level, dtype=np.uint8), 0.0004, 9) / 255.0)
    wanted = decoded(np.array([level / 255.0]))[0]
    assert light.mean() == pytest.approx(wanted, rel=0.01)
    assert light.var() == pytest.approx(0.0004 * wanted, rel=0.05)


def test_no_noise_where_there_is_no_light_and_none_without_variance() -> None:
    assert not add_sensor_noise(np.zeros((9, 9), dtype=np.uint8), 0.5, 1).any()
    assert add_sensor_noise(FLAT, 0.0, 1) is FLAT


def test_the_bytes_are_those_of_every_machine() -> None:
    found = add_sensor_noise(FLAT, 0.01, 7), salt_and_pepper(FLAT, 0.01, 7)
    assert [sha256(each.tobytes()).hexdigest()[:16] for each in found] == EXPECTED
