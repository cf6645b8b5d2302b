from __future__ import annotations

import contextlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from bboxprep.errors import BboxprepError
from bboxprep.formats import load
from bboxprep.formats.coco import FORMAT, writer
from bboxprep.formats.coco.options import CocoReadOptions, CocoWriteOptions
from bboxprep.io.paths import relative_path
from bboxprep.model.categories import Categories, Category
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle
from bboxprep.pipeline.source.header_cache import HeaderCache
from bboxprep.pipeline.source.roots import find_root
from tests.formats.coco.trees import (
    CLASSES,
    SIZE,
    box,
    bytes_of,
    check_accounts,
    copy,
    dataset_of,
    document,
    image,
    one_sample,
    picture,
    probe,
    read,
    records_of,
    sample_of,
    written,
)
from tests.strategies import coordinates, masks, points

DATA = Path(__file__).parents[3].parent / "shared" / "data"
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["occluded", "größe", "track"]), st.one_of(st.booleans(), st.integers(0, 9), st.text(max_size=3))
)


@st.composite
def objects(draw: st.DrawFn) -> Instances:
    """Objects as COCO can say them: an outline is rings or a mask, an unlabelled point is at the origin."""
    count = draw(st.integers(0, 3))

    def column(one: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(one, min_size=count, max_size=count))

    corners = column(st.tuples(*(coordinates(side) for side in (64, 48, 64, 48))))
    spans = np.array(corners, dtype=np.float64).reshape(-1, 2, 2)
    outlines = column(st.one_of(masks(SIZE).map(Rle.from_mask), st.lists(points(SIZE, 3, 5), max_size=2)))
    seen = np.array(column(st.tuples(st.integers(0, 2), st.integers(0, 2))), dtype=np.uint8).reshape(-1, 2)
    joints = np.array(column(points(SIZE, 2, 2)), dtype=np.float64).reshape(-1, 2, 2)
    return Instances.of(
        np.concatenate((spans.min(axis=1), spans.max(axis=1)), axis=1),
        column(st.integers(0, 2)),
        crowd=column(st.booleans()),
        polygons=[() if isinstance(outline, Rle) else outline for outline in outlines],
        masks=[
            msgspec.structs.replace(outline, compressed=draw(st.booleans())) if isinstance(outline, Rle) else None
            for outline in outlines
        ],
        keypoints=np.where(seen[..., None] > 0, joints, 0.0),
        visibility=seen,
        areas=column(st.floats(0, 1e6)),
        scores=column(st.one_of(st.just(np.nan), st.floats(0, 1))),
        ids=draw(st.lists(st.integers(1, 2**62), min_size=count, max_size=count, unique=True)),
        attributes=column(ATTRIBUTES),
        tracks=column(st.one_of(st.just(-1), st.integers(0, 2**62))),
    )


def same_but_for_rounding(mine: Instances, other: Instances) -> None:
    """Assert that two instances differ by nothing but the last bit of a corner or a point."""
    np.testing.assert_allclose(mine.boxes, other.boxes, rtol=0, atol=1e-13)
    np.testing.assert_allclose(mine.keypoints, other.keypoints, rtol=0, atol=1e-13)
    assert replace(mine, boxes=other.boxes, keypoints=other.keypoints) == other


