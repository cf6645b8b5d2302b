"""Looking at a source, and changing nothing but its labels, reads headers only: no pixel is ever decoded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image, ImageFile

from bboxprep.images import pillow
from bboxprep.images.codecs import codec
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source.inspect import inspect
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.geometric import Letterbox
from bboxprep.recipe.recipe import Recipe
from tests.conformance.examples import WRITTEN
from tests.images.specimens import card, oriented_file, saved

FIXTURES = Path(__file__).parents[2] / "fixtures"
SOURCES = ("phone-photos-coco", "phone-photos-voc", "phone-photos-yolo", "stored-frame-yolo")


class DecodedError(Exception):
    """None of the faults that are expected of a decoder, so that nobody takes it for a broken file."""


def refuse(*_: object, **__: object) -> None:
    raise DecodedError


@pytest.fixture
def no_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes whatever decodes an image raise."""
    monkeypatch.setattr(codec, "decode", refuse)
    for reader in {ImageFile.ImageFile, Image.Image, *map(pillow.file_class, pillow.PLUGINS)}:
        if "load" in vars(reader):
            monkeypatch.setattr(reader, "load", refuse)


@pytest.mark.usefixtures("no_decoder")
@pytest.mark.parametrize("target", WRITTEN)
@pytest.mark.parametrize("name", SOURCES)
def test_labels_are_converted_without_a_pixel(tmp_path: Path, name: str, target: str) -> None:
    source = open_source(FIXTURES / name)
    assert sum(inspect(source).images.values()) == len(source.dataset)
    convert_source(source, tmp_path / "stored", target, Recipe(upright=False), run_options=RunOptions(workers=2))
    upright = open_source(tmp_path / "stored")
    assert all(sample.header and sample.header.orientation == 1 for sample in upright.dataset)
    outcome = convert_source(upright, tmp_path / "out", target, Recipe(), run_options=RunOptions(workers=2))
    assert sum(outcome.account.images_out.values()) == len(source.dataset)


@pytest.mark.usefixtures("no_decoder")
def test_the_guard_catches_a_step_that_needs_pixels(tmp_path: Path) -> None:
    with pytest.raises(DecodedError):
        convert_source(
            open_source(FIXTURES / SOURCES[0]),
            tmp_path / "out",
            "yolo",
            Recipe(Letterbox(64)),
            run_options=RunOptions(),
        )


PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
BMP = saved("BMP", card())
HEADERS = {  # the bytes behind which the pixels begin, how many more of them a header is read with, and the end
    "a.jpg": (oriented_file("jpeg", 1), b"\xff\xda", 14, b"\xff\xd9"),
    "b.jpg": (oriented_file("jpeg", 6), b"\xff\xda", 14, b"\xff\xd9"),
    "c.png": (saved("PNG", card()), b"IDAT", 4, PNG_END),
    "d.bmp": (BMP[:2] + (54).to_bytes(4, "little") + BMP[6:], b"BM", 54, b""),
}


@pytest.mark.parametrize("target", WRITTEN)
def test_files_of_a_header_and_an_end_are_enough(tmp_path: Path, target: str) -> None:
    folder, records, images = tmp_path / "in" / "train", [], []
    folder.mkdir(parents=True)
    for number, (name, (data, mark, more, end)) in enumerate(HEADERS.items(), 1):
        (folder / name).write_bytes(data[: data.index(mark) + more] + end)
        images.append({"id": number, "file_name": name, "width": 64, "height": 40})
        records.append({"id": number, "image_id": number, "category_id": 1, "bbox": [1, 2, 30, 20]})
    (tmp_path / "in" / "annotations").mkdir()
    document = {"images": images, "annotations": records, "categories": [{"id": 1, "name": "patch"}]}
    (tmp_path / "in" / "annotations" / "instances_train.json").write_text(json.dumps(document), encoding="utf-8")
    source = open_source(tmp_path / "in", labels_in="stored")
    inspection = inspect(source)
    assert inspection.sizes == ((40, 64), (64, 40), (64, 40), (64, 40))
    assert inspection.findings == ()
    outcome = convert_source(source, tmp_path / "out", target, Recipe(upright=False), run_options=RunOptions())
    assert outcome.account.faults == 0
    assert sum(outcome.account.objects_out.values()) == len(HEADERS)
