"""A whole run: samples through the engine, images and labels onto the disk, every object into the books."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from bboxprep import formats
from bboxprep.errors import LossError, PlanError, SourceError
from bboxprep.files import write_bytes, write_text
from bboxprep.findings import Finding, Severity
from bboxprep.formats.contract import Format, Writer
from bboxprep.images.codec import Encoding
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Column
from bboxprep.pipeline import record
from bboxprep.pipeline.account import Account
from bboxprep.pipeline.crowds import CrowdPlan, refuse_mere_crowd
from bboxprep.pipeline.engines import local
from bboxprep.pipeline.leaks import checked
from bboxprep.pipeline.naming import name_outputs
from bboxprep.pipeline.reading import Glimpse, Source, survey
from bboxprep.pipeline.sidecar.keeping import Keeper
from bboxprep.pipeline.sidecar.lines import IN_SIDECAR
from bboxprep.pipeline.target import check_target, clear_target, entries
from bboxprep.pipeline.work import Done, Work
from bboxprep.recipe.recipe import Recipe

OnError = Literal["skip", "stop"]
RECOMPUTED = frozenset(
    {Column.IDS, Column.AREAS}
)  # what any reader makes anew, so that its loss is not a loss of labels


@dataclass(frozen=True)
class Terms:
    """How a run is done.

    `workers` threads; `on_error` at the first fault; `strict` refuses loss; `overwrite` replaces an earlier output;
    `dry_run` writes nothing; `encoding` of the images; `sidecar` keeps beside the output what its format cannot hold.
    """

    workers: int = 1
    on_error: OnError = "skip"
    strict: bool = False
    overwrite: bool = False
    dry_run: bool = False
    encoding: Encoding = field(default_factory=Encoding)
    sidecar: bool = True


@dataclass(frozen=True)
class Outcome:
    """What came of a run: its books, the folder it was written to (None after a dry run), and the writer's options."""

    dataset: Dataset
    account: Account
    dest: Path | None
    options: Mapping[str, Any]


