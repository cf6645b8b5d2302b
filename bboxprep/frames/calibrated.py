"""Learns from the unturned photos of a dataset how its objects look, to tell readings of its turned ones apart.

The labels of unturned photos are right, and each of the seven turns of them is a wrong reading that costs nothing.
Two ridge regressions learn from them which cells are on an object and what pattern is in a box (`frames.appearance`);
a logistic regression weighs both with the measures of `frames.contrast`. A wrong reading counts by its harm, since one
that hardly moves a box hardly matters.

**Which plane is upright** is not known: a tag may be stale, and a tool may show photos as stored. So a reading has the
odds of both cases, an upright stored and an upright displayed image, together. Where boxes lie and how wide they are
says nothing then, and is not used.

**Held-out photos.** All regressions are checked by photos that they have not seen, in `FOLDS` parts, similar photos in
one: by them the odds are cooled to a temperature, until none of `DRAWS` groups of `GROUP` photos is told wrong or close
to it. If the odds are no better then than those of `frames.likelihood`, there is no calibration. Nor is there one if
the labels of the unturned photos look turned, or if there are fewer than `LEAST` of them, similar ones counted once.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.frames import likelihood
from bboxprep.frames.appearance import BoxAppearance, turned_pattern
from bboxprep.frames.likelihood import log_odds
from bboxprep.geometry.dihedral import FLIP_HORIZONTAL, IDENTITY, Dihedral

Floats = NDArray[np.float64]

LEAST = 100  # photos
FOLDS = 5
CELL_RIDGE = 0.01  # of the number of photos
PATTERN_RIDGE = 0.01  # of the number of photos
DAMPING = 0.1  # of the squared weights, in units of the spread of what they weigh
STEPS = 25  # of Newton's method
TEMPERATURES = tuple(np.geomspace(1.0, 5.0, 33).tolist())
DRAWS, GROUP = 1000, 5
MARGIN = 2.0  # of log-odds; the worst of 168,000 draws of other photos of raccoons was 1.3 worse than allowed here


_NONE = np.zeros(0)
UNSEEN = BoxAppearance(_NONE, _NONE, _NONE, _NONE, _NONE)


class Photo(msgspec.Struct, frozen=True):
    """What was measured of a photo under R readings of its boxes: `measures` (R, 5) of `frames.contrast`, the
    `thumbnail` (192,), and its `appearance`, empty where nobody asks for it.
    """

    measures: Floats
    thumbnail: Floats
    appearance: BoxAppearance = UNSEEN


class Experts(msgspec.Struct, frozen=True):
    """The two regressions: the coefficients of `cells` (F,) and of a `pattern` (GRID * GRID * BINS,)."""

    cells: Floats
    pattern: Floats

    def scores(self, photo: Photo, upright: Sequence[Dihedral]) -> Floats:
        """The measures, the score of the cells and that of the pattern, (U, R, 7), float64, of each reading of `photo`.

        The image is upright after each turn of `upright` (U), on which the last alone depends.
        """
        look = photo.appearance
        plain = np.concatenate((photo.measures, look.cell_scores(self.cells)[:, None]), axis=1)
        patterns = np.array([turned_pattern(look.patterns, turn) for turn in upright])
        seen = patterns.reshape(*patterns.shape[:2], -1) @ self.pattern
        return np.concatenate((np.repeat(plain[None], len(seen), axis=0), seen[..., None]), axis=2)


class Calibration(msgspec.Struct, frozen=True):
    """What so many unturned `photos` teach: `experts`, and the `weights` (7,) of their scores."""

    experts: Experts
    weights: Floats
    photos: int

    def log_odds(self, photos: Sequence[Photo], turn: Dihedral) -> Floats:
        """The log-odds (P,), float64, that the first reading of each of `photos` is right and not the second.

        `turn` brings the stored image to the displayed one; either may be upright.
        """
        scores = np.array([self.experts.scores(photo, (IDENTITY, turn)) for photo in photos]) @ self.weights
        return likelihood.clipped(_either(scores[:, 0, 0], scores[:, 1, 0]) - _either(scores[:, 0, 1], scores[:, 1, 1]))


def calibration_of(photos: Sequence[Photo]) -> Calibration | None:
    """What the unturned `photos`, measured under each of `TURNS`, teach; None if they are too few or teach nothing."""
    if len(photos) < LEAST:
        return None
    thumbnails, measures = (
        np.array(column) for column in zip(*((p.thumbnail, p.measures) for p in photos), strict=True)
    )
    alike, votes = likelihood.similar(thumbnails), likelihood.vote_weights(thumbnails)
    if votes.sum() < LEAST or likelihood.turn_of(measures, votes) is not None:
        return None
    harm = np.array([photo.appearance.harm[1:] for photo in photos]) * votes[:, None]
    scores, odds = _held_out(photos, harm, _folds(alike))
    heat = _temperature(odds, harm, alike)
    usual = np.repeat(log_odds(measures[:, :1], measures[:, 1:])[:, None], 2, axis=1)
    if not heat or _loss(odds / heat, harm) >= _loss(usual, harm) or _accuracy(odds, harm) < _accuracy(usual, harm):
        return None
    return Calibration(_fitted(photos, harm, np.arange(len(photos))), _weights(scores, harm) / heat, len(photos))


def _folds(alike: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The part (P,) of each photo; similar photos are in one."""
    first = np.argmax(alike | np.eye(len(alike), dtype=np.bool_), axis=1)
    return np.asarray(np.unique(first, return_inverse=True)[1] % FOLDS, dtype=np.int64)


