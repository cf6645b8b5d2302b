"""A Parquet file of images and objects, with the methods of a file system of fsspec: two files for each row, the
image ``00000007.jpg`` and its labels ``00000007.json``, named by the row's `image.path` or by its number.

The layout is that of Hugging Face's ``datasets``: a column `image` of (bytes, path), and `objects` with lists of `bbox`
(x y w h, px), `category` and perhaps `area`, `id` and `iscrowd`. Pyarrow reads it, a row group at a time:
``pip install 'bboxprep[shards]'``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property, lru_cache
from io import SEEK_END
from pathlib import PurePosixPath
from typing import IO, Any

import msgspec

from bboxprep.errors import MissingPackageError, StorageError
from bboxprep.io.packed_files import PackedFiles

CLASSES = "classes.json"
_SHARED = ("image.bytes", "image.path")  # kept once for all rows that have the same one, which takes a few bits each
_MOST_UNPACKED = 1 << 30  # bytes of a row group, however small the file is
_MOST_INFLATED = 4  # bytes from each byte of the file: images hardly shrink
_MOST_ROWS = 1 << 24
_MOST_OF_A_PATH = 4096  # bytes
_FIELDS = (
    "file_name",
    "width",
    "height",
    "objects",
    "image_id",
)  # of the labels, in the order that they are written in


class ParquetFiles(PackedFiles):
    """The rows of the open `file` at the path `text`, of that `version`.

    Raises `StorageError` and `UsageError`.
    """

    def __init__(self, text: str, file: IO[bytes], version: str) -> None:
        try:
            from pyarrow import parquet
        except ImportError as error:
            words = "pyarrow is not installed; pip install 'bboxprep[shards]' brings it"
            raise MissingPackageError(f"{text}: {words}") from error
        super().__init__(version)
        self._file = parquet.ParquetFile(file, read_dictionary=_SHARED)
        self._text = text
        _refuse_excess(text, self._file.metadata, max(_MOST_UNPACKED, _MOST_INFLATED * file.seek(0, SEEK_END)))
        names = self._file.schema_arrow.names
        if "image" not in names:
            raise StorageError(f"{text}: has the columns {', '.join(names)[:200]}; want image and objects")
        self._group = lru_cache(maxsize=1)(self._read_group)

    @cached_property
    def _starts(self) -> list[int]:
        counts = [self._file.metadata.row_group(group).num_rows for group in range(self._file.num_row_groups)]
        return [sum(counts[:group]) for group in range(len(counts) + 1)]

    @cached_property
    def _names(self) -> Mapping[str, int]:
        """The row of each image by its file name: from its path if all rows have different ones, else numbered."""
        column = self._file.read(columns=["image.path"]).column("image")
        for chunk in column.chunks:
            self._refuse_long_paths(chunk)
        found = column.to_pylist()
        paths = [PurePosixPath((path or {}).get("path") or "") for path in found]
        if len({path.stem for path in paths} - {""}) < len(paths):
            paths = [PurePosixPath(f"{row:08}{path.suffix or '.jpg'}") for row, path in enumerate(paths)]
        return {path.name: row for row, path in enumerate(paths)}

    def _refuse_long_paths(self, images: Any) -> None:
        """Raises `StorageError` where a path of `images`, which many rows may share, is longer than any file has."""
        paths = images.field("path") if images.type.get_field_index("path") >= 0 else ()
        for path in getattr(paths, "dictionary", ()):
            if len(path.as_buffer() or b"") > _MOST_OF_A_PATH:
                raise StorageError(f"{self._text}: has a path of more than {_MOST_OF_A_PATH:,} bytes")

    @cached_property
    def _labels(self) -> Mapping[str, int]:
        """The row of each label file."""
        return {f"{name.rpartition('.')[0]}.json": row for name, row in self._names.items()}

    def _members(self) -> tuple[str, ...]:
        return (*self._names, *self._labels, *([CLASSES] if self._classes else ()))

    def _read(self, name: str) -> bytes:
        if name == CLASSES and self._classes:
            return json.dumps(self._classes).encode()
        if name in self._labels:
            return _labels(self._row(self._labels[name]))
        if name not in self._names:
            raise FileNotFoundError(name)
        return bytes((self._row(self._names[name])["image"] or {}).get("bytes") or b"")

    def _row(self, number: int) -> dict[str, Any]:
        group = next(group for group, end in enumerate(self._starts[1:]) if number < end)
        found: dict[str, Any] = self._group(group).slice(number - self._starts[group], 1).to_pylist()[0]
        return found

    def _read_group(self, group: int) -> Any:
        return self._file.read_row_group(group)

    @cached_property
    def _classes(self) -> list[str]:
        """The names of the classes, from the metadata that `datasets` writes into the schema."""
        metadata = self._file.schema_arrow.metadata or {}
        try:
            features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
            return [str(name) for name in _class_label(features["objects"])["names"]]
        except (ValueError, LookupError, TypeError):
            return []


def _refuse_excess(text: str, metadata: Any, most: int) -> None:
    """Raises `StorageError` where the footer states more rows, or a row group of more bytes than `most`, so before
    anything is unpacked. A run of equal numbers takes a few bits: all of them count with 8 bytes.
    """
    if metadata.num_rows > _MOST_ROWS:
        raise StorageError(f"{text}: has {metadata.num_rows:,} rows, want at most {_MOST_ROWS:,}")
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        columns = map(group.column, range(group.num_columns))
        size = sum(max(column.total_uncompressed_size, 8 * column.num_values) for column in columns)
        if size > most:
            raise StorageError(f"{text}: row group {number} unpacks to {size:,} bytes, want at most {most:,}")


def _class_label(feature: Any) -> Any:
    """The description of the classes, wherever it stands in the description of the objects."""
    if isinstance(feature, dict):
        if feature.get("_type") == "ClassLabel":
            return feature
        found = (_class_label(inner) for inner in feature.values())
        return next((inner for inner in found if inner is not None), None)
    return next((inner for inner in map(_class_label, feature) if inner), None) if isinstance(feature, list) else None


def _labels(row: Mapping[str, Any]) -> bytes:
    """The label file of a row, as JSON."""
    values = {"file_name": (row["image"] or {}).get("path")} | {name: row[name] for name in _FIELDS if name in row}
    return msgspec.json.encode({name: values.get(name) for name in _FIELDS})
