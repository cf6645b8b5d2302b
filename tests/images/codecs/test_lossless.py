from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image, ImageCms

from bboxprep.errors import ImageError
from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.images.codecs import lossless
from bboxprep.images.codecs.codec import Encoding, decode, encode
from bboxprep.images.codecs.kept_metadata import KeptMetadata
from bboxprep.images.container import metadata_blocks
from bboxprep.images.header import read_header
from tests.images import specimens
from tests.images.decoders import turned as stood_up
from tests.images.specimens import EXIF_HEADER, saved

needs_jpegtran = pytest.mark.skipif(lossless.find_jpegtran() is None, reason="no jpegtran on this machine")
SAMPLINGS = {"gray": (8, 8), "4:4:4": (8, 8), "4:2:2": (16, 8), "4:2:0": (16, 16)}  # px of a whole block of all colours
ROUNDING = {"gray": 1, "4:4:4": 3, "4:2:2": 4, "4:2:0": 4}  # levels that a decoder rounds rows and columns apart
MIRRORED = {2: "w", 3: "wh", 4: "h", 5: "", 6: "h", 7: "wh", 8: "w"}  # the stored axes that a turn runs backwards


class Photo(NamedTuple):
    """A JPEG on disk as `path`, and its chroma."""

    path: Path
    sampling: str

    @property
    def size(self) -> Size:
        return read_header(self.path).size


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("turned") / "photo.jpg"


