"""Open Images: rows are read as they are stated, in all their dialects, and what is written is read back."""

from __future__ import annotations

import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import bboxprep
from bboxprep.formats.api import NoOptions
from bboxprep.formats.openimages import FORMAT, OpenImagesReadOptions
from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import FLIP_HORIZONTAL, IDENTITY, Dihedral
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories, Category
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.geometric import Flip, Letterbox
from bboxprep.recipe.recipe import Recipe
from bboxprep.testing.painting import bright_box, encoded
from bboxprep.verification.verify import verify

DATA = Path(__file__).parents[3].parent / "shared" / "data" / "formats" / "openimages"
SIZE = Size(200, 100)
HEAD = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside"
NAMES = '/m/01,Person\n/m/02,"Cat, small"\n'


def read(root: Path) -> Dataset:
    return FORMAT.read(root, lambda _path, _declared=None: Header(SIZE), OpenImagesReadOptions())


def files(root: Path, rows: str = "", names: str = NAMES, head: str = HEAD, **others: str) -> Dataset:
    """The dataset of these files, with the image a.jpg."""
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    (root / "images").mkdir(exist_ok=True)
    (root / "images/a.jpg").write_bytes(b"")
    stated = {"oidv6-train-annotations-bbox": f"{head}\n{rows}", "class-descriptions": names, **others}
    for name, text in stated.items():
        (root / f"annotations/{name}.csv").write_text(text, encoding="utf-8")
    return read(root)


def test_a_row_has_fractions_flags_and_a_score(tmp_path: Path) -> None:
    dataset = files(tmp_path, "a,xclick,/m/02,0.5,0.1,0.5,0.2,0.8,1,0,1,-1,\n")
    (sample,) = dataset
    assert dataset.categories.names == ("Person", "Cat, small")
    assert (sample.key, sample.fractional) == (("train", "a.jpg"), True)
    assert sample.boxes.round(9).tolist() == [[20, 20, 100, 80]]
    assert sample.instances.attributes == ({"IsOccluded": True, "IsTruncated": False, "Source": "xclick"},)
    assert (sample.instances.crowd.tolist(), sample.instances.scores.tolist()) == ([True], [0.5])


def test_a_confidence_of_one_is_no_score(tmp_path: Path) -> None:
    (sample,) = files(tmp_path, "a,xclick,/m/01,1,0,1,0,1,,,,,\n")
    assert not sample.instances.has(Column.SCORES).any()


def test_dialects_of_other_tools_are_read(tmp_path: Path) -> None:
    head = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax"
    rows = 'a.jpg,,Dog,,"0,1","0,5","0,2","0,8"\n\n\n'
    dataset = files(tmp_path, rows, "LabelName,DisplayName\n/m/01,Person\n", head)
    (sample,) = dataset
    assert dataset.categories.names == ("Person", "Dog")
    assert sample.boxes.round(9).tolist() == [[20, 20, 100, 80]]
    assert not dataset.findings


def test_a_class_that_no_file_names_is_called_as_it_is(tmp_path: Path) -> None:
    dataset = files(tmp_path, "a,,/m/077,1,0,1,0,1,,,,,\n")
    assert dataset.categories.names[-1] == "/m/077"
    assert [finding.code for finding in dataset.findings] == ["class-unnamed"]


@pytest.mark.parametrize(
    ("row", "where"), [("a,,/m/01,1,x,1,0,1,,,,,", "XMin,XMax,YMin,YMax"), ("a,,,1,0,1,0,1,,,,,", "LabelName")]
)
def test_a_row_that_cannot_be_read_is_dropped_with_its_line(tmp_path: Path, row: str, where: str) -> None:
    (sample,) = files(tmp_path, f"a,,/m/01,1,0,1,0,1,,,,,\n{row}\n")
    assert (len(sample.instances), sample.source_count) == (1, 2)
    assert [finding.where for finding in sample.findings] == [f"line 3.{where}"]


def test_a_row_without_an_image_is_counted(tmp_path: Path) -> None:
    dataset = files(tmp_path, ",,/m/01,1,0,1,0,1,,,,,\na,,/m/01,1,0,1,0,1,,,,,\n")
    assert [(finding.code, finding.objects) for finding in dataset.findings] == [("annotation-orphan", 1)]


