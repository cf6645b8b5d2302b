"""The third layer: does the output show at each box what the source shows there?

The source, decoded by Pillow and mapped by OpenCV, is laid over the output as OpenCV reads it: the whole image
against all eight turns, every object at its place and around it, and some places without objects. Steps that change how
pixels look are repeated on the source as far as they can be; after one that cannot, only likeness says something.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import ImageError
from bboxprep.geometry.affine import Size
from bboxprep.images.codecs.independent_decoder import (
    Gray,
    ReducedGray,
    pixel_lengths,
    shown,
    softened,
    trained_on,
    warped,
)
from bboxprep.io.remote import member
from bboxprep.model.sample import Sample
from bboxprep.pipeline.output.image_rows import ImageRow
from bboxprep.verification.consensus import settled
from bboxprep.verification.effects_model import Retouched, retouch
from bboxprep.verification.expectation import Mapped
from bboxprep.verification.faults import Fault, Layer, Tally
from bboxprep.verification.geometric import Compared
from bboxprep.verification.patch_similarity import Likeness, Mask, PatchVerdict, compare
from bboxprep.verification.region import beyond, pixels_inside
from bboxprep.verification.verification_inputs import VerificationInputs, described, names_of
from bboxprep.verification.whole_image import DONE, MIRRORED, POOR, SAME_THUMB, Posture, posture, resembles, thumbnail

SOFT = 0.8  # px; what JPEG and another kernel do differs mostly in the finest detail
MARGIN = 0.15  # of a box on each side: the edge of a thing says most of where it is
LEAST = 4  # px of margin
EDGE = 4.0  # px; so near to the rim of a turned image its margin may be mixed in
CLEAR = 0.8  # correlation that proves a place in an image whose looks were changed in a way that is not known
PLAIN = 2.0  # gray levels; a row or column that varies less may be a margin
LONG = 1024  # px of the longer side that images are not reduced below, to be compared
PROBES = 3  # places along each axis that are looked at besides the objects
UNIT = "objects and places"


@dataclass(frozen=True, eq=False)
class PixelPlace:
    """What the pixels of one image say. Thumbnails of the image `wanted` and of the one that is there (`have`) are
    kept of each; `astray` where the image is none of the eight turns of what it should be."""

    faults: tuple[Fault, ...] = ()
    tally: Tally = field(default_factory=lambda: Tally(Layer.PIXEL, UNIT))
    wanted: NDArray[np.float32] | None = None
    have: NDArray[np.float32] | None = None
    astray: bool = False


@dataclass(frozen=True, eq=False)
class _Pictures:
    """The image that is expected, the one that is there, and the part (x0 y0 x1 y1, px) that the source covers.

    `seen` (H, W) are the pixels of that part that count, None for all. `weak` names what was done to the image so
    that unlikeness says nothing; `vague`: nobody knows where its margins are. All of it is at one `by`-th of the
    output's size.
    """

    expected: Gray
    actual: Gray
    visible: tuple[int, int, int, int]
    seen: Mask | None = None
    weak: str = ""
    vague: bool = False
    by: int = 1

    @cached_property
    def mask(self) -> Mask:
        """The pixels (H, W) that count."""
        mask = np.zeros(self.expected.shape, dtype=np.bool_)
        x0, y0, x1, y1 = self.visible
        mask[y0:y1, x0:x1] = True
        return mask if self.seen is None else mask & self.seen


def look_at(case: VerificationInputs, image: ImageRow, compared: Compared) -> PixelPlace:
    """The pixels of `image` against its source; nothing where either cannot be had."""
    origin, sample, mapped = case.origin(image), case.written(image), compared.mapped
    if sample is None or sample.header is None or not image.output:
        return PixelPlace()
    count = len(sample.instances)
    if origin is None or origin.header is None or mapped is None:
        word = case.why_not or "the source of an image, or how it was mapped, is not known"
        return _unsure(count, word)
    try:
        path, steps = member(case.run.root / image.output), case.recipe(image).get("steps")
        by = _reduction(mapped.size, steps)
        mapped = mapped.reduced(by)
        actual = trained_on(path, sample.header.container, case.file(image, path), by)
        length = max(pixel_lengths(mapped.from_shown))
        source = shown(origin.path, origin.header.container, case.file(image, origin.path), length)
        pictures = _pictures(source, mapped, actual, steps, by)
    except ImageError as error:
        if error.path == origin.path:
            return _unsure(count, "a source cannot be decoded by others")
        return PixelPlace((_fault("image-unreadable", image.output, error.problem),), Tally(Layer.PIXEL, UNIT, wrong=1))
    if pictures is None:
        return _unsure(count, "a source is of another size than its header says, or nothing of it is visible")
    return _judge(case, image.output, sample, compared, pictures)


def swapped(pairs: Sequence[tuple[str, PixelPlace]]) -> Iterator[Fault]:
    """What the images that are not what they should be show instead: that of another image, or something else."""
    for output, seen in pairs:
        if not seen.astray or seen.have is None:
            continue
        others = [
            (resembles(seen.have, other.wanted), name)
            for name, other in pairs
            if name != output and other.wanted is not None
        ]
        score, name = max(others, default=(-1.0, ""))
        if score >= SAME_THUMB:
            yield _fault("image-swapped", output, f"shows the image that {name} should show", amount=score)
        else:
            yield _fault("pixels-differ", output, "does not show the image of its source, in any turn")


def _judge(
    case: VerificationInputs, output: str, sample: Sample, compared: Compared, pictures: _Pictures
) -> PixelPlace:
    if pictures.weak:
        return _weakly(case, sample, compared, pictures)
    thumbs = _thumbnails(pictures)
    stance = posture(pictures.expected, pictures.actual, pictures.mask)
    count = len(sample.instances)
    tally = Tally(Layer.PIXEL, UNIT, unsure=count, wrong=1)
    if stance.verdict is PatchVerdict.SHIFTED:
        return PixelPlace((_turned(output, stance),), tally, *thumbs)
    if pictures.actual.shape != pictures.expected.shape:
        return PixelPlace((), Tally(Layer.PIXEL, UNIT, unsure=count, words=("an image is not of its size",)), *thumbs)
    if stance.verdict is PatchVerdict.OTHER and not pictures.vague and not _merely_shifted(pictures):
        return PixelPlace((), tally, *thumbs, astray=True)
    moved, resting = _likenesses(case, sample, compared, pictures)
    if any(likeness.verdict in (PatchVerdict.SHIFTED, PatchVerdict.OTHER) for _, likeness in resting):
        noise, whole = (np.inf, 1.0) if pictures.vague else (_noise(pictures), stance.score)
        resting = settled(resting, noise, max(pictures.expected.shape), whole)
    found = [*moved, *resting]
    faults = tuple(_likeness_faults(output, found, pictures.by))
    sure = sum(likeness.verdict is PatchVerdict.SAME for _, likeness in found)
    tally = Tally(Layer.PIXEL, UNIT, sure, len(found) - sure - len(faults), len(faults))
    return PixelPlace(faults, tally, *thumbs)


def _weakly(case: VerificationInputs, sample: Sample, compared: Compared, pictures: _Pictures) -> PixelPlace:
    """An image that may differ without a fault: a place that is alike is proven, any other is undecided."""
    if pictures.actual.shape != pictures.expected.shape:
        return _unsure(len(sample.instances), "an image is not of its size")
    _, resting = _likenesses(case, sample, compared, pictures)
    sure = sum(likeness.verdict is PatchVerdict.SAME and likeness.score >= CLEAR for _, likeness in resting)
    word = f"{pictures.weak} changes pixels in a way that is not repeated here"
    return PixelPlace((), Tally(Layer.PIXEL, UNIT, sure, len(resting) - sure, words=(word,)))


def _likenesses(
    case: VerificationInputs, sample: Sample, compared: Compared, pictures: _Pictures
) -> tuple[list[tuple[str, Likeness]], list[tuple[str, Likeness]]]:
    """What the pixels say of the objects that lie elsewhere; and of those in their places and of places without any."""
    names = names_of(sample, case.output.dataset)
    moved = list(_moved_objects(sample, compared, pictures, names))
    resting = list(_resting_objects(sample, compared, pictures, names))
    objects = sample.instances.boxes / pictures.by
    resting += [(where, _compare(pictures, box, (0, 0))) for where, box in _places(pictures, objects)]
    return moved, resting


def _thumbnails(pictures: _Pictures) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Those of the image that is expected and of the one that is there; the margins of both are the latter's."""
    expected, outside = pictures.expected, ~pictures.mask
    if pictures.seen is not None and outside.any() and pictures.actual.shape == expected.shape:
        expected = np.where(outside, np.median(pictures.actual[outside]), expected).astype(np.float32)
    return thumbnail(expected), thumbnail(pictures.actual)


