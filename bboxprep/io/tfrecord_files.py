"""A TFRecord file of detection data, with the methods of a file system of fsspec: two files for each record, the image
``00000007.jpg``, where the record holds one, and the features of its labels ``00000007.example``; and ``classes.json``.
Their number is the one that the record states (`NUMBER`, our own feature): a later file of a split goes on, and an
image that was left out leaves a gap. Where not all records state one, it is their place in the file.

A record is framed by its length and by two check sums (CRC-32C, masked). All of them are checked when the file is
opened. A record whose bytes are damaged has no image, and its features cannot be read; where a length is damaged,
nothing after it can be found, and the file is refused. ``pip install 'bboxprep[tfrecord]'`` brings what this takes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import PurePosixPath
from typing import IO, NamedTuple

import msgspec

from bboxprep.errors import MissingPackageError, StorageError
from bboxprep.io.fsspec_errors import DamagedError
from bboxprep.io.packed_files import PackedFiles
from bboxprep.io.tf_messages import EXTRA, BadMessageError, Values, parse_example, require_protobuf, write_example

CLASSES = "classes.json"
FEATURES = ".example"
IMAGE, SHA256, NUMBER = OF_IMAGE = ("image/encoded", "image/key/sha256", "image/number")  # no labels: of the file alone
TEXTS, LABELS = "image/object/class/text", "image/object/class/label"

_HEAD = struct.Struct("<QI")
_FOOT = struct.Struct("<I")
HEAD_BYTES = _HEAD.size
GZIP = b"\x1f\x8b"
_MASK = 0xA282EAD8
_MOST_RECORDS = 1 << 24
_MOST_BYTES = 1 << 30  # of a record
_MOST_CLASSES = 1 << 16
_MOST_NUMBER = 10**8  # names have eight digits
_MAGIC = (  # the first bytes of an image, and its usual suffix
    (b"\xff\xd8\xff", ".jpg"), (b"\x89PNG\r\n\x1a\n", ".png"), (b"GIF8", ".gif"), (b"BM", ".bmp"),
    (b"II*\0", ".tif"), (b"MM\0*", ".tif"), (b"RIFF", ".webp"),
)  # fmt: skip


class _Record(NamedTuple):
    """The place of a record in the file: `start` and `length` of its data. `suffix` is that of its image, "" where it
    has none; `number` the one that it states, -1 for none.
    """

    start: int
    length: int
    suffix: str = ""
    number: int = -1


class TfRecordFiles(PackedFiles):
    """The records of the open `file` at the path `text`, of that `version`. Raises `StorageError`, `UsageError`."""

    def __init__(self, text: str, file: IO[bytes], version: str) -> None:
        require_packages()
        super().__init__(version)
        self._text, self._file = text, file
        self._pairs: dict[tuple[str, int | None], None] = {}
        self._features = lru_cache(maxsize=1)(self._read_features)
        records = list(self._records())
        stems = [f"{number:08}" for number in _numbers([record.number for record in records])]
        self._labels = {f"{stem}{FEATURES}": record for stem, record in zip(stems, records, strict=True)}
        self._images: Mapping[str, _Record] = {
            f"{stem}{record.suffix}": record for stem, record in zip(stems, records, strict=True) if record.suffix
        }

    def _members(self) -> tuple[str, ...]:
        return (*self._images, *self._labels, CLASSES)

    def _read(self, name: str) -> bytes:
        """The bytes of a file. Raises `FileNotFoundError`, and `DamagedError` where its record is damaged."""
        if name == CLASSES:
            return msgspec.json.encode(list(self._pairs))
        if name in self._images:
            return image_of(self._features(self._images[name]))
        if name not in self._labels:
            raise FileNotFoundError(name)
        features = self._features(self._labels[name])
        return write_example({key: values for key, values in features.items() if key not in OF_IMAGE})

    def _records(self) -> Iterator[_Record]:
        """The place of each record. Raises `StorageError`."""
        at, size = 0, self._file.seek(0, 2)
        for number in range(_MOST_RECORDS):
            if at == size:
                return
            length = self._length(at, size, number)
            record = _Record(at + _HEAD.size, length)
            try:
                features = self._read_features(record)
            except DamagedError:
                features = {}
            self._note_classes(features)
            image = image_of(features)
            stated = next(iter(whole_numbers(features.get(NUMBER, ()))), -1)
            yield record._replace(suffix=_suffix(image, features) if image else "", number=stated)
            at = record.start + length + _FOOT.size
        raise StorageError(f"{self._text}: has more than {_MOST_RECORDS:,} records")

    def _length(self, at: int, size: int, number: int) -> int:
        """The length of the record `number`, which begins at the byte `at` of `size`. Raises `StorageError`."""
        self._file.seek(at)
        head = self._file.read(_HEAD.size)
        if not is_head(head):
            words = "is no TFRecord file" if number == 0 else f"the length of record {number} is damaged (byte {at:,})"
            raise StorageError(f"{self._text}: {words}")
        length: int = _HEAD.unpack(head)[0]
        if length > min(_MOST_BYTES, size - at - _HEAD.size - _FOOT.size):
            have = f"record {number} has {length:,} bytes"
            raise StorageError(f"{self._text}: {have}, want at most {_MOST_BYTES:,}, and no more than the file has")
        return length

    def _read_features(self, record: _Record) -> Mapping[str, Values]:
        """The features of a record. Raises `DamagedError`."""
        self._file.seek(record.start)
        data = self._file.read(record.length)
        foot = self._file.read(_FOOT.size)
        if len(foot) < _FOOT.size or _FOOT.unpack(foot)[0] != masked_crc(data):
            raise DamagedError("damaged: its bytes have another check sum than the record states")
        try:
            return parse_example(data)
        except BadMessageError as error:
            raise DamagedError(str(error)) from error

    def _note_classes(self, features: Mapping[str, Values]) -> None:
        """Keep the pairs of name and number by which objects name their class."""
        texts, labels = texts_of(features.get(TEXTS, ())), whole_numbers(features.get(LABELS, ()))
        count = max(len(texts), len(labels))
        numbers: list[int | None] = [*labels] or [None] * count
        pairs = zip(texts or [""] * count, numbers, strict=False)
        self._pairs.update(dict.fromkeys(pairs))
        if len(self._pairs) > _MOST_CLASSES:
            raise StorageError(f"{self._text}: its objects have more than {_MOST_CLASSES:,} classes")


def image_of(features: Mapping[str, Values]) -> bytes:
    """The bytes of the encoded image among `features`; b"" where they hold none."""
    found = features.get(IMAGE, ())
    return found[0] if len(found) and isinstance(found[0], bytes) else b""


def texts_of(values: Values) -> list[str]:
    """The texts among the `values` of a feature; bytes that are no UTF-8 are spelt out."""
    return [value.decode("utf-8", "backslashreplace") for value in values if isinstance(value, bytes)]


def whole_numbers(values: Values) -> list[int]:
    """The whole numbers among the `values` of a feature."""
    return [value for value in values if isinstance(value, int)]


def _numbers(stated: Sequence[int]) -> Sequence[int]:
    """The numbers of records: those `stated` where they ascend, else their places in the file."""
    ascend = all(low < high for low, high in pairwise((-1, *stated, _MOST_NUMBER)))
    return stated if ascend else range(len(stated))


def masked_crc(data: bytes) -> int:
    """The masked CRC-32C of `data`, as TFRecord stores it."""
    import google_crc32c

    crc: int = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + _MASK) & 0xFFFFFFFF


def is_head(head: bytes) -> bool:
    """Whether `head` begins with the length of a record and its check sum. Raises `MissingPackageError`."""
    require_packages()
    return len(head) >= _HEAD.size and _HEAD.unpack_from(head)[1] == masked_crc(head[:8])


def framed(data: bytes) -> Sequence[bytes]:
    """The parts of a record of `data`, in their order."""
    head = struct.pack("<Q", len(data))
    return head, _FOOT.pack(masked_crc(head)), data, _FOOT.pack(masked_crc(data))


def _suffix(image: bytes, features: Mapping[str, Values]) -> str:
    """The suffix of an `image`: by its first bytes, else as the record states it."""
    found = next((suffix for magic, suffix in _MAGIC if image.startswith(magic)), "")
    stated = next(iter(texts_of(features.get("image/format", ()))), "").lower()
    return found or PurePosixPath(f"x.{stated}" if stated.isalnum() else "x.jpg").suffix


def require_packages() -> None:
    """Raise `MissingPackageError` where a package is not installed that reads and writes records."""
    require_protobuf()
    try:
        import google_crc32c  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(f"tfrecord: google-crc32c is not installed; {EXTRA}") from error
