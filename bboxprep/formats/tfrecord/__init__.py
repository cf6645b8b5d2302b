"""TFRecord, as the object detection API of TensorFlow has it. `reader` and `writer` describe its conventions."""

from __future__ import annotations

from bboxprep.formats.api import Format, Step, deferred
from bboxprep.formats.shard_options import ShardWriteOptions
from bboxprep.formats.tfrecord.fields import CARRIES, LAYOUT

FORMAT = Format(
    title="TFRecord",
    layout=LAYOUT,
    sniff=deferred(f"{__name__}.files", "sniff"),
    read=deferred(f"{__name__}.reader", "read"),
    write=deferred(f"{__name__}.writer", "write"),
    carries=CARRIES,
    step=lambda _: Step(fraction=2.0**-24),  # float32
    write_options=ShardWriteOptions,
    category_fields=frozenset({"keypoints"}),
    traps=(
        ("fractions stand as ymin, xmin, ymax, xmax, in float32", "TensorFlow models, tf_example_decoder.py"),
        (
            "classes are counted from 1; VoTT counts some of them from 0",
            "TensorFlow models, label_map_util; VoTT, tfrecord export",
        ),
    ),
)