def _merely_shifted(pictures: _Pictures) -> bool:
    """Whether an image that does not fit as it lies would fit a little beside its place."""
    found = compare(pictures.expected, pictures.actual, pictures.visible, (0, 0), pictures.seen)
    return found.verdict is PatchVerdict.SHIFTED and found.best > POOR


def _fault(code: str, image: str, message: str, where: str = "", amount: float = 0.0) -> Fault:
    return Fault(Layer.PIXEL, code, image, where, message, amount)


def _unsure(count: int, word: str) -> PixelPlace:
    return PixelPlace((), Tally(Layer.PIXEL, UNIT, unsure=count, words=(word,)))


def _reduction(size: Size, steps: object) -> int:
    """By how much both images are reduced before they are compared. A shift that must be found is a share of the
    image; of a blur the record states the pixels.
    """
    if any("blur" in step for step in (steps if isinstance(steps, list) else ()) if isinstance(step, Mapping)):
        return 1
    return next((by for by in (8, 4, 2) if max(size) >= by * LONG and not any(side % by for side in size)), 1)


def _pictures(source: ReducedGray, mapped: Mapped, actual: Gray, steps: object, by: int = 1) -> _Pictures | None:
    """The images to compare; None where the source is not what its header says."""
    height, width = (side * source.by for side in source.gray.shape)
    if (width, height) != mapped.shown:
        return None
    from_reduced = mapped.from_shown @ np.diag([source.by, source.by, 1.0])
    retouched = retouch(warped(source.gray, from_reduced, mapped.size), steps)
    visible = _visible(mapped, actual)
    if visible[2] - visible[0] < 1 or visible[3] - visible[1] < 1:
        return None
    pictures = (softened(retouched.gray, SOFT), softened(actual, SOFT), visible, _seen(mapped, retouched))
    return _Pictures(*pictures, weak=retouched.weak, vague=mapped.warped and not mapped.derived, by=by)


