"""The interface of annotation formats: `Format`, `Reader` and `Writer`, and the contract that they keep.

Options are frozen dataclasses. Each field has a default and ``metadata={"flag": "--voc-origin", "help": "…"}``, from
which the command line makes a flag. An option that reader and writer share by name means the same to both: `verify`
reads an output with the options that it was written with.

**The contract.** The types below state most of it. These twelve rules are beyond types:

1. *Classes.* The order of the class table survives a trip, and so does a class without objects.
2. *Counts.* `Sample.source_count` is the number of objects of the sample plus those of its findings. Objects that
   belong to no sample are counted by findings of the dataset.
3. *Order.* Samples are sorted by split, in the order of `Dataset.splits`, then by the UTF-8 bytes of their names; those
   of packed files (`Writer.stage`) stand in the order of the files. A name stands once in a split.
4. *Laziness.* A dataset can be iterated any number of times, and sample ``i`` can be had alone. Samples are made when
   they are asked for; what makes them can be pickled.
5. *Frame.* A reader leaves `Sample.frame` displayed and `Sample.evidence` "": the pipeline settles the frame, by
   `Format.plane` or by evidence. A reader of fractions sets `Sample.fractional`.
6. *Images.* A reader never opens an image. It asks the `Probe` that it is given (`formats.reading.probe_image`).
7. *Pickling.* A writer is pickled to other processes, which call `Writer.encode` alone; `collect` and `close` are
   called on the one that was made first. A pickle need not hold what was collected.
8. *Entries.* `Labels.entry` passes through msgpack: None, numbers, text, bytes, lists, maps. A tuple becomes a list.
9. *Documents.* `Writer.documents` is complete before the first `collect`: a run that resumes removes the files that it
   names, and no others.
10. *Places.* A reader follows no ``..``, no absolute path and no link out of the dataset's folder: it asks
    `io.paths.is_within`, and what is refused is a finding. Nor does it wait for a pipe: `io.paths.read_bytes`.
11. *Findings.* A fault of one record or one image is a finding of its sample, or of the dataset. `Finding.path` is the
    path of an existing file below the root, as it lies on the disk (of a missing image: where it should be), and
    `Finding.where` the place in it. What leaves nothing to read is raised, as `AnnotationError` or `LayoutError`.
12. *Splits.* A reader names splits by the one vocabulary of `model.splits`; a source that names none is "train".

`bboxprep.testing` checks them, and what a `Format` declares, over every registered format: rule 3 by "rule-3-order", …
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, TypeVar, get_args, get_type_hints

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import UsageError
from bboxprep.findings import Finding
from bboxprep.formats.label_faults import LabelFault, no_label_faults
from bboxprep.geometry.affine import Size
from bboxprep.geometry.shapes import Boxes
from bboxprep.io.text import check_encoding
from bboxprep.model.batch import Batch
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.sample import Frame

Result = TypeVar("Result")


class Probe(Protocol):
    """Knows the header of an image file."""

    def __call__(self, path: Path, declared: Size | None = None) -> Header:
        """The header of the file at `path`; the size that labels have `declared`, where none is opened. Raises
        `ImageError`."""


class MapEngine(Protocol):
    """Maps a function over items, in several processes perhaps; the built-in `map` does it in this one."""

    def __call__(self, work: Callable[[Any], Result], items: Iterable[Any], /) -> Iterator[Result]:
        """The results of ``work(item)``, in the order of the items. `work`, items and results are pickled."""


class Reader(Protocol):
    """Reads a dataset."""

    def __call__(self, root: Path, probe: Probe, options: Any, spread: MapEngine = ..., /) -> Dataset:
        """The dataset at `root`, read with `options` (`Format.read_options`). What concerns every label file is done
        by `spread`. Raises `LayoutError` and `AnnotationError`.
        """


class Labels(msgspec.Struct, frozen=True):
    """The labels of one image, ready to be written.

    `count` is the number of objects in them. `files` are the image's own label files, each a POSIX path below the root
    and its bytes. `entry` is for `Writer.collect`. `digest` is what the reader finds as `Sample.label_digest`.
    """

    count: int = 0
    findings: tuple[Finding, ...] = ()
    files: tuple[tuple[str, bytes], ...] = ()
    entry: Any = None
    digest: str = ""


class Writer(Protocol):
    """Writes the labels of one dataset. Samples are encoded in batches, in any process; then the entries of all are
    collected in the order of the dataset, and `close` writes the documents. All paths are POSIX paths below the root.
    """

    @property
    def carries(self) -> frozenset[Column]:
        """The columns that it holds with its options. The pipeline drops crowd regions and reports the columns that are
        not among them.
        """

    @property
    def stage(self) -> str:
        """The folder that holds images and their own label files until `close` packs them into the documents; it is
        removed then. "" where the files stay.
        """

    def paths(self, split: str, name: str) -> tuple[str, ...]:
        """The path of the image `name` of `split`, then that of its own label file, if it has one.

        A writer with a `stage` numbers its images: it is asked once for each, in their order.
        """

    def encode(self, batch: Batch, images: Sequence[str]) -> Sequence[Labels]:
        """The labels of each sample of `batch`; their images are written to the paths `images`.

        `Sample.size` is the size of the written image. Its instances lie in that image: clipped, finite, with an area.
        The labels of a sample depend on no other sample of the batch.
        """

    def collect(self, entry: Any) -> None:
        """Take the entry of one image."""

    @property
    def documents(self) -> tuple[str, ...]:
        """The paths of all files that `close` may write."""

    def close(self) -> None:
        """Write what stands once for the dataset: class tables, indexes, documents over all images."""


class WriterFactory(Protocol):
    """Makes a writer."""

    def __call__(self, root: Path, dataset: Dataset, options: Any, /) -> Writer:
        """The writer of labels below `root`, with `options` (`Format.write_options`). Of `dataset` it takes categories,
        splits and extra. Raises `UsageError` for what the format cannot hold.
        """


class Step(msgspec.Struct, frozen=True):
    """The largest rounding error of a written coordinate: `pixels` px plus a `fraction` of the width or height of the
    image.

    A box thinner than two steps is written two steps wide, lest it vanish: its edges may lie two steps off.
    """

    pixels: float = 0.0
    fraction: float = 0.0

    def edges(self, size: Size) -> NDArray[np.float64]:
        """The step of the edges x0 y0 x1 y1 of a box in an image of `size`: (4,) float64, px."""
        return self.pixels + self.fraction * np.array([*size, *size], dtype=np.float64)

    def of(self, boxes: Boxes, size: Size) -> NDArray[np.float64]:
        """The largest rounding error of each edge of `boxes` (N, 4) in an image of `size`: (N, 4) float64, px."""
        edges = self.edges(size)
        thin = boxes[:, 2:] - boxes[:, :2] < 2 * edges[:2]
        return np.where(np.tile(thin, 2), 2 * edges, edges)

    def __str__(self) -> str:
        parts = [f"{self.pixels:g} px"] if self.pixels else []
        parts += [f"{self.fraction:g} of the width or height".replace("e-0", "e-")] if self.fraction else []
        return " and ".join(parts) or "exact"


class RootEvidence(IntEnum):
    """How well the files of a folder show that a data set begins there, the weakest first.

    `LABELS`: labels that could as well be a part of a larger data set. `CLASS_TABLE`: beside them a class table, or the
    folders of a known layout; all that lies below belongs to it. `DOCUMENT`: a file that says which pictures belong to
    it.
    """

    NONE = 0
    LABELS = 1
    CLASS_TABLE = 2
    DOCUMENT = 3


@dataclass(frozen=True)
class NoOptions:
    """The options of a format that has none."""


@dataclass(frozen=True)
class ReadOptions:
    """The options of all readers. Raises `UsageError` where a value is not one of its choices."""

    follow_links: str = field(
        default="",
        kw_only=True,
        metadata={
            "flag": "--follow-links",
            "help": "Read what links lead to below this folder, too; by default none leads out of SOURCE.",
        },
    )
    """The pipeline does it, by `io.paths.links_admitted` around all that is read."""

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for option in fields(self):
            value, choices = getattr(self, option.name), get_args(hints[option.name])
            if choices and value not in choices:
                wanted = ", ".join(map(str, choices))
                raise UsageError(f"`{option.name}`: have {value!r}, want one of {wanted}")


@dataclass(frozen=True)
class TextReadOptions(ReadOptions):
    """The options of readers of text labels. Raises `UsageError` for an unknown encoding."""

    encoding: str = field(
        default="",
        kw_only=True,
        metadata={
            "flag": "--encoding",
            "help": "the encoding of lists and label files that are not UTF-8 and name none themselves, such as cp1252 "
            "or gbk",
        },
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_encoding(self.encoding)


ReadFunction = TypeVar("ReadFunction", bound=Reader)
WriteFunction = TypeVar("WriteFunction", bound=WriterFactory)


def reads(function: ReadFunction) -> ReadFunction:
    """`function` as it is. A decorator by which mypy checks a reader that is `deferred`."""
    return function


def writes(function: WriteFunction) -> WriteFunction:
    """`function` as it is. A decorator by which mypy checks what makes a writer that is `deferred`, and that writer."""
    return function


def deferred(module: str, name: str) -> Callable[..., Any]:
    """The function `name` of `module`, imported when it is first called: to list the formats costs no reader."""
    return lambda *arguments: getattr(import_module(module), name)(*arguments)


def only_read(root: Path, dataset: Dataset, options: Any) -> Writer:  # noqa: ARG001
    """The `Format.write` of a format that is only read. Raises `UsageError`."""
    raise UsageError("this format is only read")


def no_step(options: Any) -> Step:  # noqa: ARG001
    """The `Format.step` of a format that is only read."""
    return Step()


@dataclass(frozen=True, kw_only=True)
class Format:
    """What one annotation format declares; its functions are `deferred`. `title` and `layout` are for people."""

    title: str
    layout: str
    sniff: Callable[[Path], str]
    """Why `root` looks like this format, or "". It looks at names and first bytes only, and raises nothing."""
    read: Reader
    write: WriterFactory
    carries: frozenset[Column]
    """The columns that it can hold under any options."""
    step: Callable[[Any], Step]
    """``step(write_options)``: how far the coordinates that its writer writes may lie from the true ones."""
    read_options: type[Any] = ReadOptions
    write_options: type[Any] = NoOptions
    placed: Callable[[Any, Path], Mapping[str, Any]] = lambda *_: {}
    """``placed(write_options, dest)``: those of them that the place of the output decides."""
    root_evidence: Callable[[Path, Collection[Path]], RootEvidence] | None = None
    """``root_evidence(folder, apart)``: whether a data set of this format begins in `folder`, where `sniff` also says
    yes for those above it. What lies in `apart` does not count. It raises nothing. None: `sniff` says no there."""
    label_file: Callable[[Path], str] | None = None
    """``label_file(path)``: what the file at `path` is ("rows of class and box"), or ""; raises nothing."""
    label_place: str = ""
    """Where the files of `label_file` are looked for, as the end of a sentence."""
    masks_in: str = ""
    """How paths of masks begin in an output, images that are labels, where a pixel is of one object; "" for none."""
    plane: Frame | None = None
    """The plane that the labels of photos with an EXIF orientation are drawn in; None where it does not say."""
    origin: int = 0
    """The number that it writes for the left edge of the first column and the upper edge of the first row."""
    keypoint_origin: float = 0.0
    """What its keypoints lack to the plane of its boxes, px: 0.5 where they are numbers of pixels (centres)."""
    not_classes: frozenset[str] = frozenset()
    """Names that its class table has for what is no class; a class that is called so and has no object is not read."""
    has_class_table: bool = True
    """Whether its files hold the class table: order, and classes without objects."""
    category_fields: frozenset[str] = frozenset()
    """The fields of `Category` besides the name in its class table; of keypoints, where the writer carries them."""
    first_class: int | None = None
    """The number of the first class in its labels, if trainers give it back in results; None if they count anew."""
    keeps_empty_images: bool = True
    """Whether an image without objects is still an image of the dataset when it is read again."""
    has_splits: bool = True
    """Whether the splits of a dataset survive a trip."""
    conventions: tuple[tuple[str, str], ...] = ()
    """Common others of its numbers ("pixels", "xyxy-for-xywh" …), each with the option of its reader, in backticks."""
    traps: tuple[tuple[str, str], ...] = ()
    """What goes wrong with its files elsewhere and is minded here, and where that is said or seen."""
    mixes_images: bool = True
    """Whether programs that read its outputs take images of several kinds in one."""
    ignored_by: str = ""
    """The attribute that, set to 1, tells trainers to ignore an object; "" for none."""
    restores: bool = False
    """Whether its writer writes back what its reader puts into `extra` under the format's name."""
    holds_outlines_only: Callable[[Any], bool] = lambda _: False
    """``holds_outlines_only(write_options)``: whether labels hold the outline of an object and not its box."""
    task: Callable[[Any], str] = lambda _: ""
    """``task(write_options)``: what models of its labels predict (detect, segment, pose, obb); "" for no one kind."""
    options_for: Callable[[Dataset, Mapping[str, Any]], Mapping[str, Any]] = lambda *_: {}
    """``options_for(dataset, given)``: the writer's options that keep the kind of its labels beside those `given`."""
    check: Callable[[Path, str, Any], Iterator[LabelFault]] = no_label_faults
    """``check(root, image, write_options)``: what a strict program refuses in the labels of `image` below `root`, or
    ("") in the files over all images. It shares no code with reader and writer, and raises nothing."""
    train_command: Callable[[str, Any, int | None], str] | None = None
    """``train_command(dest, write_options, side)``: trains on `dest`; images have the longer `side` or differ."""
    train_splits: tuple[str, ...] = ()
    """The splits that this command wants."""

    @property
    def is_written(self) -> bool:
        """Whether the format has a writer, too."""
        return self.write is not only_read

    def write_variants(self) -> Iterator[tuple[str, Any]]:
        """The writer's options by default, called "", and with each other value of options that have few:
        ("--voc-float", VocWriteOptions(float_=True))."""
        default, hints = self.write_options(), get_type_hints(self.write_options)
        yield "", default
        for option in fields(default):
            values = (False, True) if hints[option.name] is bool else get_args(hints[option.name])
            for value in values:
                if value != getattr(default, option.name):
                    words = option.metadata["flag"] if isinstance(value, bool) else f"{option.metadata['flag']} {value}"
                    yield words, replace(default, **{option.name: value})
