"""Prints the source, the progress and the summary of a run."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bboxprep import formats
from bboxprep.cli.flag_names import with_flags
from bboxprep.cli.turned_photos import turned_photos
from bboxprep.findings import CODES, Finding, Severity, by_place
from bboxprep.io.remote import is_stored
from bboxprep.model.escaping import printable
from bboxprep.pipeline.output.image_rows import IMAGES, WriteMethod
from bboxprep.pipeline.output.run_record import RECORD, ClassCount, SplitCount
from bboxprep.pipeline.run_options import Outcome
from bboxprep.pipeline.source.inspect import UPRIGHT, Inspection
from bboxprep.pipeline.source.open import Source
from bboxprep.pipeline.work.stages import stages_shown
from bboxprep.recipe.recipe import Recipe

if TYPE_CHECKING:  # rich is 45 modules and 13 ms, which a quiet run does not load
    from rich.console import Console
    from rich.table import Table

    from bboxprep.cli.bar import ProgressBars

WIDTH = 120  # columns where the output is not a terminal
_MOST_CLASSES = 20  # that a table shows; the record and --json have all
PLACES = 5  # findings of one code that are printed in full; the record has all of them
_WRITE_METHODS: dict[WriteMethod, str] = {
    "copied": "as they were",
    "linked": "linked",
    "symlinked": "linked by their path",
    "untagged": "as they were but for their orientation tag",
    "turned-lossless": "turned without loss",
    "padded-lossless": "padded without loss",
    "turned-re-encoded": "turned and encoded again",
    "encoded": "encoded anew",
}


class Printer:
    """Prints to standard output, progress to standard error; nothing of either if `quiet`."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet

    @cached_property
    def out(self) -> Console:
        """Standard output."""
        from rich.console import Console

        return Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else WIDTH, emoji=False)

    def line(self, text: str = "") -> None:
        """Print `text` as one line; control characters in names are escaped."""
        if not self.quiet:
            self.out.print(printable(text), soft_wrap=True)

    def source(self, source: Source) -> None:
        """Print a summary of the source and of the frames of its labels."""
        dataset, summaries = source.dataset, source.summaries
        splits = dict.fromkeys(summary.key[0] for summary in summaries)
        self.line(
            f"{dataset.root}: {formats.load(dataset.format).title}, {counted(len(splits), 'split')}, "
            f"{counted(len(summaries), 'image')}, {counted(len(dataset.categories), 'class', 'classes')}"
            f"{', labels of task ' + dataset.task if dataset.task else ''}"
        )
        if source.frames:
            self.line(f"  {turned_photos(source)}")

    def together(self, source: Source) -> None:
        """Print a summary of several merged sources."""
        dataset, summaries = source.dataset, source.summaries
        self.line(
            f"together: {counted(len(dataset.splits), 'split')}, {counted(len(summaries), 'image')}, "
            f"{counted(len(dataset.categories), 'class', 'classes')}"
        )

    def recipe(self, recipe: Recipe) -> None:
        """The steps, in order."""
        self.line(f"recipe: {recipe}")

    @cached_property
    def _bars(self) -> ProgressBars | None:
        """The bars of the command; None where standard error is no terminal."""
        if self.quiet or not sys.stderr.isatty():
            return None
        from rich.console import Console

        from bboxprep.cli.bar import ProgressBars  # it takes its time to load

        return ProgressBars(Console(stderr=True, markup=False, highlight=False))

    @contextmanager
    def progress(self, total: int, what: str) -> Iterator[Callable[[int], None]]:
        """A bar with rate and time left, where standard error is a terminal."""
        if self._bars is None:
            yield lambda _: None
            return
        with self._bars.bar(total, what) as advance:
            yield advance

    def show_stages(self) -> None:
        """Show the stages of this command by bars that go when they end, where standard error is a terminal."""
        if self._bars:
            click.get_current_context().with_resource(stages_shown(partial(self._bars.bar, passing=True)))

    def outcome(self, outcome: Outcome, to: str, recipe: Recipe) -> None:
        """Print the account, the findings, the output folder and the next command."""
        account = outcome.account
        if self.quiet:
            self.faults(account.faults)
            return
        self.line()
        self.out.print(_split_table(account.rows(), account.findings))
        self.line()
        names = outcome.dataset.categories.names
        self.out.print(_class_table(account.class_rows(names), len(names)))
        self.findings(account.findings, outcome.dataset.folder)
        self.line()
        if outcome.dest is None:
            self.line("nothing written (--dry-run)")
        else:
            if outcome.fresh < len(outcome.dataset):
                self.line(_fresh(outcome.fresh, len(outcome.dataset)))
            images = counted(sum(account.images_out.values()), "image")
            ending = f"{to}; the account is in {outcome.dest / RECORD}"
            if account.made or not account.images_out.total():
                self.line(_made(account.made))
                if account.sizes:
                    self.line(f"sizes: {_listing(sorted(account.sizes.items()))}")
                self.line(f"{outcome.dest}: {images}, {ending}")
                self._next(outcome, to, recipe)
            else:
                self.line(f"{outcome.dest}: labels of {images}, whose places there {IMAGES} names; {ending}")
        self.faults(account.faults, " (--on-error stop refuses instead)")

    def faults(self, number: int, more: str = "") -> None:
        """Print how many faults end the command with 1, if any; to standard error where nothing else is printed."""
        if number and self.quiet:
            click.echo(f"bboxprep: exit 1: {counted(number, 'fault')}; without --quiet they are listed", err=True)
        elif number:
            self.line(f"exit 1: {counted(number, 'fault')} listed above{more}")

    def _next(self, outcome: Outcome, to: str, recipe: Recipe) -> None:
        """The command that trains on the output, where its format knows one."""
        target = formats.load(to)
        if target.train_command is None or outcome.dest is None or is_stored(outcome.dest):  # none reads from a bucket
            return
        sizes = [step.options()["size"] for step in recipe.steps if "size" in step.options()]
        options = target.write_options(**outcome.options)
        self.line(f"next: {target.train_command(str(outcome.dest), options, max(sizes[-1]) if sizes else None)}")
        missing = [split for split in target.train_splits if not outcome.account.images_out[split]]
        if missing:
            self.line(f"      (trainers want a {' and a '.join(missing)} split too; this dataset has none)")

    def findings(self, findings: Sequence[Finding], folder: Path | None = None) -> None:
        """Each kind of finding with the number of its places and objects, and its first places, which lie below
        `folder`; faults last, nearest to the prompt.
        """
        codes = dict.fromkeys(finding.code for finding in findings)
        for code in sorted(codes, key=lambda code: (CODES[code][0] is Severity.FAULT, code)):
            mark = "fault" if CODES[code][0] is Severity.FAULT else "note"
            own = [finding for finding in findings if finding.code == code]
            places, objects = by_place(own), sum(finding.objects for finding in own)
            self.line()
            lost = f" ({counted(objects, 'object')})" if objects else ""
            self.line(f"  {mark}: {len(places)} x {code}: {CODES[code][1]}{lost}")
            for place in places[:PLACES]:
                self.line(f"    {with_flags(_shown_place(place, folder))}")
            if len(places) > PLACES:
                self.line(f"    and {len(places) - PLACES:,} more")

    def inspection(self, source: Source, seen: Inspection) -> None:
        """All of an inspection."""
        self.source(source)
        self.line()
        self.out.print(_inspection_splits(seen))
        self.line()
        self.out.print(_inspection_classes(seen))
        self.line()
        self.line(f"  sizes as displayed: {_sizes(seen)}")
        self.line(f"  containers: {_listing(seen.containers.most_common())}")
        columns = [(str(column), count) for column, count in seen.columns.items()]
        self.line(f"  objects have: {_listing(columns) or 'nothing'}")
        if seen.near.compared:
            across, inside = f"{seen.near.across:,} across splits", f"{seen.near.inside:,} inside one"
            self.line(f"  pairs that look alike, among {seen.near.compared:,} images: {across}, {inside}")
        self.line()
        self.out.print(_orientation_table(seen))
        self.findings(seen.findings, source.dataset.folder)


