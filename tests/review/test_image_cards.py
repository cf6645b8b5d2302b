from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bboxprep.pipeline.output.run_record import RecordedFinding
from bboxprep.pipeline.source.open import open_source
from bboxprep.review.entries import ReviewEntry
from bboxprep.review.image_cards import THUMB, VIEW, CardBuilder, Task, card_path
from bboxprep.testing.painting import bright_box
from tests.painted import label

BOX = (420.0, 320.0, 1000.0, 1100.0)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return label(tmp_path_factory.mktemp("cards") / "source", "yolo", "displayed", (92, 70), (21.0, 16.0, 50.0, 55.0))


def task(root: Path, name: str, number: int = 7, notes: tuple[RecordedFinding, ...] = ()) -> Task:
    sample = next(each for each in open_source(root).dataset if str(each.name) == name)
    return Task(number, ReviewEntry(0, None, None, notes), sample, None)


def test_pictures_are_upright_small_and_carry_nothing_but_pixels(tmp_path: Path) -> None:
    root = tmp_path / "source"
    (root / "images").mkdir(parents=True)
    (root / "labels").mkdir()
    (root / "data.yaml").write_text("train: images\nnames: [patch]\n", encoding="utf-8")
    (root / "labels" / "a.txt").write_text("0 0.5 0.5 0.2 0.2\n", encoding="utf-8")
    stored = Image.new("RGB", (1200, 1600), (30, 40, 30))
    stored.paste((255, 255, 255), (320, 420, 1100, 1000))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 5, "a camera"
    stored.save(root / "images" / "a.jpg", exif=exif.tobytes())
    card = CardBuilder(tmp_path / "site", [0], [])(task(root, "a.jpg"))
    assert card.after is not None
    assert card.after.path == "pictures/0000/07-after.jpg"
    with Image.open(tmp_path / "site" / "pictures" / "0000" / "07-after.jpg") as view:
        assert view.size == (VIEW, 768)
        assert not view.getexif()
        assert np.abs(np.array(bright_box(np.asarray(view))) - np.array(BOX) * VIEW / 1600).max() <= 1.0
    with Image.open(tmp_path / "site" / "pictures" / "0000" / "07-thumb.jpg") as thumb:
        assert thumb.size == (THUMB, 240)
        assert "exif" not in thumb.info


def test_a_picture_that_cannot_be_read_is_a_note_and_not_the_end(photos: Path, tmp_path: Path) -> None:
    made = task(photos, "png-6.png")
    assert made.after is not None
    path = made.after.path
    whole = path.read_bytes()
    path.write_bytes(whole[:200])
    try:
        card = CardBuilder(tmp_path, [0], [])(made)
        known = RecordedFinding("fault", "image-unreadable", "said by the run")
        again = CardBuilder(tmp_path, [0], [])(Task(7, ReviewEntry(0, None, None, (known,)), made.after, None))
    finally:
        path.write_bytes(whole)
    assert [note.code for note in card.notes] == ["image-unreadable"]
    assert (card.thumb, card.after and card.after.path) == (False, None)
    assert again.notes == (known,)
    assert card.row()["after"]["size"] == [92, 70]


def test_the_facts_are_those_of_the_file_where_no_run_tells_them(photos: Path, tmp_path: Path) -> None:
    card = CardBuilder(tmp_path, [0], [])(task(photos, "webp-8.webp"))
    assert (card.split, card.name, card.orientation, card.frame) == ("train", "webp-8.webp", 8, "displayed")
    assert card.row()["before"] is None


def test_pictures_lie_in_folders_of_a_hundred() -> None:
    assert card_path(0) == "pictures/0000/00"
    assert card_path(12_345) == "pictures/0123/45"


def test_the_thumbnail_is_of_the_source_where_nothing_was_written(photos: Path, tmp_path: Path) -> None:
    made = task(photos, "jpg-1.jpg")
    card = CardBuilder(tmp_path, [], [3])(Task(101, ReviewEntry(None, 0, None), None, made.after))
    assert card.after is None
    assert card.side is card.before
    assert card.before is not None
    assert card.before.shown.labels == (3,)
    with Image.open(BytesIO((tmp_path / "pictures" / "0001" / "01-thumb.jpg").read_bytes())) as thumb:
        assert thumb.size == (92, 70)
