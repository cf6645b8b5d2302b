"""The faults of outputs, with stable codes, the worst first; and tallies of the checks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from bboxprep.findings import CODES

Difference = tuple[str, str, float]
"""The code of a fault, its message, and by how much an output differs."""

FAULTS: dict[str, str] = {
    "record-missing": "the output has no bboxprep.json",
    "run-incomplete": "the run that writes this output has not ended",
    "record-damaged": "the record of the run cannot be read in full",
    "output-unreadable": "the output cannot be read as the dataset that its record names",
    "image-unfiltered": "an image is there that a filter of the recipe leaves out",
    "image-missing": "an image that the source has, or the record names, is not there",
    "image-unreadable": "an image cannot be decoded",
    "image-swapped": "an image shows what another one should show",
    "image-turned": "an image is turned against its labels",
    "image-mirrored": "an image is mirrored against its labels",
    "image-changed": "an image file has not the bytes that were written",
    "pixels-differ": "an image does not show what its source shows there",
    "image-shifted": "an image is shifted under its labels",
    "light-differs": "an image is brighter, darker or of another contrast than its recipe makes it",
    "colours-differ": "an image has exchanged channels, or has lost its colours",
    "detail-lost": "an image is blurred or compressed more than its recipe asks",
    "tag-present": "an image holds an orientation tag other than 1, which decoders read differently",
    "affine-stale": "the recorded map is not what the recipe does to the source as it is",
    "augmented-unseen": "an image of a split that no training sees was augmented",
    "copies-differ": "a training image has not the copies that the recipe asks for",
    "draw-differs": "what was drawn for an image is not what the recipe of the run allows",
    "size-differs": "the sizes of an image, of its record and of its labels are not the same",
    "size-transposed": "the labels state width and height exchanged and no tag says why",
    "frame-contradicts": "the labels of turned photos contradict each other about the plane they were drawn in",
    "labels-look-turned": "by what the images show, the labels of a group of photos lie turned or mirrored",
    "object-missing": "an object of the source is gone and no rule of the run drops it",
    "removal-differs": "functions are said to have left out other objects than those that are gone",
    "object-extra": "an object has none in the source that it can come from",
    "label-changed": "an object has another class than in the source",
    "box-moved": "a box is not where the source's box is mapped to",
    "box-off-object": "the thing in a box lies beside it",
    "box-off-outline": "a box is not that of its own polygon",
    "outline-moved": "an outline is not where the source's outline is mapped to",
    "keypoint-moved": "a keypoint is not where the source's keypoint is mapped to",
    "outline-lost": "an object has lost the outline that it has in the source",
    "visibility-changed": "a keypoint is labelled, hidden or visible otherwise than in the source",
    "crowd-changed": "an object is a crowd region in the output or in the source alone",
    "area-changed": "an object states another area than its source or its shape has",
    "score-changed": "an object has another score than in the source",
    "attribute-changed": "an object has another attribute than in the source",
    "track-changed": "an object has another track id than in the source",
    "id-changed": "an object has another id than in the source",
    "outside-range": "a label reaches out of the image",
    "image-unlisted": "an image was written, but the labels do not name it",
    "image-extra": "an image lies in the output that the record does not name",
    "classes-differ": "the class table is not the recorded one",
    "class-changed": "a class has another id, parent, keypoint or line between keypoints than in the source",
    "label-overlooked": "a model is sure of an object that has no label",
    "label-swapped": "a model is sure of another class than the label of an object states",
    "label-misplaced": "a model is sure that the object of a label lies elsewhere",
    "label-repeated": "two labels of one class lie on one object by what a model sees",
    "count-differs": "a split or class holds another number than the record says",
    "keypoints-miscounted": "an object states another number of labelled keypoints than it has",
    "id-repeated": "an id stands twice",
    "record-duplicate": "the same object stands twice",
    "source-changed": "a file of the source is not the one that the output was made of",
    "source-missing": "a file that the output was made of is not in the source",
}
_RANKS = {code: rank for rank, code in enumerate([*FAULTS, *sorted(CODES.keys() - FAULTS.keys())])}


class Layer(StrEnum):
    """The layers of a verification."""

    STRUCTURAL = "structural"
    GEOMETRIC = "geometric"
    PIXEL = "pixel"
    PREDICTIONS = "predictions"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: `image` is a path below the output (or the source), `where` the object in it.

    `code` is a key of `FAULTS`, or of the findings that reading gives. `amount` orders faults of one code.
    """

    layer: Layer
    code: str
    image: str
    where: str
    message: str
    amount: float = 0.0

    def __post_init__(self) -> None:
        if self.code not in _RANKS:
            raise ValueError(f"fault code: {self.code!r} is neither in FAULTS nor in CODES")

    def __str__(self) -> str:
        return ": ".join(part for part in (self.image, self.where, self.message) if part)


@dataclass(frozen=True)
class Tally:
    """The counts of one layer: `checked` items (of the `unit`) are right, `unsure` are undecided, `wrong` are wrong.

    `words` say why something is undecided, each once.
    """

    layer: Layer
    unit: str
    checked: int = 0
    unsure: int = 0
    wrong: int = 0
    words: tuple[str, ...] = ()

    @property
    def counts(self) -> str:
        """The counts in words."""
        return f"{self.checked:,} {self.unit} right, {self.wrong:,} wrong, {self.unsure:,} undecided"

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.layer,
            self.unit,
            self.checked + other.checked,
            self.unsure + other.unsure,
            self.wrong + other.wrong,
            tuple(dict.fromkeys((*self.words, *other.words))),
        )


def meaning(code: str) -> str:
    """The meaning of `code`, in one line."""
    return FAULTS[code] if code in FAULTS else CODES[code][1]


def worst_first(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """`faults` sorted by severity of their code and by amount, without duplicates."""
    return tuple(
        sorted(dict.fromkeys(faults), key=lambda fault: (_RANKS[fault.code], -fault.amount, fault.image, fault.where))
    )
