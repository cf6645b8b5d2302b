"""Where each output goes, decided for the whole dataset before anything is written.

Sub-folders and names of the source are kept. Two outputs never share a file, nor two names that differ only in case
or in Unicode form, since some file systems cannot tell these apart: the later one gets a number. A name whose suffix
contradicts the content gets the true one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from unicodedata import normalize

from bboxprep.errors import TargetError
from bboxprep.findings import Finding
from bboxprep.formats.contract import Writer
from bboxprep.images.codec import suffix_of
from bboxprep.model.header import Header
from bboxprep.pipeline.reading import Glimpse, Key


@dataclass(frozen=True, slots=True)
class Output:
    """The place of one image and of its own label file, if it has one, below the output folder; and a finding where its
    name had to change.
    """

    image: PurePosixPath
    findings: tuple[Finding, ...] = ()
    labels: tuple[PurePosixPath, ...] = ()


def name_outputs(glimpses: Iterable[Glimpse], writer: Writer, touched: Callable[[Glimpse], bool]) -> dict[Key, Output]:
    """The output of each image that has a header. `touched` says whether its pixels will be written anew."""
    taken: set[str] = set()
    outputs: dict[Key, Output] = {}
    for glimpse in glimpses:
        if glimpse.header is None:
            continue
        split, name = glimpse.key
        wanted = _true_name(PurePosixPath(name), glimpse.header, reencode=touched(glimpse))
        for candidate in _candidates(wanted):
            paths = writer.paths(split, candidate)
            folded = {_fold(path) for path in paths}
            if not folded & taken:
                break
        taken |= folded
        changed = candidate != PurePosixPath(name)
        notes = (Finding("name-changed", f"written as {paths[0]}", path=name, split=split),) if changed else ()
        outputs[glimpse.key] = Output(_safe(paths[0]), notes, paths[1:])
    return outputs


def _true_name(name: PurePosixPath, header: Header, *, reencode: bool) -> PurePosixPath:
    true = suffix_of(header) if reencode or header.container != "gif" else ".gif"
    aliases = {
        ".jpg": {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"},
        ".tif": {".tif", ".tiff"},
    }
    return name if name.suffix.lower() in aliases.get(true, {true}) else name.with_suffix(true)


def _candidates(name: PurePosixPath) -> Iterator[PurePosixPath]:
    yield name
    number = 2
    while True:
        yield name.with_stem(f"{name.stem}-{number}")
        number += 1


def _fold(path: PurePosixPath) -> str:
    return normalize("NFC", str(path)).casefold()


def _safe(path: PurePosixPath) -> PurePosixPath:
    if path.is_absolute() or ".." in path.parts:
        raise TargetError(f"{path}: an output may not leave its folder")
    return path
