"""Pixels that move inside boxes: which, where they come from, whose they are, and what is left as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bboxprep.errors import UsageError
from bboxprep.geometry.affine import Size
from bboxprep.images.effects import apply
from bboxprep.images.effects.apply import effects_applied, whole_pixels
from bboxprep.model.instances import Instances
from bboxprep.recipe.affine_steps import Rotate
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.combining import Mosaic
from bboxprep.recipe.geometric import Flip, RecipeStep, Resize, StepContext
from bboxprep.recipe.inside import BoxCrop, BoxFlip, BoxMove, BoxRandomCrop, BoxRotate, BoxShear
from bboxprep.recipe.load import recipe_of
from bboxprep.recipe.recipe import ImageContext, Recipe

SIZE = Size(50, 40)
PICTURE = np.random.default_rng(2).integers(0, 256, (40, 50, 3), dtype=np.uint8)
BOXES = st.lists(st.tuples(*(st.floats(0.0, 0.6),) * 4), min_size=1, max_size=3)
EXACT: dict[str, tuple[BoxMove, tuple[int, int]]] = {  # the step, and the strides of its mirror
    "flip": (BoxFlip(), (1, -1)),
    "flip down": (BoxFlip("vertical"), (-1, 1)),
    "half turn": (BoxRotate(180.0), (-1, -1)),
}
OTHERS = (BoxRotate(25.0), BoxRotate(90.0), BoxShear(20.0, -9.0), BoxCrop(10.0, 20.0, 60.0, 50.0, "%"))
Shares = Sequence[tuple[float, ...]]
Pixels = NDArray[np.uint8]


def moved(step: BoxMove, boxes: Shares, still: Shares = (), picture: Pixels = PICTURE) -> Pixels:
    options = {**step.options(), "boxes": boxes, "still": still}
    return effects_applied(picture, recipe_of({"steps": [{step.name: options}]}).rendering)


def blame(step: BoxMove, strides: tuple[int, int], boxes: Shares, still: Shares) -> str:
    """What is wrong with the pixels after a mirror by `strides` inside `boxes`; "" for nothing."""
    found, wanted, top = moved(step, boxes, still), PICTURE.copy(), np.full((40, 50), np.inf)
    for number, (x0, y0, x1, y1) in enumerate(whole_pixels(SIZE, [*boxes, *still]).tolist()):
        content, area = PICTURE[y0:y1, x0:x1], (x1 - x0) * (y1 - y0)
        on_top = top[y0:y1, x0:x1] >= area
        mirrored = content[:: strides[0], :: strides[1]] if number < len(boxes) else content
        wanted[y0:y1, x0:x1][on_top] = mirrored[on_top]
        top[y0:y1, x0:x1][on_top] = area
    if (found != wanted)[np.isinf(top)].any():
        return "a pixel outside changed"
    return "a pixel inside is not that of its box" if (found != wanted).any() else ""


@pytest.mark.parametrize(("step", "strides"), EXACT.values(), ids=list(EXACT))
@given(boxes=BOXES, still=BOXES)
@settings(max_examples=20)
def test_each_pixel_is_of_the_smallest_box_on_it(
    step: BoxMove, strides: tuple[int, int], boxes: Shares, still: Shares
) -> None:
    assert blame(step, strides, boxes, still) == ""


def one_after_the_other(pixels: Pixels, step: BoxMove, boxes: NDArray[np.int64], *_: object) -> Pixels:
    """A mistake: each box is moved with what the boxes before it made of it."""
    out = pixels.copy()
    for x0, y0, x1, y1 in boxes.tolist():
        out[y0:y1, x0:x1] = out[y0:y1, x0:x1][:, ::-1]
    return out


def a_pixel_off(pixels: Pixels, step: BoxMove, boxes: NDArray[np.int64], *_: object) -> Pixels:
    """A mistake: a flip by W - 1."""
    return np.asarray(np.roll(one_after_the_other(pixels, step, boxes[:1]), 1, axis=1))


@pytest.mark.parametrize("mistake", [one_after_the_other, a_pixel_off])
def test_the_law_catches(mistake: Callable[..., Pixels], monkeypatch: pytest.MonkeyPatch) -> None:
    nested = [(0.1, 0.1, 0.6, 0.6), (0.2, 0.2, 0.2, 0.2)]
    assert blame(*EXACT["flip"], nested, []) == ""
    monkeypatch.setattr(apply, "moved_in_boxes", mistake)
    assert blame(*EXACT["flip"], nested, []) == "a pixel inside is not that of its box"


@pytest.mark.parametrize("step", [*OTHERS, *(step for step, _ in EXACT.values())], ids=str)
@given(box=st.tuples(*(st.floats(0.0, 0.6),) * 4))
@settings(max_examples=12)
def test_a_box_has_nothing_of_what_is_around_it(step: BoxMove, box: tuple[float, ...]) -> None:
    (x0, y0, x1, y1), other = whole_pixels(SIZE, [box])[0].tolist(), 255 - PICTURE
    other[y0:y1, x0:x1] = PICTURE[y0:y1, x0:x1]
    one, two = moved(step, [box]), moved(step, [box], picture=other)
    assert (one[y0:y1, x0:x1] == two[y0:y1, x0:x1]).all()
    outside = np.ones((40, 50), dtype=np.bool_)
    outside[y0:y1, x0:x1] = False
    assert (two == other)[outside].all()
    gray = moved(step, [box], picture=np.ascontiguousarray(PICTURE[..., 0]))
    assert (np.abs(gray.astype(int) - one[..., 0]) <= 1).all()


def test_a_turned_or_cut_object_fills_its_box() -> None:
    box, picture = [(0.1, 0.1, 0.6, 0.5)], np.zeros((40, 50), dtype=np.uint8)
    picture[4:24, 5:20] = 255  # the left half of the box
    assert moved(BoxRotate(90.0), box, picture=picture)[4:13, 5:35].min() == 255  # is the upper one after a quarter
    cut = moved(BoxCrop(0.0, 0.0, 50.0, 100.0, "%"), box, picture=picture)
    assert cut[4:24, 5:35].min() == 255
    assert cut[:, :5].max() == 0


def context(instances: Instances, **facts: object) -> StepContext:
    alone = instances.have_box_alone.tolist()
    classes = tuple("abcd"[label] if one else None for label, one in zip(instances.labels, alone, strict=True))
    return StepContext(Size(100, 100), instances.boxes, frozenset("abcd"), classes, **facts)  # type: ignore[arg-type]


RING = [np.array([(0.0, 0.0), (9.0, 0.0), (9.0, 9.0)])]
NO_CORNERS = np.full((1, 4, 2), np.nan)
OBJECTS = Instances.of(
    [(10, 10, 40, 40), (50, 50, 60, 60), (12, 12, 20, 20), (70, 0, 90, 20), (0, 70, 20, 90), (30, 30, 45, 45)],
    [0, 1, 2, 2, 3, 3],
    polygons=[(), (), RING, (), (), ()],
    crowd=[False, False, False, True, False, False],
    oriented=np.concatenate((*(NO_CORNERS,) * 4, np.ones((1, 4, 2)), NO_CORNERS)),
)


def test_objects_with_more_than_a_box_crowds_and_kept_classes_stay() -> None:
    facts = context(OBJECTS, sided=frozenset("b"))
    assert BoxRotate(20.0).moved(facts).tolist() == [True, True, False, False, False, True]
    assert BoxFlip(keep=("d",)).moved(facts).tolist() == [True, False, False, False, False, False]
    assert BoxFlip("both").moved(facts).tolist() == [True, True, False, False, False, True]
    drawn = BoxFlip(keep=("d",)).within(facts)
    assert isinstance(drawn, BoxFlip)
    assert drawn.boxes == ((0.1, 0.1, 0.30000000000000004, 0.30000000000000004),)
    assert len(drawn.still) == 2  # the polygon on it, and the kept one that meets it
    assert drawn.is_fixed
    assert BoxFlip(keep=("a", "b", "c", "d")).within(facts) is None
    keypoints = Instances.of([(0, 0, 9, 9)] * 2, [0, 0], keypoints=np.ones((2, 1, 2)), visibility=[[0], [2]])
    assert keypoints.have_box_alone.tolist() == [True, False]


@pytest.mark.parametrize("later", [(), (Flip(),), (Resize(30), Rotate(90.0))], ids=str)
def test_boxes_are_those_of_the_output_and_the_record_repeats_its_pixels(later: tuple[RecipeStep, ...]) -> None:
    recipe = Recipe(augment=Augment(BoxFlip(), BoxRandomCrop((0.4, 0.9)), BoxRotate((-30.0, 30.0)), *later), seed=5)
    facts = ImageContext(Size(50, 40), boxes=np.array([(5.0, 5.0, 25.0, 30.0), (20.0, 0.0, 50.0, 20.0)]))
    drawn = recipe.drawn("a", 0, facts).recipe
    moves = [step for step in drawn.steps if isinstance(step, BoxMove)]
    assert [step.name for step in moves] == ["flip", "crop", "rotate"]
    assert not recipe.without_augment.mirrors
    assert drawn.mirrors == (Flip() in later)
    again = recipe_of(drawn.options())
    assert again == drawn
    outcome = drawn.step_context(facts)
    for step in moves:
        sides = np.tile(outcome.size, 2)
        edges = np.array(step.boxes) * sides
        edges[:, 2:] += edges[:, :2]
        assert np.allclose(edges, outcome.boxes)
    picture = np.zeros((outcome.size.height, outcome.size.width, 3), dtype=np.uint8)
    assert (effects_applied(picture, again.rendering) == effects_applied(picture, drawn.rendering)).all()


@pytest.mark.parametrize(
    ("step", "options", "words"),
    [
        ("flip", {"inside": "image"}, "flip: inside: have 'image', want one of boxes"),
        ("flip", {"inside": None}, "flip: inside: have None, want one of boxes"),
        ("flip", {"inside": "boxes", "still": [[0, 0, 2, 1]]}, "flip: still: have 2, want a number"),
        ("scale", {"factor": 2, "inside": "boxes"}, "scale: have the unknown option 'inside'"),
        ("crop", {"x": 0, "y": 0, "width": 5, "height": 5, "inside": "boxes"}, "crop: x: have px inside boxes"),
        ("random_crop", {"min_visibility": 0, "inside": "boxes"}, "min_visibility: have 0 inside boxes"),
        ("rotate", {"degrees": 5, "pad": 0, "inside": "boxes"}, "rotate: have the unknown option 'pad'"),
    ],
)
def test_a_wrong_option_says_what_is_wanted(step: str, options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        recipe_of({"augment": [{step: options}]})


def test_it_is_for_training_images_and_refused_before_a_mosaic() -> None:
    with pytest.raises(UsageError, match="flip: have a random step for all splits"):
        recipe_of({"preprocess": [{"flip": {"inside": "boxes"}}]})
    with pytest.raises(UsageError, match="rotate: inside: have it before mosaic"):
        Recipe(augment=Augment(BoxRotate(5.0), Mosaic(32)))
