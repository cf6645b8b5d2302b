"""Reader and writer shared by WebDataset and Parquet, which store many images in one file (a shard).

A shard has a member for each image, named by its number in the split, ``00000007.jpg``, and one for its labels,
``00000007.json``::

    {"file_name": "IMG_2001.jpg", "width": 640, "height": 480,
     "objects": {"bbox": [[x, y, w, h]], "category": [0], "area": [600.0], "id": [1], "iscrowd": [0]}, "image_id": 1}

Boxes are in px, as COCO has them. `category` is a row of ``classes.json``. Hugging Face's ``datasets`` calls this an
object detection dataset. Trainers compute with all of it, so no value is null: an image without objects has empty
lists, and what the source does not say is given as COCO's writer gives it: the area of the shape, and for images and
objects the next free ids of their split, from 1 on. A null for `objects`, as others write it, is an unlabelled image.

During a run the members are files below `STAGE`, so that a killed run can go on. At its end they get their ids, are
packed in the order of the source, and removed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import numpy as np

from bboxprep.errors import AnnotationError, LayoutError
from bboxprep.findings import Finding
from bboxprep.formats.api import Labels, Probe
from bboxprep.formats.reading import probe_image
from bboxprep.formats.shard_labels import MAX_ID, ImageLabels, Member, ObjectLists, SplitMembers
from bboxprep.formats.shard_numbers import STAGE, ShardNumbers, true_name, usual_suffix
from bboxprep.formats.shard_options import CARRIES, ShardWriteOptions
from bboxprep.geometry.affine import Size
from bboxprep.geometry.decimals import lengths
from bboxprep.io import folder_listing, paths
from bboxprep.io.atomic import write_bytes
from bboxprep.io.remote import forget, is_stored, opened
from bboxprep.io.safe_names import safe_relative
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Instances
from bboxprep.model.lazy_samples import LazySamples
from bboxprep.model.sample import Sample
from bboxprep.model.shape_choice import object_areas
from bboxprep.model.splits import name_prefixes, split_of

CLASSES = "classes.json"
_MOST_BYTES = 1 << 26  # of the labels of an image
_SHARD = re.compile(r"(.+?)-[0-9]+(?:-of-[0-9]+)?")


Pack = Callable[[Path, Sequence[Member], Sequence[str]], None]
"""``pack(shard, members, classes)`` writes a shard of the images of `members` and of their labels."""


class ShardWriter:
    """The writer (see `formats.api.Writer`) of files that end on `suffix`, below `folder`, made by `pack`."""

    carries = CARRIES
    stage = STAGE

    def __init__(
        self, root: Path, dataset: Dataset, options: ShardWriteOptions, suffix: str, pack: Pack, folder: str = ""
    ) -> None:
        self._root, self._pack = root, pack
        self._classes = dataset.categories.names
        self._numbers = ShardNumbers(suffix, options.shard, folder)
        self._splits: dict[str, SplitMembers] = defaultdict(SplitMembers)

    def paths(self, split: str, name: str) -> tuple[str, ...]:
        """The next number of `split`, in a file as large as is wanted."""
        stem = self._numbers.next(split)
        return f"{stem}{usual_suffix(PurePosixPath(name))}", f"{stem}.json"

    def encode(self, batch: Batch, images: Sequence[str]) -> list[Labels]:
        """The labels as JSON, with the ids of the source, if any."""
        return list(map(_labels, batch, images, _objects(batch)))

    def collect(self, entry: tuple[str, str, int, list[int]]) -> None:
        """Note an image and the ids that its source gives."""
        split, image, image_id, ids = entry
        self._splits[split].add(image, image_id, ids)

    @property
    def documents(self) -> tuple[str, ...]:
        """All files, and the class table."""
        return (*self._numbers.shards, CLASSES)

    def close(self) -> None:
        """Pack what has been noted; write the class table."""
        for split in self._splits.values():
            for shard, members in split.shards(self._root / STAGE):
                self._pack(self._root / shard, members, self._classes)
        write_bytes(self._root / CLASSES, msgspec.json.encode(self._classes) + b"\n")


def _labels(sample: Sample, image: str, objects: ObjectLists) -> Labels:
    place, count = PurePosixPath(image), len(objects.bbox)
    image_id = sample.id if 0 < sample.id <= MAX_ID else 0
    record = ImageLabels(true_name(sample.name, place.suffix), *sample.size, objects, image_id)
    files = ((str(place.with_suffix(".json")), msgspec.json.encode(record)),)
    return Labels(count, files=files, entry=(sample.split, image, image_id, objects.id))


def _objects(batch: Batch) -> list[ObjectLists]:
    """The objects of each image."""
    instances = batch.instances
    low, high = instances.boxes[:, :2], instances.boxes[:, 2:]
    extents = lengths(low.ravel(), high.ravel()).reshape(-1, 2)
    boxes = list(map(tuple, np.concatenate((low, extents), axis=1).tolist()))
    areas, ids = object_areas(instances), np.where((instances.ids > 0) & (instances.ids <= MAX_ID), instances.ids, 0)
    columns = boxes, instances.labels.tolist(), areas, ids.tolist(), instances.crowd.astype(int).tolist()
    return list(map(ObjectLists, *map(batch.split, columns)))


class _Item(msgspec.Struct, frozen=True):
    """An image in a shard, its name with `prefix`."""

    split: str
    path: Path
    prefix: str = ""

    @property
    def label(self) -> Path:
        """The member with its labels."""
        return self.path.with_suffix(".json")


def sniff(root: Path, suffix: str, fits: Callable[[Path], bool]) -> str:
    """Why `root` looks like a dataset in files that end on `suffix` and are as `fits` says, or ""."""
    found = next(iter(shards_of(root, suffix)), None) if root.is_dir() else None
    return f"{found[1].name} holds images and labels" if found and fits(found[1]) else ""


def shards_of(root: Path, suffix: str) -> list[tuple[str, Path]]:
    """The files below `root` that end on `suffix`, each with the name of its split, by name; no links out of `root`."""
    allowed = paths.AllowedFolders(root)
    return [(split, path) for split, path in _called_shards(root, suffix) if allowed.holds(path)]


def _called_shards(root: Path, suffix: str) -> list[tuple[str, Path]]:
    own = (root / "data").is_dir() and paths.resolved(root / "data") != paths.resolved(root)  # no link to itself
    folders = [root, *([root / "data"] if own else [])]
    found = []
    for folder in folders:
        names = folder_listing.names_by_suffix(folder).get(suffix, ())
        found += [(named[1], folder / name) for name in names if (named := _SHARD.fullmatch(name[: -len(suffix)]))]
    return found


def read(root: Path, probe: Probe, suffix: str, title: str) -> Dataset:
    """The dataset in the files below the folder `root` that end on `suffix`. Raises `LayoutError`, `AnnotationError`,
    and `StorageError` for a file that is none of its kind.
    """
    forget()
    shards = shards_of(root, suffix) if root.is_dir() else []
    if not shards:
        raise LayoutError(root, "", f"no {title} here (want <split>-<number>{suffix})")
    if is_stored(root) and root.is_packed:
        name = shards[0][1].name
        raise LayoutError(root, "", f"{name} is an archive in an archive, which is not read; unpack the outer one")
    prefix = name_prefixes(name for name, _ in shards)
    shards.sort(key=lambda shard: (split_of(shard[0]), prefix[shard[0]]))
    items = [_Item(split_of(name), path, prefix[name]) for name, shard in shards for path in _pictures(opened(shard))]
    loader = _Loader(root, probe, _classes(root, shards))
    strayed = {path for _, path in _called_shards(root, suffix)} - {path for _, path in shards}
    links = (Finding("image-refused", paths.LINK_OUT, paths.relative_path(path, root)) for path in sorted(strayed))
    orphans = (finding for name, shard in shards for finding in loader.orphans(opened(shard), split_of(name)))
    return Dataset(
        root=root,
        format=title,
        categories=Categories.from_names(loader.classes),
        samples=LazySamples.each(items, loader),
        splits=tuple(dict.fromkeys(split_of(name) for name, _ in shards)),
        findings=(*links, *orphans),
    )


def _pictures(shard: Path) -> list[Path]:
    return [shard / name for name in _members(shard) if paths.suffix_of(name).lower() in paths.IMAGE_SUFFIXES]


def _members(shard: Path) -> list[str]:
    return sorted(entry.name for entry in folder_listing.scan(shard))


def _classes(root: Path, shards: Sequence[tuple[str, Path]]) -> tuple[str, ...]:
    for path in (root / CLASSES, opened(shards[0][1]) / CLASSES):
        if path.is_file() and (is_stored(path) or paths.AllowedFolders(root).holds(path)):
            try:
                return msgspec.json.decode(paths.read_bytes(path, _MOST_BYTES), type=tuple[str, ...])
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise AnnotationError(path, "", f"is no list of names ({error})") from error
    raise AnnotationError(root / CLASSES, "", "is missing, want the names of the classes")


class _Loader(msgspec.Struct, frozen=True):
    """Makes samples of items; plain data, so that worker processes can have it."""

    root: Path
    probe: Probe
    classes: tuple[str, ...]

    def __call__(self, item: _Item) -> Sample:
        record, findings = self._read_labels(item)
        own = safe_relative((record.file_name or "").replace("\\", "/")) or item.path.name
        name = PurePosixPath(item.prefix + own)
        declared = Size(record.width, record.height) if record.width and record.height else None
        header, seen = probe_image(self.probe, item.path, self.root, item.split, declared)
        instances, wrong = self._instances(record.objects, item)
        return Sample(
            name=name,
            path=item.path,
            header=header,
            instances=instances,
            split=item.split,
            declared=declared,
            findings=(*seen, *findings, *wrong),
            source_count=len(record.objects.bbox) if record.objects else 0,
            labelled=record.objects is not None,
            id=record.image_id or 0,
        )

    def orphans(self, shard: Path, split: str) -> Iterator[Finding]:
        """A finding for each label member of `shard` that has no picture."""
        keys = {paths.stem_of(path.name) for path in _pictures(shard)}
        for name in _members(shard):
            if paths.suffix_of(name) == ".json" and name != CLASSES and paths.stem_of(name) not in keys:
                record, findings = self._read_labels(_Item(split, shard / name))
                count = len(record.objects.bbox) if record.objects else 0
                label = paths.relative_path(shard / name, self.root)
                yield from findings
                yield Finding("label-orphan", "no picture of its name", label, objects=count, split=split)

    def _read_labels(self, item: _Item) -> tuple[ImageLabels, tuple[Finding, ...]]:
        if not item.label.is_file():
            return ImageLabels(), ()
        try:
            return msgspec.json.decode(paths.read_bytes(item.label, _MOST_BYTES), type=ImageLabels), ()
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return ImageLabels(), (self._fault(f"its labels are not as they should be ({error})", item),)

    def _instances(self, objects: ObjectLists | None, item: _Item) -> tuple[Instances, tuple[Finding, ...]]:
        """The objects that can be used, and findings on the others."""
        if objects is None:
            return Instances.of(), ()
        count = len(objects.bbox)
        lists: tuple[Sequence[Any], ...] = (
            objects.category, objects.area or [None] * count, objects.id or [0] * count, objects.iscrowd or [0] * count,
        )  # fmt: skip
        if any(len(values) != count for values in lists):
            return Instances.of(), (self._fault("its lists of objects differ in length", item, count),)
        category, areas, ids, crowd = lists
        labels = np.array(category, dtype=np.int64)
        known = (labels >= 0) & (labels < len(self.classes))
        boxes = np.array(objects.bbox, dtype=np.float64).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        whole = Instances.of(
            boxes,
            np.where(known, labels, 0),
            areas=[np.nan if area is None else area for area in areas],
            ids=[number or 0 for number in ids],
            crowd=[bool(one) for one in crowd],
        )
        unknown = int((~known).sum())
        words = f"objects have a class that is none of the {len(self.classes)} of {CLASSES} ({unknown})"
        return whole.select(known), (self._fault(words, item, unknown),) if unknown else ()

    def _fault(self, words: str, item: _Item, objects: int = 0) -> Finding:
        label = paths.relative_path(item.label, self.root)
        return Finding("record-unreadable", words, label, split=item.split, objects=objects)
