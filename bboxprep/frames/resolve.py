"""Decides the frame (stored or displayed) of the labels of each photo of a dataset.

A photo follows its own evidence (`frames.evidence`). One without evidence follows the others if those are unanimous,
else its pixels (`frames.from_pixels`), else it is taken as displayed, which is a finding. If photos with evidence
disagree and one without is left, nothing is guessed: `FrameError` tells the user to state the frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

from bboxprep.errors import FrameError
from bboxprep.findings import Finding
from bboxprep.frames.evidence import FrameEvidence, unanimous_frame, without_chance_votes
from bboxprep.frames.from_pixels import verdicts_from_pixels
from bboxprep.images.codecs.codec import ImagePolicy
from bboxprep.io.paths import relative_path
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.sample import Frame, Key, Sample

LabelsIn = Literal["auto", "stored", "displayed"]
Decision = tuple[Frame, str]  # a frame, and the evidence for it

UPRIGHT: Decision = (Frame.DISPLAYED, "upright")  # of an image that no orientation turns: both planes are one
_ASSUMED: Decision = (Frame.DISPLAYED, "assumed")
_PROOFS = frozenset({"declared-size", "box-bounds", "whole-pixels", "pixels"})
_HINT = "say which with `labels_in='stored'` or `labels_in='displayed'`"


class SurveyedImage(Protocol):
    """The facts about an image that the survey collects."""

    @property
    def key(self) -> Key:
        """Its split and name."""

    @property
    def path(self) -> Path:
        """The path of its file."""

    @property
    def header(self) -> Header | None:
        """Its header; None if it cannot be read."""

    @property
    def frame_evidence(self) -> FrameEvidence:
        """The evidence in its labels and header."""


def resolve_frames(
    source: Path,
    dataset: Dataset,
    images: Sequence[SurveyedImage],
    labels_in: LabelsIn,
    image_policy: ImagePolicy,
    plane: Frame | None = None,
) -> tuple[dict[Key, Decision], tuple[Finding, ...]]:
    """The frame of each turned image of `dataset`, read from `source`; `images` are the first look, in its order. And
    notes on what the pixels say, with the odds, where they were asked.

    `labels_in` states it for all of them, unless it is "auto"; then the `plane` that the format defines, if it does.
    Else images are decoded, as `image_policy` says, but only where no number tells. Raises `FrameError` where the
    evidence of an image contradicts itself, or that of the dataset does, and `ImageError` where the system fails to
    read one.
    """
    turned = {index: image for index, image in enumerate(images) if image.frame_evidence.turned}
    if labels_in != "auto":
        return {image.key: (Frame(labels_in), "option") for image in turned.values()}, ()
    if plane:
        return {image.key: (plane, "format") for image in turned.values()}, ()
    unturned = [index for index, image in enumerate(images) if image.header and not image.frame_evidence.turned]
    evidence, notes = _with_pixels(dataset, turned, unturned, image_policy)
    for index, image in turned.items():
        if evidence[index].contradicts_itself:
            _refuse_contradiction(source, relative_path(image.path, dataset.folder), evidence[index])
    default = unanimous_frame(list(evidence.values()))
    silent = sum(not one.votes for one in evidence.values())
    if default is None and silent:
        raise FrameError(
            source,
            "",
            f"{silent} turned images do not tell which plane their labels were drawn in, and the "
            f"{len(turned) - silent} that do disagree; {_HINT}",
        )
    frames = {image.key: (evidence[index].votes or (default or _ASSUMED,))[0] for index, image in turned.items()}
    return frames, notes


def assumption(sample: Sample) -> tuple[str, str]:
    """(finding code, message) where the frame of `sample` was assumed without evidence; ("", "") else."""
    if (sample.frame, sample.evidence) != _ASSUMED:
        return "", ""
    code = sample.header.orientation if sample.header else 1
    return "frame-assumed", f"orientation {code}: labels taken as displayed"


def stale_tag(sample: Sample) -> tuple[str, str]:
    """(finding code, message) where the labels of a turned image prove to be drawn on its stored pixels, so that its
    orientation tag may be out of date; ("", "") else.
    """
    header = sample.header
    if header is None or header.orientation == 1 or sample.frame is not Frame.STORED or sample.evidence not in _PROOFS:
        return "", ""
    words = f"orientation {header.orientation}, but labels on the image as stored ({sample.evidence}): a stale tag?"
    return "orientation-stale", f"{words} `upright='auto'` leaves such images as they are"


def _with_pixels(
    dataset: Dataset, turned: Mapping[int, SurveyedImage], unturned: Sequence[int], image_policy: ImagePolicy
) -> tuple[dict[int, FrameEvidence], tuple[Finding, ...]]:
    """The evidence of the `turned` images by their indices, and where none settles the silent ones, that of pixels,
    which those at `unturned` may teach to judge; and notes on the latter.
    """
    evidence = dict(zip(turned, without_chance_votes([image.frame_evidence for image in turned.values()]), strict=True))
    if unanimous_frame(list(evidence.values())) in (None, _ASSUMED):
        headers = {index: image.header for index, image in turned.items() if not evidence[index].votes}
        silent = {index: header.orientation for index, header in headers.items() if header}
        verdicts = verdicts_from_pixels(dataset, silent, unturned, image_policy)
        for verdict in verdicts:
            if verdict.frame:
                seen = FrameEvidence(turned=True, votes=((verdict.frame, "pixels"),))
                evidence |= dict.fromkeys(verdict.indices, seen)
        return evidence, tuple(Finding("frame-from-pixels", str(verdict)) for verdict in verdicts)
    return evidence, ()


def _refuse_contradiction(source: Path, image: str, evidence: FrameEvidence) -> None:
    votes = ", ".join(f"{kind} says {frame}" for frame, kind in evidence.votes)
    words = f"contradicting evidence of the plane its labels were drawn in ({votes}); {_HINT}"
    raise FrameError(source, image, words)
