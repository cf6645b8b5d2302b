"""Fingerprints decide whether an output image of an earlier run is still valid or must be made again.

An output image depends on its source file, its labels, its output path, and the terms of the run, which
`resume.may_resume` compares once for all images. `content_hash` hashes the labels and the paths of a batch. The source
file is compared by its SHA-256 if an earlier run has read it, else by its `FileStamp`. Output files are compared by
their bytes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

import msgspec

from bboxprep.geometry.plan import Plan
from bboxprep.io.hashing import file_sha256
from bboxprep.io.remote import StoredPath, is_stored
from bboxprep.model.batch import Batch, FromText
from bboxprep.model.header import Header
from bboxprep.model.rendering import Rendering
from bboxprep.model.sample import Key, Sample
from bboxprep.pipeline.output.naming import Output


class FileStamp(msgspec.Struct, frozen=True, array_like=True):
    """The size of a file in bytes and the time of its last change in ns (in a storage a number of its version)."""

    size: int
    time: int


NO_STAMP = FileStamp(0, 0)


class OutputFile(msgspec.Struct, frozen=True, array_like=True):
    """A file of the output: its `path` below the output folder and its SHA-256 (`digest`). In a storage also its
    `stamp`, so that the file need not be read again.
    """

    path: str
    digest: str = ""
    stamp: FileStamp | None = None


class ImageFiles(msgspec.Struct, frozen=True, array_like=True):
    """The files of one image when it was written: its `name`, the `stamp` of its source file, the SHA-256 (`digest`) of
    that file ("" where it was not read), and the `files` that were written.
    """

    name: str
    stamp: FileStamp
    digest: str
    files: tuple[OutputFile, ...]

    def matches_source(self, path: Path | StoredPath) -> bool:
        """Whether the source file at `path` is unchanged. It is read where an earlier run has read it."""
        stamp = stamp_of(path)
        if self.stamp.size != stamp.size:
            return False
        read = self.digest and not is_stored(path)
        return file_sha256(path) == self.digest if read else self.stamp == stamp

    def matches_files(self, dest: Path | StoredPath, source: Path | StoredPath) -> bool:
        """Whether all `files` below `dest` are unchanged. A link to the file `source`, which `matches_source` has
        read, is not read again.
        """
        return all(
            (bool(self.digest) and file.digest == self.digest and _is_same_file(dest / file.path, source))
            or _is_unchanged(dest / file.path, file)
            for file in self.files
        )


class BatchFingerprint(msgspec.Struct, frozen=True, array_like=True):
    """The state of a batch when it was written: the `split` of its images, its `content_hash`, and the files of each
    image.
    """

    split: str
    content: bytes
    images: tuple[ImageFiles, ...]

    @property
    def keys(self) -> list[Key]:
        """The keys of the images."""
        return [(self.split, image.name) for image in self.images]


def stamps_of(batch: Batch) -> list[FileStamp]:
    """The stamp of the image file of each sample of `batch`."""
    paths = batch.values("path")
    return list(map(stamp_of, paths.texts if isinstance(paths, FromText) else paths))


def stamp_of(path: Path | StoredPath | str) -> FileStamp:
    """The stamp of the file at `path`; `NO_STAMP` where there is no file."""
    try:
        status = path.stat() if is_stored(path) else os.stat(path)  # noqa: PTH116  (of 100,000 paths)
    except (OSError, ValueError):
        return NO_STAMP
    return FileStamp(status.st_size, status.st_mtime_ns)


def content_hash(
    batch: Batch, outputs: Sequence[Output | None], others: Sequence[Sequence[tuple[Sample, FileStamp]]] = ()
) -> bytes:
    """A hash (16 bytes) of all fields of the samples of `batch` except their pixels, and of the paths of `outputs`.

    `others` are, for each sample, the other samples in it, with the stamps of their files.
    """
    fields = [_hashed(batch, name) for name in _HASHED]
    paths = [output and (output.image, output.labels, output.renamed) for output in outputs]
    rest = [(content_hash(Batch.of([other]), [None]), stamp) for beside in others for other, stamp in beside]
    parts = [_as_bytes((fields, paths, list(map(len, others)), rest)), batch.starts.tobytes(), batch.points.tobytes()]
    return blake2b(b"".join([*parts, *batch.instances.hash_parts()]), digest_size=16).digest()


def _as_bytes(fields: object) -> bytes:
    """Bytes for a hash of plain data: different fields have different bytes."""
    try:
        return msgspec.msgpack.encode(fields, enc_hook=repr)  # a fifth of the time of repr
    except (UnicodeEncodeError, OverflowError, TypeError, RecursionError):  # what MessagePack lacks
        return repr(fields).encode("utf-8", "surrogatepass")


_AS_TEXT = ("header", "plan", "rendering")  # many photos of a dataset have equal values
_HASHED = (  # the fields that are hashed besides the objects
    *("name", "split", "declared", "source_count", "frame", "evidence", "refusal", "labelled", "id", "extra"),
    *("mirrored", "variant", "findings", *_AS_TEXT),
)


def _hashed(batch: Batch, name: str) -> Sequence[object]:
    """The field `name` of the samples of `batch`, as it is hashed: one value where all have the same."""
    if name == "name":
        return batch.names
    values = batch.values(name)
    if values.count(values[0]) == len(values):
        values = values[:1]
    if name in _AS_TEXT:
        return list(map(_text, values))
    return [value and tuple(value) for value in values] if name == "declared" else values


@lru_cache(maxsize=1024)
def _text(value: Header | Plan | Rendering | None) -> str:
    """``repr(value)``, cached: many photos of a dataset have equal values."""
    return repr(value)


def _is_same_file(path: Path | StoredPath, source: Path | StoredPath) -> bool:
    """Whether `path` is a link to the file `source`."""
    try:
        return not (is_stored(path) or is_stored(source)) and path.samefile(source)
    except OSError:
        return False


def _is_unchanged(path: Path | StoredPath, file: OutputFile) -> bool:
    """Whether the file at `path` has the bytes of `file`."""
    if file.stamp and is_stored(path):
        return stamp_of(path) == file.stamp
    return bool(file.digest) and file_sha256(path) == file.digest
