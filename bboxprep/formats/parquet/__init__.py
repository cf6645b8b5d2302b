"""Parquet, laid out as the `datasets` of Hugging Face lay out object detection. `table` describes its conventions.

There is no column for oriented boxes: we know of none that programs agree on. Their upright boxes are written, which is
counted (`column-dropped`), and the sidecar keeps the corners.
"""

from __future__ import annotations

from bboxprep.formats.api import Format, Step, deferred
from bboxprep.formats.shard_options import CARRIES, ShardWriteOptions

FORMAT = Format(
    title="Parquet",
    layout="data/<split>-<number>.parquet with the columns image and objects",
    sniff=deferred(f"{__name__}.table", "sniff"),
    read=deferred(f"{__name__}.table", "read"),
    write=deferred(f"{__name__}.table", "write"),
    carries=CARRIES,
    step=lambda _: Step(),  # shortest decimals that read back as they were
    write_options=ShardWriteOptions,
    first_class=0,
    traps=(("a null list of objects stops every detection script", "transformers, run_object_detection.py"),),
)
