"""TFRecord: real files, trips of every column, classes by name and number, parts and gzip, and damage."""

from __future__ import annotations

import gzip
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from PIL import Image

import bboxprep
from bboxprep import formats
from bboxprep.errors import AnnotationError, LayoutError, MissingPackageError, StorageError
from bboxprep.formats.shard_numbers import STAGE
from bboxprep.geometry.affine import Size
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories, Category
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample
from tests.conformance.tfrecords import Features, example, features_of, framed, unframed
from tests.strategies import instances

pytest.importorskip("google_crc32c", reason="take the extra: bboxprep[tfrecord]")

SIZE = Size(60, 40)
DATA = Path(__file__).parents[3].parent / "shared" / "data" / "formats" / "tfrecord" / "tests" / "assets"
NAMES = ("cat", "dog", 'käse "x"')
MAP = "".join(
    f'item {{ name: "{name}", id: {number}, display_name: "{name}" }}\n' for number, name in enumerate(NAMES[:2], 1)
)


def picture(shade: int = 0) -> bytes:
    out = BytesIO()
    Image.new("RGB", SIZE, (shade, 90, 120)).save(out, "PNG")
    return out.getvalue()


def features(texts: Sequence[str] = ("cat", "dog"), labels: Sequence[int] = (1, 2), **others: Any) -> dict[str, Any]:
    """The features of one image with a box for each class."""
    boxes = np.tile([0.1, 0.25, 0.5, 0.75], (max(len(texts), len(labels)), 1))
    sides = ("xmin", "ymin", "xmax", "ymax")
    made: dict[str, Any] = {f"image/object/bbox/{side}": boxes[:, at].tolist() for at, side in enumerate(sides)}
    made |= {"image/encoded": [picture()], "image/filename": [b"a.png"], "image/width": [60], "image/height": [40]}
    made |= {"image/object/class/text": [text.encode() for text in texts], "image/object/class/label": list(labels)}
    return made | {name.replace("__", "/"): value for name, value in others.items()}


def records(
    root: Path, *every: Features, name: str = "train.record", label_map: str = MAP, packed: bool = True
) -> Path:
    data = b"".join(framed(example(one, packed=packed)) for one in every)
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(data)
    if label_map:
        (root / "label_map.pbtxt").write_text(label_map, encoding="utf-8")
    return root


def codes(source: Dataset) -> Counter[str]:
    every = [*source.findings, *(finding for sample in source for finding in sample.findings)]
    return Counter(finding.code for finding in every)


def classes(source: Dataset) -> list[list[str]]:
    return [list(sample.class_names) for sample in source]


REAL = {  # records and the objects that they state by split; the pictures of one set are not there
    "tf_detection_api_dataset": {"train": (1, 3), "val": (1, 1), "test": (1, 0)},
    "roboflow_dataset/tfrecord": {"train": (2, 2), "val": (1, 2)},
}


@pytest.mark.skipif(not DATA.is_dir(), reason="the real files are not here")
@pytest.mark.parametrize("name", REAL)
def test_real_files_hold_what_their_makers_say(name: str) -> None:
    source = bboxprep.read(DATA / name, "tfrecord")
    counts = {
        split: (len(own), sum(sample.source_count for sample in own))
        for split in source.splits
        if (own := [sample for sample in source if sample.split == split])
    }
    assert counts == REAL[name]
    lost = sum(finding.objects for sample in source for finding in sample.findings if finding.code != "image-missing")
    assert sum(len(sample.instances) for sample in source) + lost == sum(count for _, count in REAL[name].values())
    assert set(codes(source)) <= {"category-unknown", "image-missing"}  # an object with no name and the number 0


@settings(max_examples=60, deadline=None)
@given(instances(SIZE))
def test_every_column_that_is_carried_comes_back(objects: Instances) -> None:
    kept = objects.select(np.all(objects.boxes[:, 2:] > objects.boxes[:, :2], axis=1))
    table = Categories(tuple(Category(name, keypoints=("nose", "tail", "paw")) for name in NAMES))
    with tempfile.TemporaryDirectory() as folder:
        back = trip(Path(folder), kept, table)
    assert back.categories.names == NAMES
    assert {category.keypoints for category in back.categories} == {("nose", "tail", "paw")}
    (sample,) = back
    found, points = sample.instances, kept.keypoints.shape[1]
    bound = formats.load("tfrecord").step(None).edges(SIZE) + 1e-9
    assert (np.abs(found.boxes - kept.boxes) <= bound).all()
    shown = (kept.visibility > 0)[:, :, None]
    assert np.allclose(
        np.where(shown, found.keypoints[:, :points], 0), np.where(shown, kept.keypoints, 0), rtol=1e-6, atol=1e-5
    )
    assert found.visibility[:, :points].tolist() == kept.visibility.tolist()
    for column in ("labels", "crowd", "tracks"):
        assert getattr(found, column).tolist() == getattr(kept, column).tolist()
    assert found.attributes == kept.attributes
    masks = [mask and mask.mask().any() for mask in kept.masks]
    assert [mask is not None for mask in found.masks] == [bool(mask) for mask in masks]
    assert all(
        np.array_equal(mine.mask(), theirs.mask())
        for mine, theirs in zip(found.masks, kept.masks, strict=True)
        if mine and theirs
    )


