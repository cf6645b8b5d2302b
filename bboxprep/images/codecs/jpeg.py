"""Fast JPEG decoding and encoding between bytes and arrays, by simplejpeg and OpenCV (both libjpeg-turbo).

Pixels and files are those of Pillow, which uses the same library, in two thirds of the time and without holding the
GIL. simplejpeg decodes in strict mode; a file with any warning is left to Pillow. OpenCV encodes, since the encoder of
simplejpeg uses a coarser transform (photos of quality 90 encoded again: 53 dB to the source, here 59).

A JPEG that was only turned is encoded again as finely as it was, at about the size it had. Coefficients that are
quantised again by the same table on the same grid of blocks come out as they were. So a component whose grid the turn
keeps is written with its own table, turned along. Where a ragged edge has moved to the front the grid is another, and
the source's table would cost as much a second time: there its steps are made as fine as those of quality 98. (Of 120
public photos, given a turn that they cannot take without loss, 38 fell below 45 dB with 95, three with 98.)
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.images.codecs.modes import reverse_channels
from bboxprep.images.container import FRAMES, jpeg_segments
from bboxprep.images.metadata.exif import Data
from bboxprep.images.opencv import opencv
from bboxprep.images.pillow import pillow
from bboxprep.images.pillow_reader import opened
from bboxprep.model.header import Header
from bboxprep.model.rendering import ChannelOrder

if TYPE_CHECKING:
    from PIL.JpegImagePlugin import JpegImageFile

_CODED_AS = {"L": {"Gray"}, "RGB": {"YCbCr", "RGB"}}  # by Pillow's mode
_SAMPLINGS = {b"\x11\x11\x11": "4:4:4", b"\x21\x11\x11": "4:2:2", b"\x22\x11\x11": "4:2:0"}
_FACTORS = {"4:4:4": 0x111111, "4:2:2": 0x211111, "4:2:0": 0x221111}  # in OpenCV's words
_JFIF, _EXIF, _ICC, _ADOBE = 0xE0, 0xE1, 0xE2, 0xEE
_START = 2  # bytes before the first segment
_ICC_HEADER = b"ICC_PROFILE\0"
_ICC_CHUNK = 65_519  # bytes of a profile that one segment has room for
_LONGEST = 65_533  # bytes of a segment's payload
_LONGEST_SIDE = 65_500  # px, of libjpeg
_BLOCK = 8


_ON_A_NEW_GRID = 98  # quality
Table = tuple[int, ...]  # 64 steps in rows of rising vertical frequency


class Component(msgspec.Struct, frozen=True):
    """A component of a JPEG (light or a colour): how many of its blocks lie `across` and `down` in a group of blocks of
    all components, and its quantisation `table`, None where that is not stated before the first scan."""

    across: int
    down: int
    table: Table | None


def divisor(size: Size, at_least: Size | None) -> int:
    """8, 4, 2 or 1: the largest reduction of an image of `size` that keeps both sides as large as `at_least`.

    An image smaller than a block is not reduced: there the decoder cannot tell a half from three eighths.
    """
    if at_least is None or max(size) < _BLOCK:
        return 1
    room = min(side // least for side, least in zip(size, at_least, strict=True))
    return next((by for by in (8, 4, 2) if by <= room), 1)


def reduced(size: Size, by: int) -> Size:
    """The size of the raster that a decoder makes of `size` reduced `by`: rounded up to whole pixels."""
    return Size(-(-size.width // by), -(-size.height // by))


def decode(
    data: bytes, header: Header, by: int, order: ChannelOrder = "RGB", into: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8] | None:
    """The image of the JPEG `data`, of this `header`, reduced `by` 1, 2, 4 or 8: uint8 (H, W) gray, or (H, W, 3) with
    the channels in `order`. It is decoded to `into`, contiguous, where that is given and of the same shape.

    None for inks, and where anything at all is wrong: a damaged file, or one that is not as its header says.
    """
    if header.mode not in _CODED_AS:
        return None
    colours = "GRAY" if header.mode == "L" else order
    least = reduced(header.size, by)
    shape = (least.height, least.width) if colours == "GRAY" else (least.height, least.width, 3)
    into = into if into is not None and into.shape == shape else None
    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(data)
        if (width, height) != header.size or space not in _CODED_AS[header.mode]:
            return None
        pixels = simplejpeg.decode_jpeg(data, colours, min_height=least.height, min_width=least.width, buffer=into)
    except (MemoryError, ValueError):
        return None
    return into if into is not None else np.asarray(pixels[..., 0] if colours == "GRAY" else pixels)


def encode(pixels: NDArray[np.uint8], quality: int, sampling: str = "4:2:0", order: ChannelOrder = "RGB") -> bytes:
    """`pixels`, uint8 (H, W) or (H, W, 3) in `order`, as a JPEG without metadata; BGR is coded without a conversion.

    Raises ValueError for sides that JPEG cannot hold.
    """
    if not 0 < min(pixels.shape[:2]) <= max(pixels.shape[:2]) <= _LONGEST_SIDE:
        raise ValueError(f"want sides of 1 to {_LONGEST_SIDE:,} px")
    cv2 = opencv()
    coded = pixels if order == "BGR" else reverse_channels(pixels)
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, _FACTORS[sampling]]
    done, data = cv2.imencode(".jpg", coded, options)
    if not done:
        raise ValueError("OpenCV gives no reason")
    return bytes(data)


def with_metadata(data: bytes, exif: bytes | None, profile: bytes | None) -> bytes:
    """The JPEG `data`, which has none, with `exif` (header included) and a colour `profile`, behind the segments that
    say how its colours are coded.

    Raises ValueError where they are too long for the container.
    """
    if not (exif or profile):
        return data
    at = _START
    for marker, _, end in jpeg_segments(data):
        if marker not in (_JFIF, _ADOBE):
            break
        at = end
    chunks = [profile[start : start + _ICC_CHUNK] for start in range(0, len(profile), _ICC_CHUNK)] if profile else []
    segments = [_segment(_EXIF, exif)] if exif else []
    for number, chunk in enumerate(chunks, 1):
        segments.append(_segment(_ICC, _ICC_HEADER + bytes((number, len(chunks))) + chunk))
    return b"".join((data[:at], *segments, data[at:]))


def profile_of(data: Data) -> bytes | None:
    """The colour profile of the JPEG `data`; None where it has none, or not all of it."""
    results = sorted(
        bytes(data[start + len(_ICC_HEADER) : end])
        for marker, start, end in jpeg_segments(data)
        if marker == _ICC
        and data[start : start + len(_ICC_HEADER)] == _ICC_HEADER
        and end - start > len(_ICC_HEADER) + 2
    )
    whole = bool(results) and results[0][1] == len(results)
    return b"".join(result[2:] for result in results) if whole else None


def is_usually_coded(data: bytes) -> bool:
    """Whether the colours of the JPEG `data` are coded as brightness and two differences, or it is gray."""
    try:
        return simplejpeg.decode_jpeg_header(data)[2] in {"Gray", "YCbCr"}
    except ValueError:
        return False


def sampling_of(data: Data) -> str:
    """The chroma subsampling of the JPEG `data`; "4:4:4" where it has no chroma or a rare subsampling."""
    start = next((start for marker, start, _ in jpeg_segments(data) if marker in FRAMES), len(data))
    count = data[start + 5] if start + 5 < len(data) else 0
    return _SAMPLINGS.get(bytes(data[start + 7 : start + 6 + 3 * count : 3]), "4:4:4")


def _segment(marker: int, payload: bytes) -> bytes:
    if len(payload) > _LONGEST:
        raise ValueError(f"its EXIF is too long (have {len(payload):,} bytes, want at most {_LONGEST:,})")
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2, "big") + payload


def own_coding(source: Path, turn: Dihedral, sampling: str, data: bytes | None = None) -> dict[str, Any]:
    """Pillow's options for the JPEG at `source` after `turn`: a table a component, and its chroma `sampling`.

    `data` are its bytes, if known already.

    Chroma that is halved along one axis only is written in full where the axes change places: Pillow can halve no
    other than x. Raises `ImageError`.
    """
    size, components = components_of(source, data)
    group = group_of(components)
    full = turn.swap and sampling == "4:2:2"
    written = []
    for number, one in enumerate(components):
        block = Size(group.width // one.across, group.height // one.down)
        coarsest = _standard()[min(number, 1)]
        own = _turned(one.table, turn) if one.table else coarsest
        same = keeps_grid(size, block, turn) and not (full and number)
        written.append(own if same else tuple(map(min, own, coarsest)))
    return {"qtables": written, "subsampling": "4:4:4" if full else sampling}


def components_of(source: Path, data: bytes | None = None) -> tuple[Size, tuple[Component, ...]]:
    """The size and the components of the JPEG at `source`, whose bytes are `data`, if known already.

    Raises `ImageError`.
    """
    with opened(source, "jpeg", None if data is None else BytesIO(data)) as image:
        jpeg = cast("JpegImageFile", image)
        size, layers, tables = Size(*jpeg.size), jpeg.layer, jpeg.quantization
    stated = {number: tuple(steps) for number, steps in tables.items()}
    return size, tuple(Component(across, down, stated.get(table)) for _, across, down, table in layers)


def group_of(components: Sequence[Component]) -> Size:
    """The part of an image that one group of the blocks of all `components` covers, px: 8 to 32 a side."""
    return Size(_BLOCK * max(one.across for one in components), _BLOCK * max(one.down for one in components))


def keeps_grid(size: Size, block: Size, turn: Dihedral) -> bool:
    """Whether the blocks of an image of `size`, each of which covers `block` px, are blocks again after `turn`."""
    back = ~turn
    return not (back.mirror_x and size.width % block.width) and not (back.mirror_y and size.height % block.height)


def _turned(table: Sequence[int], turn: Dihedral) -> Table:
    rows = [tuple(table[row * 8 : row * 8 + 8]) for row in range(8)]
    return tuple(step for row in (zip(*rows, strict=True) if turn.swap else rows) for step in row)


@cache
def _standard() -> tuple[Table, Table]:
    """The tables for brightness and for colour that no step on a new grid is coarser than."""
    out = BytesIO()
    pillow().new("RGB", (1, 1)).save(out, "JPEG", quality=_ON_A_NEW_GRID)
    with pillow().open(out) as image:
        tables = cast("JpegImageFile", image).quantization
        return tuple(tables[0]), tuple(tables[1])