def _held_out(photos: Sequence[Photo], harm: Floats, folds: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """The scores (P, 8, 8, 7) and log-odds (P, 2, 7) of each photo by what the other parts of `folds` teach."""
    scores = np.zeros((len(photos), len(likelihood.TURNS), len(likelihood.TURNS), len(likelihood.MEASURES) + 2))
    for fold in range(FOLDS):
        experts = _fitted(photos, harm, np.flatnonzero(folds != fold))
        for index in np.flatnonzero(folds == fold).tolist():
            scores[index] = experts.scores(photos[index], likelihood.TURNS)
    odds = np.zeros((len(photos), 2, len(likelihood.TURNS) - 1))
    for fold in range(FOLDS):
        others = folds != fold
        odds[~others] = _odds(scores[~others] @ _weights(scores[others], harm[others]))
    return scores, odds


def _fitted(photos: Sequence[Photo], harm: Floats, rows: NDArray[np.int64]) -> Experts:
    """The two regressions on the photos at `rows`."""
    looks = [photos[row].appearance for row in rows.tolist()]
    products = np.sum([look.products for look in looks], axis=0)
    along = np.sum([look.along[0] for look in looks], axis=0)
    cells = np.linalg.solve(products + CELL_RIDGE * len(rows) * np.eye(len(along)), along)
    patterns = np.array([look.patterns for look in looks])
    both = np.stack((patterns, turned_pattern(patterns, FLIP_HORIZONTAL)), axis=1)  # objects are mirrored as often
    both = both.reshape(*both.shape[:3], -1)
    steps = (both[:, :, :1] - both[:, :, 1:]).reshape(-1, both.shape[-1])
    share = np.repeat(harm[rows][:, None], 2, axis=1).ravel() / (2 * (len(likelihood.TURNS) - 1))
    weighed = steps * share[:, None]
    ridge = PATTERN_RIDGE * len(rows) * np.eye(steps.shape[1])
    return Experts(cells, np.linalg.solve(weighed.T @ steps + ridge, weighed.sum(axis=0)))


def _weights(scores: Floats, harm: Floats) -> Floats:
    """The weights (7,) under which the right reading of upright photos is most likely, from `scores` (P, 8, 8, 7).

    Logistic regression on differences, by Newton's method.
    """
    steps = (scores[:, 0, :1] - scores[:, 0, 1:]).reshape(-1, scores.shape[-1])
    share = harm.ravel() / (len(likelihood.TURNS) - 1)
    spread = np.sqrt((share[:, None] * steps**2).sum(axis=0) / max(share.sum(), 1e-9)) + 1e-9
    steps, weights = steps / spread, np.zeros(steps.shape[1])
    for _ in range(STEPS):
        doubt = 1.0 / (1.0 + np.exp(np.clip(steps @ weights, -50.0, 50.0)))
        slope = steps.T @ (share * doubt) - 2.0 * DAMPING * weights
        bend = (steps * (share * doubt * (1.0 - doubt))[:, None]).T @ steps + 2.0 * DAMPING * np.eye(len(weights))
        weights = weights + np.linalg.solve(bend, slope)
    return np.asarray(weights / spread)


def _odds(scores: Floats) -> Floats:
    """The log-odds (P, 2, 7) of the right reading against each other turn, from `scores` (P, 8, 8) of upright photos.

    Twice: the other plane is the upright one after this turn, or after the one back.
    """
    odds = []
    for others in (range(1, len(likelihood.TURNS)), [likelihood.TURNS.index(~turn) for turn in likelihood.TURNS[1:]]):
        right = np.stack([_either(scores[:, 0, 0], scores[:, other, 0]) for other in others], axis=1)
        wrong = [_either(scores[:, 0, turn], scores[:, other, turn]) for turn, other in enumerate(others, 1)]
        odds.append(right - np.stack(wrong, axis=1))
    return np.stack(odds, axis=1)


def _either(one: Floats, other: Floats) -> Floats:
    return np.asarray(np.logaddexp(one, other))


def _temperature(odds: Floats, harm: Floats, alike: NDArray[np.bool_]) -> float | None:
    """The divisor of `odds` (P, 2, 7): the best of `TEMPERATURES`, or the next safe one; None if there is none."""
    best = min(TEMPERATURES, key=lambda heat: _loss(odds / heat, harm))
    return next((heat for heat in TEMPERATURES if heat >= best and _are_safe(odds / heat, alike)), None)


def _loss(odds: Floats, harm: Floats) -> float:
    """The mean surprise at the right reading, weighed by harm."""
    return float((np.logaddexp(0.0, -likelihood.clipped(odds)) * harm[:, None]).sum() / max(2.0 * harm.sum(), 1e-9))


def _accuracy(odds: Floats, harm: Floats) -> float:
    """The share of turns that are told right, weighed by harm."""
    return float((((odds > 0) + 0.5 * (odds == 0)) * harm[:, None]).sum() / max(2.0 * harm.sum(), 1e-9))


def _are_safe(odds: Floats, alike: NDArray[np.bool_]) -> bool:
    """Whether `DRAWS` random groups of `GROUP` photos keep `MARGIN` from being told wrong, for any turn."""
    rows = np.random.default_rng(0).random((DRAWS, len(odds))).argsort(axis=1)[:, :GROUP]
    votes = 1.0 / np.maximum(alike[rows[:, :, None], rows[:, None]].sum(axis=2), 1)
    told = np.einsum("dg,dgct->dct", votes, likelihood.clipped(odds)[rows])
    return bool(told.min() > MARGIN - likelihood.needed_log_odds(1))
