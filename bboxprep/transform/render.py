"""Applies a recipe to a sample: pixels and annotations by the same plan.

Labels of the stored and of the displayed frame share one formula: map them to the stored pixels, then by the plan. Both
are steps of one plan, in which opposite turns cancel.

The effects of a rendering come after its plan. A pipeline of albumentations among them, or one more transform of a
sample with effects, starts from the image so far: its `BaseImage`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import ImageError, PlanError
from bboxprep.findings import Finding
from bboxprep.formats.reading import image_fault
from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import IDENTITY, Dihedral
from bboxprep.geometry.plan import Orient, Plan
from bboxprep.images.codecs import codec
from bboxprep.images.codecs.modes import reverse_channels
from bboxprep.images.effects.albumentations_adapter import PipelineError
from bboxprep.images.effects.apply import effects_applied
from bboxprep.images.raster import execute
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories
from bboxprep.model.flip_names import FlipMapping
from bboxprep.model.header import Header
from bboxprep.model.object_policy import DEFAULT_OBJECT_POLICY, ObjectPolicy
from bboxprep.model.rendering import AUGMENTATION, ChannelOrder, Effect
from bboxprep.model.sample import BaseImage, Frame, Planner, Sample, Seen
from bboxprep.model.validation import Location
from bboxprep.transform.albumentations import AugmentedObjects, run_pipeline
from bboxprep.transform.combine import combined_pixels
from bboxprep.transform.map_batch import move_together
from bboxprep.transform.map_objects import map_objects
from bboxprep.transform.occlusion import drop_occluded, pixels_beside_background


@dataclass(frozen=True)
class SampleRenderer:
    """Transforms and renders the samples of one dataset.

    `categories` are its classes; `image_policy` has the rules for decoding, `object_policy` those for objects.
    """

    categories: Categories
    image_policy: codec.ImagePolicy
    object_policy: ObjectPolicy = DEFAULT_OBJECT_POLICY

    def transform(self, sample: Sample, recipe: Planner) -> Sample:
        """`sample` after `recipe`; refused, with a finding, where the recipe cannot be applied to it.

        Raises `AnnotationError` where `object_policy` forbids one of its findings.
        """
        self.object_policy.refuse(sample.findings)
        if sample.header is None or sample.refusal:
            return sample
        header = sample.header
        if sample.rendering.effects:
            sample = _on_base_image(sample, BaseImage(sample, None, sample.size, sample.affine, _problem(sample)))
        stages = _stages(recipe.rendering.effects)
        sample = self._after_plan(sample, header, recipe, stages[0].effects)
        for stage in stages[1:]:
            if not sample.refusal:
                sample = self._after_pipeline(sample, stage)
        return sample

    def transform_all(self, batch: Batch, recipe: Planner) -> Batch:
        """Each sample of `batch` after `recipe`, as `transform` gives it. The objects of images that they lie in whole,
        before and after, as most do, are moved together.
        """
        moves = self._moves(batch, recipe)
        done = move_together(batch, [move and move.rest for move in moves])
        if done is None:
            return Batch.of(self.transform(sample, recipe) for sample in batch)
        moved, whole = done
        objects = self._flip_mapping.apply(moved.instances) if recipe.mirrors else moved.instances
        moved = moved.with_objects(objects).with_columns(plan=[move and move.plan for move in moves])
        moved = moved.replace(rendering=recipe.rendering, mirrored=recipe.mirrors)
        if all(whole):
            return moved
        pairs = zip(batch, moved, whole, strict=True)
        return Batch.of(other if fits else self.transform(sample, recipe) for sample, other, fits in pairs)

    def _moves(self, batch: Batch, recipe: Planner) -> list[_Move | None]:
        """For each sample its plan, where that is all that changes if its objects lie in the image; else None."""
        if recipe.rendering.effects or any(one.effects for one in batch.values("rendering")):
            return [None] * len(batch)
        moves: dict[tuple[int, Frame], _Move | None] = {}  # the photos of one camera share a header
        found: list[_Move | None] = []
        for header, frame, *changes in zip(*map(batch.values, _CHANGED), strict=True):
            key = (id(header), frame)
            if header is None or any(changes):
                found.append(None)
                continue
            if key not in moves:
                moves[key] = _move(header, frame, recipe)
            found.append(moves[key])
        return found

    def _after_plan(self, sample: Sample, header: Header, recipe: Planner, effects: tuple[Effect, ...]) -> Sample:
        """`sample` after the plan of `recipe` and the `effects` before any pipeline."""
        location = self.location(sample)
        try:
            plan, rest = _plans(sample, header, recipe)
        except PlanError as error:
            return _refuse(sample, Finding("crop-outside", str(error), path=location.path, split=sample.split))
        instances, findings = map_objects(sample.instances, rest, location, self.object_policy)
        instances, hidden = drop_occluded(instances, effects, plan.size, location, self.object_policy)
        self.object_policy.refuse(findings)
        rendering = recipe.rendering
        return sample.replace_fast(
            plan=plan,
            rendering=rendering if rendering.effects == effects else replace(rendering, effects=effects),
            mirrored=sample.mirrored != recipe.mirrors,
            instances=self._flip_mapping.apply(instances) if recipe.mirrors else instances,
            findings=(*sample.findings, *findings, *hidden),
        )

    def _after_pipeline(self, sample: Sample, stage: _Stage) -> Sample:
        """`sample` after the pipeline and the effects of `stage`."""
        location = self.location(sample)
        try:
            augmented = _run_pipeline(self, sample, stage.pipeline)
        except ImageError as error:
            return _refuse(sample, image_fault(error, location.path, sample.split))
        except PipelineError as error:
            return _refuse(sample, Finding("augmentation-failed", str(error), path=location.path, split=sample.split))
        instances, findings = augmented.objects
        instances, hidden = drop_occluded(instances, stage.effects, augmented.size, location, self.object_policy)
        affine = sample.affine and augmented.affine and augmented.affine @ sample.affine
        base_image = BaseImage(sample, stage.pipeline, augmented.size, affine, augmented.problem or _problem(sample))
        return _on_base_image(sample, base_image).replace_fast(
            plan=Plan(augmented.size),
            rendering=replace(sample.rendering, effects=stage.effects),
            mirrored=sample.mirrored != augmented.mirrors,
            instances=self._flip_mapping.apply(instances) if augmented.mirrors else instances,
            findings=(*sample.findings, *findings, *hidden),
        )

    def pixels(
        self, sample: Sample, data: bytes | None = None, order: ChannelOrder = "RGB", seen: Seen | None = None
    ) -> NDArray[np.uint8]:
        """The pixels of `sample` after its plan and effects, uint8 (H, W, 3) in `order` or (H, W) gray.

        `data` are the bytes of the image file, if read already. `seen` is called with its stored pixels, unless they
        come through a mosaic or a pipeline. Raises `ImageError`.
        """
        if order == "BGR" and (sample.parts or sample.base_image or sample.rendering.effects):
            return reverse_channels(self.pixels(sample, data, seen=seen))  # several parts, and effects, know RGB only
        if sample.parts and not sample.base_image:
            return combined_pixels([(part, self.pixels(part.sample)) for part in sample.parts])
        header = sample.header
        if header is None:
            raise ValueError(f"{sample.path}: the image has no readable header")
        kernel, pad = sample.rendering.kernel, sample.rendering.pad
        if sample.base_image:
            plan = sample.plan or Plan(sample.base_image.size)
            moved = execute.execute(plan, self._base_pixels(sample.base_image), kernel=kernel, pad=pad)
        else:
            turn = header.turn if sample.frame is Frame.DISPLAYED else IDENTITY
            plan = sample.plan or Plan(header.size).then(Orient(turn))
            least = execute.reduction_for(plan, kernel)
            pad = pad[::-1] if isinstance(pad, tuple) and order == "BGR" else pad
            canvas = execute.canvas_of(plan, pad, gray=header.mode == "L") if header.container == "jpeg" else None
            into, policy = canvas.rows if canvas else None, self.image_policy
            decoded = codec.decode(sample.path, header, policy, at_least=least, data=data, order=order, into=into)
            if seen:
                seen(decoded.pixels)
            if canvas and decoded.pixels is canvas.rows:
                moved = canvas.pixels
            else:
                moved = execute.execute(plan, decoded.pixels, kernel=kernel, pad=pad, covers=decoded.covers)
        objects = pixels_beside_background(sample.instances, sample.rendering.effects, plan.size)
        return effects_applied(moved, sample.rendering, plan.outline, objects)

    def _base_pixels(self, base_image: BaseImage) -> NDArray[np.uint8]:
        if base_image.pipeline is None:
            return self.pixels(base_image.sample)
        return _run_pipeline(self, base_image.sample, base_image.pipeline).pixels

    def draw(self, sample: Sample) -> bytes:
        """A PNG of the image with its objects drawn in."""
        from bboxprep.images.draw import annotations

        return annotations.draw(self.pixels(sample), sample.instances, self.categories.names)

    def with_categories(self, categories: Categories) -> SampleRenderer:
        """This renderer for samples whose labels are rows of `categories`."""
        return replace(self, categories=categories)

    @cached_property
    def _flip_mapping(self) -> FlipMapping:
        return FlipMapping.of(self.categories, self.object_policy.swap_classes)

    def location(self, sample: Sample) -> Location:
        """The location of `sample` in findings, with the classes of objects before any flip."""
        return Location(
            sample.relative_path, sample.split, self._flip_mapping.source_names(self.categories.names, sample.mirrored)
        )


@dataclass(frozen=True)
class _Stage:
    """A pipeline, and the effects after it up to the next one."""

    pipeline: Effect
    effects: tuple[Effect, ...] = ()


@lru_cache(maxsize=64)
def _stages(effects: tuple[Effect, ...]) -> tuple[_Stage, ...]:
    """`effects` split at each pipeline; the first stage has those before any."""
    stages = [_Stage(Effect(""))]
    for effect in effects:
        if effect.name == AUGMENTATION:
            stages.append(_Stage(effect))
        else:
            stages[-1] = replace(stages[-1], effects=(*stages[-1].effects, effect))
    return tuple(stages)


class _CachedPipeline:
    """Runs pipelines and caches the last result: its objects are needed first, its pixels later."""

    def __init__(self) -> None:
        self._last: tuple[SampleRenderer, Sample, Effect, AugmentedObjects] | None = None

    def __call__(self, renderer: SampleRenderer, sample: Sample, pipeline: Effect) -> AugmentedObjects:
        last = self._last  # read once: another thread may replace it
        if last and last[0] is renderer and last[1] is sample and last[2] == pipeline:
            return last[3]
        pixels, location = renderer.pixels(sample), renderer.location(sample)
        augmented = run_pipeline(pixels, sample.instances, pipeline, location, renderer.object_policy.min_visibility)
        self._last = (renderer, sample, pipeline, augmented)
        return augmented


_run_pipeline = _CachedPipeline()


def _on_base_image(sample: Sample, base_image: BaseImage) -> Sample:
    """`sample` on `base_image`, without a plan and effects of its own."""
    return sample.replace_fast(base_image=base_image, plan=None, rendering=replace(sample.rendering, effects=()))


def _problem(sample: Sample) -> str:
    return sample.base_image.problem if sample.base_image else ""


class _Move(NamedTuple):
    """The `plan` of an untransformed sample, and the part of it that moves its objects."""

    plan: Plan
    rest: Plan


_CHANGED = ("header", "frame", "plan", "base_image", "refusal", "findings")  # of a fresh sample all but two are false


def _move(header: Header, frame: Frame, recipe: Planner) -> _Move | None:
    """The move of an untransformed sample by `recipe`; None where there is none."""
    try:
        return _Move(*_first_plans(header, frame, recipe))
    except PlanError:
        return None


def _refuse(sample: Sample, finding: Finding) -> Sample:
    return sample.replace_fast(refusal=finding.code, findings=(*sample.findings, finding))


def _plans(sample: Sample, header: Header, recipe: Planner) -> tuple[Plan, Plan]:
    """The whole plan from the stored pixels, and the part of it that is not yet applied to the instances."""
    if sample.plan or sample.base_image:
        steps = recipe.plan(sample.size, IDENTITY).steps
        return (sample.plan or Plan(sample.size)).then(*steps), Plan(sample.size).then(*steps)
    return _first_plans(header, sample.frame, recipe)


def _first_plans(header: Header, frame: Frame, recipe: Planner) -> tuple[Plan, Plan]:
    """`_plans` of a sample that is not yet transformed."""
    plan = recipe.plan(header.size, recipe.turn_of(header.turn, frame))
    if frame is Frame.STORED:
        return plan, _after_turn(header.size, IDENTITY, plan)
    return plan, _after_turn(header.displayed, ~header.turn, plan)


@lru_cache(maxsize=4096)
def _after_turn(size: Size, turn: Dihedral, plan: Plan) -> Plan:
    """`turn` on an image of `size`, then `plan`; cached, since the photos of one camera share it."""
    return Plan(size).then(Orient(turn), *plan.steps)
