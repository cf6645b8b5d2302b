"""The schema of ``bboxprep.sidecar.jsonl``, which holds the data that the format of an output cannot hold.

UTF-8, one JSON object a line. The first line describes the dataset: the format of its label files, the columns that
they hold, the full class table, and data of other formats about the dataset (`Dataset.extra`). Each image that lost
data has one line, in the order of the samples: its path, size, id and extra data, and all its objects in the order of
the source, with the exact values of all their columns, in px of the output image::

    {"sidecar":1,"format":"yolo","carries":["boxes"],"categories":[{"name":"car","id":3,…}],"extra":{"coco":{"info":{…}}}}
    {"image":"images/train/a.jpg","size":[640,640],"id":7,"labels":{"labels/train/a.txt":"<SHA-256>"},
     "objects":[{"label":0,"box":[1.5,2.0,30.25,40.0],"row":0,"area":900.0,"id":12,…},{…,"row":null,"crowd":true}]}

`label` is the row of the class in the table of the first line; names may be equal. `labels` has the hash of each label
file: where it is unchanged, all objects are restored, even values that cannot be compared (an attribute that the format
spells otherwise, a polygon of several parts in one ring). `row` is the row of the object in the label file, null where
the format cannot hold it. `rounded` says that the writer rounded to whole pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import msgspec
import numpy as np

from bboxprep.model.categories import MOST_CLASSES, MOST_KEYPOINTS, Category
from bboxprep.model.column_json import PLAIN_FORMS, Int64, Row, Side
from bboxprep.model.columns import Column
from bboxprep.model.instances import Instances

SIDECAR = "bboxprep.sidecar.jsonl"
IN_SIDECAR = f"kept in {SIDECAR}"

_SLACK = 1e-3  # px; written boxes lie in their image
_Extra = dict[str, dict[str, Any]]
T = TypeVar("T")


class BadLine(Exception):
    """A line of a sidecar is invalid; the message says why, and callers add the place."""


class Head(msgspec.Struct, frozen=True):
    """The first line. `sidecar` is the version of the format."""

    sidecar: Literal[1]
    format: str
    carries: tuple[Column, ...]
    categories: Annotated[tuple[Category, ...], msgspec.Meta(max_length=MOST_CLASSES)]
    extra: _Extra = {}

    def __post_init__(self) -> None:
        if any(len(category.keypoints) > MOST_KEYPOINTS for category in self.categories):
            raise ValueError(f"keypoints: want at most {MOST_KEYPOINTS} of a class")


class PlacedObject(msgspec.Struct, frozen=True, omit_defaults=True):
    """The class of an object, its box, and its row in the label file, None where that cannot hold it."""

    label: Row
    box: tuple[float, float, float, float]
    row: Row | None


if TYPE_CHECKING:
    KeptObject = PlacedObject
else:
    KeptObject = msgspec.defstruct(
        "KeptObject",
        [(form.key, form.type, form.default) for form in PLAIN_FORMS.values()],
        bases=(PlacedObject,),
        frozen=True,
        omit_defaults=True,
    )
    """One object: a `PlacedObject` and the columns it has, encoded by `model.column_json`."""


class KeptImage(msgspec.Struct, frozen=True, omit_defaults=True):
    """One image. `name` is its name in the source, "" where the output keeps it; `labels` maps its label files to their
    hashes; `objects` is None where the label file holds all columns. `labelled` is False if the source has no label
    file for the image and the label file of the output cannot say so. `digest` is that of the labels of the image,
    where they are part of a document (`Sample.label_digest`).
    """

    image: str
    size: tuple[Side, Side]
    name: str = ""
    id: Int64 = 0
    extra: _Extra = {}
    rounded: bool = False
    labels: dict[str, str] = {}
    digest: str = ""
    objects: tuple[KeptObject, ...] | None = None
    labelled: bool = True


def encode(line: Head | KeptImage) -> bytes:
    """`line` as JSON; values that JSON lacks become text. Raises ValueError or TypeError where that is impossible."""
    return msgspec.json.encode(line, enc_hook=_plain) + b"\n"


def decode(line: bytes, kind: type[T]) -> T:
    """`line` as `kind`. Raises `BadLine`."""
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadLine(str(error)) from error
    except RecursionError as error:
        raise BadLine("nested too deeply") from error


def pack(instances: Instances, rows: Sequence[int | None]) -> tuple[KeptObject, ...]:
    """The objects of an image, with their `rows` in its label file."""
    used, count = instances.column_counts, len(instances)
    columns = [
        form.pack(instances) if column in used else (form.default,) * count for column, form in PLAIN_FORMS.items()
    ]
    boxes = map(tuple, instances.boxes.tolist())
    return tuple([KeptObject(*one) for one in zip(instances.labels.tolist(), boxes, rows, *columns, strict=True)])


def unpack(kept: KeptImage, classes: int, points: int) -> Instances:
    """The objects of `kept`, padded to `points` keypoints or more.

    Raises `BadLine` for a label beyond the number of `classes`, a box outside of the image, rows that do not count
    from 0, and values that are invalid for their column.
    """
    objects = kept.objects or ()
    rows = [one.row for one in objects if one.row is not None]
    if rows != list(range(len(rows))):
        raise BadLine("row: want 0, 1, 2 and so on")
    if any(one.label >= classes for one in objects):
        raise BadLine(f"label: want less than {classes}, the number of classes")
    columns: dict[str, Any] = {}
    try:
        for form in PLAIN_FORMS.values():
            values = [getattr(one, form.key) for one in objects]
            if values.count(form.default) < len(values):
                columns |= form.unpack(values)
        instances = Instances.of([one.box for one in objects], [one.label for one in objects], **columns)
    except ValueError as error:
        raise BadLine(str(error)) from error
    _check_boxes(instances, kept.size)
    return instances.pad_keypoints(points)


def _check_boxes(instances: Instances, size: Sequence[int]) -> None:
    low, high = instances.boxes[:, :2], instances.boxes[:, 2:]
    if not ((low >= -_SLACK) & (high > low) & (high <= np.array(size) + _SLACK)).all():
        raise BadLine(f"box: want x0 y0 x1 y1 within the image of {size[0]}x{size[1]}")


def _plain(value: object) -> object:
    """A value that JSON can encode in place of `value`."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else str(value)
