"""Writes DOTA: ``<split>/images/<name>``, ``<split>/labelTxt/<stem>.txt`` for each labelled image, ``classes.txt``.

A row has the corners of the oriented box, which may lie outside of the image: DOTA allows that. In a mirrored image the
first two change places, and so do the others: they go around as in the source, and the first side stays the first. An
object without an oriented box gets the corners of the rectangle of least area around its polygons or its mask, which is
counted; one of which only the box is known gets those of the box. ``difficult`` is always written, and classes have no
blanks (`fields.row_names`), since readers want that. The header is written where it is known; ``gsd``, the metres to a
pixel, follows the scale of the image, and is left out where that is not the same everywhere. Numbers are shortest
decimals. Several programs open ``.png`` alone: ``--image-format png`` writes it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isclose, isfinite, sqrt
from pathlib import Path
from typing import Any

import numpy as np

from bboxprep.errors import AnnotationError
from bboxprep.findings import Finding, escape_surrogates
from bboxprep.formats.api import Labels, NoOptions, writes
from bboxprep.formats.dota.fields import CARRIES, CLASSES, DIFFICULT, HEADER, row_names
from bboxprep.formats.outlines import polygons_within
from bboxprep.geometry.affine import Points
from bboxprep.geometry.oriented import convex_hull, smallest_rectangle
from bboxprep.geometry.shapes import ring_around
from bboxprep.io.atomic import write_text
from bboxprep.model.batch import Batch
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample
from bboxprep.model.shape_choice import corners_around

_CORNERS = 4
_AS_IT_IS, _MIRRORED = (0, 1, 2, 3), (1, 0, 3, 2)
_BLANKS = re.compile(r"[ \t]+")


@writes
def write(root: Path, dataset: Dataset, options: NoOptions) -> DotaWriter:  # noqa: ARG001
    """A writer of DOTA below `root`. Raises `AnnotationError` for class names that no row can hold."""
    for name in dataset.categories.names:
        plain = " ".join(_BLANKS.split(name.strip()))
        if not plain or name != plain or len(name.splitlines()) > 1 or escape_surrogates(name) != name:
            problem = f"class name: have {name!r}, want one line of words with one blank between"
            raise AnnotationError(dataset.root, "", problem)
    return DotaWriter(root, dataset)


class DotaWriter:
    """Makes one text file an image; writes the class table when it is closed."""

    stage = ""

    def __init__(self, root: Path, dataset: Dataset) -> None:
        self._root = root
        self._classes = dataset.categories.names
        self._row_names = row_names(self._classes)

    @property
    def carries(self) -> frozenset[Column]:
        """All columns that the format holds."""
        return CARRIES

    def paths(self, split: str, name: str) -> tuple[str, ...]:
        """The image and its label file, in folders side by side."""
        return f"{split}/images/{name}", f"{split}/labelTxt/{name[: name.rindex('.')]}.txt"

    def encode(self, batch: Batch, images: Sequence[str]) -> list[Labels]:
        """The file of each labelled image."""
        within = batch.with_objects(replace(batch.instances, polygons=polygons_within(batch)))
        return [self._labels(sample, image) for sample, image in zip(within, images, strict=True)]

    def collect(self, entry: Any) -> None:
        """Nothing: each image has a file of its own."""

    @property
    def documents(self) -> tuple[str, ...]:
        """The class table."""
        return (CLASSES,)

    def close(self) -> None:
        """Write the class table."""
        write_text(self._root / CLASSES, "".join(f"{name}\n" for name in self._classes))

    def _labels(self, sample: Sample, image: str) -> Labels:
        objects = sample.instances
        if not sample.labelled and not len(objects):
            return Labels()
        order = _MIRRORED if sample.mirrored else _AS_IT_IS
        rows = [_row(objects, row, self._row_names[label], order) for row, label in enumerate(objects.labels.tolist())]
        text = "".join(f"{line}\n" for line in (*_header(sample), *rows))
        split, _, name = image.partition("/images/")
        path = f"{split}/labelTxt/{name[: name.rindex('.')]}.txt"
        return Labels(len(objects), _findings(sample), ((path, text.encode("utf-8", "surrogatepass")),))


def _row(objects: Instances, row: int, name: str, order: Sequence[int]) -> str:
    corners = objects.oriented[row]
    if not np.isfinite(corners).all():
        corners = _rectangle(objects, row)
    difficult = objects.attributes[row].get(DIFFICULT)
    number = int(difficult) if isinstance(difficult, int) and difficult > 0 else 0
    return " ".join([*map(repr, (corners[list(order)] + 0.0).ravel().tolist()), name, str(number)])


def _rectangle(objects: Instances, row: int) -> Points:
    """The corners (4, 2) of an object without an oriented box: those of a polygon that has four, of the smallest
    rectangle around its outline, or of its box.
    """
    rings, around = objects.polygons[row], corners_around(objects, row)
    if around is None:
        x0, y0, x1, y1 = objects.boxes[row].tolist()
        return ring_around((x0, y0, x1, y1))
    return around if len(rings) == 1 and len(around) == _CORNERS else smallest_rectangle(convex_hull(around))


def _header(sample: Sample) -> list[str]:
    """The lines of the header, as far as they are known and still true."""
    own: Mapping[str, Any] = sample.extra.get("dota", {})
    known = {key: str(own[key]) for key in HEADER if key in own and len(str(own[key]).splitlines()) < 2}
    if "gsd" in known and (scaled := _scaled(known["gsd"], sample)) is not None:
        known["gsd"] = scaled
    elif "gsd" in known:
        del known["gsd"]
    return [f"{key}:{value}" for key, value in known.items()]


def _scaled(gsd: str, sample: Sample) -> str | None:
    """The metres to a pixel of the written image; None where no number of them is true everywhere."""
    try:
        metres = float(gsd)
    except ValueError:
        return gsd  # null, or nothing
    if sample.base_image is not None or sample.parts:
        return None
    if sample.plan is None:
        return gsd
    a, b, _, d, e, _ = sample.plan.affine.coefficients
    across, down = sqrt(a * a + d * d), sqrt(b * b + e * e)
    if not (isclose(across, down, rel_tol=0.01) and isfinite(metres)):
        return None
    return gsd if isclose(across, 1.0, rel_tol=1e-9) else repr(metres / across)


def _findings(sample: Sample) -> tuple[Finding, ...]:
    objects = sample.instances
    shaped = (objects.has(Column.POLYGONS) | objects.has(Column.MASKS)) & ~objects.has(Column.ORIENTED)
    if not shaped.any():
        return ()
    words = f"{shaped.sum()} outlines are written as the smallest rectangles around them"
    return (Finding("column-dropped", words, sample.relative_path, split=sample.split),)