def test_listed_images_have_no_objects_and_those_that_are_nowhere_are_counted_once(tmp_path: Path) -> None:
    listed = "ImageID,Subset,Rotation\na,train,270.0\nb,train,nan\nc,train,\nd,validation,0\n"
    dataset = files(tmp_path, image_ids_and_rotation=listed)
    (sample,) = dataset
    assert (sample.labelled, len(sample.instances)) == (True, 0)
    assert sample.extra == {"openimages": {"Rotation": 270.0}}
    assert [finding.code for finding in dataset.findings] == ["image-aside", "rotation-kept", "image-aside"]


def written(sample: Sample, root: Path, categories: Categories) -> Dataset:
    """What is read of what is written of `sample`."""
    split, name = sample.key
    (root / f"images/{split}").mkdir(parents=True)
    (root / f"images/{split}/{name}").write_bytes(b"")
    writer = FORMAT.write(root, Dataset(root, "openimages", categories, [sample], splits=(split,)), NoOptions())
    (labels,) = writer.encode(Batch.of([sample]), [f"images/{split}/{name}"])
    writer.collect(labels.entry)
    writer.close()
    dataset = read(root)
    assert [one.label_digest for one in dataset] == [labels.digest]
    return dataset


COUNTER_CLOCKWISE = {0.0: 1, 90.0: 8, 180.0: 3, 270.0: 6}  # degrees, and the EXIF code of the same turn


@pytest.mark.parametrize("degrees", [90.0, 180.0, 270.0])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_rotation_is_written_without_what_was_turned_since(tmp_path: Path, orientation: int, degrees: float) -> None:
    listed = f"ImageID,Subset,Rotation\na,train,{degrees}\n"
    (sample,) = files(tmp_path / "in", **{"train-images-with-rotation": listed})
    done = Dihedral.from_exif(orientation)
    (found,) = written(sample.replace_fast(plan=Recipe().plan(SIZE, done)), tmp_path / "out", Categories())
    left = Dihedral.from_exif(COUNTER_CLOCKWISE[found.extra.get("openimages", {}).get("Rotation", 0.0)])
    mirror = FLIP_HORIZONTAL if done.swap ^ done.mirror_x ^ done.mirror_y else IDENTITY
    assert left @ done == mirror @ Dihedral.from_exif(COUNTER_CLOCKWISE[degrees])


rows = st.tuples(
    *[st.floats(0, 90, width=32) for _ in range(4)],
    st.integers(0, 2),
    st.booleans(),
    st.one_of(st.just(np.nan), st.floats(0, 1)),
    st.dictionaries(st.sampled_from(("IsOccluded", "IsInside")), st.booleans()),
)
CLASSES = Categories((Category("cat", extra={"mid": "/m/7"}), Category('a "b", c'), Category("nobody")))


def rotated(root: Path, tag: int = 1) -> Path:
    """Four images of one bright card that want to be turned by 0, 90, 180 and 270 degrees against the clock; `tag`: the
    EXIF orientation of the first.
    """
    upright = Image.new("RGB", (64, 48), (10, 20, 30))
    upright.paste((250, 250, 60), (8, 6, 24, 18))
    rows, listed = "ImageID,LabelName,XMin,XMax,YMin,YMax\n", "ImageID,Subset,Rotation\n"
    (root / "annotations").mkdir(parents=True)
    (root / "images/train").mkdir(parents=True)
    for number, degrees in enumerate((0, 90, 180, 270)):
        stored = upright.rotate(-degrees, expand=True)
        (root / f"images/train/{number}.png").write_bytes(encoded(stored, "png", 1 if number else tag))
        x0, y0, x1, y1 = bright_box(np.asarray(stored))
        wide, high = stored.size
        rows += f"{number},card,{x0 / wide},{x1 / wide},{y0 / high},{y1 / high}\n"
        listed += f"{number},train,{90.0 if tag > 1 and not number else degrees}\n"
    (root / "annotations/train-annotations-bbox.csv").write_text(rows, encoding="utf-8")
    (root / "annotations/train-images-with-rotation.csv").write_text(listed, encoding="utf-8")
    return root


