"""A file that was cut short is known by its end, in every container; a whole one never is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bboxprep.errors import ImageError
from bboxprep.images.container import NAMES
from bboxprep.images.header import read_header
from bboxprep.images.truncation import WITHOUT_END
from bboxprep.model.header import Header
from tests.images.specimens import EXIF_HEADER, card, jpeg, oriented_file, saved, thumbnailed_exif

WRITTEN = sorted(NAMES.keys() - {"heic"})  # which Pillow writes; a HEIC has the boxes of an AVIF
NOISE = np.random.default_rng(3).integers(0, 255, (60, 80, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cut")


def header_of(folder: Path, data: bytes) -> Header | None:
    """None where not even the header can be read."""
    (folder / "picture").write_bytes(data)
    try:
        return read_header(folder / "picture")
    except ImageError:
        return None


ENDED = sorted(set(WRITTEN) - WITHOUT_END)


@pytest.mark.parametrize("container", ENDED)
def test_a_whole_file_does_not_end_early(folder: Path, container: str) -> None:
    for pixels in (card(), NOISE):
        header = header_of(folder, saved(NAMES[container], pixels))
        assert header is not None
        assert (header.container, header.ends_early) == (container, False)


@pytest.mark.parametrize("container", ENDED)
def test_a_file_without_its_last_bytes_ends_early(folder: Path, container: str) -> None:
    data = saved(NAMES[container], NOISE)
    for count in range(1, 25):
        header = header_of(folder, data[:-count])
        assert header is None or header.ends_early, count


@pytest.mark.parametrize("container", ENDED)
@settings(max_examples=40, deadline=None)
@given(share=st.floats(0.05, 0.98))
def test_a_file_that_is_cut_short_ends_early(folder: Path, container: str, share: float) -> None:
    data = saved(NAMES[container], NOISE)
    header = header_of(folder, data[: int(len(data) * share)])
    assert header is None or header.ends_early


@pytest.mark.parametrize("container", ["jpeg", "png"])
def test_what_stands_behind_the_end_of_a_picture_is_not_missed_nor_taken_for_it(folder: Path, container: str) -> None:
    data = oriented_file(container, 6)
    header = header_of(folder, data + b"a film of a phone, or zeros" + bytes(5000))
    assert header is not None
    assert not header.ends_early


def test_the_end_of_a_thumbnail_is_not_that_of_its_picture(folder: Path) -> None:
    data = jpeg((0xE1, EXIF_HEADER + thumbnailed_exif(1)), pixels=NOISE)
    assert data.count(b"\xff\xd9") == 2
    header = header_of(folder, data[:-200])
    assert header is not None
    assert header.ends_early