def convert(
    source: Source,
    dest: Path,
    to: str,
    recipe: Recipe,
    *,
    terms: Terms,
    options: Mapping[str, Any] | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Outcome:
    """Write `source` through `recipe` to `dest` as the format `to`, whose writer takes `options`.

    `progress` is called with the number of images done. Raises `BboxprepError` where the run cannot be done.
    """

    def touched(glimpse: Glimpse) -> bool:
        if glimpse.header is None:
            return False
        try:
            return not recipe.plan(glimpse.header.size, glimpse.header.turn).is_identity
        except PlanError:
            return False

    dataset = checked(source.dataset, source.glimpses).transform(recipe)
    job = _Job(dataset, source.glimpses, dest, to, terms, options or {}, recipe.options(), source.reading)
    return job.run(touched, progress)


def write(
    dataset: Dataset,
    dest: str | Path,
    to: str,
    *,
    workers: int = 1,
    overwrite: bool = False,
    quality: int = 95,
    strip_metadata: bool = False,
    sidecar: bool = True,
    **options: Any,
) -> Outcome:
    """Write `dataset`, transformed or not, to the folder `dest` as "coco", "yolo" or "voc".

    Pictures that were not transformed are turned upright; what no step touches keeps its bytes. `options` are those of
    the format's writer. What the format cannot hold is kept in a `sidecar` beside it, for when it is read again. What
    could not be used is left out and stands in the outcome's account. Raises `BboxprepError` where nothing can be
    written.
    """
    planned = dataset.map(lambda sample: sample if sample.plan else sample.transform(Recipe()))
    terms = Terms(workers, overwrite=overwrite, encoding=Encoding(quality, strip_metadata), sidecar=sidecar)
    glimpses = survey(planned)
    job = _Job(checked(planned, glimpses), glimpses, Path(dest), to, terms, options, {})
    return job.run(lambda glimpse: glimpse.touched, lambda _: None)


@dataclass(frozen=True)
class _Job:
    dataset: Dataset  # transformed
    glimpses: Sequence[Glimpse]
    dest: Path
    to: str
    terms: Terms
    options: Mapping[str, Any]
    recipe: Mapping[str, Any]
    reading: Mapping[str, Any] = field(default_factory=dict)

    def run(self, touched: Callable[[Glimpse], bool], progress: Callable[[int], None]) -> Outcome:
        target = formats.load(self.to)
        for root in self.dataset.roots:
            check_target(self.dest, root, overwrite=self.terms.overwrite)
        writer: Writer = target.write(self.dest, self.dataset, target.write_options(**self.options))
        rules = self.dataset.rules
        self._refuse_loss(writer, target)
        if self.terms.on_error == "stop" or rules.may_refuse:
            self._refuse_faults()
        work = Work(
            self.dataset.categories.names,
            name_outputs(self.glimpses, writer, touched),
            None if self.terms.dry_run else self.dest,
            self.terms.encoding,
            CrowdPlan.of(rules.crowd, writer, target, sidecar=self.terms.sidecar),
            self.dataset.mirror,
        )
        account = self._open_account()
        if self.terms.dry_run:
            for number, done in enumerate(map(work, self.dataset), 1):
                self._book(account, done, len(done.sample.instances), ())
                progress(number)
        else:
            self._write(work, writer, account, progress)
        aside = f"; {IN_SIDECAR}" if self.terms.sidecar else ""
        account.note(_column_findings(self.glimpses, writer, target, besides=frozenset({Column.CROWD}), aside=aside))
        account.check()
        if self.terms.dry_run:
            return Outcome(self.dataset, account, None, self.options)
        self._write_record(account)
        return Outcome(self.dataset, account, self.dest, self.options)

    def _write(self, work: Work, writer: Writer, account: Account, progress: Callable[[int], None]) -> None:
        clear_target(self.dest)
        write_text(self.dest / record.INCOMPLETE, "The run that writes this output has not ended well, or not yet.\n")
        keeper = Keeper.of(self.dataset, self.to, writer.carries)
        rows, kept = [], []
        for number, done in enumerate(local.run(work, self.dataset, self.terms.workers), 1):
            written, notes = writer.add(done.sample, done.output.image) if done.output else (0, ())
            self._stop_at_fault((*done.sample.findings, *notes))
            self._book(account, done, written, notes)
            image = done.output.image if done.output else None
            rows.append(
                record.image_row(done.sample, self.dataset.root, output=image, written=written, digest=done.digest)
            )
            kept.append(keeper.line(done, notes, self.dest) if self.terms.sidecar else b"")
            progress(number)
        writer.close()
        if self.terms.sidecar:
            keeper.write(self.dest, kept)
        write_bytes(self.dest / record.IMAGES, record.encode_rows(rows))

    def _book(self, account: Account, done: Done, written: int, notes: Iterable[Finding]) -> None:
        account.note((*done.sample.findings, *notes))
        if done.output:
            names = self.dataset.categories.names
            categories = [names[label] for label in done.sample.instances.labels]
            before = self.dataset.mirror.before(names, done.sample)
            came_as = [before[label] for label in done.sample.instances.labels]
            account.image_out(done.sample.split, categories, written, came_as)

    def _open_account(self) -> Account:
        account = Account()
        for glimpse in self.glimpses:
            account.image_in(glimpse.key[0], listed=glimpse.listed, objects=glimpse.objects)
        account.note_outside_samples(self.dataset.findings)
        return account

    def _refuse_loss(self, writer: Writer, target: Format) -> None:
        decided = self.dataset.rules.crowd is not None
        if not decided and Column.CROWD not in writer.carries:
            refuse_mere_crowd(self.glimpses, target.title)
        besides = RECOMPUTED | ({Column.CROWD} if decided else set())
        lost = [finding.message for finding in _column_findings(self.glimpses, writer, target, besides=besides)]
        if self.terms.strict and lost:
            rest = f"the rest is {IN_SIDECAR}" if self.terms.sidecar else "the loss is listed"
            raise LossError(f"{'; '.join(lost)}; without --strict the boxes are written and {rest}")

    def _refuse_faults(self) -> None:
        self._stop_at_fault(self.dataset.findings)
        for sample in self.dataset:
            self._stop_at_fault(sample.findings)

    def _stop_at_fault(self, findings: Iterable[Finding]) -> None:
        if self.terms.on_error == "stop":
            for finding in findings:
                if finding.severity is Severity.FAULT:
                    raise SourceError(
                        finding.path, finding.where, f"{finding.message} (--on-error skip lists it instead)"
                    )

    def _write_record(self, account: Account) -> None:
        content = {
            "versions": record.versions(),
            "source": str(self.dataset.root),
            "sources": [str(root) for root in self.dataset.roots],
            "from": self.dataset.format,
            "reading": self.reading,
            "to": self.to,
            "changes": self.dataset.changes,
            "recipe": self.recipe,
            "options": self.options,
            "rules": asdict(self.dataset.rules),
            "names": self.dataset.categories.names,
            "mirror": {"category_ids": self.dataset.categories.ids, **asdict(self.dataset.mirror)},
            **record.books(account, self.dataset.categories.names),
            "entries": [name for name in entries(self.dest) if name != record.INCOMPLETE],
        }
        record.write_record(self.dest, content)
        (self.dest / record.INCOMPLETE).unlink(missing_ok=True)


def _column_findings(
    glimpses: Sequence[Glimpse], writer: Writer, target: Format, besides: frozenset[Column], aside: str = ""
) -> tuple[Finding, ...]:
    """One finding for each kind of information that the source uses and the target cannot hold; `aside` ends each."""
    used: Counter[Column] = Counter()
    for glimpse in glimpses:
        used.update(dict(glimpse.columns))
    return tuple(
        Finding("column-dropped", f"{target.title} cannot hold {column} ({used[column]} objects have them){aside}")
        for column in Column
        if used[column] and column not in writer.carries | besides
    )
