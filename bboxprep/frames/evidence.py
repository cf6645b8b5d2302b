"""Evidence in one image for the frame (stored or displayed) that its labels were drawn in.

A file with an EXIF orientation has a stored and a displayed plane, and annotation files do not state which one they
mean. If the turn exchanges width and height, three things are evidence: the size that the annotations state, boxes that
fit into one plane only, and fractions that are whole pixels in one plane only. An image without evidence follows the
rest of the dataset if that is unanimous, else the pixels (`frames.from_pixels`), else it is taken as displayed and
counted.

**Whole pixels.** Most tools draw on whole pixels. Fractions of a size give whole pixels only with the size that they
are fractions of: in an image of W x H, the numbers w W, h H, 2 cx W and 2 cy H of a box are whole, up to the rounding
of the printed decimals. With W and H exchanged some of them are not.

**How sure.** Let a number be printed in steps of s. In the plane it was drawn in it lies within a tolerance
t = 1.5 s x extent of a whole one; a random number does so with the probability 2 t. A plane is voted
for where *all* numbers of an image are whole in it, where along each axis at least one is not whole in the other plane
(labels drawn on a copy stretched to a square are whole in one axis of either), and where the product of the chances of
those that are not, each distinct value counted once, is at most `CHANCE`. So an image whose labels are not on whole
pixels votes, for either plane, less than once in 1 / (2 `CHANCE`) times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.geometry.shapes import Boxes
from bboxprep.model.sample import Frame, Sample

SLACK = 1.5  # px; one-based formats and rounding tools write boxes that far over the edge, which proves nothing
RARE = 0.02  # of the turned images; fewer whole-pixel votes can be chance among labels that are not on whole pixels


CHANCE = 1e-5
MAX_DECIMALS = 7  # the precision of float32

Numbers = NDArray[np.float64]  # (K, 2): along x and along y


class FrameEvidence(msgspec.Struct, frozen=True):
    """The evidence of one image for its frame: votes as (frame, evidence), empty if there is none."""

    turned: bool
    votes: tuple[tuple[Frame, str], ...] = ()

    @property
    def contradicts_itself(self) -> bool:
        """Whether its pieces of evidence disagree."""
        return len({frame for frame, _ in self.votes}) > 1


UNTURNED = FrameEvidence(turned=False)
"""That of an image without an orientation, whose planes are the same."""


def frame_evidence_of(sample: Sample) -> FrameEvidence:
    """The evidence in `sample`, which needs a header."""
    header = sample.header
    if header is None or header.orientation == 1:
        return UNTURNED
    if header.stated:
        return FrameEvidence(turned=True, votes=((Frame.STORED, "format"),))
    planes = {Frame.STORED: header.size, Frame.DISPLAYED: header.displayed}
    if header.size == header.displayed:
        return FrameEvidence(turned=True)
    votes = [(frame, "declared-size") for frame, size in planes.items() if sample.declared == size]
    if not sample.fractional:
        fitting = [frame for frame, size in planes.items() if fits(sample.instances.boxes, size)]
        if len(fitting) == 1:
            votes.append((fitting[0], "box-bounds"))
    elif frame := whole_pixel_frame(sample):
        votes.append((frame, "whole-pixels"))
    return FrameEvidence(turned=True, votes=tuple(votes))


def fits(boxes: Boxes, size: Size) -> bool:
    """Whether all boxes lie in an image of `size`, or at most `SLACK` px outside of it."""
    return bool((boxes >= -SLACK).all() and (boxes[:, 2:] <= (size.width + SLACK, size.height + SLACK)).all())


def without_chance_votes(frame_evidences: Sequence[FrameEvidence]) -> list[FrameEvidence]:
    """The evidence of the turned images, without votes for whole pixels if fewer than `RARE` of all images cast one.

    An image votes by accident once in 50,000 times, which is likely in a large dataset; and one vote would decide for
    all images without evidence.
    """
    cast = [
        any(evidence == "whole-pixels" for _, evidence in frame_evidence.votes) for frame_evidence in frame_evidences
    ]
    if sum(cast) >= RARE * len(frame_evidences):
        return list(frame_evidences)
    return [
        msgspec.structs.replace(
            frame_evidence, votes=tuple(vote for vote in frame_evidence.votes if vote[1] != "whole-pixels")
        )
        for frame_evidence in frame_evidences
    ]


def unanimous_frame(frame_evidences: Sequence[FrameEvidence]) -> tuple[Frame, str] | None:
    """The frame, and the evidence for it, of the turned images that have no evidence of their own.

    None if the other images disagree.
    """
    frames = Counter(frame_evidence.votes[0][0] for frame_evidence in frame_evidences if frame_evidence.votes)
    if not frames:
        return Frame.DISPLAYED, "assumed"
    return (next(iter(frames)), "dataset") if len(frames) == 1 else None


def size_fault(sample: Sample) -> tuple[str, str]:
    """(finding code, message) if the declared size differs from that of the image; ("", "") if not."""
    header, declared = sample.header, sample.declared
    if header is None or declared is None or declared in (header.size, header.displayed):
        return "", ""
    if declared == header.size.transposed and header.orientation == 1:
        if fits(sample.instances.boxes, header.size):
            return "size-swapped", f"the labels say {declared}, the image is {header.size}; its boxes fit the image"
        hint = "; the boxes fit the size that the labels say, so the image was turned after it was labelled"
    else:
        hint = ""
    return "size-contradicts", f"the labels say {declared}, the image is {header.displayed}{hint}"


def whole_pixel_frame(sample: Sample) -> Frame | None:
    """The plane in which alone the fractions of `sample`, which needs a header, are whole pixels; None if not sure."""
    header, boxes = sample.header, sample.instances.boxes
    if header is None or not sample.fractional or header.size == header.displayed or not len(boxes):
        return None
    planes = {Frame.STORED: header.size, Frame.DISPLAYED: header.displayed}
    shares = boxes / np.tile(planes[sample.frame], 2)
    numbers = np.concatenate((shares[:, 2:] - shares[:, :2], shares[:, 2:] + shares[:, :2]))
    if not np.isfinite(numbers).all():
        return None
    step = _step(numbers)
    whole = {frame: _whole(numbers, size, step) for frame, size in planes.items()}
    for frame, other in ((Frame.STORED, Frame.DISPLAYED), (Frame.DISPLAYED, Frame.STORED)):
        telling = ~whole[other]
        if (
            whole[frame].all()
            and telling.any(axis=0).all()
            and _chance(numbers, telling, planes[frame], step) <= CHANCE
        ):
            return frame
    return None


def _step(numbers: Numbers) -> float:
    """The step that the numbers were printed in: a power of ten, at least 10 to the minus `MAX_DECIMALS`.

    They are multiples of half of it: a reader that cuts a box at the edge of the image leaves halves.
    """
    for decimals in range(2, MAX_DECIMALS):
        scaled = numbers * (2.0 * 10.0**decimals)
        if (np.abs(scaled - np.rint(scaled)) < 1e-6).all():
            return float(10.0**-decimals)
    return float(10.0**-MAX_DECIMALS)


def _whole(numbers: Numbers, size: Size, step: float) -> NDArray[np.bool_]:
    pixels = numbers * np.array(size)
    return np.asarray(np.abs(pixels - np.rint(pixels)) <= SLACK * step * np.array(size))


def _chance(numbers: Numbers, telling: NDArray[np.bool_], size: Size, step: float) -> float:
    """The probability that the distinct `telling` numbers are whole pixels by chance."""
    counts = [len(set(np.rint(numbers[telling[:, axis], axis] / step).tolist())) for axis in (0, 1)]
    by_chance = np.minimum(2.0 * SLACK * step * np.array(size), 1.0)
    return float(np.prod(by_chance ** np.array(counts)))
