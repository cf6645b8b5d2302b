"""The origin of the corners in VOC files and in CSV files made of them (0-based or 1-based). Files do not state it, and
three conventions are in use.

========  =====================================  =======================================================
origin    edges of the box                       written by
========  =====================================  =======================================================
devkit    xmin - 1, ymin - 1, xmax, ymax         the VOC devkit (pixels numbered from 1, both ends within), bboxprep
as-is     xmin, ymin, xmax, ymax                 labelImg, CVAT, Label Studio, labelme, Datumaro
plus-one  all four - 1                           Roboflow's export
fractions all four times width or height         scripts; only where the option says so
xywh      xmin, ymin, xmin + xmax, ymin + ymax   scripts that write a size; only where the option says so
========  =====================================  =======================================================

Proof in the numbers of the whole dataset comes first: a box that starts at 0 is as-is; one that ends at width + 1 or
height + 1 is plus-one, unless other boxes reach further (then boxes overshoot the edge, which proves nothing).
A minimum of 1 proves nothing, because labelImg clamps there, nor does a maximum of the width. Next comes the tool that
wrote the files. Where that is one of plus-one, but boxes end at the width or height and none further, the files are
from supervision 0.31, which writes min + 1 and max: devkit. If the tool is unknown, devkit is assumed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding
from bboxprep.geometry.affine import Size
from bboxprep.geometry.shapes import Boxes
from bboxprep.model.header import Header

OURS = "bboxprep"
"""The <database> of the <source> of VOC files that this program wrote."""

_FEW = 3  # fewer boxes end at the edge by accident
Corners = NDArray[np.float64]  # (2, N, 4): xmin ymin xmax ymax as written, and each of them less one


class Origin(StrEnum):
    """The convention of the four numbers of a box."""

    DEVKIT = "devkit"
    AS_IS = "as-is"
    PLUS_ONE = "plus-one"
    FRACTIONS = "fractions"
    SIZES = "xywh"


OriginChoice = Literal["auto", "devkit", "as-is", "plus-one", "fractions", "xywh"]


ORIGIN_METADATA: Mapping[str, str] = {
    "flag": "--voc-origin",
    "help": "what corners of VOC and CSV count from: devkit (1-based, inclusive), as-is (0-based edges), plus-one "
    "(1-based edges), fractions (edges as fractions of the image), xywh (0-based x and y, width and height "
    "where xmax and ymax belong), or auto: from proof in the numbers, else from the tool that wrote the files",
}
"""The metadata of the field ``origin`` of a reader's options."""


class LabellingTool(msgspec.Struct, frozen=True):
    """A program that writes VOC files, and its origin."""

    name: str
    origin: Origin


_DECIMALS = LabellingTool("a tool that writes decimals", Origin.AS_IS)
_PATHS = LabellingTool("a drawing tool that notes its <path>", Origin.AS_IS)
_LABELME = LabellingTool("labelme", Origin.AS_IS)
_DATUMARO = LabellingTool("CVAT or Datumaro", Origin.AS_IS)
_BY_DATABASE = (
    (re.compile(rf"^{OURS}$"), LabellingTool("bboxprep", Origin.DEVKIT)),
    (re.compile(r"^the voc ?\d{4} database$"), LabellingTool("the VOC devkit", Origin.DEVKIT)),
    (re.compile(r"roboflow"), LabellingTool("Roboflow", Origin.PLUS_ONE)),
    (re.compile(r"^unknown$|labelimg"), LabellingTool("labelImg", Origin.AS_IS)),
    (re.compile(r"^mydatabase$|label ?studio"), LabellingTool("Label Studio", Origin.AS_IS)),
    (re.compile(r"cvat|datumaro"), _DATUMARO),
    (re.compile(r"labelme"), _LABELME),
)


def tool_of(
    database: str, annotation: str, *, names_database: bool, names_path: bool, decimals: bool
) -> LabellingTool | None:
    """The tool that wrote a file, if it is recognised by the texts `database` and `annotation` of its ``<source>``.

    `names_database` and `names_path` say whether it has such an element beside that, `decimals` whether its boxes are
    written with decimals.
    """
    database = database.strip().lower()
    if database == "unknown" and annotation.strip().lower() == "unknown":
        return _DATUMARO
    if tool := _tool_of_database(database):
        return tool
    if names_database:
        return _LABELME
    if decimals:
        return _DECIMALS
    return _PATHS if names_path else None


@lru_cache(maxsize=256)
def _tool_of_database(database: str) -> LabellingTool | None:
    return next((tool for pattern, tool in _BY_DATABASE if pattern.search(database)), None)


def edges(corners: Corners, origin: Origin) -> tuple[Boxes, NDArray[np.bool_]]:
    """The boxes (N, 4) that `corners` mean under `origin`, and of which (N,) minimum and maximum were exchanged.

    The edges are compared, not the numbers: in the devkit's convention a box thinner than a pixel has xmax < xmin.
    """
    if origin is Origin.SIZES:
        starts = corners[0, :, :2]
        return np.concatenate((starts, starts + corners[0, :, 2:]), axis=1), np.zeros(len(starts), np.bool_)
    low, high = {Origin.DEVKIT: (1, 0), Origin.PLUS_ONE: (1, 1)}.get(origin, (0, 0))
    boxes = np.concatenate((corners[low, :, :2], corners[high, :, 2:]), axis=1)
    turned = boxes[:, :2] > boxes[:, 2:]
    exchanged = np.concatenate((corners[low, :, 2:], corners[high, :, :2]), axis=1)
    return np.where(np.tile(turned, 2), exchanged, boxes), np.asarray(turned.any(axis=1))


