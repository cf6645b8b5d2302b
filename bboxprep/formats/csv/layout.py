"""Finds the CSV files of boxes by their first rows, and the table of classes beside them.

A repository with VOC files often has a CSV made of them (``xml_to_csv``): where XML lies below, no CSV is a data set by
itself. Nor does one begin where its images do not lie.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

from bboxprep.formats.api import RootEvidence
from bboxprep.formats.csv.options import CLASSES, LABELS, LAYOUT
from bboxprep.formats.csv.table import Form, form_of
from bboxprep.formats.image_tree import holds_file
from bboxprep.formats.label_documents import DocumentKind, LabelDocument
from bboxprep.io.paths import IMAGE_SUFFIXES, is_file_safely, is_within, refuse_passing, resolved
from bboxprep.io.text import read_start_as_utf8, read_text

_FIRST_BYTES = 1 << 15
_MOST_BYTES = 8 << 20  # of the table of classes
_TRIED = 16  # rows whose images are looked for
_NOT_SPLITS = re.compile(
    r"_?annotations?|default|labels?|_labels|data|boxes|bboxes|export|retinanet|automl|vott|[0-9]*",
    re.IGNORECASE,
)


def names_no_split(stem: str) -> bool:
    """Whether a CSV called `stem` says nothing of a split."""
    return bool(_NOT_SPLITS.fullmatch(stem))


def _kind(path: Path) -> str:
    try:
        form = form_of(first_lines(path))
    except ValueError:
        return "a CSV of boxes"
    return f"a CSV of boxes ({form.tool})" if form else ""


def first_lines(path: Path) -> list[str]:
    """The first whole lines of the file at `path`; none where it cannot be read."""
    try:
        start = read_start_as_utf8(path, _FIRST_BYTES)
    except OSError as error:
        refuse_passing(error, path)
        return []
    lines = start.decode("utf-8", "replace").removeprefix("\ufeff").splitlines()
    return lines[:-1] if len(start) >= _FIRST_BYTES else lines


DOCUMENTS = DocumentKind((".csv",), _kind, names_no_split)
label_file = DOCUMENTS.label_file


def sniff(root: Path) -> str:
    """Why `root`, a folder or a file, looks like a data set in CSV, or ""."""
    return "" if root.is_dir() and holds_file(root, ".xml") else DOCUMENTS.sniff(root)


def root_evidence(folder: Path, apart: Collection[Path]) -> RootEvidence:
    """Whether a data set begins in `folder`: its documents and their images lie there, and no XML."""
    found = DOCUMENTS.root_evidence(folder, apart)
    if not found or holds_file(folder, ".xml"):
        return RootEvidence.NONE
    documents = DOCUMENTS.find(folder, LAYOUT)
    return found if any(_has_images(document) for document in documents) else RootEvidence.LABELS


def _has_images(document: LabelDocument) -> bool:
    """Whether an image that the first rows name lies where the images of `document` do."""
    lines = first_lines(document.path)
    form: Form | None = None
    with suppress(ValueError):
        form = form_of(lines)
    if form is None:
        return False
    place = form.roles.index("image")
    rows = csv.reader(lines[form.has_header : _TRIED], delimiter=form.delimiter, skipinitialspace=True)
    names = [row[place].replace("\\", "/").rpartition("/")[2] for row in rows if len(row) > place]
    return any(
        is_file_safely(folder / f"{name}{suffix}")
        for folder in folders_of(document, "", document.path.parent)
        for name in names
        if name
        for suffix in ("", *IMAGE_SUFFIXES)
    )


def word_of(document: LabelDocument) -> str:
    """What `document` calls its split."""
    return document.word.removesuffix(LABELS)


def folders_of(document: LabelDocument, subset: str, home: Path) -> list[Path]:
    """The folders that images of `subset` in `document`, in the data set at `home`, may lie in, the likeliest first."""
    base = document.path.parent
    words = dict.fromkeys(filter(None, (subset, word_of(document))))
    of_split = [top / place / word for word in words for top in (base, home) for place in ("images", "")]
    return [*of_split, base / "images", base, home / "images", home]


def read_classes(folders: Iterable[Path], home: Path, encoding: str) -> tuple[str, ...]:
    """The classes of the table in the first of `folders` that has one, which lies in `home`: rows of name and number.
    Raises `AnnotationError`.
    """
    for folder in dict.fromkeys(folders):
        path = folder / CLASSES
        if is_file_safely(path) and is_within(path, resolved(home)):
            text = read_text(path, _MOST_BYTES, encoding)
            with suppress(csv.Error):
                rows = [row for row in csv.reader(text.splitlines()) if len(row) == 2 and row[1].strip().isdecimal()]
                rows.sort(key=lambda row: (len(row[1].strip()), row[1].strip()))
                return tuple(dict.fromkeys(name for name, _ in rows))
    return ()
