"""Which thumbnails show the same picture, and that those are found among many."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import IDENTITY, Dihedral
from bboxprep.geometry.plan import Orient, Plan
from bboxprep.images.near_pairs import are_alike, near_pairs
from bboxprep.images.raster.execute import execute
from bboxprep.images.thumbnail import SIDE, thumbnail_of

Pixels = NDArray[np.uint8]


def picture(number: int, width: int = 320, height: int = 240) -> Pixels:
    """A picture of blobs of all sizes, as photos have them."""
    random = np.random.default_rng(number)
    layers = [
        cv2.resize(random.normal(0, 40, (side, side, 3)), (width, height), interpolation=cv2.INTER_CUBIC)
        for side in (3, 6, 12, 40)
    ]
    return np.asarray(np.clip(110 + sum(layers), 0, 255), dtype=np.uint8)


def saved(pixels: Pixels, quality: int) -> Pixels:
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1), np.uint8)


def brighter(pixels: Pixels, by: float) -> Pixels:
    return np.asarray(np.clip(pixels * by, 0, 255).round(), np.uint8)


def half(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.resize(pixels, (160, 120), interpolation=cv2.INTER_AREA), np.uint8)


COPIES: dict[str, Callable[[Pixels], Pixels]] = {
    "saved badly": lambda pixels: saved(pixels, 50),
    "half": half,
    "stretched": lambda pixels: np.asarray(cv2.resize(pixels, (200, 200), interpolation=cv2.INTER_LINEAR), np.uint8),
    "darker": lambda pixels: brighter(pixels, 0.8),
    "brighter": lambda pixels: brighter(pixels, 1.25),
    "channels": lambda pixels: pixels[..., ::-1],
}
PHOTOS = [picture(number) for number in range(40)]
THUMBNAILS = [thumbnail_of(pixels, IDENTITY) for pixels in PHOTOS]


def levels(thumbnails: list[bytes]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(thumbnails), np.uint8).reshape(-1, SIDE * SIDE)


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_looks_like_its_picture_and_like_no_other(copy: str) -> None:
    copies = [thumbnail_of(COPIES[copy](pixels), IDENTITY) for pixels in PHOTOS]
    count = len(PHOTOS)
    assert near_pairs(THUMBNAILS + copies).tolist() == [[row, row + count] for row in range(count)]


@pytest.mark.parametrize("code", range(1, 9))
def test_a_turned_file_has_the_thumbnail_of_the_displayed_image(code: int) -> None:
    turn = Dihedral.from_exif(code)
    displayed = PHOTOS[0]
    stored = execute(Plan(Size(320, 240)).then(Orient(~turn)), displayed, kernel="auto", pad=0)
    assert near_pairs([THUMBNAILS[0], thumbnail_of(stored, turn)]).tolist() == [[0, 1]]
    assert len(near_pairs([THUMBNAILS[0], thumbnail_of(stored, IDENTITY)])) == (code == 1)


def test_what_shows_nothing_looks_like_nothing() -> None:
    flat = np.full((240, 320, 3), 90, np.uint8)
    blank = [thumbnail_of(flat, IDENTITY), thumbnail_of(PHOTOS[0][:1, :1, 0], IDENTITY)]
    for few in (blank * 2, [], [b""], [b"", b""], THUMBNAILS[:1], [b"", THUMBNAILS[0]]):
        assert near_pairs(few).shape == (0, 2)
    assert near_pairs([THUMBNAILS[3], b"", THUMBNAILS[3]]).tolist() == [[0, 2]]


def test_the_pairs_are_those_that_all_comparisons_give() -> None:
    """Pictures that change little by little, where some pairs are alike and some are not."""
    steps = [
        np.asarray((PHOTOS[3 * film] * (1 - share) + PHOTOS[3 * film + 1] * share).round(), np.uint8)
        for film in range(8)
        for share in np.linspace(0, 1, 12)
    ]
    thumbnails = [thumbnail_of(pixels, IDENTITY) for pixels in steps]
    rows = np.array(list(combinations(range(len(steps)), 2)))
    whole = levels(thumbnails)
    expected = rows[are_alike(whole[rows[:, 0]], whole[rows[:, 1]])].tolist()
    assert near_pairs(thumbnails).tolist() == expected
    assert 0.5 * len(steps) < len(expected) < 0.1 * len(rows)


def test_of_many_equal_ones_each_is_found_and_few_comparisons_are_made() -> None:
    many = THUMBNAILS + THUMBNAILS[:1] * 3000 + THUMBNAILS[5:6]
    pairs = near_pairs(many)
    assert set(pairs.ravel().tolist()) == {0, 5, *range(len(THUMBNAILS), len(many))}
    assert len(pairs) <= 33 * len(many)


def test_among_many_pictures_wide_bands_find_the_copies() -> None:
    random = np.random.default_rng(0)
    base = levels(THUMBNAILS).reshape(-1, SIDE, SIDE).astype(np.int64)
    others = [
        ((base[one] + base[other][::-1] + random.integers(0, 90, (SIDE, SIDE))) // 3).astype(np.uint8).tobytes()
        for one, other in random.integers(0, len(base), (9000, 2))
    ]
    copies = [thumbnail_of(saved(pixels, 50), IDENTITY) for pixels in PHOTOS]
    found = {(one, other) for one, other in near_pairs(THUMBNAILS + copies + others).tolist()}
    assert {(row, row + len(PHOTOS)) for row in range(len(PHOTOS))} <= found
