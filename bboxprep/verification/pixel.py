"""The third layer of verification: compares the pixels of the output with those of the source.

The source is decoded by Pillow and warped by OpenCV; the output is decoded by OpenCV. The whole image is compared in
all eight turns, then a patch around each object at its place and at shifts of it, and some patches without objects.
Appearance steps are applied to the source where possible (`effects_model`); after a step that is not, only a match of
patches proves something.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, floor

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import ImageError
from bboxprep.images.codecs import independent_decoder
from bboxprep.images.codecs.codec import QUALITY, ImagePolicy
from bboxprep.images.gray_levels import Gray, agreement
from bboxprep.io.remote import member
from bboxprep.model.rendering import BACKGROUND
from bboxprep.model.sample import Sample
from bboxprep.pipeline.output.image_rows import DECODED, ImageRow
from bboxprep.verification import whole_image
from bboxprep.verification.appearance import appearance_faults, has_comparable_colours
from bboxprep.verification.backgrounds import MOST_OFF, object_pixels_in, share_off
from bboxprep.verification.consensus import combine, noise_between
from bboxprep.verification.effects_model import step_names
from bboxprep.verification.faults import Fault, Layer, Tally
from bboxprep.verification.geometric import ObjectComparison
from bboxprep.verification.image_pair import ImagePair, image_pair, reduction
from bboxprep.verification.mapped import Mapped
from bboxprep.verification.patch_similarity import Likeness, Mask, PatchVerdict, compare
from bboxprep.verification.region import grid_over
from bboxprep.verification.verification_inputs import VerificationInputs, described, names_of

MARGIN = 0.15  # of a box on each side: the edge of an object locates it best
LEAST = 4  # px; the least margin
CLEAR = 0.8  # correlation that proves a place in an image with unknown changes of appearance
PROBES = 3  # patches along each axis that are compared besides the objects
UNIT = "objects and places"
_PLACES = grid_over(np.array([0.0, 0.0, 1.0, 1.0]), PROBES)  # (9, 2), in shares of an image


@dataclass(frozen=True, eq=False)
class PixelComparison:
    """The result of comparing the pixels of one image. `wanted` and `have` are thumbnails of the expected and of the
    actual image; `mismatch`: the actual image is none of the eight turns of the expected one.
    """

    faults: tuple[Fault, ...] = ()
    tally: Tally = field(default_factory=lambda: Tally(Layer.PIXEL, UNIT))
    wanted: Gray | None = None
    have: Gray | None = None
    mismatch: bool = False


def compare_pixels(case: VerificationInputs, image: ImageRow, compared: ObjectComparison) -> PixelComparison:
    """Compare the pixels of `image` with its source; unsure where one of them or the map is not available."""
    origin, sample, mapped = case.origin(image), case.written(image), compared.mapped
    if sample is None or sample.header is None or not image.output:
        return PixelComparison()
    count = len(sample.instances)
    if image.parts:
        return _unsure(count, "the pixels of several images in one are not compared, only where their objects lie")
    if origin is None or origin.header is None or mapped is None:
        word = case.why_not or "the source of an image, or how it was mapped, is not known"
        return _unsure(count, word)
    try:
        path, steps = member(case.run.root / image.output), case.recipe(image).get("steps")
        by = reduction(mapped.size, steps)
        mapped = mapped.reduced(by)
        before, after = case.file(image, origin.path), case.file(image, path)
        coloured = before != after and has_comparable_colours(origin.header, steps)
        actual = independent_decoder.decode_with_opencv(path, sample.header.container, after, by, coloured=coloured)
        length, policy = max(independent_decoder.pixel_lengths(mapped.from_shown)), _decoding(case, image)
        source = independent_decoder.decode_displayed(
            origin.path, origin.header.container, before, length, policy, coloured=coloured
        )
        objects = _objects_of(compared, origin, mapped, by) if BACKGROUND in step_names(steps) else None
        pair = image_pair(source, mapped, actual.gray, steps, by, case.recipe(image).get("pad"), objects)
    except ImageError as error:
        if error.path == origin.path:
            return _unsure(count, "a source cannot be decoded by others")
        return PixelComparison(
            (_fault("image-unreadable", image.output, error.problem),), Tally(Layer.PIXEL, UNIT, wrong=1)
        )
    if pair is None:
        return _unsure(count, "a source is of another size than its header says, or nothing of it is visible")
    found = _judge(case, image.output, sample, compared, pair)
    unclear = pair.weak or pair.unknown_margins or pair.actual.shape != pair.expected.shape
    if found.faults or found.mismatch or unclear or before == after:
        return found
    rough = case.recipe(image).get("kernel") == "nearest"  # a kernel that changes fine detail by itself
    quality = 0 if rough else case.run.record.encoding.quality or QUALITY
    images = pair.expected, pair.actual, pair.mask
    told = appearance_faults(origin.header, source, actual, mapped, images, pair.coarse, steps, quality)
    faults = tuple(_fault(code, image.output, words, amount=amount) for code, words, amount in told)
    return replace(found, faults=faults, tally=found.tally + Tally(Layer.PIXEL, UNIT, wrong=len(faults)))


def _objects_of(compared: ObjectComparison, origin: Sample, mapped: Mapped, by: int) -> Mask | None:
    """The pixels of the objects that an image has, at 1 / `by` of its size; None where they are not known."""
    if compared.matching is None or compared.expected is None or not mapped.derived:
        return None
    return object_pixels_in(origin.instances, compared.matching.found, compared.expected.boxes / by, mapped)


def _decoding(case: VerificationInputs, image: ImageRow) -> ImagePolicy | None:
    """The recorded rules by which the source of `image` was decoded; None where it was not."""
    return case.run.record.image_policy if image.made in DECODED else None


def swapped(pairs: Sequence[tuple[str, PixelComparison]]) -> Iterator[Fault]:
    """The faults of images that do not show their source: they show that of another image, or something else."""
    for output, found in pairs:
        if not found.mismatch or found.have is None:
            continue
        others = [
            (agreement(found.have, other.wanted).correlation, name)
            for name, other in pairs
            if name != output and other.wanted is not None
        ]
        score, name = max(others, default=(-1.0, ""))
        if score >= whole_image.SAME_THUMB:
            yield _fault("image-swapped", output, f"shows the image that {name} should show", amount=score)
        else:
            yield _fault("pixels-differ", output, "does not show the image of its source, in any turn")


def _judge(
    case: VerificationInputs, output: str, sample: Sample, compared: ObjectComparison, pair: ImagePair
) -> PixelComparison:
    if pair.weak:
        return _weakly(case, sample, compared, pair)
    thumbs = pair.coarse.thumbnails
    turn = whole_image.match_turn(pair.coarse, pair.actual)
    count = len(sample.instances)
    tally = Tally(Layer.PIXEL, UNIT, unsure=count, wrong=1)
    if turn.verdict is PatchVerdict.SHIFTED:
        return PixelComparison((_turned(output, turn),), tally, *thumbs)
    if pair.actual.shape != pair.expected.shape:
        return PixelComparison(
            (), Tally(Layer.PIXEL, UNIT, unsure=count, words=("an image is not of its size",)), *thumbs
        )
    if turn.verdict is PatchVerdict.OTHER and not pair.unknown_margins and not _merely_shifted(pair):
        return PixelComparison((), tally, *thumbs, mismatch=True)
    if pair.background is not None and _off_background(pair, pair.background) > MOST_OFF:
        fault = _fault("pixels-differ", output, "is not filled outside of its objects, and there alone, as asked for")
        return PixelComparison((fault,), tally, *thumbs)
    moved, resting = _likenesses(case, sample, compared, pair)
    if any(likeness.verdict in (PatchVerdict.SHIFTED, PatchVerdict.OTHER) for _, likeness in resting):
        noise, whole = np.inf, 1.0
        if not pair.unknown_margins:
            want, have = (image.whole for image in pair.softened)
            noise, whole = noise_between(want, have, pair.mask), turn.score
        resting = combine(resting, noise, max(pair.expected.shape), whole)
    found = [*moved, *resting]
    faults = tuple(_likeness_faults(output, found, pair.by))
    sure = sum(likeness.verdict is PatchVerdict.SAME for _, likeness in found)
    tally = Tally(Layer.PIXEL, UNIT, sure, len(found) - sure - len(faults), len(faults))
    return PixelComparison(faults, tally, *thumbs)


def _off_background(pair: ImagePair, background: Mask) -> float:
    return share_off(pair.expected, pair.actual, pair.mask & ~background, background)


def _kernel_reach(compared: ObjectComparison, pair: ImagePair) -> float:
    """Half a pixel of the source in the output, px. Between the centres of two of its pixels nothing of an image is
    known: there each kernel puts the edge elsewhere, half a pixel off at most.
    """
    return (
        0.0 if compared.mapped is None else float(np.linalg.norm(compared.mapped.from_shown[:2, :2], 2)) / 2 / pair.by
    )


def _beyond_kernel(likeness: Likeness, box: NDArray[np.float64], reach: float) -> Likeness:
    """`likeness` at `box` (4,); undecided where it tells of a shift that is no longer than the `reach` of a kernel, px,
    or of other content in less than two pixels of the source, of which the kernel draws all.
    """
    small = likeness.verdict is PatchVerdict.OTHER and float((box[2:] - box[:2]).min()) < 4.0 * reach
    near = likeness.verdict is PatchVerdict.SHIFTED and float(np.hypot(*likeness.shift)) <= reach
    return msgspec.structs.replace(likeness, verdict=PatchVerdict.UNSURE) if small or near else likeness


def _weakly(case: VerificationInputs, sample: Sample, compared: ObjectComparison, pair: ImagePair) -> PixelComparison:
    """The result for an image that may differ without a fault: matching patches are proven, others undecided."""
    if pair.actual.shape != pair.expected.shape:
        return _unsure(len(sample.instances), "an image is not of its size")
    _, resting = _likenesses(case, sample, compared, pair)
    sure = sum(likeness.verdict is PatchVerdict.SAME and likeness.score >= CLEAR for _, likeness in resting)
    word = f"{pair.weak} changes pixels in a way that is not repeated here"
    return PixelComparison((), Tally(Layer.PIXEL, UNIT, sure, len(resting) - sure, words=(word,)))


def _likenesses(
    case: VerificationInputs, sample: Sample, compared: ObjectComparison, pair: ImagePair
) -> tuple[list[tuple[str, Likeness]], list[tuple[str, Likeness]]]:
    """The likenesses of patches of objects that have moved; then of objects in their places and of the background."""
    names = names_of(sample, case.output.dataset)
    moved = list(_moved_objects(sample, compared, pair, names))
    places = [*_resting_objects(sample, compared, pair, names), *_places(pair, sample.instances.boxes / pair.by)]
    reach = _kernel_reach(compared, pair)
    return moved, [(where, _beyond_kernel(_compare(pair, box, (0, 0)), box, reach)) for where, box in places]


def _merely_shifted(pair: ImagePair) -> bool:
    """Whether the actual image matches the expected one after a small shift."""
    found = compare(*pair.softened, pair.visible, (0, 0), pair.seen_scales)
    return found.verdict is PatchVerdict.SHIFTED and found.best > whole_image.POOR


def _fault(code: str, image: str, message: str, where: str = "", amount: float = 0.0) -> Fault:
    return Fault(Layer.PIXEL, code, image, where, message, amount)


def _unsure(count: int, word: str) -> PixelComparison:
    return PixelComparison((), Tally(Layer.PIXEL, UNIT, unsure=count, words=(word,)))


def _turned(output: str, turn: whole_image.TurnMatch) -> Fault:
    code = "image-mirrored" if turn.undo in whole_image.MIRRORED else "image-turned"
    words = (
        f"is {whole_image.TURN_WORDS[turn.undo]} (correlation {turn.best:.2f} when undone, {turn.score:.2f} as it is)"
    )
    return _fault(code, output, words, amount=turn.best)


def _resting_objects(
    sample: Sample, compared: ObjectComparison, pair: ImagePair, names: Sequence[str]
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """The box (4,) of each object that is in its expected place, px of the `pair`."""
    if compared.matching is not None:
        for _, output in sorted((*compared.matching.true, *compared.matching.relabelled), key=lambda pair: pair[1]):
            yield described(output, names[output]), sample.instances.boxes[output] / pair.by


def _moved_objects(
    sample: Sample, compared: ObjectComparison, pair: ImagePair, names: Sequence[str]
) -> Iterator[tuple[str, Likeness]]:
    """The likeness of each object whose box has moved: its patch in the output and in its expected place."""
    if compared.matching is not None and compared.expected is not None:
        for source, output in compared.matching.moved:
            want, have = (box / pair.by for box in (compared.expected.boxes[source], sample.instances.boxes[output]))
            x, y = np.rint((have[:2] + have[2:] - want[:2] - want[2:]) / 2.0).tolist()
            yield described(output, names[output]), _compare(pair, want, (int(x), int(y)))


def _places(pair: ImagePair, objects: NDArray[np.float64]) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Squares on a grid that meet no object, each a sixth of the visible part wide."""
    x0, y0, x1, y1 = pair.visible
    half = max(min(x1 - x0, y1 - y0) / 12, LEAST)
    middles = (x0, y0) + _PLACES * (x1 - x0, y1 - y0)
    squares = np.concatenate((middles - half, middles + half), axis=1)
    meets = (objects[:, None, :2] < squares[:, 2:]) & (objects[:, None, 2:] > squares[:, :2])
    for place in np.flatnonzero(~meets.all(axis=2).any(axis=0)).tolist():
        x, y = (middles[place] * pair.by).tolist()
        yield f"at {x:.0f}, {y:.0f}", squares[place]


def _compare(pair: ImagePair, box: NDArray[np.float64], offset: tuple[int, int]) -> Likeness:
    (x0, y0, x1, y1), (left, top, right, bottom) = box.tolist(), pair.visible
    across, down = max((x1 - x0) * MARGIN, LEAST), max((y1 - y0) * MARGIN, LEAST)
    low = floor(min(max(x0 - across, left), right)), floor(min(max(y0 - down, top), bottom))
    high = ceil(max(min(x1 + across, right), left)), ceil(max(min(y1 + down, bottom), top))
    region = (*low, *high)
    if region[2] <= region[0] or region[3] <= region[1]:
        return Likeness(PatchVerdict.UNSURE)
    return compare(*pair.softened, region, offset, pair.seen_scales)


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
