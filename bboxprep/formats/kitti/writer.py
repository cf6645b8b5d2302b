"""Writes KITTI: ``<split>/image_2/<name>``, ``<split>/label_2/<stem>.txt`` for each labelled image, ``labels.txt``.

Boxes are shortest decimals with two places at least. The attributes of `fields.ATTRIBUTES` are written where an object
has them, else what KITTI states of the unknown; ``occluded`` is 0 then, since readers want a whole number. The place of
an object in the world is left out where the image was mirrored or turned: the camera would not see it there. A class
name of several words is joined by ``_``, and ``labels.txt`` has it as it is.

A crowd region is a ``DontCare`` row, which states no class. That of another class keeps it as a number: its alpha,
which is -10 (unknown) in KITTI's own rows and of no use, is -11 less the row of the class in ``labels.txt``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite, isnan
from pathlib import Path
from typing import Any

import numpy as np

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.formats import label_documents, object_records
from bboxprep.formats.api import Labels, NoOptions, writes
from bboxprep.formats.kitti import fields, rows
from bboxprep.io.atomic import write_text
from bboxprep.model.batch import Batch
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.instance import Instance
from bboxprep.model.sample import Sample

_DONT_CARE = (-1.0, -1)  # what KITTI states as truncated and occluded of a region
_MOST_HIDDEN = 3  # of `occluded`
_NUMBERS_OF_PLACE = 3


@writes
def write(root: Path, dataset: Dataset, options: NoOptions) -> KittiWriter:  # noqa: ARG001
    """A writer of KITTI below `root`. Raises `AnnotationError` for class names that no line can hold, and for two that
    are the same where blanks are ``_``.
    """
    object_records.check_names_are_lines(dataset)
    words: dict[str, str] = {}
    for name in dataset.categories.names:
        other = words.setdefault(rows.one_word(name), name)
        if other != name:
            problem = (
                f"class names: {other!r} and {name!r} are both {rows.one_word(name)!r} in one word; rename one of them"
            )
            raise AnnotationError(dataset.root, "", problem)
    return KittiWriter(root, dataset)


class KittiWriter:
    """Makes one text file an image; writes the class table when it is closed."""

    stage = ""

    def __init__(self, root: Path, dataset: Dataset) -> None:
        self._root = root
        self._classes = dataset.categories.names
        self._numbers = {name: number for number, name in enumerate(dict.fromkeys(self._classes))}

    @property
    def carries(self) -> frozenset[Column]:
        """All columns that the format holds."""
        return fields.CARRIES

    def paths(self, split: str, name: str) -> tuple[str, ...]:
        """The image and its label file, in folders side by side."""
        return f"{split}/{fields.IMAGES}/{name}", f"{split}/{fields.LABELS}/{name[: name.rindex('.')]}.txt"

    def encode(self, batch: Batch, images: Sequence[str]) -> list[Labels]:
        """The file of each labelled image."""
        return [self._labels(sample, image) for sample, image in zip(batch, images, strict=True)]

    def collect(self, entry: Any) -> None:
        """Nothing: each image has a file of its own."""

    @property
    def documents(self) -> tuple[str, ...]:
        """The class table."""
        return (label_documents.CLASS_LIST,)

    def close(self) -> None:
        """Write the class table."""
        write_text(self._root / label_documents.CLASS_LIST, "".join(f"{name}\n" for name in self._numbers))

    def _labels(self, sample: Sample, image: str) -> Labels:
        objects = sample.instances
        if not sample.labelled and not len(objects):
            return Labels()
        has_place = _looks_as_before(sample)
        text = "".join(f"{self._row(one, has_place=has_place)}\n" for one in objects)
        _, _, name = image.partition(f"/{fields.IMAGES}/")
        _, path = self.paths(sample.split, name)
        return Labels(len(objects), self._findings(sample), ((path, text.encode("utf-8", "surrogatepass")),))

    def _row(self, one: Instance, *, has_place: bool) -> str:
        """The row of an object; `has_place`: what it states of its place in the world is true of the image."""
        name = self._classes[one.label]
        box = [_decimal(edge) for edge in one.box.tolist()]
        score = [] if isnan(one.score) else [_decimal(one.score)]
        if one.crowd or name == fields.DONT_CARE:
            truncated, occluded = _DONT_CARE
            alpha = fields.NO_ANGLE if name == fields.DONT_CARE else rows.FIRST_CLASS - self._numbers[name]
            words = [fields.DONT_CARE, f"{truncated:g}", str(occluded), f"{alpha:g}", *box, *_place({})]
        else:
            known = one.attributes
            alpha = _number(known.get(fields.ALPHA), fields.NO_ANGLE) if has_place else fields.NO_ANGLE
            truncated = min(max(_number(known.get(fields.TRUNCATED), 0.0), 0.0), 1.0)
            hidden = str(_hidden(known.get(fields.OCCLUDED)))
            words = [rows.one_word(name), _decimal(truncated), hidden, _angle(alpha), *box]
            words += _place(known if has_place else {})
        return " ".join([*words, *score])

    def _findings(self, sample: Sample) -> tuple[Finding, ...]:
        """Notes on objects that are written as regions, and on classes that are written in one word."""
        objects = sample.instances
        names = [self._classes[label] for label in objects.labels.tolist()]
        regions = sum(
            name == fields.DONT_CARE and not crowd for name, crowd in zip(names, objects.crowd.tolist(), strict=True)
        )
        joined = sorted({name for name in names if rows.one_word(name) != name})
        notes = []
        if regions:
            words = f"{regions} objects of the class {fields.DONT_CARE} are written as regions to ignore"
            notes.append(Finding("column-dropped", words, sample.relative_path, split=sample.split))
        if joined:
            words = f"class {', '.join(map(repr, joined))}: written with _ for blanks, as a row has one word for it"
            notes.append(Finding("class-respelled", words, sample.relative_path, split=sample.split))
        return tuple(notes)


def _looks_as_before(sample: Sample) -> bool:
    """Whether the written image of `sample` was neither mirrored nor turned."""
    if sample.base_image is not None or sample.parts:
        return False
    if sample.plan is None:
        return True
    a, b, _, d, e, _ = sample.plan.affine.coefficients
    return bool(np.allclose((b, d), 0.0) and a > 0 and e > 0)


def _number(value: Any, none: float) -> float:
    """`value` as a number; `none` where it is none."""
    return float(value) if isinstance(value, bool | int | float) and isfinite(value) else none


def _hidden(value: Any) -> int:
    """The number for what `value` says of how much of an object is hidden; 0 where it says nothing."""
    number = _number(value, 0.0)
    return int(number) if number.is_integer() and 0 <= number <= _MOST_HIDDEN else 0


def _place(known: Mapping[str, Any]) -> list[str]:
    """The seven numbers of the place of an object in the world, by its attributes."""
    sides, place = (_numbers(known.get(name)) for name in (fields.DIMENSIONS, fields.LOCATION))
    turn = _number(known.get(fields.ROTATION), fields.NO_ANGLE)
    if not sides or not place:
        unknown = [fields.NO_LENGTH] * _NUMBERS_OF_PLACE + [fields.NO_PLACE] * _NUMBERS_OF_PLACE + [fields.NO_ANGLE]
        return [f"{value:g}" for value in unknown]
    return [*map(_decimal, (*sides, *place)), _angle(turn)]


def _numbers(value: Any) -> list[float]:
    """The three numbers of `value`; none where it holds others."""
    found = [_number(one, np.nan) for one in value] if isinstance(value, list | tuple) else []
    return found if len(found) == _NUMBERS_OF_PLACE and np.isfinite(found).all() else []


def _angle(value: float) -> str:
    return f"{value:g}" if value == fields.NO_ANGLE else _decimal(value)


def _decimal(value: float) -> str:
    """The shortest decimal that is read as `value`, with two places at least."""
    return np.format_float_positional(value + 0.0, unique=True, min_digits=2, trim="k")
