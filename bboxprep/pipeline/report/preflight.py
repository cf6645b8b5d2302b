"""Checks before a run writes anything: columns that the target cannot hold, and faults that stop the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Literal, get_args

import msgspec

from bboxprep.errors import LossError, SourceError, UsageError
from bboxprep.findings import Finding, Severity
from bboxprep.formats import open_writer
from bboxprep.formats.api import Format, Writer
from bboxprep.images.codecs.codec import Encoding
from bboxprep.io.copying import ImagePlacement
from bboxprep.io.paths import relative_path
from bboxprep.io.remote import is_stored
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.pipeline.augment import Augmenter
from bboxprep.pipeline.report.account import Account, count_source_objects
from bboxprep.pipeline.report.crowds import refuse_mere_crowd
from bboxprep.pipeline.resume.batch_result import SourceCounts
from bboxprep.pipeline.sidecar.schema import IN_SIDECAR

_SHOWN = 3  # turned photos that are named
OnError = Literal["skip", "stop"]
RECOMPUTED = frozenset({Column.IDS, Column.AREAS})  # any reader computes them again, so their loss loses no labels


class OtherWriter(msgspec.Struct, frozen=True):
    """The columns `more` that a format holds with `option`, as it is written in Python, and does not hold without."""

    option: str
    more: frozenset[Column]


def refuse_loss(dataset: Dataset, writer: Writer, target: Format, *, strict: bool, sidecar: bool) -> None:
    """Raise `LossError` where most objects are crowd regions that `writer` cannot hold; if `strict`, also where it
    cannot hold another column that objects of `dataset` have.
    """
    decided = dataset.object_policy.crowd is not None
    if not decided and Column.CROWD not in writer.carries:
        refuse_mere_crowd(*dataset.crowd, target.title)
    if not strict:
        return
    besides = RECOMPUTED | ({Column.CROWD} if decided else set())
    lost = [one.message for one in column_findings(_columns(dataset), writer, target, dataset, besides)]
    if lost:
        rest = f"the rest is {IN_SIDECAR}" if sidecar else "the loss is listed"
        raise LossError(f"{'; '.join(lost)}; without `strict` the boxes are written and {rest}")


def refuse_faults(dataset: Dataset, augmenter: Augmenter | None, on_error: OnError) -> None:
    """Raise `SourceError` for the first fault of `dataset`, if `on_error` is "stop", or where its object policy
    refuses.
    """
    stop_at_fault(dataset.findings, on_error)
    for sample in dataset:
        moved = augmenter(sample).sample if augmenter else sample
        stop_at_fault(moved.findings, on_error)


def refuse_placement(images: ImagePlacement, writer: Writer, target: Format, dest: Path, roots: Iterable[Path]) -> None:
    """Raise `UsageError` where images below `roots` cannot be placed in an output at `dest` by the method `images`."""
    if images not in get_args(ImagePlacement):
        raise UsageError(f"images: have {images!r}, want one of {', '.join(get_args(ImagePlacement))}")
    if images == "copy":
        return
    if writer.stage:
        raise UsageError(f"images: {target.title} packs the images into its own files, want `images='copy'`")
    stored = next(filter(is_stored, (dest, *roots)), None)
    if images != "none" and stored:
        raise UsageError(f"images: {stored} is in a storage, which has no links, want `images='copy'`")


def refuse_changed_images(
    recipe: object, encoding: Encoding, turned: Sequence[str], *, trusts_labels: bool, reencodes: bool
) -> None:
    """Raise `UsageError` where the `recipe` or the `encoding` changes images and the run opens none; it names those
    that are stored `turned`.
    """
    if trusts_labels and encoding.image_format != "keep":
        raise UsageError(
            f"`image_format`: have {encoding.image_format!r}, want 'keep': with `labels_only` and `images='none'` no "
            "image is opened"
        )
    if trusts_labels and reencodes:
        raise UsageError(
            f"images: have the recipe {recipe}{_turned_words(turned)}, want one that leaves every image as it is; "
            "without `labels_only` and `images='none'` they are changed"
        )


def stored_turned(headers: Mapping[Path, Header], folder: Path) -> list[str]:
    """The paths below `folder` of the images that are stored turned, by what their `headers` state."""
    return [relative_path(path, folder) for path, header in headers.items() if header.orientation != 1]


def _turned_words(turned: Sequence[str]) -> str:
    if not turned:
        return ""
    shown = ", ".join(turned[:_SHOWN])
    more = f" and {len(turned) - _SHOWN:,} more" if len(turned) > _SHOWN else ""
    photos = "1 photo" if len(turned) == 1 else f"{len(turned):,} photos"
    return f" and {photos} stored turned by EXIF: {shown}{more}"


def mixed_images(images: Iterable[str], target: Format) -> tuple[Finding, ...]:
    """The finding that the `images` (paths) of an output are of several kinds, where `target` wants one; else none."""
    kinds = Counter(path.rpartition(".")[2] for path in images) if not target.mixes_images else Counter[str]()
    if len(kinds) < 2:
        return ()
    counts = ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()))
    words = f"{counts}: readers of {target.title} may lose all but one kind; `image_format='jpg'` makes them one"
    return (Finding("image-mixed", words),)


def stop_at_fault(findings: Iterable[Finding], on_error: OnError) -> None:
    """Raise `SourceError` for the first fault of `findings`, if `on_error` is "stop"."""
    for finding in findings if on_error == "stop" else ():
        if finding.severity is Severity.FAULT:
            raise SourceError(finding.path, finding.where, f"{finding.message} (`on_error='skip'` lists it instead)")


def _other_writers(target: Format, writer: Writer, dataset: Dataset) -> tuple[OtherWriter, ...]:
    """The writers of `dataset` in the format `target` that hold columns which `writer` does not hold."""
    found, default = [], target.write_options()
    for _, options in target.write_variants():
        try:
            other = open_writer(target, dataset.folder, dataset, options)
        except UsageError:
            continue  # the option is not for this dataset
        if more := other.carries - writer.carries:
            values = [(one.name, getattr(options, one.name)) for one in fields(options)]
            changed = [f"{name}={value!r}" for name, value in values if value != getattr(default, name)]
            found.append(OtherWriter(", ".join(changed), more))
    return tuple(found)


def column_findings(
    used: Mapping[str, int],
    writer: Writer,
    target: Format,
    dataset: Dataset,
    besides: frozenset[Column],
    aside: str = "",
) -> tuple[Finding, ...]:
    """One finding for each column that objects of `dataset` have and `writer` does not hold, except `besides`.

    `used` maps the name of a column to the number of objects that have it. A finding names the options of the format
    `target` that hold its column; `aside` is appended to each.
    """
    lost = [column for column in Column if used.get(column) and column not in writer.carries | besides]
    others = _other_writers(target, writer, dataset) if lost else ()
    findings = []
    for column in lost:
        options = " or ".join(f"`write({other.option})`" for other in others if column in other.more)
        able = f"holds {column} only with {options}" if options else f"cannot hold {column}"
        findings.append(Finding("column-dropped", f"{target.title} {able} ({used[column]} objects have them){aside}"))
    return tuple(findings)


def note_losses(
    account: Account,
    writer: Writer,
    target: Format,
    dataset: Dataset,
    turned: Sequence[str],
    *,
    sidecar: bool,
    unopened: bool,
) -> None:
    """Add to `account` the columns of `dataset` that the target does not hold, and that images are `unopened`, with
    those known to be stored `turned`.
    """
    count = sum(account.images_out.values())
    if unopened and count:
        words = f"images whose size is taken from the labels, without a look at them ({count}); orientation tags stay"
        words += f", as those of{_turned_words(turned).removeprefix(' and')}" if turned else ""
        account.note((Finding("image-unopened", words),))
    aside = f"; {IN_SIDECAR}" if sidecar else ""
    account.note(column_findings(account.columns, writer, target, dataset, frozenset({Column.CROWD}), aside))


def _columns(dataset: Dataset) -> Mapping[str, int]:
    """The number of objects that have each column. Reads all labels."""
    counts = SourceCounts()
    for samples in dataset.batches():
        counts += count_source_objects(samples, dataset.categories.names, dataset.flip_mapping)
    return counts.columns
