"""WebDataset: tar files of pictures and their labels side by side. `tar` keeps its conventions."""

from __future__ import annotations

from bboxprep.formats.api import Format, deferred
from bboxprep.formats.shard_options import CARRIES, ShardWriteOptions

FORMAT = Format(
    title="WebDataset",
    layout="<split>-<number>.tar with <key>.jpg and <key>.json, and classes.json",
    step="none: shortest decimals that read back as they were",
    carries=CARRIES,
    sniff=deferred(f"{__name__}.tar", "sniff"),
    read=deferred(f"{__name__}.tar", "read"),
    write=deferred(f"{__name__}.tar", "write"),
    write_options=ShardWriteOptions,
)
