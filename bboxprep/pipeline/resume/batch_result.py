"""The result of one batch of images, as plain data that the journal stores.

The images of a batch are consecutive and of one split, so that their objects are counted by class alone. A result
depends on its images, their labels and the terms of the run alone. A later run reuses it if its fingerprint still
matches; where one image of it has changed, the whole batch is done again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Annotated, Any

import msgspec

from bboxprep.findings import Finding, escape_surrogates
from bboxprep.pipeline.resume.fingerprint import BatchFingerprint

_MOST = 2**53
_Count = Annotated[int, msgspec.Meta(ge=0, le=_MOST)]
_Change = Annotated[int, msgspec.Meta(ge=-_MOST, le=_MOST)]


class SourceCounts(msgspec.Struct, frozen=True, array_like=True):
    """The number of `images` of the source, of `listed` objects, and of read objects by class and by column."""

    images: _Count = 0
    listed: _Count = 0
    objects: dict[str, _Count] = {}  # msgspec copies the default
    columns: dict[str, _Count] = {}

    def __add__(self, other: SourceCounts) -> SourceCounts:
        return SourceCounts(
            self.images + other.images,
            self.listed + other.listed,
            _sum((self.objects, other.objects)),
            _sum((self.columns, other.columns)),
        )


class OutputCounts(msgspec.Struct, frozen=True, array_like=True):
    """The number of written `images`, of image files `made` by each `WriteMethod`, and of objects by class: expected
    ones (`due`; of several images in one, those of all), `written` ones, and the change by flips that exchange classes
    (`swapped`). `sizes` has the number of images by size, as in 640x480, where the recipe chooses one for each image.
    """

    images: _Count = 0
    made: dict[str, _Count] = {}
    due: dict[str, _Count] = {}
    written: dict[str, _Count] = {}
    swapped: dict[str, _Change] = {}
    sizes: dict[str, _Count] = {}

    def __add__(self, other: OutputCounts) -> OutputCounts:
        return OutputCounts(
            self.images + other.images,
            _sum((self.made, other.made)),
            _sum((self.due, other.due)),
            _sum((self.written, other.written)),
            _sum((self.swapped, other.swapped)),
            _sum((self.sizes, other.sizes)),
        )


class BatchResult(BatchFingerprint, frozen=True, array_like=True):
    """The result of a batch of images: its fingerprint first, which can be read without the rest.

    `source` counts each image of the source with its first output image only. `rows` are the lines of the images in
    ``bboxprep.images.jsonl``, `sidecar` those in the sidecar. `entries` has the `Labels.entry` of each written image,
    which the writer of the format collects. `thumbnails`
    are those of the images, b"" of one that was not decoded for it, and of all but
    the first output of it.
    """

    source: SourceCounts
    output: OutputCounts
    findings: tuple[Finding, ...]
    rows: bytes
    sidecar: bytes
    entries: tuple[Any, ...]
    thumbnails: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if not all(0 <= finding.objects <= _MOST for finding in self.findings):
            raise ValueError("findings: want a count of objects")

    @classmethod
    def join(cls, content: bytes, parts: Sequence[BatchResult]) -> BatchResult:
        """The joined result of `parts` (one or more, of one split), with the hash `content`."""
        return cls(
            parts[0].split,
            content,
            tuple(chain.from_iterable(part.images for part in parts)),
            sum((part.source for part in parts), SourceCounts()),
            sum((part.output for part in parts), OutputCounts()),
            tuple(chain.from_iterable(part.findings for part in parts)),
            b"".join([part.rows for part in parts]),
            b"".join([part.sidecar for part in parts]),
            tuple(chain.from_iterable(part.entries for part in parts)),
            tuple(chain.from_iterable(part.thumbnails for part in parts)),
        )


def encode_result(result: BatchResult | int) -> bytes:
    """`result` as MessagePack. A number stands for a batch of the journal that is still valid."""
    try:
        return _encode(result)
    except UnicodeEncodeError:  # a file name that is no UTF-8, as a value or as a key
        return _encode(_without_surrogates(msgspec.to_builtins(result, builtin_types=(bytes,))))


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        for name, count in one.items():
            total[name] += count
    return dict(total)


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
decode_result = msgspec.msgpack.Decoder(BatchResult).decode
"""The result that `encode_result` encoded. Raises `msgspec.DecodeError`."""
decode_result_or_number = msgspec.msgpack.Decoder(BatchResult | int).decode
"""The result or number that `encode_result` encoded. Raises `msgspec.DecodeError`."""
