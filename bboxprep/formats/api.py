"""What a format module offers, and what its reader is given.

A reader is *given* `probe`; it never opens an image itself. It returns samples in the displayed frame with
``evidence=""``; the floors above settle the frame. A fault of one record or one image is a finding of its sample (or
of the dataset); a fault that leaves nothing to read is an `AnnotationError` or a `LayoutError`.

Options are frozen dataclasses whose fields carry ``metadata={"flag": "--voc-origin", "help": "…"}``; the command line
makes its flags from them, so a format knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, TypeVar

from bboxprep.errors import ImageError, RefusedImageError
from bboxprep.findings import Finding
from bboxprep.geometry.affine import Size
from bboxprep.io.paths import exists_safely, relative_path
from bboxprep.io.remote import open_path
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.sample import Sample

Result = TypeVar("Result")

_BATCH = 256  # label files that a process is given at a time
_FEW = 1024  # label files that are read while other processes would still be starting

IMAGE_SUFFIXES = frozenset(  # matched in lower case
    {".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jpe", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff"}
    | {".hif", ".webp"}
)


class Probe(Protocol):
    """Knows the header of an image file."""

    def __call__(self, path: Path, declared: Size | None = None) -> Header:
        """The header of the file at `path`. A probe that opens no image answers with the size that the labels have
        `declared` for it. Raises `ImageError`.
        """


class MapEngine(Protocol):
    """Does a piece of work on many items, in several processes perhaps; `map` does it here."""

    def __call__(self, work: Callable[[Any], Result], items: Iterable[Any], /) -> Iterator[Result]:
        """The results of ``work(item)``, in the order of the items. Both are pickled, as is what comes of them."""


@dataclass(frozen=True)
class Labels:
    """The labels of one image, ready to be written.

    `count` is how many objects they hold; `files` are label files of the image's own, each a path below the root and
    its bytes; `entry` is what the writer has to note of the image once for the dataset, plain data.
    """

    count: int = 0
    findings: tuple[Finding, ...] = ()
    files: tuple[tuple[str, bytes], ...] = ()
    entry: Any = None


@dataclass(frozen=True)
class NoOptions:
    """The options of a format that has none."""


class Writer(Protocol):
    """Writes the labels of one dataset: each sample is encoded, by itself and anywhere; then all entries are collected
    in the order of the source.
    """

    @property
    def carries(self) -> frozenset[Column]:
        """What it holds under its options. The pipeline drops crowd objects and reports columns that are not here."""

    @property
    def stage(self) -> str:
        """The folder below the root that images and label files of their own lie in until `close` packs them into the
        documents, and are removed; "" where they stay.
        """

    def paths(self, split: str, name: str) -> tuple[str, ...]:
        """Where the image `name` of `split` goes, then its label file if it has one of its own; below the root.

        A writer with a `stage` counts: it is asked once for each image, in their order.
        Names and places are POSIX paths.
        """

    def encode(self, sample: Sample, image: str) -> Labels:
        """The labels of `sample`, whose image lies at `image` (of `paths`).

        `sample.size` is that of the written image and its instances lie in it, clipped, finite and with area.
        """

    def collect(self, entry: Any) -> None:
        """Note the entry of one image."""

    @property
    def documents(self) -> tuple[str, ...]:
        """The paths below the root of all that `close` may write."""

    def close(self) -> None:
        """Write what stands once for the dataset: class tables, indexes, documents over all images."""


@dataclass(frozen=True)
class Format:
    """One annotation format. `layout` says in a few words what is looked for, `step` how fine its numbers are."""

    title: str
    layout: str
    step: str
    carries: frozenset[Column]  # the most it can hold, under any options
    sniff: Callable[[Path], str]
    """Why `root` looks like this format, or "" where it does not. Looks at names and first bytes only."""
    read: Callable[..., Dataset]
    """``read(root, probe, options, spread=map) -> Dataset``: `spread` does what is done of every label file."""
    write: Callable[..., Writer]
    """``write(root, dataset, options) -> Writer``, where `dataset` gives categories, splits and extra."""
    read_options: type[Any] = NoOptions
    write_options: type[Any] = NoOptions
    ignored_by: str = ""  # the attribute that, set to 1, tells trainers to ignore an object
    restores: bool = False  # whether its writer writes back what its reader puts into `extra` under its name


def deferred(module: str, name: str) -> Callable[..., Any]:
    """The function `name` of `module`, imported when it is first called: to list the formats costs no reader."""

    def call(*arguments: Any) -> Any:
        return getattr(import_module(module), name)(*arguments)

    return call


def in_batches(work: Callable[[Sequence[Any]], Result], items: Sequence[Any], spread: MapEngine) -> Iterator[Result]:
    """What comes of `work` on so many `items` at a time that a process is busy for a while; on few it is done here."""
    batches = [items[start : start + _BATCH] for start in range(0, len(items), _BATCH)]
    return iter((spread if len(items) > _FEW else map)(work, batches))


def image_fault(error: ImageError, path: str, split: str) -> Finding:
    """The finding about the image at `path`, below the folder of the dataset, that `error` keeps from being used."""
    code = "image-unreadable" if exists_safely(open_path(error.path)) else "image-missing"
    return Finding("image-refused" if isinstance(error, RefusedImageError) else code, error.problem, path, split=split)


def probe_image(
    probe: Probe, path: Path, root: Path, split: str, declared: Size | None = None
) -> tuple[Header | None, tuple[Finding, ...]]:
    """The header of the image at `path`, or None; and the findings about it, which name it below `root`, the folder of
    the dataset. `declared` is the size that its labels state.
    """
    try:
        header = probe(path, declared)
    except ImageError as error:
        return None, (image_fault(error, relative_path(path, root), split),)
    if not (header.invalid or header.disputed):
        return header, ()
    found = [
        Finding(code, words, relative_path(path, root), split=split)
        for code, words in (("orientation-invalid", header.invalid), ("orientation-disputed", header.disputed))
        if words
    ]
    return header, tuple(found)
