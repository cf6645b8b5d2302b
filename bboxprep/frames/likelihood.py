"""How likely one reading of the boxes of photos is against another, by the measures of `frames.contrast`.

Of a photo with the measures f_a under one reading of its boxes and f_b under another, the log-odds for the first are
w . (f_a - f_b), clipped at `MAX_LOG_ODDS`, so that no photo decides alone. The log-odds of a group of photos of one
orientation add up, as for independent observations. Photos that are similar (frames of a film, a burst) share one vote.
Below `CONFIDENCE` there is no decision.

**The weights** come from `benchmarks/frame_from_pixels.py`, which also prints how often the verdicts are wrong on
datasets that had no part in the fit. They are calibrated: divided by the largest temperature that one of those
datasets needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.dihedral import Dihedral
from bboxprep.model.sample import Frame

MEASURES = ("explained", "texture", "lightness", "red-green", "yellow-blue")
WEIGHTS = (6.15, 5.78, 1.98, 3.28, 4.08)  # fitted on the 780 photos of the five rows in benchmarks/README.md
MAX_LOG_ODDS = 5.0
SIMILAR = 0.75  # correlation: 99 % of pairs of different photos have less than 0.6, frames of one film more than 0.8
CONFIDENCE = 0.999
TURNS = tuple(Dihedral.from_exif(code) for code in range(1, 9))

Measures = NDArray[np.float64]  # (..., len(MEASURES))
Votes = NDArray[np.float64]  # (P,): the share of a vote that each photo has
Weights = Sequence[float] | NDArray[np.float64]


def log_odds(one: Measures, other: Measures, weights: Weights = WEIGHTS) -> NDArray[np.float64]:
    """The log-odds (P,) that the reading measured as `one` (P, 5) is right and not `other` (P, 5), photo by photo.

    Exchanging the two changes the sign and nothing else.
    """
    return clipped((one - other) @ np.asarray(weights))


def clipped(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """The log-odds `odds` (P,), float64, none beyond `MAX_LOG_ODDS`."""
    return np.asarray(np.clip(odds, -MAX_LOG_ODDS, MAX_LOG_ODDS))


def similar(thumbnails: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which photos are similar (P, P), bool; `thumbnails` (P, K) are unit vectors."""
    return np.asarray(thumbnails @ thumbnails.T > SIMILAR)


def vote_weights(thumbnails: NDArray[np.float64]) -> Votes:
    """The share (P,) of a vote that each photo of a group has: 1, or 1 / n for one of n similar photos.

    `thumbnails` (P, K) are unit vectors, whose products are the similarity of two photos.
    """
    return np.asarray(1.0 / np.maximum(similar(thumbnails).sum(axis=1), 1))


def frame_of(stored: Measures, displayed: Measures, votes: Votes, weights: Weights = WEIGHTS) -> Frame | None:
    """The frame of the labels of a group of photos (P, 5) of one orientation; None where it is not certain."""
    return certain_frame(float(votes @ log_odds(stored, displayed, weights)))


def certain_frame(log_odds_of_stored: float) -> Frame | None:
    """The frame that these log-odds are for; None where it is not certain."""
    if abs(log_odds_of_stored) < needed_log_odds(1):
        return None
    return Frame.STORED if log_odds_of_stored > 0 else Frame.DISPLAYED


def turn_of(measures: Measures, votes: Votes, weights: Weights = WEIGHTS) -> Dihedral | None:
    """The turn that corrects the labels of a group of photos; None where they look right or it is not certain.

    `measures` (P, 8, 5) are those under each of `TURNS`. The best turn needs seven times the odds of a choice between
    two readings, since it is the best of seven.
    """
    totals = votes @ log_odds(measures, measures[:, :1], weights)
    best = int(np.argmax(totals))
    return TURNS[best] if totals[best] >= needed_log_odds(len(TURNS) - 1) else None


def needed_log_odds(rivals: int) -> float:
    """The log-odds that the best of `rivals` needs."""
    return log(rivals * CONFIDENCE / (1.0 - CONFIDENCE))
