"""Builds a review: reads the output (and its source), makes the images, writes data and page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bboxprep.errors import UsageError
from bboxprep.images.codecs.codec import ImagePolicy
from bboxprep.io.atomic import write_bytes
from bboxprep.io.paths import dataset_folder, links_admitted, resolved
from bboxprep.model.categories import Category
from bboxprep.pipeline.output.run_record import RECORD, RunRecord, open_run
from bboxprep.pipeline.source.open import Source, open_source
from bboxprep.pipeline.work.engines.local import Local
from bboxprep.review import page, site_folder
from bboxprep.review.data_scripts import DataScripts
from bboxprep.review.entries import EntryNotes, ReviewSelection, select_entries
from bboxprep.review.image_cards import Cards, Task
from bboxprep.review.js_encoding import legible
from bboxprep.review.statistics import Statistics
from bboxprep.verification.faults import Fault

ASSETS = Path(__file__).parent / "assets"
PAGE = "index.html"
SHOWING = ImagePolicy(depth16="percentile", frames="first")  # a review shows what can be shown, and refuses nothing

Options = Callable[[str], dict[str, Any]]


@dataclass(frozen=True)
class Review:
    """A review about to be built: the output, the record of its run if it has one, the source if it is compared with
    one, what is shown, and the classes."""

    out: Source
    record: RunRecord | None
    source: Source | None
    shown: ReviewSelection
    classes: tuple[Category, ...]


def plan_review(
    out: Path,
    format: str | None = None,
    *,
    against: Path | None = None,
    faults: Sequence[Fault] = (),
    image_policy: ImagePolicy = SHOWING,
    options: Options = lambda _: {},
) -> Review:
    """The review of the dataset at `out`, beside the source at `against` that it was made from.

    `faults` are what a proof of the output found (`Proof.faults`), to be shown first. `format` is that of `out`, by
    default what its record says or its files show; `options` are those of the reader, by format, of the source if there
    is one, else of `out`; `image_policy` says how odd images are shown. Symbolic links of the output may lead into
    `against`. Raises `SourceError`, and `UsageError` where `out` does not say what came from where.
    """
    run = open_run(out) if (out / RECORD).is_file() else None
    record = run.record if run else None
    if against and record is None:
        raise UsageError(f"{out}: has no record of a run, so it does not say what it was made from (want no `against`)")
    with links_admitted(*([dataset_folder(against)] if against else [])):
        opened = open_source(
            out,
            format or (record.format or None if record else None),
            labels_in="displayed" if record else "auto",
            image_policy=image_policy,
            sidecar=False,  # what is shown is what a trainer reads
            options=(lambda _: {}) if against else options,
        )
    source = None
    if against and record:
        # the record says image by image which plane the labels were in, so the question is not asked again
        source = open_source(
            against, record.source_format or None, labels_in="displayed", image_policy=image_policy, options=options
        )
    recorded = EntryNotes(run.images, run.record.findings) if run else None
    return Review(opened, record, source, select_entries(opened, recorded, source, faults), _classes(opened, source))


def build(
    review: Review, dest: Path, *, workers: int, overwrite: bool, progress: Callable[[int], None] = lambda _: None
) -> Path:
    """Write the site of `review` to the folder `dest`; the path of the page to open. Raises `TargetError`.

    `progress` is called with the number of images done.
    """
    roots = [each.dataset.root for each in (review.out, review.source) if each]
    site_folder.claim(dest, roots, overwrite=overwrite)
    work = Cards(dest, _numbers(review.out, review.classes), _numbers(review.source, review.classes))
    counted, shelf = Statistics(), DataScripts(dest)
    for number, card in enumerate(Local(workers).run(work, _tasks(review)), 1):
        counted.book(card)
        shelf.add(card)
        progress(number)
    subject = page.Subject(
        name=resolved(review.out.dataset.root).name,
        format=review.out.dataset.format,
        classes=review.classes,
        record=review.record,
        compared=review.source is not None,
        notes=review.shown.notes,
        loose=review.shown.loose,
    )
    return finish(dest, subject, counted, shelf)


def finish(dest: Path, subject: page.Subject, counted: Statistics, shelf: DataScripts) -> Path:
    """Write the page about `subject`, whose cards have all gone to `shelf`; its path. Raises `TargetError`."""
    shelf.close(page.splits_of(counted))
    for asset in sorted(ASSETS.iterdir()):
        write_bytes(dest / "assets" / asset.name, asset.read_bytes())
    write_bytes(dest / PAGE, page.render(subject, counted).encode("utf-8", "replace"))
    site_folder.finish(dest)
    return dest / PAGE


def _tasks(review: Review) -> Iterator[Task]:
    for number, entry in enumerate(review.shown.entries):
        after = review.out.dataset[entry.after] if entry.after is not None else None
        before = None
        if review.source and entry.before is not None:
            before = review.source.dataset[entry.before]
            if entry.row:
                before = before.in_frame(entry.row.frame, entry.row.evidence)
        yield Task(number, entry, after, before)


def _classes(out: Source, source: Source | None) -> tuple[Category, ...]:
    """The classes of the page: those of the output, with the skeleton that only the source may know; then others."""
    before = {legible(category.name): category for category in source.dataset.categories} if source else {}
    after = {legible(category.name): category for category in out.dataset.categories}
    known = {name: category if category.skeleton else before.get(name, category) for name, category in after.items()}
    return tuple(replace(category, name=name) for name, category in {**known, **before, **known}.items())


def _numbers(source: Source | None, classes: Sequence[Category]) -> list[int]:
    """The page's number of each label of `source`."""
    rows = {category.name: number for number, category in enumerate(classes)}
    return [rows[legible(name)] for name in source.dataset.categories.names] if source else []
