"""Steps that may act inside the boxes of objects alone, and those that move pixels there.

**Why the form of the steps for whole images.** ``flip: {p: 0.5, inside: boxes}`` is said as ``blur: {sigma: 2, inside:
boxes}`` is, and has the options of the step that it names. It is a class of its own, since it does another thing: it
moves no object, so that it is no part of a plan, of the map of an image, or of what a flip does to left and right.

**What is moved.** A box stays where it is, and its pixels are moved within it, as by the "bounding box only" operations
of Zoph et al., 2019 ("Learning Data Augmentation Strategies for Object Detection") and of hosted services
(docs.roboflow.com/image-transformations/image-augmentation/bounding-box-level-augmentation: "only altering the content
of a source image's bounding boxes"). An outline, a mask, keypoints or an oriented box would no longer lie on their
object, and what such a step does within a crowd region is not known: objects that have more than a box, and crowd
regions, are left as they are, and counted (`object-unmoved`). So are, for a flip that exchanges left and right, objects
of a class that has a partner in `swap_classes`, and of a class in `Flip.keep`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import sqrt
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.geometry.plan import Step
from bboxprep.geometry.shapes import Boxes, common_boxes
from bboxprep.recipe.affine_steps import Rotate, Shear
from bboxprep.recipe.crops import Crop, RandomCrop
from bboxprep.recipe.geometric import ChanceStep, Flip, RecipeStep, StepContext
from bboxprep.recipe.random_draw import Draw
from bboxprep.recipe.values import Bounds, OptionError, check_choice

Rectangle = tuple[float, float, float, float]  # x, y, width and height, as fractions of the image


@dataclass(frozen=True)
class InsideStep(ChanceStep):
    """A step that acts on what is in the boxes of objects alone where `inside` is "boxes".

    A drawn step has the `boxes`: those of the output image, whichever geometric steps come later. It is left out where
    there are none.
    """

    inside: Literal["boxes"] | None = field(default=None, kw_only=True)
    boxes: tuple[Rectangle, ...] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.inside is not None:
            check_choice(self.name, "inside", self.inside, ("boxes",))
        if self.boxes is not None:
            object.__setattr__(self, "boxes", rectangles(self.name, "boxes", self.boxes))

    @property
    def is_fixed(self) -> bool:
        """Whether it is the same for each image, or has the boxes of its image."""
        return super().is_fixed and not self.needs_boxes

    @property
    def needs_boxes(self) -> bool:
        """Whether it acts inside boxes and has none yet."""
        return self.inside is not None and self.boxes is None

    @property
    def needs_context(self) -> bool:
        """Whether it needs the objects."""
        return self.needs_boxes

    def within(self, context: StepContext) -> RecipeStep | None:
        """This drawn step with the boxes of the output image; None if there are none."""
        if not self.needs_boxes:
            return self
        shares = _shares(context, context.boxes)
        return replace(self, boxes=shares) if shares else None

    def options(self) -> dict[str, Any]:
        """The options as plain data, where it acts after its amounts."""
        options = super().options()
        last = ("inside", "boxes", "still", "p")
        return options | {name: options.pop(name) for name in last if name in options}

    def _described(self) -> str:
        return super()._described() + (" inside boxes" if self.inside else "")


@dataclass(frozen=True)
class BoxMove(InsideStep):
    """A step that moves the pixels of each box within it, and leaves the box where it is.

    All pixels come from the image before the step; where boxes overlap, the smaller one is on top. What comes from
    outside of a box is its own content, reflected at its edges, and what has another size after the step is stretched
    to the box. A drawn step has the `boxes` of the objects that are moved, and of those that are `still` the boxes that
    meet one of these: they lie among them by their size, and show what they showed.
    """

    geometric: ClassVar[bool] = False
    pads: ClassVar[bool] = False
    inside: Literal["boxes"] | None = field(default="boxes", kw_only=True)
    still: tuple[Rectangle, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self.name, "inside", self.inside, ("boxes",))
        object.__setattr__(self, "still", rectangles(self.name, "still", self.still))

    def moved(self, context: StepContext) -> NDArray[np.bool_]:
        """Which objects of `context` it moves: bool (N,)."""
        classes = context.box_classes or ("",) * len(context.boxes)
        return np.array([name is not None and self._takes(name, context) for name in classes], dtype=np.bool_)

    def _takes(self, name: str, context: StepContext) -> bool:  # noqa: ARG002  # asked by flips
        """Whether it moves objects of the class `name` that have a box alone."""
        return True

    def within(self, context: StepContext) -> RecipeStep | None:
        """This drawn step with the boxes of the objects that it moves in the output image; None if there are none."""
        if not self.needs_boxes:
            return self
        rows = self.moved(context)
        boxes, others = context.boxes[rows], context.boxes[~rows]
        meets = np.asarray(common_boxes(others[:, None], boxes).any(axis=2)).any(axis=1)
        still = _shares(context, others[meets])
        return self._settled(_shares(context, boxes), still) if len(boxes) else None

    def _settled(self, boxes: tuple[Rectangle, ...], still: tuple[Rectangle, ...]) -> Self:
        return replace(self, boxes=boxes, still=still)

    def steps(self, size: Size) -> tuple[Step, ...]:  # noqa: ARG002
        """None: it is no part of the plan of an image."""
        return ()

    def steps_in_box(self, size: Size) -> tuple[Step, ...]:
        """The plan steps for the pixels of a box of `size` px. Raises `PlanError` where they leave none of them."""
        return super().steps(size)


@dataclass(frozen=True)
class BoxFlip(BoxMove, Flip):
    """Mirror what is in each box. Objects of a class in `keep` are not mirrored."""

    @property
    def needs_context(self) -> bool:
        """Whether it needs the objects."""
        return self.needs_boxes

    def drawn(self, draw: Draw, context: StepContext | None) -> RecipeStep | None:
        """This flip without probability; None if it is not drawn."""
        return ChanceStep.drawn(self, draw, context)

    def _takes(self, name: str, context: StepContext) -> bool:
        return name not in self.keep and (not self.mirrors or name not in context.sided)

    def _settled(self, boxes: tuple[Rectangle, ...], still: tuple[Rectangle, ...]) -> Self:
        return replace(self, boxes=boxes, still=still, keep=())


@dataclass(frozen=True)
class BoxRotate(BoxMove, Rotate):
    """Turn what is in each box about its centre. After a quarter turn it is stretched to the box."""


@dataclass(frozen=True)
class BoxShear(BoxMove, Shear):
    """Shear what is in each box about its centre."""


@dataclass(frozen=True)
class BoxCrop(BoxMove, Crop):
    """Enlarge a part of each box, in per cent of its sides, to the whole box."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.unit != "%":
            raise OptionError(self.name, "x", "have px inside boxes, want per cent, as in 10%, 10%, 80%, 80%")

    def _described(self) -> str:
        return Crop.__str__(self) + " inside boxes"


