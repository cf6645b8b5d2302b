"""A padded JPEG has the blocks of the photo as they were, and exactly the pad around them; else it is not padded."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms

from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.plan import Orient, Place, Plan
from bboxprep.images.codecs import lossless
from bboxprep.images.header import read_header
from bboxprep.model.rendering import Pad
from tests.images import specimens
from tests.images.codecs.test_lossless import SAMPLINGS, needs_jpegtran, path, pictures, pixels, turn_file
from tests.images.specimens import EXIF_HEADER, saved, tiff_block

__all__ = ["path"]
STARTS, MARGINS = st.sampled_from([0, 16, 8, 5]), st.sampled_from([0, 16, 21])  # px


def pad_file(path: Path, data: bytes, plan: Plan, pad: Pad = 114) -> bytes | None:
    path.write_bytes(data)
    result = lossless.padded(path, data, read_header(path), plan, pad, strip=False)
    return result[0] if result else None


def light(data: bytes) -> NDArray[np.int64]:
    """The brightness (H, W), which no decoder mixes with that of other blocks, as it does with colour."""
    return np.asarray(simplejpeg.decode_jpeg(data, "GRAY")[..., 0], dtype=np.int64)


def placed(size: Size, right: int, bottom: int, x: int, y: int, code: int) -> Plan:
    turn = Dihedral.from_exif(code)
    shown = turn.size(size)
    return Plan(size, (Orient(turn), Place(Size(x + shown.width + right, y + shown.height + bottom), x, y)))


def difference(photo: bytes, result: bytes, plan: Plan, pad: int = 114) -> int:
    """How far the brightness of `result` is at worst from that of `photo`, and from `pad` around it, levels."""
    wanted = np.full((plan.size.height, plan.size.width), pad)
    x0, y0, x1, y1 = map(int, plan.seen)
    wanted[y0:y1, x0:x1] = light(photo)
    return int(np.abs(light(result) - wanted).max())


@needs_jpegtran
@given(
    picture=pictures(),
    margins=st.tuples(MARGINS, MARGINS),
    at=st.tuples(STARTS, STARTS),
    code=st.sampled_from([1, 1, *range(2, 9)]),
)
def test_each_pixel_is_that_of_the_photo_or_the_pad(
    path: Path, picture: tuple[bytes, str], margins: tuple[int, int], at: tuple[int, int], code: int
) -> None:
    data, sampling = picture
    path.write_bytes(data)
    size, turn = read_header(path).size, Dihedral.from_exif(code)
    photo = data if code == 1 else turn_file(path, data, code)
    plan = placed(size, *margins, *at, code)
    result = pad_file(path, data, plan)
    assume(photo is not None or result is None)
    if photo is None:
        return
    across, down = SAMPLINGS[sampling]
    steps = (down, across) if turn.swap else (across, down)
    whole = [
        start % step == 0 and (not margin or side % step == 0)
        for start, margin, side, step in zip(at, margins, turn.size(size), steps, strict=True)
    ]
    if result is None:
        swapped = turn.swap and sampling == "4:2:2"  # no canvas of chroma halved downwards can be made
        assert not all(whole) or swapped or 114 not in exact_levels(data)
    else:
        assert all(whole)
        assert difference(photo, result, plan) == 0
        colour_is_near(photo, result, plan)


@needs_jpegtran
@given(
    picture=pictures(ragged=False),
    margins=st.tuples(MARGINS, MARGINS),
    at=st.tuples(st.sampled_from([0, 16, 32]), st.sampled_from([0, 16, 32])),
    code=st.integers(1, 8),
)
def test_whole_blocks_on_the_grid_are_padded(
    path: Path, picture: tuple[bytes, str], margins: tuple[int, int], at: tuple[int, int], code: int
) -> None:
    data, sampling = picture
    path.write_bytes(data)
    plan = placed(read_header(path).size, *margins, *at, code)
    photo = data if code == 1 else turn_file(path, data, code)
    assert photo is not None
    result = pad_file(path, data, plan)
    swapped = Dihedral.from_exif(code).swap and sampling == "4:2:2"  # no canvas of chroma halved downwards can be made
    assert (result is not None) == (114 in exact_levels(data) and not swapped)
    if result:
        assert difference(photo, result, plan) == 0
        colour_is_near(photo, result, plan)


def colour_is_near(photo: bytes, result: bytes, plan: Plan) -> None:
    """Colours are the same but where a decoder mixes neighbours: in the two pixels next to the edge."""
    shown, made = pixels(photo), pixels(result)
    if shown.ndim == 3:
        x0, y0, x1, y1 = map(int, plan.seen)
        assert np.array_equal(made[y0:y1, x0:x1][2:-2, 2:-2], shown[2:-2, 2:-2])


def exact_levels(data: bytes) -> set[int]:
    """The gray levels that a block of one colour can have."""
    step = next(iter(quantisation(data)))
    return {level for level in range(256) if abs(round((level - 128) * 8 / step) * step / 8 - (level - 128)) < 0.5}


def quantisation(data: bytes) -> list[int]:
    with Image.open(BytesIO(data)) as image:
        return list(image.quantization[0])  # type: ignore[attr-defined]


CARD = saved("JPEG", specimens.card(Size(64, 48)), quality=90)
WIDER = placed(Size(64, 48), 32, 0, 16, 16, 1)


@needs_jpegtran
@pytest.mark.parametrize(("x", "y"), [(8, 16), (16, 3)])
def test_a_photo_across_the_grid_would_be_seen(path: Path, monkeypatch: pytest.MonkeyPatch, x: int, y: int) -> None:
    plan = placed(Size(64, 48), 32, 16, x, y, 1)
    assert pad_file(path, CARD, plan) is None
    monkeypatch.setattr(lossless, "_fits", lambda *_: True)
    result = pad_file(path, CARD, plan)
    assert result is not None
    assert difference(CARD, result, plan) > 50


@needs_jpegtran
def test_a_ragged_edge_on_the_pad_would_be_seen(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved("JPEG", specimens.card(Size(60, 48)), quality=90)
    plan = placed(Size(60, 48), 32, 0, 0, 0, 1)
    assert pad_file(path, data, plan) is None
    assert pad_file(path, data, placed(Size(60, 48), 0, 32, 0, 0, 1)) is not None  # where it ends with the canvas
    monkeypatch.setattr(lossless, "_fits", lambda *_: True)
    result = pad_file(path, data, plan)
    assert result is not None
    assert difference(data, result, plan) > 10


@needs_jpegtran
@pytest.mark.parametrize(
    ("pad", "quality", "is_exact"),
    [
        *((114, 95, True), (114, 75, True), (0, 95, True), (255, 95, True), (114, 30, False)),
        *(((128, 128, 128), 30, True), ((124, 116, 104), 50, False), ("edge", 95, False), ("reflect", 95, False)),
    ],
)
def test_a_pad_is_exactly_what_was_asked_for(path: Path, pad: Pad, quality: int, is_exact: bool) -> None:
    data = saved("JPEG", specimens.card(Size(64, 48)), quality=quality)
    result = pad_file(path, data, WIDER, pad)
    assert (result is not None) == is_exact
    if result:
        assert (pixels(result)[:, 90:] == pad).all()


@needs_jpegtran
def test_a_gray_photo_stays_gray_unless_the_pad_is_coloured(path: Path) -> None:
    gray = saved("JPEG", Image.fromarray(specimens.card(Size(64, 48))).convert("L"), quality=90)
    for pad in (114, (114, 114, 114)):
        result = pad_file(path, gray, WIDER, pad)
        assert result is not None
        assert difference(gray, result, WIDER) == 0
        assert pixels(result).ndim == 2
    assert pad_file(path, gray, WIDER, (114, 114, 0)) is None


@needs_jpegtran
def test_what_is_coded_in_a_rare_way_or_is_damaged_is_not_padded(path: Path) -> None:
    card = specimens.card(Size(64, 48))
    assert pad_file(path, saved("JPEG", card, keep_rgb=True), WIDER) is None
    lopsided = turn_file(path, saved("JPEG", card.swapaxes(0, 1), subsampling="4:2:2"), 5)  # chroma is halved downwards
    assert lopsided is not None
    assert pad_file(path, lopsided, WIDER) is None
    assert pad_file(path, saved("JPEG", Image.fromarray(card).convert("CMYK")), WIDER) is None
    assert pad_file(path, saved("PNG", card), WIDER) is None
    noise = saved("JPEG", np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8), quality=90)
    assert pad_file(path, noise, WIDER) is not None
    assert pad_file(path, noise[: len(noise) * 2 // 3], WIDER) is None
    assert pad_file(path, saved("JPEG", card, progressive=True, quality=90), WIDER) is not None


@needs_jpegtran
def test_the_profile_and_upright_exif_are_kept(path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = saved("JPEG", specimens.card(Size(64, 48)), icc_profile=profile, exif=EXIF_HEADER + tiff_block(6))
    plan = placed(Size(64, 48), 16, 0, 16, 0, 6)
    result = pad_file(path, data, plan)
    assert result is not None
    path.write_bytes(result)
    header = read_header(path)
    assert (header.size, header.orientation) == (plan.size, 1)
    with Image.open(path) as image:
        assert image.info["icc_profile"] == profile
        assert image.getexif()[305] == "A"
