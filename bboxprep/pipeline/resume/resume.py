"""Decides whether a run resumes an earlier one in its output folder, and removes outdated files before it does."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

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
from bboxprep.pipeline.resume.journal import Journal, PlannedFiles, RunEnd
from bboxprep.pipeline.resume.remote_journal import open_journal
from bboxprep.pipeline.resume.terms import terms_as_text
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
    """The terms of a run as JSON by name: all that the bytes of the output depend on, except images and labels.

    `options` are those of the writer of the format `target`, `reading` those of the reader and of the images.
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
        "encoding": msgspec.structs.asdict(run_options.encoding),
        "sidecar": run_options.sidecar,
        "images": run_options.images,
        "names": run_options.names,
        "labels only": run_options.trusts_labels,
    }
    return terms_as_text(terms)


def replaces_whole(dest: Path, terms: Mapping[str, str], *, overwrite: bool, resume: bool) -> bool:
    """Whether the run writes to a folder beside the finished output at `dest` and replaces that at the end.

    So does a run that is to `overwrite` it, and one that is to `resume` such a run with the same `terms`. Raises
    `TargetError`.
    """
    if overwrite:
        return replacement.is_replaced_whole(dest)
    if not (resume and replacement.has_unfinished(dest)):
        return False
    with open_journal(replacement.new_beside(dest)) as journal:
        return journal.terms == terms


def may_resume(dest: Path, journal: Journal, terms: Mapping[str, str], *, overwrite: bool, resume: bool) -> bool:
    """Whether a run with `terms` resumes an earlier one in `dest`; False if it starts anew, also where the earlier one
    has finished no image. Raises `TargetError` where it can do neither.
    """
    if (dest / INCOMPLETE).is_file() and (planned := journal.entries):
        output_folder.check_entries(dest, planned)
    if overwrite:
        check_files(dest, journal)
    resumed = output_folder.is_ours(dest) and not overwrite and not _nothing_done(dest, journal)
    if resumed:
        output_folder.check_terms(dest, journal.terms, terms, resume=resume)
    return resumed


def _nothing_done(dest: Path, journal: Journal) -> bool:
    """Whether the output at `dest` is unfinished, has no finished batch and holds no file but those of its plan."""
    if output_folder.is_finished(dest) or journal.batches:
        return False
    return not output_folder.unplanned_files(dest, journal.plan.files)


def check_files(dest: Path, journal: Journal) -> None:
    """Raise `TargetError` where the output at `dest` holds a file that is not in its `journal`."""
    if output_folder.is_ours(dest):
        output_folder.check_files(dest, {*journal.plan.files, *journal.files()})


def begin_output(
    dest: Path,
    journal: Journal,
    new_terms: Mapping[str, str] | None,
    outputs: Collection[Output],
    writer: Writer,
    *,
    shared_images: bool,
) -> None:
    """Remove files that the run will not write from `dest`, and note in the journal the files that it will write:
    `outputs`, below the `stage` of the `writer`, and the files that are written once for the dataset.

    A run with `new_terms` starts anew and removes all files; None resumes. With `shared_images` other programs put
    images there, which are never removed. Raises `TargetError`.
    """
    prefix, dataset_files = f"{writer.stage}/" if writer.stage else "", _dataset_files(writer)
    places = [(f"{prefix}{output.image}", [f"{prefix}{path}" for path in output.labels]) for output in outputs]
    images = [path for image, labels in places for path in (image, *labels)]
    roots = {path.partition("/")[0] for path in (*images, *dataset_files)}
    own = [path for _, labels in places for path in labels] if shared_images else images
    plan = PlannedFiles((*own, *dataset_files), tuple(sorted(roots)))
    if output_folder.is_ours(dest):
        output_folder.mark_unfinished(dest)
    if new_terms is None:
        output_folder.remove_left_over(dest)
        earlier = (f"{prefix}{path}" for path in journal.files())
        output_folder.remove_files(dest, {*journal.plan.files, *earlier}.difference(images, dataset_files))
        journal.note_plan(plan)
    else:
        output_folder.clear_target(dest)
        journal.begin(new_terms, plan)
        output_folder.mark_unfinished(dest)  # a new output after its terms: a mark alone could not be resumed


def end_state(dest: Path, dataset: Dataset, writer: Writer) -> RunEnd:
    """The state of the finished output at `dest`: a hash of the data of the dataset that is in no result, and the
    stamps of the files that are written once for it.
    """
    whole = repr((dataset.splits, dataset.findings, dataset.extra))
    state = blake2b(whole.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return RunEnd(state, tuple((path, stamp_of(dest / path)) for path in _dataset_files(writer)))


def _dataset_files(writer: Writer) -> tuple[str, ...]:
    """The paths of the files that are written once for the dataset."""
    return (*writer.documents, IMAGES, SIDECAR, RECORD)
