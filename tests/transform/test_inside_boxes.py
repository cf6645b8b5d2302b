"""Effects inside boxes: those of the output image, whatever moves them later, and no pixel outside."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bboxprep.errors import UsageError
from bboxprep.geometry.affine import Size
from bboxprep.images.effects import apply
from bboxprep.images.effects.apply import effects_applied, whole_pixels
from bboxprep.model.dataset import Dataset
from bboxprep.model.rendering import Rendering
from bboxprep.pipeline.source.open import open_source
from bboxprep.recipe import appearance as looks
from bboxprep.recipe.affine_steps import Rotate
from bboxprep.recipe.albumentations import Albumentations
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.combining import Mosaic
from bboxprep.recipe.crops import RandomCrop
from bboxprep.recipe.geometric import Flip, Letterbox, RecipeStep
from bboxprep.recipe.load import recipe_of
from bboxprep.recipe.recipe import ImageContext, Recipe
from tests.tiny import tiny

PICTURE = np.random.default_rng(2).integers(0, 256, (40, 50, 3), dtype=np.uint8)
STEPS = (
    looks.Exposure(1.7, inside="boxes"),
    looks.Contrast(0.4, inside="boxes"),
    looks.Hue(60.0, inside="boxes"),
    looks.Saturation(0.2, inside="boxes"),
    looks.Blur(3.0, inside="boxes"),
    looks.MotionBlur(9.0, 40.0, inside="boxes"),
    looks.Noise(30.0, seed=3, inside="boxes"),
    looks.SaltPepper(0.3, seed=3, inside="boxes"),
    looks.CameraGain(0.1, seed=3, inside="boxes"),
)
SHARES = st.tuples(*(st.floats(0.0, 0.6),) * 4)


def effect_of(step: looks.RegionStep, boxes: object) -> Rendering:
    found = recipe_of({"steps": [{step.name: {**step.options(), "boxes": boxes}}]})
    return Rendering(effects=found.rendering.effects)


def blame(step: looks.RegionStep, boxes: list[tuple[float, ...]]) -> str:
    """What is wrong with the pixels after a step inside `boxes`; "" for nothing."""
    found = effects_applied(PICTURE, effect_of(step, boxes))
    inside = np.zeros(PICTURE.shape[:2], dtype=np.bool_)
    for x0, y0, x1, y1 in whole_pixels(Size(50, 40), boxes).tolist():
        inside[y0:y1, x0:x1] = True
    if (found != PICTURE)[~inside].any():
        return "a pixel outside changed"
    whole = {name: value for name, value in step.options().items() if name != "inside"}
    everywhere = effects_applied(PICTURE, recipe_of({"steps": [{step.name: whole}]}).rendering)
    return "a pixel inside differs" if (found != everywhere)[inside].any() else ""


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
@given(boxes=st.lists(SHARES, min_size=1, max_size=3))
@settings(max_examples=8)
def test_no_pixel_outside_changes_and_those_inside_are_as_in_the_whole(
    step: looks.RegionStep, boxes: list[tuple[float, ...]]
) -> None:
    assert blame(step, boxes) == ""


def test_the_law_catches_an_effect_that_reaches_out_of_its_box(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = apply.whole_pixels
    monkeypatch.setattr(apply, "whole_pixels", lambda *given: honest(*given) + np.array([0, 0, 1, 0]))
    assert blame(STEPS[4], [(0.2, 0.2, 0.3, 0.3)]) == "a pixel outside changed"
    monkeypatch.setattr(apply, "whole_pixels", lambda *given: honest(*given) - np.array([0, 0, 1, 0]))
    assert blame(STEPS[4], [(0.2, 0.2, 0.3, 0.3)]) == "a pixel inside differs"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return open_source(tiny(tmp_path_factory.mktemp("inside") / "photos", range(4))).dataset


@pytest.mark.parametrize(
    "later",
    [(Flip(),), (Rotate((10.0, 30.0)),), (RandomCrop((0.5, 0.8), min_visibility=0.3), Flip("vertical"))],
    ids=str,
)
def test_the_boxes_are_those_of_the_output_whichever_steps_move_them_later(
    dataset: Dataset, later: tuple[RecipeStep, ...]
) -> None:
    """Black boxes: all pixels of each object are black, and few beside."""
    black = looks.Exposure(0.01, "srgb", inside="boxes")
    recipe = Recipe(
        Letterbox(
            (80, 60),
        ),
        augment=Augment(black, *later),
        pad=255,
        seed=1,
    )
    for sample in dataset:
        assert sample.header
        context = ImageContext.of(sample, dataset.categories.names, sample.header.turn)
        drawn = recipe.drawn(str(sample.name), 0, context).recipe
        assert recipe_of(drawn.options()) == drawn
        made = sample.transform(drawn)
        pixels, height, width = made.pixels(), *made.pixels().shape[:2]
        dark = np.zeros((height, width), dtype=np.bool_)
        for x0, y0, x1, y1 in made.instances.boxes.tolist():
            dark[int(np.ceil(y0)) : int(y1), int(np.ceil(x0)) : int(x1)] = True
        assert pixels[dark].max() <= 3
        assert len(made.instances)


def test_an_image_without_objects_is_left_as_it_is() -> None:
    recipe = Recipe(augment=Augment(looks.Blur((1.0, 2.0), inside="boxes"), Flip()))
    assert recipe.drawn("a", 0, ImageContext(Size(9, 9))).recipe.steps == (Flip(),)
    with pytest.raises(UsageError, match="blur: want the size and the objects"):
        recipe.drawn("a")


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ((looks.Blur(1.0, inside="boxes"), Mosaic(32)), "blur: inside: have it before mosaic"),
        ((Albumentations(object="a:b"), looks.Blur(1.0, inside="boxes")), "blur: inside: have it after albumentations"),
    ],
)
def test_where_the_boxes_are_not_known_it_is_refused(steps: tuple[RecipeStep, ...], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Recipe(augment=Augment(*steps))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([{"blur": {"sigma": 1, "inside": "boxes"}}], "blur: have a random step for all splits"),
        ([{"blur": {"sigma": 1, "inside": "box"}}], "blur: inside: have 'box', want one of boxes"),
        ([{"blur": {"sigma": 1, "inside": "boxes", "boxes": [[0, 0, 2, 1]]}}], "blur: boxes: have 2, want a number"),
        ([{"blur": {"sigma": 1, "inside": "boxes", "boxes": 3}}], "blur: boxes: have 3, want a list"),
        ([{"cutout": {"inside": "boxes"}}], "cutout: have the unknown option 'inside'"),
        ([{"clahe": {"tiles": 0}}], "clahe: tiles: have 0, want a whole number of 1 to 64"),
        ([{"motion_blur": 0}], "motion_blur: length: have 0, want a number of 1 to 300"),
    ],
)
def test_a_wrong_option_says_what_is_wanted(data: object, words: str) -> None:
    with pytest.raises(UsageError, match=words.replace("[", r"\[")):
        recipe_of({"steps": data})
