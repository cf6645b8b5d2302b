"""`bboxprep.sidecar.jsonl`: what the format of an output cannot carry, kept beside it.

UTF-8, one JSON object a line. The first line is about the dataset: the format of its label files and the columns that
they hold themselves, the class table in full, and what formats say of the dataset besides (`Dataset.extra`). Then one
line for each image that lost something, in the order of the account: where it lies, its size, its own number and extra,
and all its objects in the order of the source, each with every column it has, exactly, in the plane of the output
picture::

    {"sidecar":1,"format":"yolo","carries":["boxes"],"categories":[{"name":"car","id":3,…}],"extra":{"coco":{"info":{…}}}}
    {"image":"images/train/a.jpg","size":[640,640],"id":7,"labels":{"labels/train/a.txt":"<SHA-256>"},
     "objects":[{"label":0,"box":[1.5,2.0,30.25,40.0],"row":0,"area":900.0,"id":12,…},{…,"row":null,"crowd":true}]}

**A class is its row** in the first line's table (`label`), not its name: two classes may have one name. **The hash of
the label file** says at once that nobody has touched it; then even what cannot be compared (an attribute that the
format spells otherwise, a polygon of several parts in one ring) is known to be as it was written. `row` is the place of
the object in the label file, null where the format cannot hold it. `rounded` says that the writer went to whole pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import Annotated, Any, Literal, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.model.categories import MOST_CLASSES, MOST_KEYPOINTS, Category
from bboxprep.model.instances import Column, Instances
from bboxprep.model.rle import Rle
from bboxprep.model.validation import FARTHEST

SIDECAR = "bboxprep.sidecar.jsonl"
IN_SIDECAR = f"kept in {SIDECAR}"

_SLACK = 1e-3  # px; written boxes lie in their picture
_Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_Side = Annotated[int, msgspec.Meta(ge=1, le=2**31)]
_Row = Annotated[int, msgspec.Meta(ge=0, le=2**31)]
_Near = Annotated[float, msgspec.Meta(ge=-FARTHEST, le=FARTHEST)]
_Number = Annotated[float, msgspec.Meta(ge=-1e18, le=1e18)]
_Ring = Annotated[tuple[_Near, ...], msgspec.Meta(min_length=6)]
_Points = Annotated[tuple[_Near, ...], msgspec.Meta(max_length=3 * MOST_KEYPOINTS)]
_Extra = dict[str, dict[str, Any]]
T = TypeVar("T")


class BadLine(Exception):
    """A line of a sidecar that is not what it should be, and why; its catchers know the place."""


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


class KeptMask(msgspec.Struct, frozen=True):
    """A mask as COCO spells it: height and width, then the compressed text or the runs."""

    size: tuple[_Side, _Side]
    counts: str | tuple[_Row, ...]


class KeptObject(msgspec.Struct, frozen=True, omit_defaults=True):
    """One object: its columns as in `Instances`, rings and keypoints (x, y, visibility) each as one flat list."""

    label: _Row
    box: tuple[float, float, float, float]
    row: _Row | None
    crowd: bool = False
    polygons: tuple[_Ring, ...] = ()
    mask: KeptMask | None = None
    keypoints: _Points = ()
    area: _Number | None = None
    score: _Number | None = None
    id: _Int64 = 0
    attributes: dict[str, Any] = {}


class KeptImage(msgspec.Struct, frozen=True, omit_defaults=True):
    """One image. `name` is what it was called before the layout of the output changed it; `labels` its label files and
    their hashes; `objects` None where the label file holds all there is.
    """

    image: str
    size: tuple[_Side, _Side]
    name: str = ""
    id: _Int64 = 0
    extra: _Extra = {}
    rounded: bool = False
    labels: dict[str, str] = {}
    objects: tuple[KeptObject, ...] | None = None


def encode(line: Head | KeptImage) -> bytes:
    """One line. Values that JSON does not know become text. Raises ValueError or TypeError where that cannot be."""
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
    """The objects of an image, and their `rows` in its label file."""
    labels, boxes, crowd = instances.labels.tolist(), instances.boxes.tolist(), instances.crowd.tolist()
    areas, scores, ids = instances.areas.tolist(), instances.scores.tolist(), instances.ids.tolist()
    pointed = instances.visibility.any()
    return tuple(
        [
            KeptObject(
                label=labels[at],
                box=tuple(boxes[at]),
                row=row,
                crowd=crowd[at],
                polygons=tuple([tuple(ring.ravel().tolist()) for ring in instances.polygons[at] if len(ring) > 2]),
                mask=_pack_mask(instances.masks[at]),
                keypoints=_pack_keypoints(instances, at) if pointed else (),
                area=_stated(areas[at]),
                score=_stated(scores[at]),
                id=ids[at],
                attributes=dict(instances.attributes[at]),
            )
            for at, row in enumerate(rows)
        ]
    )


def unpack(kept: KeptImage, classes: int, points: int) -> Instances:
    """The objects of `kept`, with room for `points` keypoints each or more. Raises `BadLine` where they are not sound:
    a label beyond the table of `classes`, a box outside of the picture, rows that do not count from 0.
    """
    objects = kept.objects or ()
    rows = [one.row for one in objects if one.row is not None]
    if rows != list(range(len(rows))):
        raise BadLine("row: want 0, 1, 2 and so on")
    if any(one.label >= classes for one in objects):
        raise BadLine(f"label: want less than {classes}, the number of classes")
    places, visibility = _unpack_keypoints(objects, points)
    try:
        instances = Instances.of(
            [one.box for one in objects],
            [one.label for one in objects],
            crowd=[one.crowd for one in objects],
            polygons=[one.polygons for one in objects],
            masks=[_unpack_mask(one.mask) for one in objects],
            keypoints=places,
            visibility=visibility,
            areas=[np.nan if one.area is None else one.area for one in objects],
            scores=[np.nan if one.score is None else one.score for one in objects],
            ids=[one.id for one in objects],
            attributes=[one.attributes for one in objects],
        )
    except ValueError as error:
        raise BadLine(str(error)) from error
    _check_boxes(instances, kept.size)
    return instances


def _check_boxes(instances: Instances, size: Sequence[int]) -> None:
    low, high = instances.boxes[:, :2], instances.boxes[:, 2:]
    if not ((low >= -_SLACK) & (high > low) & (high <= np.array(size) + _SLACK)).all():
        raise BadLine(f"box: want x0 y0 x1 y1 within the picture of {size[0]}x{size[1]}")


def _plain(value: object) -> object:
    """What JSON can say of a value it does not know."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else str(value)


