"""Writes YOLO labels in the layout ``images/<split>/…``, ``labels/<split>/…``, ``data.yaml``, or in that of darknet.

**Numbers** have six digits. They are rounded as whole millionths, the size after the centre, and never to more than
twice the way from the centre to the edge: centre -+ size/2 stays within 0 and 1, also for a reader that computes in
float32. Rounding each number by itself breaks that for one box in five at an edge, whatever the number of digits. An
edge is off by at most 1e-6 of the image; that of a box thinner than 2e-6 by twice as much.

**One shape a row.** *detect* writes boxes. *segment* writes one polygon for each object: its parts are joined by a seam
of no width between their nearest corners; an object without a polygon gets the four corners of its box, oriented or
upright. *pose* writes box and keypoints. *obb* writes four corners: those of an oriented box, else of a polygon that
has four, else of the rectangle of least area around its polygons or its mask, else of the box. None lies outside of the
image, or trainers would leave out the whole image (`geometry.oriented.corners_within`).

**Splits.** data.yaml names the splits that exist. Trainers that want ``val`` must be given one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import accumulate, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import UsageError
from bboxprep.findings import Finding
from bboxprep.formats.api import Labels, writes
from bboxprep.formats.yolo.config import NOT_SPLITS
from bboxprep.formats.yolo.darknet import DarknetFiles, check_dataset
from bboxprep.formats.yolo.options import YoloWriteOptions
from bboxprep.geometry.affine import Points, Size
from bboxprep.geometry.oriented import corners_within, oriented_corners
from bboxprep.geometry.shapes import clip_ring, one_ring
from bboxprep.io.atomic import write_text
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.flip_names import flip_order
from bboxprep.model.instances import Instances
from bboxprep.model.polygons import Rings
from bboxprep.model.sample import Sample
from bboxprep.model.shape_choice import corners_around
from bboxprep.model.splits import USUAL, order

Micros = NDArray[np.float64]  # whole millionths of the image

_ONE = 1_000_000
_DECIMAL = len(b" 0.000000")
_BLANK, _POINT, _ZERO = b" .0"
_THREE_DIGITS = np.frombuffer(b"".join([b"%03d" % number for number in range(1000)]), dtype=np.uint8).reshape(-1, 3)
_CARRIES = {
    "detect": frozenset({Column.BOXES}),
    "segment": frozenset({Column.BOXES, Column.POLYGONS}),
    "pose": frozenset({Column.BOXES, Column.KEYPOINTS}),
    "obb": frozenset({Column.BOXES, Column.ORIENTED}),
}
_CONFIG = "data.yaml"


@writes
def write(root: Path, dataset: Dataset, options: YoloWriteOptions) -> YoloWriter:
    """A writer of labels below `root`. Raises `UsageError` for splits or keypoints that it cannot write."""
    for split in dataset.splits:
        if split in NOT_SPLITS:
            raise UsageError(
                f"split: {split!r} has another meaning in a YOLO dataset and cannot be the name of a split"
            )
    if options.layout == "darknet":
        check_dataset(dataset)
    writer = YoloWriter(root, dataset, options)
    if options.task == "pose" and not writer.keypoints:
        raise UsageError("pose: no class of the source has keypoints")
    return writer


class _Changed(NamedTuple):
    """Which objects (N,) lose their shape: to the corners of their box (`boxed`), or of a rectangle (`fitted`); which
    are oriented boxes written as polygons (`unturned`).
    """

    boxed: NDArray[np.bool_]
    fitted: NDArray[np.bool_]
    unturned: NDArray[np.bool_]


class YoloWriter:
    """The writer (see `formats.api.Writer`)."""

    stage = ""

    def __init__(self, root: Path, dataset: Dataset, options: YoloWriteOptions) -> None:
        self._root = root
        self._categories = dataset.categories
        self._options = options
        self._splits: set[str] = set()
        self._darknet = DarknetFiles(dataset.splits) if options.layout == "darknet" else None
        self.keypoints = max((len(category.keypoints) for category in dataset.categories), default=0)

    @property
    def carries(self) -> frozenset[Column]:
        """The columns of the task."""
        return _CARRIES[self._options.task]

    def paths(self, split: str, name: str) -> tuple[str, ...]:
        """The places of image and label. A folder ``images`` inside `name` is renamed, or trainers would look for the
        label beside it.
        """
        *folders, file = name.split("/")
        written = "/".join([*map(_unlike_images, folders), file]) if folders else name
        image = self._options.image(split, written)
        return image, self._options.label(image)

    def encode(self, batch: Batch, images: Sequence[str]) -> list[Labels]:
        """The label files; none for an image that nobody has labelled."""
        shapes, changed = self._shapes(batch)
        lines = [b"%d%b\n" % row for row in zip(batch.instances.labels.tolist(), shapes, strict=True)]
        files = map(b"".join, batch.split(lines))
        label = partial(_labels, self._options)
        counts = [batch.totals(rows).tolist() for rows in changed]
        return list(map(label, batch, images, batch.counts.tolist(), files, zip(*counts, strict=True)))

    def collect(self, entry: tuple[str, str]) -> None:
        """Note the split of an image, and the image where a list names it."""
        split, image = entry
        self._splits.add(split)
        if self._darknet:
            self._darknet.add(split, image)

    @property
    def documents(self) -> tuple[str, ...]:
        """The class table, which names the splits too."""
        return self._darknet.documents if self._darknet else (_CONFIG,)

    def close(self) -> None:
        """Write data.yaml, or the files of darknet."""
        if self._darknet:
            self._darknet.write(self._root, self._categories.names)
            return
        write_text(self._root / _CONFIG, "".join(f"{line}\n" for line in self._yaml()))

    def _shapes(self, batch: Batch) -> tuple[list[bytes], _Changed]:
        """The rows of all objects without their class, and which of them lose their shape."""
        none = np.zeros(len(batch.instances), dtype=np.bool_)
        match self._options.task:
            case "detect":
                return _box_texts(batch), _Changed(none, none, none)
            case "pose":
                points = _keypoint_texts(batch, self.keypoints)
                return [box + own for box, own in zip(_box_texts(batch), points, strict=True)], _Changed(
                    none, none, none
                )
            case "segment":
                return self._polygons(batch)
            case "obb":
                return self._oriented_boxes(batch)

    def _polygons(self, batch: Batch) -> tuple[list[bytes], _Changed]:
        """The rows of all objects as polygons."""
        instances, sizes = batch.instances, batch.sizes[batch.owners]
        rings = list(map(one_ring, instances.polygons))
        unturned = _absent(rings) & instances.has(Column.ORIENTED)
        for row in np.flatnonzero(unturned).tolist():
            left = clip_ring(instances.oriented[row], Size(*sizes[row].tolist()))
            rings[row] = left if len(left) > 2 else None
        boxed = _absent(rings)
        return _outlines(batch, rings), _Changed(boxed, np.zeros_like(boxed), unturned & ~boxed)

    def _oriented_boxes(self, batch: Batch) -> tuple[list[bytes], _Changed]:
        """The rows of all objects as oriented boxes."""
        instances, none = batch.instances, np.zeros(len(batch.instances), dtype=np.bool_)
        sizes = [Size(*size) for size in batch.sizes[batch.owners].tolist()]
        rings = [_four_corners(instances, row, size) for row, size in enumerate(sizes)]
        boxed = _absent(rings) & (instances.has(Column.POLYGONS) | instances.has(Column.MASKS))
        same = instances.has(Column.ORIENTED) | np.array([_is_four(own) for own in instances.polygons], dtype=np.bool_)
        return _outlines(batch, rings), _Changed(boxed, ~(same | _absent(rings)), none)

    def _yaml(self) -> list[str]:
        lines = [f"path: {_quoted(self._options.yaml_path)}"] if self._options.yaml_path else []
        for split in sorted(self._splits, key=order):
            usual = split in USUAL
            key, place = (split, f"images/{split}") if usual else (_quoted(split), _quoted(f"images/{split}"))
            lines.append(f"{key}: {place}")
        lines.append(f"nc: {len(self._categories)}")
        lines.append("names:" if len(self._categories) else "names: {}")
        lines += [f"  {number}: {_quoted(name)}" for number, name in enumerate(self._categories.names)]
        return lines + (self._keypoint_yaml() if self._options.task == "pose" else [])

    def _keypoint_yaml(self) -> list[str]:
        lines = [f"kpt_shape: [{self.keypoints}, 3]"]
        if order := _common_flip(self._categories, self.keypoints):
            lines.append(f"flip_idx: [{', '.join(map(str, order))}]")
        lines.append("kpt_names:")
        for number, category in enumerate(self._categories):
            points = (*category.keypoints, *(f"kp{index}" for index in range(len(category.keypoints), self.keypoints)))
            lines.append(f"  {number}: [{', '.join(map(_quoted, points))}]")
        return lines


def _common_flip(categories: Categories, count: int) -> tuple[int, ...]:
    """The partner of each of `count` keypoints in a mirror, for every class that has keypoints; () where no class tells
    or two differ. Trainers that find none do not mirror, which harms nothing.
    """
    tail = tuple(range(count))
    orders = {flip_order(one) + tail[len(one.keypoints) :] for one in categories if one.keypoints}
    known = any(one.flip_idx for one in categories) or tail not in orders
    return next(iter(orders)) if known and len(orders) == 1 else ()


def _unlike_images(folder: str) -> str:
    return "images_" if folder == "images" else folder


def _labels(
    options: YoloWriteOptions, sample: Sample, image: str, count: int, rows: bytes, changed: tuple[int, int, int]
) -> Labels:
    """The label file of an image with `count` objects, of which so many are `changed` (see `_Changed`)."""
    boxed, fitted, unturned = changed
    entry = (sample.split, image if options.layout == "darknet" else "")
    if not sample.labelled and not count:
        return Labels(0, entry=entry)
    notes = [("column-dropped", f"{boxed} objects are written as the corners of their boxes")] if boxed else []
    if fitted:
        notes.append(("column-dropped", f"{fitted} outlines are written as the smallest rectangles around them"))
    if unturned:
        notes.append(("column-dropped", f"{unturned} oriented boxes are written as polygons"))
    if "images" in sample.name.parts[:-1]:
        notes.append(("name-changed", f"written as {image}"))
    findings = tuple([Finding(code, words, sample.relative_path, split=sample.split) for code, words in notes])
    return Labels(count, findings, ((options.label(image), rows),), entry)


def _scales(batch: Batch) -> NDArray[np.float64]:
    """Millionths to the pixel of each object's image, across and down: (N, 2)."""
    return (_ONE / batch.sizes)[batch.owners]


