"""One image with what is known of it, and the plane its annotations are in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bboxprep.findings import Finding
from bboxprep.geometry.affine import Affine, Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.plan import Plan
from bboxprep.io.paths import relative_path
from bboxprep.model.categories import Categories
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances, unchecked
from bboxprep.model.rendering import DEFAULT_RENDERING, Effect, Rendering
from bboxprep.model.segmentation import Segmentation
from bboxprep.model.splits import TRAIN
from bboxprep.model.variant import SampleVariant

Key = tuple[str, str]  # split and name of a sample


class Frame(StrEnum):
    """The plane annotations were drawn in: the pixels as the file stores them, or as a viewer shows them."""

    STORED = "stored"
    DISPLAYED = "displayed"


class Planner(Protocol):
    """Decides the geometry of one image from its sizes, and how its pixels are made (a `Recipe` does)."""

    @property
    def rendering(self) -> Rendering:
        """How the pixels are made."""

    @property
    def mirrors(self) -> bool:
        """Whether left and right change places."""

    def plan(self, size: Size, turn: Dihedral) -> Plan:
        """The plan for a picture stored at `size` that `turn` displays. Raises `PlanError` where there is none."""


class Renderer(Protocol):
    """What moves and shows pixels. The floors above give one to each sample they read, so that a sample can show
    itself while this floor knows no image library."""

    def transform(self, sample: Sample, recipe: Planner) -> Sample:
        """`sample` with its annotations moved by `recipe`."""

    def pixels(self, sample: Sample, data: bytes | None = None) -> NDArray[np.uint8]:
        """The picture of `sample`, its plan executed: (H, W) or (H, W, 3). `data`: its file, if read already."""

    def draw(self, sample: Sample) -> bytes:
        """A PNG of the picture with its objects drawn in."""

    def with_categories(self, categories: Categories) -> Renderer:
        """The same, for samples whose labels are rows of `categories`."""


@dataclass(frozen=True, eq=False)
class BaseImage:
    """The picture that a plan starts from where it is not the file's: that of `sample`, after the `pipeline` of
    albumentations that its options name (None: as it is).

    `size` is what it came out at. `affine` maps points from the plane of the sample's frame to it; None where no
    affine map does, and then `problem` says why.
    """

    sample: Sample
    pipeline: Effect | None
    size: Size
    affine: Affine | None
    problem: str = ""


@dataclass(frozen=True)
class Sample:
    """One image of a dataset.

    `name` is its path below the dataset's image folder (unique within `split`), `path` the file, `root` the folder of
    the dataset. `header` is None where the file cannot be read; then a finding says why and the sample cannot be
    converted.

    `instances` lie in the plane of `frame` (size `size`), in pixels, as long as `plan` is None; a transformed
    sample has the executed `plan` and its instances lie in the output picture; `mirrored` says whether its recipes have
    made left of right. `declared` is the size that the annotations state. `fractional`: the format states fractions of
    the size, so another frame means other pixels. `evidence` says in a word why `frame` is what it is; `source_count`
    counts the objects of the source's records for this image, read or not; `labelled` is False where there is no label
    file at all; `id` is the source's own number or 0; `extra` what else a format says of the image, by its name.
    `refusal` is the code of the finding for which the image is left out of any output, or "". `segmentation` is where
    masks are still to be read from. `variant` says which outcome of its image it is, where there are several; `parts`
    are the pictures of a mosaic, on one canvas. `base_image` is the picture that `plan` starts from, where that is not
    the file's: of a mosaic, the canvas.
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
    id: int = 0
    segmentation: Segmentation | None = None
    base_image: BaseImage | None = field(default=None, repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict)
    variant: SampleVariant | None = None
    root: Path = Path()
    parts: tuple[Sample, ...] = ()
    renderer: Renderer | None = field(default=None, repr=False, compare=False)

    @property
    def key(self) -> Key:
        """What names it within its dataset."""
        return self.split, str(self.name)

    @property
    def relative_path(self) -> str:
        """`path` below `root`: how findings and the records of a run name the image."""
        return relative_path(self.path, self.root)

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
        """The map from the plane of `frame`, or from the canvas of a mosaic, to the plane that `instances` lie in now.

        None where no affine map leads there, because of a pipeline that bends pictures: `base_image` says why.
        """
        if self.plan is None:
            return self.base_image.affine if self.base_image else Affine()
        first = self.base_image.affine if self.base_image else self.to_stored
        return first and _joined(self.plan.affine, first)

    @property
    def is_redrawn(self) -> bool:
        """Whether its pixels are not only moved, so that they cannot be had from its file without decoding it."""
        return bool(self.rendering.effects or self.base_image or self.parts)

    def replace_fast(self, **changes: Any) -> Sample:
        """This sample with some fields changed, none of them checked."""
        return unchecked(Sample, {**self.__dict__, **changes})

    def with_findings(self, *findings: Finding) -> Sample:
        """This sample with `findings` after its own."""
        return self.replace_fast(findings=(*self.findings, *findings)) if findings else self

    def in_frame(self, frame: Frame, evidence: str) -> Sample:
        """This untransformed sample with its annotations understood as drawn in `frame`."""
        if not self.fractional or frame is self.frame or self.header is None:
            return self.replace_fast(frame=frame, evidence=evidence)
        old, new = self._frame_size(self.frame), self._frame_size(frame)
        ratio = np.array([new.width / old.width, new.height / old.height])
        moved = replace(
            self.instances,
            boxes=self.instances.boxes * np.tile(ratio, 2),
            polygons=tuple(tuple(ring * ratio for ring in rings) for rings in self.instances.polygons),
            keypoints=self.instances.keypoints * ratio,
        )
        return self.replace_fast(frame=frame, evidence=evidence, instances=moved)

    def pixels(self, data: bytes | None = None) -> NDArray[np.uint8]:
        """The picture that `instances` lie on: uint8 (H, W) or (H, W, 3), RGB. `data` are the bytes of the file at
        `path`, where they have been read already. Raises `ImageError`."""
        return self._require_renderer().pixels(self, data)

    def transform(self, recipe: Planner) -> Sample:
        """This sample with its annotations moved by `recipe`; its pixels follow when they are asked for."""
        return self._require_renderer().transform(self, recipe)

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


EMPTY_SAMPLE = Sample(PurePosixPath(), Path(), None, Instances.of())
"""One of which nothing has been read: readers give it what they know by `replace_fast`, which is quicker than a new
one."""


@lru_cache(maxsize=1024)
def _undone(turn: Dihedral, size: Size) -> Affine:
    """The map from the displayed picture back to the stored one, of `size`; the photos of one camera share it."""
    return ~turn.affine(size)


@lru_cache(maxsize=1024)
def _joined(affine: Affine, first: Affine) -> Affine:
    return affine @ first
