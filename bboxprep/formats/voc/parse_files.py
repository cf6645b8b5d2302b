"""The XML files of a VOC dataset. Each is parsed once, when the dataset is opened, in several processes if it has many.

`ParsedFile` holds what decides classes, pairs and origin. The rest of a file is kept packed, at a fraction of its size,
until its sample is asked for.
"""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.formats.api import MapEngine
from bboxprep.formats.reading import in_batches
from bboxprep.formats.voc.annotation import Annotation, read_file
from bboxprep.formats.voc.origin import LabellingTool, ends_at_edge, prove, reaches_over
from bboxprep.geometry.affine import Size


class ParsedFile(NamedTuple):
    """What is asked of a file before its sample is: whether it is `boxed` at all, how many of its boxes start at 0, and
    whether one `reaches_over` the image, perhaps; how many end at the edge of the declared size.
    """

    filename: str
    source_count: int
    declared: Size | None
    tool: LabellingTool | None
    boxed: bool
    zeros: int
    reaches_over: bool
    at_edge: int
    packed: bytes


@dataclass
class ParsedFiles:
    """The files that can be read, in their order, and those that cannot; and what is in all of them together."""

    briefs: dict[str, ParsedFile] = field(default_factory=dict)
    broken: dict[str, Finding] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    unread: Counter[str] = field(default_factory=Counter)


def open_files(root: Path, labels: Sequence[str], spread: MapEngine, encoding: str = "") -> ParsedFiles:
    """What the files at `labels`, below `root`, say. Raises `AnnotationError` where none of them can be read."""
    opened = ParsedFiles()
    for part in in_batches(_Opening(root, encoding), labels, spread):
        opened.briefs.update(part.briefs)
        opened.broken.update(part.broken)
        opened.names |= part.names
        opened.unread.update(part.unread)
    if opened.broken and not opened.briefs:
        label, finding = next(iter(opened.broken.items()))
        raise AnnotationError(root / label, finding.where, finding.message)
    return opened


@dataclass(frozen=True)
class _Opening:
    """Opens one batch of files; plain data, so that worker processes can have it."""

    root: Path
    encoding: str

    def __call__(self, labels: Sequence[str]) -> ParsedFiles:
        part = ParsedFiles()
        for label in labels:
            try:
                annotation = read_file(self.root / label, self.encoding)
            except AnnotationError as error:
                part.broken[label] = Finding("record-unreadable", error.problem, label, error.where)
                continue
            part.briefs[label] = _brief(annotation)
            part.names.update(annotation.names)
            part.unread.update(annotation.unread)
        return part


def _brief(annotation: Annotation) -> ParsedFile:
    corners = annotation.corners
    return ParsedFile(
        filename=annotation.filename,
        source_count=annotation.source_count,
        declared=annotation.declared,
        tool=annotation.tool,
        boxed=bool(annotation.names),
        zeros=prove(corners, None).zeros,
        reaches_over=reaches_over(corners, annotation.declared),
        at_edge=ends_at_edge(corners, annotation.declared),
        packed=pickle.dumps(tuple(annotation._replace(filename="", tool=None, unread=()))),
    )


def unpacked(packed: bytes) -> Annotation:
    """What a `ParsedFile` has packed: an annotation, but for what the brief itself says."""
    return Annotation(*pickle.loads(packed))
