"""WebDataset: tar files of images and their labels side by side. `tar` describes its conventions.

There is no column for oriented boxes: we know of none that programs agree on. Their upright boxes are written, which is
counted (`column-dropped`), and the sidecar keeps the corners.
"""

from __future__ import annotations

from bboxprep.formats.api import Format, Step, deferred
from bboxprep.formats.shard_options import CARRIES, ShardWriteOptions

FORMAT = Format(
    title="WebDataset",
    layout="<split>-<number>.tar with <key>.jpg and <key>.json, and classes.json",
    sniff=deferred(f"{__name__}.tar", "sniff"),
    read=deferred(f"{__name__}.tar", "read"),
    write=deferred(f"{__name__}.tar", "write"),
    carries=CARRIES,
    step=lambda _: Step(),  # shortest decimals that read back as they were
    write_options=ShardWriteOptions,
    first_class=0,
    mixes_images=False,  # the suffix of a member is the name of its column in a sample
    traps=(
        ("readers take the columns of the first sample: a .png among .jpg gets lost", "datasets, webdataset builder"),
    ),
)
