"""The one place where pixels and shapes meet: a sample through a recipe.

One formula serves labels drawn in the stored and in the displayed plane, upright or not: bring them to the stored
pixels, then follow the plan. Both halves are steps of one plan, in which turns that meet cancel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import PlanError
from bboxprep.findings import Finding
from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import IDENTITY, Dihedral
from bboxprep.geometry.plan import Orient, Plan
from bboxprep.images import codec, drawing, raster
from bboxprep.model.categories import Categories
from bboxprep.model.checks import Location
from bboxprep.model.handedness import Mirror
from bboxprep.model.header import Header
from bboxprep.model.rules import DEFAULT_RULES, Rules
from bboxprep.model.sample import Frame, Planner, Sample
from bboxprep.pipeline.move import move


@dataclass(frozen=True)
class PillowDarkroom:
    """Moves and shows the samples of one dataset: `categories` are its classes, `policy` says how odd images are
    decoded, `rules` what becomes of odd objects.
    """

    categories: Categories
    policy: codec.Policy
    rules: Rules = DEFAULT_RULES

    def transform(self, sample: Sample, recipe: Planner) -> Sample:
        """`sample` in the outcome of `recipe`; refused, with a finding, where the recipe cannot be done on it.

        Raises `AnnotationError` where the rules forbid one of its findings.
        """
        self.rules.refuse(sample.findings)
        if sample.header is None or sample.refusal:
            return sample
        location = self._location(sample)
        try:
            plan, rest = _plans(sample, sample.header, recipe)
        except PlanError as error:
            finding = Finding("crop-outside", str(error), path=location.path, split=sample.split)
            return replace(sample, refusal=finding.code, findings=(*sample.findings, finding))
        instances, findings = move(sample.instances, rest, location, self.rules)
        self.rules.refuse(findings)
        return replace(
            sample,
            plan=plan,
            rendering=recipe.rendering,
            mirrored=sample.mirrored != recipe.mirrors,
            instances=self._mirror.apply(instances) if recipe.mirrors else instances,
            findings=(*sample.findings, *findings),
        )

    def pixels(self, sample: Sample) -> NDArray[np.uint8]:
        """The picture that the instances of `sample` lie on. Raises `ImageError`."""
        header = sample.header
        if header is None:
            raise ValueError(f"{sample.path}: the image has no readable header")
        plan = sample.plan or Plan(header.size).then(
            Orient(header.turn if sample.frame is Frame.DISPLAYED else IDENTITY)
        )
        kernel, pad = sample.rendering.kernel, sample.rendering.pad
        decoded = codec.decode(sample.path, header, self.policy, at_least=raster.reduction_for(plan, kernel))
        return raster.execute(plan, decoded.pixels, kernel=kernel, pad=pad, covers=decoded.covers)

    def draw(self, sample: Sample) -> bytes:
        """A PNG of the picture with its objects drawn in."""
        return drawing.draw(self.pixels(sample), sample.instances, self.categories.names)

    def named(self, categories: Categories) -> PillowDarkroom:
        """The same, for samples whose labels are rows of `categories`."""
        return replace(self, categories=categories)

    @cached_property
    def _mirror(self) -> Mirror:
        return Mirror.of(self.categories, self.rules.swap_classes)

    def _location(self, sample: Sample) -> Location:
        """How findings name `sample`: an object by the class that it came in with."""
        return Location(str(sample.name), sample.split, self._mirror.before(self.categories.names, sample))


def _plans(sample: Sample, header: Header, recipe: Planner) -> tuple[Plan, Plan]:
    """The whole plan from the stored pixels, and the part of it that the instances have still to go through."""
    if sample.plan:
        steps = recipe.plan(sample.plan.size, IDENTITY).steps
        return sample.plan.then(*steps), Plan(sample.plan.size).then(*steps)
    plan = recipe.plan(header.size, header.turn)
    back = ~header.turn if sample.frame is Frame.DISPLAYED else IDENTITY
    return plan, _after_turn(sample.size, back, plan)


@lru_cache(maxsize=4096)
def _after_turn(size: Size, turn: Dihedral, plan: Plan) -> Plan:
    """`turn` on a picture of `size`, then `plan`: kept, for the photos of one camera share it."""
    return Plan(size).then(Orient(turn), *plan.steps)
