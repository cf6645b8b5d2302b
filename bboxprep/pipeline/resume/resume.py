"""Decides whether a run resumes an earlier one in its output folder, and removes outdated files before it does."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import Any

from bboxprep.findings import escape_surrogates
from bboxprep.formats.api import Writer
from bboxprep.io.paths import resolved
from bboxprep.model.dataset import Dataset
from bboxprep.pipeline.output import output_folder, replacement
from bboxprep.pipeline.output.image_rows import IMAGES
from bboxprep.pipeline.output.naming import Output
from bboxprep.pipeline.output.run_record import INCOMPLETE, RECORD
from bboxprep.pipeline.output.versions import versions
from bboxprep.pipeline.resume.fingerprint import stamp_of
from bboxprep.pipeline.resume.journal import End, Journal, PlannedFiles, terms_as_text
from bboxprep.pipeline.resume.remote_journal import open_journal
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.sidecar.schema import SIDECAR


def terms_of(
    dataset: Dataset,
    target: str,
    recipe: Mapping[str, Any],
    run_options: RunOptions,
    options: Mapping[str, Any],
    reading: Mapping[str, Any],
) -> dict[str, str]:
    """The terms of a run: everything but images and labels that the bytes of the output depend on, as JSON by name.

    `options` are those of the writer of the format `target`, `reading` those that labels and images are read with.
    """
    terms = {
        "version": versions(),
        "source": [escape_surrogates(str(resolved(root))) for root in dataset.roots],
        "format": [dataset.format, target],
        "reading": reading,
        "changes": dataset.changes,
        "recipe": recipe or None,
        "options": options,
        "rules": asdict(dataset.object_policy),
        "class table": [asdict(category) for category in dataset.categories],
        "encoding": asdict(run_options.encoding),
        "sidecar": run_options.sidecar,
        "images": run_options.images,
        "labels only": run_options.trusts_labels,
    }
    return terms_as_text(terms)


def replaces_whole(dest: Path, terms: Mapping[str, str], *, overwrite: bool, resume: bool) -> bool:
    """Whether a run by `terms` writes its output beside a finished one at `dest`, which it replaces at the end: to
    `overwrite` that, or to `resume` a run by the same terms that was to do so. Raises `TargetError`.
    """
    if overwrite:
        return replacement.is_replaced_whole(dest)
    if not (resume and replacement.is_begun(dest)):
        return False
    with open_journal(replacement.new_beside(dest)) as journal:
        return journal.terms == terms


def may_resume(dest: Path, journal: Journal, terms: Mapping[str, str], *, overwrite: bool, resume: bool) -> bool:
    """Whether a run by `terms` resumes an earlier one in `dest`; False if it starts from nothing, as it does where the
    earlier one was killed before it began.

    Raises `TargetError` if it can do neither.
    """
    if (dest / INCOMPLETE).is_file() and (planned := journal.entries):
        output_folder.check_entries(dest, planned)
    if overwrite:
        check_files(dest, journal)
    nothing_begun = not journal.terms and output_folder.entries(dest) == [INCOMPLETE]
    resumed = output_folder.is_ours(dest) and not overwrite and not nothing_begun
    if resumed:
        output_folder.check_terms(dest, journal.terms, terms, resume=resume)
    return resumed


def check_files(dest: Path, journal: Journal) -> None:
    """Raise `TargetError` where the output at `dest` holds a file that no run of its `journal` has written."""
    if output_folder.is_ours(dest):
        output_folder.check_files(dest, {*journal.plan.files, *journal.files()})


def begin(
    dest: Path,
    journal: Journal,
    anew: Mapping[str, str] | None,
    outputs: Collection[Output],
    writer: Writer,
    *,
    may_hold_others: bool,
) -> None:
    """Remove from `dest` all files that the run will not write, and note in the journal those that it will: `outputs`,
    which lie in the `stage` of the `writer`, and what is written once for the dataset.

    A run that begins `anew`, by those terms, removes everything. Where other programs may put the images there, none is
    removed that was not written (`may_hold_others`). Raises `TargetError`.
    """
    output_folder.mark_unfinished(dest)
    above, once = f"{writer.stage}/" if writer.stage else "", _written_once(writer)
    places = [(f"{above}{output.image}", [f"{above}{path}" for path in output.labels]) for output in outputs]
    images = [path for image, labels in places for path in (image, *labels)]
    if anew is None:
        output_folder.remove_left_over(dest)
        made = (f"{above}{path}" for path in journal.files())
        output_folder.remove_files(dest, {*journal.plan.files, *made}.difference(images, once))
    else:
        output_folder.clear_target(dest)
        journal.begin(anew)
    roots = {path.partition("/")[0] for path in (*images, *once)}
    if may_hold_others:
        images = [path for _, labels in places for path in labels]
    journal.note_plan(PlannedFiles((*images, *once), tuple(sorted(roots))))


def end_state(dest: Path, dataset: Dataset, writer: Writer) -> End:
    """The state of the finished output at `dest`: a hash of what it depends on besides the terms and the results, and
    the stamps of the files that are written once.
    """
    whole = repr((dataset.splits, dataset.findings, dataset.extra))
    state = blake2b(whole.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return End(state, tuple((path, stamp_of(dest / path)) for path in _written_once(writer)))


def _written_once(writer: Writer) -> tuple[str, ...]:
    """The paths of all that is written once for the dataset, and stays."""
    return (*writer.documents, IMAGES, SIDECAR, RECORD)
