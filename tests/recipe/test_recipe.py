from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import floor

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bboxprep.errors import PlanError, UsageError
from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.shapes import map_boxes, visible_fractions
from bboxprep.model.class_mapping import ClassPolicy
from bboxprep.recipe.affine_steps import Rotate, Scale, Shear, Translate
from bboxprep.recipe.appearance import Exposure, Noise
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.combination_split import split_at_combination
from bboxprep.recipe.combining import Mosaic
from bboxprep.recipe.crops import Crop, RandomCrop, Tile
from bboxprep.recipe.geometric import Fit, Flip, Letterbox, RecipeStep
from bboxprep.recipe.recipe import Drawn, ImageContext, Recipe
from bboxprep.recipe.values import OneOf
from tests.recipe.recipes import fixed_steps, recipes
from tests.stepwise import folded
from tests.strategies import sizes

CODES = st.integers(1, 8).map(Dihedral.from_exif)
SIZES = st.builds(Size, st.integers(1, 400), st.integers(1, 400))


@given(SIZES, CODES)
def test_an_upright_recipe_gives_the_displayed_picture(size: Size, turn: Dihedral) -> None:
    plan = Recipe().plan(size, turn)
    assert plan.size == turn.size(size)
    assert plan.affine == turn.affine(size)


@given(SIZES, CODES)
def test_without_upright_nothing_turns(size: Size, turn: Dihedral) -> None:
    assert Recipe(upright=False).plan(size, turn).is_identity


@given(SIZES, CODES)
def test_steps_see_the_upright_picture(size: Size, turn: Dihedral) -> None:
    recipe, upright = Recipe(Letterbox((64, 48)), Flip("horizontal")), Recipe(Letterbox((64, 48)), Flip("horizontal"))
    turned, plain = recipe.plan(size, turn), upright.plan(turn.size(size), Dihedral())
    assert turned.size == plain.size
    mapped = plain.affine @ turn.affine(size)
    assert turned.affine.coefficients == pytest.approx(mapped.coefficients, abs=1e-9)


def test_a_recipe_reads_as_a_sentence() -> None:
    recipe = Recipe(Crop(0, 0, 300, 200), Letterbox(640), Flip("both"), pad=(1, 2, 3))
    assert str(recipe) == "upright > crop 0,0,300,200 > letterbox 640x640 pad 1,2,3 > flip both"
    assert str(Recipe(upright=False)) == "as stored"


def test_a_recipe_is_plain_data_for_the_record() -> None:
    assert Recipe(Letterbox((8, 9)), pad="edge", kernel="linear").options() == {
        "upright": True,
        "steps": [{"letterbox": {"size": [8, 9]}}],
        "pad": "edge",
        "kernel": "linear",
    }


@pytest.mark.parametrize("options", [{"kernel": "area"}, {"pad": 300}, {"pad": (0, 0, -1)}, {"pad": "mirror"}])
def test_unknown_kernels_and_pads_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"have .*, want"):
        Recipe(**options)  # type: ignore[arg-type]


def test_a_recipe_for_training_reads_as_a_sentence_too() -> None:
    augment = Augment(Flip(p=0.5, keep=("sign",)), Exposure((0.7, 1.4)), Rotate(OneOf((0, 90))), copies=3, plain=True)
    assert str(Recipe(Letterbox(640), augment=Augment(Flip(p=0.5), copies=2))) == (
        "upright > letterbox 640x640 pad 114 | augment train x2: flip horizontal p=0.5"
    )
    assert str(Recipe(Rotate(15), Shear(x=3), augment=augment)) == (
        "upright > rotate 15 pad 114 > shear x 3 y 0 | "
        "augment train x3, first plain: flip horizontal (not sign) p=0.5 > exposure 0.7..1.4 > rotate 0|90"
    )


SIGHT = ImageContext(Size(80, 60), Dihedral.from_exif(6), np.array([[10.0, 10.0, 20.0, 30.0]]), frozenset({"cat"}))


