"""The result of each image: a row of a `WrittenBatch` while it is written, then one of ``bboxprep.images.jsonl``.

`ImageRow` is the schema for writing and reading. Unknown fields, of later versions, are ignored; a field of a wrong
type makes the row invalid.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from bboxprep.errors import AnnotationError, UsageError
from bboxprep.findings import Finding, escape_surrogates
from bboxprep.formats.api import Labels
from bboxprep.geometry.affine import Affine, Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.plan import Plan
from bboxprep.io.paths import is_within, read_lines, relative_path, resolved
from bboxprep.io.safe_names import safe_relative
from bboxprep.model.batch import Batch
from bboxprep.model.header import Header
from bboxprep.model.sample import EMPTY_SAMPLE, Frame, Sample
from bboxprep.model.splits import TRAIN
from bboxprep.pipeline.output.naming import Output
from bboxprep.pipeline.resume.fingerprint import OutputFile

IMAGES = "bboxprep.images.jsonl"

WriteMethod = Literal[
    "",
    "copied",
    "linked",
    "symlinked",
    "untagged",
    "turned-lossless",
    "padded-lossless",
    "turned-re-encoded",
    "encoded",
]
BYTE_PRESERVING: frozenset[WriteMethod] = frozenset({"copied", "linked", "symlinked"})
"""The methods that keep the bytes of the source file."""
DECODED: frozenset[WriteMethod] = frozenset({"turned-re-encoded", "encoded"})
"""The methods that decode the source file, and write other pixels."""


class ImageFile(NamedTuple):
    """The image file that was written for a sample: `method` says how it was made, "" where there is none; `sha256` is
    the hash of the source file, None where that was not read; `thumbnail` is that of the source image (see
    `images.thumbnail`), b"" where it was not decoded for this.
    """

    method: WriteMethod = ""
    sha256: str | None = None
    file: OutputFile | None = None
    thumbnail: bytes = b""


NO_FILE = ImageFile()


@dataclass(frozen=True)
class WrittenBatch:
    """Samples whose images are written, and later their labels.

    `samples` are transformed and have the findings of the writing; those that were left out have no objects. `outputs`
    are their places in the output, None where one was left out, `images` their image files. `whole` are the samples
    with the crowd regions that only the sidecar can hold. `labels` and `label_files` (those written for each) are empty
    until the labels are written.
    """

    samples: Batch
    outputs: Sequence[Output | None]
    images: Sequence[ImageFile]
    whole: Batch
    labels: Sequence[Labels] = ()
    label_files: Sequence[tuple[OutputFile, ...]] = ()

    @property
    def rows(self) -> list[int]:
        """The rows of the samples that were not left out."""
        return [row for row, output in enumerate(self.outputs) if output]

    @property
    def files(self) -> list[tuple[OutputFile, ...]]:
        """The written files of each sample, the image first."""
        made = zip(self.images, self.label_files, strict=True)
        return [(image.file, *labels) if image.file else labels for image, labels in made]


_MAX_ROW_BYTES = 1 << 20
_Side = Annotated[int, msgspec.Meta(ge=1, le=2**31)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Factor = Annotated[float, msgspec.Meta(ge=-1e12, le=1e12)]
_Factors = tuple[_Factor, _Factor, _Factor, _Factor, _Factor, _Factor]


def _always_written(value: Any) -> Any:
    """A field that is always written, with the default `value` for rows of other versions that lack it."""
    return msgspec.field(default_factory=lambda: value)


class ObjectCounts(msgspec.Struct, frozen=True, gc=False):
    """The number of objects of an image: listed in the source, written, and dropped by code of the finding."""

    source_count: _Count = msgspec.field(name="in", default=0)
    written: _Count = msgspec.field(name="out", default=0)
    dropped: dict[str, int] = {}  # msgspec copies the default


class PartRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of the images that an output image is made of; fields as in `ImageRow`, with the `factors` of the map to the
    output image.
    """

    source: str
    frame: Frame = _always_written(Frame.DISPLAYED)
    factors: _Factors | None = msgspec.field(name="affine", default_factory=lambda: None)
    not_affine: str = ""
    mirrored: bool = False
    recipe: Mapping[str, Any] | None = None
    tile: str = ""


