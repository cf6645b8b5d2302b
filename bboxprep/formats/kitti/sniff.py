"""Recognises folders of KITTI by names and first bytes, without importing the reader."""

from __future__ import annotations

from bboxprep.formats.kitti.fields import is_kitti
from bboxprep.formats.label_documents import CLASS_LIST
from bboxprep.formats.label_sniff import LabelFiles

_KIND = "rows of a class and a box of KITTI"

FILES = LabelFiles(".txt", is_kitti, _KIND, f"holds {_KIND}", CLASS_LIST)
sniff, root_evidence, label_file = FILES.sniff, FILES.root_evidence, FILES.label_file
