from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps
from pycocotools import mask as coco_mask

from bboxprep import formats, read
from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.images.codecs.lossless import find_jpegtran
from bboxprep.model.sample import Sample
from bboxprep.recipe.catalog import STEPS
from bboxprep.testing.example import LabelledDataset, LabelledImage
from fixtures import shaping, steps
from fixtures.make import CLASSES, KEYPOINTS, main
from fixtures.scenes import COLOURS
from tests.conformance.examples import EXAMPLES
from tests.conformance.examples import FORMATS as ALL_FORMATS

ROOT = Path(__file__).parent.parent / "fixtures"
IMAGES = {".jpg", ".png", ".webp"}
PACKED = {"parquet", "tfrecord", "webdataset"}  # pictures and labels in one binary file
FORMATS = tuple(sorted({*formats.names()} - PACKED))
ZIP = "cvat-export.zip"
SETS = (*(f"phone-photos-{name}" for name in FORMATS), "stored-frame-yolo")


@dataclass(frozen=True)
class Photo:
    """A photo of the COCO set with its records."""

    path: Path
    size: tuple[int, int]
    records: list[dict[str, Any]]

    @property
    def displayed(self) -> NDArray[np.uint8]:
        with Image.open(self.path) as image:
            return np.array(ImageOps.exif_transpose(image))


def photos() -> Iterator[Photo]:
    for split in ("train", "val"):
        root = ROOT / "phone-photos-coco"
        document = json.loads((root / "annotations" / f"instances_{split}.json").read_text(encoding="utf-8"))
        for image in document["images"]:
            records = [record for record in document["annotations"] if record["image_id"] == image["id"]]
            yield Photo(root / split / image["file_name"], (image["width"], image["height"]), records)


PHOTOS = tuple(photos())
COLOURED = tuple(photo for photo in PHOTOS if photo.records and photo.path.name != "IMG_2012.jpg")
each_photo = pytest.mark.parametrize("photo", PHOTOS, ids=lambda photo: photo.path.name)
each_coloured_photo = pytest.mark.parametrize("photo", COLOURED, ids=lambda photo: photo.path.name)


def corners(record: dict[str, Any]) -> tuple[int, int, int, int]:
    x, y, width, height = record["bbox"]
    return x, y, x + width, y + height


def share_of_colour(pixels: NDArray[np.uint8], box: tuple[int, int, int, int], colour: str) -> float:
    """The share of pixels in `box` that are of the hue of `colour`, whatever the light on them."""
    x0, y0, x1, y1 = box
    part = pixels[y0:y1, x0:x1].astype(np.float64) + 1.0
    if not part.size:
        return 0.0
    marker = np.asarray(COLOURS[colour])
    off = part / part.sum(axis=-1, keepdims=True) - marker / marker.sum()
    return float((np.abs(off).max(axis=-1) < 0.09).mean())


