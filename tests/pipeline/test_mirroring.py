"""Left and right through the whole of a transform: recipes mirror names, EXIF does not."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.geometry.affine import Size
from bboxprep.images.codecs.codec import ImagePolicy
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories, Category
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.object_policy import ObjectPolicy
from bboxprep.model.sample import Frame, Sample
from bboxprep.pipeline.report.account import count_source_objects
from bboxprep.recipe.geometric import Axis, Fit, Flip, Letterbox
from bboxprep.recipe.recipe import Recipe
from bboxprep.transform.render import SampleRenderer
from tests.strategies import samples

POINTS = ("left_eye", "nose", "right_eye")
TABLE = Categories(tuple(Category(name, keypoints=POINTS) for name in ("left_hand", "cup", "right_hand")))
RULES = ObjectPolicy(swap_classes=(("left_hand", "right_hand"),))
axes = st.sampled_from(("horizontal", "vertical", "both"))


def written_sample(sample: Sample, object_policy: ObjectPolicy = RULES) -> Sample:
    return replace(sample, renderer=SampleRenderer(TABLE, ImagePolicy(), object_policy))


def one(header: Header, frame: Frame = Frame.DISPLAYED) -> Sample:
    """A photo of a left hand whose eyes are seen left of its nose and right of it."""
    size = header.size if frame is Frame.STORED else header.displayed
    points = np.array([[0.25, 0.25], [0.5, 0.5], [0.75, 0.75]]) * size
    objects = Instances.of([[0, 0, *size]], [0], keypoints=[points], visibility=[[1, 2, 1]])
    return written_sample(Sample(PurePosixPath("a.jpg"), Path("a.jpg"), header, objects, frame=frame, source_count=1))


@given(samples(), axes)
def test_a_flip_done_twice_is_the_identity_names_and_all(sample: Sample, axis: Axis) -> None:
    first = written_sample(sample).transform(Recipe())
    twice = first.transform(Recipe(Flip(axis))).transform(Recipe(Flip(axis)))
    together = first.transform(Recipe(Flip(axis), Flip(axis)))
    for back in (twice, together):
        assert not back.mirrored
        assert back.instances.labels.tolist() == first.instances.labels.tolist()
        assert back.instances.visibility.tolist() == first.instances.visibility.tolist()
        np.testing.assert_allclose(back.instances.keypoints, first.instances.keypoints, atol=1e-9)
        np.testing.assert_allclose(back.instances.boxes, first.instances.boxes, atol=1e-9)


@given(samples(), st.lists(axes, max_size=5))
def test_names_follow_the_number_of_mirrors_however_they_are_grouped(sample: Sample, flips: list[Axis]) -> None:
    at_once = written_sample(sample).transform(Recipe(*map(Flip, flips), Fit(50)))
    one_by_one = written_sample(sample)
    for recipe in (*(Recipe(Flip(axis)) for axis in flips), Recipe(Fit(50))):
        one_by_one = one_by_one.transform(recipe)
    odd = sum(axis != "both" for axis in flips) % 2 == 1
    assert at_once.mirrored == one_by_one.mirrored == odd
    assert at_once.instances.labels.tolist() == one_by_one.instances.labels.tolist()
    assert at_once.instances.visibility.tolist() == one_by_one.instances.visibility.tolist()
    np.testing.assert_allclose(at_once.instances.keypoints, one_by_one.instances.keypoints, atol=1e-9)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("frame", Frame)
@pytest.mark.parametrize("upright", [True, False])
def test_an_exif_turn_renames_nothing(orientation: int, frame: Frame, upright: bool) -> None:
    moved = one(Header(Size(40, 20), orientation), frame).transform(Recipe(Letterbox(64), upright=upright))
    assert not moved.mirrored
    assert moved.instances.labels.tolist() == [0]
    assert moved.instances.visibility.tolist() == [[1, 2, 1]]


@pytest.mark.parametrize(("axis", "label"), [("horizontal", 2), ("vertical", 2), ("both", 0)])
def test_a_mirror_exchanges_points_and_classes(axis: Axis, label: int) -> None:
    sample = one(Header(Size(40, 40)))
    before = sample.instances.keypoints[0]
    after = sample.transform(Recipe(Flip(axis))).instances
    assert after.labels.tolist() == [label]
    mirrored = np.where([axis != "vertical", axis != "horizontal"], 40 - before, before)
    np.testing.assert_allclose(after.keypoints[0], mirrored[::-1] if label else mirrored)


def test_a_later_step_names_the_object_by_the_class_it_came_in_with() -> None:
    flipped = one(Header(Size(40, 40))).transform(Recipe(Flip("horizontal")))
    bad = replace(flipped, instances=replace(flipped.instances, boxes=np.array([[5.0, 5, 5, 9]])))
    finding = bad.transform(Recipe()).findings[-1]
    assert (finding.code, finding.category) == ("box-degenerate", "left_hand")
    dataset = Dataset(Path(), "coco", TABLE, (flipped,), object_policy=RULES)
    assert count_source_objects(Batch.of([flipped]), TABLE.names, dataset.flip_mapping).objects == {"left_hand": 1}


def test_names_without_a_partner_are_told_once_and_only_of_a_mirror() -> None:
    table = Categories((Category("turn left"), Category("cup", keypoints=("left_rim",))))
    dataset = Dataset(Path(), "coco", table, ())
    assert dataset.transform(Recipe(Flip("both"))).findings == ()
    mirrored = dataset.transform(Recipe(Flip("horizontal"))).transform(Recipe(Flip("vertical")))
    assert Counter(finding.code for finding in mirrored.findings) == {"flip-unmapped": 2}
