"""Random steps and recipes for the laws of this folder."""

from __future__ import annotations

from hypothesis import strategies as st

from bboxprep.model.rendering import Pad
from bboxprep.recipe import appearance as looks
from bboxprep.recipe.affine_steps import Rotate, Scale, Shear, Translate
from bboxprep.recipe.albumentations import Albumentations
from bboxprep.recipe.appearance import Blur, Contrast, Cutout, Exposure, Grayscale, Hue, Noise, Saturation
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.combining import CopyPaste, Mixup, Mosaic
from bboxprep.recipe.crops import Crop, RandomCrop, Tile
from bboxprep.recipe.geometric import Fill, Fit, Flip, Letterbox, RecipeStep, Resize
from bboxprep.recipe.inside import BoxFlip, BoxRandomCrop, BoxShear
from bboxprep.recipe.multiples import Multiple
from bboxprep.recipe.recipe import Recipe
from bboxprep.recipe.values import OneOf
from tests.strategies import sizes

NAMES = st.text(st.characters(codec="utf-8"), max_size=8)
PLACES = st.sampled_from(["centre", "top-left"])
CHANCES = st.one_of(st.just(1.0), st.floats(0.0, 1.0))
INSIDE = st.sampled_from([None, "boxes"])


def numbers(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False, allow_subnormal=False)


def amounts(low: float, high: float) -> st.SearchStrategy[float | tuple[float, float] | OneOf]:
    """Numbers, ranges and choices."""
    number = numbers(low, high)
    return st.one_of(
        number,
        st.tuples(number, number).map(lambda pair: (min(pair), max(pair))),
        st.lists(number, min_size=1, max_size=3).map(lambda values: OneOf(tuple(values))),
    )


def fixed_steps() -> st.SearchStrategy[RecipeStep]:
    """Steps without chance that move pixels, and any number of which can follow each other."""
    corner, side, right = st.integers(0, 5), st.integers(1, 90), st.sampled_from([0, 90, 180, 270, -90])
    return st.one_of(
        st.builds(Letterbox, sizes(90), PLACES),
        st.builds(Letterbox, place=PLACES, sizes=st.lists(sizes(90), min_size=1, max_size=3).map(tuple)),
        st.builds(Multiple, st.integers(2, 40), max_pixels=st.none() | st.integers(1600, 9999)),
        st.builds(Multiple, st.integers(2, 40), st.just("pad"), place=PLACES),
        st.builds(Resize, sizes(90)),
        st.builds(Fit, sizes(90)),
        st.builds(Fill, sizes(90)),
        st.builds(Flip, st.sampled_from(["horizontal", "vertical", "both"])),
        st.builds(Rotate, st.one_of(right, numbers(-360, 360)), st.sampled_from(["keep", "grow"])),
        st.builds(Scale, numbers(0.5, 2.0)),
        st.builds(Translate, numbers(-0.5, 0.5), numbers(-0.5, 0.5)),
        st.builds(Shear, numbers(-40, 40), numbers(-40, 40), st.sampled_from(["keep", "grow"])),
        st.builds(Crop, corner, corner, side, side),
        st.builds(Crop, *(numbers(0, 40),) * 2, *(numbers(1, 60),) * 2, st.just("%")),
        st.builds(Grayscale, st.sampled_from([1, 3])),
        st.builds(Exposure, numbers(0.1, 5.0), st.sampled_from(["linear", "srgb"])),
    )  # fmt: skip


