"""Decides the frame of labels from pixels, if no number is evidence for it.

`frames.contrast` measures how well boxes fit the pixels in each frame, and `frames.likelihood` compares the measures.
If the dataset has at least `calibrated.LEAST` unturned photos with boxes, at most `TEACHERS` of them are decoded too
and teach how its objects look (`frames.calibrated`); where that helps, turned photos are judged by it. Where the two
are certain of different frames, there is no decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import exp

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import ImageError
from bboxprep.frames import calibrated, contrast, likelihood
from bboxprep.frames.appearance import appearance_of
from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.shapes import map_boxes
from bboxprep.images.codecs.codec import ImagePolicy
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.sample import Frame, Sample

PHOTOS = 60  # of one orientation are decoded; a third of them gives the same results
TEACHERS = 200

Shares = NDArray[np.float64]  # (R, N, 4): readings of N boxes, in fractions of the stored image
Look = tuple[NDArray[np.uint8], contrast.ContrastFeatures, Shares]


class PixelVerdict(msgspec.Struct, frozen=True):
    """The test of the pixels of photos of one EXIF `orientation`: the samples at `indices`, of which so many `photos`
    were decoded. `log_odds` is the natural logarithm of the odds that the labels are in the stored frame. `teachers` is
    the number of unturned photos of the dataset that taught how to judge, 0 where none did.
    """

    orientation: int
    indices: tuple[int, ...]
    photos: int
    log_odds: float
    teachers: int = 0

    @property
    def frame(self) -> Frame | None:
        """The frame of the labels; None where it is not certain."""
        return likelihood.certain_frame(self.log_odds)

    def __str__(self) -> str:
        """One line with the frame and the odds."""
        likely = Frame.STORED if self.log_odds > 0 else Frame.DISPLAYED
        odds, wanted = f"{exp(abs(self.log_odds)):,.4g}", f"{exp(likelihood.needed_log_odds(1)):,.4g}"
        seen = f"the pixels of {self.photos} of {len(self.indices):,} photos"
        if self.teachers:
            seen += f", judged as {self.teachers} unturned ones teach"
        if self.frame:
            return f"orientation {self.orientation}: labels taken as {likely} by {seen}, at odds of {odds} to 1"
        words = f"{seen}{',' if self.teachers else ''} do not tell the plane of the labels"
        return f"orientation {self.orientation}: {words} (odds of {odds} to 1 for {likely}, want {wanted} to 1)"


def verdicts_from_pixels(
    dataset: Dataset, orientations: Mapping[int, int], unturned: Sequence[int], image_policy: ImagePolicy
) -> tuple[PixelVerdict, ...]:
    """The test of the pixels for each orientation of which a photo can be decoded.

    `orientations` has the EXIF code of each sample of `dataset` in question by its index; samples of one code get one
    frame. `unturned` are the indices of those without a turn, whose labels are assumed to be right. Images that cannot
    be decoded are skipped. Raises `ImageError` where the system fails to read one.
    """
    verdicts: list[PixelVerdict] = []
    calibration = _calibration(dataset, unturned, image_policy) if orientations else None
    for code in sorted(set(orientations.values())):
        group = tuple(index for index, orientation in orientations.items() if orientation == code)
        looks = _looks((dataset[index] for index in _evenly_spaced(group, PHOTOS)), _as_both_frames, image_policy)
        photos = [_photo(look) for look in looks] if calibration else [_plain_photo(look) for look in looks]
        if photos:
            votes = likelihood.vote_weights(np.array([photo.thumbnail for photo in photos]))
            measures = np.array([photo.measures for photo in photos])
            total = float(votes @ likelihood.log_odds(measures[:, 0], measures[:, 1]))
            if calibration:
                odds = calibration.log_odds(photos, Dihedral.from_exif(code))
                total = _undisputed(float(votes @ odds), total)
            verdicts.append(PixelVerdict(code, group, len(votes), total, calibration.photos if calibration else 0))
    return tuple(verdicts)


def turn_from_pixels(samples: Sequence[Sample], image_policy: ImagePolicy) -> Dihedral | None:
    """The turn that corrects the labels of all `samples`; None if they look right or there is no decision.

    The samples, each in its own frame and untransformed, are assumed to share one mistake, if any. That is why none of
    them teaches how to judge the others. Raises `ImageError` where the system fails to read an image.
    """
    some = (samples[index] for index in _evenly_spaced(range(len(samples)), PHOTOS))
    photos = [_plain_photo(look) for look in _looks(some, _as_every_turn, image_policy)]
    if not photos:
        return None
    votes = likelihood.vote_weights(np.array([photo.thumbnail for photo in photos]))
    return likelihood.turn_of(np.array([photo.measures for photo in photos]), votes)


def _calibration(dataset: Dataset, unturned: Sequence[int], image_policy: ImagePolicy) -> calibrated.Calibration | None:
    """What the photos at `unturned` teach; None if that is nothing. Raises `ImageError` where the system fails."""
    if len(unturned) < calibrated.LEAST:
        return None
    some = (dataset[index] for index in _evenly_spaced(unturned, TEACHERS))
    return calibrated.calibration_of([_photo(look) for look in _looks(some, _as_every_turn, image_policy)])


def _undisputed(taught: float, usual: float) -> float:
    """The log-odds `taught`, but 0 if both they and the `usual` ones are certain, of different frames."""
    frames = {likelihood.certain_frame(odds) for odds in (taught, usual)} - {None}
    return 0.0 if len(frames) > 1 else taught


def _looks(
    samples: Iterable[Sample], readings: Callable[[Sample, Header], Shares], image_policy: ImagePolicy
) -> Iterator[Look]:
    """The pixels, features and readings of the samples that can be decoded and have a box.

    Raises `ImageError` where the system fails to read one.
    """
    for sample in samples:
        if sample.header is None or sample.refusal or not len(sample.instances):
            continue
        try:
            pixels = contrast.read_small(sample.path, sample.header, image_policy)
        except ImageError as error:
            if error.by_system:  # the next run would decide by other images
                raise
            continue
        yield pixels, contrast.contrast_features_of(pixels), readings(sample, sample.header)


def _photo(look: Look) -> calibrated.Photo:
    pixels, features, readings = look
    measures = contrast.contrast(features, readings)
    return calibrated.Photo(measures, features.thumbnail, appearance_of(pixels, features, readings))


def _plain_photo(look: Look) -> calibrated.Photo:
    """A photo without its appearance, which takes as long as all else."""
    _, features, readings = look
    return calibrated.Photo(contrast.contrast(features, readings), features.thumbnail)


def _as_both_frames(sample: Sample, header: Header) -> Shares:
    return np.stack([_shares(sample.in_frame(frame, ""), header) for frame in (Frame.STORED, Frame.DISPLAYED)])


def _as_every_turn(sample: Sample, header: Header) -> Shares:
    shares = _shares(sample, header)
    return np.stack([map_boxes(turn.affine(Size(1, 1)), shares) for turn in likelihood.TURNS])


def _shares(sample: Sample, header: Header) -> NDArray[np.float64]:
    stored = map_boxes(sample.to_stored, sample.instances.boxes)
    return np.asarray(np.nan_to_num(stored / np.tile(header.size, 2)))


def _evenly_spaced(indices: Sequence[int], most: int) -> Sequence[int]:
    """At most `most` of `indices`, evenly spread."""
    if len(indices) <= most:
        return indices
    return [indices[place * len(indices) // most] for place in range(most)]