def offset(origin: Origin) -> float:
    """The offset subtracted from a point of a polygon: the devkit states the number of a pixel, meaning its centre."""
    return {Origin.DEVKIT: 0.5, Origin.PLUS_ONE: 1.0}.get(origin, 0.0)


class OriginEvidence(msgspec.Struct, frozen=True):
    """How many boxes start at 0, how many end at the size + 1 exactly, how many reach further, how many end at the
    size itself (`at_edge`)."""

    zeros: int = 0
    ends: int = 0
    beyond: int = 0
    at_edge: int = 0

    def __add__(self, other: OriginEvidence) -> OriginEvidence:
        return OriginEvidence(
            self.zeros + other.zeros,
            self.ends + other.ends,
            self.beyond + other.beyond,
            self.at_edge + other.at_edge,
        )


def reach_over(boxes: Boxes, sizes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each of the boxes (N, 4) ends beyond the `sizes` (N, 2) of their images: bool (N,)."""
    return np.asarray((boxes[:, 2:] > sizes).any(axis=1))


def start_at_zero(boxes: Boxes) -> NDArray[np.bool_]:
    """Whether each of the boxes (N, 4) begins at 0: bool (N,); False for boxes without area, which are placeholders."""
    return np.asarray((boxes[:, :2] == 0.0).any(axis=1) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1))


def end_at_edge(boxes: Boxes, sizes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each of the boxes (N, 4) ends at the width or height of the `sizes` (N, 2): bool (N,)."""
    return np.asarray((boxes[:, 2:] == sizes).any(axis=1))


def trusted_size(header: Header, declared: Size | None) -> Size | None:
    """The size that boxes may be held against: None for a turned photo whose plane is not known."""
    if declared is None:
        return header.size if header.size == header.displayed else None
    return declared if declared in (header.size, header.displayed) else None


def prove(corners: Corners, size: Size) -> OriginEvidence:
    """The evidence of the boxes of an image of `size`. Boxes without area are placeholders and are ignored."""
    zeros = int(np.count_nonzero(start_at_zero(corners[0])))
    boxes = corners[0][(corners[0, :, 2:] > corners[0, :, :2]).all(axis=1)]
    over = (boxes[:, 2:] - np.array(size, dtype=np.float64)).max(axis=1, initial=-np.inf)
    counts = [int(count) for count in ((over == 1.0).sum(), (over > 1.0).sum(), (over == 0.0).sum())]
    return OriginEvidence(zeros, *counts)


def decide(root: Path, proof: OriginEvidence, tools: Iterable[LabellingTool | None]) -> tuple[Origin, Finding]:
    """The origin of a dataset, and the finding that says why; `tools` has one entry for each file that holds boxes.

    Raises `AnnotationError` where the numbers prove two origins.
    """
    files = Counter(tools)
    starts, ends = f"{_count(proof.zeros, 'start')} at 0", f"{_count(proof.ends, 'end')} at width or height + 1"
    proven = [Origin.AS_IS] * bool(proof.zeros) + [Origin.PLUS_ONE] * bool(proof.ends and not proof.beyond)
    if len(proven) > 1:
        raise AnnotationError(root, "", f"{starts} (as-is), but {ends} (plus-one); say which it is with `origin`")
    tool, votes = _most_common(files)
    known = f"written by {tool.name} ({votes:,} of {files.total():,} files)" if tool else ""
    if proven:
        shown = starts if proof.zeros else ends
        return proven[0], Finding("voc-origin-decided", f"{proven[0]}: {'; '.join(filter(None, (shown, known)))}")
    if tool and tool.origin is Origin.PLUS_ONE and proof.at_edge >= _FEW and not proof.ends:
        shown = f"{_count(proof.at_edge, 'end')} at width or height and none one further, as supervision writes them"
        return Origin.DEVKIT, Finding("voc-origin-decided", f"{Origin.DEVKIT}: {shown}; {known}")
    if tool:
        return tool.origin, Finding("voc-origin-decided", f"{tool.origin}: {known}")
    message = "devkit is assumed: neither the numbers nor the tool that wrote the files tell; `origin` states it"
    return Origin.DEVKIT, Finding("voc-origin-assumed", f"{message} (files with boxes: {files.total():,})")


def _most_common(files: Counter[LabellingTool | None]) -> tuple[LabellingTool | None, int]:
    """The tool that wrote most of the files, if its origin is that of more than half of them."""
    origins = Counter(dict.fromkeys(Origin, 0))
    for tool, count in files.items():
        if tool:
            origins[tool.origin] += count
    origin, votes = origins.most_common(1)[0]
    if 2 * votes <= files.total():
        return None, 0
    return max(((tool, count) for tool, count in files.items() if tool and tool.origin is origin), key=lambda it: it[1])


def _count(boxes: int, verb: str) -> str:
    return f"1 box {verb}s" if boxes == 1 else f"{boxes:,} boxes {verb}"
