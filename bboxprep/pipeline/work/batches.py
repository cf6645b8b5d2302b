"""Cuts the images of a run into batches: consecutive images of one split, each batch the work of one process.

A batch that an earlier run has noted is a batch again, as long as its images follow each other as before. So an image
that is added to the source changes the batch that it falls into, and shifts no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from bboxprep.model.sample import Key
from bboxprep.pipeline.resume.journal import journal_key
from bboxprep.pipeline.work.engines.local import blocks


def batches_of(keys: Sequence[Key], size: int, noted: Mapping[int, Sequence[Key]]) -> Iterator[tuple[range, int]]:
    """The rows of each batch of the images `keys`, in their order, with its number among the batches that are `noted`;
    0 for a new one, which has `size` images or fewer.
    """
    starts = {images[0]: number for number, images in noted.items() if images}  # of two, the later one
    new = row = 0  # the first row that is in no batch yet, and the one that is looked at
    while row < len(keys):
        number = starts.get(journal_key(keys[row]), 0)
        end = row + len(noted.get(number, ()))
        if number and list(map(journal_key, keys[row:end])) == noted[number]:
            yield from _new_batches(keys, range(new, row), size)
            yield range(row, end), number
            new = row = end
        else:
            row += 1
    yield from _new_batches(keys, range(new, len(keys)), size)


def _new_batches(keys: Sequence[Key], rows: range, size: int) -> Iterator[tuple[range, int]]:
    for _, alike in groupby(rows, key=lambda row: keys[row][0]):
        own = list(alike)
        for batch in blocks(range(own[0], own[-1] + 1), size):
            yield batch, 0
