"""Writes Pascal VOC as the devkit does: corners are 1-based pixel numbers, both within the box.

It writes ``JPEGImages/<name>``, ``Annotations/<name>.xml``, ``ImageSets/Main/<split>.txt``, and the class table as
``labels.txt``, for VOC has no place for it. ``<source>`` names this program: the reader knows the origin by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from html import escape
from math import floor
from operator import sub
from pathlib import Path
from typing import Any

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.formats.api import Labels, writes
from bboxprep.formats.voc.numbers import DEFAULT_ATTRIBUTES, OURS, encode_value, holds, one_more, shortest
from bboxprep.formats.voc.options import CARRIES, VocWriteOptions
from bboxprep.geometry.affine import Size
from bboxprep.io.atomic import as_utf8, write_text
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.sample import Sample

IMAGES = "JPEGImages/"
LABELS = "Annotations/"
_CLASSES = "labels.txt"
WHOLE = 1e-6  # px; a coordinate this near to a whole number is that number
_CONVENTION = "corners are 1-based pixel numbers, both within the box (VOC devkit)"
_OWN_TAGS = ("pose", "truncated", "difficult", "occluded")

Corners = tuple[str, str, str, str]  # xmin ymin xmax ymax


@writes
def write(root: Path, dataset: Dataset, options: VocWriteOptions) -> VocWriter:
    """A writer of VOC below `root`. Raises `AnnotationError` for class names that no line of text can hold."""
    return VocWriter(root, dataset, options)


class VocWriter:
    """Makes one XML file a labelled image; writes the lists when it is closed."""

    stage = ""

    def __init__(self, root: Path, dataset: Dataset, options: VocWriteOptions) -> None:
        for name in dataset.categories.names:
            _check(dataset.root, "class name", name)
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

    def encode(self, sample: Sample, image: str) -> Labels:
        """The XML of the image; none where the source has no label file, so that it stays unlabelled."""
        name = image.removeprefix(IMAGES)
        _check(sample.path, "file name", name)
        entry = (sample.split, _stem(name))
        if not sample.labelled:
            return Labels(0, entry=entry)
        texts, findings = self._corners(sample)
        text = _document(sample, image, [self._classes[label] for label in sample.instances.labels], texts)
        path = f"{LABELS}{_stem(name)}.xml"
        return Labels(len(sample.instances), findings, ((path, as_utf8(path, text)),), entry)

    def collect(self, entry: tuple[str, str]) -> None:
        """List an image."""
        split, name = entry
        self._lists.setdefault(split, []).append(name)

    @property
    def documents(self) -> tuple[str, ...]:
        """The list of each split and the class table."""
        return (*map(_list, self._lists), _CLASSES)

    def close(self) -> None:
        """Write the list of each split and the class table."""
        for split, names in self._lists.items():
            write_text(self._root / _list(split), _lines(names))
        write_text(self._root / _CLASSES, _lines(self._classes))

    def _corners(self, sample: Sample) -> tuple[list[Corners], tuple[Finding, ...]]:
        """xmin, ymin, xmax, ymax of each box as text, and a finding where they were rounded."""
        boxes = sample.instances.boxes.tolist()
        if self._options.float_:
            return [(one_more(x0), one_more(y0), shortest(x1), shortest(y1)) for x0, y0, x1, y1 in boxes], ()
        pixels = [_whole_box(box, sample.size) for box in boxes]
        moved = [max(map(abs, map(sub, own, box))) for own, box in zip(pixels, boxes, strict=True)]
        texts = [(str(x0 + 1), str(y0 + 1), str(x1), str(y1)) for x0, y0, x1, y1 in pixels]
        rounded = sum([by > WHOLE for by in moved])
        if not rounded:
            return texts, ()
        message = f"{rounded} of {len(boxes)} boxes rounded to whole pixels, by {max(moved):.2g} px at most"
        return texts, (Finding("value-rounded", message, path=sample.relative_path, split=sample.split),)


def _list(split: str) -> str:
    return f"ImageSets/Main/{split}.txt"


def _stem(name: str) -> str:
    return name[: name.rindex(".")]


def _whole_box(box: Sequence[float], size: Size) -> tuple[int, int, int, int]:
    """The nearest box with whole edges x0 y0 x1 y1, at least one pixel wide and high, in an image of `size`."""
    x0, y0, x1, y1 = box
    (left, right), (top, bottom) = _whole_span(x0, x1, size.width), _whole_span(y0, y1, size.height)
    return left, top, right, bottom


def _whole_span(low: float, high: float, length: int) -> tuple[int, int]:
    """Halves go up. What is thinner than a pixel and would round to nothing becomes the pixel its middle is in."""
    start, end = floor(low + 0.5), floor(high + 0.5)
    if start < end:
        return start, end
    pixel = min(floor((low + high) / 2.0), length - 1)
    return pixel, pixel + 1


def _document(sample: Sample, image: str, names: list[str], corners: list[Corners]) -> str:
    """The file, a line each element: to build a tree of it would take ten times as long."""
    folder, _, name = image.rpartition("/")
    mode = sample.header.mode if sample.header else "RGB"
    size = (("width", sample.size.width), ("height", sample.size.height), ("depth", _depth(mode)))
    source = _leaf(2, "database", OURS) + _leaf(2, "annotation", _CONVENTION)
    head = _leaf(1, "folder", folder) + _leaf(1, "filename", name) + _branch(1, "source", source)
    head += _branch(1, "size", "".join([_leaf(2, tag, str(value)) for tag, value in size])) + _leaf(1, "segmented", "0")
    objects = map(_object, names, corners, sample.instances.attributes)
    return _branch(0, "annotation", head + "".join(objects))


def _object(name: str, corners: Corners, attributes: Mapping[str, Any]) -> str:
    own = _own_texts(attributes) if attributes else _DEFAULT_TEXTS
    leaves = _leaf(2, "name", name) + "".join([_leaf(2, tag, text) for tag, text in own.items()])
    others = {tag: value for tag, value in attributes.items() if tag not in own}
    return _branch(1, "object", leaves + _BOX % corners + (_attributes(others) if others else ""))


def _own_texts(attributes: Mapping[str, Any]) -> dict[str, str]:
    """The text of each attribute that has a tag of its own."""
    values = {**DEFAULT_ATTRIBUTES, **attributes}
    return {tag: text for tag in _OWN_TAGS if tag in values and (text := _own_text(values[tag]))}


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


def _check(path: Path, what: str, text: str) -> None:
    """Raise `AnnotationError` where `text` would not come back from a line of XML or of a list."""
    if not text or text != text.strip() or "\n" in text or not holds(text):
        problem = f"{what}: have {text!r}, want one line of text without control characters or blanks around it"
        raise AnnotationError(path, "", problem)


def _lines(words: tuple[str, ...] | list[str]) -> str:
    return "".join(f"{word}\n" for word in words)


_DEFAULT_TEXTS = _own_texts({})
_BOX = _branch(2, "bndbox", "".join([_leaf(3, tag, "%s") for tag in ("xmin", "ymin", "xmax", "ymax")]))
