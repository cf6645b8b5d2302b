"""Recognises folders of LabelMe files by names and first bytes, without importing the reader."""

from __future__ import annotations

from bboxprep.formats.label_sniff import LabelFiles
from bboxprep.formats.labelme.fields import CLASSES, is_labelme

FILES = LabelFiles(".json", is_labelme, "the shapes of an image", "is a LabelMe file", CLASSES)
sniff, root_evidence, label_file = FILES.sniff, FILES.root_evidence, FILES.label_file
