from __future__ import annotations

import platform
import subprocess
import sys
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from bboxprep.errors import ImageError, RefusedImageError, UsageError
from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.images.codecs.codec import (
    Decoded,
    Encoding,
    ImagePolicy,
    decode,
    encode,
    encode_jpeg,
    encode_png,
    refuse,
    suffix_of,
    untag,
)
from bboxprep.images.header import read_header
from bboxprep.model.header import Header
from tests.images import specimens
from tests.images.decoders import differ, opencv_shows, pillow_shows, turned
from tests.images.specimens import DATA, EXIF_HEADER, oriented_file, saved

LOSSLESS = ("png", "webp", "tiff", "bmp", "gif")
FORMS = {"jpeg": "JPEG", "png": "PNG", "webp": "WEBP", "tiff": "TIFF", "bmp": "BMP", "gif": "GIF"}
FIRST = ImagePolicy(depth16="shift8", frames="first")


FAULTS = """
import resource, sys
import numpy as np
from bboxprep.images.codecs.codec import keep_freed

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        one, other = np.ones(1_000_000, np.uint8), np.ones(1_300_000, np.uint8)
        del one, other
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

first = faults()
keep_freed()
print(first, faults())
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "photo.bin"


def decoded(
    file: Path, data: bytes, image_policy: ImagePolicy | None = None, *, at_least: Size | None = None
) -> Decoded:
    file.write_bytes(data)
    return decode(file, read_header(file), image_policy or ImagePolicy(), at_least=at_least)


def reencoded(
    file: Path, data: bytes, *, pixels: NDArray[np.uint8] | None = None, encoding: Encoding | None = None
) -> tuple[bytes, str]:
    file.write_bytes(data)
    header = read_header(file)
    picture = decode(file, header, FIRST).pixels if pixels is None else pixels
    return encode(picture, file, header, encoding or Encoding())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("container", specimens.CONTAINERS)
def test_the_stored_plane_is_decoded_and_turned_it_is_what_others_show(
    file: Path, container: str, orientation: int
) -> None:
    data = oriented_file(container, orientation)
    result = decoded(file, data)
    assert result.covers == specimens.CARD_SIZE
    assert differ(result.pixels, specimens.card()) < 3
    assert differ(pillow_shows(data), turned(result.pixels, orientation)) < 1
    if container != "tiff" or orientation < 5:  # OpenCV 5.0 fails to read such a TIFF
        assert differ(opencv_shows(data), turned(result.pixels, orientation)) < 1


def test_a_tiff_turned_by_xmp_alone_is_decoded_as_stored(file: Path) -> None:
    data = saved("TIFF", specimens.card(), tiffinfo={700: specimens.xmp_packet(6)})
    assert np.array_equal(decoded(file, data).pixels, specimens.card())


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize(
    ("least", "n"), [((251, 203), 1), ((126, 102), 1), ((125, 101), 2), ((62, 50), 4), ((31, 25), 8), ((1, 1), 8)]
)
def test_a_jpeg_is_reduced_to_no_less_than_asked_and_covers_exactly(
    file: Path, mode: str, least: tuple[int, int], n: int
) -> None:
    data = saved("JPEG", Image.new(mode, (251, 203)))
    result = decoded(file, data, at_least=Size(*least))
    assert result.pixels.shape[:2] == (-(-203 // n), -(-251 // n))
    assert result.covers == (251 / n, 203 / n)


def test_a_camera_s_multi_picture_jpeg_is_reduced_like_any_other(file: Path) -> None:
    pictures = [Image.fromarray(specimens.card(Size(251, 203))), Image.new("RGB", (251, 203))]
    data = saved("MPO", pictures[0], save_all=True, append_images=pictures[1:])
    result = decoded(file, data, at_least=Size(60, 50))
    assert result.pixels.shape == (51, 63, 3)
    assert result.pixels[5, 5, 0] > 200


@pytest.mark.parametrize("container", LOSSLESS)
def test_only_a_jpeg_is_ever_reduced(file: Path, container: str) -> None:
    result = decoded(file, saved(FORMS[container], np.zeros((40, 64), np.uint8)), at_least=Size(4, 4))
    assert (result.pixels.shape[:2], result.covers) == ((40, 64), (64.0, 40.0))


DEEP = {
    "gray": saved("PNG", np.zeros((4, 4), np.uint16)),
    "RGB": specimens.deep_png(np.zeros((4, 4, 3), np.uint16)),
    "float": saved("TIFF", np.zeros((4, 4), np.float32)),
    "integer": saved("TIFF", np.zeros((4, 4), np.int32)),
}


@pytest.mark.parametrize("kind", DEEP)
def test_deep_pixels_are_refused_by_default_and_the_way_out_is_named(file: Path, kind: str) -> None:
    with pytest.raises(RefusedImageError, match=r"(16|32) bits a channel.*`depth16`: shift8, minmax or percentile"):
        decoded(file, DEEP[kind])
    assert decoded(file, DEEP[kind], ImagePolicy(depth16="minmax")).pixels.dtype == np.uint8


def test_deep_rgb_gives_its_high_byte(file: Path) -> None:
    values = np.arange(256, dtype=np.uint16).reshape(16, 16, 1) * np.array([257, 256, 1], dtype=np.uint16)
    pixels = decoded(file, specimens.deep_png(values), ImagePolicy(depth16="shift8")).pixels
    assert np.array_equal(pixels, values >> 8)


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF"])
def test_several_pictures_are_refused_by_default_or_the_first_is_taken(file: Path, form: str) -> None:
    frames = [Image.fromarray(np.full((8, 8, 3), level, dtype=np.uint8)) for level in (200, 100, 0)]
    data = saved(
        form, frames[0], save_all=True, append_images=frames[1:], **({"lossless": True} if form == "WEBP" else {})
    )
    with pytest.raises(RefusedImageError, match=r"holds 3 images \(want one, or `frames='first'`\)"):
        decoded(file, data)
    assert (decoded(file, data, ImagePolicy(frames="first")).pixels == 200).all()


@pytest.mark.parametrize("given", [{"depth16": "high"}, {"frames": "all"}, {"background": (0, 0, 256)}])
def test_a_policy_that_means_nothing_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"{next(iter(given))}: have .*, want"):
        ImagePolicy(**given)


@pytest.mark.parametrize("quality", [0, 101, -5])
def test_a_quality_that_no_encoder_knows_is_refused(quality: int) -> None:
    with pytest.raises(UsageError, match=r"quality: have -?\d+, want 1 to 100"):
        Encoding(quality=quality)


def test_what_a_policy_refuses_is_known_from_the_header() -> None:
    refuse(Path("a.png"), Header(Size(1, 1), depth=16, mode="I;16", frames=2), FIRST)
    with pytest.raises(RefusedImageError, match="`depth16`"):
        refuse(Path("a.png"), Header(Size(1, 1), depth=16, mode="RGB"), ImagePolicy())


@pytest.mark.parametrize("container", FORMS)
def test_a_truncated_file_says_that_it_is(file: Path, container: str) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = saved(FORMS[container], noise)
    file.write_bytes(data[: len(data) * 2 // 3])
    header = Header(Size(64, 64), container=container)
    with pytest.raises(ImageError, match="cannot be read as") as caught:
        decode(file, header)
    assert container in {"webp", "tiff"} or "truncated: the file ends before the image is complete" in str(caught.value)


def test_a_file_that_changed_meanwhile_is_not_decoded_as_another(file: Path) -> None:
    file.write_bytes(oriented_file("jpeg", 1))
    with pytest.raises(ImageError, match=r"has changed since its header was read \(have 64x40, want 65x40\)"):
        decode(file, Header(Size(65, 40)))


@pytest.mark.parametrize("container", ["jpeg", "tiff"])
def test_a_file_that_is_gone_meanwhile(file: Path, container: str) -> None:
    with pytest.raises(ImageError, match="there is no such file"):
        decode(file, Header(Size(64, 40), container=container, tagged=True))


@given(container=st.sampled_from(specimens.CONTAINERS), data=st.data())
def test_a_damaged_file_decodes_or_raises_image_error_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, container: str, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / f"broken-{container}"
    path.write_bytes(specimens.damaged(oriented_file(container, 6), data))
    with suppress(ImageError):
        header = read_header(path)
        assert len(untag(path.read_bytes(), header)) <= path.stat().st_size
        if header.size.pixels < 1 << 20:
            encoded, _ = encode(decode(path, header, FIRST).pixels, path, header)
            path.write_bytes(encoded)
            assert not read_header(path).tagged


@pytest.mark.parametrize("container", LOSSLESS)
@pytest.mark.parametrize("gray", [True, False])
def test_a_lossless_container_gives_the_pixels_back(file: Path, container: str, *, gray: bool) -> None:
    source = saved(FORMS[container], specimens.card(), **({"lossless": True} if container == "webp" else {}))
    pixels = specimens.card()[..., 0] if gray else specimens.card()
    data, lost = reencoded(file, source, pixels=pixels)
    again = decoded(file, data).pixels
    assert lost == ""
    assert np.array_equal(again, np.repeat(pixels[..., None], 3, axis=2) if again.ndim > pixels.ndim else pixels)
    assert again.ndim == pixels.ndim or container == "webp"


@pytest.mark.parametrize("container", FORMS)
def test_the_output_is_of_the_source_s_kind_and_its_suffix_fits(file: Path, container: str) -> None:
    data, _ = reencoded(file, saved(FORMS[container], specimens.card()))
    suffix = suffix_of(Header(Size(1, 1), container=container))
    with Image.open(BytesIO(data)) as image:
        assert Image.registered_extensions()[suffix] == image.format
        assert image.format == FORMS[container if container != "gif" else "png"]


@pytest.mark.parametrize("container", specimens.CONTAINERS)
def test_what_is_written_carries_the_camera_and_no_turn_no_thumbnail_no_xmp(file: Path, container: str) -> None:
    block = EXIF_HEADER + specimens.thumbnailed_exif(6)
    tags = Image.Exif()
    tags.load(block)
    source = (
        saved("TIFF", specimens.card(), exif=tags, icc_profile=specimens.srgb_profile())
        if container == "tiff"
        else saved(
            FORMS[container],
            specimens.card(),
            exif=block,
            xmp=specimens.xmp_packet(6),
            icc_profile=specimens.srgb_profile(),
        )
    )
    data, lost = reencoded(file, source)
    assert lost == ""
    with Image.open(BytesIO(data)) as image:
        exif = image.getexif()
        assert exif[272] == "Model 7"
        assert exif.get_ifd(0x8825)[1] == "N"
        assert exif.get(274, 1) == 1
        assert exif.get_ifd(0x014A) == exif.get_ifd(1) == {}
        assert image.info["icc_profile"] == specimens.srgb_profile()
        assert "xmp" not in image.info
    file.write_bytes(data)
    assert not read_header(file).tagged
    assert differ(pillow_shows(data), specimens.card()) < 5
    assert differ(opencv_shows(data), specimens.card()) < 5


def test_stripping_leaves_the_profile_only(file: Path) -> None:
    source = saved(
        "JPEG", specimens.card(), exif=EXIF_HEADER + specimens.thumbnailed_exif(6), icc_profile=specimens.srgb_profile()
    )
    data, lost = reencoded(file, source, encoding=Encoding(strip_metadata=True))
    with Image.open(BytesIO(data)) as image:
        assert (dict(image.getexif()), lost) == ({}, "")
        assert image.info["icc_profile"] == specimens.srgb_profile()


@pytest.mark.parametrize("sampling", [0, 1, 2])
def test_a_jpeg_keeps_its_subsampling_and_takes_the_quality_asked_for(file: Path, sampling: int) -> None:
    source = saved("JPEG", specimens.card(Size(160, 120)), subsampling=sampling, quality=50)
    data, _ = reencoded(file, source, encoding=Encoding(quality=80))
    with Image.open(BytesIO(data)) as image, Image.open(BytesIO(saved("JPEG", specimens.card(), quality=80))) as like:
        assert JpegImagePlugin.get_sampling(image) == sampling
        assert isinstance(image, JpegImagePlugin.JpegImageFile)
        assert isinstance(like, JpegImagePlugin.JpegImageFile)
        assert image.quantization == like.quantization


def test_a_profile_for_other_colours_is_not_attached(file: Path) -> None:
    source = saved("JPEG", Image.new("CMYK", (16, 16)), icc_profile=specimens.cmyk_profile())
    data, lost = reencoded(file, source)
    assert "colour profile was left out: it is for CMYK, the output is RGB" in lost
    with Image.open(BytesIO(data)) as image:
        assert (image.mode, "icc_profile" in image.info) == ("RGB", False)


@pytest.mark.parametrize("container", FORMS)
def test_the_same_pixels_give_the_same_bytes_also_from_a_view(file: Path, container: str) -> None:
    source = saved(FORMS[container], specimens.card())
    view = specimens.card()[::-1, ::-1]
    assert reencoded(file, source, pixels=view) == reencoded(file, source, pixels=view.copy())


def test_what_a_container_cannot_hold_is_an_image_error(file: Path) -> None:
    with pytest.raises(ImageError, match="cannot be encoded as WebP at 16384x1"):
        reencoded(file, saved("WEBP", specimens.card()), pixels=np.zeros((1, 16384, 3), np.uint8))


@pytest.mark.parametrize("container", specimens.CONTAINERS)
def test_an_untagged_file_decodes_to_the_same_pixels(file: Path, container: str) -> None:
    data = oriented_file(container, 6)
    before = decoded(file, data).pixels
    clean = untag(data, read_header(file))
    assert np.array_equal(decoded(file, clean).pixels, before)
    assert not read_header(file).tagged


def test_a_picture_for_people_is_a_png() -> None:
    with Image.open(BytesIO(encode_png(specimens.card()[:, ::-1]))) as image:
        assert image.format == "PNG"
        assert np.array_equal(np.asarray(image), specimens.card()[:, ::-1])


PILLOW = DATA / "pillow_shared" / "Tests" / "images"
REAL = sorted(
    path
    for folder in ("pillow_shared", "exif_recurser", "exif_rasteiner")
    for path in (DATA / folder).rglob("*.*")
    if path.suffix in {".jpg", ".png", ".tif", ".gif", ".webp", ".mpo"}
)
BROKEN = {
    "broken.png", "decompression_bomb.gif", "zero_width.gif", "truncated_image.png", "truncated_jpeg.jpg",
}  # fmt: skip


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_real_files_decode_as_pillow_shows_them_or_raise_image_error(path: Path, file: Path) -> None:
    if path.name in BROKEN:
        with pytest.raises(ImageError, match=path.name):
            decode(path, read_header(path), FIRST)
        return
    header = read_header(path)
    reduced = decode(path, header, FIRST, at_least=Size(64, 64) if "recurser" in str(path) else None)
    data, _ = encode(reduced.pixels, path, header)
    file.write_bytes(data)
    assert not read_header(file).tagged
    if reduced.covers == header.size and not {header.mode, header.depth} & {"I;16", "RGBA", "P", "CMYK", 16}:
        assert differ(pillow_shows(path.read_bytes()), _rgb(turned(reduced.pixels, header.orientation))) == 0


def _rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)


@pytest.mark.skipif(not PILLOW.is_dir(), reason="the real data is not here")
def test_all_the_real_files_are_there() -> None:
    assert len([path for path in REAL if PILLOW in path.parents]) == 34
    assert len(REAL) == 34 + 18 + 8


@pytest.mark.skipif(not PILLOW.is_dir(), reason="the real data is not here")
@pytest.mark.parametrize("name", ["truncated_image.png", "truncated_jpeg.jpg"])
def test_real_truncated_files_say_so(name: str) -> None:
    with pytest.raises(ImageError, match="truncated: the file ends before the image is complete"):
        decode(PILLOW / name, read_header(PILLOW / name))


@pytest.mark.parametrize("shape", [(31, 47), (31, 47, 3)])
def test_a_jpeg_for_showing_is_the_picture_and_nothing_else(shape: tuple[int, ...]) -> None:
    pixels = np.full(shape, 90, np.uint8)
    with Image.open(BytesIO(encode_jpeg(pixels, 80))) as image:
        assert (image.format, image.size) == ("JPEG", (47, 31))
        assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        assert np.abs(np.asarray(image).astype(int) - 90).max() <= 1


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other libraries keep memory as they see fit")
def test_arrays_that_are_freed_and_made_again_come_from_pages_that_are_there() -> None:
    said = subprocess.run([sys.executable, "-c", FAULTS], check=True, capture_output=True, text=True).stdout
    before, after = map(int, said.split())
    assert after < 100
    assert after < before / 4


@pytest.mark.parametrize("turn", [None, Dihedral.from_exif(6)])
@pytest.mark.parametrize("container", specimens.CONTAINERS)
def test_either_order_of_channels_is_encoded_alike(file: Path, container: str, turn: Dihedral | None) -> None:
    file.write_bytes(oriented_file(container, 1))
    header, pixels = read_header(file), specimens.card()
    back = np.ascontiguousarray(pixels[..., ::-1])
    want = encode(pixels, file, header, turn=turn)
    assert encode(back, file, header, turn=turn, order="BGR") == want
    assert encode(back, file, header, turn=turn) != want