def trip(root: Path, objects: Instances, table: Categories) -> Dataset:
    """One image with `objects`, written and read again."""
    source = Dataset(root, "tfrecord", table, [], splits=("train",))
    known = formats.load("tfrecord")
    writer = known.write(root, source, known.write_options())
    sample = Sample(PurePosixPath("a.png"), root / "a.png", Header(SIZE), objects)
    image, _ = writer.paths("train", "a.png")
    (labels,) = writer.encode(Batch.of([sample]), [image])
    for path, data in ((image, picture()), *labels.files):
        (root / STAGE / path).parent.mkdir(parents=True, exist_ok=True)
        (root / STAGE / path).write_bytes(data)
    writer.collect(labels.entry)
    writer.close()
    return bboxprep.read(root, "tfrecord")


def test_what_is_written_has_the_keys_of_the_object_detection_api(tmp_path: Path) -> None:
    root = records(tmp_path / "in", features(image__object__difficult=[0, 1], image__object__is_crowd=[0, 1]))
    bboxprep.convert(root, tmp_path / "out", "tfrecord")
    (message,) = unframed((tmp_path / "out" / "train-00000.tfrecord").read_bytes())
    found = features_of(message)
    assert found["image/format"] == [b"png"]
    assert found["image/object/class/label"] == [1, 2]
    assert found["image/object/difficult"] == [0, 1]
    assert found["image/object/is_crowd"] == [0, 1]
    assert found["image/object/area"] == [480.0, 480.0]
    assert list(found) == sorted(found)
    assert {"image/source_id", "image/key/sha256", "image/filename", "image/height"} <= found.keys()


@pytest.mark.parametrize("packed", [True, False])
def test_numbers_are_read_packed_or_one_by_one(tmp_path: Path, packed: bool) -> None:
    source = bboxprep.read(records(tmp_path, features(), packed=packed))
    assert source[0].boxes.tolist() == [[6.0, 10.0, 30.0, 30.0]] * 2  # as a tool wrote them, not as float32 has them
    assert classes(source) == [["cat", "dog"]]


def test_numbers_from_zero_on_are_told_and_the_names_count(tmp_path: Path) -> None:
    source = bboxprep.read(records(tmp_path, features(labels=(0, 1))))
    assert classes(source) == [["cat", "dog"]]
    (finding,) = [one for one in source.findings if one.code == "record-repaired"]
    assert finding.path == "train.record"
    assert "one less than those of label_map.pbtxt, as VoTT writes them" in finding.message


def test_names_that_contradict_their_numbers_are_told(tmp_path: Path) -> None:
    source = bboxprep.read(records(tmp_path, features(labels=(2, 1))))
    assert classes(source) == [["cat", "dog"]]
    assert codes(source)["class-disputed"] == 1
    assert not codes(bboxprep.read(records(tmp_path / "right", features())))


@pytest.mark.parametrize(
    ("texts", "labels", "label_map", "want", "told"),
    [
        ((), (2, 1), MAP, ["dog", "cat"], {}),
        ((), (2, 7), MAP, ["dog"], {"category-unknown": 1}),
        ((), (9, 4), "", ["class_9", "class_4"], {"class-unnamed": 1}),
        (("b", "a"), (2, 1), "", ["b", "a"], {}),
        (("b", "cat"), (), MAP, ["b", "cat"], {}),
    ],
)
def test_classes_are_named_by_text_map_or_number(
    tmp_path: Path, texts: Sequence[str], labels: Sequence[int], label_map: str, want: list[str], told: dict[str, int]
) -> None:
    source = bboxprep.read(records(tmp_path, features(texts, labels), label_map=label_map))
    assert classes(source) == [want]
    assert codes(source) == told
    assert source[0].source_count == 2


