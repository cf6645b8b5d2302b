"""Leaks between splits: the same picture on both sides, so that a model is asked what it was told.

The same means byte for byte: a copy that was saved again, cut or renamed within another file is not found here. Only
files of one size can be the same, so the bytes of few have to be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from hashlib import file_digest
from pathlib import Path

from bboxprep.findings import Finding
from bboxprep.io.paths import relative_path
from bboxprep.model.dataset import Dataset
from bboxprep.pipeline.source.open import ImageSummary


def checked(dataset: Dataset, summaries: Iterable[ImageSummary]) -> Dataset:
    """`dataset` with a finding for each leak between its splits."""
    return replace(dataset, findings=(*dataset.findings, *find_leaks(summaries, dataset.folder)))


def find_leaks(summaries: Iterable[ImageSummary], root: Path) -> tuple[Finding, ...]:
    """A finding for each image whose bytes are also those of an image in an earlier split; it names both, below the
    folder `root` of the dataset.
    """
    summaries = list(summaries)
    by_size: dict[int, list[ImageSummary]] = {}
    for summary in summaries if _crosses(summaries) else ():
        size = _size(summary.path) if summary.header else 0
        if size:
            by_size.setdefault(size, []).append(summary)
    return tuple(finding for group in by_size.values() if _crosses(group) for finding in _leaks(group, root))


def _leaks(group: Iterable[ImageSummary], root: Path) -> Iterator[Finding]:
    by_content: dict[bytes, list[ImageSummary]] = {}
    for summary in group:
        digest = _digest(summary.path)
        if digest:
            by_content.setdefault(digest, []).append(summary)
    for same in by_content.values():
        first = same[0].key[0]
        words = f"the same bytes as {relative_path(same[0].path, root)} ({first})"
        for summary in same:
            if (split := summary.key[0]) != first:
                yield Finding("split-leak", words, path=relative_path(summary.path, root), split=split)


def _crosses(group: Iterable[ImageSummary]) -> bool:
    return len({summary.key[0] for summary in group}) > 1


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # its own finding comes when it is read
        return 0


def _digest(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").digest()
    except OSError:
        return b""
