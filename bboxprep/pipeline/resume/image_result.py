"""The result of one image, as plain data that the journal stores.

A result depends on its image, its labels and the terms of the run alone. A later run reuses it if its `fingerprint`
still matches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from bboxprep.findings import Finding, escape_surrogates
from bboxprep.pipeline.resume.fingerprint import FileStamp, Fingerprint, OutputFile

_MOST = 2**53
_Count = Annotated[int, msgspec.Meta(ge=0, le=_MOST)]
_Change = Annotated[int, msgspec.Meta(ge=-_MOST, le=_MOST)]


class ImageResult(msgspec.Struct, frozen=True, array_like=True):
    """The result of one output image, or of a source image that was left out.

    `split` and `name` are its key. `content`, `stamp`, `digest` and `files` are the fields of its `Fingerprint`.

    Counts of objects are by class. The source lists `source_count` objects, of which `objects_in` were read; `columns`
    counts them by column. The account adds these with the `first` output of a source image only. `objects_due` are the
    objects that the output image should hold (of a mosaic, those of all its sources), `objects_out` those that were
    written. `swapped` is the change of each class by a flip that exchanges classes, negative for a loss.

    `written` says whether there is an output, `write_method` how its image file was made ("" where there is no file).
    `row` is its line of ``bboxprep.images.jsonl``, `sidecar_line` its line of the sidecar; `entry` is what the format's
    writer collects for its documents.
    """

    split: str
    name: str
    content: bytes
    stamp: FileStamp
    digest: str
    first: bool
    source_count: _Count
    objects_in: dict[str, _Count]
    objects_due: dict[str, _Count]
    objects_out: dict[str, _Count]
    swapped: dict[str, _Change]
    columns: dict[str, _Count]
    findings: tuple[Finding, ...]
    written: bool
    write_method: str
    files: tuple[OutputFile, ...]
    row: bytes
    sidecar_line: bytes
    entry: Any

    def __post_init__(self) -> None:
        if not all(0 <= finding.objects <= _MOST for finding in self.findings):
            raise ValueError("findings: want a count of objects")

    @property
    def fingerprint(self) -> Fingerprint:
        """The fingerprint that a later run compares before it reuses the result."""
        return Fingerprint(self.content, self.stamp, self.digest, self.files)

    @property
    def key(self) -> tuple[str, str]:
        """Split and name, which identify the image within the dataset."""
        return self.split, self.name


def encode_results(results: Sequence[ImageResult | None]) -> bytes:
    """`results` as MessagePack. None stands for an image whose earlier result is still valid."""
    try:
        return _encode(results)
    except UnicodeEncodeError:  # a file name that is not UTF-8, as a value or as a key
        return _encode(_without_surrogates(msgspec.to_builtins(results, builtin_types=(bytes,))))


def _without_surrogates(data: Any) -> Any:
    match data:
        case str():
            return escape_surrogates(data)
        case list() | tuple():
            return [_without_surrogates(item) for item in data]
        case dict():
            return {_without_surrogates(name): _without_surrogates(value) for name, value in data.items()}
    return data


_encode = msgspec.msgpack.Encoder().encode
decode_results = msgspec.msgpack.Decoder(list[ImageResult | None]).decode
"""The results that `encode_results` encoded. Raises `msgspec.DecodeError`."""
