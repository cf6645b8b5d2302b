"""SageMaker Ground Truth: the output manifest of labelling jobs. It is only read; `reader` says what it means."""

from __future__ import annotations

from bboxprep.formats.api import Format, deferred, no_step, only_read
from bboxprep.formats.sagemaker.layout import CARRIES, LAYOUT, SageMakerReadOptions

__all__ = ["FORMAT", "SageMakerReadOptions"]

FORMAT = Format(
    title="SageMaker Ground Truth",
    layout=LAYOUT,
    sniff=deferred(f"{__name__}.layout", "sniff"),
    root_evidence=deferred(f"{__name__}.layout", "root_evidence"),
    label_file=deferred(f"{__name__}.layout", "label_file"),
    label_place="in a .manifest or .jsonl beside the images",
    read=deferred(f"{__name__}.reader", "read"),
    write=only_read,
    carries=CARRIES,
    step=no_step,
    read_options=SageMakerReadOptions,
    has_class_table=False,
    traps=(
        ("each line has a class map of its own, so that a number may mean two classes", "AWS, sample_output.manifest"),
        ("the name of the label attribute is that of the job; chained jobs have several", "Ground Truth, output data"),
        ("a line whose job failed has no objects and is not labelled", "Ground Truth, failure-reason"),
        ("the confidence is 0 where one person labelled", "Ground Truth, output data"),
    ),
)