@pytest.mark.parametrize(
    "name",
    [
        "coco_train.record-00001-of-00003",
        "train.tfrecord",
        "train/Cells.tfrecord",
        "train-00001-of-00003",
        "train.tfrecord.gz",
    ],
)
def test_parts_folders_and_gzip_are_read(tmp_path: Path, name: str) -> None:
    root = records(tmp_path, features(), name=name)
    if name.endswith(".gz"):
        (root / name).write_bytes(gzip.compress((root / name).read_bytes()))
    records(tmp_path, features(image__filename=[b"b.png"]), name="val.record")
    source = bboxprep.read(root)
    assert [(sample.split, str(sample.name), len(sample.instances)) for sample in source] == [
        ("train", "a.png", 2),
        ("val", "b.png", 2),
    ]
    assert source[0].image.shape == (40, 60, 3)


def test_an_image_that_the_record_does_not_hold_is_looked_for_beside_it(tmp_path: Path) -> None:
    root = records(
        tmp_path,
        *(features(image__encoded=[b""], image__filename=[name]) for name in (b"a.png", b"../b.png", b"c.png")),
    )
    (root / "images").mkdir()
    (root / "images" / "a.png").write_bytes(picture())
    source = bboxprep.read(root)
    assert [str(sample.name) for sample in source if sample.header] == ["a.png"]
    assert codes(source) == {"image-missing": 2}


def test_a_damaged_record_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    root = records(tmp_path, features(), features(image__filename=[b"b.png"]))
    data = (root / "train.record").read_bytes()
    at = data.index(b"image/filename")
    (root / "train.record").write_bytes(data[:at] + b"X" + data[at + 1 :])
    source = bboxprep.read(root)
    assert [str(sample.name) for sample in source] == ["b.png"]
    (finding,) = source.findings
    assert (finding.code, finding.path) == ("record-unreadable", "train.record/00000000.example")
    assert "check sum" in finding.message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data[:-9], "record 1 has .* bytes, want"),
        (lambda data: data + b"\0" * 12, "the length of record 2 is damaged"),
        (lambda data: b"\0" * 40 + data, "no TFRecord|is no TFRecord file"),
    ],
)
def test_a_file_that_cannot_be_framed_is_refused(tmp_path: Path, change: Any, words: str) -> None:
    root = records(tmp_path, features(), features())
    path = root / "train.record"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises((StorageError, LayoutError), match=words):
        bboxprep.read(root, "tfrecord")


def test_lists_that_do_not_fit_are_told(tmp_path: Path) -> None:
    short = features(image__object__bbox__xmin=[0.1])
    more = features(image__object__difficult=[1], image__object__mask=[b"x", b""], image__object__keypoint__x=[0.5])
    source = bboxprep.read(records(tmp_path, short, more))
    assert [len(sample.instances) for sample in source] == [0, 2]
    assert [sample.source_count for sample in source] == [2, 2]
    assert codes(source) == {"record-unreadable": 1, "record-repaired": 1, "shape-unreadable": 2}


def test_masks_may_be_one_list_of_numbers(tmp_path: Path) -> None:
    pixels = np.zeros((2, *SIZE[::-1]))
    pixels[0, 3:9, 4:7] = 1.0
    source = bboxprep.read(records(tmp_path, features(image__object__mask=pixels.ravel().tolist())))
    first, second = source[0].instances.masks
    assert first is not None
    assert np.array_equal(first.mask(), pixels[0] > 0)
    assert second is None


def test_a_label_map_that_cannot_be_read_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"label_map\.pbtxt: not a label map .*1:"):
        bboxprep.read(records(tmp_path, features(), label_map="item { id: }"))


@pytest.mark.parametrize("package", ["google_crc32c", "google.protobuf"])
def test_a_missing_package_is_told_with_what_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    from bboxprep.io import tf_messages

    root = records(tmp_path, features())
    tf_messages._message.cache_clear()
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError, match=r"is not installed; pip install 'bboxprep\[tfrecord\]' brings it"):
        bboxprep.read(root)
    monkeypatch.undo()
    tf_messages._message.cache_clear()


def test_a_series_of_examples_is_told(tmp_path: Path) -> None:
    root = records(tmp_path, features())
    with (root / "train.record").open("ab") as file:
        file.write(framed(example(features()) + b"\x12\x00"))
    (finding,) = bboxprep.read(root).findings
    assert "a SequenceExample of TensorFlow, which is not read; want an Example" in finding.message
