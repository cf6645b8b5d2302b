"""What a run does with the labels of one image."""

from __future__ import annotations

from pathlib import Path

from bboxprep.findings import Finding
from bboxprep.formats.api import Writer
from bboxprep.io.atomic import write_bytes
from bboxprep.model.batch import Batch
from bboxprep.model.sample import Sample


def file_labels(writer: Writer, root: Path, sample: Sample, image: str) -> tuple[int, tuple[Finding, ...]]:
    """Write the labels of `sample` below `root`; how many objects, and findings."""
    (labels,) = writer.encode(Batch.of([sample]), [image])
    for path, data in labels.files:
        write_bytes(root / path, data)
    writer.collect(labels.entry)
    return labels.count, labels.findings