def _box_texts(batch: Batch) -> list[bytes]:
    """Centre and size of each box, rounded so that none leaves the image (see the module)."""
    edges = batch.instances.boxes * np.tile(_scales(batch), 2)
    low, high = edges[:, :2], edges[:, 2:]
    centre, size = np.rint((low + high) / 2.0), np.rint(high - low)
    centre = np.minimum(np.maximum(centre, 1), _ONE - 1)
    room = 2 * np.minimum(_ONE - centre, centre)
    size = np.minimum(np.maximum(size, 2), room)
    return _rows_of(_decimals(np.concatenate((centre, size), axis=1)))


def _micro_points(points: Points, scales: NDArray[np.float64]) -> Micros:
    """Points (..., 2) in millionths, none outside of the image."""
    return np.asarray(np.clip(np.rint(points * scales), 0, _ONE))


def _decimals(micros: Micros) -> NDArray[np.uint8]:
    """Whole millionths (..., C) from 0 to 1 as text of six digits, a blank before each: uint8 (..., 9 C)."""
    high, low = np.divmod(micros.astype(np.int64), 1000)
    one, high = np.divmod(high, 1000)
    texts = np.empty((*micros.shape, _DECIMAL), dtype=np.uint8)
    texts[..., 0], texts[..., 1], texts[..., 2] = _BLANK, _ZERO + one, _POINT
    texts[..., 3:6], texts[..., 6:9] = _THREE_DIGITS[high], _THREE_DIGITS[low]
    return texts.reshape(*micros.shape[:-1], _DECIMAL * micros.shape[-1])


