"""Whether an image file ends before its container does, as a download or a copy that was broken off leaves it.

Only the end is looked at, so a file that `ends_early` may still hold its whole image, as a GIF without its trailer does
and a PNG without its last twenty bytes: a decoder says whether its pixels are there. It alone tells of PPM and TGA,
which mark no end. Sources: JPEG, ITU T.81 annex B (EOI);
JPEG 2000, ITU T.800 annex A (EOC); PNG, W3C third edition, section 11 (IEND); GIF89a, trailer; WebP, RFC 9649 (RIFF
size); BMP (bfSize); TIFF 6.0, strips and tiles; AVIF and HEIC, ISO/IEC 14496-12.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bboxprep.images.container import jpeg_segments
from bboxprep.images.metadata.exif import Data

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

JPEG_END = b"\xff\xd9"
WITHOUT_END = frozenset({"ppm", "tga"})  # containers whose files end anywhere
_PNG_END, _PNG_CHECK = b"IEND", 4  # and the bytes of its check sum
_GIF_END = b";"
_PADDING = 1 << 12  # bytes of zeros that may stand behind a GIF
_STRIPS = ((273, 279), (324, 325))  # TIFF tags: offsets and byte counts, of strips and of tiles


def ends_early(data: Data, container: str, image: ImageFile) -> bool:
    """Whether the bytes `data` of a `container` end before it does, which is not known of one `WITHOUT_END`; `image` is
    Pillow's view of it.
    """
    if container in WITHOUT_END:
        return False
    match container:
        case "jpeg":
            scan = max((end for _, _, end in jpeg_segments(data)), default=2)
            return data.rfind(JPEG_END, scan) < 0
        case "jp2":
            return data.rfind(JPEG_END) < 0
        case "png":
            end = data.rfind(_PNG_END)
            return end < 0 or end + len(_PNG_END) + _PNG_CHECK > len(data)
        case "gif":
            return not data[-_PADDING:].rstrip(b"\0").endswith(_GIF_END)
        case "webp":
            return int.from_bytes(data[4:8], "little") + 8 > len(data)
        case "bmp":
            return int.from_bytes(data[2:6], "little") > len(data)
        case "tiff":
            return _tiff_end(getattr(image, "tag_v2", {})) > len(data)
        case _:
            return _boxes_end(data) > len(data)


def _tiff_end(tags: Any) -> int:
    """The end of the last strip or tile of the first page, in bytes."""
    ends = [
        offset + count
        for first, second in _STRIPS
        for offset, count in zip(tags.get(first, ()), tags.get(second, ()), strict=False)
    ]
    return max(ends, default=0)


def _boxes_end(data: Data) -> int:
    """The end of the last box of an ISO file, in bytes; a box of size 0 extends to the end of the file."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size < 8:
            return len(data)
        at += size
    return at