@given(instances=objects(), number=st.integers(1, 2**62))
def test_what_is_written_reads_back_and_then_never_changes(
    instances: Instances, number: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("trip")
    extra = {"coco": {"info": {"année": 2024}, "licenses": [{"id": 1}], "type": "instances"}}
    source = dataset_of(sample_of(instances, "sub/ä b.jpg", id=number, extra={"coco": {"license": 1}}), extra=extra)
    first = read(copy(source, folder / "0"))
    (sample,) = first
    same_but_for_rounding(sample.instances, instances)
    assert (str(sample.name), sample.id, sample.declared) == ("sub/ä b.jpg", number, SIZE)
    assert (sample.extra, sample.findings) == ({"coco": {"license": 1}}, ())
    assert (first.extra, first.categories, first.findings) == (extra, CLASSES, ())
    copy(first, folder / "1")
    again = read(copy(read(folder / "1"), folder / "2"))
    assert again[0].instances == sample.instances
    assert bytes_of(folder / "1") == bytes_of(folder / "2")


def test_the_second_and_the_tenth_trip_write_the_same_bytes(tmp_path: Path) -> None:
    boxes = [[x, y, w, h] for x, y, w, h in np.random.default_rng(5).uniform(0, 30, (200, 4)).round(2).tolist()]
    keypoints = [part for x in np.arange(0, 6, 0.37).round(2).tolist() for part in (x, 30 - x, 2)]
    records = [box(i, 1, bbox=one, keypoints=keypoints) for i, one in enumerate(boxes)]
    document(tmp_path / "all.json", [image(1, "a.jpg")], records)
    picture(tmp_path / "a.jpg")
    root, trips = tmp_path, []
    for trip in range(10):
        root = copy(read(root), tmp_path / f"trip{trip}")
        trips.append(bytes_of(root))
    assert trips[1] == trips[9]
    found = written(root)["annotations"]
    assert [record["bbox"] for record in found] == boxes
    assert found[0]["keypoints"] == keypoints


def test_every_field_of_a_record_comes_back(tmp_path: Path) -> None:
    record = box(
        5, 9, 3, [1.25, 2, 3.5, 4], area=3.0, iscrowd=1, segmentation=[[1, 1, 2, 1, 2, 2.5]], score=0.5,
        attributes={"occluded": True}, track_id=7, ignore=0,
    )  # fmt: skip
    picture(tmp_path / "a.jpg")
    document(tmp_path / "all.json", [image(9, "a.jpg", license=2)], [record, box(6, 9, attributes=[1])])
    found = written(copy(read(tmp_path), tmp_path / "out"))
    assert found["annotations"][0] == record
    assert found["annotations"][1]["attributes"] == [1]
    assert found["images"] == [image(9, "a.jpg", license=2)]


WITHOUT_KEYPOINTS = Categories.from_names([category.name for category in CLASSES])
OTHER_FIELDS = st.dictionaries(
    st.sampled_from(["track_id", "video_id", "ignore"]),
    st.one_of(st.none(), st.booleans(), st.integers(-2, 2**64), st.just(7.0), st.sampled_from(["7", "", [1]])),
)


@given(fields=OTHER_FIELDS, attributes=st.sampled_from([{}, {"attributes": {"occluded": True}}]))
def test_fields_that_coco_does_not_define_come_back_in_their_order(
    fields: dict[str, Any], attributes: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("trip")
    record = box(5, 9, 3, [1.0, 2.0, 3.5, 4.0], area=14.0, iscrowd=0, segmentation=[], **attributes, **fields)
    sample = one_sample(folder, {**record, "image_id": 1})
    (again,) = written(copy(dataset_of(sample, categories=WITHOUT_KEYPOINTS), folder / "out"))["annotations"]
    assert list(again.items())[7:] == list(record.items())[7:]
    track = fields.get("track_id")
    assert sample.instances.has(Column.TRACKS).tolist() == [type(track) is int and -1 != track < 2**63]


def test_the_law_of_the_order_catches_a_track_that_is_written_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_other_fields", lambda attributes, track: {"track_id": track} | dict(attributes))
    sample = one_sample(tmp_path, box(5, 1, video_id=3, track_id=7))
    (again,) = written(copy(dataset_of(sample), tmp_path / "out"))["annotations"]
    assert list(again)[7:] != ["video_id", "track_id"]


def test_a_track_that_is_changed_is_written_in_the_place_of_the_old_one(tmp_path: Path) -> None:
    sample = one_sample(tmp_path, box(5, 1, video_id=3, track_id=7, ignore=0), box(6, 1, track_id=0), box(7, 1))
    assert sample.instances.tracks.tolist() == [7, 0, -1]
    assert sample.instances.attributes[1:] == ({}, {})
    changed = replace(sample, instances=replace(sample.instances, tracks=np.array([8, -1, 9])))
    found = written(copy(dataset_of(changed, categories=WITHOUT_KEYPOINTS), tmp_path / "out"))["annotations"]
    assert [list(record.items())[7:] for record in found] == [
        [("video_id", 3), ("track_id", 8), ("ignore", 0)], [], [("track_id", 9)],
    ]  # fmt: skip


def test_it_is_found_by_its_name_and_its_own_output_by_its_looks(tmp_path: Path) -> None:
    copy(dataset_of(sample_of(Instances.of())), tmp_path)
    assert find_root(tmp_path).format == "coco"
    assert load("coco") is FORMAT
    assert FORMAT.carries == frozenset(Column)
    assert FORMAT.write(tmp_path, dataset_of(), CocoWriteOptions()).carries == FORMAT.carries


def evaluate(path: Path, kind: str) -> float:
    """The AP that pycocotools gives the objects at `path` as detections of themselves."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(path))
        found = [{**record, "score": 1.0} for record in truth.loadAnns(truth.getAnnIds(iscrowd=False))]
        judge = COCOeval(truth, truth.loadRes(found), kind)
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return float(judge.stats[0])


@pytest.mark.parametrize("kind", ["bbox", "segm", "keypoints"])
def test_pycocotools_scores_what_is_written_against_itself_as_perfect(tmp_path: Path, kind: str) -> None:
    rings = [
        np.array([(x, y), (x + 20.0, y), (x + 20, y + 15.5), (x, y + 10)]) for x, y in ((0, 0), (30, 8), (9.5, 30))
    ]
    joints = np.array([ring[:2] + 5 for ring in rings])
    spans = [[*ring.min(axis=0), *ring.max(axis=0)] for ring in rings]
    instances = Instances.of(
        [*spans, [0, 0, 64, 48]],
        [0, 0, 0, 0],
        crowd=[False, False, False, True],
        polygons=[*([ring] for ring in rings), []],
        masks=[None, None, None, Rle.from_mask(np.ones((48, 64), dtype=np.bool_))],
        keypoints=[*joints, np.zeros((2, 2))],
        visibility=[[2, 2]] * 3 + [[0, 0]],
    )
    classes = Categories((Category("person", 0, keypoints=tuple(f"joint {number}" for number in range(17))),))
    if kind == "keypoints":
        joints = np.tile(np.concatenate([*joints, np.zeros((2, 2))]).reshape(4, 2, 2), (1, 9, 1))[:, :17]
        instances = replace(instances, keypoints=joints, visibility=np.full((4, 17), 2, np.uint8))
    samples = [sample_of(instances, name) for name in ("a.jpg", "b.jpg")]
    copy(dataset_of(*samples, sample_of(Instances.of(), "c.jpg"), categories=classes), tmp_path)
    assert evaluate(tmp_path / "annotations" / "instances_train.json", kind) == pytest.approx(1.0)


REAL = [
    "datumaro/tests/assets/coco_dataset/coco",
    "datumaro/tests/assets/coco_dataset/coco_image_info",
    "datumaro/tests/assets/coco_dataset/coco_instances",
    "datumaro/tests/assets/coco_dataset/coco_labels",
    "datumaro/tests/assets/coco_dataset/coco_person_keypoints",
    "datumaro/tests/assets/coco_dataset/coco_roboflow",
    "datumaro/tests/assets/coco_dataset/coco_stuff",
    "datumaro/tests/assets/coco_dataset/mmdet_coco",
    "datumaro/tests/assets/kaggle_dataset/relaxed_coco",
    "datumaro/tests/assets/roboflow_dataset/coco",
    "icevision/samples/annotations.json",
    "icevision/samples/keypoints_annotations.json",
    "labelformat/tests/fixtures/instance_segmentation/COCO/instances.json",
    "labelformat/tests/fixtures/instance_segmentation/COCO/instances_with_binary_mask.json",
    "labelformat/tests/fixtures/object_detection/COCO",
    "labelme/examples/instance_segmentation/data_dataset_coco",
    "panlabel/tests/fixtures/sample_valid.coco.json",
    "rodm_toy/toyexample/dets_coco_format/coco_dets.json",
    "rodm_toy/toyexample/gts_coco_format/toy_example_coco.JSON",
]
REFUSED = {
    "datumaro/tests/assets/coco_dataset/coco_captions": "captions, want boxes",
    "datumaro/tests/assets/coco_dataset/coco_panoptic": "panoptic, want boxes",
    "icevision/samples": "two annotation files for split 'train'",
    "panlabel/tests/fixtures/sample_invalid.coco.json": r"images\[1\]\.id: have 1",
    "rodm_toy/toyexample": "two annotation files for split 'train'",
}
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the shared data sets lie beside the checkout or not at all")


def records_in(path: Path) -> int:
    return len(json.loads(path.read_bytes()).get("annotations", ()))


@needs_data
@pytest.mark.parametrize("name", REAL)
def test_a_real_dataset_keeps_its_accounts_and_comes_back_the_same(name: str, tmp_path: Path) -> None:
    dataset: Dataset = FORMAT.read(DATA / name, HeaderCache(), CocoReadOptions())
    check_accounts(dataset)
    skipped = {finding.path for finding in dataset.findings if finding.code == "file-skipped"}
    files = [DATA / name] if (DATA / name).is_file() else [*(DATA / name).glob("**/*.json")]
    read_files = [path for path in files if path.is_file() and relative_path(path, DATA / name) not in skipped]
    assert records_of(dataset) == sum(map(records_in, read_files))
    known = dataset.map(lambda sample: replace(sample, header=probe(sample.path)))
    again = read(copy(known, tmp_path))
    assert [str(sample.name) for sample in again] == [str(sample.name) for sample in dataset]
    for mine, theirs in zip(again, dataset, strict=True):
        own = mine.instances
        assert replace(theirs.instances, areas=own.areas, ids=own.ids, labels=own.labels) == own
        assert [again.categories.names[label] for label in mine.instances.labels] == [
            dataset.categories.names[label] for label in theirs.instances.labels
        ]
    assert again.categories.ids == dataset.categories.ids


@needs_data
@pytest.mark.parametrize(("name", "words"), REFUSED.items())
def test_a_real_tree_without_one_clear_reading_is_refused_with_a_reason(name: str, words: str) -> None:
    with pytest.raises(BboxprepError, match=words):
        FORMAT.read(DATA / name, HeaderCache(), CocoReadOptions())


def test_what_is_read_ahead_is_what_is_read_alone(tmp_path: Path) -> None:
    images, boxes = [], []
    for number in range(1, 150):
        picture(tmp_path / f"{number:03d}.jpg")
        images.append(image(number, f"{number:03d}.jpg"))
        odd = {"note": 1} if number % 50 == 0 else {}  # sends a record past the reader of plain ones
        plain = {"area": 5.0, "iscrowd": 0, "segmentation": [[1, 1, number / 9, 1, 4, 9]]}
        boxes += [box(7 * number + row, number, bbox=(row, 1, 2, 3), **plain, **odd) for row in range(number % 4)]
    document(tmp_path / "all.json", images, boxes[::-1])
    alone = [read(tmp_path)[row] for row in range(149)]
    order = np.random.default_rng(7).permutation(149).tolist()
    for rows in (range(149), range(148, -1, -1), order, [*range(60, 149), *range(60)]):
        dataset = read(tmp_path)
        assert all(dataset[row] == alone[row] for row in rows)
    assert sum(len(sample.instances) for sample in alone) == len(boxes)
