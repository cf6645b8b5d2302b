"""Mask PNGs: objects and regions are read off values, and what is drawn is read back."""

from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePosixPath
from shutil import copytree
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import bboxprep
from bboxprep import formats
from bboxprep.errors import AnnotationError, LayoutError
from bboxprep.findings import Finding
from bboxprep.formats.api import NoOptions, TextReadOptions
from bboxprep.formats.masks import FORMAT
from bboxprep.geometry.affine import Size
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle
from bboxprep.model.sample import Sample

DATA = Path(__file__).parents[3].parent / "shared/data/formats/maskpng/examples/instance_segmentation/data_dataset_voc"
SIZE = Size(8, 6)
VALUES = np.zeros((6, 8), dtype=np.uint8)
VALUES[1:4, 1:3], VALUES[1:3, 4:7], VALUES[5, 5] = 1, 2, 255
KINDS = np.where(VALUES == 2, 3, VALUES)  # object 1 is of class 1, object 2 of class 3
KINDS[1, 1] = 3  # one pixel of another class does not matter


def read(root: Path) -> Dataset:
    return FORMAT.read(root, lambda _path, _declared=None: Header(SIZE), TextReadOptions())


def files(
    root: Path,
    classes: NDArray[Any] | Image.Image | None = KINDS,
    objects: NDArray[Any] | None = VALUES,
    names: str = "_background_\ncat\ndog\nsky\n",
    table: str = "",
) -> Dataset:
    """The dataset of the image a.jpg with these masks."""
    (root / "images").mkdir(parents=True)
    (root / "images/a.jpg").write_bytes(b"")
    for folder, values in (("SegmentationClass", classes), ("SegmentationObject", objects)):
        if values is not None:
            (root / folder).mkdir()
            picture = values if isinstance(values, Image.Image) else Image.fromarray(values)
            picture.save(root / folder / "a.png")
    (root / "class_names.txt").write_text(names)
    if table:
        (root / "objects.tsv").write_text(table)
    return read(root)


def codes(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.code for finding in findings]


def named(dataset: Dataset) -> list[tuple[str, list[float]]]:
    (sample,) = dataset
    boxes: list[list[float]] = sample.boxes.tolist()
    return [(dataset.classes[label], box) for label, box in zip(sample.labels.tolist(), boxes, strict=True)]


def test_a_value_is_an_object_of_the_class_that_most_of_its_pixels_have(tmp_path: Path) -> None:
    dataset = files(tmp_path)
    assert dataset.classes == ("cat", "dog", "sky")
    assert named(dataset) == [("cat", [1, 1, 3, 4]), ("sky", [4, 1, 7, 3])]
    (sample,) = dataset
    assert [mask is not None and mask.area for mask in sample.instances.masks] == [6, 6]
    assert (sample.declared, sample.findings, dataset.findings) == (SIZE, (), ())


def test_without_a_mask_of_objects_a_class_is_one_region(tmp_path: Path) -> None:
    kinds = np.where(VALUES == 2, 1, VALUES)
    assert named(files(tmp_path, kinds, None)) == [("cat", [1, 1, 7, 4])]


