from __future__ import annotations

from pathlib import Path

import pytest

from bboxprep.errors import ImageError, RefusedImageError
from bboxprep.formats.reading import image_fault


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("there.jpg", ImageError, "image-unreadable"),
        ("gone.jpg", ImageError, "image-missing"),
        ("a\0b.jpg", ImageError, "image-missing"),
        ("there.jpg", RefusedImageError, "image-refused"),
        ("gone.jpg", RefusedImageError, "image-refused"),
    ],
)
def test_an_image_that_cannot_be_used_is_told_by_what_is_there(
    tmp_path: Path, name: str, kind: type[ImageError], code: str
) -> None:
    (tmp_path / "there.jpg").write_bytes(b"x")
    finding = image_fault(kind(tmp_path / name, "", "is odd"), "shown.jpg", "val")
    assert (finding.code, finding.message, finding.path, finding.split) == (code, "is odd", "shown.jpg", "val")
