"""Whether the images that an output lacks are those that the filters of its recipe leave out, by the labels alone.

Which images are in a share of the empty ones (`Filters.drop_empty`) is not computed: of these any may be missing.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator

import numpy as np

from bboxprep.model.conditions import image_facts
from bboxprep.model.filters import Filters
from bboxprep.model.sample import Sample
from bboxprep.pipeline.output.image_rows import ImageRow
from bboxprep.verification.expectation import expect
from bboxprep.verification.faults import Fault, Layer
from bboxprep.verification.geometric import ObjectComparison
from bboxprep.verification.isolated import isolate_of, isolated_rows
from bboxprep.verification.sides import losses_of, map_of
from bboxprep.verification.verification_inputs import FILTERED, VerificationInputs


def filter_faults(
    case: VerificationInputs, image: ImageRow, comparison: ObjectComparison, beyond: Container[tuple[str, str]] | None
) -> Iterator[Fault]:
    """The fault of an `image` that the filters leave out and that is there, or the other way round.

    `beyond` are the images that a limit of their classes leaves out; None where that is not known.
    """
    filters = case.filters
    if image.output is None:
        if beyond is None or (image.source, image.split) in beyond:
            return
        if FILTERED in case.noted.get(image.source, ()) and not _may_be_left_out(case, image, filters):
            words = f"was left out by a filter ({FILTERED}), and no filter of the recipe says so"
            yield Fault(Layer.GEOMETRIC, "image-missing", image.source, "", words)
        return
    origin, matching = case.origin(image), comparison.matching
    if not filters or matching is None or matching.extra or origin is None:
        return
    names = case.origin_names(origin, mirrored=image.mirrored)
    shown = [names[row] for row in matching.found]
    full = beyond is not None and (image.source, image.split) in beyond
    if full or not _keeps(filters, shown, surely=True) or not _meets(filters, image, origin, len(shown)):
        words = "is there, and a filter of the recipe leaves it out"
        yield Fault(Layer.GEOMETRIC, "image-unfiltered", image.output, "", words)


def _may_be_left_out(case: VerificationInputs, image: ImageRow, filters: Filters) -> bool:
    """Whether `filters` may leave `image` out, by the objects that are surely in its output."""
    origin = case.origin(image)
    if not image.tile and (options := isolate_of(case)) is not None:
        names = case.origin_names(origin, mirrored=False) if origin else []
        return origin is None or not isolated_rows(options, origin.instances, names, origin.size)
    if not filters.only_images_with and not filters.drop_empty and not filters.where:
        return False
    mapped = map_of(case, image, origin) if origin else None
    if origin is None or mapped is None:  # not known here
        return True
    names = case.origin_names(origin, mirrored=image.mirrored)
    losses = losses_of(case, image, origin, names, expect(origin.instances, mapped), mapped)
    kept, most = [names[row] for row in np.flatnonzero(~losses.maybe).tolist()], int(np.count_nonzero(~losses.surely))
    if not _keeps(filters, kept, surely=False):
        return True
    return not all(_meets(filters, image, origin, count) for count in range(len(kept), most + 1))


def _meets(filters: Filters, image: ImageRow, origin: Sample, count: int) -> bool:
    """Whether all conditions are true of an `image` with so many labels, whose source is `origin`."""
    header = origin.header
    if header is None:
        return True
    facts = image_facts(header.displayed, header.orientation, image.split, image.source, count)
    return all(one.holds(facts) for one in filters.where)


def _keeps(filters: Filters, names: Collection[str], *, surely: bool) -> bool:
    """Whether `filters` keep an image with objects of the classes `names`; where they leave out a share of the images
    without objects, they keep one of them if it is asked what they `surely` leave out.
    """
    if filters.only_images_with and not set(names) & set(filters.only_images_with):
        return False
    return bool(names) or filters.drop_empty == 0.0 or (surely and filters.drop_empty < 1.0)
