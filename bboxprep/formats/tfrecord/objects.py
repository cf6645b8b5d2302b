"""The objects of a record: lists of one length among its features, as the columns of `Instances`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bboxprep.findings import Finding
from bboxprep.formats.text_values import decode_value
from bboxprep.formats.tfrecord import fields
from bboxprep.formats.tfrecord.classes import RecordClasses
from bboxprep.geometry.affine import Size
from bboxprep.io.png import read_png
from bboxprep.io.tf_messages import Values
from bboxprep.io.tfrecord_files import LABELS, TEXTS, texts_of, whole_numbers
from bboxprep.model.categories import MOST_KEYPOINTS
from bboxprep.model.columns import NO_TRACK
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle

Features = Mapping[str, Values]
Value = TypeVar("Value")

_MOST_PIXELS = 1 << 28  # of a mask
_MOST_PLACES = 7  # after the point: more than float32 has
EMPTY_TEXT = '""'
"""The attribute whose value is the text ""; an object without the attribute has no bytes."""


class BadObjects(ValueError):
    """Lists of objects that do not fit each other; `count` is the length of the longest."""

    def __init__(self, message: str, count: int) -> None:
        super().__init__(message)
        self.count = count


def object_count(features: Features) -> int:
    """The number of objects of a record. Raises `BadObjects` where its lists of corners and classes differ."""
    lengths = {name: len(_floats(features, name)) for name in fields.CORNERS}
    texts, labels = len(texts_of(features.get(TEXTS, ()))), len(whole_numbers(features.get(LABELS, ())))
    count = lengths[fields.CORNERS[0]]
    named = {TEXTS: texts or count, LABELS: labels or count}
    for name, length in {**lengths, **named}.items():
        if length != count:
            words = f"{name} has {length} values, {fields.CORNERS[0]} has {count}; want one for each object"
            raise BadObjects(words, max(*lengths.values(), texts, labels))
    return count


def read_objects(
    features: Features, size: Size, classes: RecordClasses, points: int
) -> tuple[Instances, list[Finding], int]:
    """The objects of a record of an image of `size`, findings, and the number of objects that it states; `points` is
    the largest number of keypoints of a class. Raises `BadObjects`.
    """
    count, findings = object_count(features), list[Finding]()
    texts = texts_of(features.get(TEXTS, ())) or [""] * count
    numbers: list[int | None] = [*whole_numbers(features.get(LABELS, ()))] or [None] * count
    labels = [classes.label(text, number) for text, number in zip(texts, numbers, strict=True)]
    lists = _Lists(features, count, findings)
    keypoints, visibility = lists.keypoints(size, points)
    whole = Instances.of(
        in_pixels(np.stack([_floats(features, name) for name in fields.CORNERS], axis=1), np.tile(np.array(size), 2)),
        [label or 0 for label in labels],
        crowd=[bool(one) for one in lists.of(fields.CROWD, int, 0)],
        masks=lists.masks(size),
        areas=lists.of(fields.AREA, float, np.nan),
        keypoints=keypoints,
        visibility=visibility,
        attributes=lists.attributes(),
        tracks=[track if abs(track) < 2**62 else NO_TRACK for track in lists.of(fields.TRACK, int, NO_TRACK)],
    )
    known = [label is not None for label in labels]
    for text, number, fits in zip(texts, numbers, known, strict=True):
        if not fits:
            words = f"the class number {number} is none of the label map" if number else "no name and no class number"
            findings.append(Finding("category-unknown", words, objects=1, category=text))
    return whole.select(np.array(known, dtype=np.bool_)), findings, count


def _floats(features: Features, name: str) -> NDArray[np.float64]:
    """The numbers of a feature: float64 (N,)."""
    return np.array([value for value in features.get(name, ()) if not isinstance(value, bytes)], dtype=np.float64)


def in_pixels(shares: NDArray[np.float64], sides: NDArray[np.int64]) -> NDArray[np.float64]:
    """The numbers of pixels, of the `sides` (S,) of an image, that float32 `shares` (N, S) stand for: (N, S).

    It is the shortest decimal whose share, as float32, is the stated one: the number that a tool wrote, not a number
    next to it.
    """
    stated, exact = shares.astype(np.float32), shares * sides
    found, open_ = exact.copy(), np.isfinite(exact)
    for places in range(_MOST_PLACES + 1):
        short = np.round(exact, places)
        fits = open_ & ((short / sides).astype(np.float32) == stated)
        found[fits] = short[fits]
        open_ &= ~fits
        if not open_.any():
            break
    return found


class _Lists:
    """The lists of a record besides corners and classes; one of another length than `count` is left out."""

    def __init__(self, features: Features, count: int, findings: list[Finding]) -> None:
        self._features, self._count, self._findings = features, count, findings

    def of(self, name: str, kind: type[Value], none: Value) -> list[Value]:
        """The values of the feature `name` that are of `kind`, one for each object; `none` where it is absent."""
        found: list[Value] = [value for value in self._features.get(name, ()) if isinstance(value, kind)]
        return found if self._fits(name, len(found), self._count) else [none] * self._count

    def attributes(self) -> list[dict[str, Any]]:
        """The attributes of each object."""
        made: list[dict[str, Any]] = [{} for _ in range(self._count)]
        for name in (*fields.FLAGS, *fields.OTHERS):
            values = self._features.get(f"{fields.OBJECT}{name}", ())
            exact = f"{fields.ATTRIBUTE}{name}" in self._features
            if len(values) and not exact and self._fits(f"{fields.OBJECT}{name}", len(values), self._count):
                for own, value in zip(made, values, strict=True):
                    own[name] = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
        for name in sorted(name for name in self._features if name.startswith(fields.ATTRIBUTE)):
            for own, text in zip(made, self.of(name, bytes, b""), strict=True):
                if text:
                    own[name.removeprefix(fields.ATTRIBUTE)] = _value(text.decode("utf-8", "backslashreplace"))
        return made

    def masks(self, size: Size) -> list[Rle | None]:
        """The mask of each object: an image of its own, or its part of one list of numbers."""
        values = self._features.get(fields.MASK, ())
        if len(values) and not isinstance(values[0], bytes):
            pixels = _floats(self._features, fields.MASK)
            if not self._fits(fields.MASK, len(pixels), self._count * size.pixels):
                return [None] * self._count
            return [_rle(one) for one in pixels.reshape(self._count, size.height, size.width) > 0]
        return [self._mask(data, size, row) for row, data in enumerate(self.of(fields.MASK, bytes, b""))]

    def keypoints(self, size: Size, most: int) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        """Keypoints (N, K, 2) px and their visibility (N, K); K is at least `most`."""
        x, y = _floats(self._features, fields.KEYPOINT_X), _floats(self._features, fields.KEYPOINT_Y)
        seen = whole_numbers(self._features.get(fields.VISIBILITY, ()))
        each = len(x) // self._count if self._count else 0
        total = self._count * each
        fits = each <= MOST_KEYPOINTS and len(y) == len(x) == total and len(seen) in {0, total}
        if not fits:
            words = f"{fields.KEYPOINT_X} has {len(x)} values, the others {len(y)} and {len(seen)}"
            words = f"{words}; want as many for each of {self._count} objects; the boxes are kept"
            self._findings.append(Finding("shape-unreadable", words))
            each = 0
        points, visibility = np.zeros((self._count, max(each, most), 2)), np.zeros((self._count, max(each, most)))
        if each:
            own = in_pixels(np.stack((x, y), axis=1), np.array(size)).reshape(self._count, each, 2)
            there = np.asarray(np.isfinite(own).all(axis=2))
            points[:, :each] = np.where(there[:, :, None], own, 0.0)
            shown = np.array(seen or [2] * total, dtype=np.float64).reshape(self._count, each)
            visibility[:, :each] = np.where(there, np.clip(shown, 0, 2), 0)
        return points, visibility.astype(np.uint8)

    def _mask(self, data: bytes, size: Size, row: int) -> Rle | None:
        if not data:
            return None
        try:
            pixels = read_png(data, _MOST_PIXELS)
        except ValueError as error:
            self._findings.append(Finding("shape-unreadable", f"the mask of object {row} cannot be read ({error})"))
            return None
        height, width, _ = pixels.shape
        if Size(width, height) != size:
            words = f"the mask of object {row} is {Size(width, height)}, the image {size}; the box is kept"
            self._findings.append(Finding("mask-misfit", words))
            return None
        return _rle(np.asarray(pixels.any(axis=2)))

    def _fits(self, name: str, have: int, want: int) -> bool:
        """Whether a list is there and has as many values as it should; a finding where it has others."""
        if have not in {0, want}:
            words = f"{name} has {have} values, want {want}; left out"
            self._findings.append(Finding("shape-unreadable" if name == fields.MASK else "record-repaired", words))
        return have == want > 0


def _rle(mask: NDArray[np.bool_]) -> Rle | None:
    """The runs of a mask; None where it is empty, as that of an object that has none."""
    return Rle.from_mask(mask) if mask.any() else None


def _value(text: str) -> Any:
    return "" if text == EMPTY_TEXT else decode_value(text)
