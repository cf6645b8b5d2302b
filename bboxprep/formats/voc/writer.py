"""Writes Pascal VOC as the devkit does: corners are 1-based pixel numbers, both within the box.

It writes ``JPEGImages/<name>``, ``Annotations/<name>.xml``, ``ImageSets/Main/<split>.txt``, and the class table as
``labels.txt`` or ``labelmap.txt``, for VOC has no place for it. ``<source>`` names this program: the reader knows the
origin by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from bboxprep.errors import AnnotationError, UsageError
from bboxprep.formats.api import Labels, writes
from bboxprep.formats.corner_numbers import one_more, shortest
from bboxprep.formats.labelmap import LABELMAP, is_labelmap_name, labelmap_lines
from bboxprep.formats.origin import OURS
from bboxprep.formats.text_values import encode_value
from bboxprep.formats.voc.numbers import DEFAULT_ATTRIBUTES
from bboxprep.formats.voc.options import CARRIES, VocWriteOptions
from bboxprep.formats.whole_pixels import rounding_findings, whole_boxes
from bboxprep.geometry.affine import Size
from bboxprep.io.atomic import as_utf8, write_text
from bboxprep.io.xml_encoding import holds
from bboxprep.model.batch import Batch
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset

IMAGES = "JPEGImages/"
LABELS = "Annotations/"
_CLASSES = "labels.txt"
_CONVENTION = "corners are 1-based pixel numbers, both within the box (VOC devkit)"
_OWN_TAGS = ("pose", "truncated", "difficult", "occluded")

Corners = tuple[str, str, str, str]  # xmin ymin xmax ymax


@writes
def write(root: Path, dataset: Dataset, options: VocWriteOptions) -> VocWriter:
    """A writer of VOC below `root`. Raises `AnnotationError` for class names that no line of text can hold, and
    `UsageError` for those that the table of the layout cannot hold.
    """
    return VocWriter(root, dataset, options)


class VocWriter:
    """Makes one XML file an image; writes the lists when it is closed."""

    stage = ""

    def __init__(self, root: Path, dataset: Dataset, options: VocWriteOptions) -> None:
        for name in dataset.categories.names:
            _check(dataset.root, "class name", name)
            if options.layout == "datumaro" and not is_labelmap_name(name):
                raise UsageError(
                    f"class name: have {name!r}, which no line of {LABELMAP} can hold; want `layout='devkit'`"
                )
        self._root = root
        self._options = options
        self._classes = dataset.categories.names
        self._lists: dict[str, list[str]] = {split: [] for split in dataset.splits}

    @property
    def carries(self) -> frozenset[Column]:
        """Boxes and attributes."""
        return CARRIES

    def paths(self, split: str, name: str) -> tuple[str, ...]:  # noqa: ARG002  # one folder for all
        """The image in ``JPEGImages``, its XML in ``Annotations``; VOC keeps all splits in the same folders."""
        return f"{IMAGES}{name}", f"{LABELS}{_stem(name)}.xml"

    def encode(self, batch: Batch, images: Sequence[str]) -> list[Labels]:
        """The XML files, also those of unlabelled images: trainers open one for each listed image.

        Raises `AnnotationError` for a file name that no line of text can hold.
        """
        corners, moved = _exact_corners(batch) if self._options.float_ else _whole_corners(batch)
        names = [self._classes[label] for label in batch.instances.labels.tolist()]
        objects = map("".join, batch.split(list(map(_object, names, corners, batch.instances.attributes))))
        modes = ["RGB" if header is None else header.mode for header in batch.headers]
        documents = map(_document, images, batch.planes, modes, objects)
        places = zip(batch.values("split"), batch.relative_paths, images, strict=True)
        return list(map(_labels, places, documents, batch.split(moved)))

    def collect(self, entry: tuple[str, str]) -> None:
        """List an image."""
        split, name = entry
        self._lists.setdefault(split, []).append(name)

    @property
    def documents(self) -> tuple[str, ...]:
        """The list of each split and the class table."""
        return (*map(_list, self._lists), self._table)

    def close(self) -> None:
        """Write the list of each split and the class table."""
        for split, names in self._lists.items():
            write_text(self._root / _list(split), _lines(names))
        lines = labelmap_lines(self._classes) if self._table == LABELMAP else self._classes
        write_text(self._root / self._table, _lines(lines))

    @property
    def _table(self) -> str:
        """The file of the class table."""
        return LABELMAP if self._options.layout == "datumaro" else _CLASSES


def _list(split: str) -> str:
    return f"ImageSets/Main/{split}.txt"


def _stem(name: str) -> str:
    return name[: name.rindex(".")]


def _exact_corners(batch: Batch) -> tuple[list[Corners], list[float]]:
    """xmin, ymin, xmax, ymax of each box as text, and by how many px it was moved: not at all."""
    boxes = batch.instances.boxes.tolist()
    return [(one_more(x0), one_more(y0), shortest(x1), shortest(y1)) for x0, y0, x1, y1 in boxes], [0.0] * len(boxes)


def _whole_corners(batch: Batch) -> tuple[list[Corners], list[float]]:
    """The same of the nearest box with whole edges."""
    edges, moved = whole_boxes(batch)
    return [(str(x0 + 1), str(y0 + 1), str(x1), str(y1)) for x0, y0, x1, y1 in edges.astype(np.int64).tolist()], moved


def _labels(place: tuple[str, str, str], document: str, moved: Sequence[float]) -> Labels:
    """The XML `document` of the image of a split and a source path that is written to another, and a finding where its
    boxes were `moved` by so many px each.
    """
    split, source, image = place
    name = image.removeprefix(IMAGES)
    _check(source, "file name", name)
    entry, path = (split, _stem(name)), f"{LABELS}{_stem(name)}.xml"
    return Labels(len(moved), rounding_findings(moved, source, split), ((path, as_utf8(path, document)),), entry)


def _document(image: str, size: Size, mode: str, objects: str) -> str:
    """The file, a line each element: to build a tree of it would take ten times as long."""
    folder, _, name = image.rpartition("/")
    head = _leaf(1, "folder", folder) + _leaf(1, "filename", name) + _description(size, _depth(mode))
    return _branch(0, "annotation", head + objects)


@lru_cache(maxsize=512)
def _description(size: Size, depth: int) -> str:
    """The elements about the image after its name."""
    source = _leaf(2, "database", OURS) + _leaf(2, "annotation", _CONVENTION)
    sides = [_leaf(2, tag, str(value)) for tag, value in zip(("width", "height", "depth"), (*size, depth), strict=True)]
    return _branch(1, "source", source) + _branch(1, "size", "".join(sides)) + _leaf(1, "segmented", "0")


def _object(name: str, corners: Corners, attributes: Mapping[str, Any]) -> str:
    own = _own_texts(attributes) if attributes else _DEFAULT_TEXTS
    lines = _opening(name, own) + _BOX % corners
    if attributes:
        tags = [tag for tag, _ in own]
        others = {tag: value for tag, value in attributes.items() if tag not in tags}
        lines += _attributes(others) if others else ""
    return f"\t<object>\n{lines}\t</object>\n"


@lru_cache(maxsize=512)  # nearly all objects of a dataset begin in a few ways
def _opening(name: str, own: tuple[tuple[str, str], ...]) -> str:
    """The lines of an object before its box."""
    return _leaf(2, "name", name) + "".join([_leaf(2, tag, text) for tag, text in own])


def _own_texts(attributes: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Tag and text of each attribute that has a tag of its own."""
    values = {**DEFAULT_ATTRIBUTES, **attributes}
    return tuple([(tag, text) for tag in _OWN_TAGS if tag in values and (text := _own_text(values[tag]))])


