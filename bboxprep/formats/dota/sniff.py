"""Recognises folders of DOTA by names and first bytes, without importing the reader."""

from __future__ import annotations

from bboxprep.formats.dota.fields import CLASSES, LABELS, is_dota
from bboxprep.formats.label_sniff import LabelFiles

_KIND = "rows of four corners and a class"

FILES = LabelFiles(".txt", is_dota, _KIND, f"holds {_KIND}", CLASSES, LABELS)
sniff, root_evidence, label_file = FILES.sniff, FILES.root_evidence, FILES.label_file
