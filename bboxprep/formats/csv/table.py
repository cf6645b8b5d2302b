"""The rows of a CSV file of boxes, by the roles of their columns.

=====================  ================================================================================================
tool                   columns
=====================  ================================================================================================
TFOD, Roboflow         filename, width, height, class, xmin, ymin, xmax, ymax
VoTT                   image, xmin, ymin, xmax, ymax, label
Udacity (CrowdAI)      xmin, xmax, ymin, ymax, Frame, Label, ...: the values are xmin, ymin, xmax, ymax
Kaggle (wheat)         image_id, width, height, bbox "[x, y, width, height]", source; one class
RetinaNet              no header: path, x1, y1, x2, y2, class; all empty but the path: no box
Vertex AI, AutoML      no header: set, path, label, x0, y0, -, -, x1, y1, -, - or the four corners; fractions
Udacity (autti)        no header, blanks: frame xmin ymin xmax ymax occluded "label" ...
=====================  ================================================================================================

Other headers are understood by their words (`_WORDS`), in any order and case, split by commas, semicolons or tabs; the
option ``columns`` names them otherwise. Columns without a role are attributes.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path

import msgspec

from bboxprep.errors import AnnotationError, UsageError
from bboxprep.io.paths import IMAGE_SUFFIXES, suffix_of
from bboxprep.model.escaping import split_names, split_pair

CORNERS = ("x0", "y0", "x1", "y1")
_SIDES = ("x0", "y0", "w", "h")
ROLES = frozenset({"image", "class", *CORNERS, "w", "h", "width", "height", "split", "score", "bbox"})
_WORDS: Mapping[str, tuple[str, ...]] = {
    "image": (
        *("filename", "file_name", "file", "image", "image_id", "imageid", "image_name", "image_path", "img"),
        *("img_file", "frame", "path", "filepath", "file_path"),
    ),
    "class": ("class", "class_name", "classname", "label", "labels", "category", "category_name", "name"),
    "x0": ("xmin", "x_min", "left", "x0", "bbox_xmin", "x"),
    "y0": ("ymin", "y_min", "top", "y0", "bbox_ymin", "y"),
    "x1": ("xmax", "x_max", "right", "bbox_xmax"),
    "y1": ("ymax", "y_max", "bottom", "bbox_ymax"),
    "w": ("w", "bbox_width", "box_width"),
    "h": ("h", "bbox_height", "box_height"),
    "width": ("width", "image_width", "img_width"),
    "height": ("height", "image_height", "img_height"),
    "split": ("split", "set", "subset"),
    "score": ("score", "confidence", "conf"),
    "bbox": ("bbox",),
}
_ROLE_OF = {word: role for role, words in _WORDS.items() for word in words}
_PAIRS = ({"x1": "x0", "y1": "y0", "x2": "x1", "y2": "y1"}, {"x1": "x1", "y1": "y1"})  # where x2 is there, and not
_OPEN_IMAGES = frozenset({"imageid", "labelname"})  # another format
_RETINANET = ("image", *CORNERS, "class")
_AUTOML = ("split", "image", "class", "x0", "y0", "", "", "x1", "y1", "", "")
_AUTTI = ("image", *CORNERS, "occluded", "class", "colour")
_SETS = frozenset({"TRAIN", "TRAINING", "VALIDATION", "VALIDATE", "TEST", "UNASSIGNED", ""})
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?")
AUTOML = "AutoML"  # whose corners are fractions
_WHEAT_CLASS, _ONE_CLASS = "wheat", "object"


class Form(msgspec.Struct, frozen=True):
    """How the rows of a file are read: the `roles` of the columns ("" for none, of which `names` are attributes), what
    splits them, whether the first row is a header, and the `tool` that writes such files.
    """

    roles: tuple[str, ...]
    names: tuple[str, ...]
    delimiter: str
    has_header: bool
    tool: str

    @property
    def one_class(self) -> str:
        """The class of all boxes where no column has it; "" where one has."""
        return "" if "class" in self.roles else _WHEAT_CLASS if "wheat" in self.tool else _ONE_CLASS


def form_of(lines: Sequence[str], columns: str = "") -> Form | None:
    """The form of a file that begins with `lines`, None where they are no boxes; `columns` are stated by the user.

    Raises `UsageError` where those do not fit, and ValueError where two columns have one role.
    """
    first = next((line for line in lines if line.strip()), "")
    delimiter = max(",;\t", key=first.count) if any(mark in first for mark in ",;\t") else " "
    rows = [row for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=True) if row][:20]
    if not rows:
        return None
    if columns:
        return _stated(rows[0], delimiter, columns)
    return _headless(rows, delimiter) or _named(rows[0], delimiter)


def rows_of(path: Path, text: str, form: Form) -> Iterator[tuple[int, list[str]]]:
    """The rows of `text`, the content of the file at `path`, each with its line from 1; headers are left out. Raises
    `AnnotationError`.
    """
    reader = csv.reader(StringIO(text, newline=""), delimiter=form.delimiter, skipinitialspace=True)
    header: list[str] | None = None
    try:
        for row in reader:
            if form.has_header and header is None and any(row):
                header = row
            elif any(cell.strip() for cell in row) and row != header:
                yield reader.line_num, row
    except csv.Error as error:
        raise AnnotationError(path, f"line {reader.line_num}", f"cannot be read as CSV ({error})") from error


def _named(header: Sequence[str], delimiter: str) -> Form | None:
    """The form that the words of a `header` state."""
    words = [cell.strip().lower().replace(" ", "_") for cell in header]
    if set(words) >= _OPEN_IMAGES:
        return None
    pair = _PAIRS[0 if "x2" in words else 1]
    roles = [pair.get(word, _ROLE_OF.get(word, "")) for word in words]
    if not {"x1", "w", "bbox"} & set(roles) and {"x0", "width", "height"} <= set(roles):
        roles = [{"width": "w", "height": "h"}.get(role, role) for role in roles]
    if not _is_complete(roles):
        return None
    tool = "Kaggle (wheat)" if "bbox" in roles and "class" not in roles else "a tool that names columns"
    twice = sorted({role for role in roles if role and roles.count(role) > 1})
    if twice:
        shown = ", ".join(repr(cell) for cell, role in zip(header, roles, strict=True) if role == twice[0])
        raise ValueError(f"columns {shown} may both be the {twice[0]}; say which with `columns`")
    return Form(tuple(roles), tuple(header), delimiter, has_header=True, tool=tool)


def _is_complete(roles: Sequence[str]) -> bool:
    return "image" in roles and ("bbox" in roles or any(set(wanted) <= set(roles) for wanted in (CORNERS, _SIDES)))


def _headless(rows: Sequence[Sequence[str]], delimiter: str) -> Form | None:
    """The form of a known tool that writes no header."""
    known: tuple[tuple[tuple[str, ...], str, Callable[[Sequence[str]], bool]], ...] = (
        (_RETINANET, "RetinaNet", lambda row: len(row) == 6 and _is_box(row[1:5]) and _is_image(row[0])),
        (_AUTOML, AUTOML, lambda row: len(row) >= 9 and row[0].upper() in _SETS and _is_box(_automl(row))),
        (_AUTTI, "Udacity (autti)", lambda row: len(row) >= 7 and _is_box(row[1:5]) and row[5] in ("0", "1")),
    )
    for roles, tool, fits in known:
        if all(map(fits, rows)):
            return Form(roles, roles, delimiter, has_header=False, tool=tool)
    return None


def _automl(row: Sequence[str]) -> list[str]:
    return [row[3], row[4], row[7], row[8]]


def _is_box(cells: Sequence[str]) -> bool:
    return not any(cells) or all(_NUMBER.fullmatch(cell.strip()) for cell in cells)


def _is_image(path: str) -> bool:
    return suffix_of(path.replace("\\", "/").rpartition("/")[2]).lower() in IMAGE_SUFFIXES


def _stated(first: Sequence[str], delimiter: str, columns: str) -> Form:
    """The form that the option `columns` states for a file with the row `first`. Raises `UsageError`."""
    wanted = dict(split_pair(part, "columns", "ROLE=COLUMN") for part in split_names(columns))
    if unknown := sorted(wanted.keys() - ROLES):
        raise UsageError(f"columns: have the role {unknown[0]!r}, want {', '.join(sorted(ROLES))}")
    if not _is_complete(list(wanted)):
        raise UsageError(f"columns: have {columns!r}, want image and x0, y0, x1, y1 (or x0, y0, w, h, or bbox)")
    by_name = {cell.strip().lower(): place for place, cell in enumerate(first)}
    numbered = all(name.isdecimal() for name in wanted.values()) and not {*wanted.values()} <= by_name.keys()
    roles = [""] * len(first)
    for role, name in wanted.items():
        place = int(name) - 1 if numbered else by_name.get(name.lower(), -1)
        if not 0 <= place < len(first):
            raise UsageError(f"columns: have {role}={name}, want one of {', '.join(map(repr, first))[:200]}")
        roles[place] = role
    return Form(tuple(roles), tuple(first), delimiter, has_header=not numbered, tool="columns as stated")
