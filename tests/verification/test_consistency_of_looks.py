from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from bboxprep.verification.verify import verify

DATA = Path(__file__).parents[2].parent / "shared" / "data"
METHODS = {"upside down": Image.Transpose.ROTATE_180, "a mirror": Image.Transpose.FLIP_LEFT_RIGHT}


def copied(target: Path, method: Image.Transpose | None) -> Path:
    """Forty photos of cells with their labels as they are, the pictures turned by `method` under them."""
    for folder in ("JPEGImages", "Annotations"):
        (target / folder).mkdir(parents=True)
    for path in sorted((DATA / "bccd" / "BCCD" / "JPEGImages").glob("*.jpg"))[:40]:
        with Image.open(path) as image:
            turned = image if method is None else image.transpose(method)
            turned.convert("RGB").save(target / "JPEGImages" / path.name, quality=95)
        label = DATA / "bccd" / "BCCD" / "Annotations" / f"{path.stem}.xml"
        (target / "Annotations" / label.name).write_bytes(label.read_bytes())
    return target


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data is not here")
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_labels_that_lie_turned_on_their_pictures_are_told(tmp_path: Path, method: Image.Transpose) -> None:
    codes = {fault.code for fault in verify(copied(tmp_path / "turned", method)).faults}
    assert "labels-look-turned" in codes


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data is not here")
def test_labels_that_lie_right_are_not_doubted(tmp_path: Path) -> None:
    codes = {fault.code for fault in verify(copied(tmp_path / "right", None)).faults}
    assert "labels-look-turned" not in codes
