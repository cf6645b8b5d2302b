"""What came of one image: all that the run has to know of it, as plain data that a journal can keep.

A piece depends on its image, its labels and the terms of the run alone. `content` is the hash of what was read of the
image besides its pixels and of where it goes; with `digest` or `stamp` it says whether the piece is still true.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any

import msgspec

from bboxprep.findings import Finding, escape_surrogates
from bboxprep.geometry.plan import Plan
from bboxprep.io.remote import StoredPath
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.rendering import Rendering
from bboxprep.model.sample import Sample
from bboxprep.pipeline.output.naming import Output

_MOST = 2**53
_Count = Annotated[int, msgspec.Meta(ge=0, le=_MOST)]
_Change = Annotated[int, msgspec.Meta(ge=-_MOST, le=_MOST)]


class FileStamp(msgspec.Struct, frozen=True, array_like=True):
    """What is known of a file without reading it: the size in bytes, and the time of its last change (in a storage a
    number of its version).
    """

    size: int
    time: int


class OutputFile(msgspec.Struct, frozen=True, array_like=True):
    """A file of the output: its `path` below it, and its SHA-256, "" where it is a link; in a storage its `stamp`,
    which spares reading it again.
    """

    path: str
    digest: str = ""
    stamp: FileStamp | None = None


class ImageResult(msgspec.Struct, frozen=True, array_like=True):
    """One image after its work.

    `split` and `name` are its key. `source_count` objects came in, to be counted if it is the `first` picture of its
    image;
    `due` are those that are in the picture, of other images too; `came`, `went` and `swapped` count them by class,
    `columns` what they have; `row` and `kept` are its lines in the record of images and in the sidecar, `entry` is what
    the writer notes of it. `files` are those that were written, the image first. `digest` is the SHA-256 of the source
    file where it was read, `stamp` what is known of it where it was not.
    """

    split: str
    name: str
    content: bytes
    stamp: FileStamp
    digest: str
    first: bool
    source_count: _Count
    came: dict[str, _Count]
    due: dict[str, _Count]
    went: dict[str, _Count]
    swapped: dict[str, _Change]
    columns: dict[str, _Count]
    findings: tuple[Finding, ...]
    written: bool
    made: str
    files: tuple[OutputFile, ...]
    row: bytes
    kept: bytes
    entry: Any

    def __post_init__(self) -> None:
        if not all(0 <= finding.objects <= _MOST for finding in self.findings):
            raise ValueError("findings: want a count of objects")

    @property
    def fingerprint(self) -> Fingerprint:
        """What a later run has to check of it."""
        return Fingerprint(self.content, self.stamp, self.digest, self.files)

    @property
    def key(self) -> tuple[str, str]:
        """What names the image within the dataset."""
        return self.split, self.name


class Fingerprint(msgspec.Struct, frozen=True, array_like=True):
    """What an earlier run says of an image: as in `ImageResult`."""

    content: bytes
    stamp: FileStamp
    digest: str
    files: tuple[OutputFile, ...]


def encode_results(results: Sequence[ImageResult | None]) -> bytes:
    """Pieces as bytes, None for those of which the claim of an earlier run is still true."""
    try:
        return _encode(results)
    except UnicodeEncodeError:  # the name of a file, in a text or as a key
        return _encode(_spelt_out(msgspec.to_builtins(results, builtin_types=(bytes,))))


def _spelt_out(data: Any) -> Any:
    match data:
        case str():
            return escape_surrogates(data)
        case list() | tuple():
            return [_spelt_out(item) for item in data]
        case dict():
            return {_spelt_out(name): _spelt_out(value) for name, value in data.items()}
    return data


_encode = msgspec.msgpack.Encoder().encode
decode_results = msgspec.msgpack.Decoder(list[ImageResult | None]).decode
"""What `encode_results` made bytes of. Raises `msgspec.DecodeError`."""


def stamp_of(path: Path | StoredPath) -> FileStamp:
    """The stamp of the file at `path`; zeros where there is none."""
    try:
        said = path.stat()
    except (OSError, ValueError):
        return NO_STAMP
    return FileStamp(said.st_size, said.st_mtime_ns)


NO_STAMP = FileStamp(0, 0)


def content_of(sample: Sample, output: Output | None, others: Sequence[tuple[Sample, FileStamp]] = ()) -> bytes:
    """The hash of all that was read of `sample` but its pixels, and of where it goes; and of the `others` in its
    picture, with what is known of their files.
    """
    size = sample.declared and tuple(sample.declared)
    read = (_text(sample.header), sample.split, str(sample.name), size, sample.source_count)
    seen = (sample.frame.value, sample.evidence, sample.refusal, sample.labelled, sample.id, sample.extra)
    moved = (_text(sample.plan), _text(sample.rendering), sample.mirrored, sample.variant)
    goes = output and (output.image, output.labels, output.renamed)
    text = repr((read, seen, moved, sample.findings, goes)).encode("utf-8", "surrogatepass")
    around = [content_of(other, None) + repr(stamp).encode() for other, stamp in others]
    return blake2b(b"".join([text, *_objects(sample.instances), *around]), digest_size=16).digest()


@lru_cache(maxsize=1024)
def _text(value: Header | Plan | Rendering | None) -> str:
    """Of what the photos of a dataset have in common."""
    return repr(value)


def _objects(instances: Instances) -> list[bytes]:
    """All that is known of `instances`: how many numbers there are in each column, those numbers, and the rest."""
    rings = [ring for own in instances.polygons for ring in own]
    columns = (
        instances.boxes, instances.labels, instances.crowd, instances.keypoints, instances.visibility, instances.areas,
        instances.scores, instances.ids, *rings,
    )  # fmt: skip
    counts = _encode((instances.visibility.shape, list(map(len, instances.polygons)), list(map(len, rings))))
    known = [counts, *[column.tobytes() for column in columns]]
    if any(instances.masks) or any(instances.attributes):
        known.append(repr((instances.masks, instances.attributes)).encode("utf-8", "surrogatepass"))
    return known
