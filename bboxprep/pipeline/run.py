"""A finished run, read again: its record, and of every image where it came from and how it was mapped.

Fields that a later version may add are ignored, so that the outputs of neighbours can be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bboxprep.errors import BboxprepError, LayoutError, UsageError
from bboxprep.geometry.affine import Affine, Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.model.sample import Frame
from bboxprep.pipeline.record import IMAGES, INCOMPLETE, RECORD, read_record

if TYPE_CHECKING:
    from bboxprep.pipeline.unmap.way import Unmapped


@dataclass(frozen=True, slots=True)
class RunImage:
    """One row of `bboxprep.images.jsonl`.

    `source` is the path below the source, `output` that below the output (None where the image was left out); `size` is
    that of the stored pixels, `affine` maps points of the plane `frame` to the output picture of `output_size`.
    `listed` objects came in, `written` went out, `dropped` were lost by finding code. `evidence` says in a word why
    `frame` is what it is. `mirrored`: names and points of the left have become those of the right.
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
    listed: int
    written: int
    dropped: Mapping[str, int]
    evidence: str = ""
    mirrored: bool = False

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
            raise UsageError(f"{self.output or self.source}: the record holds no affine for it")
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

    def unmap(self, predictions: str | Path, dest: str | Path, *, split: str | None = None) -> Unmapped:
        """Write `predictions`, made on this output's pictures, to `dest` in the plane of the source's labels.

        See `bboxprep.pipeline.unmap.unmap`.
        """
        from bboxprep.pipeline.unmap import unmap

        return unmap(self, Path(predictions), Path(dest), split=split)


def open_run(root: str | Path) -> Run:
    """The complete output at the folder `root`. Raises `LayoutError` where there is none or its record is damaged."""
    folder = Path(root)
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
    try:
        lines = (root / IMAGES).read_bytes().splitlines()
    except OSError as error:
        return (), (("", f"cannot be read ({error.strerror or error})"),)
    images, problems = [], []
    for number, line in enumerate(lines, 1):
        try:
            images.append(_image(msgspec.json.decode(line, type=_Row)))
        except (msgspec.MsgspecError, ValueError, BboxprepError) as error:
            problems.append((f"line {number}", f"is not a row of an image ({error})"))
    return tuple(images), tuple(problems)


class _Objects(msgspec.Struct):
    listed: int = msgspec.field(name="in", default=0)
    written: int = msgspec.field(name="out", default=0)
    dropped: dict[str, int] = {}  # msgspec copies it


class _Row(msgspec.Struct):
    source: str
    split: str = "train"
    output: str | None = None
    sha256: str | None = None
    size: tuple[int, int] | None = None
    orientation: int = 1
    frame: str = Frame.DISPLAYED
    evidence: str = ""
    affine: tuple[float, float, float, float, float, float] | None = None
    output_size: tuple[int, int] | None = None
    objects: _Objects = msgspec.field(default_factory=_Objects)
    mirrored: bool = False


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
        row.objects.listed,
        row.objects.written,
        row.objects.dropped,
        row.evidence,
        row.mirrored,
    )