def shares(pixels: NDArray[np.uint8], photo: Photo) -> list[float]:
    return [share_of_colour(pixels, corners(one), one["colour"]) for one in photo.records if not one["iscrowd"]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made")
    main(root)
    return root


def test_making_them_again_gives_the_committed_files(made: Path) -> None:
    mine, theirs = dict(contents(made, made.iterdir())), dict(contents(ROOT, [*map(ROOT.joinpath, SETS), ROOT / ZIP]))
    assert mine.keys() == theirs.keys()
    for name in sorted(mine):
        if PurePath(name).suffix in IMAGES:
            with Image.open(io.BytesIO(mine[name])) as one, Image.open(io.BytesIO(theirs[name])) as other:
                assert one.getexif() == other.getexif()
                off = np.array(one, dtype=np.float64) - np.array(other, dtype=np.float64)
                assert np.abs(off).mean() < 0.5, name  # another build of the decoder may round otherwise
        else:
            assert mine[name] == theirs[name], name


def contents(root: Path, places: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    """The bytes of the files at `places` by their names below `root`; of a zip those of its members."""
    for path in (path for place in places for path in (place, *place.rglob("*")) if path.is_file()):
        name = path.relative_to(root).as_posix()
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                yield from ((f"{name}/{member}", archive.read(member)) for member in archive.namelist())
        else:
            yield name, path.read_bytes()


def test_a_second_run_leaves_every_file_alone(made: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*")}
    main(made)
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*")} == before


def test_they_are_small() -> None:
    assert sum(path.stat().st_size for path in ROOT.rglob("*") if path.is_file()) < 3_000_000


def test_every_orientation_and_container_occurs() -> None:
    found = set()
    for photo in PHOTOS:
        with Image.open(photo.path) as image:
            found.add((photo.path.suffix, image.getexif().get(0x0112)))
    assert {(".jpg", code) for code in range(1, 9)} | {(".png", 8), (".webp", 6)} == found


@each_photo
def test_the_declared_size_is_the_displayed_one(photo: Photo) -> None:
    assert photo.displayed.shape[:2] == photo.size[::-1]


@each_coloured_photo
def test_every_box_lies_on_pixels_of_its_object(photo: Photo) -> None:
    assert min(shares(photo.displayed, photo)) > 0.14  # a shirt is that part of a person's box


@each_coloured_photo
def test_every_wrong_turn_takes_a_box_off_its_object(photo: Photo) -> None:
    upright = Image.fromarray(photo.displayed)
    right = shares(photo.displayed, photo)
    for code in range(2, 9):
        exif = Image.Exif()
        exif[0x0112] = code
        turned = upright.copy()
        turned.info["exif"] = exif.tobytes()
        wrong = shares(np.array(ImageOps.exif_transpose(turned)), photo)
        assert any(now < 0.6 * then for now, then in zip(wrong, right, strict=True)), code


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools with numpy 2
@each_photo
def test_segmentations_fill_their_boxes(photo: Photo) -> None:
    width, height = photo.size
    for record in photo.records:
        mask = decoded(record["segmentation"], height, width)
        if mask is not None:
            columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
            found = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
            assert np.abs(found - corners(record)).max() <= 1
            assert abs(mask.sum() - record["area"]) < 0.05 * record["area"]


def decoded(segmentation: Any, height: int, width: int) -> NDArray[np.bool_] | None:
    if not segmentation:
        return None
    if isinstance(segmentation, list):
        segmentation = coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
    elif isinstance(segmentation["counts"], list):
        segmentation = coco_mask.frPyObjects(segmentation, height, width)
    return np.asarray(coco_mask.decode(segmentation), dtype=np.bool_)


def test_a_person_who_faces_us_has_the_left_hand_at_our_right() -> None:
    people = [record for photo in PHOTOS for record in photo.records if "keypoints" in record]
    assert len(people) >= 5
    for person in people:
        joints = dict(zip(KEYPOINTS, np.reshape(person["keypoints"], (-1, 3)), strict=True))
        assert joints["left_hand"][0] > joints["right_hand"][0]
        assert joints["left_foot"][0] > joints["right_foot"][0]
        assert joints["nose"][1] < joints["left_foot"][1]


def test_voc_states_the_same_boxes_counted_from_one() -> None:
    root = ROOT / "phone-photos-voc"
    for photo in PHOTOS:
        name = photo.path.relative_to(ROOT / "phone-photos-coco" / split_of(photo))
        tree = ET.parse(root / "Annotations" / name.with_suffix(".xml"))
        assert (root / "JPEGImages" / name).read_bytes() == photo.path.read_bytes()
        found = [
            (
                one.findtext("name"),
                *(int(one.findtext(f"bndbox/{key}", "")) for key in ("xmin", "ymin", "xmax", "ymax")),
            )
            for one in tree.iter("object")
        ]
        boxes = [(class_of(one), corners(one)) for one in photo.records if not one["iscrowd"]]
        assert found == [(label, x0 + 1, y0 + 1, x1, y1) for label, (x0, y0, x1, y1) in boxes]


def test_yolo_states_the_same_boxes_as_fractions_of_the_displayed_size() -> None:
    root = ROOT / "phone-photos-yolo"
    for photo in PHOTOS:
        split = split_of(photo)
        name = photo.path.relative_to(ROOT / "phone-photos-coco" / split)
        assert (root / "images" / split / name).read_bytes() == photo.path.read_bytes()
        found = yolo_boxes(root / "labels" / split / name.with_suffix(".txt"), photo.size)
        boxes = [corners(one) for one in photo.records if not one["iscrowd"]]
        np.testing.assert_allclose(found, np.array(boxes).reshape(-1, 4), atol=2e-3)


def test_labels_of_the_stored_frame_set_lie_on_the_stored_pixels() -> None:
    root = ROOT / "stored-frame-yolo"
    paths = sorted(root.rglob("*.jpg"))
    assert len(paths) == 3
    for path in paths:
        with Image.open(path) as image:
            turn, stored, size = Dihedral.from_exif(image.getexif()[0x0112]), np.array(image), image.size
        assert turn.swap
        label = Path(str(path).replace("images", "labels")).with_suffix(".txt")
        for box in yolo_boxes(label, size):
            whole = np.round(box).astype(int)
            np.testing.assert_allclose(box, whole, atol=1e-3)
            x0, y0, x1, y1 = whole.tolist()
            assert max(share_of_colour(stored, (x0, y0, x1, y1), colour) for colour in COLOURS) > 0.14


def yolo_boxes(path: Path, size: tuple[int, int]) -> NDArray[np.float64]:
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    assert all(0 <= int(row[0]) < len(CLASSES) for row in rows)
    parts = np.array([row[1:] for row in rows], dtype=np.float64).reshape(-1, 4)
    middle, half = parts[:, :2] * size, parts[:, 2:] * size / 2.0
    return np.concatenate((middle - half, middle + half), axis=1)


def split_of(photo: Photo) -> str:
    return photo.path.relative_to(ROOT / "phone-photos-coco").parts[0]


def class_of(record: dict[str, Any]) -> str:
    return next(name for name, number in CLASSES.items() if number == record["category_id"])


PICTURES = ["steps.jpg", "inside_boxes.jpg", "five_steps.jpg", "several.jpg", "filters.jpg", "near-duplicates.jpg"]
PICTURES += ["own_steps.jpg", "isolated.jpg", "balance.jpg", "sizes.jpg", "before-splits.jpg"]
if find_jpegtran():
    PICTURES += ["lossless-letterbox.jpg"]


@pytest.mark.parametrize("name", PICTURES)
def test_the_pictures_of_the_steps_are_what_the_program_makes(drawn_steps: Path, name: str) -> None:
    """Not their bytes: another processor may round a level the other way."""
    with Image.open(drawn_steps / name) as made, Image.open(steps.PICTURES / name) as shipped:
        assert made.size == shipped.size
        assert np.abs(np.asarray(made).astype(int) - np.asarray(shipped)).mean() < 1.0


@pytest.fixture(scope="module")
def drawn_steps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("steps")
    steps.main(folder)
    shaping.main(folder)
    return folder


def test_every_step_has_its_picture() -> None:
    assert sorted(name for name, _ in (*steps.PREPROCESS, *steps.AUGMENT)) == sorted(STEPS)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_states_the_boxes_of_coco(name: str) -> None:
    check_boxes(list(read(ROOT / f"phone-photos-{name}", name)))


def test_the_zip_of_cvat_states_the_boxes_of_coco() -> None:
    samples = list(read(ROOT / ZIP))
    check_boxes(samples)
    assert sum(sample.header is not None and sample.header.orientation != 1 for sample in samples) == 9


@pytest.mark.parametrize("name", [one for one in ALL_FORMATS if one.values[0] in PACKED])
def test_every_packed_format_states_the_boxes_of_coco(tmp_path: Path, name: str) -> None:
    """Its files are made here, by the painter of its example: they hold whatever this build of a codec writes."""
    images = [labelled(photo) for photo in PHOTOS]
    EXAMPLES[name].paint(tmp_path, LabelledDataset(tuple(CLASSES), tuple(images)))
    samples = list(read(tmp_path, name))
    assert {sample.header.orientation for sample in samples if sample.header} == set(range(1, 9))
    check_boxes(samples)


def labelled(photo: Photo) -> LabelledImage:
    """The photo with its boxes but for crowd regions."""
    own = [record for record in photo.records if not record["iscrowd"]]
    edges = np.array(list(map(corners, own)), dtype=np.float64).reshape(-1, 4)
    names = tuple(next(name for name, number in CLASSES.items() if number == record["category_id"]) for record in own)
    return LabelledImage("train", photo.path.name, photo.path.read_bytes(), Size(*photo.size), edges, names)


def check_boxes(samples: Sequence[Sample]) -> None:
    """Raise AssertionError unless the boxes of `samples` are those that COCO states of these photos."""
    known = {photo.path.name: photo for photo in PHOTOS}
    assert any(len(sample.boxes) for sample in samples)
    for sample in samples:
        records = known[sample.name.name].records
        stated = np.array(list(map(corners, records)), dtype=np.float64).reshape(-1, 1, 4)
        near = np.abs(stated - sample.boxes).max(axis=2) <= 1.0  # (record, object), to the coarsest step
        crowd = np.array([bool(record["iscrowd"]) for record in records], dtype=np.bool_)
        assert near.any(axis=0).all(), f"{sample.name}: an object that COCO has not"
        assert (near.any(axis=1) | crowd).all(), f"{sample.name}: an object of COCO is not there"
        assert near.sum() == len(sample.boxes)