def drawn_or_none(recipe: Recipe, key: str, copy: int, split: str = "train") -> Drawn | None:
    """A draw; None where the recipe cannot be done on the picture, so that a step cannot see it."""
    try:
        return recipe.drawn(key, copy, SIGHT, split=split)
    except PlanError:
        return None


@given(recipes(tiles=0, mosaics=0), st.text(max_size=5), st.integers(0, 5))
def test_a_draw_is_fixed_repeats_itself_and_draws_itself(recipe: Recipe, key: str, copy: int) -> None:
    found = drawn_or_none(recipe, key, copy)
    assume(found)
    assert found is not None
    assert found == recipe.drawn(key, copy, SIGHT)
    drawn = found.recipe
    assert drawn.is_fixed
    assert drawn.drawn("another", copy + 1) == Drawn(drawn)
    assert (drawn.rendering.kernel, drawn.rendering.pad) == (recipe.rendering.kernel, recipe.rendering.pad)
    assert [effect.name for effect in drawn.rendering.effects] == [step.name for step in drawn.appearance]
    assert drawn.upright == recipe.upright


@given(recipes(tiles=0, mosaics=0), recipes(tiles=0, mosaics=0), st.integers(0, 5))
def test_a_draw_hangs_on_nothing_that_was_drawn_before(recipe: Recipe, other: Recipe, copy: int) -> None:
    alone = drawn_or_none(recipe, "train/b.jpg", copy)
    for key in ("train/a.jpg", "train/c.jpg"):
        drawn_or_none(other, key, copy)
        drawn_or_none(recipe, key, copy)
    assert drawn_or_none(recipe, "train/b.jpg", copy) == alone


@given(recipes(mosaics=0))
def test_a_draw_of_augment_does_not_hang_on_what_comes_before_it(recipe: Recipe) -> None:
    """A step more in what every split goes through leaves the chance of the rest as it was."""
    assume(recipe.augment and not any(step.needs_context for step in recipe.augment.steps))
    pad, kernel = recipe.rendering.pad, recipe.rendering.kernel
    more = Recipe(Fit(50), *recipe.steps, pad=pad, kernel=kernel, augment=recipe.augment, seed=recipe.seed)
    one, other = recipe.drawn("a", 1, SIGHT).recipe, more.drawn("a", 1, SIGHT).recipe
    assert other.steps == (Fit(50), *one.steps)


@given(recipes())
def test_only_training_pictures_are_augmented_and_the_first_is_plain_where_asked(recipe: Recipe) -> None:
    for split in ("val", "test"):
        assert recipe.copies(split) == 1
        assert recipe.drawn("a", 0, split=split).recipe == recipe.without_augment
    augment = recipe.augment
    assert recipe.copies("train") == (augment.copies if augment else 1)
    if augment and augment.plain:
        assert recipe.drawn("a", 0).recipe == recipe.without_augment


@given(st.lists(fixed_steps(), max_size=6), SIZES, CODES)
def test_geometric_steps_fold_into_their_product(steps: list[RecipeStep], size: Size, turn: Dihedral) -> None:
    try:
        plan = Recipe(*steps).plan(size, turn)
    except PlanError:
        assume(False)
    now, affine = turn.size(size), turn.affine(size)
    for step in steps:
        found, product = folded(now, step.steps(now))
        now, affine = found, product @ affine
    assert plan.size == now
    np.testing.assert_allclose(plan.affine.coefficients, affine.coefficients, rtol=1e-7, atol=1e-5)


def test_six_steps_are_one_plan_with_one_map() -> None:
    steps = (Scale(1.1), Rotate(10), Translate(0.05, 0.1), Shear(5), Flip("horizontal"), Letterbox(640))
    plan = Recipe(*steps).plan(Size(800, 600), Dihedral.from_exif(6))
    assert plan.size == (640, 640)
    assert plan.is_warped
    assert plan.affine.determinant < 0


