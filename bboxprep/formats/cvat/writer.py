"""Writes CVAT for images 1.1: ``<split>.xml`` over the images in ``images/<split>/``, a task for each split.

An object is one shape: a skeleton or points where it has keypoints, with its box in a group where they do not give
that (`groups`); else the polygon or ellipse that its ring is, else its mask, else its box, turned if it is oriented.
Four corners that lie more than half a pixel off a rectangle become a polygon. Parts of an outline are joined by a seam
of no width. An oriented box that stands upright is turned by 360 degrees, which tells it from other boxes. Points state
no visibility, and no place of a keypoint that is not labelled: they hold those of a class that names none where all are
visible. Else keypoints without a name are called kp0, kp1 … in the skeleton and its label. What is not given back so is
counted. Numbers are shortest decimals, those of turned boxes and ellipses are rounded (`formats.outlines`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bboxprep.errors import AnnotationError, UsageError
from bboxprep.findings import Finding
from bboxprep.formats.api import Labels, NoOptions, writes
from bboxprep.formats.cvat.elements import element_of, quoted
from bboxprep.formats.cvat.fields import CARRIES, GROUP, NOT_SPLITS
from bboxprep.formats.cvat.groups import as_one
from bboxprep.formats.cvat.labels import label_lines
from bboxprep.formats.cvat.shapes import CvatShape, Geometry, digest_of, geometry_of
from bboxprep.formats.outlines import ellipse, polygons_within
from bboxprep.formats.per_split import PerSplit
from bboxprep.geometry.affine import Points
from bboxprep.geometry.oriented import turned_box
from bboxprep.geometry.shapes import one_ring, same_box
from bboxprep.io.atomic import write_chunks
from bboxprep.io.spooled_lines import SpooledLines
from bboxprep.io.xml_encoding import holds
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories, Category, keypoint_names
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Instances
from bboxprep.model.polygons import Polygons
from bboxprep.model.rle import Rle
from bboxprep.model.sample import Sample

_SAME = 0.01  # px; more than the rounding of oriented boxes, also of those of YOLO
_FULL_TURN = 360.0  # degrees
_VISIBLE = 2  # as in COCO
_NO_CORNERS = np.full((4, 2), np.nan)
_Kinds = list[tuple[str, str, str]]  # the class, the name and the input type of attributes


@writes
def write(root: Path, dataset: Dataset, options: NoOptions) -> CvatWriter:  # noqa: ARG001
    """A writer of CVAT below `root`. Raises `AnnotationError` for names that XML cannot hold, and `UsageError`."""
    for category in dataset.categories:
        for name in (category.name, *category.keypoints):
            if not name or not holds(name):
                problem = f"name of a class or keypoint: have {name!r}, want text without control characters"
                raise AnnotationError(dataset.root, "", problem)
    for split in dataset.splits:
        if split.lower() in NOT_SPLITS:
            raise UsageError(f"split: CVAT calls its documents {split!r}, which cannot be the name of a split")
    return CvatWriter(root, dataset)


class CvatWriter:
    """The writer (see `formats.api.Writer`)."""

    stage = ""
    carries = CARRIES

    def __init__(self, root: Path, dataset: Dataset) -> None:
        self._root = root
        self._categories = dataset.categories
        self._splits = PerSplit(partial(_SplitImages, root), dataset.splits)

    def paths(self, split: str, name: str) -> tuple[str, ...]:
        """The path of the image; the labels of a split share one document."""
        return (f"images/{split}/{name}",)

    def encode(self, batch: Batch, images: Sequence[str]) -> list[Labels]:
        """The elements of the shapes of each image."""
        shapes = _Shapes(batch.instances, polygons_within(batch), self._categories)
        rows = batch.split(list(range(len(batch.instances))))
        written = [one for sample, own in zip(batch, rows, strict=True) for one in shapes.elements(own, sample)]
        return list(map(_labels, batch, images, batch.split(written)))

    def collect(self, entry: tuple[str, str, str, _Kinds, Mapping[str, int]]) -> None:
        """Store the element of one image."""
        split, image, shapes, kinds, joints = entry
        self._splits[split].add(image, shapes, kinds, joints)

    @property
    def documents(self) -> tuple[str, ...]:
        """One for each split."""
        return tuple(f"{split}.xml" for split in self._splits)

    def close(self) -> None:
        """Write the documents."""
        for split, images in self._splits.items():
            write_chunks(self._root / f"{split}.xml", images.document(split, self._categories))
            images.close()


class _SplitImages:
    """The elements of the images of one split. Raises `TargetError` where the disk of `root` is full."""

    def __init__(self, root: Path) -> None:
        self._lines = SpooledLines(root)
        self._kinds: dict[str, dict[str, str]] = {}
        self._joints: Counter[str] = Counter()
        self._count = 0

    def add(self, image: str, shapes: str, kinds: Iterable[Sequence[Any]], joints: Mapping[str, int]) -> None:
        end = f">\n{shapes}  </image>" if shapes else "/>"
        self._lines.add(f'  <image id="{self._count}" {image}{end}'.encode())
        self._count += 1
        for label, name, kind in kinds:
            known = self._kinds.setdefault(label, {})
            known[name] = kind if known.get(name, kind) == kind else "text"
        self._joints |= Counter(joints)

    def close(self) -> None:
        self._lines.close()

    def document(self, split: str, categories: Categories) -> Iterator[bytes]:
        """The document in chunks."""
        kinds = [dict(sorted(self._kinds.get(name, {}).items())) for name in categories.names]
        classes = [
            replace(one, keypoints=keypoint_names(one, self._joints[one.name]), flip_idx=()) for one in categories
        ]
        head = ['<?xml version="1.0" encoding="utf-8"?>', "<annotations>", "  <version>1.1</version>", "  <meta>"]
        head += ["    <task>", f"      <name>{escape(split)}</name>", f"      <size>{self._count}</size>"]
        head += ["      <mode>annotation</mode>", "      <labels>", *label_lines(classes, kinds), "      </labels>"]
        head += ["    </task>", "  </meta>"]
        yield "".join(f"{line}\n" for line in head).encode()
        for line in self._lines:
            yield line + b"\n"
        yield b"</annotations>\n"


class _Element(msgspec.Struct, frozen=True):
    """The element of one object: its `text`, the shape that is `read` from it, and whether that lacks something."""

    text: str
    read: CvatShape
    is_lossy: bool


def _labels(sample: Sample, image: str, written: Sequence[_Element]) -> Labels:
    """The element of one image, without its number."""
    findings: tuple[Finding, ...] = ()
    if lossy := sum(one.is_lossy for one in written):
        words = (
            f"of {lossy} objects CVAT's shapes do not hold all (parts, corners, a second outline, the box around it)"
        )
        findings = (Finding("column-dropped", words, sample.relative_path, split=sample.split),)
    name = image.removeprefix(f"images/{sample.split}/")
    head = f'name="{quoted(name)}" width="{sample.size.width}" height="{sample.size.height}"'
    shapes = [one.read for one in written]
    kinds = {(shape.label, name, _kind(value)): None for shape in shapes for name, value in shape.attributes.items()}
    joints: Counter[str] = Counter()  # the keypoints of the skeletons of each class
    for shape in shapes:
        if shape.joints and shape.joints[0][0]:
            joints[shape.label] = max(joints[shape.label], len(shape.joints))
    entry = (sample.split, head, "".join(one.text for one in written), list(kinds), dict(joints))
    return Labels(len(written), findings, entry=entry, digest=digest_of(shapes))


def _kind(value: object) -> str:
    return "checkbox" if isinstance(value, bool) else "text"


class _Shapes:
    """The objects of a batch, whose `polygons` reach over no edge, as shapes."""

    def __init__(self, instances: Instances, polygons: Polygons, categories: Categories) -> None:
        self._own, self._polygons, self._categories = instances, polygons, categories
        self._boxes = instances.boxes.tolist()
        self._labels = instances.labels.tolist()
        self._tracks = instances.tracks.tolist()
        self._shaped = (
            instances.has(Column.POLYGONS)
            | instances.has(Column.MASKS)
            | instances.has(Column.KEYPOINTS)
            | instances.has(Column.ORIENTED)
        ).tolist()

    def elements(self, rows: Sequence[int], sample: Sample) -> Iterator[_Element]:
        """The elements of the objects at `rows`, those of the image of `sample`."""
        groups = (self._own.attributes[row].get(GROUP) for row in rows)
        highest = max((known for known in groups if isinstance(known, int)), default=0)
        for group, row in enumerate(rows, highest + 1):
            yield self._element(row, sample, group)

    def _element(self, row: int, sample: Sample, group: int) -> _Element:
        """The element of one object; a box and a skeleton of the number `group` where it has both."""
        category = self._categories[self._labels[row]]
        attributes, track = self._own.attributes[row], self._tracks[row]
        shapes = self._parts(row, category)
        grouped = len(shapes) > 1 and GROUP not in attributes
        shapes = shapes if grouped else shapes[:1]
        written = [
            element_of(
                msgspec.structs.replace(
                    shape,
                    label=category.name,
                    attributes={**({} if number else attributes), **({GROUP: group} if grouped else {})},
                    track=track,
                )
            )
            for number, shape in enumerate(shapes)
        ]
        parts = [read for _, read in written]
        read = as_one(parts) if grouped else parts[0]
        lossy = read.track != track or repr(read.attributes) != repr(dict(attributes))
        if self._shaped[row] and not lossy:
            lossy = not self._is_whole(row, geometry_of(read, self._names(row, category), sample.size))
        return _Element("".join(text for text, _ in written), read, lossy)

    def _parts(self, row: int, category: Category) -> list[CvatShape]:
        """The shapes of the object at `row`: its keypoints and its outline, and its box where those do not give it."""
        box = CvatShape("box", "", (*self._boxes[row], 0.0), {})
        if not self._shaped[row]:
            return [box]
        own, seen = self._own, self._own.visibility[row]
        keypoints = [self._keypoints(row, category)] if seen.any() else []
        outline = [one for one in (self._outline(row),) if one is not None]
        bounds = geometry_of(
            (outline or keypoints or [box])[0],
            self._names(row, category),
            mask.size if (mask := own.masks[row]) else None,
        ).box
        alike = _near if outline and outline[0].tag == "box" else same_box
        loose = not alike(bounds, own.boxes[row]) and (not outline or outline[0].tag in ("mask", "box"))
        return [*([box] if loose else []), *outline, *keypoints] or [box]

    def _keypoints(self, row: int, category: Category) -> CvatShape:
        """Points where the class names no keypoints and all are visible, else a skeleton."""
        points, seen, names = self._own.keypoints[row], self._own.visibility[row], self._names(row, category)
        if not category.keypoints and (seen[: len(names)] == _VISIBLE).all():
            return CvatShape("points", "", tuple(points[: len(names)].ravel().tolist()), {})
        some = zip(names, points.tolist(), seen.tolist(), strict=False)
        return CvatShape("skeleton", "", (), {}, joints=tuple((name, x, y, flag) for name, (x, y), flag in some))

    def _names(self, row: int, category: Category) -> tuple[str, ...]:
        """The names of the keypoints of the object at `row`, up to the last one that is labelled, and of its class."""
        return keypoint_names(category, int(np.flatnonzero(self._own.visibility[row]).max(initial=-1)) + 1)

    def _outline(self, row: int) -> CvatShape | None:
        """The shape of the outline of the object at `row`, None where it has none."""
        ring, mask, corners = one_ring(self._polygons[row]), self._own.masks[row], self._own.oriented[row]
        if ring is not None:
            numbers = ellipse(ring)
            return CvatShape("ellipse", "", numbers, {}) if numbers else _polygon(ring)
        if mask is not None and mask.area:
            return _mask(mask)
        if not np.isfinite(corners).all():
            return None
        numbers = turned_box(corners)
        if not numbers:
            return _polygon(corners)
        return CvatShape("box", "", (*numbers[:4], numbers[4] or _FULL_TURN), {})

    def _is_whole(self, row: int, read: Geometry) -> bool:
        """Whether an object has what is `read` of its shape, and no more."""
        own = self._own
        rings, seen = own.polygons[row], own.visibility[row]
        points = np.column_stack((own.keypoints[row] * (seen > 0)[:, None], seen))
        found = np.zeros((0, 3)) if read.keypoints is None else read.keypoints
        corners = _NO_CORNERS if read.oriented is None else read.oriented
        most = max(len(points), len(found))
        one, other = (np.pad(part, ((0, most - len(part)), (0, 0))) for part in (points, found))
        return (
            same_box(read.box, own.boxes[row])
            and _near(corners, own.oriented[row])
            and len(read.rings) == len(rings)
            and all(np.array_equal(mine, its) for mine, its in zip(read.rings, rings, strict=True))
            and read.mask == own.masks[row]
            and np.array_equal(one, other)
        )


def _near(one: Points, other: Points) -> bool:
    """Whether coordinates are the same, but for the rounding of those of oriented boxes."""
    return bool(np.allclose(one, other, rtol=0.0, atol=_SAME, equal_nan=True))


def _polygon(ring: Points) -> CvatShape:
    return CvatShape("polygon", "", tuple(ring.ravel().tolist()), {})


def _mask(mask: Rle) -> CvatShape:
    """The shape of `mask`: the runs of the rows of the box around its pixels."""
    crop, (left, top) = mask.crop()
    pixels = crop.ravel()
    ends = np.flatnonzero(np.diff(pixels)) + 1
    runs = np.diff((0, *ends.tolist(), pixels.size)).tolist()
    box = (float(left), float(top), float(crop.shape[1]), float(crop.shape[0]))
    return CvatShape("mask", "", box, {}, runs=tuple([0, *runs] if pixels[0] else runs))