@pytest.mark.parametrize("recipe", [Recipe(), Recipe(Letterbox((40, 56)), Flip("horizontal")), Recipe(upright=False)])
@pytest.mark.parametrize("to", ["coco", "openimages"])
def test_a_rotation_that_is_applied_turns_images_and_boxes_and_is_proven(
    tmp_path: Path, to: str, recipe: Recipe
) -> None:
    source = open_source(rotated(tmp_path / "set"), options=lambda _: {"apply_rotation": True})
    assert "rotation-kept" not in {finding.code for finding in source.dataset.findings}
    convert_source(source, tmp_path / "out", to, recipe, run_options=RunOptions())
    for sample in bboxprep.read(tmp_path / "out"):
        assert np.abs(sample.boxes[0] - bright_box(sample.pixels())).max() < 0.6
        if recipe == Recipe():
            assert (sample.size, sample.boxes[0].round(3).tolist()) == (Size(64, 48), [8, 6, 24, 18])
    if to == "openimages":
        left = (tmp_path / "out/annotations/train-images-with-rotation.csv").read_text(encoding="utf-8").splitlines()
        stated = [float(row.rpartition(",")[2]) for row in left[1:]]
        assert stated == ([0, 0, 0, 0] if recipe.upright else [0, 90, 180, 270])
    proof = verify(tmp_path / "out")
    assert proof.holds, [str(fault) for fault in proof.faults]
    assert [tally.checked for tally in proof.tallies[:2]] == [4, 4]


def test_a_file_that_has_an_orientation_of_its_own_is_turned_by_that_alone(tmp_path: Path) -> None:
    source = open_source(rotated(tmp_path / "set", tag=3), options=lambda _: {"apply_rotation": True})
    headers = [sample.header for sample in source.dataset if sample.header]
    assert [(header.orientation, header.stated) for header in headers] == [(3, False), (8, True), (3, True), (6, True)]


@given(st.lists(rows, max_size=4))
def test_what_is_written_is_read_back_within_the_step(drawn: list[Any]) -> None:
    objects = Instances.of(
        [(x, y, x + width, y + height) for x, y, width, height, *_ in drawn],
        [row[4] for row in drawn],
        crowd=[row[5] for row in drawn],
        scores=[row[6] for row in drawn],
        attributes=[row[7] for row in drawn],
    )
    sample = Sample(PurePosixPath("deep/a.jpg").relative_to("deep"), Path("a.jpg"), Header(SIZE), objects)
    with tempfile.TemporaryDirectory() as folder:
        dataset = written(sample, Path(folder), CLASSES)
        (found,) = dataset
    assert dataset.categories.names == CLASSES.names
    assert dataset.categories[0].extra == {"mid": "/m/7"}
    assert np.abs(found.boxes - objects.boxes).max(initial=0) <= 2e-6 * SIZE.width
    assert (found.boxes[:, 2:] > found.boxes[:, :2]).all()
    assert found.labels.tolist() == objects.labels.tolist()
    assert found.instances.crowd.tolist() == objects.crowd.tolist()
    assert np.array_equal(found.instances.scores, objects.scores, equal_nan=True)
    assert found.instances.attributes == objects.attributes


def test_two_images_that_differ_in_their_suffix_alone_keep_it(tmp_path: Path) -> None:
    box = Instances.of([(0, 0, 9, 9)], [0])
    samples = [Sample(PurePosixPath(name), Path(name), Header(SIZE), box) for name in ("a.jpg", "a.png")]
    dataset = Dataset(tmp_path, "openimages", CLASSES, samples, splits=("train",))
    writer = FORMAT.write(tmp_path, dataset, NoOptions())
    (tmp_path / "images/train").mkdir(parents=True)
    encoded = writer.encode(Batch.of(samples), ["images/train/a.jpg", "images/train/a.png"])
    for sample, labels in zip(samples, encoded, strict=True):
        (tmp_path / "images/train" / sample.name).write_bytes(b"")
        writer.collect(labels.entry)
    writer.close()
    assert [(str(sample.name), len(sample.instances)) for sample in read(tmp_path)] == [("a.jpg", 1), ("a.png", 1)]


@pytest.mark.skipif(not DATA.is_dir(), reason="the real files are not here")
@pytest.mark.parametrize(("version", "images", "boxes"), [("v5", 2, 0), ("v6", 4, 2)])
def test_real_files_have_the_objects_that_they_are_known_to_have(version: str, images: int, boxes: int) -> None:
    dataset = bboxprep.read(DATA / "tests/assets/open_images_dataset" / version)
    assert (len(dataset), sum(len(sample.instances) for sample in dataset)) == (images, boxes)
    counts = {split: sum(len(one.instances) for one in dataset if one.split == split) for split in ("train", "test")}
    assert counts == {"train": boxes // 2, "test": boxes // 2}
    areas = {str(sample.name): one.area for sample in dataset for one in sample.instances.masks if one}
    assert areas == ({"b.jpg": 4} if version == "v6" else {})
    assert dataset.findings == ()