def _stated(value: float) -> float | None:
    return None if isnan(value) else value


def _pack_mask(mask: Rle | None) -> KeptMask | None:
    if mask is None:
        return None
    return KeptMask((mask.size.height, mask.size.width), mask.text().decode("ascii") if mask.compressed else mask.runs)


def _unpack_mask(mask: KeptMask | None) -> Rle | None:
    """The mask. Raises ValueError."""
    if mask is None:
        return None
    size = Size(mask.size[1], mask.size[0])
    if isinstance(mask.counts, str):
        return Rle.from_text(size, mask.counts.encode("ascii"))
    return Rle(size, mask.counts, compressed=False)


def _pack_keypoints(instances: Instances, at: int) -> tuple[float, ...]:
    """The points of the object at `at`; () where none is labelled."""
    seen = instances.visibility[at]
    if not seen.any():
        return ()
    flat: list[float] = np.column_stack((instances.keypoints[at], seen)).ravel().tolist()
    return tuple(flat)


def _unpack_keypoints(objects: Sequence[KeptObject], points: int) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Places (N, K, 2) and visibility (N, K)."""
    if any(len(one.keypoints) % 3 or not {0.0, 1.0, 2.0}.issuperset(one.keypoints[2::3]) for one in objects):
        raise BadLine("keypoints: want x, y and 0, 1 or 2 for each point")
    most = max([points, *(len(one.keypoints) // 3 for one in objects)])
    places, visibility = np.zeros((len(objects), most, 2)), np.zeros((len(objects), most), dtype=np.uint8)
    for at, one in enumerate(objects):
        flat = np.array(one.keypoints, dtype=np.float64).reshape(-1, 3)
        places[at, : len(flat)], visibility[at, : len(flat)] = flat[:, :2], flat[:, 2]
    return places, visibility
