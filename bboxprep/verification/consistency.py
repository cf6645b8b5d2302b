"""Checks a dataset without its source: whether its labels, images and tags are consistent.

What is wrong with labels and files is what `inspect` and a conversion find, under the same names: one set of checks,
those of reading and of a recipe without steps. Beside them are those that need a look at all photos together, and the
boxes that are not those of their own outlines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import FrameError
from bboxprep.findings import Finding, Severity, one_a_place
from bboxprep.frames.from_pixels import turn_from_pixels
from bboxprep.geometry.affine import Size
from bboxprep.images.codecs.codec import ImagePolicy
from bboxprep.model.sample import Sample
from bboxprep.pipeline.source.open import Source, open_source
from bboxprep.pipeline.source.survey import checked
from bboxprep.recipe.recipe import Recipe
from bboxprep.verification.faults import Fault, Layer, Tally
from bboxprep.verification.verification_inputs import Options, described, names_of
from bboxprep.verification.whole_image import TURN_WORDS

SPILL = 1.5  # px; one-based formats and rounding tools write boxes that far over an edge, which is no fault
LEAST_OVERLAP = 0.9  # overlap of a box with the box around its outline
_STEPLESS = Recipe()


class Examination(msgspec.Struct, frozen=True):
    """The `faults` of a dataset by itself, the `tallies` of the checks, and the `notes` of what may be meant so."""

    faults: tuple[Fault, ...]
    tallies: tuple[Tally, ...]
    notes: tuple[Finding, ...]


def examine(
    root: Path,
    reading: Options,
    image_policy: ImagePolicy,
    begin: Callable[[int], None],
    progress: Callable[[int], None],
) -> Examination:
    """The examination of the dataset at `root`. Raises `SourceError`."""
    faults, notes = list[Fault](), list[Finding]()
    try:
        source = open_source(root, image_policy=image_policy, options=reading, sidecar=False)
    except FrameError as error:
        faults.append(_fault("frame-contradicts", str(error.where or error.path), error.problem))
        source = open_source(root, labels_in="displayed", image_policy=image_policy, options=reading, sidecar=False)
    begin(len(source.dataset))
    dataset = checked(source.dataset, source.summaries)
    faults += _faults_of(dataset.findings)
    notes += [one for one in dataset.findings if one.severity is Severity.NOTE]
    wrong = objects = bad = 0
    for number, sample in enumerate(source.dataset, 1):
        findings = sample.transform(_STEPLESS).findings
        notes += [one for one in findings if one.severity is Severity.NOTE]
        found = [*_faults_of(findings, _transposed(sample)), *_outline_faults(sample, source)]
        faults += found
        wrong += bool(found)
        objects += len(sample.instances)
        bad += len({fault.where for fault in found if fault.where})
        progress(number)
    faults += _turned_labels(source, msgspec.structs.replace(image_policy, frames="first"))
    images = Tally(Layer.STRUCTURAL, "images", len(source.dataset) - wrong, 0, wrong)
    boxes = Tally(Layer.GEOMETRIC, "objects", max(0, objects - bad), 0, bad)
    return Examination(tuple(dict.fromkeys(faults)), (images, boxes), tuple(dict.fromkeys(notes)))


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


def _faults_of(findings: Iterable[Finding], transposed: str = "") -> Iterator[Fault]:
    """The faults among `findings`; of a size that contradicts one that is `transposed`, in these words."""
    for finding in one_a_place(findings):
        if finding.code == "size-contradicts" and transposed:
            yield _fault("size-transposed", finding.path, transposed)
        elif finding.severity is Severity.FAULT:
            yield _fault(finding.code, finding.path, finding.message, finding.where)


def _outline_faults(sample: Sample, source: Source) -> Iterator[Fault]:
    """The faults of boxes that are not those of their own outlines."""
    if sample.header is None or sample.refusal:
        return
    names = names_of(sample, source.dataset)
    for row, rings in enumerate(sample.instances.polygons):
        overlap = _overlap(sample.instances.boxes[row], np.concatenate(rings), sample.size) if rings else 1.0
        if overlap < LEAST_OVERLAP:
            words = f"overlaps the box around its polygon by {overlap:.2f} (want {LEAST_OVERLAP} or more)"
            yield _fault("box-off-outline", sample.relative_path, words, described(row, names[row]), 1.0 - overlap)


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
