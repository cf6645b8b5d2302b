"""Objects that functions of the user left out (`Dataset.map`, `Dataset.filter`), by the record and by the labels.

No rule says which objects a function leaves out. But of each class so many must be gone as the record claims, nothing
more may be gone than all its claims together, and no function takes part in a run with a recorded recipe.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from bboxprep.model.sample import Sample
from bboxprep.pipeline.output.image_rows import ImageRow
from bboxprep.verification.faults import Fault, Layer
from bboxprep.verification.verification_inputs import VerificationInputs, names_of

CODE = "object-removed"  # of the findings by which the record claims such an object
WORDS = "functions of the user left objects out: how many of each class was checked, which ones nothing says"


def removal_faults(
    case: VerificationInputs, image: ImageRow, origin: Sample, matched: Sequence[int]
) -> Iterator[Fault]:
    """The faults of claims about the objects of `image`, of whose source `origin` the rows `matched` are in the output.

    A recorded recipe says by itself what is dropped; without one, each object that is gone needs a line of the record.
    """
    count = image.objects.dropped.get(CODE, 0)
    if case.run.record.recipe:
        if count:
            words = f"the record says that a function left {count} objects out; a run with a recipe calls none"
            yield _fault("removal-differs", image, words)
        return
    gone = np.ones(len(origin.instances), dtype=np.bool_)
    gone[list(matched)] = False
    if count:
        yield from _false_claims(case, image, count, _names(case, image, origin, np.flatnonzero(gone).tolist()))
    unsaid = np.count_nonzero(gone) - sum(image.objects.dropped.values())
    if unsaid > 0:
        yield _fault(
            "object-missing", image, f"{unsaid} objects of the source are gone, and no line of the record says why"
        )


def removal_totals(case: VerificationInputs) -> Iterator[Fault]:
    """The faults of recorded totals by split and by class that are not those of the images."""
    record = case.run.record
    want = sum(image.objects.dropped.get(CODE, 0) for image in case.run.images)
    totals = (("splits", record.splits), ("classes", record.classes))
    sums = [(name, sum(row.dropped.get(CODE, 0) for row in rows)) for name, rows in totals if rows]
    for name, have in [*sums, ("findings", sum(one.objects for one in record.findings if one.code == CODE))]:
        if have != want:
            words = f"the {name} of the record count {have} objects that functions left out, its images {want}"
            yield Fault(Layer.STRUCTURAL, "removal-differs", "", "", words, abs(have - want))


def _false_claims(
    case: VerificationInputs, image: ImageRow, count: int, gone: Sequence[frozenset[str]]
) -> Iterator[Fault]:
    """The faults of a claim of `count` removed objects where those with the names `gone` are not in the output."""
    if count > len(gone):
        words = f"the record says that a function left {count} objects out, and only {len(gone)} are gone"
        yield _fault("removal-differs", image, words, count - len(gone))
        return
    claims = _claims(case, image)
    if claims.total() != count:  # several rows of one source, or wrong totals, which are told
        return
    for name, claimed in claims.items():
        left = sum(name in names for names in gone)
        if claimed > left:
            words = f"the record says that a function left {claimed} of class {name!r} out, and {left} are gone"
            yield _fault("removal-differs", image, words, claimed - left)


def _claims(case: VerificationInputs, image: ImageRow) -> Counter[str]:
    """The number of objects that findings about the source of `image` claim to be removed, by class."""
    claims: Counter[str] = Counter()
    for finding in case.run.record.findings if CODE in case.noted.get(image.source, ()) else ():
        if finding.code == CODE and finding.path == image.source:
            claims[finding.category] += finding.objects
    return claims


def _names(case: VerificationInputs, image: ImageRow, origin: Sample, rows: Sequence[int]) -> list[frozenset[str]]:
    """The names that the class of each of the `rows` of `origin` may have had when a function saw it."""
    own = names_of(origin, case.source.dataset) if case.source else []
    later = (case.origin_names(origin, mirrored=mirrored) for mirrored in {False, image.mirrored})
    names = list(zip(own, *later, strict=True))
    return [frozenset(names[row]) for row in rows]


def _fault(code: str, image: ImageRow, words: str, amount: float = 0.0) -> Fault:
    return Fault(Layer.GEOMETRIC, code, str(image.output), "", words, amount)
