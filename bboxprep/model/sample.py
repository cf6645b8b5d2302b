"""One image of a dataset: its file, its annotations, and the frame (stored or displayed) that they are drawn in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import WrongTypeError
from bboxprep.findings import Finding
from bboxprep.geometry.affine import Affine, Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.plan import Plan
from bboxprep.geometry.shapes import Boxes
from bboxprep.io.paths import relative_path
from bboxprep.model.categories import Categories
from bboxprep.model.header import Header
from bboxprep.model.instance import Instance
from bboxprep.model.instances import Instances, unchecked
from bboxprep.model.rendering import DEFAULT_RENDERING, ChannelOrder, Cover, Effect, Rendering
from bboxprep.model.rle import Rle
from bboxprep.model.segmentation import ObjectPictures, Segmentation
from bboxprep.model.short_text import shortened
from bboxprep.model.splits import TRAIN
from bboxprep.model.variant import SampleVariant

Key = tuple[str, str]  # split and name of a sample
Seen = Callable[[NDArray[np.uint8]], None]
"""Looks at the stored pixels of an image, uint8 (H, W) or (H, W, 3), when they are decoded."""


class Frame(StrEnum):
    """The plane that annotations are drawn in: the pixels as stored in the file, or as displayed after EXIF."""

    STORED = "stored"
    DISPLAYED = "displayed"


class Planner(Protocol):
    """Makes the plan of an image from its sizes; a `Recipe` is one."""

    @property
    def rendering(self) -> Rendering:
        """The kernel, the pad and the effects."""

    @property
    def mirrors(self) -> bool:
        """Whether it exchanges left and right."""

    def turn_of(self, turn: Dihedral, frame: Frame) -> Dihedral:
        """The turn to plan with for an image of EXIF `turn` whose labels are drawn in the plane `frame`."""

    def plan(self, size: Size, turn: Dihedral) -> Plan:
        """The plan for an image of stored `size` and EXIF `turn`. Raises `PlanError` where there is none."""


class Renderer(Protocol):
    """Transforms and draws samples. Readers give one to each sample, so that `Sample.pixels` works although this
    package imports no image library."""

    @property
    def categories(self) -> Categories:
        """The class table of the samples."""

    def transform(self, sample: Sample, recipe: Planner) -> Sample:
        """`sample` with `recipe` applied to its annotations."""

    def pixels(
        self, sample: Sample, data: bytes | None = None, order: ChannelOrder = "RGB", seen: Seen | None = None
    ) -> NDArray[np.uint8]:
        """The pixels of `sample` after its plan: uint8 (H, W) or (H, W, 3). `data`: the bytes of its file, if known.
        `seen` is called with the stored pixels."""

    def draw(self, sample: Sample) -> bytes:
        """The bytes of a PNG of the image with its objects drawn on it."""

    def with_categories(self, categories: Categories) -> Renderer:
        """The same renderer for samples whose labels are rows of `categories`."""


class Picture(bytes):
    """The bytes of a PNG, which a notebook shows as a picture; elsewhere `save` writes it to a file."""

    __slots__ = ()

    def save(self, path: str | Path) -> None:
        """Write the PNG to the file `path`. Raises `OSError`."""
        Path(path).write_bytes(self)

    def _repr_png_(self) -> bytes:
        return bytes(self)

    def __repr__(self) -> str:
        return f"<Picture: {len(self):,} bytes of PNG; save('a.png') writes it>"


@dataclass(frozen=True, eq=False)
class BaseImage:
    """The image that a plan starts from, if it is not that of the file: the image of `sample` after the `pipeline` of
    albumentations (None: unchanged).

    `size` is its size. `affine` maps points in px from the frame of the sample to it; None if no affine map does, and
    then `problem` says why.
    """

    sample: Sample
    pipeline: Effect | None
    size: Size
    affine: Affine | None
    problem: str = ""


@dataclass(frozen=True, repr=False)
class Sample:
    """One image of a dataset.

    `name` is its path below the dataset's image folder (unique within `split`), `path` the file, `root` the folder of
    the dataset. `header` is None where the file cannot be read; then a finding says why and the sample cannot be
    converted.

    `instances` are in px of the plane of `frame` (size `size`) while `plan` is None. A transformed sample has a `plan`,
    and its instances are in px of the output image; `mirrored`: its recipes have exchanged left and right.

    `declared` is the size that the annotations state. `fractional`: the format states fractions of the size, so another
    frame means other pixels. `evidence` is the reason for `frame`, in one word. `source_count` is the number of object
    records of the source for this image, read or not. `labelled` is False if the image has no label file.
    `label_digest` is a hash of labels that are part of a document, "" where the reader gives none. `id` is the number
    that the source gives it, or 0; `extra` holds other fields of the source, by the name of the format.
    `refusal` is the code of the finding that keeps the image out of any output, or "". `segmentation` are the files of
    masks that are not read yet. `variant` is the copy and tile, if its image has several outputs; `parts` are the
    images that it is made of (of a mosaic, a mixup or a copy-paste), on one canvas. `base_image` is the image that
    `plan` starts from, if it is not that of the file; for an image of parts it is the canvas.
    """

    name: PurePosixPath
    path: Path
    header: Header | None
    instances: Instances
    split: str = TRAIN
    frame: Frame = Frame.DISPLAYED
    evidence: str = ""
    declared: Size | None = None
    fractional: bool = False
    plan: Plan | None = None
    mirrored: bool = False
    rendering: Rendering = DEFAULT_RENDERING
    refusal: str = ""
    findings: tuple[Finding, ...] = ()
    source_count: int = 0
    labelled: bool = True
    label_digest: str = ""
    id: int = 0
    segmentation: Segmentation | ObjectPictures | None = None
    base_image: BaseImage | None = field(default=None, repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict)
    variant: SampleVariant | None = None
    root: Path = Path()
    parts: tuple[Part, ...] = ()
    renderer: Renderer | None = field(default=None, repr=False, compare=False)

    @property
    def key(self) -> Key:
        """(split, name), unique within the dataset."""
        return self.split, str(self.name)

    @property
    def relative_path(self) -> str:
        """`path` below `root`: how findings and the records of a run name the image."""
        return relative_path(self.path, self.root)

    @property
    def boxes(self) -> Boxes:
        """The boxes of its objects: float64 (N, 4) x0 y0 x1 y1, px of `size`."""
        return self.instances.boxes

    @property
    def labels(self) -> NDArray[np.int64]:
        """The classes of its objects: int64 (N,) rows of the class table."""
        return self.instances.labels

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes of its objects, one for each."""
        names = self._require_renderer().categories.names
        return tuple([names[label] for label in self.labels.tolist()])

    @property
    def objects(self) -> tuple[Instance, ...]:
        """Its objects, one by one, with the names of their classes."""
        return tuple(self.instances.with_names(self._require_renderer().categories.names))

    @property
    def image(self) -> NDArray[np.uint8]:
        """Its `pixels`, decoded anew each time: uint8 (H, W, 3) RGB or (H, W) gray. Raises `ImageError`."""
        return self.pixels()

    def show(self) -> Picture:
        """The image with its objects drawn on it: a notebook shows it, `Picture.save` writes it. Raises
        `ImageError`.
        """
        return Picture(self._require_renderer().draw(self))

    @property
    def size(self) -> Size:
        """The size of the plane that `instances` lie in. Raises ValueError without a header."""
        if self.plan:
            return self.plan.size
        return self.base_image.size if self.base_image else self._frame_size(self.frame)

    @property
    def to_stored(self) -> Affine:
        """The map from the plane of `frame` to the stored pixels."""
        header = self._known_header()
        return Affine() if self.frame is Frame.STORED else _undone(header.turn, header.size)

    @property
    def affine(self) -> Affine | None:
        """The map in px from the plane of `frame`, or the canvas of its parts, to the current plane of `instances`.

        None where no affine map exists because a pipeline bends the image; `base_image.problem` says why.
        """
        if self.plan is None:
            return self.base_image.affine if self.base_image else Affine()
        first = self.base_image.affine if self.base_image else self.to_stored
        return first and _joined(self.plan.affine, first)

    @property
    def is_redrawn(self) -> bool:
        """Whether more than a plan changes its pixels (parts, effects, albumentations): its file must be decoded."""
        return redraws(self.rendering, self.base_image, self.parts)

    def replace_fast(self, **changes: Any) -> Sample:
        """This sample with some fields changed, without checks: faster than `dataclasses.replace`."""
        return unchecked(Sample, {**self.__dict__, **changes})

    def with_findings(self, *findings: Finding) -> Sample:
        """This sample with `findings` added after its own."""
        return self.replace_fast(findings=(*self.findings, *findings)) if findings else self

    def in_frame(self, frame: Frame, evidence: str) -> Sample:
        """This untransformed sample with its annotations taken as drawn in `frame`, for the reason `evidence`."""
        if not self.fractional or frame is self.frame or self.header is None:
            return self.replace_fast(frame=frame, evidence=evidence)
        old, new = self._frame_size(self.frame), self._frame_size(frame)
        ratio = np.array([new.width / old.width, new.height / old.height])
        moved = replace(
            self.instances,
            boxes=self.instances.boxes * np.tile(ratio, 2),
            masks=tuple(
                Rle.stretched(one.mask(), new) if one and one.size == old else one for one in self.instances.masks
            ),
            polygons=self.instances.polygons.moved(lambda points: points * ratio),
            oriented=self.instances.oriented * ratio,
            keypoints=self.instances.keypoints * ratio,
        )
        return self.replace_fast(frame=frame, evidence=evidence, instances=moved)

    def pixels(
        self, data: bytes | None = None, order: ChannelOrder = "RGB", seen: Seen | None = None
    ) -> NDArray[np.uint8]:
        """The image that `instances` lie on: uint8 (H, W) or (H, W, 3) in `order`. `data` are the bytes of the file at
        `path`, where they have been read already. `seen` is called with the stored pixels, perhaps reduced, that it is
        made of, unless it is a mosaic or a pipeline of albumentations makes it. Raises `ImageError`."""
        return self._require_renderer().pixels(self, data, order, seen)

    def transform(self, recipe: Planner) -> Sample:
        """This sample with `recipe` applied to its annotations; `pixels` applies it to the pixels. Raises
        `WrongTypeError` for what is no recipe.
        """
        check_recipe(recipe)
        return self._require_renderer().transform(self, recipe)

    def __repr__(self) -> str:
        size = self.size if self.header or self.plan or self.base_image else "no size"
        place = shortened("/".join(self.key))
        count = len(self.instances)
        return f"<Sample {place}: {size}, {count:,} object{'' if count == 1 else 's'}>"

    def _repr_png_(self) -> bytes | None:
        return self.renderer.draw(self) if self.renderer and self.header else None

    def _frame_size(self, frame: Frame) -> Size:
        header = self._known_header()
        return header.size if frame is Frame.STORED else header.displayed

    def _known_header(self) -> Header:
        if self.header is None:
            raise ValueError(f"{self.path}: the image has no readable header")
        return self.header

    def _require_renderer(self) -> Renderer:
        if self.renderer is None:
            raise ValueError("this sample was made by hand; samples of bboxprep.read can open their images")
        return self.renderer


