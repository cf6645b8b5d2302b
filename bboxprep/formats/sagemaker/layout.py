"""Recognises the manifests of Ground Truth by their first line, and declares how they are read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from bboxprep.formats.api import TextReadOptions
from bboxprep.formats.label_documents import DocumentKind
from bboxprep.io.text import read_start_as_utf8
from bboxprep.model.columns import Column

LAYOUT = "a .manifest or .jsonl (SageMaker Ground Truth) in the folder of the images, or in the folder of a split"
CARRIES = frozenset({Column.BOXES, Column.SCORES})

_FIRST_BYTES = 65536
_SOURCE = re.compile(rb'\s*\{[^\n]*"source-ref"\s*:\s*"')


@dataclass(frozen=True)
class SageMakerReadOptions(TextReadOptions):
    """The options of the reader."""

    label_attribute: str = field(
        default="",
        metadata={
            "flag": "--label-attribute",
            "help": "the attribute of a manifest whose boxes are read, if jobs were chained; by default the newest",
        },
    )


def _kind(path: Path) -> str:
    return "a manifest of Ground Truth" if _SOURCE.match(read_start_as_utf8(path, _FIRST_BYTES)) else ""


DOCUMENTS = DocumentKind((".manifest", ".jsonl", ".json"), _kind)
sniff, root_evidence, label_file = DOCUMENTS.sniff, DOCUMENTS.root_evidence, DOCUMENTS.label_file
