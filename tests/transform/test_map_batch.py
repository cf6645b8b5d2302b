"""What a batch of samples becomes by a recipe is what each of them becomes by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.geometry.affine import Affine, Affines, Size
from bboxprep.images.codecs.codec import DEFAULT_IMAGE_POLICY
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories, Category
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.object_policy import ObjectPolicy
from bboxprep.model.sample import Sample
from bboxprep.recipe.crops import Crop
from bboxprep.recipe.geometric import Flip, Letterbox, Resize
from bboxprep.recipe.recipe import Recipe
from bboxprep.transform import map_batch
from bboxprep.transform.render import SampleRenderer
from tests.strategies import samples

TABLE = Categories(
    (
        Category("left_hand", keypoints=("left", "right")),
        Category("cup"),
        Category("right_hand", keypoints=("left", "right")),
    )
)
RENDERER = SampleRenderer(TABLE, DEFAULT_IMAGE_POLICY, ObjectPolicy(swap_classes=(("left_hand", "right_hand"),)))
MOST = 9  # keypoints of an object of any sample
RECIPES = [
    Recipe(),
    Recipe(upright=False),
    Recipe(Letterbox(64)),
    Recipe(Resize((50, 70)), Flip("horizontal")),
    Recipe(Flip("both")),
    Recipe(Crop(2, 3, 20, 20)),
]


@st.composite
def batches(draw: st.DrawFn) -> list[Sample]:
    """Samples of which some are refused, and some of whose objects lie in their image whole."""
    found = []
    for number, one in enumerate(draw(st.lists(samples(), min_size=1, max_size=4))):
        sample = replace(one, name=PurePosixPath(f"{number}.jpg"), renderer=RENDERER)
        if sample.header and draw(st.booleans()):
            boxes = np.clip(sample.instances.boxes, 0, np.tile(np.array(sample.size), 2))
            sample = replace(sample, instances=replace(sample.instances, boxes=boxes))
        found.append(replace(sample, refusal="size-contradicts") if draw(st.integers(0, 5)) == 0 else sample)
    return found


def shown(sample: Sample) -> list[Any]:
    """What a recipe changes. Keypoints that are not labelled lie anywhere, and there may be more of them."""
    objects = sample.instances.pad_keypoints(MOST)
    labelled = replace(objects, keypoints=np.where(objects.visibility[..., None] > 0, objects.keypoints, 0.0))
    return [sample.plan, sample.mirrored, sample.rendering, sample.refusal, sample.findings, labelled]


@pytest.mark.parametrize("recipe", RECIPES)
@given(drawn=batches())
def test_a_batch_is_transformed_as_its_samples_are(recipe: Recipe, drawn: list[Sample]) -> None:
    alone = [RENDERER.transform(sample, recipe) for sample in drawn]
    together = RENDERER.transform_all(Batch.of(drawn), recipe)
    for mine, other in zip(together, alone, strict=True):
        assert shown(mine) == shown(other)


class Exchanged(Affines):
    """Maps of which each object follows that of another one."""

    def take(self, rows: np.ndarray[Any, np.dtype[np.int64]]) -> Affines:
        return super().take(rows[::-1])


def test_the_law_catches_objects_that_follow_the_map_of_another_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_batch, "Affines", Exchanged)
    objects = Instances.of([(1, 2, 9, 9)], [1])
    drawn = [
        Sample(PurePosixPath(f"{side}.jpg"), Path(f"{side}.jpg"), Header(Size(side, 20)), objects, renderer=RENDERER)
        for side in (10, 20)
    ]
    together = RENDERER.transform_all(Batch.of(drawn), Recipe(Resize((10, 10))))
    assert together[0].boxes.tolist() != RENDERER.transform(drawn[0], Recipe(Resize((10, 10)))).boxes.tolist()


@given(st.lists(st.tuples(*[st.integers(-9, 9)] * 6), min_size=1, max_size=5))
def test_many_maps_are_as_each(rows: list[tuple[int, ...]]) -> None:
    maps = [Affine(*map(float, row)) for row in rows]
    points = np.arange(len(maps) * 6, dtype=np.float64).reshape(-1, 3, 2)
    expected = np.stack([one(own) for one, own in zip(maps, points, strict=True)])
    np.testing.assert_array_equal(Affines.of(maps)(points), expected)
    assert Affines.of(maps).determinant.tolist() == [one.determinant for one in maps]