class Part(NamedTuple):
    """One image of several on a canvas: its `sample`, on the canvas; what it `covers` of those below it; and the
    `weight` of its pixels there, 0 to 1.
    """

    sample: Sample
    covers: Cover
    weight: float


def check_recipe(recipe: object) -> None:
    """Raise `WrongTypeError` unless `recipe` is a `Planner`."""
    if not hasattr(recipe, "turn_of"):
        raise WrongTypeError(f"transform: have {recipe!r:.80}, want a Recipe, as in Recipe(Letterbox(640))")


def redraws(rendering: Rendering, base_image: BaseImage | None, parts: tuple[Part, ...]) -> bool:
    """Whether more than a plan changes the pixels of a sample with these fields: its file must be decoded."""
    return bool(rendering.effects or base_image or parts)


EMPTY_SAMPLE = Sample(PurePosixPath(), Path(), None, Instances.of())
"""A sample with no values. Readers fill it by `replace_fast`, which is faster than ``Sample(...)``."""


@lru_cache(maxsize=1024)
def _undone(turn: Dihedral, size: Size) -> Affine:
    """The map from the displayed image back to the stored one, of `size`; the photos of one camera share it."""
    return ~turn.affine(size)


@lru_cache(maxsize=1024)
def _joined(affine: Affine, first: Affine) -> Affine:
    return affine @ first
