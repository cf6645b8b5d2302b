"""A picture's container is told from its bytes: an output has a true suffix, its labels name it, and all is listed."""

from __future__ import annotations

import json
import sys
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from bboxprep.pipeline.run_options import Outcome, RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.geometric import Letterbox
from bboxprep.recipe.recipe import Recipe
from bboxprep.testing.painting import displayed
from tests.conformance.examples import WRITTEN
from tests.images.iso_files import Kind, iso_file
from tests.images.specimens import card, saved
from tests.painted import written

RECIPES = {"plain": Recipe(), "letterbox": Recipe(Letterbox(96))}
SIZE, BOX = (64, 40), (0.0, 0.0, 32.0, 13.0)  # of the card, and of its red patch
CODES = {"image-refused", "image-unreadable", "name-changed", "orientation-disputed", "size-contradicts"}


def source(root: Path, files: dict[str, tuple[bytes, tuple[float, float, float, float]]]) -> Path:
    """A YOLO dataset of image files, each with its one box in fractions of the displayed picture."""
    for name, (data, (x0, y0, x1, y1)) in files.items():
        path = root / "images" / "train" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        row = root / "labels" / "train" / Path(name).with_suffix(".txt")
        row.parent.mkdir(parents=True, exist_ok=True)
        row.write_text(f"0 {(x0 + x1) / 2} {(y0 + y1) / 2} {x1 - x0} {y1 - y0}\n", encoding="utf-8")
    (root / "data.yaml").write_text("train: images/train\nnames: [patch]\n", encoding="utf-8")
    return root


def run(root: Path, out: Path, format: str, recipe: str) -> tuple[Outcome, dict[str, str]]:
    """The outcome, and by the name of each image the code of the finding about its container."""
    outcome = convert_source(open_source(root), out, format, RECIPES[recipe], run_options=RunOptions())
    return outcome, {f.path.split("/")[-1]: f.code for f in outcome.account.findings if f.code in CODES}


def red_box(data: bytes) -> tuple[float, float, float, float]:
    """The edges of the red patch of a picture."""
    pixels = displayed(data).astype(int)
    rows, columns = np.nonzero((pixels[..., 0] > 160) & (pixels[..., 1] < 60))
    return float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1)


FRACTIONS = (BOX[0] / SIZE[0], BOX[1] / SIZE[1], BOX[2] / SIZE[0], BOX[3] / SIZE[1])


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("format", WRITTEN)
def test_a_name_that_lies_is_changed_in_the_file_the_labels_and_the_list(
    tmp_path: Path, format: str, recipe: str
) -> None:
    true = {"WEBP": ".webp", "PNG": ".png", "BMP": ".bmp", "TIFF": ".tif", "JPEG": ".jpg"}
    lies = {f"{form}{'.png' if form == 'JPEG' else '.jpg'}": form for form in true}
    root = source(tmp_path / "in", {name: (saved(form, card()), FRACTIONS) for name, form in lies.items()})
    _, found = run(root, tmp_path / "out", format, recipe)
    assert found == dict.fromkeys(lies, "name-changed")
    images = written(tmp_path / "out", format)
    for paths in ([image.name for image in images], [image.place for image in images]):
        assert {
            PurePosixPath(image.name).stem: Path(path).suffix for image, path in zip(images, paths, strict=True)
        } == true
    for image in images:
        with Image.open(BytesIO(image.data)) as opened:
            assert opened.format == PurePosixPath(image.name).stem
        assert np.abs(np.subtract(image.boxes[0], red_box(image.data))).max() <= 1.0
    rows = (tmp_path / "out" / "bboxprep.images.jsonl").read_text(encoding="utf-8").splitlines()
    assert {row["output"] for row in map(json.loads, rows)} == {image.place for image in images}


SKIPPED_BY_TRAINERS = {"a.jfif": "JPEG", "b.jpe": "JPEG", "c.gif": "GIF", "d.jpg": "GIF"}


