"""The quick way of JPEG agrees with Pillow's: the same pixels, the same refusals, the same files."""

from __future__ import annotations

import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin
from PIL.JpegImagePlugin import JpegImageFile

from bboxprep.errors import ImageError
from bboxprep.geometry.affine import Size
from bboxprep.images.codecs import codec, jpeg
from bboxprep.images.header import read_header
from bboxprep.model.header import Header
from tests.images import specimens
from tests.images.specimens import EXIF_HEADER, saved

ODD = Size(83, 61)
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "4:4:4": ("RGB", {"subsampling": 0}),
    "4:2:2": ("RGB", {"subsampling": 1}),
    "4:2:0": ("RGB", {"subsampling": 2}),
    "progressive": ("RGB", {"progressive": True}),
    "restart markers": ("RGB", {"restart_marker_blocks": 2}),
    "coded as RGB": ("RGB", {"keep_rgb": True}),
    "gray": ("L", {}),
    "gray progressive": ("L", {"progressive": True}),
}


def noisy(size: Size = ODD) -> NDArray[np.uint8]:
    levels = specimens.card(size).astype(int) + np.random.default_rng(3).integers(-20, 20, (size.height, size.width, 3))
    return levels.clip(0, 255).astype(np.uint8)


def header_of(size: Size, mode: str) -> Header:
    return Header(size, container="jpeg", mode=mode)


def pillow(data: bytes, by: int = 1) -> NDArray[np.uint8]:
    with warnings.catch_warnings(action="ignore"), JpegImageFile(BytesIO(data)) as image:
        if by > 1:
            image.draft(None, (image.width // by, image.height // by))
        return np.asarray(image)


def apart(one: NDArray[np.uint8] | None, other: NDArray[np.uint8]) -> int:
    assert one is not None
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other.astype(int)).max())


@pytest.mark.parametrize("by", [1, 2, 4, 8])
@pytest.mark.parametrize("kind", KINDS)
def test_pixels_are_pillow_s(kind: str, by: int) -> None:
    mode, options = KINDS[kind]
    data = saved("JPEG", Image.fromarray(noisy()).convert(mode), **options)
    assert apart(jpeg.decode(data, header_of(ODD, mode), by), pillow(data, by)) <= 1


@pytest.mark.parametrize("sampling", ["440", "411"])
def test_pixels_of_a_rare_subsampling_are_pillow_s(sampling: str) -> None:
    data = simplejpeg.encode_jpeg(noisy(), 90, "RGB", sampling)
    for by in (1, 2, 4, 8):
        assert apart(jpeg.decode(data, header_of(ODD, "RGB"), by), pillow(data, by)) <= 1
    assert jpeg.sampling_of(data) == "4:4:4"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_no_orientation_is_heeded(orientation: int) -> None:
    plain, tagged = (specimens.oriented_file("jpeg", code) for code in (1, orientation))
    header = header_of(specimens.CARD_SIZE, "RGB")
    assert apart(jpeg.decode(tagged, header, 1), pillow(plain)) == 0


