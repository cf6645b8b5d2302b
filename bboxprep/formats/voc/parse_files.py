"""Parses the XML files of a VOC dataset: each once, when the dataset is opened, in several processes where it has many.

`ParsedFile` has the data that decides classes, pairs and origin. The annotation is stored packed, at a fraction of the
size of its file, until its sample is read.
"""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.formats.api import MapEngine
from bboxprep.formats.origin import LabellingTool, end_at_edge, reach_over, start_at_zero
from bboxprep.formats.reading import in_batches
from bboxprep.formats.voc.annotation import Annotation, read_annotation
from bboxprep.formats.voc.plain_annotation import read_plain
from bboxprep.geometry.affine import Size
from bboxprep.io.paths import read_bytes

MOST_BYTES = 64 << 20


class ParsedFile(NamedTuple):
    """The data of a file that is needed before its sample is read: whether it has boxes (`boxed`), how many begin at 0
    (`zeros`), whether one may exceed the image (`reaches_over`), and how many end at the declared size (`at_edge`).
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
    """The valid files in order, the findings of `broken` ones, and the class names and `unread` tags of all files."""

    parsed: dict[str, ParsedFile] = field(default_factory=dict)
    broken: dict[str, Finding] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    unread: Counter[str] = field(default_factory=Counter)


def parse_files(root: Path, labels: Sequence[str], spread: MapEngine, encoding: str = "") -> ParsedFiles:
    """Parse the files `labels` below `root`. Raises `AnnotationError` where none of them is valid."""
    opened = ParsedFiles()
    for part in in_batches(_BatchParser(root, encoding), labels, spread):
        opened.parsed.update(part.parsed)
        opened.broken.update(part.broken)
        opened.names |= part.names
        opened.unread.update(part.unread)
    if opened.broken and not opened.parsed:
        label, finding = next(iter(opened.broken.items()))
        raise AnnotationError(root / label, finding.where, finding.message)
    return opened


class _BatchParser(msgspec.Struct, frozen=True):
    """Parses one batch of files; plain data, which is pickled for worker processes."""

    root: Path
    encoding: str

    def __call__(self, labels: Sequence[str]) -> ParsedFiles:
        part, read = ParsedFiles(), dict[str, Annotation]()
        for label in labels:
            try:
                read[label] = read_file(self.root / label, self.encoding)
            except AnnotationError as error:
                part.broken[label] = Finding("record-unreadable", error.problem, label, error.where)
        part.parsed = dict(zip(read, _parsed_files(list(read.values())), strict=True))
        for annotation in read.values():
            part.names.update(annotation.names)
            part.unread.update(annotation.unread)
        return part


def read_file(path: Path, encoding: str = "") -> Annotation:
    """Parse the file at `path`; `encoding` is that of `xml_encoding.for_expat`. Raises `AnnotationError`."""
    data = read_bytes(path, MOST_BYTES)
    plain = None if encoding else read_plain(data)
    return plain or read_annotation(path, data, encoding)


def _parsed_files(annotations: Sequence[Annotation]) -> list[ParsedFile]:
    counts = [len(annotation.names) for annotation in annotations]
    boxes = np.array([*chain.from_iterable(annotation.written for annotation in annotations)], np.float64).reshape(
        -1, 4
    )
    sizes = np.array([annotation.declared or (np.nan, np.nan) for annotation in annotations]).reshape(-1, 2)
    ends = np.cumsum([0, *counts])
    stated = np.repeat(sizes, counts, axis=0)
    zeros, over, at_edge = (
        np.diff(np.cumsum([0, *rows])[ends]).tolist()
        for rows in (start_at_zero(boxes), reach_over(boxes, stated), end_at_edge(boxes, stated))
    )
    return list(map(_parsed_file, annotations, zeros, over, at_edge))


def _parsed_file(annotation: Annotation, zeros: int, over: int, at_edge: int) -> ParsedFile:
    """Pack `annotation`. `zeros` of its boxes begin at 0; `over` end beyond the declared size, `at_edge` at it."""
    boxed = bool(annotation.names)
    return ParsedFile(
        filename=annotation.filename,
        source_count=annotation.source_count,
        declared=annotation.declared,
        tool=annotation.tool,
        boxed=boxed,
        zeros=zeros,
        reaches_over=over > 0 or (boxed and annotation.declared is None),
        at_edge=at_edge,
        packed=pickle.dumps(tuple(annotation._replace(filename="", tool=None, unread=()))),
    )


def unpacked(packed: bytes) -> Annotation:
    """The packed annotation of a `ParsedFile`, without the fields that the `ParsedFile` has itself."""
    return Annotation(*pickle.loads(packed))
