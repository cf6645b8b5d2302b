"""COCO panoptic: segments are read as they are drawn, and what is drawn is read back."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import bboxprep
from bboxprep import formats
from bboxprep.findings import Finding
from bboxprep.formats.api import NoOptions
from bboxprep.formats.panoptic import FORMAT, PanopticReadOptions
from bboxprep.geometry.affine import Size
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories, Category
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle
from bboxprep.model.sample import Sample

DATA = Path(__file__).parents[3].parent / "shared/data/formats/panoptic/sample_data"
SIZE = Size(8, 6)
CLASSES = [{"id": 5, "name": "cat", "isthing": 1}, {"id": 9, "name": "sky", "supercategory": "up", "isthing": 0}]
IDS = np.zeros((6, 8), dtype=np.int64)
IDS[1:4, 2:5], IDS[5, 7], IDS[0] = 70_000, 70_000, 300  # the first has two parts


def picture(ids: NDArray[np.int64], mode: str = "RGB") -> Image.Image:
    shown = np.stack([ids % 256, ids // 256 % 256, ids // 65536], axis=-1).astype(np.uint8)
    return Image.fromarray(shown).convert(mode)


def read(root: Path, **options: Any) -> Dataset:
    return FORMAT.read(root, lambda _path, _declared=None: Header(SIZE), PanopticReadOptions(**options))


def files(root: Path, *segments: dict[str, Any], png: Image.Image | None = None, **options: Any) -> Dataset:
    """The dataset of these segments of the image a.jpg, whose PNG is `png`."""
    (root / "annotations/panoptic_val").mkdir(parents=True)
    (root / "val").mkdir()
    (root / "val/a.jpg").write_bytes(b"")
    (png or picture(IDS)).save(root / "annotations/panoptic_val/a.png")
    record = {"image_id": 1, "file_name": "a.png", "segments_info": segments}
    image = {"id": 1, "file_name": "a.jpg", "width": 8, "height": 6}
    document = {"images": [image], "annotations": [record], "categories": CLASSES}
    (root / "annotations/panoptic_val.json").write_text(json.dumps(document))
    return read(root, **options)


def codes(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.code for finding in findings]


CAT, SKY = {"id": 70_000, "category_id": 5, "iscrowd": 0}, {"id": 300, "category_id": 9, "iscrowd": True}


def test_a_segment_has_the_pixels_of_its_id_and_the_box_around_them(tmp_path: Path) -> None:
    dataset = files(tmp_path, CAT, SKY)
    (sample,) = dataset
    assert (sample.key, sample.findings, dataset.findings) == (("val", "a.jpg"), (), ())
    assert sample.boxes.tolist() == [[2, 1, 8, 6], [0, 0, 8, 1]]
    assert [mask is not None and np.array_equal(mask.mask(), number == IDS) for mask, number in zip(
        sample.instances.masks, (70_000, 300), strict=True)] == [True, True]  # fmt: skip
    assert sample.instances.crowd.tolist() == [False, True]
    assert dataset.categories[1] == Category("sky", 9, "up", extra={"isthing": 0})


def test_stuff_is_left_out_where_things_alone_are_wanted(tmp_path: Path) -> None:
    dataset = files(tmp_path, CAT, SKY, things_only=True)
    (sample,) = dataset
    assert dataset.categories.names == ("cat",)
    assert (len(sample.instances), sample.source_count, codes(sample.findings)) == (1, 2, ["class-dropped"])


@pytest.mark.parametrize(
    ("box", "want", "found"),
    [
        ([1.5, 1, 6.5, 5], [1.5, 1, 8, 6], []),
        ([2, 1, 3, 3], [2, 1, 8, 6], ["record-repaired"]),
    ],
)
def test_a_stated_box_counts_unless_pixels_lie_outside(
    tmp_path: Path, box: list[float], want: list[float], found: list[str]
) -> None:
    (sample,) = files(tmp_path, CAT | {"bbox": box}, SKY)
    assert (sample.boxes[0].tolist(), codes(sample.findings)) == (want, found)


def test_a_box_with_decimals_that_is_filled_is_a_box(tmp_path: Path) -> None:
    (sample,) = files(tmp_path, CAT, SKY | {"bbox": [0, 0, 8, 1.25]})
    assert [mask is None for mask in sample.instances.masks] == [False, True]


@pytest.mark.parametrize("mode", ["P", "L"])
def test_a_png_without_ids_is_refused_and_boxes_are_kept(tmp_path: Path, mode: str) -> None:
    (sample,) = files(tmp_path, CAT | {"bbox": [2, 1, 3, 3]}, SKY, png=picture(IDS, mode))
    assert sample.boxes.tolist() == [[2, 1, 5, 4]]
    assert sample.instances.masks == (None,)
    assert sample.source_count == 2
    assert codes(sample.findings) == ["shape-unreadable", "record-unreadable"]


def test_a_png_of_another_size_gives_no_masks(tmp_path: Path) -> None:
    (sample,) = files(tmp_path, CAT | {"bbox": [2, 1, 3, 3]}, png=picture(IDS[:4]))
    assert (sample.instances.masks, codes(sample.findings)) == ((None,), ["mask-misfit"])


def test_ids_of_the_png_and_of_the_document_that_the_other_has_not_are_told(tmp_path: Path) -> None:
    lost: list[dict[str, Any]] = [CAT, {"id": 7, "category_id": 5, "bbox": [1, 1, 2, 2]}, {"id": 8, "category_id": 5}]
    (sample,) = files(tmp_path, *lost, CAT, SKY | {"category_id": 1}, {"id": 0, "category_id": 5})
    assert (len(sample.instances), sample.source_count) == (2, 6)
    assert Counter(codes(sample.findings)) == {"record-unreadable": 3, "category-unknown": 1, "mask-misfit": 1}
    (other,) = files(tmp_path / "other", CAT)
    assert [finding.message for finding in other.findings] == [
        "the PNG shows segments that are not listed (300); left out"
    ]


@pytest.mark.parametrize("name", ["../a.png", "/etc/passwd", "", "gone.png"])
def test_a_png_that_is_not_there_or_lies_elsewhere_is_not_opened(tmp_path: Path, name: str) -> None:
    files(tmp_path, CAT | {"bbox": [2, 1, 3, 3]})
    picture(IDS).save(tmp_path / "annotations/a.png")
    path = tmp_path / "annotations/panoptic_val.json"
    path.write_text(path.read_text().replace('"a.png"', json.dumps(name)))
    (sample,) = read(tmp_path)
    assert (codes(sample.findings), sample.instances.masks) == (["shape-unreadable"], (None,))


def test_documents_of_boxes_beside_are_those_of_coco(tmp_path: Path) -> None:
    files(tmp_path, CAT)
    assert [*formats.sniffed(tmp_path)] == ["panoptic"]
    assert [*formats.sniffed(tmp_path / "annotations/panoptic_val.json")] == ["panoptic"]
    document: dict[str, Any] = {"images": [], "annotations": [], "categories": []}
    (tmp_path / "annotations/instances_val.json").write_text(json.dumps(document))
    assert [*formats.sniffed(tmp_path)] == ["coco"]


def written(root: Path, *objects: Instances, classes: Categories | None = None) -> tuple[Dataset, list[Finding]]:
    """What is read of what is written of images with these `objects`, and the findings of the writer."""
    names = [f"{number}.jpg" for number in range(len(objects))]
    samples = [
        Sample(PurePosixPath(name), Path(name), Header(SIZE), own) for name, own in zip(names, objects, strict=True)
    ]
    table = classes or Categories((Category("cat"), Category("sky", extra={"isthing": 0})))
    writer = FORMAT.write(root, Dataset(root, "panoptic", table, samples, splits=("train",)), NoOptions())
    encoded = writer.encode(Batch.of(samples), [f"train/{name}" for name in names])
    for name, labels in zip(names, encoded, strict=True):
        for path, data in (*labels.files, (f"train/{name}", b"")):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
        writer.collect(labels.entry)
    writer.close()
    dataset = read(root)
    assert [sample.label_digest for sample in dataset] == [labels.digest for labels in encoded]
    return dataset, [finding for labels in encoded for finding in labels.findings]


def mask(rows: slice, columns: slice) -> Rle:
    pixels = np.zeros((SIZE.height, SIZE.width), dtype=np.bool_)
    pixels[rows, columns] = True
    pixels[5, 0] = True
    return Rle.from_mask(pixels)


def test_masks_that_do_not_overlap_come_back_as_they_were(tmp_path: Path) -> None:
    ring = mask(slice(1, 3), slice(2, 6))
    objects = Instances.of([ring.bounds], [0], masks=[ring], crowd=[True])
    dataset, findings = written(tmp_path, objects, Instances.of())
    assert [len(sample.instances) for sample in dataset] == [1, 0]
    assert dataset[0].instances == objects
    assert not findings
    assert "isthing" in dataset.categories[0].extra


def test_of_objects_that_overlap_the_smaller_lies_above_and_hidden_pixels_are_told(tmp_path: Path) -> None:
    boxes = [(0, 0, 8, 6), (0.25, 0, 8, 3), (1, 1, 3, 3), (1, 1, 3, 3)]
    dataset, findings = written(tmp_path, Instances.of(boxes, [0, 1, 0, 0]))
    (sample,) = dataset
    assert sample.boxes.tolist() == [list(box) for box in boxes]
    areas = [0 if own is None else own.area for own in sample.instances.masks]
    assert areas == [43, 1, 1, 3]  # stuff lies below things, however small
    assert [finding.message for finding in findings] == [
        "4 of 4 objects have no mask; what they have is drawn in whole pixels",
        "objects overlap: 32 pixels of 4 of them lie under others; 2 would have none left and keep one",
    ]


def test_ids_are_those_of_the_pixels(tmp_path: Path) -> None:
    written(tmp_path, Instances.of([(0, 0, 2, 2), (4, 4, 8, 6)], [0, 1]))
    (record,) = json.loads((tmp_path / "annotations/panoptic_train.json").read_bytes())["annotations"]
    pixels = np.asarray(Image.open(io.BytesIO((tmp_path / "annotations/panoptic_train/0.png").read_bytes())))
    ids = pixels.astype(np.int64) @ (1, 256, 65536)
    for segment in record["segments_info"]:
        x, y, wide, high = segment["bbox"]
        assert (ids[y : y + high, x : x + wide] == segment["id"]).all()
        assert (ids == segment["id"]).sum() == segment["area"]


@pytest.mark.skipif(not DATA.is_dir(), reason="the real files are not here")
def test_real_files_have_the_segments_that_they_are_known_to_have() -> None:
    dataset = bboxprep.read(DATA / "panoptic_examples.json")
    assert (len(dataset.categories), [len(sample.instances) for sample in dataset]) == (133, [18, 32])
    document = json.loads((DATA / "panoptic_examples.json").read_bytes())
    names = {row["id"]: row["name"] for row in document["categories"]}
    for sample, record in zip(dataset, document["annotations"], strict=True):
        assert not sample.findings
        for one, segment in zip(sample.objects, record["segments_info"], strict=True):
            x, y, wide, high = segment["bbox"]
            assert one.mask is not None
            assert (one.class_name, one.mask.area) == (names[segment["category_id"]], segment["area"])
            assert one.mask.bounds.tolist() == one.box.tolist() == [x, y, x + wide, y + high]
    assert sum(int(sample.instances.crowd.sum()) for sample in dataset) == 3