@dataclass(frozen=True)
class BoxRandomCrop(BoxMove, RandomCrop):
    """Enlarge a part of each box of `area` times its area and `aspect` times its aspect ratio to the whole box."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_visibility != 1.0:
            words = f"have {self.min_visibility:g} inside boxes, want none: each box stays as it is"
            raise OptionError(self.name, "min_visibility", words)

    def drawn(self, draw: Draw, context: StepContext | None) -> RecipeStep | None:  # noqa: ARG002
        """The drawn `BoxCrop`; None if it is not applied."""
        if draw.uniform("p") >= self.p:
            return None
        area, aspect = draw.amount("area", self.area), draw.amount("aspect", self.aspect)
        width, height = min(100.0, 100.0 * sqrt(area * aspect)), min(100.0, 100.0 * sqrt(area / aspect))
        x, y = draw.uniform("x") * (100.0 - width), draw.uniform("y") * (100.0 - height)
        return BoxCrop(x, y, width, height, "%")


def rectangles(step: str, option: str, values: Any) -> tuple[tuple[float, ...], ...]:
    """The `values` of an `option` of `step` as rectangles. Raises `OptionError`."""
    if not isinstance(values, tuple | list):
        raise OptionError(step, option, f"have {values!r}, want a list of [X, Y, W, H] of 0 to 1")
    for value in values:
        if not isinstance(value, tuple | list) or len(value) != 4:
            raise OptionError(step, option, f"have {value!r}, want X,Y,W,H of 0 to 1")
    return tuple(tuple(Bounds(0.0, 1.0).number(step, option, each) for each in value) for value in values)


def _shares(context: StepContext, boxes: Boxes) -> tuple[Rectangle, ...]:
    """`boxes` (K, 4) px of an image as shares of it."""
    sides = (context.size.width, context.size.height) * 2
    shares = [tuple(edge / side for edge, side in zip(box, sides, strict=True)) for box in boxes.tolist()]
    return tuple((x0, y0, x1 - x0, y1 - y0) for x0, y0, x1, y1 in shares)
