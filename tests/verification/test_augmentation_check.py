"""What was drawn against what may be drawn: every true draw is explained, and no other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.model.sample import Frame
from bboxprep.pipeline.output.image_rows import ImageRow
from bboxprep.pipeline.output.run_record import open_run
from bboxprep.recipe.affine_steps import Rotate, Scale, Shear, Translate
from bboxprep.recipe.appearance import Contrast, Cutout, Exposure, MotionBlur, Noise
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.crops import Crop, RandomCrop, Tile
from bboxprep.recipe.geometric import Flip, Letterbox
from bboxprep.recipe.inside import BoxFlip, BoxRandomCrop, BoxRotate
from bboxprep.recipe.recipe import ImageContext, Recipe
from bboxprep.recipe.values import OneOf
from bboxprep.verification.augmentation_check import _is_drawn_from, _requested_steps, _steps
from bboxprep.verification.verify import verify
from tests.verification.outputs import augmented, codes, copied, edit_record, edit_row, edit_rows, photos, told

SIZE = Size(640, 480)
BOXES = np.array([(10.0, 20.0, 200.0, 220.0), (300.0, 30.0, 400.0, 330.0)])
CHANCES = (
    Flip(p=0.5),
    Flip("vertical", keep=("car",)),
    Rotate((-15.0, 15.0), p=0.7),
    Rotate(OneOf((90.0, 180.0))),
    Scale((0.5, 2.0)),
    Translate((-0.2, 0.2), 0.1, p=0.5),
    Shear((-10.0, 10.0)),
    RandomCrop((0.4, 0.9), p=0.5),
    Exposure((0.7, 1.4), p=0.5),
    Contrast(OneOf((0.8, 1.2))),
    Noise((0.0, 9.0), p=0.5),
    Cutout(2, (0.1, 0.2), p=0.5),
    MotionBlur((2.0, 9.0), inside="boxes"),
    BoxFlip(p=0.5, keep=("car",)),
    BoxRotate((-25.0, 25.0)),
    BoxRandomCrop((0.5, 0.9), p=0.5),
)
WISHES = st.lists(st.sampled_from(CHANCES), min_size=1, max_size=5)


def row(recipe: dict[str, Any] | None, tile: str = "") -> ImageRow:
    frame = Frame.DISPLAYED
    return ImageRow("a.jpg", output="a.jpg", size=SIZE, frame_or_unset=frame, recipe=recipe, tile=tile)


def explained(recipe: Recipe, drawn: dict[str, Any], tile: str = "") -> bool:
    always, augment = _requested_steps(recipe.options())
    return _is_drawn_from([*always, *augment], row(drawn, tile))


@given(requested=WISHES, seed=st.integers(0, 99), key=st.text(max_size=3), copy=st.integers(0, 3))
def test_every_draw_is_explained_by_its_recipe(requested: list[Any], seed: int, key: str, copy: int) -> None:
    recipe = Recipe(Letterbox(320), augment=Augment(*requested, copies=4), seed=seed)
    drawn = recipe.drawn(
        key, copy, ImageContext(SIZE, boxes=BOXES[: seed % 3], names=frozenset({"car"} if seed % 2 else ()))
    ).recipe.options()
    assert explained(recipe, json.loads(json.dumps(drawn)))


@given(requested=WISHES, seed=st.integers(0, 99), data=st.data())
def test_a_number_that_is_not_in_its_range_is_not(requested: list[Any], seed: int, data: st.DataObject) -> None:
    recipe = Recipe(augment=Augment(*requested, copies=4), seed=seed)
    drawn = json.loads(json.dumps(recipe.drawn("a", 0, ImageContext(SIZE)).recipe.options()))
    numbers = [
        (options, key)
        for step in _steps(drawn["steps"])
        for name, options in step.items()
        for key, value in options.items()
        if isinstance(value, float) and name not in ("crop", "cutout")
    ]
    if numbers:
        options, key = data.draw(st.sampled_from(numbers))
        options[key] = 359.5
        assert not explained(recipe, drawn)


@pytest.mark.parametrize(
    "drawn",
    [
        [],
        [{"flip": {"axis": "vertical"}}, {"rotate": {"degrees": 3.0, "canvas": "keep"}}],
        [{"rotate": {"degrees": 3.0, "canvas": "keep"}}, {"flip": {"axis": "horizontal"}}],
        [{"rotate": {"degrees": 3.0, "canvas": "grow"}}],
        [{"rotate": {"degrees": 3.0}}, {"rotate": {"degrees": 3.0}}],
        [{"rotate": {"degrees": True, "canvas": "keep"}}],
        [{"rotate": 3.0}],
        ["rotate"],
        [{"rotate": {"degrees": 3.0, "canvas": "keep", "inside": "boxes", "boxes": [[0.0, 0.0, 0.5, 0.5]]}}],
    ],
)
def test_other_steps_are_not_explained(drawn: list[Any]) -> None:
    recipe = Recipe(augment=Augment(Flip(p=0.5), Rotate((-5.0, 5.0))))
    assert not explained(recipe, {**recipe.options(), "steps": drawn})
    assert explained(recipe, {**recipe.options(), "steps": [{"rotate": {"degrees": 3.0, "canvas": "keep"}}]})


@pytest.mark.parametrize("code", [1, 6])
def test_tiles_in_rows_and_columns_are_explained_and_reach_from_edge_to_edge(code: int) -> None:
    for rows, columns, overlap in ((1, 1, 0.0), (2, 3, 0.0), (3, 2, 0.25), (7, 5, 0.9)):
        recipe = Recipe(Letterbox((131, 97)), Tile(rows=rows, columns=columns, overlap=overlap))
        tiles = dict(recipe.tiles(SIZE, Dihedral.from_exif(code)))
        assert len(tiles) == rows * columns
        crops = [one.steps[-1] for one in tiles.values()]
        assert {(one.width, one.height) for one in crops if isinstance(one, Crop)} == {_sides(rows, columns, overlap)}
        edges = [(one.x, one.y, one.x + one.width, one.y + one.height) for one in crops if isinstance(one, Crop)]
        assert min(edges)[:2] == (0, 0)
        assert max(edges)[2:] == (131, 97)
        assert all(explained(recipe, drawn.options(), name) for name, drawn in tiles.items())
        assert rows * columns == 1 or not explained(recipe, next(iter(tiles.values())).options(), list(tiles)[-1])


def _sides(rows: int, columns: int, overlap: float) -> tuple[int, int]:
    """The least whole sides of tiles that overlap by `overlap` of them and cover 131x97."""
    across, down = (
        next(side for side in range(1, 132) if side + (count - 1) * (1 - overlap) * side >= length - 1e-6)
        for count, length in ((columns, 131), (rows, 97))
    )
    return across, down


@given(
    tile=st.integers(20, 400), overlap=st.sampled_from([0.0, 0.2, 0.5]), code=st.integers(1, 8), upright=st.booleans()
)
def test_every_tile_is_explained_under_its_own_name(tile: int, overlap: float, code: int, upright: bool) -> None:

    recipe = Recipe(Letterbox((500, 300)), Tile((tile, tile + 30), overlap), Flip("both"), upright=upright)
    tiles = dict(recipe.tiles(SIZE, Dihedral.from_exif(code)))
    for name, drawn in list(tiles.items())[:9]:
        assert explained(recipe, drawn.options(), name)
    last, first = list(tiles)[-1], next(iter(tiles.values()))
    assert (last == "r0c0") == explained(recipe, first.options(), last)


@pytest.fixture(scope="module")
def true_output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = Recipe(Letterbox(256), augment=Augment(Rotate((5.0, 25.0)), Flip(p=0.5)), seed=3)
    return augmented(tmp_path_factory.mktemp("drawn") / "out", photos("coco"), "coco", recipe)


@pytest.fixture
def out(true_output: Path, tmp_path: Path) -> Path:
    return copied(true_output, tmp_path / "out")


def test_what_was_drawn_is_proven(out: Path) -> None:
    proof = verify(out, photos("coco"))
    assert proof.holds, told(proof)


def test_an_augmented_picture_of_another_split(out: Path) -> None:
    turned = {
        "upright": True,
        "steps": [{"letterbox": {"size": [256, 256]}}, {"rotate": {"degrees": 9.0, "canvas": "keep"}}],
    }
    edit_row(out, "IMG_2003.jpg", recipe=turned | {"pad": 114, "kernel": "cubic"})
    edit_row(out, "IMG_2007.jpg", copy=1)
    proof = verify(out, photos("coco"))
    split = {Path(image.output or "").name: image.split for image in _rows(out)}
    assert {split["IMG_2003.jpg"], split["IMG_2007.jpg"]} == {"val"}
    assert "augmented-unseen" in codes(proof, "IMG_2003.jpg"), told(proof)
    assert codes(proof, "IMG_2007.jpg") == {"augmented-unseen"}


def test_a_draw_from_elsewhere(out: Path) -> None:
    recipe = json.loads((out / "bboxprep.json").read_text(encoding="utf-8"))["recipe"]
    recipe["augment"]["steps"][0]["rotate"]["degrees"] = [-3.0, 3.0]
    edit_record(out, recipe=recipe)
    proof = verify(out, photos("coco"))
    assert codes(proof) == {"draw-differs"}
    assert all("val/" not in fault.image for fault in proof.faults)


def test_copies_that_are_not_there(out: Path) -> None:
    recipe = json.loads((out / "bboxprep.json").read_text(encoding="utf-8"))["recipe"]
    recipe["augment"]["copies"] = 2
    edit_record(out, recipe=recipe)
    proof = verify(out, photos("coco"))
    assert codes(proof) == {"copies-differ"}
    assert "has the copies 0; the recipe asks for 2, from 0 on" in told(proof)


def test_the_first_copy_may_have_to_be_plain(out: Path) -> None:
    recipe = json.loads((out / "bboxprep.json").read_text(encoding="utf-8"))["recipe"]
    recipe["augment"] |= {"copies": 1, "plain": True}
    edit_record(out, recipe=recipe)
    assert codes(verify(out, photos("coco"))) == {"draw-differs"}


def test_rows_that_do_not_say_what_was_drawn_are_judged_by_their_affine(out: Path) -> None:
    edit_rows(out, lambda row: {key: value for key, value in row.items() if key != "recipe"})
    proof = verify(out, photos("coco"))
    assert proof.holds, told(proof)
    assert "does not say the steps" in " ".join(proof.tallies[1].words)


def _rows(out: Path) -> tuple[ImageRow, ...]:

    return open_run(out).images
