"""Checks before a run writes anything: columns that the target cannot hold, and faults that stop the run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from bboxprep.errors import LossError, SourceError
from bboxprep.findings import Finding, Severity
from bboxprep.formats.api import Format, Writer
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.pipeline.augment import Augmenter
from bboxprep.pipeline.report.account import Account, came_of
from bboxprep.pipeline.report.crowds import refuse_mere_crowd
from bboxprep.pipeline.sidecar.schema import IN_SIDECAR

OnError = Literal["skip", "stop"]
RECOMPUTED = frozenset({Column.IDS, Column.AREAS})  # any reader computes them again, so their loss loses no labels


def refuse_loss(dataset: Dataset, writer: Writer, target: Format, *, strict: bool, sidecar: bool) -> None:
    """Raise `LossError` where `writer` cannot hold what the objects of `dataset` have, if it is to be `strict`; and
    where nothing but crowd regions would be left.
    """
    decided = dataset.object_policy.crowd is not None
    if not decided and Column.CROWD not in writer.carries:
        refuse_mere_crowd(*dataset.crowd, target.title)
    if not strict:
        return
    besides = RECOMPUTED | ({Column.CROWD} if decided else set())
    lost = [finding.message for finding in column_findings(_columns(dataset), writer, target, besides=besides)]
    if lost:
        rest = f"the rest is {IN_SIDECAR}" if sidecar else "the loss is listed"
        raise LossError(f"{'; '.join(lost)}; without `strict` the boxes are written and {rest}")


def refuse_faults(dataset: Dataset, augmenter: Augmenter | None, on_error: OnError) -> None:
    """Raise `SourceError` for the first fault of `dataset`, if `on_error` is "stop", and where its rules refuse."""
    stop_at_fault(dataset.findings, on_error)
    for sample in dataset:
        moved = augmenter(sample).sample if augmenter else sample
        stop_at_fault(moved.findings, on_error)


def stop_at_fault(findings: Iterable[Finding], on_error: OnError) -> None:
    """Raise `SourceError` for the first fault of `findings`, if `on_error` is "stop"."""
    for finding in findings if on_error == "stop" else ():
        if finding.severity is Severity.FAULT:
            raise SourceError(finding.path, finding.where, f"{finding.message} (`on_error='skip'` lists it instead)")


def column_findings(
    used: Mapping[str, int], writer: Writer, target: Format, besides: frozenset[Column], aside: str = ""
) -> tuple[Finding, ...]:
    """One finding for each kind of information that objects have and the target cannot hold; `aside` ends each.

    `used` says how many objects have what.
    """
    return tuple(
        Finding("column-dropped", f"{target.title} cannot hold {column} ({used[column]} objects have them){aside}")
        for column in Column
        if used.get(column) and column not in writer.carries | besides
    )


def note_losses(account: Account, writer: Writer, target: Format, *, sidecar: bool, labels_only: bool) -> None:
    """Note in `account` what the target could not hold, and that no image was opened, if only labels were written."""
    count = sum(account.images_out.values())
    if labels_only and count:
        words = f"images whose size is taken from the labels, without a look at them ({count}); orientation tags stay"
        account.note((Finding("image-unopened", words),))
    aside = f"; {IN_SIDECAR}" if sidecar else ""
    account.note(column_findings(account.columns, writer, target, besides=frozenset({Column.CROWD}), aside=aside))


def _columns(dataset: Dataset) -> Mapping[str, int]:
    """What the objects of the source have, for which all labels are read."""
    account = Account()
    for sample in dataset:
        account.image_in(sample.split, sample.source_count, **came_of(sample, dataset.categories.names))
    return account.columns