def test_a_flip_leaves_what_is_to_be_kept_and_says_so() -> None:
    recipe = Recipe(Flip("horizontal", keep=("cat",)), augment=Augment(Flip("vertical", keep=("cat",), p=0.5)))
    drawn = [recipe.drawn(f"{number}", 0, SIGHT) for number in range(60)]
    assert {each.recipe.steps for each in drawn} == {()}
    assert {each.kept for each in drawn} == {1, 2}
    dogs = ImageContext(SIGHT.size, names=frozenset({"dog"}))
    assert {each.recipe.steps for each in (recipe.drawn(f"{n}", 0, dogs) for n in range(60))} == {
        (Flip("horizontal"),),
        (Flip("horizontal"), Flip("vertical")),
    }


def test_what_has_to_be_seen_is_asked_for() -> None:
    for step in (RandomCrop(), Flip(keep=("cat",))):
        with pytest.raises(UsageError, match="want the size and the objects of the image"):
            Recipe(augment=Augment(step)).drawn("a")


def test_a_recipe_of_chance_has_no_plan() -> None:
    with pytest.raises(UsageError, match="have random steps, want the recipe of one copy"):
        Recipe(augment=Augment(Flip(p=0.5))).plan(Size(3, 3), Dihedral())
    assert Recipe(augment=Augment(Flip(p=0.5))).mirrors
    assert not Recipe(augment=Augment(Rotate((0, 5)))).mirrors


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: Recipe(Flip(p=0.5)), "flip: have a random step for all splits"),
        (lambda: Recipe(Rotate((1, 2))), "rotate: have a random step"),
        (lambda: Recipe(Noise(3)), "noise: have a random step"),
        (lambda: Recipe(Tile(9), Tile(9)), "tile: have it twice"),
        (lambda: Recipe(augment=Augment(Tile(9))), "tile: have it under augment"),
        (lambda: Recipe(augment=Augment(Mosaic(9), Mosaic(9))), "mosaic: have it twice"),
        (lambda: Recipe(Mosaic(9, centre=(0.5, 0.5), others=(0, 0, 0))), "mosaic: have it in the steps for all splits"),
        (lambda: Recipe(seed=-1), "seed: have -1"),
        (lambda: Augment(), "augment: steps: have none"),
        (lambda: Augment(Flip(), copies=0), "augment: copies: have 0"),
        (lambda: Augment(Flip(), plain=True), "augment: plain: have True with 1 copies"),
    ],
)
def test_recipes_that_cannot_be_are_refused(make: Callable[[], object], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        make()


@given(SIZES, CODES, sizes(200), st.floats(0.0, 0.9))
def test_tiles_cover_the_picture_and_overlap_as_asked(size: Size, turn: Dihedral, tile: Size, overlap: float) -> None:
    recipe = Recipe(Tile(tile, overlap), Flip("horizontal"))
    shown = turn.size(size)
    with pytest.raises(UsageError, match="want a plan for one of"):
        recipe.plan(size, turn)
    found = recipe.tiles(size, turn)
    assert len({name for name, _ in found}) == len(found)
    crops = [part.steps[0] for _, part in found]
    for low, length, side, want in (
        ("x", "width", shown.width, tile.width),
        ("y", "height", shown.height, tile.height),
    ):
        spans = sorted({(getattr(crop, low), getattr(crop, low) + getattr(crop, length)) for crop in crops})
        assert spans[0][0] == 0
        assert spans[-1][1] == side
        assert {end - start for start, end in spans} == {min(want, side)}
        gaps = [end - start for (_, end), (start, _) in pairwise(spans)]
        assert min(gaps, default=want) >= min(floor(want * overlap), want - 1)
    assert found[0][1].plan(size, turn).size == (min(shown.width, tile.width), min(shown.height, tile.height))


def test_a_recipe_without_tiles_is_its_own() -> None:
    assert Recipe(Fit(9)).tiles(Size(3, 3), Dihedral()) == (("", Recipe(Fit(9))),)


@given(
    st.builds(Size, st.integers(2, 200), st.integers(2, 200)),
    st.floats(0.05, 0.5),
    st.text(max_size=5),
    st.integers(0, 5),
)
def test_the_four_of_a_mosaic_share_the_canvas_among_them(size: Size, low: float, key: str, copy: int) -> None:
    around = split_at_combination(Recipe(augment=Augment(Mosaic(size, low)), seed=3))
    assert around is not None
    mosaic = around.drawn(key, copy)
    assert isinstance(mosaic, Mosaic)
    assert mosaic == around.drawn(key, copy)
    assert len(mosaic.others or ()) == 3
    covered = np.zeros((size.height, size.width), dtype=int)
    for left, top, quarter in mosaic.quarters:
        covered[top : top + quarter.height, left : left + quarter.width] += 1
    assert (covered == 1).all()
    left, top, _ = mosaic.quarters[3]
    for side, share in ((size.width, left / size.width), (size.height, top / size.height)):
        assert low - 1 / side <= share <= 1 - low + 1 / side


def test_a_recipe_is_parted_around_its_mosaic() -> None:
    before, after = (Flip(p=0.5), Exposure((0.5, 2.0))), (Rotate((-9, 9)), Noise(3))
    recipe = Recipe(Letterbox(64), pad=3, augment=Augment(*before, Mosaic(90, p=0.5), *after, copies=4), seed=7)
    found = split_at_combination(recipe)
    assert found is not None
    assert found.before == Recipe(Letterbox(64), pad=3, augment=Augment(*before), seed=7)
    assert found.after == Recipe(pad=3, augment=Augment(*after), seed=7)
    assert found.without == Recipe(Letterbox(64), pad=3, augment=Augment(*before, *after), seed=7)
    assert {found.drawn("a", copy) is None for copy in range(9)} == {True, False}
    assert split_at_combination(Recipe(Letterbox(64), augment=Augment(*before))) is None


def test_a_mosaic_is_no_step_of_one_picture() -> None:
    recipe = Recipe(augment=Augment(Mosaic(90)))
    with pytest.raises(UsageError, match="want a draw of each part"):
        recipe.drawn("a")
    with pytest.raises(UsageError, match="becomes a part of one"):
        Mosaic(90).steps(Size(3, 3))
    assert recipe.drawn("a", split="val").recipe == Recipe()


BOXES = st.lists(st.tuples(st.integers(0, 70), st.integers(0, 50), st.integers(1, 10), st.integers(1, 10)), max_size=4)


@given(BOXES, st.integers(0, 999), st.sampled_from([1.0, 0.5, 0.0]))
def test_a_random_crop_keeps_of_each_object_what_it_has_to(
    found: list[tuple[int, int, int, int]], seed: int, least: float
) -> None:
    boxes = np.array([[x, y, x + width, y + height] for x, y, width, height in found], dtype=np.float64).reshape(-1, 4)
    recipe = Recipe(augment=Augment(RandomCrop((0.1, 0.4), min_visibility=least)), seed=seed)
    drawn = recipe.drawn("a", 0, ImageContext(Size(80, 60), boxes=boxes)).recipe
    (crop,) = drawn.steps
    assert isinstance(crop, Crop)
    plan = drawn.plan(Size(80, 60), Dihedral())
    mapped = map_boxes(plan.affine, boxes)
    assert (visible_fractions(mapped, plan.size) >= least - 1e-9).all()
    if not len(boxes):
        assert 0.05 <= crop.width * crop.height / 4800 <= 0.45


def test_equal_recipes_have_one_hash() -> None:
    """Whatever the order of the new names is; and each is hashed once."""
    names = {"a": "b", "c": "d", "e": "f"}
    one, other = (Recipe(Letterbox(64), classes=ClassPolicy(dict(pairs))) for pairs in (names, reversed(names.items())))
    assert one == other
    assert hash(one) == hash(other) == vars(one)["_hash"]
    assert hash(one) != hash(Recipe(Letterbox(64)))
