"""Columns and options of the formats that store many images in one file (WebDataset, Parquet, TFRecord)."""

from __future__ import annotations

from dataclasses import dataclass, field

from bboxprep.errors import UsageError
from bboxprep.model.columns import Column

CARRIES = frozenset({Column.BOXES, Column.CROWD, Column.AREAS, Column.IDS})


@dataclass(frozen=True)
class ShardWriteOptions:
    """The number of images in a file."""

    shard: int = field(
        default=1000, metadata={"flag": "--shard", "help": "images in each file of webdataset, parquet or tfrecord"}
    )

    def __post_init__(self) -> None:
        if self.shard < 1:
            raise UsageError(f"`shard`: have {self.shard}, want at least 1")