@st.composite
def pictures(draw: st.DrawFn, *, ragged: bool = True) -> tuple[bytes, str]:
    """A JPEG of blotches, one to three blocks each way and perhaps some pixels more; and its chroma."""
    sampling = draw(st.sampled_from(sorted(SAMPLINGS)))
    width, height = (
        draw(st.integers(1, 3)) * block + (draw(st.integers(0, block - 1)) if ragged else 0)
        for block in SAMPLINGS[sampling]
    )
    shape = (-(-height // 4), -(-width // 4), 3)
    blotches = draw(hnp.arrays(np.uint8, shape)).repeat(4, 0).repeat(4, 1)[:height, :width]
    image = Image.fromarray(blotches).convert("L" if sampling == "gray" else "RGB")
    chroma = {} if sampling == "gray" else {"subsampling": sampling}
    how = {"quality": draw(st.sampled_from([30, 75, 95])), "progressive": draw(st.booleans())}
    return saved("JPEG", image, **how, **chroma), sampling


def pixels(data: bytes) -> NDArray[np.uint8]:
    with Image.open(BytesIO(data)) as image:
        return np.asarray(image)


def turn_file(path: Path, data: bytes, code: int, *, strip: bool = False) -> bytes | None:
    path.write_bytes(data)
    result = lossless.turned(path, data, read_header(path), Dihedral.from_exif(code), strip=strip)
    return result[0] if result else None


def allowed(size: Size, sampling: str, code: int) -> bool:
    width, height = SAMPLINGS[sampling]
    return not ("w" in MIRRORED[code] and size.width % width) and not ("h" in MIRRORED[code] and size.height % height)


def worst(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    return int(np.abs(one.astype(int) - other.astype(int)).max()) if one.shape == other.shape else 255


def psnr(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """dB; 99 where nothing differs."""
    error = float(((one.astype(float) - other.astype(float)) ** 2).mean())
    return float(10 * np.log10(255**2 / error)) if error else 99.0


@needs_jpegtran
@given(picture=pictures(), code=st.integers(2, 8))
def test_what_is_turned_shows_the_turned_picture_and_what_cannot_be_is_not(
    path: Path, picture: tuple[bytes, str], code: int
) -> None:
    data, sampling = picture
    result = turn_file(path, data, code)
    assert (result is not None) == allowed(read_header(path).size, sampling, code)
    if result is not None:
        assert worst(pixels(result), stood_up(pixels(data), code)) <= ROUNDING[sampling]


@needs_jpegtran
@given(picture=pictures(ragged=False), code=st.integers(2, 8))
def test_turned_there_and_back_every_coefficient_is_what_it_was(
    path: Path, picture: tuple[bytes, str], code: int
) -> None:
    data, _ = picture
    there = turn_file(path, data, code)
    assert there is not None
    back = turn_file(path, there, (~Dihedral.from_exif(code)).exif)
    assert back is not None
    assert np.array_equal(pixels(back), pixels(data))
    twice = turn_file(path, turn_file(path, data, 5) or b"", 5)
    assert back == twice  # one coding of the same coefficients


@needs_jpegtran
@pytest.mark.parametrize(("code", "wrong"), [(6, ("-rotate", "270")), (5, ("-transverse",)), (2, ("-rotate", "180"))])
def test_a_wrong_turn_would_be_seen(
    path: Path, monkeypatch: pytest.MonkeyPatch, code: int, wrong: tuple[str, ...]
) -> None:
    data = saved("JPEG", specimens.card(Size(64, 48)), quality=95)
    monkeypatch.setitem(lossless._SWITCHES, code, wrong)
    result = turn_file(path, data, code)
    assert result is not None
    assert worst(pixels(result), stood_up(pixels(data), code)) > 100


@needs_jpegtran
def test_metadata_that_no_segment_holds_is_an_image_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved("JPEG", specimens.card(Size(64, 48)))
    monkeypatch.setattr(lossless, "kept_from", lambda *_, **__: KeptMetadata(exif=bytes(65_534)))
    with pytest.raises(ImageError, match=r"cannot be turned .*its EXIF is too long"):
        turn_file(path, data, 6)


@needs_jpegtran
def test_a_profile_of_many_segments_and_exif_are_kept_with_no_turn_left(path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + bytes(150_000)
    exif = EXIF_HEADER + specimens.tiff_block(6, thumbnail=6)
    data = saved("JPEG", specimens.card(Size(64, 48)), icc_profile=profile, exif=exif, xmp=specimens.xmp_packet(6))
    result = turn_file(path, data, 6)
    assert result is not None
    path.write_bytes(result)
    header = read_header(path)
    assert (header.size, header.orientation, header.tagged) == (Size(48, 64), 1, False)
    with Image.open(path) as image:
        assert image.info["icc_profile"] == profile
        assert image.getexif()[305] == "A"
    assert [block.kind for block in metadata_blocks(result, "jpeg")] == ["exif"]
    stripped = turn_file(path, data, 6, strip=True)
    assert stripped is not None
    assert metadata_blocks(stripped, "jpeg") == ()
    assert pixels(stripped).shape == (64, 48, 3)


@needs_jpegtran
@pytest.mark.parametrize("keep", [0.3, 0.9, 0.999])
def test_a_truncated_photo_is_left_to_the_decoder_to_judge(path: Path, keep: float) -> None:
    rng = np.random.default_rng(0)
    data = saved("JPEG", rng.integers(0, 256, (64, 64, 3), dtype=np.uint8), quality=90)
    assert turn_file(path, data, 6) is not None
    assert turn_file(path, data[: int(len(data) * keep)], 6) is None


@needs_jpegtran
@given(at=st.integers(0, 10_000), level=st.integers(0, 255))
def test_a_damaged_photo_keeps_its_coefficients_or_is_not_turned(path: Path, at: int, level: int) -> None:
    data = bytearray(saved("JPEG", specimens.card(Size(64, 48)), quality=90, subsampling=0))
    path.write_bytes(data)
    header = read_header(path)
    scan = data.index(b"\xff\xda") + 14
    data[scan + at % (len(data) - scan)] = level
    there = lossless.turned(path, bytes(data), header, Dihedral.from_exif(6), strip=False)
    if there:
        back = turn_file(path, there[0], 8)
        assert back is not None
        assert np.array_equal(pixels(back), pixels(bytes(data)))


@needs_jpegtran
def test_inks_and_a_file_of_another_size_than_its_header_says_are_not_turned(path: Path) -> None:
    assert turn_file(path, saved("JPEG", Image.new("CMYK", (64, 64))), 6) is None
    assert turn_file(path, saved("PNG", specimens.card()), 6) is None
    header = read_header(specimens_file(path, Size(64, 48)))
    other = saved("JPEG", specimens.card(Size(80, 48)))
    assert lossless.turned(path, other, header, Dihedral.from_exif(6), strip=False) is None
    assert turn_file(path, saved("JPEG", specimens.card(Size(64, 48))), 1) is None


def specimens_file(path: Path, size: Size) -> Path:
    path.write_bytes(saved("JPEG", specimens.card(size)))
    return path


@pytest.fixture
def no_tool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A folder that alone is searched for programs."""
    monkeypatch.setenv("PATH", str(tmp_path))
    lossless.find_jpegtran.cache_clear()
    yield tmp_path
    lossless.find_jpegtran.cache_clear()


def test_without_a_jpegtran_nothing_is_turned(path: Path, no_tool: Path) -> None:
    assert lossless.find_jpegtran() is None
    assert turn_file(path, saved("JPEG", specimens.card(Size(64, 48))), 6) is None


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
@pytest.mark.parametrize("script", ["#!/bin/sh\necho what >&2\n", "#!/no/such/shell\n"])
def test_a_program_of_that_name_that_states_no_version_is_not_used(no_tool: Path, script: str) -> None:
    program = no_tool / "jpegtran"
    program.write_text(script, encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    assert lossless.find_jpegtran() is None


@needs_jpegtran
def test_the_version_is_what_the_program_says() -> None:
    tool = lossless.find_jpegtran()
    assert tool is not None
    said = subprocess.run([tool.program, "-version"], capture_output=True, check=True).stderr.decode()
    assert tool.version in said
    assert any(character.isdigit() for character in tool.version)


QUALITIES = (50, 75, 85, 90, 95, 98)


def encoded_again(path: Path, data: bytes, code: int, encoding: Encoding | None = None) -> bytes:
    path.write_bytes(data)
    header = read_header(path)
    picture = stood_up(decode(path, header).pixels, code)
    return encode(picture, path, header, encoding or Encoding(), turn=Dihedral.from_exif(code))[0]


def photo(size: Size) -> NDArray[np.uint8]:
    """Something like a photo: edges and grain in its light, slow changes of colour."""
    y, x = np.mgrid[: size.height, : size.width]
    light = 120 + 50 * np.sin(x / 9) + 30 * np.cos(y / 13) + np.random.default_rng(0).normal(0, 3, x.shape)
    light[size.height // 3 : size.height // 2, size.width // 4 : size.width // 2] -= 50
    colour = [20 * np.sin(x / 40), 10 * np.cos(y / 50), 20 * np.sin((x + y) / 60)]
    return np.asarray(np.clip(light[..., None] + np.stack(colour, axis=-1), 0, 255), dtype=np.uint8)


@pytest.mark.parametrize("code", range(2, 9))
@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("quality", QUALITIES)
def test_on_whole_blocks_the_second_coding_costs_next_to_nothing(
    path: Path, quality: int, sampling: str, code: int
) -> None:
    data = saved("JPEG", photo(Size(160, 128)), quality=quality, subsampling=sampling)
    again = encoded_again(path, data, code)
    assert psnr(pixels(again), stood_up(pixels(data), code)) >= 48
    if sampling != "4:2:2":  # whose chroma is written in full
        assert len(again) <= 1.05 * len(data)


@pytest.mark.parametrize("code", range(2, 9))
@pytest.mark.parametrize("size", [Size(168, 120), Size(163, 121)])
@pytest.mark.parametrize("quality", QUALITIES)
def test_on_a_moved_grid_it_is_better_than_quality_95(path: Path, quality: int, size: Size, code: int) -> None:
    data = saved("JPEG", photo(size), quality=quality, subsampling="4:2:0")
    shown = stood_up(pixels(data), code)
    usual = psnr(pixels(encoded_again(path, data, code, Encoding(quality=95))), shown)
    reached = psnr(pixels(encoded_again(path, data, code)), shown)
    assert reached >= 47
    assert reached >= usual - 0.1


def test_a_quality_that_is_asked_for_comes_before_the_tables_of_the_source(path: Path) -> None:
    data = saved("JPEG", photo(Size(160, 128)), quality=50)
    own, asked = (pixels_and_tables(encoded_again(path, data, 6, how)) for how in (Encoding(), Encoding(quality=95)))
    assert own[0] == [rows_and_columns(table) for table in tables_of(data)]
    assert asked[0] == tables_of(saved("JPEG", photo(Size(160, 128)), quality=95))


LOPSIDED = [1 + 3 * (place // 8) for place in range(64)]  # coarse for high frequencies down the picture alone


@pytest.mark.parametrize("code", [5, 6, 7, 8])
def test_tables_turn_with_the_picture(path: Path, code: int) -> None:
    data = saved("JPEG", photo(Size(160, 128)), qtables=[LOPSIDED, LOPSIDED], subsampling=0)
    shown = stood_up(pixels(data), code)
    assert psnr(pixels(encoded_again(path, data, code)), shown) > 50
    unturned = saved("JPEG", shown, qtables=[LOPSIDED, LOPSIDED], subsampling=0)
    assert psnr(pixels(unturned), shown) < 50  # the mistake would be seen


@pytest.mark.parametrize("code", [2, 6])
def test_a_component_keeps_the_table_that_is_its_own(path: Path, code: int) -> None:
    tables = [[step] * 64 for step in (3, 5, 9)]
    data = saved("JPEG", photo(Size(160, 128)), qtables=tables, subsampling=0)
    assert tables_of(encoded_again(path, data, code)) == tables


def test_chroma_that_only_one_axis_halves_is_written_in_full_when_the_axes_change_places(path: Path) -> None:
    data = saved("JPEG", photo(Size(160, 128)), subsampling="4:2:2")
    assert chroma(encoded_again(path, data, 2)) == (2, 1)
    assert chroma(encoded_again(path, data, 6)) == (1, 1)


def test_gray_stays_gray_and_another_container_is_encoded_as_ever(path: Path) -> None:
    gray = saved("JPEG", Image.fromarray(photo(Size(64, 48))).convert("L"), quality=60)
    assert tables_of(encoded_again(path, gray, 3)) == tables_of(gray)
    webp = saved("WEBP", photo(Size(64, 48)), quality=60)
    assert encoded_again(path, webp, 3) == encoded_again(path, webp, 3, Encoding(quality=95))
    inks = saved("JPEG", Image.fromarray(photo(Size(64, 48))).convert("CMYK"), quality=60)
    assert encoded_again(path, inks, 3) == encoded_again(path, inks, 3, Encoding(quality=95))


def tables_of(data: bytes) -> list[list[int]]:
    with Image.open(BytesIO(data)) as image:
        tables = image.quantization  # type: ignore[attr-defined]
        used = [layer[3] for layer in image.layer]  # type: ignore[attr-defined]
        return [list(tables[number]) for number in used]


def rows_and_columns(table: list[int]) -> list[int]:
    return [int(step) for step in np.array(table).reshape(8, 8).T.ravel()]


def pixels_and_tables(data: bytes) -> tuple[list[list[int]], NDArray[np.uint8]]:
    return tables_of(data), pixels(data)


def chroma(data: bytes) -> tuple[int, int]:
    with Image.open(BytesIO(data)) as image:
        _, across, down, _ = image.layer[0]  # type: ignore[attr-defined]
        return across, down
