"""A finished run, read again: its record, and of every image where it came from and how it was mapped.

Fields that a later version may add are ignored, so that the outputs of neighbours can be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import msgspec

from bboxprep.errors import AnnotationError, BboxprepError, LayoutError, UsageError
from bboxprep.geometry.affine import Affine, Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.io.paths import is_within, read_lines, resolved
from bboxprep.io.remote import open_path
from bboxprep.model.sample import Frame
from bboxprep.pipeline.output.run_record import IMAGES, INCOMPLETE, RECORD, read_record


@dataclass(frozen=True, slots=True)
class RunImage:
    """One row of `bboxprep.images.jsonl`.

    `source` is the path below the source, `output` that below the output (None where the image was left out); `size` is
    that of the stored pixels, `affine` maps points of the plane `frame` to the output picture of `output_size`.
    `source_count` objects came in, `written` went out, `dropped` were lost by finding code. `evidence` says in a word
    why
    `frame` is what it is. `mirrored`: names and points of the left have become those of the right. `recipe` is what was
    drawn for it, as plain data, and `copy` which copy of its source it is; `tile` names the part of it ("r0c1");
    `parts` counts the pictures of a mosaic.
    `not_affine` says why there is no `affine`, where a pipeline bent the picture.
    """

    source: str
    split: str
    output: str | None
    sha256: str | None
    size: Size | None
    orientation: int
    frame: Frame
    affine: Affine | None
    output_size: Size | None
    source_count: int
    written: int
    dropped: Mapping[str, int]
    evidence: str = ""
    mirrored: bool = False
    not_affine: str = ""
    recipe: Mapping[str, Any] | None = None
    copy: int = 0
    tile: str = ""
    parts: int = 0

    @property
    def frame_size(self) -> Size | None:
        """The size of the source picture in the plane that its labels were drawn in."""
        if self.size is None or self.frame is Frame.STORED:
            return self.size
        return Dihedral.from_exif(self.orientation).size(self.size)

    @property
    def to_source(self) -> Affine:
        """The map from the output picture back to the plane of the source's labels. Raises `UsageError` without one."""
        if self.affine is None:
            why = f" ({self.not_affine})" if self.not_affine else ""
            raise UsageError(f"{self.output or self.source}: the record holds no affine for it{why}")
        return ~self.affine


@dataclass(frozen=True)
class Run:
    """The output at `root` as it was recorded; `images` in the order of the source."""

    root: Path
    record: Mapping[str, Any]
    images: tuple[RunImage, ...]

    @cached_property
    def outputs(self) -> Mapping[str, RunImage]:
        """The images that were written, by their path below the output."""
        return {image.output: image for image in self.images if image.output}


def open_run(root: str | Path) -> Run:
    """The complete output at the folder `root`. Raises `LayoutError` where there is none or its record is damaged."""
    folder = open_path(root)
    record = read_record(folder)
    if record is None:
        state = "the run that writes it has not ended" if (folder / INCOMPLETE).is_file() else f"no {RECORD} in it"
        raise LayoutError(folder, "", f"is not a complete output of bboxprep ({state})")
    images, problems = read_images(folder)
    if problems:
        raise LayoutError(folder / IMAGES, *problems[0])
    return Run(folder, record, images)


def read_images(root: Path) -> tuple[tuple[RunImage, ...], tuple[tuple[str, str], ...]]:
    """The rows of the output at `root` that can be read, and (where, problem) for all else."""
    images: list[RunImage] = []
    problems: list[tuple[str, str]] = []
    path = root / IMAGES
    if path.exists() and not (path.is_file() and is_within(path, resolved(root))):
        return (), (("", "cannot be read (want a file, and no link that leads out of its folder)"),)
    try:
        for number, line in enumerate(read_lines(path, _MOST_ROW_BYTES), 1):
            try:
                images.append(_image(msgspec.json.decode(line, type=_Row)))
            except (ValueError, RecursionError, BboxprepError) as error:
                problems.append((f"line {number}", f"is not a row of an image ({error})"))
    except AnnotationError as error:
        problems.append(("", error.problem))
    return tuple(images), tuple(problems)


_MOST_ROW_BYTES = 1 << 20
_Side = Annotated[int, msgspec.Meta(ge=1, le=2**31)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Factor = Annotated[float, msgspec.Meta(ge=-1e12, le=1e12)]


class _Objects(msgspec.Struct):
    source_count: _Count = msgspec.field(name="in", default=0)
    written: _Count = msgspec.field(name="out", default=0)
    dropped: dict[str, int] = {}  # msgspec copies it


class _Row(msgspec.Struct):
    source: str
    split: str = "train"
    output: str | None = None
    sha256: str | None = None
    size: tuple[_Side, _Side] | None = None
    orientation: int = 1
    frame: str = Frame.DISPLAYED
    evidence: str = ""
    affine: tuple[_Factor, _Factor, _Factor, _Factor, _Factor, _Factor] | None = None
    output_size: tuple[_Side, _Side] | None = None
    objects: _Objects = msgspec.field(default_factory=_Objects)
    mirrored: bool = False
    not_affine: str = ""
    recipe: dict[str, Any] | None = None
    copy: _Count = 0
    tile: str = ""
    parts: tuple[Any, ...] = ()


def _image(row: _Row) -> RunImage:
    return RunImage(
        row.source,
        row.split,
        row.output,
        row.sha256,
        Size.of(row.size) if row.size else None,
        row.orientation,
        Frame(row.frame),
        Affine(*row.affine) if row.affine else None,
        Size.of(row.output_size) if row.output_size else None,
        row.objects.source_count,
        row.objects.written,
        row.objects.dropped,
        row.evidence,
        row.mirrored,
        row.not_affine,
        row.recipe,
        row.copy,
        row.tile,
        len(row.parts),
    )