def chance_steps() -> st.SearchStrategy[RecipeStep]:
    """Steps of every kind that may stand under augment, with and without chance."""
    names = st.lists(NAMES, max_size=2).map(tuple)
    return st.one_of(
        st.builds(Flip, st.sampled_from(["horizontal", "vertical", "both"]), names, p=CHANCES),
        st.builds(Rotate, amounts(-360, 360), st.sampled_from(["keep", "grow"]), p=CHANCES),
        st.builds(Scale, amounts(0.1, 5.0), p=CHANCES),
        st.builds(Translate, amounts(-1, 1), amounts(-1, 1), p=CHANCES),
        st.builds(Shear, amounts(-80, 80), amounts(-80, 80), p=CHANCES),
        st.builds(RandomCrop, amounts(0.2, 1.0), amounts(0.5, 2.0), numbers(0.0, 1.0), p=CHANCES),
        st.builds(BoxFlip, st.sampled_from(["horizontal", "vertical", "both"]), names, p=CHANCES),
        st.builds(BoxShear, amounts(-80, 80), amounts(-80, 80), p=CHANCES),
        st.builds(BoxRandomCrop, amounts(0.2, 1.0), amounts(0.5, 2.0), p=CHANCES),
        st.builds(Grayscale, st.sampled_from([1, 3]), p=CHANCES),
        st.builds(Exposure, amounts(0.1, 5.0), st.sampled_from(["linear", "srgb"]), p=CHANCES),
        st.builds(Contrast, amounts(0, 5), p=CHANCES),
        st.builds(Hue, amounts(-180, 180), p=CHANCES),
        st.builds(Saturation, amounts(0, 5), p=CHANCES),
        st.builds(Blur, amounts(0, 9), p=CHANCES),
        st.builds(Noise, amounts(0, 50), st.one_of(st.none(), st.integers(0, 2**63 - 1)), p=CHANCES),
        st.builds(Cutout, st.integers(1, 4), amounts(0, 1), p=CHANCES),
        st.builds(looks.MotionBlur, amounts(1, 40), amounts(-360, 360), inside=INSIDE, p=CHANCES),
        st.builds(looks.SaltPepper, amounts(0, 1), p=CHANCES),
        st.builds(looks.CameraGain, amounts(0, 1), inside=INSIDE, p=CHANCES),
        st.builds(looks.ContrastStretch, amounts(0, 40), amounts(60, 100), p=CHANCES),
        st.builds(looks.AutoContrast, amounts(0, 40), p=CHANCES),
        st.builds(looks.Equalize, p=CHANCES),
        st.builds(looks.Clahe, amounts(0, 50), st.integers(1, 64), p=CHANCES),
        st.builds(Albumentations, st.just({"transform": {"p": 0.5, "é": [1, None]}}), p=CHANCES),
        st.builds(Albumentations, object=st.just("some.module:pipeline"), p=CHANCES),
        fixed_steps(),
    )


PADS: st.SearchStrategy[Pad] = st.one_of(
    st.integers(0, 255), st.tuples(*(st.integers(0, 255),) * 3), st.just("edge"), st.just("reflect")
)


TILES = st.builds(Tile, st.none(), numbers(0, 0.9), st.integers(1, 4), st.integers(1, 4))


def combinations() -> st.SearchStrategy[RecipeStep]:
    """Any step that makes one image of several."""
    return st.one_of(
        st.builds(Mosaic, st.integers(2, 90), numbers(0.05, 0.5), p=CHANCES),
        st.builds(Mixup, amounts(0.01, 0.99), p=CHANCES),
        st.builds(CopyPaste, amounts(0.01, 1), st.booleans(), p=CHANCES),
    )


@st.composite
def recipes(draw: st.DrawFn, *, tiles: int = 1, mosaics: int = 1) -> Recipe:
    """Any recipe, with a tile and a mosaic at times."""
    steps = draw(st.lists(fixed_steps(), max_size=3)) + draw(
        st.lists(st.builds(Tile, sizes(90), numbers(0, 0.9)) | TILES, max_size=tiles)
    )
    chance = draw(st.lists(chance_steps(), max_size=4)) + draw(st.lists(combinations(), max_size=mosaics))
    copies = draw(st.integers(1, 5))
    chance.sort(key=lambda step: 2 * isinstance(step, Albumentations) + step.needs_boxes)  # what moves pixels is first
    return Recipe(
        *steps,
        upright=draw(st.booleans()),
        pad=draw(PADS),
        kernel=draw(st.sampled_from(["nearest", "linear", "cubic", "lanczos"])),
        augment=Augment(*chance, copies=copies, plain=copies > 1 and draw(st.booleans())) if chance else None,
        seed=draw(st.integers(0, 2**63 - 1)),
    )
