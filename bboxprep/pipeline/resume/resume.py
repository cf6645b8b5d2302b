"""An output over several runs: whether one goes on where another stopped, and what has to go before it does."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from hashlib import blake2b
from pathlib import Path

from bboxprep.model.dataset import Dataset
from bboxprep.pipeline.output.naming import Output
from bboxprep.pipeline.output.output_folder import (
    check_entries,
    check_terms,
    clear_target,
    is_ours,
    mark_unfinished,
    remove_files,
    remove_left_over,
)
from bboxprep.pipeline.output.run_record import INCOMPLETE
from bboxprep.pipeline.resume.fingerprint import stamp_of
from bboxprep.pipeline.resume.journal import End, Journal, PlannedFiles


def may_resume(dest: Path, journal: Journal, terms: Mapping[str, str], *, overwrite: bool, resume: bool) -> bool:
    """Whether a run by `terms` goes on from an earlier one in `dest`; False where it begins from nothing.

    Raises `TargetError` where it can do neither.
    """
    if (dest / INCOMPLETE).is_file() and (planned := journal.entries):
        check_entries(dest, planned)
    resumed = is_ours(dest) and not overwrite
    if resumed:
        check_terms(dest, journal.terms, terms, resume=resume)
    return resumed


def begin(
    dest: Path,
    journal: Journal,
    anew: Mapping[str, str] | None,
    outputs: Collection[Output],
    once: Collection[str],
    *,
    stage: str,
    labels_only: bool,
) -> None:
    """Leave nothing in `dest` but what a claim can be about, and note what will be there: `outputs`, and the files that
    are written `once`. The outputs, and what the pieces speak of, lie in its folder `stage`.

    Where it is begun `anew`, by those terms, nothing is left. With `labels_only` others may put the images there, and
    none is removed that was not written. Raises `TargetError`.
    """
    mark_unfinished(dest)
    above = f"{stage}/" if stage else ""
    places = [(f"{above}{output.image}", [f"{above}{path}" for path in output.labels]) for output in outputs]
    images = [path for image, labels in places for path in (image, *labels)]
    if anew is None:
        remove_left_over(dest)
        made = (f"{above}{path}" for path in journal.files())
        remove_files(dest, {*journal.plan.files, *made}.difference(images, once))
    else:
        clear_target(dest)
        journal.begin(anew)
    roots = {path.partition("/")[0] for path in (*images, *once)}
    if labels_only:
        images = [path for _, labels in places for path in labels]
    journal.note_plan(PlannedFiles((*images, *once), tuple(sorted(roots))))


def end_state(dest: Path, dataset: Dataset, once: Collection[str]) -> End:
    """What the output at `dest` depends on besides the terms and the pieces, and the files that are written `once`, as
    they are now.
    """
    whole = repr((dataset.splits, dataset.findings, dataset.extra))
    state = blake2b(whole.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return End(state, tuple((path, stamp_of(dest / path)) for path in once))
