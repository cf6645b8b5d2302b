"""Writes YOLO labels in the layout ``images/<split>/…``, ``labels/<split>/…``, ``data.yaml``.

**Numbers** have six digits. They are rounded as whole millionths, the size after the centre, and never to more than
twice the way from the centre to the edge: centre -+ size/2 stays within 0 and 1, also for a reader that computes in
float32. Rounding each number by itself breaks that for one box in five at an edge, whatever the number of digits. An
edge is off by at most 1e-6 of the image; that of a box thinner than 2e-6 by twice as much.

**One shape a row.** *detect* writes boxes. *segment* writes one polygon for each object: its parts are joined by a seam
of no width between their nearest corners; an object without a polygon gets the four corners of its box. *pose* writes
box and keypoints. *obb* writes four corners: those of a polygon that has four, else those of the box.

**Splits.** data.yaml names the splits that exist. Trainers that want ``val`` must be given one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import UsageError
from bboxprep.findings import Finding
from bboxprep.formats.api import Labels, writes
from bboxprep.formats.yolo.config import NOT_SPLITS
from bboxprep.formats.yolo.options import YoloWriteOptions
from bboxprep.geometry.affine import Points, Size
from bboxprep.io.atomic import write_text
from bboxprep.model.categories import Categories
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.flip_names import flip_order
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample
from bboxprep.model.splits import USUAL, order

Micros = NDArray[np.float64]  # whole millionths of the image

_ONE = 1_000_000
_FOUR = "%.6f %.6f %.6f %.6f"
_CARRIES = {
    "detect": frozenset({Column.BOXES}),
    "segment": frozenset({Column.BOXES, Column.POLYGONS}),
    "pose": frozenset({Column.BOXES, Column.KEYPOINTS}),
    "obb": frozenset({Column.BOXES, Column.POLYGONS}),
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
    writer = YoloWriter(root, dataset, options)
    if options.task == "pose" and not writer.keypoints:
        raise UsageError("pose: no class of the source has keypoints")
    return writer


class YoloWriter:
    """The writer (see `formats.api.Writer`)."""

    stage = ""

    def __init__(self, root: Path, dataset: Dataset, options: YoloWriteOptions) -> None:
        self._root = root
        self._categories = dataset.categories
        self._options = options
        self._splits: set[str] = set()
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
        image = f"images/{split}/{'/'.join([*map(_unlike_images, folders), file]) if folders else name}"
        return image, _label_path(image)

    def encode(self, sample: Sample, image: str) -> Labels:
        """The label file; none for an image that nobody has labelled."""
        count = len(sample.instances)
        if not sample.labelled and not count:
            return Labels(0, entry=sample.split)
        shapes, boxed = self._rows(sample.instances, sample.size)
        labels = sample.instances.labels.tolist()
        lines = [f"{label} {shape}\n" for label, shape in zip(labels, shapes, strict=True)]
        notes = [] if not boxed else [("column-dropped", f"{boxed} objects are written as the corners of their boxes")]
        if "images" in str(sample.name).split("/")[:-1]:
            notes.append(("name-changed", f"written as {image}"))
        findings = tuple(Finding(code, words, sample.relative_path, split=sample.split) for code, words in notes)
        return Labels(count, findings, ((_label_path(image), "".join(lines).encode()),), sample.split)

    def collect(self, entry: str) -> None:
        """Note the split of an image."""
        self._splits.add(entry)

    @property
    def documents(self) -> tuple[str, ...]:
        """The class table, which names the splits too."""
        return (_CONFIG,)

    def close(self) -> None:
        """Write data.yaml."""
        write_text(self._root / _CONFIG, "".join(f"{line}\n" for line in self._yaml()))

    def _rows(self, instances: Instances, size: Size) -> tuple[list[str], int]:
        """The rows without their class, and how many objects had to be written as the corners of their boxes."""
        match self._options.task:
            case "detect":
                return _box_texts(instances, size), 0
            case "pose":
                points = _keypoint_texts(instances, size, self.keypoints)
                return [f"{box} {own}" for box, own in zip(_box_texts(instances, size), points, strict=True)], 0
            case "segment":
                return _outlines(instances, size, _one_ring, instances.has(Column.BOXES))
            case "obb":
                meant = instances.has(Column.POLYGONS) | instances.has(Column.MASKS)
                return _outlines(instances, size, _four_corners, meant)

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


def _label_path(image: str) -> str:
    return f"labels{image[len('images') : image.rindex('.')]}.txt"


def _box_texts(instances: Instances, size: Size) -> list[str]:
    """Centre and size of each box, rounded so that none leaves the image (see the module)."""
    across, down = _ONE / size.width, _ONE / size.height
    texts = []
    for x0, y0, x1, y1 in instances.boxes.tolist():  # one by one: for the few of an image arrays take longer
        x, width = _micro_span(x0 * across, x1 * across)
        y, height = _micro_span(y0 * down, y1 * down)
        texts.append(_FOUR % (x / _ONE, y / _ONE, width / _ONE, height / _ONE))
    return texts


def _micro_span(low: float, high: float) -> tuple[int, int]:
    """Centre and size of a stretch of one axis, all in millionths; it does not leave the image."""
    centre, size = round((low + high) / 2.0), round(high - low)
    if not 0 < centre < _ONE:
        centre = min(max(centre, 1), _ONE - 1)
    room = 2 * (min(_ONE - centre, centre))
    return centre, size if 2 <= size <= room else min(max(size, 2), room)


def _micro_points(points: Points, size: Size) -> Micros:
    """Points (..., 2) in millionths, none outside of the image."""
    scaled = np.rint(points * (_ONE / np.array(size, dtype=np.float64)))
    return np.asarray(np.clip(scaled, 0, _ONE))


def _texts(micros: Micros) -> list[str]:
    written = " ".join(["%.6f"] * micros.shape[1])
    return [written % tuple(row) for row in (micros / _ONE).tolist()]


def _keypoint_texts(instances: Instances, size: Size, count: int) -> list[str]:
    """The keypoints of each object, filled up to `count`; one that is not labelled is 0 0 0."""
    points = _micro_points(instances.keypoints, size) * (instances.visibility > 0)[..., None]
    texts = []
    for places, seen in zip(points.tolist(), instances.visibility.tolist(), strict=True):
        own = [f"{x / _ONE:.6f} {y / _ONE:.6f} {flag}" for (x, y), flag in zip(places, seen, strict=True)]
        texts.append(" ".join((own + ["0.000000 0.000000 0"] * count)[:count]))
    return texts


def _outlines(
    instances: Instances, size: Size, outline: Callable[[Sequence[Points]], Points | None], meant: NDArray[np.bool_]
) -> tuple[list[str], int]:
    """A polygon for each object, and how many of those that are `meant` to have one got the corners of their box."""
    texts, boxed = [], 0
    for box, rings, mean in zip(instances.boxes, instances.polygons, meant.tolist(), strict=True):
        ring = outline(rings)
        boxed += ring is None and mean
        points = box[[[0, 1], [2, 1], [2, 3], [0, 3]]] if ring is None else ring
        texts += _texts(_micro_points(points, size).reshape(1, -1))
    return texts, boxed


def _four_corners(rings: Sequence[Points]) -> Points | None:
    return rings[0] if len(rings) == 1 and len(rings[0]) == 4 else None


def _one_ring(rings: Sequence[Points]) -> Points | None:
    """The parts of an object as one ring: each next part is visited from the nearest corner of what stands so far."""
    parts = [ring for ring in rings if len(ring) >= 3]
    if not parts:
        return None
    joined = parts[0]
    for part in parts[1:]:
        here, there = _nearest(joined, part)
        visit = np.concatenate((part[there:], part[: there + 1]))
        joined = np.concatenate((joined[: here + 1], visit, joined[here:]))
    return joined


def _nearest(one: Points, other: Points) -> tuple[int, int]:
    """The rows of the two corners that lie nearest to each other."""
    best = (np.inf, 0, 0)
    for there, corner in enumerate(other):
        distances = ((one - corner) ** 2).sum(axis=1)
        here = int(distances.argmin())
        best = min(best, (float(distances[here]), here, there))
    return best[1], best[2]


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
