"""The record of a run: ``bboxprep.json``, written last, and the rows of ``bboxprep.images.jsonl`` beside it.

The presence of ``bboxprep.json`` means that the output is complete; during a run, and after a kill, there is a file
``bboxprep.incomplete`` instead. `RunRecord` is the schema for writing and reading. Unknown fields, of later versions,
are ignored; a field of a wrong type makes the record invalid.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import msgspec

from bboxprep.errors import AnnotationError, BboxprepError, LayoutError
from bboxprep.findings import Finding, escape_surrogates
from bboxprep.images.codecs.codec import DEFAULT_ENCODING, DEFAULT_IMAGE_POLICY, Encoding, ImagePolicy
from bboxprep.io.atomic import write_bytes
from bboxprep.io.paths import is_within, read_bytes, resolved
from bboxprep.io.remote import open_path
from bboxprep.model.dataset import Dataset
from bboxprep.model.flip_names import FlipMapping
from bboxprep.model.object_policy import DEFAULT_OBJECT_POLICY, ObjectPolicy
from bboxprep.pipeline.output.image_rows import IMAGES, ImageRow, read_images
from bboxprep.pipeline.output.naming import NameStyle
from bboxprep.pipeline.output.versions import versions

RECORD = "bboxprep.json"
INCOMPLETE = "bboxprep.incomplete"
MAX_RECORD_BYTES = 1 << 30  # room for findings of ten million objects

_Row = Annotated[int, msgspec.Meta(ge=0, le=2**31)]


class SplitCount(msgspec.Struct, frozen=True):
    """The counts of one split. `objects_due` is the number of objects expected in all its output images."""

    split: str
    images_in: int
    images_out: int
    objects_in: int
    objects_due: int
    objects_out: int
    dropped: dict[str, int]


class ClassCount(msgspec.Struct, frozen=True, omit_defaults=True):
    """The counts of one class. `swapped` is the number of objects a flip has added to it, negative where taken away."""

    name: str = msgspec.field(name="class")
    objects_in: int
    objects_out: int
    dropped: dict[str, int]
    swapped: int = 0


class RecordedFinding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One `Finding`, with the severity it had when the record was written."""

    severity: str
    code: str
    message: str
    path: str = ""
    where: str = ""
    objects: int = 0
    category: str = ""
    split: str = ""

    @classmethod
    def of(cls, finding: Finding) -> RecordedFinding:
        """`finding` as it is recorded."""
        return cls(
            str(finding.severity),
            finding.code,
            finding.message,
            finding.path,
            finding.where,
            finding.objects,
            finding.category,
            finding.split,
        )


class Report(msgspec.Struct, frozen=True):
    """The account of a run: counts by split, by `WriteMethod`, by size where the recipe chooses one for each image, and
    by class; and all findings.
    """

    splits: tuple[SplitCount, ...] = ()
    images_made: dict[str, int] = {}
    images_sized: dict[str, int] = {}
    classes: tuple[ClassCount, ...] = ()
    findings: tuple[RecordedFinding, ...] = ()

    def encoded(self) -> bytes:
        """The report as JSON."""
        return _encoded(self)


class ClassChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """The options of one `ClassPolicy`."""

    rename: dict[str, str] = {}
    only: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()


class SplitChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """The options of one `SplitPolicy`."""

    shares: dict[str, int | float]
    group_by: str
    stratify: bool = False
    fold: tuple[int, int] | None = None


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """One change of the classes, the splits or the images after the dataset was read; `left_out` counts images."""

    classes: ClassChange | None = None
    split: SplitChange | None = None
    left_out: int = 0


