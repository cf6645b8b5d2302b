"""Tar files as WebDataset reads them: members whose names differ in the suffix alone belong together.

Equal members make equal files: they hold no times, owners or names of this machine (POSIX ustar).
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from bboxprep.formats import shards
from bboxprep.formats.api import MapEngine, Probe, ReadOptions, reads, writes
from bboxprep.formats.shard_labels import Member
from bboxprep.formats.shard_options import ShardWriteOptions
from bboxprep.formats.shards import ShardWriter
from bboxprep.io.atomic import AtomicWriter, as_target_error
from bboxprep.model.dataset import Dataset

_SUFFIX = ".tar"


def sniff(root: Path) -> str:
    """Why `root` looks like a WebDataset of objects, or ""."""
    return shards.sniff(root, _SUFFIX, lambda path: (root / shards.CLASSES).is_file() and path.is_file())


@reads
def read(root: Path, probe: Probe, options: ReadOptions, spread: MapEngine = map) -> Dataset:  # noqa: ARG001
    """The dataset in the tar files below `root`. Raises as `shards.read` does."""
    return shards.read(root, probe, _SUFFIX, "webdataset")


@writes
def write(root: Path, dataset: Dataset, options: ShardWriteOptions) -> ShardWriter:
    """A writer of tar files below `root`."""
    return ShardWriter(root, dataset, options, _SUFFIX, pack)


def pack(shard: Path, members: Sequence[Member], classes: Sequence[str]) -> None:  # noqa: ARG001
    """Write the tar file `shard` of the images and labels of `members`. Raises `TargetError`."""
    import tarfile  # every source is asked whether it is of this format, and that takes none of it

    with (
        AtomicWriter(shard) as file,
        as_target_error(shard),
        tarfile.open(fileobj=file.stream, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for member in members:
            for name, data in (
                (member.image.name, member.image.read_bytes()),
                (member.image.with_suffix(".json").name, member.labels()),
            ):
                file_head = tarfile.TarInfo(name)
                file_head.size = len(data)
                tar.addfile(file_head, BytesIO(data))
