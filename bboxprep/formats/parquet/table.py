"""Parquet files as `datasets.load_dataset` reads them: it decodes the image, and names the category.

The schema says so in the metadata `huggingface`, as that library writes it. Pyarrow writes the same bytes for the same
rows, and its version beside them. ``pip install 'bboxprep[shards]'`` brings it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from bboxprep.errors import MissingPackageError
from bboxprep.formats import shards
from bboxprep.formats.api import MapEngine, Probe, ReadOptions, reads, writes
from bboxprep.formats.shard_labels import Member
from bboxprep.formats.shard_options import ShardWriteOptions
from bboxprep.formats.shards import ShardWriter
from bboxprep.io.atomic import AtomicWriter, as_target_error
from bboxprep.model.dataset import Dataset

_SUFFIX = ".parquet"
_GROUP = 100  # rows that a reader takes at once


def sniff(root: Path) -> str:
    """Why `root` looks like Parquet files of images, or ""."""
    return shards.sniff(root, _SUFFIX, lambda path: path.is_file())


@reads
def read(root: Path, probe: Probe, options: ReadOptions, spread: MapEngine = map) -> Dataset:  # noqa: ARG001
    """The dataset in the Parquet files below `root`. Raises as `shards.read` does."""
    return shards.read(root, probe, _SUFFIX, "parquet")


@writes
def write(root: Path, dataset: Dataset, options: ShardWriteOptions) -> ShardWriter:
    """A writer of Parquet files below `root`. Raises `UsageError` where pyarrow is not installed."""
    _arrow()
    return ShardWriter(root, dataset, options, _SUFFIX, pack, "data/")


def pack(shard: Path, members: Sequence[Member], classes: Sequence[str]) -> None:
    """Write the Parquet file `shard` of the images and labels of `members`. Raises `TargetError`."""
    arrow, parquet = _arrow()
    schema = _schema(arrow, classes)
    with AtomicWriter(shard) as file, as_target_error(shard), parquet.ParquetWriter(file.stream, schema) as writer:
        for start in range(0, len(members), _GROUP):
            rows = list(map(_row, members[start : start + _GROUP]))
            writer.write_table(arrow.Table.from_pylist(rows, schema=schema), row_group_size=_GROUP)


def _row(member: Member) -> dict[str, Any]:
    record: dict[str, Any] = msgspec.json.decode(member.labels())
    image = {"bytes": member.image.read_bytes(), "path": member.image.name}
    return {"image": image, **record}


def _schema(arrow: Any, classes: Sequence[str]) -> Any:
    whole, real = arrow.int64(), arrow.float64()
    objects = arrow.struct(
        [
            ("bbox", arrow.list_(arrow.list_(real, 4))), ("category", arrow.list_(whole)), ("area", arrow.list_(real)),
            ("id", arrow.list_(whole)), ("iscrowd", arrow.list_(whole)),
        ]
    )  # fmt: skip
    columns = [
        ("image_id", whole), ("image", arrow.struct([("bytes", arrow.binary()), ("path", arrow.string())])),
        ("file_name", arrow.string()), ("width", whole), ("height", whole), ("objects", objects),
    ]  # fmt: skip
    features = {
        "image_id": _value("int64"), "image": {"_type": "Image"}, "file_name": _value("string"),
        "width": _value("int64"), "height": _value("int64"),
        "objects": {
            "bbox": _list({**_list(_value("float64")), "length": 4}), "category": _list(_label(classes)),
            "area": _list(_value("float64")), "id": _list(_value("int64")), "iscrowd": _list(_value("int64")),
        },
    }  # fmt: skip
    metadata = {"huggingface": msgspec.json.encode({"info": {"features": features}})}
    return arrow.schema(columns, metadata=metadata)


def _value(kind: str) -> dict[str, Any]:
    return {"dtype": kind, "_type": "Value"}


def _label(classes: Sequence[str]) -> dict[str, Any]:
    return {"names": list(classes), "_type": "ClassLabel"}


def _list(feature: dict[str, Any]) -> dict[str, Any]:
    return {"feature": feature, "_type": "Sequence"}  # what `datasets` before 4 knows too


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        words = "pyarrow is not installed; pip install 'bboxprep[shards]' brings it"
        raise MissingPackageError(f"parquet: {words}") from error
    return pyarrow, parquet
