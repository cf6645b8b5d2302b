from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from bboxprep.errors import UsageError
from bboxprep.geometry.affine import Affine, Size
from bboxprep.io.safe_names import safe_relative
from bboxprep.model.sample import Frame
from bboxprep.pipeline.output.image_rows import IMAGES, ImageRow, ObjectCounts, PartRow, encode_rows, read_images
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.combining import Mosaic
from bboxprep.recipe.geometric import Flip, Letterbox, RecipeStep
from bboxprep.recipe.recipe import Recipe

SOURCE = Path(__file__).parents[3] / "fixtures" / "phone-photos-coco"

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
COUNTS = st.integers(0, 2**53)
SIZES = st.none() | st.builds(Size, st.integers(1, 2**31), st.integers(1, 2**31))
FACTORS = st.none() | st.tuples(*[st.floats(-1e12, 1e12)] * 6)
RECIPES = st.none() | st.dictionaries(TEXTS, st.integers() | TEXTS | st.lists(st.floats(-1, 1), max_size=2), max_size=2)
PARTS = st.builds(
    PartRow, TEXTS, st.sampled_from(Frame), FACTORS, TEXTS, st.booleans(), RECIPES, st.sampled_from(["", "r0c1"])
)
ROWS = st.builds(
    ImageRow,
    source=TEXTS,
    split=TEXTS,
    sha256=st.none() | TEXTS,
    output=st.none() | TEXTS.filter(safe_relative),
    objects=st.builds(ObjectCounts, COUNTS, COUNTS, st.dictionaries(TEXTS, COUNTS, max_size=2)),
    size=SIZES,
    orientation_or_unset=st.just(UNSET) | st.integers(-9, 99),
    frame_or_unset=st.just(UNSET) | st.sampled_from(Frame),
    evidence_or_unset=st.just(UNSET) | TEXTS,
    made=TEXTS,
    factors=st.just(UNSET) | FACTORS,
    not_affine=TEXTS,
    output_size=SIZES,
    mirrored=st.booleans(),
    copy_or_unset=st.just(UNSET) | COUNTS,
    recipe=RECIPES,
    tile=TEXTS,
    parts=st.lists(PARTS, max_size=2).map(tuple),
)


def converted(tmp_path: Path, recipe: Recipe, *, labels_only: bool = False) -> Path:
    run_options = RunOptions(labels_only=labels_only)
    convert_source(open_source(SOURCE), tmp_path / "out", "yolo", recipe, run_options=run_options)
    return tmp_path / "out"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return converted(tmp_path, Recipe(Letterbox(320)))


@given(row=ROWS)
def test_a_row_that_is_read_and_written_again_keeps_its_bytes(row: ImageRow) -> None:
    line = encode_rows([row])
    again = msgspec.json.decode(line, type=ImageRow)
    assert encode_rows([again]) == line
    assert again == row


DRAWN: dict[str, tuple[RecipeStep, ...]] = {
    "plain": (),
    "fixed": (Letterbox(320),),
    "chance": (Flip("horizontal", p=0.5), Letterbox(64)),
    "mosaic": (Mosaic((64, 64)), Flip("horizontal", p=0.5)),
}


@pytest.mark.parametrize("steps", DRAWN.values(), ids=DRAWN)
def test_rows_of_a_run_keep_their_bytes_and_have_the_fields_of_what_they_record(
    tmp_path: Path, steps: tuple[RecipeStep, ...]
) -> None:
    data = (converted(tmp_path, Recipe(augment=Augment(*steps, copies=2)) if steps else Recipe()) / IMAGES).read_bytes()
    images, problems = read_images(tmp_path / "out")
    assert not problems
    assert encode_rows(images) == data
    always = ["source", "split", "sha256", "output", "objects", "size", "orientation", "frame", "evidence", "made"]
    for line, row in zip(map(json.loads, data.splitlines()), images, strict=True):
        assert list(line)[: len(always)] == always
        assert list(line["objects"]) == ["in", "out", "dropped"]
        assert "affine" in line
        assert ("not_affine" in line) == (line["affine"] is None) == bool(row.parts)
        assert ("copy" in line) == ("recipe" in line)
        for part in line.get("parts", ()):
            assert list(part)[:3] == ["source", "frame", "affine"]


def test_a_run_says_where_each_image_came_from_and_how(out: Path) -> None:
    images = {row.output: row for row in read_images(out)[0]}
    assert len(images) == 12
    image = images["images/train/IMG_2006.jpg"]
    assert (image.source, image.orientation, image.frame) == ("train/IMG_2006.jpg", 6, Frame.DISPLAYED)
    assert (image.size, image.frame_size, image.output_size) == (Size(1600, 1200), Size(1200, 1600), Size(320, 320))
    assert image.affine == Affine(0.2, 0.0, 40.0, 0.0, 0.2, 0.0)
    assert image.to_source.coefficients == pytest.approx((5.0, 0.0, -200.0, 0.0, 5.0, 0.0))


def test_fields_of_later_versions_are_ignored_and_missing_ones_have_defaults(out: Path) -> None:
    row = '{"source": "a.jpg", "later": [1, 2], "objects": {"in": 1, "new": 3}}\n'
    (out / IMAGES).write_text(row, encoding="utf-8")
    ((image,), problems) = read_images(out)
    assert not problems
    assert (image.split, image.output, image.affine, image.size) == ("train", None, None, None)
    assert (image.orientation, image.frame, image.evidence, image.copy) == (1, Frame.DISPLAYED, "", 0)
    assert (image.objects.source_count, image.objects.written, image.objects.dropped) == (1, 0, {})
    with pytest.raises(UsageError, match="holds no affine"):
        _ = image.to_source


DAMAGED: dict[str, Any] = {
    "size": [0, 3], "output_size": [3, 2**40], "frame": "x", "orientation": "6", "affine": [1, 2], "objects": 3,
    "copy": -1, "recipe": [], "parts": [{"frame": "stored"}], "split": None, "evidence": None, "made": 3,
}  # fmt: skip


LINES = [json.dumps({"source": "a", name: value}) for name, value in DAMAGED.items()]


@pytest.mark.parametrize("line", ["{", "[]", '{"source": 3}', *LINES])
def test_a_damaged_row_is_named_and_the_others_are_read(out: Path, line: str) -> None:
    path = out / IMAGES
    path.write_text(path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    images, (problem,) = read_images(out)
    assert len(images) == 12
    assert problem[0] == "line 13"
    assert problem[1].startswith("is not a row of an image (")
