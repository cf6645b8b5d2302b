"""Images of single objects: which object of the source each of them must hold, by the labels of the source alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.model.filters import DUPLICATE
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample
from bboxprep.model.validation import FARTHEST
from bboxprep.pipeline.output.image_rows import ImageRow
from bboxprep.verification.faults import Fault, Layer
from bboxprep.verification.verification_inputs import FILTERED, VerificationInputs


def isolate_of(case: VerificationInputs) -> Mapping[str, Any] | None:
    """The options of the step of the recorded recipe that isolates objects; None without one."""
    recipe = case.run.record.recipe
    steps = recipe.get("steps", recipe.get("preprocess"))
    for step in steps if isinstance(steps, list) else ():
        if isinstance(step, Mapping) and isinstance(options := step.get("isolate"), Mapping):
            return options
    return None


def isolated_rows(
    options: Mapping[str, Any], source: Instances, names: list[str], frame: Size
) -> list[NDArray[np.int64]]:
    """The rows of the objects of each image that the recorded `options` make of the objects of `source`, called `names`
    ("" for a dropped class), in an image of the size `frame`: int64 (K,) each.
    """
    boxes, wanted = source.boxes, options.get("classes") or ()
    with np.errstate(invalid="ignore"):
        sides = boxes[:, 2:] - boxes[:, :2]
        good = (np.abs(boxes) < FARTHEST).all(axis=1) & (sides > 0).all(axis=1) & ~source.crowd
        good &= (boxes[:, :2] < np.array(frame)).all(axis=1) & (boxes[:, 2:] > 0).all(axis=1)
        good &= (sides >= options.get("min_size", 0)).all(axis=1)
    good &= np.array([bool(name) and (not wanted or name in wanted) for name in names], dtype=np.bool_)
    rows = np.flatnonzero(good)
    if options.get("together"):
        return [rows] if len(rows) else []
    return [np.array([row], dtype=np.int64) for row in rows]


def rows_of_image(case: VerificationInputs, image: ImageRow, origin: Sample) -> NDArray[np.bool_] | None:
    """Which objects of `origin` the labels of `image` may hold: bool (N,); None where the recipe isolates none, or
    keeps the others.
    """
    options = isolate_of(case)
    if options is None or options.get("others") == "keep":
        return None
    held = np.zeros(len(origin.instances), dtype=np.bool_)
    names = case.origin_names(origin, mirrored=False)
    groups = isolated_rows(options, origin.instances, names, origin.size)
    number = image.tile[1:]
    if number.isdecimal() and int(number) < len(groups):
        held[groups[int(number)]] = True
    return held


def isolated_faults(case: VerificationInputs) -> Iterator[Fault]:
    """The images of the source of which an object has no image, or one has too many."""
    options = isolate_of(case)
    if options is None or case.source is None or case.several:
        return
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for image in case.run.images:
        found[image.source, image.split].add(image.tile)
    for (path, split), tiles in found.items():
        origin = case.source.find(path, split)
        left_out = tiles == {""} and {FILTERED, DUPLICATE} & case.noted.get(path, frozenset())  # asked elsewhere
        if origin is None or origin.header is None or left_out:
            continue
        groups = isolated_rows(options, origin.instances, case.origin_names(origin, mirrored=False), origin.size)
        wanted = {f"o{number}" for number in range(len(groups))} or {""}
        if tiles != wanted and wanted != {""}:
            have, asked = ", ".join(sorted(tiles)), ", ".join(sorted(wanted))
            words = f"has images of the objects {have}; the recipe asks for {asked}"
            yield Fault(Layer.STRUCTURAL, "copies-differ", path, "", words)
