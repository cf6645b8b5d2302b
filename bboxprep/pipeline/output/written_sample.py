"""A sample that was written: what the record, the sidecar, the journal and the account are made from."""

from __future__ import annotations

from typing import Literal, NamedTuple

from bboxprep.formats.api import Labels
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample
from bboxprep.pipeline.output.naming import Output
from bboxprep.pipeline.resume.fingerprint import OutputFile

Made = Literal["", "linked", "untagged", "turned-lossless", "turned-re-encoded", "encoded"]


class WrittenSample(NamedTuple):
    """One sample with its image written, and then its labels.

    `sample` has been through its recipe and has all findings of the writing. `output` is the place it was written to,
    None where the image was left out. `made` says how its image file was made, "" where there is no file;
    `source_sha256` is of the source file, None where that was not read. `files` are those that were written, the image
    first. `objects` are those of the sample and, in their order, the crowd regions that only the sidecar can hold.
    `labels` are empty until they are written.
    """

    sample: Sample
    output: Output | None
    made: Made = ""
    source_sha256: str | None = None
    files: tuple[OutputFile, ...] = ()
    objects: Instances = Instances.of()
    labels: Labels = Labels()