def _shown_place(place: Sequence[Finding], folder: Path | None) -> str:
    """The findings about one place, its path as it can be opened from where one stands."""
    first = place[0]
    if folder is not None and first.path and not is_stored(folder):
        first = replace(first, path=str(folder / first.path))
    times = Counter(finding.message for finding in place)  # in their order, the first one first
    words = [str(first), *list(times)[1:]]
    marks = [f" ({count} times)" if count > 1 else "" for count in times.values()]
    return "; ".join(map("".join, zip(words, marks, strict=True)))


def _split_table(rows: Sequence[SplitCount], findings: Iterable[Finding]) -> Table:
    clipped = Counter(finding.split for finding in findings if finding.code == "box-clipped")
    several = any(row.objects_due != row.objects_in for row in rows)
    words = ["in all images"] if several else []
    table = _table(
        ("split", "left"), "images in", "out", "objects in", *words, "out", "images with cut boxes", ("dropped", "left")
    )
    for row in rows:
        due = [row.objects_due] if several else []
        counts = (row.images_in, row.images_out, row.objects_in, *due, row.objects_out, clipped[row.split])
        table.add_row(printable(row.split), *(f"{count:,}" for count in counts), _dropped(row.dropped))
    return table


def _class_table(rows: Sequence[ClassCount], known: int) -> Table:
    """A row for each of the `known` classes, then for other classes."""
    table = _table("number", ("class", "left"), "objects in", "out", ("dropped", "left"))
    counts = [max(row.objects_in, row.objects_out) for row in rows]
    for number in _shown_classes(counts):
        row = rows[number]
        table.add_row(
            str(number) if number < known else "",
            printable(row.name),
            f"{row.objects_in:,}",
            f"{row.objects_out:,}",
            _dropped(row.dropped) + (f"; swapped {row.swapped:+,}" if row.swapped else ""),
        )
    return _with_rest(table, counts)


