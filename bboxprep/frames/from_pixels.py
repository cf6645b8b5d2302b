"""Decides the frame of labels from pixels, if no number is evidence for it.

`frames.contrast` measures how well boxes fit the pixels in each frame; this module has the statistics that compare the
measures.

**The likelihood.** Of a photo with the measures f_a under one reading of its boxes and f_b under another, the log-odds
for the first are w . (f_a - f_b), clipped at `MAX_LOG_ODDS`, so that no photo decides alone. The log-odds of a group of
photos of one orientation add up, as for independent observations. Photos that are similar (frames of a film, a burst)
share one vote. Below `CONFIDENCE` there is no decision.

**The weights** come from `benchmarks/frame_from_pixels.py`, which also prints how often the verdicts are wrong on
datasets that had no part in the fit. They are calibrated: divided by the largest temperature that one of those
datasets needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import exp, log

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import ImageError
from bboxprep.frames.contrast import contrast, read_features
from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.shapes import map_boxes
from bboxprep.images.codecs.codec import ImagePolicy
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.sample import Frame, Sample

PHOTOS = 60  # of one orientation are decoded; a third of them gives the same results

Shares = NDArray[np.float64]  # (R, N, 4): readings of N boxes, in fractions of the stored image


MEASURES = ("explained", "texture", "lightness", "red-green", "yellow-blue")
WEIGHTS = (6.09, 5.75, 1.98, 3.26, 4.05)  # fitted on the 780 photos of the five rows in benchmarks/README.md
MAX_LOG_ODDS = 5.0
SIMILAR = 0.75  # correlation: 99 % of pairs of different photos have less than 0.6, frames of one film more than 0.8
CONFIDENCE = 0.999
TURNS = tuple(Dihedral.from_exif(code) for code in range(1, 9))

Measures = NDArray[np.float64]  # (..., len(MEASURES))
Votes = NDArray[np.float64]  # (P,): the share of a vote that each photo has
Weights = Sequence[float] | NDArray[np.float64]


class PixelVerdict(msgspec.Struct, frozen=True):
    """The test of the pixels of photos of one EXIF `orientation`: the samples at `indices`, of which so many `photos`
    were decoded. `log_odds` is the natural logarithm of the odds that the labels are in the stored frame.
    """

    orientation: int
    indices: tuple[int, ...]
    photos: int
    log_odds: float

    @property
    def frame(self) -> Frame | None:
        """The frame of the labels; None where it is not certain."""
        return _certain_frame(self.log_odds)

    def __str__(self) -> str:
        """One line with the frame and the odds."""
        likely = Frame.STORED if self.log_odds > 0 else Frame.DISPLAYED
        odds, wanted = f"{exp(abs(self.log_odds)):,.4g}", f"{exp(_needed_log_odds(1)):,.4g}"
        seen = f"the pixels of {self.photos} of {len(self.indices):,} photos"
        if self.frame:
            return f"orientation {self.orientation}: labels taken as {likely} by {seen}, at odds of {odds} to 1"
        words = f"{seen} do not tell the plane of the labels"
        return f"orientation {self.orientation}: {words} (odds of {odds} to 1 for {likely}, want {wanted} to 1)"


def verdicts_from_pixels(
    dataset: Dataset, orientations: Mapping[int, int], image_policy: ImagePolicy
) -> tuple[PixelVerdict, ...]:
    """The test of the pixels for each orientation of which a photo can be decoded.

    `orientations` has the EXIF code of each sample of `dataset` in question by its index; samples of one code get one
    frame. Images that cannot be decoded are skipped. Raises `ImageError` where the system fails to read one.
    """
    verdicts: list[PixelVerdict] = []
    for code in sorted(set(orientations.values())):
        group = tuple(index for index, orientation in orientations.items() if orientation == code)
        measures, votes = _measured((dataset[index] for index in _evenly_spaced(group)), _as_both_frames, image_policy)
        if len(votes):
            total = _total_log_odds(measures[:, 0], measures[:, 1], votes)
            verdicts.append(PixelVerdict(code, group, len(votes), total))
    return tuple(verdicts)


def turn_from_pixels(samples: Sequence[Sample], image_policy: ImagePolicy) -> Dihedral | None:
    """The turn that corrects the labels of all `samples`; None if they look right or there is no decision.

    The samples, each in its own frame and untransformed, are assumed to share one mistake, if any. Raises `ImageError`
    where the system fails to read an image.
    """
    measures, votes = _measured(
        (samples[index] for index in _evenly_spaced(range(len(samples)))), _as_every_turn, image_policy
    )
    return turn_of(measures, votes) if len(votes) else None


def _measured(
    samples: Iterable[Sample], readings: Callable[[Sample, Header], Shares], image_policy: ImagePolicy
) -> tuple[Measures, Votes]:
    """The measures (P, R, 5) and votes (P,) of the samples that can be decoded and have a box; empty where none is.

    Raises `ImageError` where the system fails to read one.
    """
    found: list[Measures] = []
    thumbnails: list[NDArray[np.float64]] = []
    for sample in samples:
        if sample.header is None or sample.refusal or not len(sample.instances):
            continue
        try:
            features = read_features(sample.path, sample.header, image_policy)
        except ImageError as error:
            if error.by_system:  # the next run would decide by other images
                raise
            continue
        found.append(contrast(features, readings(sample, sample.header)))
        thumbnails.append(features.thumbnail)
    return np.array(found), vote_weights(np.array(thumbnails)) if thumbnails else np.zeros(0)


def _as_both_frames(sample: Sample, header: Header) -> Shares:
    return np.stack([_shares(sample.in_frame(frame, ""), header) for frame in (Frame.STORED, Frame.DISPLAYED)])


def _as_every_turn(sample: Sample, header: Header) -> Shares:
    shares = _shares(sample, header)
    return np.stack([map_boxes(turn.affine(Size(1, 1)), shares) for turn in TURNS])


def _shares(sample: Sample, header: Header) -> NDArray[np.float64]:
    stored = map_boxes(sample.to_stored, sample.instances.boxes)
    return np.asarray(np.nan_to_num(stored / np.tile(header.size, 2)))


def _evenly_spaced(indices: Sequence[int]) -> Sequence[int]:
    """At most `PHOTOS` of `indices`, evenly spread."""
    if len(indices) <= PHOTOS:
        return indices
    return [indices[place * len(indices) // PHOTOS] for place in range(PHOTOS)]


def log_odds(one: Measures, other: Measures, weights: Weights = WEIGHTS) -> NDArray[np.float64]:
    """The log-odds (P,) that the reading measured as `one` (P, 5) is right and not `other` (P, 5), photo by photo.

    Exchanging the two changes the sign and nothing else.
    """
    return np.asarray(np.clip((one - other) @ np.asarray(weights), -MAX_LOG_ODDS, MAX_LOG_ODDS))


def vote_weights(thumbnails: NDArray[np.float64]) -> Votes:
    """The share (P,) of a vote that each photo of a group has: 1, or 1 / n for one of n similar photos.

    `thumbnails` (P, K) are unit vectors, whose products are the similarity of two photos.
    """
    return np.asarray(1.0 / np.maximum((thumbnails @ thumbnails.T > SIMILAR).sum(axis=1), 1))


def frame_of(stored: Measures, displayed: Measures, votes: Votes, weights: Weights = WEIGHTS) -> Frame | None:
    """The frame of the labels of a group of photos (P, 5) of one orientation; None where it is not certain."""
    return _certain_frame(_total_log_odds(stored, displayed, votes, weights))


def _total_log_odds(one: Measures, other: Measures, votes: Votes, weights: Weights = WEIGHTS) -> float:
    """The log-odds of a group of photos that the reading measured as `one` is right and not `other`."""
    return float(votes @ log_odds(one, other, weights))


def _certain_frame(log_odds_of_stored: float) -> Frame | None:
    """The frame that these log-odds are for; None where it is not certain."""
    if abs(log_odds_of_stored) < _needed_log_odds(1):
        return None
    return Frame.STORED if log_odds_of_stored > 0 else Frame.DISPLAYED


def turn_of(measures: Measures, votes: Votes, weights: Weights = WEIGHTS) -> Dihedral | None:
    """The turn that corrects the labels of a group of photos; None where they look right or it is not certain.

    `measures` (P, 8, 5) are those under each of `TURNS`. The best turn needs seven times the odds of a choice between
    two readings, since it is the best of seven.
    """
    totals = votes @ log_odds(measures, measures[:, :1], weights)
    best = int(np.argmax(totals))
    return TURNS[best] if totals[best] >= _needed_log_odds(len(TURNS) - 1) else None


def _needed_log_odds(rivals: int) -> float:
    """The log-odds that the best of `rivals` needs."""
    return log(rivals * CONFIDENCE / (1.0 - CONFIDENCE))
