"""Six geometric steps in one resampling, against one resampling a step: sharpness (PSNR to the true scene) and time.

The image is a sum of sinusoids of up to 0.3 cycles a pixel, so that its value is known at any place.
"""

from __future__ import annotations

from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.plan import Plan
from bboxprep.images.raster.execute import execute
from bboxprep.recipe.affine_steps import Rotate, Scale, Shear, Translate
from bboxprep.recipe.geometric import Letterbox, RecipeStep
from bboxprep.recipe.recipe import Recipe

SIZE = Size(640, 480)
STEPS: tuple[RecipeStep, ...] = (
    Rotate(7.0), Scale(1.1), Translate(0.03, -0.02), Shear(4.0, -2.0), Rotate(-12.0), Letterbox(640),
)  # fmt: skip
Floats = NDArray[np.float64]


def scene(x: Floats, y: Floats) -> Floats:
    """The value of the scene at any place, 0 to 255."""
    chance = np.random.default_rng(0)
    value = np.full_like(x, 128.0)
    for _ in range(60):
        (across, down), phase = chance.uniform(-0.3, 0.3, 2), chance.uniform(0.0, 2.0 * np.pi)
        value += 7.0 * np.cos(2.0 * np.pi * (across * x + down * y) + phase)
    return np.asarray(np.clip(value, 0.0, 255.0))


def centres(size: Size) -> Floats:
    """The centres (H, W, 2) of the pixels."""
    return np.stack(np.meshgrid(np.arange(size.width) + 0.5, np.arange(size.height) + 0.5), axis=-1)


def stepwise(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """One resampling a step."""
    for step in STEPS:
        size = Size(pixels.shape[1], pixels.shape[0])
        pixels = execute(Plan(size).then(*step.steps(size)), pixels, kernel="cubic", pad=114)
    return pixels


def main() -> None:
    """Print both."""
    at = centres(SIZE)
    pixels = np.repeat(np.rint(scene(at[..., 0], at[..., 1])).astype(np.uint8)[..., None], 3, axis=2)
    plan = Recipe(*STEPS).plan(SIZE, Dihedral())
    source = (~plan.affine)(centres(plan.size))
    truth = scene(source[..., 0], source[..., 1])
    inner = ((source > 60) & (source < np.array(SIZE) - 60)).all(axis=-1)
    ways = {
        "one resampling": lambda: execute(plan, pixels, kernel="cubic", pad=114),
        "one a step": lambda: stepwise(pixels),
    }
    for name, way in ways.items():
        times = []
        for _ in range(5):
            start = perf_counter()
            out = way()
            times.append(perf_counter() - start)
        error = float(np.mean((out[..., 0].astype(np.float64) - truth)[inner] ** 2))
        print(f"{name:15} {10 * np.log10(255**2 / error):5.1f} dB  {min(times) * 1000:5.1f} ms")


if __name__ == "__main__":
    main()
