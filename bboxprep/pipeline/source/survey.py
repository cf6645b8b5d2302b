"""Surveys each image of a source once: its header, and the evidence in its labels for their frame.

**Leaks between splits** are found too: the same image in two splits, so that a model is tested on training data.
The same means byte for byte: a copy that was saved again, cut or renamed within another file is not found here. Only
files of one size can be the same, so the bytes of few have to be read. Other copies are near duplicates, which the
thumbnails of images tell (`near_duplicates`); their images have to be decoded, so they are made only where asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from bboxprep.findings import Finding
from bboxprep.frames.evidence import UNTURNED, FrameEvidence, frame_evidence_of
from bboxprep.io.hashing import file_sha256
from bboxprep.io.paths import refuse_passing, relative_path
from bboxprep.io.remote import is_stored
from bboxprep.model.class_counts import ClassCounts
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.sample import Key
from bboxprep.pipeline.work.engines import Engine
from bboxprep.pipeline.work.engines.local import FEW_IMAGES, IN_CALLING_PROCESS, block_size, blocks
from bboxprep.pipeline.work.stages import staged


class ImageSummary(msgspec.Struct, frozen=True, gc=False):
    """The facts about one image that the survey collects, from which frames are decided and outputs are named.

    There is one for each image, pickled by worker processes; msgspec structs take half the time of dataclasses.
    """

    key: Key
    header: Header | None
    frame_evidence: FrameEvidence
    touched: bool  # whether a step has changed its pixels
    labelled: bool = True  # whether a label file is about it
    folder: Path = Path()  # of the image file, shared by many images
    file: str = ""
    thumbnail: bytes = b""  # of `images.thumbnail`, where it was made

    @property
    def path(self) -> Path:
        """The path of the image file."""
        return self.folder / self.file

    def replace_fast(self, **changes: Any) -> ImageSummary:
        """A copy with `changes`."""
        return msgspec.structs.replace(self, **changes)


def survey(dataset: Dataset, engine: Engine = IN_CALLING_PROCESS) -> tuple[ImageSummary, ...]:
    """Survey all samples of `dataset`, in order, by the `engine`; few local files in the calling process."""
    if len(dataset) <= FEW_IMAGES and not any(map(is_stored, dataset.roots)):
        engine = IN_CALLING_PROCESS
    rows = blocks(range(len(dataset)), block_size(len(dataset), engine.workers))
    found = staged(engine.run(_Survey(dataset), rows), len(dataset), "looking at images", len)
    return tuple(chain.from_iterable(found))


class _Survey(msgspec.Struct, frozen=True):
    """Surveys a block of samples. Labels are read only for images with an orientation, which need frame evidence."""

    dataset: Dataset

    def __call__(self, block: range) -> list[ImageSummary]:
        alike: dict[Any, Any] = {}  # equal values are shared, since the summaries of all images stay in memory
        folders: dict[str, Path] = {}
        batch = self.dataset.outlines_at(block)
        rows = zip(batch.keys, batch.files, batch.headers, batch.values("labelled"), batch.touched, strict=True)
        found = []
        for row, ((split, name), path, header, labelled, moved) in enumerate(rows):
            folder, file = os.path.split(path)
            evidence = UNTURNED
            if header is not None and header.orientation != 1:
                evidence = frame_evidence_of(self.dataset[block[row]])
            found.append(
                ImageSummary(
                    key=(alike.setdefault(split, split), name),
                    header=alike.setdefault(header, header),
                    frame_evidence=alike.setdefault(evidence, evidence),
                    touched=moved,
                    labelled=labelled,
                    folder=folders.get(folder) or folders.setdefault(folder, batch.values("path")[row].parent),
                    file=name if name == file else file,
                )
            )
        return found


def counted_classes(dataset: Dataset) -> list[dict[int, int]]:
    """The number of objects of each image of `dataset` by label, for which all labels are read."""
    return ClassCounts.of(staged(dataset.batches(), len(dataset), "counting classes", len)).by_image()


def checked(dataset: Dataset, summaries: Iterable[ImageSummary]) -> Dataset:
    """`dataset` with a finding for each leak between its splits."""
    return replace(dataset, findings=(*dataset.findings, *find_leaks(summaries, dataset.folder)))


def find_leaks(summaries: Iterable[ImageSummary], root: Path) -> tuple[Finding, ...]:
    """A finding for each image with the same bytes as an image of an earlier split. It names both, relative to the
    folder `root` of the dataset.
    """
    summaries = list(summaries)
    if not _spans_splits(summaries):
        return ()
    return tuple(chain.from_iterable(_leaks(same, root) for same in same_files(summaries, _spans_splits)))


def same_files(
    summaries: Iterable[ImageSummary], matters: Callable[[list[ImageSummary]], bool] = lambda group: len(group) > 1
) -> Iterator[list[ImageSummary]]:
    """The images whose files have the same bytes, in groups. Files of one size are read if the group of them
    `matters`.
    """
    by_size: dict[int, list[ImageSummary]] = {}
    for summary in summaries:
        size = _size(summary.path) if summary.header else 0
        if size:
            by_size.setdefault(size, []).append(summary)
    for group in filter(matters, by_size.values()):
        by_content: dict[str, list[ImageSummary]] = {}
        for summary in group:
            digest = file_sha256(summary.path)
            if digest:
                by_content.setdefault(digest, []).append(summary)
        yield from by_content.values()


def _leaks(same: Sequence[ImageSummary], root: Path) -> Iterator[Finding]:
    first = same[0].key[0]
    words = f"the same bytes as {relative_path(same[0].path, root)} ({first})"
    for summary in same:
        if (split := summary.key[0]) != first:
            yield Finding("split-leak", words, path=relative_path(summary.path, root), split=split)


def _spans_splits(group: Iterable[ImageSummary]) -> bool:
    return len({summary.key[0] for summary in group}) > 1


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:  # it has a finding when it is read
        refuse_passing(error, path)
        return 0
