"""Decodes and encodes image files. `decode` returns the *stored* pixels: EXIF orientation is not applied."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import ImageError, RefusedImageError, UsageError
from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.images.codecs import jpeg
from bboxprep.images.codecs.jpeg import own_coding
from bboxprep.images.codecs.kept_metadata import KeptMetadata, kept_from
from bboxprep.images.codecs.modes import Colour, Depth16, is_deep, reverse_channels, to_uint8
from bboxprep.images.container import MOST_SCANS, NAMES, scans
from bboxprep.images.decoder_messages import decoder_messages
from bboxprep.images.header import MOST_PIXELS
from bboxprep.images.orientation import untagged
from bboxprep.images.pillow import pillow, plugin
from bboxprep.images.pillow_reader import faults_named, opened, read
from bboxprep.model.header import Header
from bboxprep.model.rendering import ChannelOrder

if TYPE_CHECKING:
    from PIL import Image

Frames = Literal["error", "first"]

_OTHERWISE = {  # output container by source container, where they differ
    **dict.fromkeys(("avif", "heic"), "jpeg"),
    **dict.fromkeys(("gif", "ppm", "jp2", "tga"), "png"),
}
ImageFormat = Literal["keep", "jpg", "png", "webp"]
_CONTAINERS: dict[ImageFormat, str] = {"jpg": "jpeg", "png": "png", "webp": "webp"}
QUALITY = 95  # of JPEG and lossy WebP, where none is asked for
_SUFFIXES = {"jpeg": ".jpg", "png": ".png", "webp": ".webp", "tiff": ".tif", "bmp": ".bmp"}


_LARGEST = 31 << 20  # bytes; glibc learns from no block larger than 32 MiB


class ImagePolicy(msgspec.Struct, frozen=True):
    """The rules for images that 8-bit RGB cannot hold, and for images that are too large.

    `depth16`, for more than 8 bits a channel: refuse ("error"), keep the high byte ("shift8"), or stretch the extremes
    ("minmax") or the percentiles 0.5 and 99.5 ("percentile") to 0 and 255. `background` is the colour behind
    transparent pixels. `frames`, for several images in one file: refuse, or take the first. An image of more than
    `max_pixels` is refused from its header, before it is decoded. Raises `UsageError` for other values.
    """

    depth16: Depth16 = "error"
    background: Colour = (255, 255, 255)
    frames: Frames = "error"
    max_pixels: int = MOST_PIXELS

    def __post_init__(self) -> None:
        for name, have, known in (
            ("depth16", self.depth16, get_args(Depth16)),
            ("frames", self.frames, get_args(Frames)),
        ):
            if have not in known:
                raise UsageError(f"{name}: have {have!r}, want one of {', '.join(known)}")
        if not all(level in range(256) for level in self.background):
            raise UsageError(f"background: have {self.background!r}, want three levels of 0 to 255")
        if self.max_pixels < 1:
            raise UsageError(f"max pixels: have {self.max_pixels!r}, want 1 or more")


class Encoding(msgspec.Struct, frozen=True):
    """Options of encoding: the `quality` of JPEG and lossy WebP, 1 to 100; `strip_metadata` leaves EXIF out.

    A `quality` of None means 95, and that a JPEG that is only turned keeps its quantisation tables. `image_format` is
    the kind of all images; with "keep" each stays of its own kind where trainers can read that.
    """

    quality: int | None = None
    strip_metadata: bool = False
    image_format: ImageFormat = "keep"

    def __post_init__(self) -> None:
        if self.image_format not in get_args(ImageFormat):
            wanted = ", ".join(get_args(ImageFormat))
            raise UsageError(f"`image_format`: have {self.image_format!r}, want one of {wanted}")
        if self.quality is not None and self.quality not in range(1, 101):
            raise UsageError(f"quality: have {self.quality!r}, want 1 to 100")


class Decoded(msgspec.Struct, frozen=True):
    """The stored pixels of a file, uint8 (H, W) gray or (H, W, 3), possibly read-only.

    `covers` is the exact extent (width, height) of the whole image on this raster, in raster pixels. A reduced
    JPEG covers stored size / n, while its raster is rounded up to whole pixels; otherwise the two are equal.
    """

    pixels: NDArray[np.uint8]
    covers: tuple[float, float]


DEFAULT_IMAGE_POLICY = ImagePolicy()
DEFAULT_ENCODING = Encoding()


def decode(
    path: Path,
    header: Header,
    image_policy: ImagePolicy = DEFAULT_IMAGE_POLICY,
    *,
    at_least: Size | None = None,
    data: bytes | None = None,
    order: ChannelOrder = "RGB",
    into: NDArray[np.uint8] | None = None,
) -> Decoded:
    """The stored pixels of the file at `path`, channels in `order`; `header` and `data` are its header and bytes.

    A JPEG may be decoded reduced by 2, 4 or 8, but not smaller than `at_least`. `into` is a place for the pixels, uint8
    (H, W) or (H, W, 3), contiguous; they are elsewhere unless those that come back are `into` itself. Raises
    `ImageError` if the file is missing, damaged or truncated, if it has changed since its header was read, or if
    `image_policy` refuses it.
    """
    refuse(path, header, image_policy)
    keep_freed()
    if header.container == "jpeg":
        data = read(path) if data is None else data
        if scans(data) > MOST_SCANS:
            raise ImageError(path, "", f"has more than {MOST_SCANS} scans")
        by = jpeg.divisor(header.size, at_least)
        pixels = jpeg.decode(data, header, by, order, into)
        if pixels is not None:
            return Decoded(pixels, (header.size.width / by, header.size.height / by))
    decoded = _decoded(path, header, image_policy, data)
    return msgspec.structs.replace(decoded, pixels=reverse_channels(decoded.pixels)) if order == "BGR" else decoded


def _decoded(path: Path, header: Header, image_policy: ImagePolicy, data: bytes | None) -> Decoded:
    """The pixels decoded by Pillow, which reads every container."""
    with decoder_messages(path), opened(path, header.container, _without_turn(path, header, data)) as image:
        if image.size != header.size:
            want = f"have {image.width}x{image.height}, want {header.size}"
            raise ImageError(path, "", f"has changed since its header was read ({want})")
        image.load()
        if image.size != header.size:
            want = f"have {image.width}x{image.height}, want {header.size}"
            raise ImageError(path, "", f"its decoded size differs from its header ({want})")
        pixels = to_uint8(path, image, header.depth, depth16=image_policy.depth16, background=image_policy.background)
    return Decoded(pixels, (float(header.size.width), float(header.size.height)))


def refuse(path: Path, header: Header, image_policy: ImagePolicy) -> None:
    """Raise `ImageError` if `image_policy` refuses a file with this `header`, before any pixel is decoded."""
    if image_policy.frames == "error" and header.frames > 1:
        raise RefusedImageError(path, "", f"holds {header.frames} images (want one, or `frames='first'`)")
    if image_policy.depth16 == "error" and is_deep(header.mode, header.depth):
        choices = "`depth16`: shift8, minmax or percentile"
        raise RefusedImageError(
            path, "", f"has {header.depth} bits a channel, mode {header.mode} (want 8, or {choices})"
        )


def encode(
    pixels: NDArray[np.uint8],
    source: Path,
    header: Header,
    encoding: Encoding = DEFAULT_ENCODING,
    *,
    turn: Dihedral | None = None,
    data: bytes | None = None,
    order: ChannelOrder = "RGB",
) -> tuple[bytes, str]:
    """The bytes of `pixels`, uint8 (H, W) or (H, W, 3) in `order`, made from the file `source` (`data`: its bytes).

    Also returns the message of the finding `metadata-dropped`, or "". The container is that of `source`, or the image
    format of `encoding`; AVIF and HEIC become JPEG, GIF, PPM, JPEG 2000 and TGA become PNG. A JPEG keeps its chroma
    subsampling, a lossless WebP stays lossless, TIFF is deflated (one with EXIF is left uncompressed). The colour
    profile is kept if it fits, EXIF with orientation 1 and without its thumbnail, XMP never. If `turn` is the only
    change, a JPEG of gray or RGB keeps its quantisation tables too, unless `encoding` has a quality. The same pixels
    and source give the same bytes. Raises `ImageError`.
    """
    container = _written_container(header, encoding)
    own = turn and header.container == container == "jpeg" and encoding.quality is None
    if order == "BGR" and (own or container != "jpeg"):
        pixels, order = reverse_channels(pixels), "RGB"  # Pillow writes it
    if container == "webp" and pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)  # all it knows; said here so that a gray profile is not kept
    mode = "L" if pixels.ndim == 2 else "RGB"
    kept = kept_from(source, header.container, mode, strip=encoding.strip_metadata, data=data)
    if own and turn and header.mode == mode:
        options = own_coding(source, turn, kept.sampling, data) | _metadata(kept)
        return _saved(pillow().fromarray(pixels), container, source, options), kept.lost
    if container == "jpeg":
        return _as_jpeg(pixels, source, kept, encoding.quality or QUALITY, order), kept.lost
    return _saved(pillow().fromarray(pixels), container, source, _options(container, kept, encoding)), kept.lost


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """`pixels`, uint8 (H, W) or (H, W, 3), as a PNG for display."""
    return _saved(pillow().fromarray(pixels), "png", Path(), {})


def encode_jpeg(pixels: NDArray[np.uint8], quality: int) -> bytes:
    """`pixels`, uint8 (H, W) or (H, W, 3), as a JPEG for display, without metadata."""
    return _as_jpeg(pixels, Path(), KeptMetadata(sampling="4:2:0"), quality)


def encoder_order(header: Header, encoding: Encoding = DEFAULT_ENCODING) -> ChannelOrder:
    """The order of channels that `encode` takes as it is for a file of this `header`."""
    return "BGR" if _written_container(header, encoding) == "jpeg" else "RGB"


def suffix_of(header: Header, image_format: ImageFormat = "keep") -> str:
    """The file suffix of the output of `encode` for a file with this `header` in the `image_format`."""
    return _SUFFIXES[_written_container(header, Encoding(image_format=image_format))]


def keeps_bytes(header: Header, encoding: Encoding = DEFAULT_ENCODING) -> bool:
    """Whether the bytes of a file with this `header` may be copied: it is of the container that `encode` writes."""
    return header.container == _written_container(header, encoding)


def _written_container(header: Header, encoding: Encoding) -> str:
    """The container that `encode` writes: one that trainers read, or the one that was asked for."""
    return _CONTAINERS.get(encoding.image_format) or _OTHERWISE.get(header.container, header.container)


def untag(data: bytes, header: Header) -> bytes:
    """The file `data` with every orientation tag, EXIF and XMP, set to 1 and nothing else changed.

    A compressed PNG text chunk that states an orientation is removed.
    """
    return untagged(data, header.container, header.frames)


def _without_turn(path: Path, header: Header, data: bytes | None) -> BytesIO | None:
    """The file at `path`, untagged if a TIFF, for Pillow turns one while it loads it; None where Pillow may open it."""
    if header.container == "tiff" and header.tagged:
        return BytesIO(untag(read(path) if data is None else data, header))
    return None if data is None else BytesIO(data)


def _options(container: str, kept: KeptMetadata, encoding: Encoding) -> dict[str, Any]:
    given = _metadata(kept)
    quality = encoding.quality or QUALITY
    match container:
        case "webp":
            how = {"lossless": True} if kept.lossless else {"quality": quality}
            return {**how, **given}
        case "tiff":
            # with compression Pillow cannot write the directories that EXIF and GPS are in
            return given if kept.exif else {"compression": "tiff_adobe_deflate", **given}
        case "png":
            return given
        case _:
            return {}


def _metadata(kept: KeptMetadata) -> dict[str, Any]:
    """Pillow's options for what is kept."""
    return {name: value for name, value in (("icc_profile", kept.profile), ("exif", kept.exif)) if value}


