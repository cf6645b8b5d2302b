"""Geometric steps beside albumentations, pixels, maps and boxes, and beside the formula by which torchvision's tests
reckon boxes. (How pictures look: `tests/images/test_appearance.py`.)

The maps are the same. What differs is on purpose: `rotate` turns clockwise, `shear` leans the other way, what
shrinks is antialiased, and where a box has an outline it follows that, not its own turned corners.
"""

from __future__ import annotations

import json
from math import cos, radians, sin
from typing import Any

import albumentations as A
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import IDENTITY
from bboxprep.geometry.plan import Plan
from bboxprep.geometry.shapes import map_boxes
from bboxprep.images.effects.albumentations_adapter import Augmented, Named, Shapes, augment
from bboxprep.images.raster.execute import execute
from bboxprep.model.instances import Instances
from bboxprep.model.object_policy import ObjectPolicy
from bboxprep.model.validation import Location
from bboxprep.recipe.affine_steps import Rotate, Scale, Shear, Translate
from bboxprep.recipe.crops import Crop
from bboxprep.recipe.geometric import Flip, RecipeStep, Resize
from bboxprep.recipe.recipe import Recipe
from bboxprep.transform.map_objects import map_objects

SIZE, BOX = Size(160, 120), (60.0, 40.0, 100.0, 85.0)
BOXES = np.array([BOX])
SPOT = Location("a.png", "train", ("cat",))


def smooth() -> NDArray[np.uint8]:
    """A picture of blobs that uses all levels."""
    noise = cv2.GaussianBlur(np.random.default_rng(1).uniform(0, 1, (SIZE.height, SIZE.width, 3)), (0, 0), 3.0)
    return np.asarray(np.rint((noise - noise.min()) / (noise.max() - noise.min()) * 255).astype(np.uint8))


def theirs(transform: Any) -> Augmented:
    return augment(smooth(), Shapes(BOXES), Named(json.dumps(A.to_dict(A.Compose([transform]))), None), 1)


def plan_of(step: RecipeStep) -> Plan:
    return Recipe(step).plan(SIZE, IDENTITY)


SAME = {  # and by how many levels pixels differ on average, margins and edges included
    "flip": (A.HorizontalFlip(p=1), Flip("horizontal"), 0.0),
    "flip, vertical": (A.VerticalFlip(p=1), Flip("vertical"), 0.0),
    "crop": (A.Crop(10, 20, 110, 100, p=1), Crop(10, 20, 100, 80), 0.0),
    "translate": (A.Affine(translate_px={"x": (16, 16), "y": (-12, -12)}, p=1), Translate(0.1, -0.1), 0.0),
    "rotate, the other way": (A.Rotate((30, 30), p=1), Rotate(-30), 0.1),
    "rotate, a little": (A.Rotate((-17, -17), p=1), Rotate(17), 0.1),
    "shear, the other way": (A.Affine(shear={"x": (-10, -10), "y": (0, 0)}, p=1), Shear(10), 0.1),
    "shear, level lines": (A.Affine(shear={"x": (0, 0), "y": (-10, -10)}, p=1), Shear(0, 10), 0.1),
    "resize, larger": (A.Resize(200, 300), Resize((300, 200)), 0.5),
    "scale, antialiased": (A.Affine(scale=(0.8, 0.8), p=1), Scale(0.8), 1.0),
    "resize, antialiased": (A.Resize(60, 80), Resize((80, 60)), 1.5),
}


@pytest.mark.parametrize("name", SAME)
def test_a_step_is_what_albumentations_does(name: str) -> None:
    transform, step, levels = SAME[name]
    made, plan = theirs(transform), plan_of(step)
    assert made.found.affine is not None
    np.testing.assert_allclose(plan.affine.coefficients, made.found.affine.coefficients, atol=1e-4)
    np.testing.assert_allclose(map_boxes(plan.affine, BOXES), made.boxes, atol=1e-3)
    pixels = execute(plan, smooth(), kernel="linear", pad=0)
    assert np.abs(pixels.astype(int) - made.pixels).mean() <= levels


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_right_angles_are_those_of_numpy(quarters: int) -> None:
    pixels = execute(plan_of(Rotate(-90.0 * quarters)), smooth(), kernel="linear", pad=0)
    np.testing.assert_array_equal(pixels, np.rot90(smooth(), quarters))


def affine_boxes(matrix: NDArray[np.float64], box: tuple[float, ...], size: Size) -> NDArray[np.float64]:
    """The reference of torchvision's tests: the four corners through the matrix, the box around them, clamped."""
    x0, y0, x1, y1 = box
    corners = np.array([[x0, y0, 1], [x1, y0, 1], [x1, y1, 1], [x0, y1, 1]]) @ matrix.T
    around = np.concatenate((corners.min(axis=0), corners.max(axis=0)))
    return np.asarray(np.clip(around, 0.0, np.tile(size, 2)))


@pytest.mark.parametrize("angle", [-90, -45, 0, 30, 180, 250])
def test_a_turned_box_of_corners_is_that_of_torchvision_and_an_outline_makes_it_tighter(angle: int) -> None:
    """Its angle is counterclockwise, about the middle of the picture."""
    a, x, y = radians(angle), SIZE.width / 2, SIZE.height / 2
    turn = [[cos(a), sin(a), x - cos(a) * x - sin(a) * y], [-sin(a), cos(a), y + sin(a) * x - cos(a) * y]]
    wanted = affine_boxes(np.array(turn), BOX, SIZE)
    plan = plan_of(Rotate(float(-angle)))
    if angle == -90:  # the canvas turns along, which theirs does when it is told to expand
        wanted = wanted + np.tile([(plan.size.width - 160) / 2, (plan.size.height - 120) / 2], 2)
    corners, _ = map_objects(Instances.of(BOXES, [0]), plan, SPOT, ObjectPolicy(turned="corners"))
    np.testing.assert_allclose(corners.boxes[0], wanted, atol=1e-9)
    diamond = np.array([[80.0, 40.0], [100.0, 60.0], [80.0, 85.0], [60.0, 60.0]])
    tight, _ = map_objects(Instances.of(BOXES, [0], polygons=[(diamond,)]), plan, SPOT)
    inside = plan.affine(diamond)
    np.testing.assert_allclose(tight.boxes[0], [*inside.min(axis=0), *inside.max(axis=0)], atol=1e-9)