@given(st.builds(Size, st.integers(1, 40), st.integers(1, 40)), st.builds(Size, st.integers(1, 40), st.integers(1, 40)))
def test_a_raster_is_reduced_by_what_was_said(size: Size, least: Size) -> None:
    by = jpeg.divisor(size, least)
    assert by == 1 or (size.width // by >= least.width and size.height // by >= least.height)
    data = saved("JPEG", Image.fromarray(noisy(size)), quality=95, subsampling=0)
    assert apart(jpeg.decode(data, header_of(size, "RGB"), by), pillow(data, by)) <= 1


def test_a_picture_smaller_than_a_block_would_be_reduced_by_something_else() -> None:
    size = Size(3, 3)
    data = saved("JPEG", Image.fromarray(noisy(size)), quality=95, subsampling=0)
    assert apart(jpeg.decode(data, header_of(size, "RGB"), 2), pillow(data, 2)) > 1
    assert jpeg.divisor(size, Size(1, 1)) == 1


@pytest.mark.parametrize("mode", ["CMYK", "YCCK"])
def test_inks_are_left_to_pillow(mode: str) -> None:
    data = saved("JPEG", Image.new("CMYK", ODD), **({} if mode == "CMYK" else {"keep_rgb": False}))
    assert jpeg.decode(data, header_of(ODD, "CMYK"), 1) is None


@pytest.mark.parametrize(("size", "mode"), [(Size(61, 83), "RGB"), (ODD, "L"), (ODD, "CMYK")])
def test_a_file_that_is_not_as_its_header_says_is_left_to_pillow(size: Size, mode: str) -> None:
    assert jpeg.decode(saved("JPEG", noisy()), header_of(size, mode), 1) is None


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
def test_a_truncated_picture_is_never_half_a_picture(tmp_path: Path, share: float, options: dict[str, Any]) -> None:
    path, data = tmp_path / "photo.jpg", saved("JPEG", noisy(Size(160, 120)), **options)
    path.write_bytes(data)
    header = read_header(path)
    path.write_bytes(data[: int(len(data) * share)])
    for least in (None, Size(20, 15)):
        with pytest.raises(ImageError, match=r"photo\.jpg: cannot be read as JPEG \(truncated"):
            codec.decode(path, header, at_least=least)


@given(data=st.data(), options=st.sampled_from([{}, {"progressive": True}, {"restart_marker_blocks": 1}]))
def test_a_damaged_picture_is_what_pillow_makes_of_it_or_refused_as_there(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, options: dict[str, Any]
) -> None:
    path, sound = tmp_path_factory.getbasetemp() / "damaged.jpg", saved("JPEG", noisy(), quality=80, **options)
    path.write_bytes(sound)
    header = read_header(path)
    path.write_bytes(specimens.damaged(sound, data))
    try:
        want = pillow(path.read_bytes())
    except Exception:  # noqa: BLE001 - whatever Pillow raises
        want = None
    try:
        found = codec.decode(path, header).pixels
    except ImageError:
        assert want is None or want.shape != noisy().shape
    else:
        assert want is not None
        assert apart(found, want) <= 1


@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("quality", [1, 50, 90, 100])
def test_files_hold_what_pillow_s_hold(sampling: str, quality: int) -> None:
    found = jpeg.encode(noisy(), quality, sampling)
    want = saved("JPEG", noisy(), quality=quality, subsampling=sampling)
    assert apart(pillow(found), pillow(want)) <= 1
    assert abs(len(found) - len(want)) < 20
    assert jpeg.sampling_of(found) == sampling


def test_a_gray_file_is_gray_and_a_view_is_encoded_as_it_looks() -> None:
    gray = noisy()[..., 0]
    assert apart(pillow(jpeg.encode(gray, 90)), pillow(saved("JPEG", gray, quality=90))) <= 1
    for view in (noisy()[::-1], noisy()[:, ::-1], noisy().swapaxes(0, 1), noisy()[3:50, 5:60]):
        assert jpeg.encode(view, 90) == jpeg.encode(np.ascontiguousarray(view), 90)


@pytest.mark.parametrize("shape", [(1, 65_501, 3), (65_501, 1), (0, 5, 3)])
def test_what_no_jpeg_can_hold_is_an_image_error(shape: tuple[int, ...]) -> None:
    source = Path("wide.avif")
    with pytest.raises(ImageError, match=rf"cannot be encoded as JPEG at {shape[1]}x{shape[0]}"):
        codec.encode(np.zeros(shape, np.uint8), source, Header(Size(1, 1), container="jpeg"), data=b"")


def test_metadata_lies_where_pillow_puts_it() -> None:
    exif = EXIF_HEADER + specimens.thumbnailed_exif(1)
    profile = specimens.srgb_profile() + bytes(200_000)
    data = jpeg.with_metadata(jpeg.encode(noisy(), 90), exif, profile)
    want = saved("JPEG", noisy(), quality=90, exif=exif, icc_profile=profile)
    with JpegImageFile(BytesIO(data)) as found, JpegImageFile(BytesIO(want)) as like:
        assert (found.info["exif"], found.info["icc_profile"]) == (exif, profile)
        assert [name for name, _ in found.applist] == [name for name, _ in like.applist]
    assert apart(pillow(data), pillow(want)) <= 1
    assert jpeg.profile_of(data) == profile
    assert jpeg.with_metadata(want, None, None) == want


@pytest.mark.parametrize("before", [[], [0xE0], [0xEE], [0xE0, 0xEE]])
def test_metadata_lies_behind_the_segments_that_code_the_colours(before: list[int]) -> None:
    """JFIF has to come first, and a reader looks for Adobe's before it looks at pixels; neither has to be there."""
    heads = [bytes((0xFF, marker, 0, 4, 1, 2)) for marker in before]
    rest = b"\xff\xdb\0\2\xff\xd9"
    found = jpeg.with_metadata(b"".join((b"\xff\xd8", *heads, rest)), b"Exif\0\0", None)
    assert found == b"".join((b"\xff\xd8", *heads, b"\xff\xe1\0\x08Exif\0\0", rest))


@pytest.mark.parametrize(("exif", "profile"), [(bytes(65_534), None), (None, bytes(65_519 * 256))])
def test_metadata_that_is_too_long_is_a_value_error(exif: bytes | None, profile: bytes | None) -> None:
    data = jpeg.encode(noisy(), 90)
    with pytest.raises(ValueError, match=r"too long|range\(0, 256\)"):
        jpeg.with_metadata(data, exif, profile)


@given(st.permutations([1, 2, 3]), st.sampled_from([2, 3, 4]))
def test_a_profile_in_pieces_is_read_as_pillow_reads_it(order: list[int], total: int) -> None:
    chunks = [(0xE2, b"ICC_PROFILE\0" + bytes((number, total)) + bytes([number]) * 9) for number in order]
    data = specimens.jpeg(*chunks, (0xE2, b"FPXR\0"), (0xE2, b"ICC_PROFILE\0"))
    with JpegImageFile(BytesIO(specimens.jpeg(*chunks, (0xE2, b"FPXR\0")))) as image:
        assert jpeg.profile_of(data) == image.info["icc_profile"]


@pytest.mark.parametrize("kind", KINDS)
def test_subsampling_is_told_as_by_pillow(kind: str) -> None:
    mode, options = KINDS[kind]
    data = saved("JPEG", Image.fromarray(noisy()).convert(mode), **options)
    with JpegImageFile(BytesIO(data)) as image:
        known = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}.get(JpegImagePlugin.get_sampling(image), "4:4:4")
    assert jpeg.sampling_of(data) == known


@given(st.data())
def test_damaged_headers_tell_something_and_raise_nothing(data: st.DataObject) -> None:
    broken = specimens.damaged(specimens.oriented_file("jpeg", 6), data)
    assert jpeg.sampling_of(broken) in {"4:4:4", "4:2:2", "4:2:0"}
    assert jpeg.profile_of(broken) is None