def test_index_0_is_a_class_where_the_list_does_not_begin_with_the_background(tmp_path: Path) -> None:
    kinds = np.where(VALUES == 255, 255, VALUES // 2).astype(np.uint8)
    assert named(files(tmp_path, kinds, None, "road\ncar\n")) == [("road", [0, 0, 8, 6]), ("car", [4, 1, 7, 3])]


@pytest.mark.parametrize("mode", ["P", "I;16"])
def test_palettes_and_numbers_of_16_bits_are_read_as_they_are(tmp_path: Path, mode: str) -> None:
    if mode == "P":
        picture = Image.fromarray(KINDS).convert("P")
        picture.putpalette([200, 10, 30] * 256)
        assert named(files(tmp_path, picture))[0] == ("cat", [1, 1, 3, 4])
        return
    wide = np.where(VALUES == 2, 300, np.where(VALUES == 255, 0, VALUES)).astype(np.uint16)
    assert named(files(tmp_path, objects=wide)) == [("cat", [1, 1, 3, 4]), ("sky", [4, 1, 7, 3])]


def test_a_class_that_the_list_does_not_name_is_told(tmp_path: Path) -> None:
    (sample,) = files(tmp_path, names="_background_\ncat\n")
    assert (len(sample.instances), sample.source_count, codes(sample.findings)) == (1, 2, ["category-unknown"])


def test_a_mask_in_colors_is_a_fault(tmp_path: Path) -> None:
    (sample,) = files(tmp_path, Image.fromarray(KINDS).convert("RGB"), None)
    assert (sample.labelled, codes(sample.findings)) == (False, ["record-unreadable"])


def test_an_image_without_a_mask_is_unlabelled_and_a_mask_without_an_image_is_told(tmp_path: Path) -> None:
    files(tmp_path)
    (tmp_path / "images/b.jpg").write_bytes(b"")
    (tmp_path / "SegmentationClass/c.png").write_bytes(b"")
    dataset = read(tmp_path)
    assert [sample.labelled for sample in dataset] == [True, False]
    assert (codes(dataset.findings), dataset.findings[0].path) == (["label-orphan"], "SegmentationClass/c.png")


def test_the_table_states_exact_boxes_unless_pixels_lie_outside(tmp_path: Path) -> None:
    head, box = "image\tobject\tclass\tx0\ty0\tx1\ty1\n", "images/a.jpg\t{}\tdog\t{}\t0.5\t{}\t4\n"
    dataset = files(tmp_path, table=head + box.format(1, 0.25, 3.5) + box.format(2, 0, 4))
    assert named(dataset) == [("dog", [0.25, 0.5, 3.5, 4]), ("dog", [4, 1, 7, 3])]
    assert codes(dataset[0].findings) == ["record-repaired"]
    with pytest.raises(AnnotationError, match=r"objects\.tsv: line 1: want the columns image, object, class"):
        files(tmp_path / "other", table="image\n")


def test_masks_beside_labels_of_another_kind_are_not_of_this_format(tmp_path: Path) -> None:
    files(tmp_path)
    assert [*formats.sniffed(tmp_path)] == ["masks"]
    (tmp_path / "Annotations").mkdir()
    assert [*formats.sniffed(tmp_path, "masks")] == []
    (tmp_path / "class_names.txt").unlink()
    with pytest.raises(LayoutError, match="no list of classes here"):
        read(tmp_path)


def written(root: Path, objects: Instances, names: tuple[str, ...] = ("cat", "dog")) -> tuple[Sample, list[Finding]]:
    """What is read of what is written of an image with these `objects`, and the findings of the writer."""
    sample = Sample(PurePosixPath("deep/a.jpg"), Path("a.jpg"), Header(SIZE), objects)
    dataset = Dataset(root, "masks", Categories.from_names(names), [sample], splits=("val",))
    writer = FORMAT.write(root, dataset, NoOptions())
    image, *_ = writer.paths("val", "deep/a.jpg")
    (labels,) = writer.encode(Batch.of([sample]), [image])
    for path, data in (*labels.files, (image, b"")):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    writer.collect(labels.entry)
    writer.close()
    (found,) = read(root)
    assert (found.key, found.label_digest) == (("val", "deep/a.jpg"), labels.digest)
    return found, list(labels.findings)


def test_masks_that_do_not_overlap_come_back_as_they_were(tmp_path: Path) -> None:
    masks = [Rle.from_mask(np.asarray(np.equal(VALUES, number), dtype=np.bool_)) for number in (1, 2)]
    objects = Instances.of([mask.bounds for mask in masks], [1, 0], masks=masks)
    found, findings = written(tmp_path, objects)
    assert found.instances == objects
    assert not findings
    with Image.open(tmp_path / "SegmentationClass/val/deep/a.png") as picture:
        assert picture.mode == "P"
        assert Counter(np.asarray(picture).ravel().tolist()) == {0: 36, 2: 6, 1: 6}


def test_more_objects_or_classes_than_8_bits_have_take_16(tmp_path: Path) -> None:
    names = tuple(f"class {number}" for number in range(300))
    found, _ = written(tmp_path, Instances.of([(1, 1, 3, 4), (4, 1, 7, 3)], [299, 0]), names)
    assert found.labels.tolist() == [299, 0]
    assert np.asarray(Image.open(tmp_path / "SegmentationClass/val/deep/a.png")).max() == 300


@pytest.mark.skipif(not DATA.is_dir(), reason="the real files are not here")
def test_real_files_have_the_objects_that_they_are_known_to_have(tmp_path: Path) -> None:
    for folder in ("SegmentationClass", "SegmentationObject"):
        copytree(DATA / folder, tmp_path / folder)
    (tmp_path / "class_names.txt").write_bytes((DATA / "class_names.txt").read_bytes())
    for path in sorted((DATA / "SegmentationObject").iterdir()):
        (tmp_path / "JPEGImages").mkdir(exist_ok=True)
        with Image.open(path) as mask:
            Image.new("RGB", mask.size).save(tmp_path / "JPEGImages" / f"{path.stem}.jpg")
    dataset = bboxprep.read(tmp_path)
    kinds = [Counter(sample.labels.tolist()) for sample in dataset]
    assert [len(sample.instances) for sample in dataset] == [3, 6, 3]
    assert [{label + 1 for label in kind} for kind in kinds] == [{5, 15}, {9, 15, 18}, {6, 7}]
    assert not [finding for sample in dataset for finding in sample.findings]
