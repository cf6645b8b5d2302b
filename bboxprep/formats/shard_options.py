"""What formats of many images in few files declare: the columns they hold, the options of their writers."""

from __future__ import annotations

from dataclasses import dataclass, field

from bboxprep.errors import UsageError
from bboxprep.model.columns import Column

CARRIES = frozenset({Column.BOXES, Column.CROWD, Column.AREAS, Column.IDS})


@dataclass(frozen=True)
class ShardWriteOptions:
    """How many pictures a file has."""

    shard: int = field(
        default=1000, metadata={"flag": "--shard", "help": "pictures in each file of webdataset or parquet"}
    )

    def __post_init__(self) -> None:
        if self.shard < 1:
            raise UsageError(f"`shard`: have {self.shard}, want at least 1")
