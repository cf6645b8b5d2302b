"""Parquet, laid out as Hugging Face's `datasets` lays out object detection. `table` keeps its conventions."""

from __future__ import annotations

from bboxprep.formats.api import Format, deferred
from bboxprep.formats.shard_options import CARRIES, ShardWriteOptions

FORMAT = Format(
    title="Parquet",
    layout="data/<split>-<number>.parquet with the columns image and objects",
    step="none: shortest decimals that read back as they were",
    carries=CARRIES,
    sniff=deferred(f"{__name__}.table", "sniff"),
    read=deferred(f"{__name__}.table", "read"),
    write=deferred(f"{__name__}.table", "write"),
    write_options=ShardWriteOptions,
)
