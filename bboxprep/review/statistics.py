"""Counts images and objects for the charts of a review."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.geometry.shapes import box_areas, clip_boxes
from bboxprep.review.display import DisplayedSample
from bboxprep.review.image_cards import Card

GRID = 32  # cells along each side of the heat map of boxes
SIDES = 2.0 ** np.arange(1.0, 12.01, 0.5)  # px; bounds of the histogram of box sizes, the square roots of areas
ASPECTS = 2.0 ** np.arange(-3.0, 3.01, 0.5)  # bounds of the histogram of width / height
CROWDING = 2.0 ** np.arange(0.0, 9.01, 1.0)  # bounds of the histogram of objects an image


@dataclass
class Statistics:
    """Counts over all added cards.

    `heat` (GRID, GRID) float64 is the number of boxes over each cell of an image, with fractions for partly covered
    cells; `heat_of` is the same by class. `crowding` is the histogram of objects an image, of images that have some,
    between `CROWDING`. `images_there` and `objects_there` are those of the output that are there now, whatever a record
    says. `sides` and `aspects` are histograms of boxes, clipped to their image, between the bounds `SIDES` and
    `ASPECTS`. The outermost bins include all values beyond.
    """

    images: Counter[str] = field(default_factory=Counter)
    images_there: int = 0
    objects_there: int = 0
    empty: Counter[str] = field(default_factory=Counter)
    objects: Counter[tuple[int, str]] = field(default_factory=Counter)
    codes: Counter[tuple[str, str]] = field(default_factory=Counter)
    orientations: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    sizes: Counter[Size] = field(default_factory=Counter)
    source_sizes: Counter[Size] = field(default_factory=Counter)
    heat: NDArray[np.float64] = field(default_factory=lambda: np.zeros((GRID, GRID)))
    heat_of: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    crowding: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(CROWDING) - 1, np.int64))
    sides: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(SIDES) - 1, np.int64))
    aspects: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(ASPECTS) - 1, np.int64))

    def add(self, card: Card) -> None:
        """Count the image and the objects of `card`."""
        self.images[card.split] += 1
        upright = card.orientation == 1
        self.orientations[card.orientation, "" if upright else card.frame, "" if upright else card.evidence] += 1
        self.codes.update({(note.severity, note.code) for note in card.notes})
        if card.before:
            self.source_sizes[card.before.shown.size] += 1
        if card.after:
            self.sizes[card.after.shown.size] += 1
            self.images_there += 1
            self.objects_there += len(card.after.shown.labels)
        if card.side:
            self._add_objects(card.split, card.side.shown)

    def _add_objects(self, split: str, shown: DisplayedSample) -> None:
        self.objects.update((label, split) for label in shown.labels)
        self.empty[split] += not shown.labels
        if shown.labels:
            self.crowding += _histogram(np.array([len(shown.labels)], dtype=np.float64), CROWDING)
        boxes = clip_boxes(np.nan_to_num(shown.boxes), shown.size)
        good = np.isfinite(shown.boxes).all(axis=1) & (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        boxes, labels = boxes[good], np.array(shown.labels, dtype=np.int64)[good]
        self.sides += _histogram(np.sqrt(box_areas(boxes)), SIDES)
        self.aspects += _histogram((boxes[:, 2] - boxes[:, 0]) / (boxes[:, 3] - boxes[:, 1]), ASPECTS)
        x0, y0, x1, y1 = (boxes / np.tile(np.array(shown.size, np.float64), 2)).T
        down, across = _covered(y0, y1), _covered(x0, x1)
        self.heat += down.T @ across
        for label in np.unique(labels).tolist():
            own = self.heat_of.setdefault(label, np.zeros((GRID, GRID)))
            own += down[labels == label].T @ across[labels == label]


def _histogram(values: NDArray[np.float64], bounds: NDArray[np.float64]) -> NDArray[np.int64]:
    inside = np.clip(values, bounds[0], np.nextafter(bounds[-1], 0.0))
    return np.histogram(inside, bounds)[0].astype(np.int64)


def _covered(start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share (N, GRID) of each cell of the axis 0 to 1 that the spans from `start` to `end` (N,) cover."""
    first = np.arange(GRID)
    shares = np.minimum(end[:, None] * GRID, first + 1) - np.maximum(start[:, None] * GRID, first)
    return np.asarray(np.clip(shares, 0.0, 1.0))
