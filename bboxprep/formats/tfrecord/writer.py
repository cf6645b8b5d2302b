"""Writes TFRecord: ``<split>-00000.tfrecord`` with `--shard` images each, and ``label_map.pbtxt``; TensorFlow is not
needed.

Each record has the keys of the object detection API: the image, its format, name, size and SHA-256, the corners of its
objects as fractions (float32), their names and numbers (from 1 on), ``is_crowd``, ``area``, and where any object has
them masks, keypoints, track ids, ``difficult``, ``truncated`` and ``group_of``. All attributes stand under
``image/object/attribute/``. Equal images and labels make equal bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from bboxprep.errors import UsageError
from bboxprep.formats.api import Labels, writes
from bboxprep.formats.shard_numbers import STAGE, ShardNumbers, true_name, usual_suffix
from bboxprep.formats.shard_options import ShardWriteOptions
from bboxprep.formats.text_values import encode_value
from bboxprep.formats.tfrecord import fields
from bboxprep.formats.tfrecord.objects import EMPTY_TEXT
from bboxprep.geometry.affine import Size
from bboxprep.io import atomic, hashing, png
from bboxprep.io.tf_messages import BadMessageError, LabelMapItem, Values, parse_example, write_example, write_label_map
from bboxprep.io.tfrecord_files import FEATURES, IMAGE, LABELS, NUMBER, SHA256, TEXTS, framed, require_packages
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample
from bboxprep.model.shape_choice import object_areas

_MOST_ID = 2**31 - 1
_FORMATS = {".jpg": "jpeg"}  # of a suffix that is not the name itself


@writes
def write(root: Path, dataset: Dataset, options: ShardWriteOptions) -> TfRecordWriter:
    """A writer of TFRecord files below `root`. Raises `UsageError` where a package is not installed."""
    require_packages()
    return TfRecordWriter(root, dataset, options)


class TfRecordWriter:
    """Makes the features of each image; packs them with the images, and writes the label map, when it is closed."""

    carries = fields.CARRIES
    stage = STAGE

    def __init__(self, root: Path, dataset: Dataset, options: ShardWriteOptions) -> None:
        self._root, self._categories = root, dataset.categories
        self._ids = _ids(dataset.categories)
        self._numbers = ShardNumbers(".tfrecord", options.shard)
        self._shards: dict[str, list[str]] = {}

    def paths(self, split: str, name: str) -> tuple[str, ...]:
        """The next number of `split`, in a file as large as is wanted."""
        stem = self._numbers.next(split)
        return f"{stem}{usual_suffix(PurePosixPath(name))}", f"{stem}{FEATURES}"

    def encode(self, batch: Batch, images: Sequence[str]) -> list[Labels]:
        """The features of each image but for the image itself. Raises `UsageError` for what no record can hold."""
        return list(map(self._labels, batch, images))

    def collect(self, entry: str) -> None:
        """Note an image."""
        self._shards.setdefault(entry.rpartition("/")[0], []).append(entry)

    @property
    def documents(self) -> tuple[str, ...]:
        """All files, and the label map."""
        return (*self._numbers.shards, fields.LABEL_MAP)

    def close(self) -> None:
        """Pack what has been noted; write the label map."""
        for shard, images in self._shards.items():
            with atomic.AtomicWriter(self._root / shard) as file:
                for image in images:
                    file.write(*framed(_record(self._root / STAGE / image)))
        items = [
            LabelMapItem(category.name, number, keypoints=category.keypoints)
            for category, number in zip(self._categories, self._ids, strict=True)
        ]
        atomic.write_text(self._root / fields.LABEL_MAP, write_label_map(items))

    def _labels(self, sample: Sample, image: str) -> Labels:
        objects, place = sample.instances, PurePosixPath(image)
        name = true_name(sample.name, place.suffix).encode("utf-8", "backslashreplace")
        features: dict[str, Values] = {
            fields.FILE_NAME: [name],
            fields.SOURCE_ID: [name],
            fields.FORMAT_NAME: [_FORMATS.get(place.suffix, place.suffix[1:]).encode()],
            fields.WIDTH: [sample.size.width],
            fields.HEIGHT: [sample.size.height],
            TEXTS: [self._categories[label].name.encode("utf-8", "backslashreplace") for label in objects.labels],
            LABELS: [self._ids[label] for label in objects.labels],
            **_features(objects, sample.size),
        }
        try:
            data = write_example(features)
        except BadMessageError as error:
            raise UsageError(f"{image}: {error}") from error
        return Labels(len(objects), files=((str(place.with_suffix(FEATURES)), data),), entry=image)


def _ids(categories: Categories) -> tuple[int, ...]:
    """The numbers of the classes: those of the source where they ascend from 1 on, so that the order is kept."""
    ids = categories.ids
    ascend = all(low < high for low, high in zip((0, *ids), ids, strict=False)) and all(one <= _MOST_ID for one in ids)
    return ids if ascend else tuple(range(1, len(categories) + 1))


def _record(image: Path) -> bytes:
    """The record of the staged `image` and of its features beside it."""
    data = image.read_bytes()
    features = parse_example(image.with_suffix(FEATURES).read_bytes())
    own: dict[str, Values] = {IMAGE: [data], SHA256: [hashing.bytes_sha256(data).encode()], NUMBER: [int(image.stem)]}
    return write_example({**features, **own})


def _features(objects: Instances, size: Size) -> dict[str, Values]:
    """The lists of all `objects` of an image of `size` but for their classes."""
    corners = _fractions(objects, size)
    made: dict[str, Values] = {name: corners[:, side].tolist() for side, name in enumerate(fields.CORNERS)}
    made[fields.CROWD] = objects.crowd.astype(int).tolist()
    made[fields.AREA] = np.array(object_areas(objects), dtype=np.float32).tolist()
    if objects.has(Column.TRACKS).any():
        made[fields.TRACK] = objects.tracks.tolist()
    if objects.has(Column.MASKS).any():
        none = np.zeros((size.height, size.width), dtype=np.uint8)
        pixels = (none if mask is None else mask.mask().astype(np.uint8) for mask in objects.masks)
        made[fields.MASK] = list(map(png.write_png, pixels))
    if objects.has(Column.KEYPOINTS).any():
        points = (objects.keypoints / np.array(size)).astype(np.float32)
        made[fields.KEYPOINT_X], made[fields.KEYPOINT_Y] = (
            points[:, :, 0].ravel().tolist(),
            points[:, :, 1].ravel().tolist(),
        )
        made[fields.VISIBILITY] = objects.visibility.ravel().astype(int).tolist()
    return made | _attributes(objects.attributes)


def _fractions(objects: Instances, size: Size) -> Any:
    """The corners of `objects` as fractions of `size`, float32 (N, 4): no box loses its width or height."""
    corners = (objects.boxes / np.tile(np.array(size), 2)).astype(np.float32)
    low, high = corners[:, :2], corners[:, 2:]
    flat = high <= low
    high[flat] = np.minimum(np.nextafter(low[flat], np.float32(2)), np.float32(1))
    low[flat & (high <= low)] = np.nextafter(np.float32(1), np.float32(0))
    return corners


def _attributes(attributes: Sequence[Mapping[str, Any]]) -> dict[str, Values]:
    """The lists of all `attributes`: each as text, and those that trainers know as whole numbers too."""
    made: dict[str, Values] = {}
    for name in sorted({name for own in attributes for name in own}):
        texts = [_text(own[name]) if name in own else "" for own in attributes]
        made[f"{fields.ATTRIBUTE}{name}"] = [text.encode("utf-8", "backslashreplace") for text in texts]
        if name in fields.FLAGS and all(own.get(name, 0) in (0, 1) for own in attributes):
            made[f"{fields.OBJECT}{name}"] = [int(own.get(name, 0)) for own in attributes]
    return made


def _text(value: Any) -> str:
    return EMPTY_TEXT if value == "" else encode_value(value)
