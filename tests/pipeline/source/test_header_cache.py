"""The probe that readers are given: a file that ends early is decoded, and told where pixels are missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bboxprep.errors import ImageError
from bboxprep.images.container import NAMES
from bboxprep.pipeline.source.header_cache import HeaderCache
from tests.images.specimens import saved

NOISE = np.random.default_rng(3).integers(0, 255, (60, 80, 3), dtype=np.uint8)


def probed(tmp_path: Path, data: bytes, cache: HeaderCache) -> bool:
    (tmp_path / "picture.jpg").write_bytes(data)
    return cache(tmp_path / "picture.jpg").size == (80, 60)


@pytest.mark.parametrize("container", sorted(NAMES.keys() - {"heic"}))
def test_a_picture_that_is_cut_short_is_an_error_without_any_step(tmp_path: Path, container: str) -> None:
    data = saved(NAMES[container], NOISE)
    assert probed(tmp_path, data, HeaderCache())
    with pytest.raises(ImageError):
        probed(tmp_path, data[: len(data) // 2], HeaderCache())


def test_a_gif_that_lacks_nothing_but_its_end_marker_is_a_picture(tmp_path: Path) -> None:
    data = saved("GIF", NOISE)
    assert data.endswith(b";")
    assert probed(tmp_path, data[:-1], HeaderCache())


def test_damage_in_the_middle_is_found_where_all_pictures_are_decoded(tmp_path: Path) -> None:
    data = bytearray(saved("PNG", NOISE))
    data[len(data) // 2] ^= 0xFF
    assert probed(tmp_path, bytes(data), HeaderCache())
    with pytest.raises(ImageError, match="picture"):
        probed(tmp_path, bytes(data), HeaderCache(decodes=True))
