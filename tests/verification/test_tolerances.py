"""How far an edge may lie off is the declared step of the output's format, and the columns that its labels carry must
be those of the source: more is a fault in every format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bboxprep import formats
from bboxprep.geometry.affine import Size
from bboxprep.model.columns import Column
from bboxprep.model.sample import Sample
from bboxprep.pipeline.output.run_record import open_run
from bboxprep.recipe.geometric import Letterbox
from bboxprep.recipe.recipe import Recipe
from bboxprep.verification.geometric import ObjectComparison, compare
from bboxprep.verification.sides import SLACK
from bboxprep.verification.verification_inputs import VerificationInputs, open_inputs, open_output
from tests.verification.outputs import make, photos

WAYS = [
    pytest.param(name, options, id=f"{name} {flag}".strip())
    for name in formats.written()
    for flag, options in formats.load(name).write_variants()
]


def moved(sample: Sample, by: float) -> Sample:
    """`sample` with its boxes, outlines and oriented boxes moved to the right `by` so many px."""
    shift = np.array([by, 0.0])
    rings = sample.instances.polygons.moved(lambda points: points + shift)
    boxes = sample.instances.boxes + np.tile(shift, 2)
    corners = sample.instances.oriented + shift
    return sample.replace_fast(instances=replace(sample.instances, boxes=boxes, polygons=rings, oriented=corners))


def changed(sample: Sample, column: Column) -> Sample:
    """`sample` with the `column` of all its objects changed."""
    made = sample.instances
    none = (None,) * len(made)
    lies: dict[Column, dict[str, Any]] = {
        Column.CROWD: {"crowd": ~made.crowd},
        Column.AREAS: {"areas": made.areas * 2},
        Column.SCORES: {"scores": np.nan_to_num(made.scores) / 2 + 0.1},
        Column.TRACKS: {"tracks": made.tracks + 1},
        Column.ATTRIBUTES: {"attributes": tuple({**each, "lie": 1} for each in made.attributes)},
        Column.KEYPOINTS: {"visibility": np.where(made.visibility, 3 - made.visibility, 0).astype(np.uint8)},
        Column.POLYGONS: {"polygons": ((),) * len(made), "masks": none},
        Column.MASKS: {"masks": none},
        Column.ORIENTED: {"oriented": np.full_like(made.oriented, np.nan)},
        Column.IDS: {"ids": made.ids + 100_000},
    }
    return sample.replace_fast(instances=replace(made, **lies[column]))


def judged(case: VerificationInputs, lie: Callable[[Sample], Sample]) -> list[ObjectComparison]:
    """What `verify` finds of each image where the labels of all images of the output were changed by `lie`."""
    dataset = case.output.dataset.map(lie)
    lying = replace(case, output=replace(case.output, dataset=dataset))
    return [compare(lying, image) for image in case.run.images]


@pytest.mark.parametrize(("name", "options"), WAYS)
def test_labels_that_were_moved_by_more_than_the_step_are_refused(tmp_path: Path, name: str, options: Any) -> None:
    out = make(tmp_path / "out", photos("coco"), name, Recipe(Letterbox(384)), **asdict(options))
    run = open_run(out)
    case = open_inputs(run, open_output(run), None, lambda _: {})
    step = formats.load(name).step(options).edges(Size(384, 384)).max()
    assert (case.target, case.options) == (name, options)
    assert not any(compared.faults for compared in judged(case, partial(moved, by=0.0)))
    resampled = 3.0 if case.states_rectangles else 0.0  # a rectangle around a mask: by a pixel of either image
    lie = partial(moved, by=2 * step + SLACK + 0.01 + resampled)
    for image, compared in zip(run.images, judged(case, lie), strict=True):
        found = {fault.where for fault in compared.faults if fault.code in ("box-moved", "outline-moved")}
        assert (image.output, len(found)) == (image.output, image.objects.written)
    _expect_columns_checked(case)


def _expect_columns_checked(case: VerificationInputs) -> None:
    """Each column that the labels carry, and that the source has, is found changed; the boxes are right."""
    there = {column for sample in case.output.dataset for column in sample.instances.column_counts}
    for column in (case.carries & there) - {Column.BOXES}:
        if case.format.holds_outlines_only(case.options) and column in (Column.POLYGONS, Column.ORIENTED):
            continue  # its reader makes the boxes of them
        codes = {fault.code for compared in judged(case, partial(changed, column=column)) for fault in compared.faults}
        assert codes == {FAULT_OF[column]}, column


FAULT_OF = {
    Column.CROWD: "crowd-changed",
    Column.AREAS: "area-changed",
    Column.SCORES: "score-changed",
    Column.TRACKS: "track-changed",
    Column.ATTRIBUTES: "attribute-changed",
    Column.KEYPOINTS: "visibility-changed",
    Column.POLYGONS: "outline-lost",
    Column.MASKS: "outline-lost",
    Column.ORIENTED: "outline-lost",
    Column.IDS: "id-changed",
}


def test_each_column_has_a_lie() -> None:
    assert FAULT_OF.keys() | {Column.BOXES} == set(Column)