def _attributes(attributes: Mapping[str, Any]) -> str:
    """The block in which CVAT writes attributes that VOC has no tag for."""
    each = [_leaf(4, "name", name) + _leaf(4, "value", encode_value(value)) for name, value in attributes.items()]
    return _branch(2, "attributes", "".join([_branch(3, "attribute", lines) for lines in each]))


def _own_text(value: Any) -> str:
    """The text of a value in its own tag, whose readers know no true and false."""
    return str(int(value)) if isinstance(value, bool) else encode_value(value)


def _depth(mode: str) -> int:
    return 1 if mode in {"1", "L", "LA", "F"} or mode.startswith("I") else 3


@lru_cache(maxsize=512)  # nearly all lines of a dataset are of a few kinds
def _leaf(depth: int, tag: str, text: str) -> str:
    """A line of the file; no tag has a character that means something."""
    indent = "\t" * depth
    return f"{indent}<{tag}>{escape(text, quote=False)}</{tag}>\n" if text else f"{indent}<{tag} />\n"


def _branch(depth: int, tag: str, lines: str) -> str:
    indent = "\t" * depth
    return f"{indent}<{tag}>\n{lines}{indent}</{tag}>\n"


def _check(path: Path | str, what: str, text: str) -> None:
    """Raise `AnnotationError` where `text` would not come back from a line of XML or of a list."""
    if not text or text != text.strip() or "\n" in text or not holds(text):
        problem = f"{what}: have {text!r}, want one line of text without control characters or blanks around it"
        raise AnnotationError(path, "", problem)


def _lines(words: tuple[str, ...] | list[str]) -> str:
    return "".join(f"{word}\n" for word in words)


_DEFAULT_TEXTS = _own_texts({})
_BOX = _branch(2, "bndbox", "".join([_leaf(3, tag, "%s") for tag in ("xmin", "ymin", "xmax", "ymax")]))
