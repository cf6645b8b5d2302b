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

    `split` and `name` are its key. `content`, `stamp`, `digest` and `files` are those of its `Fingerprint`.

    The counts of objects are by class. `source_count` objects are listed in the source and `came` counts those that
    were read; `columns` counts them by column. They enter the account with the `first` output of a source image only.
    `due` counts the objects that the image should hold (of a mosaic, those of all its sources), `went` those that
    were written, and `swapped` how many more or fewer of a class there are because a flip exchanged classes.

    `written` says whether there is an output, `made` how its image file was made ("" without one). `row` is its line in
    ``bboxprep.images.jsonl``, `kept` its line in the sidecar, `entry` what the writer of the format needs at the end.
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
        """What a later run checks before it uses the result again."""
        return Fingerprint(self.content, self.stamp, self.digest, self.files)

    @property
    def key(self) -> tuple[str, str]:
        """Split and name, which identify the image within the dataset."""
        return self.split, self.name


def encode_results(results: Sequence[ImageResult | None]) -> bytes:
    """`results` as bytes (MessagePack). None stands for an image whose earlier result is still valid."""
    try:
        return _encode(results)
    except UnicodeEncodeError:  # a file name that is no UTF-8, as a value or as a key
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
"""The results that `encode_results` wrote. Raises `msgspec.DecodeError`."""