class FlipTable(msgspec.Struct, frozen=True):
    """The `FlipMapping` of the classes of the output, and the category id of each class (None where it has none)."""

    category_ids: tuple[int | None, ...] = ()
    labels: tuple[_Row, ...] = ()
    keypoints: tuple[tuple[_Row, ...], ...] = ()

    def __post_init__(self) -> None:
        if len(self.category_ids) not in (0, len(self.labels)) or max(self.labels, default=-1) >= len(self.labels):
            raise ValueError("mirror: want an id and a label for each class")


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The record of a run: sources, formats, options, recipe, account and findings.

    `source` is the path of the source, or the common folder of several `sources`; `source_format` and `format` are
    names of formats. `reading` are the options of the reader, `image_policy` the rules by which images were decoded,
    `encoding` and `image_names` (`Naming.names`) say how they were written, `options` are those of the writer. `recipe`
    is the plain data of `Recipe.options`, which `recipe.load.recipe_of` reads; {} where each sample had a recipe of its
    own. `names` are the classes of the output. `splits`, `images_made`, `images_sized`, `classes` and `findings` are
    those of the `Report`. `entries` are the files and folders of the output that this run wrote, or left for the user
    to fill with images.
    """

    versions: dict[str, str] = {}
    source: str = ""
    sources: tuple[str, ...] = ()
    source_format: str = msgspec.field(name="from", default="")
    reading: Mapping[str, Any] = {}
    image_policy: ImagePolicy = DEFAULT_IMAGE_POLICY
    encoding: Encoding = DEFAULT_ENCODING
    image_names: NameStyle = "keep"
    format: str = msgspec.field(name="to", default="")
    changes: tuple[Change, ...] = ()
    recipe: Mapping[str, Any]
    options: Mapping[str, Any] = {}
    object_policy: ObjectPolicy = msgspec.field(name="rules", default=DEFAULT_OBJECT_POLICY)
    names: tuple[str, ...] = ()
    flip: FlipTable = msgspec.field(name="mirror", default=FlipTable())
    splits: tuple[SplitCount, ...] = ()
    images_made: dict[str, int] = {}
    images_sized: dict[str, int] = {}
    classes: tuple[ClassCount, ...] = ()
    findings: tuple[RecordedFinding, ...] = ()
    entries: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        target: str,
        report: Report,
        *,
        recipe: Mapping[str, Any],
        reading: Mapping[str, Any],
        image_policy: ImagePolicy,
        encoding: Encoding,
        image_names: NameStyle,
        options: Mapping[str, Any],
        entries: tuple[str, ...],
    ) -> RunRecord:
        """The record of a run that wrote `dataset` as the format `target`."""
        categories = dataset.categories
        return cls(
            versions=dict(versions()),
            source=escape_surrogates(str(dataset.root)),
            sources=tuple([escape_surrogates(str(root)) for root in dataset.roots]),
            source_format=dataset.format,
            reading=reading,
            image_policy=image_policy,
            encoding=encoding,
            image_names=image_names,
            format=target,
            changes=tuple([msgspec.convert(change, Change) for change in dataset.changes]),
            recipe=recipe,
            options=options,
            object_policy=dataset.object_policy,
            names=tuple(categories.names),
            flip=_flip_table(categories.ids, dataset.flip_mapping),
            **msgspec.structs.asdict(report),
            entries=entries,
        )


_decode = msgspec.json.Decoder(RunRecord).decode


def _flip_table(ids: Iterable[int | None], flip: FlipMapping) -> FlipTable:
    return FlipTable(tuple(ids), flip.labels, flip.keypoints)


def _encoded(content: RunRecord | Report) -> bytes:
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def write_record(root: Path, record: RunRecord) -> None:
    """Write `record` to ``bboxprep.json`` in the folder `root`. Raises `TargetError`."""
    write_bytes(root / RECORD, _encoded(record), lasting=True)


def read_record(root: Path) -> RunRecord:
    """The record of the complete output at `root`. Raises `LayoutError` where there is none or it is damaged."""
    path = root / RECORD
    if not path.is_file():
        state = "the run that writes it has not ended" if (root / INCOMPLETE).is_file() else f"no {RECORD} in it"
        raise LayoutError(root, "", f"is not a complete output of bboxprep ({state})")
    if not is_within(path, resolved(root)):
        raise LayoutError(path, "", "is a link that leads out of its folder")
    try:
        return _decode(read_bytes(path, MAX_RECORD_BYTES))
    except (ValueError, RecursionError, BboxprepError) as error:
        problem = error.problem if isinstance(error, AnnotationError) else f"is not the record of a run ({error})"
        raise LayoutError(path, "", problem) from error


def find_record(root: Path) -> RunRecord | None:
    """The record of the complete output at `root`; None where there is none or it cannot be read."""
    try:
        return read_record(root)
    except LayoutError:
        return None


@dataclass(frozen=True)
class Run:
    """A recorded output: its folder `root`, its record, and the rows of its `images` in the order of the source."""

    root: Path
    record: RunRecord
    images: tuple[ImageRow, ...]

    @cached_property
    def outputs(self) -> Mapping[str, ImageRow]:
        """The rows of the images that were written, by path below the output."""
        return {image.output: image for image in self.images if image.output}


def open_run(root: str | Path) -> Run:
    """Open the complete output in the folder `root`. Raises `LayoutError` where it is incomplete or damaged."""
    folder = open_path(root)
    record = read_record(folder)
    images, problems = read_images(folder)
    if problems:
        raise LayoutError(folder / IMAGES, *problems[0])
    return Run(folder, record, images)
