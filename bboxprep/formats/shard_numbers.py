"""Names the images of each split by their numbers, in files (shards) that hold as many as is wanted."""

from __future__ import annotations

from collections import defaultdict
from pathlib import PurePosixPath

from bboxprep.io.paths import USUAL_SUFFIXES

STAGE = "bboxprep.loose"
"""The folder that holds images and their labels until they are packed."""


class ShardNumbers:
    """Numbers the images of each split; a shard below `folder`, whose name ends on `suffix`, holds `size` of them."""

    def __init__(self, suffix: str, size: int, folder: str = "") -> None:
        self._suffix, self._size, self._folder = suffix, size, folder
        self._counts: dict[str, int] = defaultdict(int)

    def next(self, split: str) -> str:
        """The path of the next image of `split`, in its shard, without a suffix."""
        number = self._counts[split]
        self._counts[split] += 1
        return f"{self._shard(split, number // self._size)}/{number:08}"

    @property
    def shards(self) -> tuple[str, ...]:
        """The paths of all shards of the images so far."""
        counts = self._counts.items()
        return tuple(self._shard(split, at) for split, count in counts for at in range(-(-count // self._size)))

    def _shard(self, split: str, number: int) -> str:
        return f"{self._folder}{split}-{number:05}{self._suffix}"


def true_name(name: PurePosixPath, suffix: str) -> str:
    """`name`, with the `suffix` of its file where its own contradicts that."""
    return str(name if usual_suffix(name) == suffix else name.with_suffix(suffix))


def usual_suffix(name: PurePosixPath) -> str:
    """The suffix of `name` in lower case, the same for all names of one kind: readers take each for a column."""
    suffix = name.suffix.lower()
    return USUAL_SUFFIXES.get(suffix, suffix)
