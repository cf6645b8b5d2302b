"""A dataset that nobody here has written, judged by itself; each flaw planted in the fixtures is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bboxprep.pipeline.source.inspect import inspect
from bboxprep.pipeline.source.open import open_source
from bboxprep.verification.verify import verify
from tests.verification.outputs import FIXTURES, codes, copied, image_at, photos, redraw, told

VICTIM = "IMG_2006.jpg"


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    return copied(photos("coco"), tmp_path / "coco")


def edit(root: Path, image: str, **fields: Any) -> None:
    """Change fields of the first object of `image`."""
    path = root / "annotations" / "instances_train.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    number = next(row["id"] for row in document["images"] if row["file_name"] == image)
    next(row for row in document["annotations"] if row["image_id"] == number).update(fields)
    path.write_text(json.dumps(document), encoding="utf-8")


@pytest.mark.parametrize("name", ["phone-photos-coco", "phone-photos-yolo", "phone-photos-voc", "stored-frame-yolo"])
def test_the_fixtures_are_consistent(name: str) -> None:
    proof = verify(FIXTURES / name)
    assert proof.holds, told(proof)
    assert proof.against is None
    assert [tally.unsure for tally in proof.tallies] == [0, 0]
    assert all(tally.checked for tally in proof.tallies)


def test_a_tag_that_was_lost_is_named_with_the_turns_it_may_have_been(coco: Path) -> None:
    redraw(image_at(coco, VICTIM), lambda picture: picture)
    fault = next(fault for fault in verify(coco).faults if fault.code == "size-transposed")
    assert Path(fault.image).name == VICTIM
    assert "the labels say 1200x1600, the image is 1600x1200" in fault.message
    assert "orientation 6 or 8" in fault.message


def test_a_size_that_contradicts_is_named(coco: Path) -> None:
    redraw(image_at(coco, "IMG_2001.jpg"), lambda picture: picture.resize((300, 200)))
    assert "size-contradicts" in codes(verify(coco), "IMG_2001.jpg")


def test_a_tag_that_decoders_read_differently_is_named(coco: Path) -> None:
    path = image_at(coco, "IMG_2001.jpg")
    packet = b'http://ns.adobe.com/xap/1.0/\0<rdf:Description tiff:Orientation="3"/>'
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xe1" + (len(packet) + 2).to_bytes(2, "big") + packet + data[2:])
    proof = verify(coco)
    assert proof.holds
    assert "orientation-disputed" in {note.code for note in proof.notes}


@pytest.mark.parametrize(
    ("box", "code"),
    [([700, 400, 100, 40], "box-outside"), ([10, 10, 0, 40], "box-degenerate"), ([10, 10, -3, 40], "box-degenerate")],
)
def test_a_box_that_cannot_be_is_named(coco: Path, box: list[float], code: str) -> None:
    edit(coco, "IMG_2001.jpg", bbox=box, segmentation=[])
    proof = verify(coco)
    assert codes(proof) == {code}, told(proof)
    assert code in {finding.code for finding in inspect(open_source(coco)).findings}


def test_a_box_over_the_edge_is_a_note_as_everywhere(coco: Path) -> None:
    edit(coco, "IMG_2001.jpg", bbox=[600, 400, 100, 40], segmentation=[])
    proof, inspection = verify(coco), inspect(open_source(coco))
    assert proof.holds
    assert "box-clipped" in {note.code for note in proof.notes}
    assert {note.code for note in proof.notes} == {finding.code for finding in inspection.findings}


def test_a_box_that_is_not_its_polygons_is_named(coco: Path) -> None:
    edit(coco, "IMG_2001.jpg", bbox=[10, 10, 100, 100], segmentation=[[10, 10, 110, 10, 110, 90, 10, 90]])
    fault = next(fault for fault in verify(coco).faults if fault.code == "box-off-outline")
    assert "0.80" in fault.message
    edit(coco, "IMG_2001.jpg", bbox=[10, 10, 100, 100], segmentation=[[10, 10, 110, 10, 110, 105, 10, 105]])
    assert verify(coco).holds


@pytest.mark.parametrize("format", ["coco", "yolo"])
def test_an_object_that_stands_twice_is_named(tmp_path: Path, format: str) -> None:
    root = copied(photos(format), tmp_path / "set")
    if format == "yolo":
        label = root / "labels" / "train" / "IMG_2001.txt"
        label.write_text(
            label.read_text(encoding="utf-8").splitlines()[0] + "\n" + label.read_text(encoding="utf-8"),
            encoding="utf-8",
        )
    else:
        path = root / "annotations" / "instances_train.json"
        document = json.loads(path.read_text(encoding="utf-8"))
        document["annotations"].append(document["annotations"][0] | {"id": 99_999})
        path.write_text(json.dumps(document), encoding="utf-8")
    assert "record-duplicate" in {note.code for note in verify(root).notes}


def test_contradicting_frames_are_a_fault_and_not_the_end(coco: Path) -> None:
    path = coco / "annotations" / "instances_train.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    for row in document["images"]:
        if row["file_name"] == VICTIM:  # 1200x1600 as displayed; the declared size says stored, the box says displayed
            row.update(width=1600, height=1200)
    path.write_text(json.dumps(document), encoding="utf-8")
    edit(coco, VICTIM, bbox=[100, 1300, 100, 250], segmentation=[])
    assert "frame-contradicts" in codes(verify(coco))


def test_an_image_that_is_gone_is_named(coco: Path) -> None:
    image_at(coco, VICTIM).unlink()
    proof = verify(coco)
    assert codes(proof) == {"image-missing"}
    assert proof.tallies[0].wrong == 1


def test_a_broken_image_is_named(coco: Path) -> None:
    image_at(coco, VICTIM).write_bytes(b"not an image")
    assert "image-unreadable" in codes(verify(coco), VICTIM)
    with Image.open(image_at(coco, "IMG_2001.jpg")) as image:
        assert image.size == (640, 480)
