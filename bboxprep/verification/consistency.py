"""Checks a dataset without its source: whether its labels, images and tags are consistent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import FrameError
from bboxprep.findings import Severity
from bboxprep.frames.from_pixels import turn_from_pixels
from bboxprep.geometry.affine import Size
from bboxprep.images.codecs.codec import ImagePolicy
from bboxprep.model.sample import Sample
from bboxprep.pipeline.source.open import Source, open_source
from bboxprep.verification.faults import Fault, Layer, Tally
from bboxprep.verification.oriented import overreach
from bboxprep.verification.verification_inputs import Options, described, names_of
from bboxprep.verification.whole_image import TURN_WORDS

SPILL = 1.5  # px; one-based formats and rounding tools write boxes that far over an edge, which is no fault
LEAST_OVERLAP = 0.9  # overlap of a box with the box around its outline
_TOLD = frozenset(  # notes of the reader that need a look before training
    {"orientation-disputed", "record-duplicate", "size-swapped"}
)


def examine(
    root: Path,
    reading: Options,
    image_policy: ImagePolicy,
    begin: Callable[[int], None],
    progress: Callable[[int], None],
) -> tuple[tuple[Fault, ...], tuple[Tally, ...]]:
    """The faults of the dataset at `root`, and the tallies of the checks. Raises `SourceError`."""
    faults: list[Fault] = []
    try:
        source = open_source(root, image_policy=image_policy, options=reading, sidecar=False)
    except FrameError as error:
        faults.append(_fault("frame-contradicts", str(error.where or error.path), error.problem))
        source = open_source(root, labels_in="displayed", image_policy=image_policy, options=reading, sidecar=False)
    begin(len(source.dataset))
    faults += _dataset_findings(source)
    wrong = objects = bad = 0
    for number, sample in enumerate(source.dataset, 1):
        found = list(_sample_faults(sample, source))
        faults += found
        wrong += bool(found)
        objects += len(sample.instances)
        bad += len({fault.where for fault in found if fault.where})
        progress(number)
    faults += _turned_labels(source, msgspec.structs.replace(image_policy, frames="first"))
    images = Tally(Layer.STRUCTURAL, "images", len(source.dataset) - wrong, 0, wrong)
    boxes = Tally(Layer.GEOMETRIC, "objects", max(0, objects - bad), 0, bad)
    return tuple(dict.fromkeys(faults)), (images, boxes)


def _fault(code: str, image: str, message: str, where: str = "", amount: float = 0.0) -> Fault:
    layer = Layer.GEOMETRIC if where.startswith("object") else Layer.STRUCTURAL
    return Fault(layer, code, image, where, message, amount)


def _turned_labels(source: Source, image_policy: ImagePolicy) -> Iterator[Fault]:
    """The fault of photos of one orientation whose labels look turned or mirrored against their pixels."""
    groups: dict[int, list[int]] = defaultdict(list)
    for index, summary in enumerate(source.summaries):
        if summary.header:
            groups[summary.header.orientation].append(index)
    for orientation, indices in sorted(groups.items()):
        turn = turn_from_pixels(source.dataset.select(indices).samples, image_policy)
        if turn is not None and not turn.is_identity:
            which = f"the labels of the {len(indices)} photos of EXIF orientation {orientation}"
            yield _fault("labels-look-turned", "", f"{which} would fit their images if {TURN_WORDS[(~turn).exif]}")


def _dataset_findings(source: Source) -> Iterator[Fault]:
    for finding in source.dataset.findings:
        if finding.severity is Severity.FAULT or finding.code in _TOLD:
            yield _fault(finding.code, finding.path, finding.message, finding.where)


def _sample_faults(sample: Sample, source: Source) -> Iterator[Fault]:
    image = sample.relative_path
    for finding in sample.findings:
        if finding.code == "size-contradicts" and (words := _transposed(sample)):
            yield _fault("size-transposed", image, words)
        elif finding.severity is Severity.FAULT or finding.code in _TOLD:
            yield _fault(finding.code, image, finding.message, finding.where)
    if sample.header is None or sample.refusal:
        return
    names = names_of(sample, source.dataset)
    yield from _outside(sample, image, names)
    yield from _repeated(sample, image, names)
    for row, rings in enumerate(sample.instances.polygons):
        overlap = _overlap(sample.instances.boxes[row], np.concatenate(rings), sample.size) if rings else 1.0
        if overlap < LEAST_OVERLAP:
            words = f"overlaps the box around its polygon by {overlap:.2f} (want {LEAST_OVERLAP} or more)"
            yield _fault("box-off-outline", image, words, described(row, names[row]), 1.0 - overlap)


def _transposed(sample: Sample) -> str:
    """The message where width and height are exchanged and no tag explains it; "" otherwise."""
    header, declared = sample.header, sample.declared
    if header is None or declared != header.size.transposed or header.orientation != 1:
        return ""
    boxes, size = sample.instances.boxes, header.size
    words = f"the labels say {declared}, the image is {size} and has no orientation tag: turned after labelling, by "
    words += "90 degrees one way or the other (orientation 6 or 8, or mirrored, 5 or 7)"
    fits = len(boxes) == 0 or bool((boxes[:, 2:].max(axis=0) <= np.array(size) + SPILL).all())
    return f"{words}; its boxes also fit the image as it is" if fits else words


def _outside(sample: Sample, image: str, names: list[str]) -> Iterator[Fault]:
    boxes, over = sample.instances.boxes, overreach(sample.instances, sample.size)
    for row in range(len(boxes)):
        where = described(row, names[row])
        if not np.isfinite(boxes[row]).all():
            yield _fault("box-not-finite", image, "a coordinate is not a finite number", where)
        elif (boxes[row, 2:] <= boxes[row, :2]).any():
            yield _fault("box-degenerate", image, f"has no area ({_edges(boxes[row])})", where)
        elif over[row] > SPILL:
            words = f"reaches {over[row]:.3g} px out of the image of {sample.size} ({_edges(boxes[row])})"
            yield _fault("outside-range", image, words, where, float(over[row]))


def _repeated(sample: Sample, image: str, names: list[str]) -> Iterator[Fault]:
    """The faults of objects with equal class and box, unless the reader has found them."""
    if any(finding.code == "record-duplicate" for finding in sample.findings):
        return
    first: dict[tuple[object, ...], int] = {}
    for row, name in enumerate(names):
        earlier = first.setdefault((name, *sample.instances.boxes[row].tolist()), row)
        if earlier != row:
            words = f"the same class and box as object {earlier + 1}"
            yield _fault("record-duplicate", image, words, described(row, name))


def _overlap(box: NDArray[np.float64], points: NDArray[np.float64], size: Size) -> float:
    """Intersection over union of a box and the box around `points` (P, 2), both in the image; 1 without area, which
    is another fault."""
    limit = np.array(size, dtype=np.float64)
    one = np.concatenate((np.clip(box[:2], 0, limit), np.clip(box[2:], 0, limit)))
    other = np.concatenate((np.clip(points.min(axis=0), 0, limit), np.clip(points.max(axis=0), 0, limit)))
    shared = np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None)
    areas = [float(np.prod(edges[2:] - edges[:2])) for edges in (one, other)]
    if not min(areas) > 0:
        return 1.0
    common = float(np.prod(shared))
    return common / (sum(areas) - common)


def _edges(box: NDArray[np.float64]) -> str:
    return " ".join(f"{edge:.6g}" for edge in box)
