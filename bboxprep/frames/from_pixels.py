"""Labels judged by the pictures they lie on: the last resort where no number tells the plane they were drawn in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import ImageError
from bboxprep.frames.contrast import contrast, look
from bboxprep.frames.likelihood import TURNS, Measures, Votes, frame_of, turn_of, vote_weights
from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.shapes import map_boxes
from bboxprep.images.codecs.codec import ImagePolicy
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.sample import Frame, Sample

PHOTOS = 60  # of one orientation are looked at; a third of them tells as much

Shares = NDArray[np.float64]  # (R, N, 4): readings of N boxes, in fractions of the stored picture


def frames_from_pixels(
    dataset: Dataset, orientations: Mapping[int, int], image_policy: ImagePolicy
) -> dict[int, Frame]:
    """The plane that the labels of samples were drawn in, by their index, as far as their pictures tell.

    `orientations` has the EXIF code of each sample of `dataset` in question, by its index; those of one code stand
    or fall together. Pictures that cannot be decoded are passed over.
    """
    verdicts: dict[int, Frame] = {}
    for code in sorted(set(orientations.values())):
        group = [index for index, orientation in orientations.items() if orientation == code]
        measures, votes = _measured((dataset[index] for index in _spread(group)), _as_both_frames, image_policy)
        frame = frame_of(measures[:, 0], measures[:, 1], votes) if len(votes) else None
        if frame:
            verdicts |= dict.fromkeys(group, frame)
    return verdicts


def turn_from_pixels(samples: Sequence[Sample], image_policy: ImagePolicy) -> Dihedral | None:
    """The turn that would set the labels of all `samples` right, None where they look right or nothing can be told.

    The samples, each in its own frame and untransformed, are taken to share one mistake, if any.
    """
    measures, votes = _measured(
        (samples[index] for index in _spread(range(len(samples)))), _as_every_turn, image_policy
    )
    return turn_of(measures, votes) if len(votes) else None


def _measured(
    samples: Iterable[Sample], readings: Callable[[Sample, Header], Shares], image_policy: ImagePolicy
) -> tuple[Measures, Votes]:
    """The measures (P, R, 5) and votes (P,) of the samples that can be decoded and have a box; empty where none is."""
    found: list[Measures] = []
    gists: list[NDArray[np.float64]] = []
    for sample in samples:
        if sample.header is None or sample.refusal or not len(sample.instances):
            continue
        try:
            sight = look(sample.path, sample.header, image_policy)
        except ImageError:
            continue
        found.append(contrast(sight, readings(sample, sample.header)))
        gists.append(sight.gist)
    return np.array(found), vote_weights(np.array(gists)) if gists else np.zeros(0)


def _as_both_frames(sample: Sample, header: Header) -> Shares:
    return np.stack([_shares(sample.seen_in(frame, ""), header) for frame in (Frame.STORED, Frame.DISPLAYED)])


def _as_every_turn(sample: Sample, header: Header) -> Shares:
    shares = _shares(sample, header)
    return np.stack([map_boxes(turn.affine(Size(1, 1)), shares) for turn in TURNS])


def _shares(sample: Sample, header: Header) -> NDArray[np.float64]:
    stored = map_boxes(sample.to_stored, sample.instances.boxes)
    return np.asarray(np.nan_to_num(stored / np.tile(header.size, 2)))


def _spread(indices: Sequence[int]) -> Sequence[int]:
    """At most `PHOTOS` of `indices`, evenly spread."""
    if len(indices) <= PHOTOS:
        return indices
    return [indices[place * len(indices) // PHOTOS] for place in range(PHOTOS)]