def _inspection_splits(seen: Inspection) -> Table:
    table = _table(("split", "left"), "images", "objects", "without a label file")
    for split in seen.splits:
        table.add_row(
            printable(split), f"{seen.images[split]:,}", f"{seen.objects[split]:,}", f"{seen.unlabelled[split]:,}"
        )
    if len(seen.splits) > 1:
        table.add_row("all", *(f"{counts.total():,}" for counts in (seen.images, seen.objects, seen.unlabelled)))
    return table


def _inspection_classes(seen: Inspection) -> Table:
    several = len(seen.splits) > 1
    table = _table("number", ("class", "left"), *map(printable, seen.splits), *(["all"] if several else []))
    by_class = [[seen.classes[name, split] for split in seen.splits] for name in seen.names]
    counts = list(map(sum, by_class))
    for number in _shown_classes(counts):
        cells = [*by_class[number], *([counts[number]] if several else [])]
        table.add_row(str(number), printable(seen.names[number]), *(f"{count:,}" for count in cells))
    return _with_rest(table, counts)


def _shown_classes(counts: Sequence[int]) -> list[int]:
    """The numbers of the classes that a table shows: those with most objects, and none without; `counts` has the
    objects of each.
    """
    held = (number for number, count in enumerate(counts) if count)
    return sorted(sorted(held, key=lambda number: -counts[number])[:_MOST_CLASSES])


def _with_rest(table: Table, counts: Sequence[int]) -> Table:
    """`table` with last rows that count the classes it does not show; `counts` has the objects of each."""
    held = sorted(filter(None, counts), reverse=True)
    if rest := held[_MOST_CLASSES:]:
        table.add_row("", f"and {len(rest):,} more with {counted(sum(rest), 'object')}")
    if bare := len(counts) - len(held):
        table.add_row("", f"{counted(bare, 'class', 'classes')} without objects")
    return table


def _orientation_table(seen: Inspection) -> Table:
    table = _table("EXIF orientation", "images", ("labels drawn in", "left"), ("evidence", "left"))
    for (code, frame, evidence), count in sorted(seen.orientations.items()):
        table.add_row(str(code), f"{count:,}", "" if evidence == UPRIGHT else f"{frame} plane", evidence)
    return table


def _table(*columns: str | tuple[str, str]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=True, padding=(0, 2, 0, 2), header_style="bold")
    for column in columns:
        name, justify = column if isinstance(column, tuple) else (column, "right")
        table.add_column(name, justify="left" if justify == "left" else "right")
    return table


def _dropped(dropped: Mapping[str, int]) -> str:
    total = sum(dropped.values())
    return f"{total:,}: {_listing(dropped.items())}" if total else "0"


def _fresh(fresh: int, images: int) -> str:
    """The number of images written by this run and by an earlier run."""
    if not fresh:
        return f"nothing to do: all {counted(images, 'image')} are as an earlier run left them"
    return f"{counted(fresh, 'image')} done now, {images - fresh:,} as an earlier run left them"


def _made(made: Mapping[str, int]) -> str:
    parts = [f"{made[way]:,} {words}" for way, words in _WRITE_METHODS.items() if made.get(way)]
    return f"images: {', '.join(parts) or 'none'}"


def _listing(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts)


def _sizes(seen: Inspection) -> str:
    if not seen.sizes:
        return "no image can be read"
    distinct = Counter(seen.sizes)
    if len(distinct) == 1:
        return f"all {seen.sizes[0]}"
    widths, heights = zip(*seen.sizes, strict=True)
    common, count = distinct.most_common(1)[0]
    return (
        f"{len(distinct):,} different, width {min(widths):,} to {max(widths):,}, "
        f"height {min(heights):,} to {max(heights):,}, most often {common} ({count:,})"
    )


def counted(number: int, one: str, many: str = "") -> str:
    """`number` and the noun that fits it: "1 fault", "2 faults"; `many` is a plural that takes more than an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
