"""The PNGs of MOTS: values of pixels, the images beside them, lists of classes, and real files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import bboxprep
from bboxprep.errors import LayoutError
from bboxprep.io.png import write_png

DATA = Path(__file__).parents[3].parent / "shared" / "data"
SIZE = (40, 30)


def grown(root: Path, frames: Sequence[str], values: Sequence[int] = (2005,), bits: int = 16) -> Path:
    """Images and PNGs in the folder `root`, called by `frames`; each PNG has squares of these `values`."""
    pixels = np.zeros(SIZE[::-1], dtype=np.uint16 if bits == 16 else np.uint8)
    for row, value in enumerate(values):
        pixels[3 : 3 + 4, 1 + 5 * row : 5 + 5 * row] = value
    for frame in frames:
        image, png = root / f"images/{frame}.jpg", root / f"instances/{frame}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        png.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", SIZE, (40, 90, 120)).save(image)
        png.write_bytes(write_png(pixels))
    return root


def test_a_value_is_an_object_with_its_class_its_track_and_its_mask(tmp_path: Path) -> None:
    grown(tmp_path / "train", ("0002/000001", "0002/000002"), (1001, 2005, 10000))
    grown(tmp_path / "val", ("0006/000001",))
    dataset = bboxprep.read(tmp_path)
    assert (dataset.format, dataset.splits, dataset.findings) == ("mot", ("train", "val"), ())
    assert dataset.classes == ("car", "pedestrian", "ignore")
    assert [str(sample.name) for sample in dataset] == ["0002/000001.jpg", "0002/000002.jpg", "0006/000001.jpg"]
    objects = dataset[0].instances
    assert objects.labels.tolist() == [0, 1, 2]
    assert (objects.tracks.tolist(), objects.crowd.tolist()) == ([1001, 2005, 10000], [False, False, True])
    assert objects.boxes.tolist() == [[1, 3, 5, 7], [6, 3, 10, 7], [11, 3, 15, 7]]
    assert [mask.area for mask in objects.masks if mask] == [16, 16, 16]


def test_they_keep_their_masks_and_tracks_in_coco(tmp_path: Path) -> None:
    source = grown(tmp_path / "set/train", ("a",), (1001, 2005)).parent
    bboxprep.convert(source, tmp_path / "out", "coco")
    (before,), (after,) = bboxprep.read(source), bboxprep.read(tmp_path / "out")
    assert after.instances.masks == before.instances.masks
    assert after.instances.tracks.tolist() == [1001, 2005]
    assert bboxprep.verify(tmp_path / "out", source).holds


def test_a_list_of_classes_numbers_them_from_one_and_other_values_are_counted(tmp_path: Path) -> None:
    grown(tmp_path, ("a",), (7, 2001, 3001))
    (tmp_path / "instances/labels.txt").write_text("cat\ndog\n")
    (sample,) = dataset = bboxprep.read(tmp_path)
    assert (dataset.classes, sample.class_names, sample.source_count) == (("cat", "dog"), ("dog",), 3)
    told = [(one.code, one.where, one.path) for one in sample.findings]
    assert told == [("category-unknown", f"value {value}", "instances/a.png") for value in (7, 3001)]


def test_what_has_no_partner_and_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    grown(tmp_path, ("a", "b", "c", "d"))
    (tmp_path / "images/a.jpg").unlink()
    (tmp_path / "instances/b.png").unlink()
    Image.new("RGB", SIZE).save(tmp_path / "instances/c.png")
    dataset = bboxprep.read(tmp_path)
    assert [(one.code, one.path) for one in dataset.findings] == [("label-orphan", "instances/a.png")]
    told = {str(one.name): [(found.code, found.path) for found in one.findings] for one in dataset}
    assert told == {
        "b.jpg": [("image-unlabelled", "images/b.jpg")],
        "c.jpg": [("record-unreadable", "instances/c.png")],
        "d.jpg": [],
    }
    assert [sample.labelled for sample in dataset] == [False, False, True]


def test_a_list_of_classes_above_them_or_eight_bits_are_of_masks(tmp_path: Path) -> None:
    grown(tmp_path / "masks", ("a",), (1,))
    (tmp_path / "masks/labels.txt").write_text("cat\n")
    assert bboxprep.read(tmp_path / "masks").format == "masks"
    with pytest.raises(LayoutError):
        bboxprep.read(grown(tmp_path / "small", ("a",), (1,), bits=8), "mot")


def test_real_files_have_the_counts_that_are_known() -> None:
    root = DATA / "formats/mot/tests/assets/mots_dataset"
    if not root.exists():
        pytest.skip("formats/mot is not here")
    dataset = bboxprep.read(root)
    assert (dataset.format, dataset.classes, dataset.splits) == ("mot", tuple("abcd"), ("train", "val"))
    tracks = [sample.instances.tracks.tolist() for sample in dataset]
    assert tracks == [[3002, 4001, 4003], [4002], [1001]]