@pytest.mark.parametrize("format", WRITTEN)
def test_what_trainers_skip_is_written_as_they_read_it(tmp_path: Path, format: str) -> None:
    files = {name: (saved(form, card()), FRACTIONS) for name, form in SKIPPED_BY_TRAINERS.items()}
    _, found = run(source(tmp_path / "in", files), tmp_path / "out", format, "plain")
    assert found == dict.fromkeys(SKIPPED_BY_TRAINERS, "name-changed")
    images = written(tmp_path / "out", format)
    assert {image.name for image in images} == {"a.jpg", "b.jpg", "c.png", "d.png"}
    for image in images:
        assert PurePosixPath(image.place).suffix == PurePosixPath(image.name).suffix
        with Image.open(BytesIO(image.data)) as opened:
            assert opened.format == {".jpg": "JPEG", ".png": "PNG"}[PurePosixPath(image.name).suffix]
        assert np.abs(np.subtract(image.boxes[0], red_box(image.data))).max() <= 1.0


def test_a_gif_of_several_pictures_is_skipped_and_told(tmp_path: Path) -> None:
    more = [Image.new("RGB", SIZE)]
    moving = saved("GIF", Image.fromarray(card()), save_all=True, append_images=more)
    files = {"moving.gif": (moving, FRACTIONS), "still.gif": (saved("GIF", card()), FRACTIONS)}
    outcome, found = run(source(tmp_path / "in", files), tmp_path / "out", "yolo", "plain")
    assert found == {"moving.gif": "image-refused", "still.gif": "name-changed"}
    (refused,) = (one for one in outcome.account.findings if one.code == "image-refused")
    assert "frames='first'" in refused.message
    assert [image.name for image in written(tmp_path / "out", "yolo")] == ["still.png"]


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("format", WRITTEN)
def test_the_further_pictures_of_a_camera_do_no_harm(tmp_path: Path, format: str, recipe: str) -> None:
    pictures = [Image.fromarray(card()), Image.new("RGB", (16, 10))]
    exif = Image.Exif()
    exif[274] = 1
    data = saved("MPO", pictures[0], save_all=True, append_images=pictures[1:], exif=exif, quality=95)
    with Image.open(BytesIO(data)) as opened:
        assert (opened.format, getattr(opened, "n_frames", 1)) == ("MPO", 2)
    root = source(tmp_path / "in", {"a.jpg": (data, FRACTIONS), "b.mpo": (data, FRACTIONS)})
    outcome, found = run(root, tmp_path / "out", format, recipe)
    assert (outcome.account.images_out["train"], found) == (2, {})
    for image in written(tmp_path / "out", format):
        assert np.abs(np.subtract(image.boxes[0], red_box(image.data))).max() <= 1.0
        assert (image.data == data) == (recipe == "plain")


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("format", WRITTEN)
def test_avif_and_heic_become_upright_jpegs_with_their_boxes(tmp_path: Path, format: str, recipe: str) -> None:
    files = {}
    for kind in get_args(Kind):
        for own in range(1, 9):
            files[f"{kind}-{own}.{kind}"] = (iso_file(kind, own, 3), turned_fractions(own))
    root = source(tmp_path / "in", files)
    outcome, found = run(root, tmp_path / "out", format, recipe)
    assert outcome.account.faults == 0
    assert found == dict.fromkeys(files, "name-changed")
    images = written(tmp_path / "out", format)
    assert {image.name for image in images} == {f"{Path(name).stem}.jpg" for name in files}
    for image in images:
        with Image.open(BytesIO(image.data)) as opened:
            assert (opened.format, opened.getexif().get(274, 1)) == ("JPEG", 1)
        assert np.abs(np.subtract(image.boxes[0], red_box(image.data))).max() <= 1.0, image.place


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("format", WRITTEN)
def test_pictures_that_trainers_do_not_read_become_pngs_with_their_boxes(
    tmp_path: Path, format: str, recipe: str
) -> None:
    forms = {"a.ppm": "PPM", "b.tga": "TGA", "c.jp2": "JPEG2000", "d.J2K": "JPEG2000", "e.pnm": "PPM"}
    root = source(tmp_path / "in", {name: (saved(form, card()), FRACTIONS) for name, form in forms.items()})
    outcome, found = run(root, tmp_path / "out", format, recipe)
    assert outcome.account.faults == 0
    assert found == dict.fromkeys(forms, "name-changed")
    images = written(tmp_path / "out", format)
    assert {image.name for image in images} == {f"{Path(name).stem}.png" for name in forms}
    for image in images:
        assert image.data.startswith(b"\x89PNG")
        assert np.abs(np.subtract(image.boxes[0], red_box(image.data))).max() <= 1.0, image.place


