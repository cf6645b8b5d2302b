"""Steps that make one image of several: mosaic, mixup and copy-paste.

Each is one form: the image itself and some `others` of the training images are *parts* on one canvas, laid over each
other in their order. A part covers the place where its image is seen, the whole canvas, or its objects alone, and has a
weight. Every part first gets the steps before the combination, drawn for itself, and then those of its `PartLayer`.

**What others do.** Mosaics are those of YOLOv4 and Ultralytics. Mixup, too, keeps the boxes of both images whatever
their share; Ultralytics draws the share from Beta(32, 32), which has nearly the spread of the range that is the default
here, and YOLOX takes one half. Copy-paste is that of Ghiasi et al., 2021 ("Simple Copy-Paste is a Strong Data
Augmentation Method for Instance Segmentation"), without scale jitter: put `scale` before it for that. All of them pad
an image to the canvas of the other with the pad, and blend the margins too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple, Self

from bboxprep.errors import UsageError
from bboxprep.geometry.affine import Size
from bboxprep.geometry.plan import Step
from bboxprep.model.rendering import Cover
from bboxprep.recipe.geometric import ChanceStep, Fill, Letterbox, RecipeStep, SizeLike, StepContext
from bboxprep.recipe.random_draw import Draw
from bboxprep.recipe.values import Amount, Amounts, Bounds, OptionError, check_choice, check_seed


class PartLayer(NamedTuple):
    """Where a part lies: its `steps` after those before the combination, the place of its top left corner on the
    canvas, px, what it `covers` there, and the `weight`, 0 to 1, that its pixels have.
    """

    steps: tuple[RecipeStep, ...] = ()
    left: int = 0
    top: int = 0
    covers: Cover = Cover.SEEN
    weight: float = 1.0


@dataclass(frozen=True)
class Combination(ChanceStep):
    """A step that makes one image of this one and `wanted` others. A drawn one has as many numbers `others` from 0 to
    1, which pick them from the sorted training images.
    """

    wanted: ClassVar[int] = 1
    repeats: ClassVar[bool] = False  # whether an image may stand in twice where the training images are too few

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "others", self._shares("others", self.others, self.wanted))

    @property
    def others(self) -> tuple[float, ...] | None:
        """What picks the other images; None until it is drawn."""
        raise NotImplementedError

    @property
    def is_fixed(self) -> bool:
        """Whether it was drawn."""
        return super().is_fixed and self.others is not None

    @property
    def canvas(self) -> Size | None:
        """The size of the whole; None for that of the image itself."""
        return None

    def layer(self, number: int, canvas: Size | None) -> PartLayer:
        """Where part `number` of a drawn combination lies on the `canvas`, which may be None for the first one."""
        raise NotImplementedError

    def drawn(self, draw: Draw, context: StepContext | None) -> Self | None:  # noqa: ARG002  # asked as every step is
        """This step with all values drawn; None if it is not applied."""
        if self.is_fixed:
            return self
        if draw.uniform("p") >= self.p:
            return None
        others = self.others or tuple(draw.uniform(f"other {number}") for number in range(self.wanted))
        return replace(self._with_drawn_amounts(draw), p=1.0, others=others, **self._settled(draw))  # type: ignore[call-arg]  # of subclasses

    def _settled(self, draw: Draw) -> dict[str, Any]:  # noqa: ARG002
        """The further values that a draw adds."""
        return {}

    def steps(self, size: Size) -> tuple[Step, ...]:
        """Raises `UsageError`: each part has a plan, the whole has none."""
        raise UsageError(f"{self.name}: an image of {size} becomes a part of one, want a plan for a part")

    def _shares(self, option: str, value: object, count: int) -> tuple[float, ...] | None:
        if value is None:
            return None
        if not isinstance(value, tuple | list) or len(value) != count:
            number = f"{count} number{'s' if count > 1 else ''}"
            raise OptionError(self.name, option, f"have {value!r}, want {number} of 0 to 1")
        return tuple(Bounds(0.0, 1.0).number(self.name, option, each) for each in value)


@dataclass(frozen=True)
class Mosaic(Combination):
    """Four images on one canvas of `size` px that meet at a point between `low` and 1 - `low` of each side.

    Each image gets the steps before the mosaic, drawn for itself, and then fills its quarter, keeping its aspect ratio,
    cropped around its centre. The steps after the mosaic apply to the canvas. A drawn mosaic has the `centre` where the
    images meet, as fractions of the sides, and three numbers `others` from 0 to 1, which pick the other images from
    the sorted training images; the image itself is at the top left.
    """

    name = "mosaic"
    wanted = 3
    repeats = True
    size: SizeLike
    low: float = 0.25
    centre: tuple[float, float] | None = None
    others: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "size", self._canvas())
        object.__setattr__(self, "low", Bounds(0.05, 0.5).number(self.name, "low", self.low))
        object.__setattr__(self, "centre", self._shares("centre", self.centre, 2))

    def _canvas(self) -> Size:
        try:
            canvas = Size.of(self.size)
        except UsageError as error:
            raise OptionError(self.name, "size", str(error).removeprefix("size: ")) from error
        if min(canvas) < 2:
            raise OptionError(self.name, "size", f"have {canvas}, want at least 2x2")
        return canvas

    @property
    def is_fixed(self) -> bool:
        """Whether it was drawn."""
        return super().is_fixed and self.centre is not None

    @property
    def canvas(self) -> Size:
        """The size."""
        return Size.of(self.size)

    def _settled(self, draw: Draw) -> dict[str, Any]:
        x, y = (draw.amount(f"centre {axis}", (self.low, 1.0 - self.low)) for axis in "xy")
        return {"centre": self.centre or (x, y)}

    def layer(self, number: int, canvas: Size | None) -> PartLayer:  # noqa: ARG002  # its canvas is its own
        """The quarter `number`, row by row, which its image fills."""
        left, top, quarter = self.quarters[number]
        return PartLayer((Fill(quarter),), left, top)

    @property
    def quarters(self) -> tuple[tuple[int, int, Size], ...]:
        """(left, top, size) of each quarter of a drawn mosaic, row by row, in whole px."""
        if self.centre is None:
            raise ValueError("mosaic: want one that is drawn, with a centre")
        canvas = Size.of(self.size)
        x, y = (min(side - 1, max(1, round(side * share))) for side, share in zip(canvas, self.centre, strict=True))
        return tuple(
            (left, top, Size(right - left, bottom - top))
            for top, bottom in ((0, y), (y, canvas.height))
            for left, right in ((0, x), (x, canvas.width))
        )

    def _described(self) -> str:
        return f"mosaic {Size.of(self.size)}"


@dataclass(frozen=True)
class Mixup(Combination):
    """The image and another one, blended: `ratio` is the share of the image itself. The objects of both are kept.

    The other image gets the steps before the mixup, drawn for itself, and a letterbox to the size of this one.
    """

    name = "mixup"
    amounts: ClassVar[Amounts] = {"ratio": Bounds(0.01, 0.99)}  # beyond, objects are kept that no pixel shows
    ratio: Amount = (0.4, 0.6)
    others: tuple[float, ...] | None = None

    def layer(self, number: int, canvas: Size | None) -> PartLayer:
        """The image itself, and the other one over all of it."""
        if not number or canvas is None:
            return PartLayer()
        share = self.ratio if isinstance(self.ratio, float) else 0.5
        return PartLayer((Letterbox(canvas),), covers=Cover.CANVAS, weight=1.0 - share)


@dataclass(frozen=True)
class CopyPaste(Combination):
    """Objects of another image, cut out along their polygon or mask and pasted where they lie in it.

    The other image gets the steps before this one, drawn for itself, and a letterbox to the size of this one. Each of
    its objects that has an outline and is no crowd region is pasted with the probability `share`, at least one.
    `boxes`: an object without a polygon or mask is pasted with all that is in its box. A drawn step has a `seed`, from
    which `chosen` says which objects they are.
    """

    name = "copy_paste"
    amounts: ClassVar[Amounts] = {"share": Bounds(0.01, 1.0)}
    share: Amount = 0.5
    boxes: bool = False
    seed: int | None = None
    others: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self.name, "boxes", self.boxes, (True, False))
        check_seed(self.name, self.seed)

    @property
    def is_fixed(self) -> bool:
        """Whether it was drawn."""
        return super().is_fixed and self.seed is not None

    def _settled(self, draw: Draw) -> dict[str, Any]:
        return {"seed": draw.number("seed") >> 32 if self.seed is None else self.seed}

    def layer(self, number: int, canvas: Size | None) -> PartLayer:
        """The image itself, and the objects of the other one."""
        return PartLayer((Letterbox(canvas),), covers=Cover.OBJECTS) if number and canvas else PartLayer()

    def chosen(self, rows: list[int]) -> list[int]:
        """Those of `rows`, the objects of the other image that may be pasted, which a drawn step pastes: one or more of
        them, where there is one. A row is the number of an object in its image as it was read.
        """
        if self.seed is None or not isinstance(self.share, float):
            raise ValueError("copy_paste: want one that is drawn, with a seed")
        draw = Draw(self.seed, self.name, 0, 0)
        numbers = {row: draw.uniform(f"object {row}") for row in rows}
        share = self.share
        return [row for row in rows if numbers[row] < share] or sorted(rows, key=numbers.__getitem__)[:1]


COMBINING = frozenset(step.name for step in (Mosaic, Mixup, CopyPaste))
"""The names of the steps that make one image of several."""
