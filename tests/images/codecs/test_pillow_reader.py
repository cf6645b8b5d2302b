from __future__ import annotations

import threading
import warnings
from pathlib import Path

import pytest

from bboxprep.errors import ImageError
from bboxprep.images.codecs.pillow_reader import faults_named, opened
from tests.images import specimens


def test_a_file_opens_as_the_container_it_is_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(specimens.oriented_file("png", 1))
    with opened(path, "png") as image:
        assert (image.format, image.size) == ("PNG", specimens.CARD_SIZE)


def test_faults_are_image_errors_about_the_file(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(specimens.oriented_file("png", 1)[:20])
    with pytest.raises(ImageError, match=r"photo\.png: cannot be read as PNG \(") as caught, opened(path, "png"):
        pass
    assert caught.value.__cause__ is not None


def test_a_missing_file_is_told_in_plain_words() -> None:
    with pytest.raises(ImageError, match=r"nowhere\.png: there is no such file$"), opened(Path("nowhere.png"), "png"):
        pass


def test_our_own_errors_pass_unchanged() -> None:
    problem = ImageError("a.png", "", "is odd")
    with pytest.raises(ImageError) as caught, faults_named(Path("b.png"), "cannot be read"):
        raise problem
    assert caught.value is problem


def test_the_silence_ends_with_the_last_thread_inside(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(specimens.oriented_file("png", 1))
    before = list(warnings.filters)
    first_is_in, second_is_in = threading.Event(), threading.Event()

    def overlapping() -> None:
        first_is_in.wait(5)
        with opened(path, "png"):
            second_is_in.set()
            first_is_out.wait(5)

    first_is_out = threading.Event()
    other = threading.Thread(target=overlapping)
    other.start()
    with opened(path, "png"):
        warnings.warn("a corrupt tag", stacklevel=1)
        first_is_in.set()
        assert second_is_in.wait(5)
    first_is_out.set()
    other.join()
    assert warnings.filters == before
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", stacklevel=1)