def _seen(mapped: Mapped, retouched: Retouched) -> Mask | None:
    """The pixels that count, clear of margins that may be mixed into them; None where that is a rectangle."""
    if not mapped.warped and retouched.bare is None and retouched.bleed == 0:
        return None
    sides = beyond(mapped.seen, mapped.size)
    seen = pixels_inside(sides, mapped.size, (EDGE if mapped.warped else 0.0) + retouched.bleed)
    return seen if retouched.bare is None else seen & retouched.bare


def _visible(mapped: Mapped, actual: Gray) -> tuple[int, int, int, int]:
    """The whole pixels of the output that the source covers in full.

    Where the recipe is not known, plain rows and columns at the rim may be margin, and are left out.
    """
    x0, y0 = (int(np.ceil(edge - 1e-6)) for edge in mapped.visible[:2])
    x1, y1 = (int(np.floor(edge + 1e-6)) for edge in mapped.visible[2:])
    if mapped.derived or actual.shape != (mapped.size.height, mapped.size.width) or x1 <= x0 or y1 <= y0:
        return x0, y0, x1, y1
    part = actual[y0:y1, x0:x1]
    columns, rows = (np.flatnonzero(part.std(axis=axis) > PLAIN) for axis in (0, 1))
    if not len(rows) or not len(columns):
        return x0, y0, x0, y0
    return x0 + int(columns[0]), y0 + int(rows[0]), x0 + int(columns[-1]) + 1, y0 + int(rows[-1]) + 1


def _turned(output: str, stance: Posture) -> Fault:
    code = "image-mirrored" if stance.undo in MIRRORED else "image-turned"
    words = f"is {DONE[stance.undo]} (correlation {stance.best:.2f} when undone, {stance.score:.2f} as it is)"
    return _fault(code, output, words, amount=stance.best)


