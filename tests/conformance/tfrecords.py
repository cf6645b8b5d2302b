"""TFRecord by hand, from the rules of its framing and of protobuf's wire: it shares no code with the format."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path, PurePosixPath

import numpy as np

from bboxprep.testing.example import LabelledDataset, LabelledImage, displayed_size

Features = Mapping[str, Sequence[bytes] | Sequence[float] | Sequence[int]]

_SUFFIXES = {
    b"\x89PNG": ".png",
    b"RIFF": ".webp",
    b"BM": ".bmp",
    b"II*": ".tif",
    b"MM": ".tif",
    b"GIF": ".gif",
    b"": ".jpg",
}
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def crc32c(data: bytes) -> int:
    """The masked check sum of `data`."""
    import google_crc32c

    found = int(google_crc32c.value(data))
    return ((found >> 15 | found << 17) + 0xA282EAD8) % 2**32


def framed(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", crc32c(length)) + data + struct.pack("<I", crc32c(data))


def unframed(file: bytes) -> Iterator[bytes]:
    while file:
        (length,) = struct.unpack_from("<Q", file)
        data = file[12 : 12 + length]
        assert struct.unpack_from("<I", file, 8)[0] == crc32c(file[:8])
        assert struct.unpack_from("<I", file, 12 + length)[0] == crc32c(data)
        yield data
        file = file[16 + length :]


def example(features: Features, *, packed: bool = True) -> bytes:
    """The message ``Example`` of `features`; lists of numbers are `packed`, or each number has its own tag."""
    entries = b"".join(
        _field(1, _field(1, name.encode()) + _field(2, _list(values, packed=packed)))
        for name, values in features.items()
    )
    return _field(1, entries)


def _list(values: Sequence[bytes] | Sequence[float] | Sequence[int], *, packed: bool) -> bytes:
    if not values:
        return b""
    if isinstance(values[0], bytes):
        return _field(1, b"".join(_field(1, value) for value in values))  # type: ignore[arg-type]
    kind, tag = (2, b"\x0d") if isinstance(values[0], float) else (3, b"\x08")
    made = [struct.pack("<f", value) if kind == 2 else _varint(int(value) % 2**64) for value in values]
    return _field(kind, _field(1, b"".join(made)) if packed else b"".join(tag + one for one in made))


def _field(number: int, data: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    digits = b""
    while value > 127:
        digits += bytes([value % 128 + 128])
        value //= 128
    return digits + bytes([value])


def features_of(message: bytes) -> dict[str, list[bytes] | list[float] | list[int]]:
    found: dict[str, list[bytes] | list[float] | list[int]] = {}
    for _, entry in _fields(next(data for _, data in _fields(message))):
        parts = dict(_fields(entry))
        kinds = list(_fields(parts.get(2, b"")))
        found[parts[1].decode()] = _values(*kinds[0]) if kinds else []
    return found


def _values(kind: int, data: bytes) -> list[bytes] | list[float] | list[int]:
    whole = [one for _, one in _fields(data)]
    if kind == 1:
        return whole
    if kind == 2:
        return [value for one in whole for (value,) in struct.iter_unpack("<f", one)]
    return [value - 2**64 if value >= 2**63 else value for one in whole for value in _varints(one)]


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each field of a message that has no others than bytes."""
    while data:
        assert data[0] & 7 == 2
        number, (length, rest) = data[0] >> 3, _first_varint(data[1:])
        yield number, rest[:length]
        data = rest[length:]


def _varints(data: bytes) -> Iterator[int]:
    while data:
        value, data = _first_varint(data)
        yield value


def _first_varint(data: bytes) -> tuple[int, bytes]:
    end = next(at for at, digit in enumerate(data) if digit < 128) + 1
    return sum((digit & 127) << 7 * at for at, digit in enumerate(data[:end])), data[end:]


def record(
    image: LabelledImage, classes: Sequence[str]
) -> dict[str, Sequence[bytes] | Sequence[float] | Sequence[int]]:
    """The features of `image`, whose classes are numbered from 1 on."""
    shares = image.boxes / np.tile(np.array(image.size), 2)
    return {
        "image/filename": [image.name.encode()],
        "image/encoded": [image.data],
        "image/width": [image.size.width],
        "image/height": [image.size.height],
        **{f"image/object/bbox/{side}": shares[:, at].tolist() for at, side in enumerate(_CORNERS)},
        "image/object/class/text": [name.encode() for name in image.classes],
        "image/object/class/label": [classes.index(name) + 1 for name in image.classes],
    }


def paint_tfrecord(root: Path, dataset: LabelledDataset) -> None:
    for path in root.glob("*.tfrecord"):
        path.unlink()
    root.mkdir(parents=True, exist_ok=True)
    images = sorted(dataset.images, key=lambda image: image.split)
    for split, own in groupby(images, lambda image: image.split):
        data = b"".join(framed(example(record(image, dataset.classes))) for image in own)
        (root / f"{split}-00000.tfrecord").write_bytes(data)
    items = (f'item {{\n  id: {number}\n  name: "{name}"\n}}\n' for number, name in enumerate(dataset.classes, 1))
    (root / "label_map.pbtxt").write_text("".join(items), encoding="utf-8")


def read_tfrecord(root: Path) -> LabelledDataset:
    lines = (root / "label_map.pbtxt").read_text(encoding="utf-8").splitlines()
    classes = tuple(line.split('"')[1] for line in lines if line.strip().startswith("name:"))
    images = []
    for shard in sorted(root.glob("*.tfrecord")):
        for number, message in enumerate(unframed(shard.read_bytes())):
            found = features_of(message)
            images.append(_image(found, shard.name, number))
    return LabelledDataset(classes, tuple(images))


def _image(found: Mapping[str, list[bytes] | list[float] | list[int]], shard: str, number: int) -> LabelledImage:
    (data,), (name,) = found["image/encoded"], found["image/filename"]
    assert isinstance(data, bytes)
    assert isinstance(name, bytes)
    size = displayed_size(data)
    shares = np.array([found.get(f"image/object/bbox/{side}", []) for side in _CORNERS], dtype=np.float64)
    labels = tuple(text.decode() for text in found.get("image/object/class/text", []) if isinstance(text, bytes))
    suffix = next(suffix for magic, suffix in _SUFFIXES.items() if data.startswith(magic))
    place = f"{shard}/{number:08}{suffix}"
    split = PurePosixPath(shard).name.rpartition("-")[0]
    return LabelledImage(split, name.decode(), data, size, shares.T.reshape(-1, 4) * np.tile(size, 2), labels, place)


def first_corner_tfrecord(root: Path) -> tuple[float, float]:
    found = features_of(next(unframed(min(root.glob("*.tfrecord")).read_bytes())))
    (x, *_), (y, *_) = found["image/object/bbox/xmin"], found["image/object/bbox/ymin"]
    return float(x), float(y)