class ImageRow(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One row: an output image, or a source image that was left out.

    `source` is the path below the source folder, `output` the path below the output (None where the image was left
    out). `sha256` is the hash of the source file, None where that was not read: no image was written, or an earlier
    version has linked it. `size` is the size of the stored pixels. `objects` counts the objects. `evidence` says in a
    word how `frame` was decided. `made` is the `WriteMethod` of the image file. `factors` are a, b, c, d, e, f of
    `affine`: ``x' = a x + b y + c, y' = d x + e y + f``. `not_affine` says why there is no `affine`: a pipeline bent
    the image, or it is made of `parts`. `mirrored`: left and right are exchanged. `recipe` are the values drawn for
    this image, as a recipe without chance in plain data; None where the recipe of the run has no chance. `tile` names
    the part of the image that it shows ("r0c1").

    Fields that only some rows have are `UNSET` in the others; their properties give the default.
    """

    source: str
    split: str = _always_written(TRAIN)
    sha256: str | None = _always_written(None)
    output: str | None = _always_written(None)
    objects: ObjectCounts = msgspec.field(default_factory=ObjectCounts)
    size: Size | None = None
    orientation_or_unset: int | UnsetType = msgspec.field(name="orientation", default=UNSET)
    frame_or_unset: Frame | UnsetType = msgspec.field(name="frame", default=UNSET)
    evidence_or_unset: str | UnsetType = msgspec.field(name="evidence", default=UNSET)
    made: str = ""
    factors: _Factors | UnsetType | None = msgspec.field(name="affine", default=UNSET)
    not_affine: str = ""
    output_size: Size | None = None
    mirrored: bool = False
    copy_or_unset: _Count | UnsetType = msgspec.field(name="copy", default=UNSET)
    recipe: Mapping[str, Any] | None = None
    tile: str = ""
    parts: tuple[PartRow, ...] = ()

    def __post_init__(self) -> None:
        for size in (self.size, self.output_size):
            if size and not (1 <= size.width <= _MAX_SIDE and 1 <= size.height <= _MAX_SIDE):
                raise ValueError(f"size: have {size}, want sides of 1 px or more")
        if self.output is not None and not safe_relative(self.output):
            raise ValueError(f"output: have {self.output!r}, want a path below the output folder")

    @property
    def orientation(self) -> int:
        """The EXIF orientation of the source file; 1 where that has no header."""
        return 1 if self.orientation_or_unset is UNSET else self.orientation_or_unset

    @property
    def frame(self) -> Frame:
        """The frame of the labels of the source: stored or displayed pixels."""
        return self.frame_or_unset or Frame.DISPLAYED

    @property
    def evidence(self) -> str:
        """How `frame` was decided, in a word; "" where stored and displayed pixels are the same."""
        return self.evidence_or_unset or ""

    @property
    def copy(self) -> int:
        """The number of this copy of its source image, from 0 on."""
        return self.copy_or_unset or 0

    @property
    def affine(self) -> Affine | None:
        """The map from points in `frame` to the output image, px; None where the map is not affine."""
        return Affine(*self.factors) if self.factors else None

    @property
    def frame_size(self) -> Size | None:
        """The size of the source image in `frame`; None where it has no header."""
        if self.size is None or self.frame is Frame.STORED:
            return self.size
        return Dihedral.from_exif(self.orientation).size(self.size)

    @property
    def to_source(self) -> Affine:
        """The map from the output image back to `frame`, px. Raises `UsageError` where there is none."""
        if self.affine is None:
            why = f" ({self.not_affine})" if self.not_affine else ""
            raise UsageError(f"{self.output or self.source}: the record holds no affine for it{why}")
        return ~self.affine


_MAX_SIDE = 2**31
_decode = msgspec.json.Decoder(ImageRow).decode
_encode_lines = msgspec.json.Encoder().encode_lines


def rows_of(written: WrittenBatch, root: Path) -> list[ImageRow]:
    """The row of each image of `written`, whose source folder is `root`."""
    batch, rows = written.samples, []
    own = [*map(batch.values, ("split", "source_count", "findings", "base_image", "variant", "parts", *_SHARED))]
    facts = zip(batch.paths_below(root), written.outputs, written.images, written.labels, *own, strict=True)
    for row, (source, output, image, labels, split, listed, findings, base, variant, parts, *shared) in enumerate(
        facts
    ):
        if base or variant or parts:
            fields = _fields(batch[row], output, image.method, root)
        else:
            fields = _shared_fields(image.method if output else None, *shared)
        rows.append(
            ImageRow(
                source if source.isascii() else escape_surrogates(source),
                split,
                image.sha256,
                output.image if output else None,
                ObjectCounts(listed, labels.count, _dropped(findings) if findings else {}),
                **fields,
            )
        )
    return rows


_SHARED = ("header", "frame", "evidence", "plan", "mirrored")  # of which the photos of one camera share the values


@lru_cache(maxsize=4096)
def _shared_fields(
    method: WriteMethod | None, header: Header | None, frame: Frame, evidence: str, plan: Plan | None, mirrored: bool
) -> dict[str, Any]:
    """`_fields` of a sample without variant, parts and pipeline; `method` is None where it was left out."""
    sample = EMPTY_SAMPLE.replace_fast(header=header, frame=frame, evidence=evidence, plan=plan, mirrored=mirrored)
    return _fields(sample, None if method is None else Output(""), method or "", Path())


def _fields(sample: Sample, output: Output | None, method: WriteMethod, root: Path) -> dict[str, Any]:
    """The fields of the row of `sample` besides its paths and counts."""
    fields: dict[str, Any] = {}
    if sample.header:
        fields = {
            "size": sample.header.size,
            "orientation_or_unset": sample.header.orientation,
            "frame_or_unset": sample.frame,
            "evidence_or_unset": sample.evidence,
        }
    if output:
        fields |= {"made": method, "output_size": sample.size}
        fields |= _parts_fields(sample, root) if sample.parts else _map_fields(sample.affine, sample, sample.mirrored)
    elif sample.mirrored:
        fields["mirrored"] = True
    fields |= _variant_fields(sample)
    if sample.variant and (sample.variant.recipe or not output):
        fields["copy_or_unset"] = sample.variant.copy
    return fields


def encode_rows(rows: Sequence[ImageRow]) -> bytes:
    """`rows` as lines of JSON."""
    return _encode_lines(rows)


def read_images(root: Path) -> tuple[tuple[ImageRow, ...], tuple[tuple[str, str], ...]]:
    """The valid rows of the output at `root`, and (where, problem) of each invalid one."""
    images: list[ImageRow] = []
    problems: list[tuple[str, str]] = []
    path = root / IMAGES
    if path.exists() and not (path.is_file() and is_within(path, resolved(root))):
        return (), (("", "cannot be read (want a file, and no link that leads out of its folder)"),)
    try:
        for number, line in enumerate(read_lines(path, _MAX_ROW_BYTES), 1):
            try:
                images.append(_decode(line))
            except (ValueError, RecursionError) as error:
                problems.append((f"line {number}", f"is not a row of an image ({error})"))
    except AnnotationError as error:
        problems.append(("", error.problem))
    return tuple(images), tuple(problems)


def _dropped(findings: Sequence[Finding]) -> dict[str, int]:
    """The number of objects that `findings` drop, by their code."""
    dropped: Counter[str] = Counter()
    for finding in findings:
        if finding.objects:
            dropped[finding.code] += finding.objects
    return dict(sorted(dropped.items()))


def _map_fields(affine: Affine | None, sample: Sample, mirrored: bool) -> dict[str, Any]:
    """The fields of the map from an image of the source to the image of `sample`."""
    if affine:
        return {"factors": affine.coefficients, "mirrored": mirrored}
    problem = sample.base_image.problem if sample.base_image else ""
    return {"factors": None, "not_affine": problem or "it shows several images", "mirrored": mirrored}


def _variant_fields(sample: Sample) -> dict[str, Any]:
    """The fields of the values drawn for `sample`, and of the tile that it shows."""
    variant = sample.variant
    return {"recipe": variant.recipe or None, "tile": variant.tile} if variant else {}


def _parts_fields(whole: Sample, root: Path) -> dict[str, Any]:
    """The fields of an image of several: it has no map, but each of its parts has one."""
    parts = tuple([_part(part.sample, whole, root) for part in whole.parts])
    return {**_map_fields(None, whole, False), "parts": parts}


def _part(part: Sample, whole: Sample, root: Path) -> PartRow:
    """The source image of a part of `whole`, its map, and the values drawn for it."""
    affine = whole.affine and part.affine and whole.affine @ part.affine
    fields = _map_fields(affine, whole, part.mirrored != whole.mirrored) | _variant_fields(part)
    return PartRow(source=escape_surrogates(relative_path(part.path, root)), frame=part.frame, **fields)
