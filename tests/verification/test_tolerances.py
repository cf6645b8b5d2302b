"""How far an edge may lie off is the declared step of the output's format: more is a fault in every format."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bboxprep import formats
from bboxprep.geometry.affine import Size
from bboxprep.model.sample import Sample
from bboxprep.pipeline.output.run_record import open_run
from bboxprep.recipe.geometric import Letterbox
from bboxprep.recipe.recipe import Recipe
from bboxprep.verification.geometric import SLACK, ObjectComparison, compare
from bboxprep.verification.verification_inputs import VerificationInputs, open_inputs, open_output
from tests.verification.outputs import make, photos

WAYS = [
    pytest.param(name, options, id=f"{name} {flag}".strip())
    for name in formats.names()
    for flag, options in formats.load(name).write_variants()
]


def moved(sample: Sample, by: float) -> Sample:
    """`sample` with its boxes and outlines moved to the right `by` so many px."""
    shift = np.array([by, 0.0])
    rings = tuple(tuple(ring + shift for ring in polygons) for polygons in sample.instances.polygons)
    boxes = sample.instances.boxes + np.tile(shift, 2)
    return sample.replace_fast(instances=replace(sample.instances, boxes=boxes, polygons=rings))


def judged(case: VerificationInputs, by: float) -> list[ObjectComparison]:
    """What `verify` finds of each image where all labels of the output were moved `by` so many px."""
    dataset = case.output.dataset.map(partial(moved, by=by))
    lying = replace(case, output=replace(case.output, dataset=dataset))
    return [compare(lying, image) for image in case.run.images]


@pytest.mark.parametrize(("name", "options"), WAYS)
def test_labels_that_were_moved_by_more_than_the_step_are_refused(tmp_path: Path, name: str, options: Any) -> None:
    out = make(tmp_path / "out", photos("coco"), name, Recipe(Letterbox(384)), **asdict(options))
    run = open_run(out)
    case = open_inputs(run, open_output(run), None, lambda _: {})
    step = formats.load(name).step(options).edges(Size(384, 384)).max()
    assert (case.target, case.options) == (name, options)
    assert not any(compared.faults for compared in judged(case, 0.0))
    for image, compared in zip(run.images, judged(case, 2 * step + SLACK + 0.01), strict=True):
        codes = [fault.code for fault in compared.faults]
        assert (image.output, codes.count("box-moved")) == (image.output, image.objects.written)
