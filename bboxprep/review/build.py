"""Builds a review: reads the output and its source, renders the images, writes the data and the page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from bboxprep.errors import AnnotationError, TargetError, UsageError
from bboxprep.images.codecs.codec import ImagePolicy
from bboxprep.io.atomic import write_bytes
from bboxprep.io.paths import links_admitted, read_bytes, resolved
from bboxprep.model.categories import Category
from bboxprep.pipeline.output.output_folder import clear_target, entries, overlap
from bboxprep.pipeline.output.run_record import MAX_RECORD_BYTES, RECORD, RunRecord, open_run
from bboxprep.pipeline.source.open import Source, open_source
from bboxprep.pipeline.work.engines.local import Local
from bboxprep.review import page
from bboxprep.review.data_scripts import DataScripts
from bboxprep.review.entries import ReviewSelection, RunNotes, select_entries
from bboxprep.review.image_cards import CardBuilder, Task
from bboxprep.review.js_encoding import without_surrogates
from bboxprep.review.statistics import Statistics
from bboxprep.verification.faults import Fault
from bboxprep.verification.verification_inputs import linked_folders

ASSETS = Path(__file__).parent / "assets"
PAGE = "index.html"
SITE = "bboxprep.review.json"
REVIEW_IMAGE_POLICY = ImagePolicy(depth16="percentile", frames="first")  # refuses no image that can be shown

Options = Callable[[str], dict[str, Any]]


@dataclass(frozen=True)
class Review:
    """A planned review: the output, the record of its run (None without one), the source (None where the output is not
    compared with it), the `selection` of images, and the classes.
    """

    out: Source
    record: RunRecord | None
    source: Source | None
    selection: ReviewSelection
    classes: tuple[Category, ...]


def plan_review(
    out: Path,
    format: str | None = None,
    *,
    against: Path | None = None,
    faults: Sequence[Fault] = (),
    image_policy: ImagePolicy = REVIEW_IMAGE_POLICY,
    options: Options = lambda _: {},
) -> Review:
    """The review of the dataset at `out`, compared with the source at `against` if given.

    `faults` of a verification (`VerificationReport.faults`) are shown first. `format` is the format of `out`; by
    default it is read from the record or detected. `options` returns the reader options of a format; they apply to the
    source if there is one, else to `out`. `image_policy` says how images with 16 bits or several frames are shown.
    Symbolic links of the output may lead into `against`. Raises `SourceError`, and `UsageError` where `against` is
    given and `out` has no record.
    """
    run = open_run(out) if (out / RECORD).is_file() else None
    record = run.record if run else None
    if against and record is None:
        raise UsageError(f"{out}: has no record of a run, so it does not say what it was made from (want no `against`)")
    with links_admitted(*(linked_folders(record, [against], options) if against and record else [])):
        opened = open_source(
            out,
            format or (record.format or None if record else None),
            labels_in="displayed" if record else "auto",
            image_policy=image_policy,
            sidecar=False,  # a review shows what a trainer reads
            options=(lambda _: {}) if against else options,
        )
    source = None
    if against and record:
        # the record has the frame of the labels of each image, so it is not determined again
        source = open_source(
            against, record.source_format or None, labels_in="displayed", image_policy=image_policy, options=options
        )
    recorded = RunNotes(run.images, run.record.findings) if run else None
    return Review(opened, record, source, select_entries(opened, recorded, source, faults), _classes(opened, source))


def build(
    review: Review, dest: Path, *, workers: int, overwrite: bool, progress: Callable[[int], None] = lambda _: None
) -> Path:
    """Write the site of `review` to the folder `dest`; returns the path of the page to open.

    `progress` is called with the number of images done. Raises `TargetError`.
    """
    roots = [each.dataset.root for each in (review.out, review.source) if each]
    prepare_site(dest, roots, overwrite=overwrite)
    make_card = CardBuilder(
        dest, _class_numbers(review.out, review.classes), _class_numbers(review.source, review.classes)
    )
    statistics, scripts = Statistics(), DataScripts(dest)
    for number, card in enumerate(Local(workers).run(make_card, _tasks(review)), 1):
        statistics.add(card)
        scripts.add(card)
        progress(number)
    subject = page.Subject(
        name=resolved(review.out.dataset.root).name,
        format=review.out.dataset.format,
        classes=review.classes,
        record=review.record,
        compared=review.source is not None,
        notes=review.selection.notes,
        unassigned=review.selection.unassigned,
    )
    return write_page(dest, subject, statistics, scripts)


def write_page(dest: Path, subject: page.Subject, statistics: Statistics, scripts: DataScripts) -> Path:
    """Write the page about `subject`, whose cards are all in `scripts`; returns its path. Raises `TargetError`."""
    scripts.close(page.splits_of(statistics))
    for asset in sorted(ASSETS.iterdir()):
        write_bytes(dest / "assets" / asset.name, asset.read_bytes())
    write_bytes(dest / PAGE, page.render(subject, statistics).encode("utf-8", "replace"))
    finish_site(dest)
    return dest / PAGE


def _tasks(review: Review) -> Iterator[Task]:
    for number, entry in enumerate(review.selection.entries):
        after = review.out.dataset[entry.after] if entry.after is not None else None
        before = None
        if review.source and entry.before is not None:
            before = review.source.dataset[entry.before]
            if entry.row:
                before = before.in_frame(entry.row.frame, entry.row.evidence)
        yield Task(number, entry, after, before)


def _classes(out: Source, source: Source | None) -> tuple[Category, ...]:
    """The classes of the page: those of the output with skeletons of the source, then other classes of the source."""
    before = {without_surrogates(category.name): category for category in source.dataset.categories} if source else {}
    after = {without_surrogates(category.name): category for category in out.dataset.categories}
    known = {name: category if category.skeleton else before.get(name, category) for name, category in after.items()}
    return tuple(replace(category, name=name) for name, category in {**known, **before, **known}.items())


def _class_numbers(source: Source | None, classes: Sequence[Category]) -> list[int]:
    """The class number in the page of each label of `source`."""
    rows = {category.name: number for number, category in enumerate(classes)}
    return [rows[without_surrogates(name)] for name in source.dataset.categories.names] if source else []


def prepare_site(dest: Path, sources: Iterable[Path], *, overwrite: bool) -> None:
    """Clear `dest` for a site: a new or empty folder, or with `overwrite` the folder of an earlier site.

    Raises `TargetError` where it holds other files, or overlaps with one of `sources`.
    """
    for source in sources:
        if overlap(dest, source):
            raise TargetError(f"{dest}: lies in {source}, or holds it; want a folder of its own")
    if dest.exists() and not dest.is_dir():
        raise TargetError(f"{dest}: is a file, want a folder")
    others = _others(dest)
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        raise TargetError(f"{dest}: holds other files ({others[0]}{more}), want an empty or new folder")
    if entries(dest) and not overwrite:
        raise TargetError(f"{dest}: holds an earlier review; `overwrite=True` replaces it")
    clear_target(dest)
    _mark(dest, [])


def finish_site(dest: Path) -> None:
    """Record the entries of the finished site at `dest`. Raises `TargetError`."""
    _mark(dest, entries(dest))


def _mark(dest: Path, names: list[str]) -> None:
    write_bytes(dest / SITE, msgspec.json.encode({"entries": names}) + b"\n")


def _others(dest: Path) -> list[str]:
    """The entries of `dest` that are not of a site; none where the site is unfinished and has not recorded its own."""
    names = entries(dest)
    if SITE not in names:
        return names
    try:
        content = read_bytes(dest / SITE, MAX_RECORD_BYTES)
        ours = msgspec.json.decode(content, type=dict[str, list[str]]).get("entries", [])
    except (AnnotationError, ValueError, RecursionError):
        return names
    return [name for name in names if ours and name not in {*ours, SITE}]
