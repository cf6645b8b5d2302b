"""Helpers of all readers: they probe the headers of images and read label files in batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, Protocol, TypeVar, runtime_checkable

from bboxprep.errors import AnnotationError, ImageError, RefusedImageError
from bboxprep.findings import Finding
from bboxprep.formats.api import MapEngine, Probe, Result
from bboxprep.geometry.affine import Size
from bboxprep.io.paths import exists_safely, relative_path
from bboxprep.io.remote import is_stored, open_path
from bboxprep.model.batch import Batch, FromText, texts_of
from bboxprep.model.header import Header
from bboxprep.model.sample import EMPTY_SAMPLE

Opened = TypeVar("Opened")
NONE_MISSING: Mapping[int, Finding] = MappingProxyType({})

_BATCH = 256  # label files in one call of a process
_FEW = 1024  # label files that are read while other processes would still be starting


def in_batches(work: Callable[[Sequence[Any]], Result], items: Sequence[Any], spread: MapEngine) -> Iterator[Result]:
    """The results of `work` on batches of `items`, in order: by `spread`, or in this process where items are few."""
    batches = [items[start : start + _BATCH] for start in range(0, len(items), _BATCH)]
    return iter((spread if len(items) > _FEW else map)(work, batches))


def open_files(
    open_one: Callable[[str], Opened | Finding], root: Path, labels: Sequence[str], spread: MapEngine
) -> tuple[dict[str, Opened], dict[str, Finding]]:
    """What ``open_one(label)`` says of the files `labels` below `root`, and the finding about each that cannot be read.

    `open_one` is pickled for worker processes. Raises `AnnotationError` where no file can be read.
    """
    opened: dict[str, Opened] = {}
    broken: dict[str, Finding] = {}
    for part in in_batches(partial(_each, open_one), labels, spread):
        for label, found in part:
            if isinstance(found, Finding):
                broken[label] = found
            else:
                opened[label] = found
    if not opened:
        for label, finding in broken.items():
            raise AnnotationError(root / label, finding.where, finding.message)
    return opened, broken


def _each(work: Callable[[str], Result], labels: Sequence[str]) -> list[tuple[str, Result]]:
    return [(label, work(label)) for label in labels]


def image_fault(error: ImageError, path: str, split: str) -> Finding:
    """The finding about the image at `path`, below the folder of the dataset, that `error` keeps from being used."""
    return Finding(_fault_code(error), error.problem, path, split=split)


def _fault_code(error: ImageError) -> str:
    if isinstance(error, RefusedImageError):
        return "image-refused"
    if not exists_safely(open_path(error.path)):
        return "image-missing"
    return "image-unread" if error.by_system else "image-unreadable"


def probe_image(
    probe: Probe, path: Path, root: Path, split: str, declared: Size | None = None
) -> tuple[Header | None, tuple[Finding, ...]]:
    """The header of the image at `path`, or None where it cannot be used; and the findings about it, which name it
    below `root`, the folder of the dataset. `declared` is the size that its labels state.
    """
    try:
        header = probe(path, declared)
    except ImageError as error:
        return None, (image_fault(error, relative_path(path, root), split),)
    if not (header.invalid or header.disputed or header.ends_early):
        return header, ()
    cut = "the file ends before its container does; all its pixels are there, but some programs (OpenCV) refuse it"
    found = [
        Finding(code, words, relative_path(path, root), split=split)
        for code, words in (
            ("orientation-invalid", header.invalid),
            ("orientation-disputed", header.disputed),
            ("image-truncated", cut if header.ends_early else ""),
        )
        if words
    ]
    return header, tuple(found)


def files_in(folders: Sequence[Path], names: Sequence[str]) -> Sequence[Path]:
    """The files `names` (POSIX), each below its folder, as a column of a `Batch`."""
    places = zip(folders, names, strict=True)
    if any(map(is_stored, folders)):
        return [folder / name for folder, name in places]
    texts = [os.path.join(folder, name).replace("/", os.sep) for folder, name in places]  # noqa: PTH118  (of 100,000)
    return FromText(texts, Path)


@runtime_checkable
class KnowingProbe(Probe, Protocol):
    """A probe that knows the headers of many files."""

    def known(self, paths: Sequence[str], declared: Sequence[Size | None]) -> list[Header | None]:
        """The headers of the files at `paths`; None of those that a call must be asked for."""


def outlines(
    probe: Probe,
    root: Path,
    files: Sequence[Path],
    missing: Mapping[int, Finding] = NONE_MISSING,
    **columns: Sequence[Any],
) -> Batch:
    """The samples of the images `files` without their objects: with the headers that `probe` gives, the findings about
    them, and these `columns`, of which ``split`` must be one.

    `root` is the folder of the dataset. Those at the rows `missing` are not there, which is their finding.
    """
    count, splits = len(files), columns["split"]
    sizes = columns.get("declared", [None] * count)
    headers: list[Header | None] = [None] * count
    if isinstance(probe, KnowingProbe):
        headers = probe.known(texts_of(files), sizes)
    findings: list[tuple[Finding, ...]] = [()] * count
    for row, header in enumerate(headers):
        if row in missing:
            headers[row], findings[row] = None, (missing[row],)
        elif header is None or header.invalid or header.disputed or header.ends_early:
            headers[row], findings[row] = probe_image(probe, files[row], root, splits[row], sizes[row])
    return Batch.of_columns(count, EMPTY_SAMPLE, path=files, header=headers, findings=findings, **columns)


def as_names(texts: Sequence[str]) -> FromText[PurePosixPath]:
    """The names of samples, as a column of a `Batch`."""
    return FromText(texts, PurePosixPath)