def _resting_objects(
    sample: Sample, compared: Compared, pictures: _Pictures, names: Sequence[str]
) -> Iterator[tuple[str, Likeness]]:
    """Every object whose box is where it should be: what is in it, against what the source shows there."""
    if compared.matching is not None:
        for _, output in sorted((*compared.matching.true, *compared.matching.relabelled), key=lambda pair: pair[1]):
            yield (
                described(output, names[output]),
                _compare(pictures, sample.instances.boxes[output] / pictures.by, (0, 0)),
            )


def _moved_objects(
    sample: Sample, compared: Compared, pictures: _Pictures, names: Sequence[str]
) -> Iterator[tuple[str, Likeness]]:
    """Every object whose box is elsewhere: what is in it, against what the source shows in its own box."""
    if compared.matching is not None and compared.expected is not None:
        for source, output in compared.matching.moved:
            want, have = (
                box / pictures.by for box in (compared.expected.boxes[source], sample.instances.boxes[output])
            )
            x, y = np.rint((have[:2] + have[2:] - want[:2] - want[2:]) / 2.0).tolist()
            yield described(output, names[output]), _compare(pictures, want, (int(x), int(y)))


def _noise(pictures: _Pictures) -> float:
    """By how many gray levels the images differ for the most part: the median deviation, as a standard deviation."""
    mask = pictures.mask
    want, have = (picture[mask].astype(np.float64) for picture in (pictures.expected, pictures.actual))
    if not len(want):
        return np.inf
    spread = float(want.std())
    gain = float(((want - want.mean()) * (have - have.mean())).mean()) / spread**2 if spread > 0 else 1.0
    rest = have - gain * want
    return 1.4826 * float(np.median(np.abs(rest - np.median(rest))))


def _places(pictures: _Pictures, objects: NDArray[np.float64]) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Squares of a sixth of the visible part, on a grid, that meet no object."""
    x0, y0, x1, y1 = pictures.visible
    half = max(min(x1 - x0, y1 - y0) / 12, LEAST)
    for row in range(PROBES):
        for column in range(PROBES):
            x = x0 + (x1 - x0) * (column + 0.5) / PROBES
            y = y0 + (y1 - y0) * (row + 0.5) / PROBES
            box = np.array([x - half, y - half, x + half, y + half])
            meets = (objects[:, :2] < box[2:]).all(axis=1) & (objects[:, 2:] > box[:2]).all(axis=1)
            if not meets.any():
                yield f"at {x * pictures.by:.0f}, {y * pictures.by:.0f}", box


def _compare(pictures: _Pictures, box: NDArray[np.float64], offset: tuple[int, int]) -> Likeness:
    margin = np.maximum((box[2:] - box[:2]) * MARGIN, LEAST)
    x0, y0, x1, y1 = pictures.visible
    low = np.clip(np.floor(box[:2] - margin), (x0, y0), (x1, y1)).astype(int)
    high = np.clip(np.ceil(box[2:] + margin), (x0, y0), (x1, y1)).astype(int)
    if (high <= low).any():
        return Likeness(PatchVerdict.UNSURE)
    region = (int(low[0]), int(low[1]), int(high[0]), int(high[1]))
    return compare(pictures.expected, pictures.actual, region, offset, pictures.seen)


def _likeness_faults(output: str, found: Sequence[tuple[str, Likeness]], by: int) -> Iterator[Fault]:
    for where, likeness in found:
        if likeness.verdict is PatchVerdict.SHIFTED:
            x, y = (pixels * by for pixels in likeness.shift)
            words = f"what should be there lies {np.hypot(x, y):.0f} px off ({x:+d}, {y:+d})"
            words += f"; correlation {likeness.best:.2f} there, {likeness.score:.2f} here"
            code = "box-off-object" if where.startswith("object") else "pixels-differ"
            yield _fault(code, output, words, where, float(np.hypot(x, y)))
        elif likeness.verdict is PatchVerdict.OTHER:
            words = f"does not show what the source shows there (correlation {likeness.score:.2f})"
            yield _fault("pixels-differ", output, words, where, 1.0 - likeness.score)