def test_a_picture_of_a_kind_that_is_not_read_is_named_with_its_objects(tmp_path: Path) -> None:
    files = {"a.jxl": (b"\xff\x0a" + bytes(40), FRACTIONS), "b.png": (saved("PNG", card()), FRACTIONS)}
    outcome, found = run(source(tmp_path / "in", files), tmp_path / "out", "coco", "plain")
    assert found == {"a.jxl": "image-unreadable"}
    assert "is JPEG XL, which is not read" in next(f.message for f in outcome.account.findings if f.code in CODES)
    assert outcome.account.source_count["train"] == 2


def turned_fractions(own: int) -> tuple[float, float, float, float]:
    """The red patch, which touches the top left corner as coded, as `own` displays it."""
    _, _, across, down = FRACTIONS
    swapped = own >= 5
    wide, high = (down, across) if swapped else (across, down)
    right, low = own in {2, 3, 6, 7}, own in {3, 4, 7, 8}
    x, y = (1 - wide if right else 0.0), (1 - high if low else 0.0)
    return x, y, x + wide, y + high


def test_a_heic_beside_a_jpeg_of_its_name_gets_a_name_of_its_own(tmp_path: Path) -> None:
    root = tmp_path / "in"
    (root / "train").mkdir(parents=True)
    document = {
        "images": [
            {"id": 1, "file_name": "a.heic", "width": 64, "height": 40},
            {"id": 2, "file_name": "a.jpg", "width": 64, "height": 40},
        ],
        "annotations": [{"id": n, "image_id": n, "category_id": 1, "bbox": [0, 0, 32, 13]} for n in (1, 2)],
        "categories": [{"id": 1, "name": "patch"}],
    }
    (root / "train" / "a.heic").write_bytes(iso_file("heic", 1))
    (root / "train" / "a.jpg").write_bytes(saved("JPEG", card(), quality=95))
    (root / "annotations").mkdir()
    (root / "annotations" / "instances_train.json").write_text(json.dumps(document), encoding="utf-8")
    run(root, tmp_path / "out", "coco", "plain")
    names = [image.name for image in written(tmp_path / "out", "coco")]
    assert sorted(names) == ["a-2.jpg", "a.jpg"]


def test_without_the_extra_a_heic_is_left_out_with_its_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"a.heic": (iso_file("heic", 6), FRACTIONS), "b.jpg": (saved("JPEG", card()), FRACTIONS)}
    root = source(tmp_path / "in", files)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    outcome, found = run(root, tmp_path / "out", "yolo", "plain")
    assert found == {"a.heic": "image-refused"}
    (refusal,) = [finding for finding in outcome.account.findings if finding.code == "image-refused"]
    assert str(refusal).endswith("is a HEIC, which takes one more library (pip install 'bboxprep[heif]')")
    assert outcome.account.rows()[0].dropped == {"image-skipped": 1}
    assert [image.name for image in written(tmp_path / "out", "yolo")] == ["b.jpg"]