def _as_jpeg(
    pixels: NDArray[np.uint8], source: Path, kept: KeptMetadata, quality: int, order: ChannelOrder = "RGB"
) -> bytes:
    with _unencodable(source, "jpeg", pixels.shape):
        return jpeg.with_metadata(jpeg.encode(pixels, quality, kept.sampling, order), kept.exif, kept.profile)


def _saved(image: Image.Image, container: str, source: Path, options: dict[str, Any]) -> bytes:
    out = BytesIO()
    plugin(container)  # else Pillow loads all of its plugins to find the one
    with _unencodable(source, container, (image.height, image.width)):
        image.save(out, NAMES[container], **options)
    return out.getvalue()


def _unencodable(source: Path, container: str, shape: tuple[int, ...]) -> AbstractContextManager[None]:
    return faults_named(source, f"cannot be encoded as {NAMES[container]} at {shape[1]}x{shape[0]}")


@cache
def keep_freed() -> None:
    """Make glibc keep freed blocks of up to `_LARGEST` bytes for the next image; no effect elsewhere.

    It serves large blocks from fresh pages, each of which costs a fault when it is first written: in all as much time
    as decoding a photo of 640x480. Once a larger block was freed it keeps smaller ones (mallopt(3), M_MMAP_THRESHOLD).
    """
    np.empty(_LARGEST, dtype=np.uint8)