def _rows_of(texts: NDArray[np.uint8]) -> list[bytes]:
    """Texts of one length, uint8 (N, L), one by one."""
    data, length = texts.tobytes(), texts.shape[1]
    return [data[start : start + length] for start in range(0, len(data), length)]


def _keypoint_texts(batch: Batch, count: int) -> list[bytes]:
    """The keypoints of each object, filled up to `count`; one that is not labelled is 0 0 0."""
    points = batch.instances.pad_keypoints(count)
    seen = points.visibility[:, :count, None]
    micros = _micro_points(points.keypoints[:, :count], _scales(batch)[:, None]) * (seen > 0)
    blank = np.full_like(seen, _BLANK)
    texts = np.concatenate((_decimals(micros), blank, _ZERO + seen), axis=2)
    return _rows_of(texts.reshape(len(texts), count * texts.shape[2]))


def _outlines(batch: Batch, found: Sequence[Points | None]) -> list[bytes]:
    """The polygon that was `found` for each object; where it is None, the corners of its box."""
    corners = batch.instances.boxes[:, [[0, 1], [2, 1], [2, 3], [0, 3]]]
    rings = [box if ring is None else ring for box, ring in zip(corners, found, strict=True)]
    counts = list(map(len, rings))
    points = np.concatenate([np.zeros((0, 2)), *rings])
    data = _decimals(_micro_points(points, np.repeat(_scales(batch), counts, axis=0))).tobytes()
    ends = accumulate([2 * _DECIMAL * count for count in counts], initial=0)
    return [data[start:end] for start, end in pairwise(ends)]


def _absent(found: Sequence[Points | None]) -> NDArray[np.bool_]:
    return np.array([ring is None for ring in found], dtype=np.bool_)


def _is_four(rings: Rings) -> bool:
    return len(rings) == 1 and len(rings[0]) == 4


def _four_corners(instances: Instances, row: int, size: Size) -> Points | None:
    """The corners of an object in an image of `size` as an oriented box; None where it has only an upright one."""
    corners, rings = instances.oriented[row], instances.polygons[row]
    if np.isfinite(corners).all():
        return corners_within(corners, size)
    if _is_four(rings):
        return rings[0]
    around = corners_around(instances, row)
    return None if around is None else oriented_corners(around, size)


def _quoted(text: str) -> str:
    """`text` in double quotes, with an escape for whatever YAML would read otherwise."""
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
