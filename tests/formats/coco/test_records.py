from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.errors import AnnotationError
from bboxprep.formats.coco import FORMAT
from bboxprep.formats.coco.options import CocoReadOptions
from bboxprep.geometry.affine import Size
from bboxprep.model.rle import Rle
from tests.formats.coco.trees import (
    CAT_AND_DOG,
    box,
    check_accounts,
    codes,
    document,
    image,
    one_sample,
    picture,
    probe,
    read,
)

RING = [1.0, 1.0, 5.0, 1.0, 5.0, 4.0]
PAIRS = [RING[at : at + 2] for at in range(0, len(RING), 2)]
MASK = np.zeros((4, 6), dtype=np.bool_)
MASK[1:3, 2:5] = True


@pytest.mark.parametrize(
    ("record", "code", "field", "words", "category"),
    [
        (box(1, 1, 5), "category-unknown", "category_id", "have 5, want an id of the class table", "5"),
        (box(1, 1, None), "category-unknown", "category_id", "have None", ""),
        (box(1, 1, [3]), "category-unknown", "category_id", "have [3]", ""),
        (box(1, 1, bbox=[1, 2, 3]), "record-unreadable", "bbox", "have [1, 2, 3], want four numbers", "cat"),
        (box(1, 1, bbox=[1, 2, "x", 3]), "record-unreadable", "bbox", "want four numbers", "cat"),
        (box(1, 1, bbox=[1, 2, True, 3]), "record-unreadable", "bbox", "want four numbers", "cat"),
        (box(1, 1, bbox={"x": 1}), "record-unreadable", "bbox", "have {'x': 1}", "cat"),
        (box(1, 1, bbox=None), "record-unreadable", "bbox", "missing, and there is no segmentation", "cat"),
        ({"image_id": 1, "category_id": 7}, "record-unreadable", "bbox", "missing", "dog"),
        (box(1, 1, bbox=[1, 2, math.nan, 3]), "box-not-finite", "bbox", "want finite numbers", "cat"),
        (box(1, 1, bbox=[1, 2, math.inf, 3]), "box-not-finite", "bbox", "want finite numbers", "cat"),
        (box(1, 1, bbox=[-math.inf, 2, 3, 3]), "box-not-finite", "bbox", "want finite numbers", "cat"),
        (box(1, 1, bbox=[1e308, 2, 1e308, 3]), "box-not-finite", "bbox", "want finite numbers", "cat"),
        (box(1, 1, bbox=[10**400, 2, 3, 3]), "box-not-finite", "bbox", "want finite numbers", "cat"),
        (box(1, 1, bbox=[30, 20, -10, 5]), "box-degenerate", "bbox", "looks like xyxy", "cat"),
        (box(1, 1, bbox=[30, 20, -10, -5]), "box-degenerate", "bbox", "looks like xyxy", "cat"),
        (box(1, 1, bbox=[3, 20, -10, 5]), "box-degenerate", "bbox", "want a width and height of 0 or more", "cat"),
    ],
)
def test_a_bad_record_is_one_finding_and_the_others_stay(
    tmp_path: Path, record: Any, code: str, field: str, words: str, category: str
) -> None:
    sample = one_sample(tmp_path, box(8, 1), record, box(9, 1, 7))
    assert sample.instances.ids.tolist() == [8, 9]
    assert sample.source_count == 3
    (found,) = sample.findings
    where = "annotations[1]" + (f".{field}" if field else "")
    assert (found.code, found.path, found.where, found.objects) == (code, "labels.json", where, 1)
    assert (found.split, found.category) == ("train", category)
    assert words in found.message


def test_only_where_it_fits_a_negative_size_looks_like_corners(tmp_path: Path) -> None:
    sample = one_sample(tmp_path, box(1, 1, bbox=[3, 20, -10, 5]))
    assert "xyxy" not in sample.findings[0].message


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"segmentation": [[1, 2, 3]]}, "segmentation", "1 of 1 polygon is"),
        ({"segmentation": [RING, [1, 2, 3, 4, 5, 6, 7]]}, "segmentation", "1 of 2 polygons is"),
        ({"segmentation": [[]]}, "segmentation", "1 of 1 polygon is"),
        ({"segmentation": [[*RING[:-1], math.nan]]}, "segmentation", "1 of 1 polygon is"),
        ({"segmentation": [["a"] * 6]}, "segmentation", "1 of 1 polygon is"),
        ({"segmentation": [[1, 2, 3, 4]]}, "segmentation", "left out; the box is kept"),
        ({"segmentation": [[1, 2], [3, 4]]}, "segmentation", "left out; the box is kept"),
        ({"segmentation": [RING, [1, 2]]}, "segmentation", "left out; the box and 1 polygon are kept"),
        ({"segmentation": "none"}, "segmentation", "have 'none', want polygons"),
        ({"segmentation": {}}, "segmentation", "size: have None"),
        ({"segmentation": {"size": [0, 6], "counts": [0]}}, "segmentation", "size: have [0, 6]"),
        ({"segmentation": {"size": [2**40, 2**40], "counts": [0]}}, "segmentation", "size: have"),
        ({"segmentation": {"size": [4, 6], "counts": [20]}}, "segmentation", "runs sum to 20, want 24"),
        ({"segmentation": {"size": [4, 6], "counts": [30, -6]}}, "segmentation", "counts"),
        ({"segmentation": {"size": [4, 6], "counts": ["x"]}}, "segmentation", "counts: have ['x']"),
        ({"segmentation": {"size": [4, 6], "counts": None}}, "segmentation", "counts: have None"),
        ({"segmentation": {"size": [4, 6], "counts": "é"}}, "segmentation", "counts"),
        ({"segmentation": {"size": [4, 6], "counts": "~~"}}, "segmentation", "counts: not a compressed"),
        ({"keypoints": [1, 2]}, "keypoints", "have [1, 2]"),
        ({"keypoints": [1, 2, 3]}, "keypoints", "want x, y and 0, 1 or 2"),
        ({"keypoints": [1, math.nan, 2]}, "keypoints", "want x, y"),
        ({"keypoints": "nose"}, "keypoints", "have 'nose'"),
    ],
)
def test_an_outline_that_cannot_be_read_is_a_fault_and_no_repair_and_the_box_is_kept(
    tmp_path: Path, fields: dict[str, Any], field: str, words: str
) -> None:
    sample = one_sample(tmp_path, box(1, 1, **fields))
    assert sample.instances.boxes.tolist() == [[1, 2, 11, 22]]
    (found,) = sample.findings
    assert (found.code, found.where, found.objects) == ("shape-unreadable", f"annotations[0].{field}", 0)
    assert words in found.message
    assert "kept" in found.message


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"segmentation": RING}, "segmentation", "a bare polygon"),
        ({"segmentation": PAIRS}, "segmentation", "a list of points"),
        ({"segmentation": [PAIRS]}, "segmentation", "a list of points"),
        ({"iscrowd": 2}, "iscrowd", "have 2, want 0 or 1"),
        ({"iscrowd": "yes"}, "iscrowd", "have 'yes'"),
        ({"area": "large"}, "area", "have 'large'"),
        ({"area": math.nan}, "area", "want a finite number"),
        ({"score": math.inf}, "score", "want a finite number"),
        ({"attributes": {"rotation": 30}, "segmentation": [RING]}, "attributes.rotation", "beside a segmentation"),
    ],
)
def test_a_fault_beside_the_box_is_repaired_and_the_box_kept(
    tmp_path: Path, fields: dict[str, Any], field: str, words: str
) -> None:
    sample = one_sample(tmp_path, box(1, 1, **fields))
    assert sample.instances.boxes.tolist() == [[1, 2, 11, 22]]
    (found,) = sample.findings
    assert (found.code, found.where, found.objects) == ("record-repaired", f"annotations[0].{field}", 0)
    assert words in found.message
    if fields.get("segmentation") in (RING, PAIRS, [PAIRS]):
        assert [ring.ravel().tolist() for ring in sample.instances.polygons[0]] == [RING]


def test_what_is_missing_has_its_default(tmp_path: Path) -> None:
    sample = one_sample(tmp_path, {"image_id": 1, "category_id": 7, "bbox": ["1.5", 2, "3", 4.25]})
    objects = sample.instances
    assert objects.boxes.tolist() == [[1.5, 2.0, 4.5, 6.25]]
    assert (objects.labels.tolist(), objects.crowd.tolist(), objects.ids.tolist()) == ([1], [False], [0])
    assert (list(objects.polygons), objects.masks, objects.attributes) == ([()], (None,), ({},))
    assert np.isnan([*objects.areas, *objects.scores]).all()
    assert objects.keypoints.shape == (1, 0, 2)
    assert sample.findings == ()


def test_a_zero_size_is_kept(tmp_path: Path) -> None:
    sample = one_sample(tmp_path, box(1, 1, bbox=[5, 6, 0, 0]))
    assert sample.instances.boxes.tolist() == [[5, 6, 5, 6]]
    assert sample.findings == ()


def test_the_far_corner_is_the_sum_in_float64(tmp_path: Path) -> None:
    sample = one_sample(tmp_path, box(1, 1, bbox=[0.1, 0.7, 0.2, 0.1]))
    assert sample.instances.boxes.tolist() == [[0.1, 0.7, 0.1 + 0.2, 0.7 + 0.1]]


@pytest.mark.parametrize(
    ("segmentation", "hull"),
    [
        ([RING, [7, 8, 9, 8, 9, 9]], [1, 1, 9, 9]),
        ({"size": [4, 6], "counts": list(Rle.from_mask(MASK).runs)}, [2, 1, 5, 3]),
        ({"size": [4, 6], "counts": Rle.from_mask(MASK).text().decode()}, [2, 1, 5, 3]),
        ({"size": [4, 6], "counts": [5, 2, 17]}, [1, 1, 2, 3]),
        ({"size": [4, 6], "counts": [6, 4, 14]}, [1, 0, 3, 4]),
        ({"size": [4, 6], "counts": [0, 24]}, [0, 0, 6, 4]),
        ({"size": [2**20, 2**20], "counts": [2**40 - 2, 1, 1]}, [2**20 - 1, 2**20 - 2, 2**20, 2**20 - 1]),
    ],
)
@pytest.mark.parametrize("missing", [{}, {"bbox": None}, {"bbox": []}])
def test_a_missing_box_is_the_hull_of_the_segmentation(
    tmp_path: Path, segmentation: Any, hull: list[int], missing: dict[str, Any]
) -> None:
    sample = one_sample(tmp_path, {"id": 1, "image_id": 1, "category_id": 3, "segmentation": segmentation, **missing})
    assert sample.instances.boxes.tolist() == [hull]
    assert [(found.code, found.where) for found in sample.findings] == [("record-repaired", "annotations[0].bbox")]


@given(mask=st.lists(st.booleans(), min_size=20, max_size=20).filter(any))
def test_the_hull_of_a_mask_is_that_of_its_pixels(mask: list[bool], tmp_path_factory: pytest.TempPathFactory) -> None:
    pixels = np.array(mask).reshape(4, 5)
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    record = {"size": [4, 5], "counts": Rle.from_mask(pixels).text().decode()}
    sample = one_sample(tmp_path_factory.mktemp("hull"), box(1, 1, bbox=None, segmentation=record))
    assert sample.instances.boxes.tolist() == [[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]]


def test_an_empty_mask_has_no_hull(tmp_path: Path) -> None:
    sample = one_sample(tmp_path, box(1, 1, bbox=None, segmentation={"size": [4, 6], "counts": [24]}))
    assert codes(sample.findings) == ["record-unreadable"]


@pytest.mark.parametrize("crowd", [0, 1, True, "1", 0.0], ids=repr)
def test_crowd_and_mask_are_independent(tmp_path: Path, crowd: Any) -> None:
    runs = Rle.from_mask(MASK)
    spelt = [{"size": [4, 6], "counts": list(runs.runs)}, {"size": [4, 6], "counts": runs.text().decode()}, [RING], []]
    sample = one_sample(tmp_path, *(box(1 + i, 1, iscrowd=crowd, segmentation=one) for i, one in enumerate(spelt)))
    objects = sample.instances
    assert objects.crowd.tolist() == [bool(int(crowd))] * 4
    assert objects.masks == (Rle(Size(6, 4), runs.runs, compressed=False), runs, None, None)
    assert [len(rings) for rings in objects.polygons] == [0, 0, 1, 0]
    assert sample.findings == ()


def test_keypoints_gain_half_a_pixel_where_they_are_labelled(tmp_path: Path) -> None:
    classes = [{"id": 1, "name": "person", "keypoints": ["nose", "eye", "ear"]}]
    sample = one_sample(
        tmp_path,
        box(1, 1, 1, keypoints=[10, 20, 2, 3.25, 4, 1, 9, 9, 0], num_keypoints=7),
        box(2, 1, 1),
        box(3, 1, 1, keypoints=[1, 1, 1, 2, 2, 2, 3, 3, 2, 4, 4, 2]),
        categories=classes,
    )
    objects = sample.instances
    assert objects.visibility.tolist() == [[2, 1, 0, 0], [0, 0, 0, 0], [1, 2, 2, 2]]
    assert objects.keypoints[0].tolist() == [[10.5, 20.5], [3.75, 4.5], [0, 0], [0, 0]]
    assert sample.findings == ()


def test_fields_that_coco_does_not_define_are_kept_apart(tmp_path: Path) -> None:
    sample = one_sample(
        tmp_path,
        box(1, 1, attributes={"occluded": True, "rotation": 0.0}, track=5, ignore=None),
        box(2, 1, attributes=[4]),
        box(3, 1, attributes=None, score=0.25),
    )
    assert sample.instances.attributes == (
        {"occluded": True, "rotation": 0.0, "coco_fields": {"track": 5, "ignore": None}},
        {"coco_fields": {"attributes": [4]}},
        {},
    )
    assert sample.instances.scores.tolist()[2] == 0.25


def test_a_turned_box_is_an_oriented_one_with_its_hull(tmp_path: Path) -> None:
    record = box(1, 1, bbox=[10, 10, 20, 10], attributes={"rotation": 90.0, "occluded": False}, area=200)
    objects = (sample := one_sample(tmp_path, record)).instances
    np.testing.assert_allclose(objects.boxes, [[15, 5, 25, 25]], atol=1e-12)
    np.testing.assert_allclose(objects.oriented, [[[25, 5], [25, 25], [15, 25], [15, 5]]], atol=1e-12)
    assert objects.attributes == ({"occluded": False},)
    assert sample.findings == ()
    assert not objects.polygons.holds_any


@pytest.mark.parametrize("shape", ["bar", "mask", "corners"])
def test_corners_of_an_oriented_box_beside_any_segmentation(tmp_path: Path, shape: str) -> None:
    corners = [10.5, 2, 20, 8, 14, 17.25, 4.5, 11]
    segmentation: Any = {"bar": [[1, 1, 9, 1, 9, 2]], "mask": {"size": [48, 64], "counts": [5, 9, 3058]}}
    record = box(1, 1, oriented_box=corners, segmentation=segmentation.get(shape, [corners]))
    objects = (sample := one_sample(tmp_path, record)).instances
    assert objects.oriented.tolist() == np.array(corners).reshape(1, 4, 2).tolist()
    assert (len(objects.polygons[0]), objects.masks[0] is not None) == (shape == "bar", shape == "mask")
    assert sample.findings == ()


@pytest.mark.parametrize("corners", [[1, 2, 3], "x", [1, 2, 3, 4, 5, 6, 7, None], [1e300] * 8])
def test_corners_that_are_none_are_left_out_with_a_finding(tmp_path: Path, corners: object) -> None:
    sample = one_sample(tmp_path, box(1, 1, oriented_box=corners))
    assert np.isnan(sample.instances.oriented).all()
    assert [(found.code, found.where) for found in sample.findings] == [
        ("record-repaired", "annotations[0].oriented_box")
    ]


def test_a_positive_turn_is_clockwise_as_seen(tmp_path: Path) -> None:
    record = box(1, 1, bbox=[0, 10, 20, 0], attributes={"rotation": "30"})
    (ring,) = one_sample(tmp_path, record).instances.oriented
    left, right = ring[0], ring[1]
    assert left[1] < 10 < right[1]


def test_ids_stand_where_they_are_positive_and_first(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    ids = [5, 0, 5, -3, "7", None, 2**31 + 1, 2**70, "x", 7.0, 3]
    text = {"images": [image(1, "a.jpg")], "annotations": [box(number, 1) for number in ids], "categories": CAT_AND_DOG}
    (tmp_path / "all.json").write_text(json.dumps(text), encoding="utf-8")
    dataset = read(tmp_path)
    assert dataset[0].instances.ids.tolist() == [5, 0, 0, 0, 7, 0, 2**31 + 1, 0, 0, 0, 3]
    assert [(found.code, found.where) for found in dataset.findings] == [("record-repaired", "annotations[1].id")]
    assert "(7)" in dataset.findings[0].message


def test_bare_tokens_in_text_stay_and_outside_it_cost_one_record(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    text = r"""{"info": {"NaN": "a \" NaN, -Infinity"}, "images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [
        {"id": 1, "image_id": 1, "category_id": 3, "bbox": [NaN, 1, 2, 3]},
        {"id": 2, "image_id": 1, "category_id": 3, "bbox": [0, 1, 2, 3], "score": NaN},
        {"id": 3, "image_id": 1, "category_id": 3, "bbox": [0, -Infinity, Infinity, 3]}], "categories": [
        {"id": 3, "name": "NaN"}]}"""
    (tmp_path / "all.json").write_text("\ufeff" + text, encoding="utf-8")
    dataset = read(tmp_path)
    assert dataset.extra == {"coco": {"info": {"NaN": 'a " NaN, -Infinity'}}}
    assert dataset[0].instances.ids.tolist() == [2]
    assert [(found.code, found.where) for found in dataset[0].findings] == [
        ("box-not-finite", "annotations[0].bbox"),
        ("record-repaired", "annotations[1].score"),
        ("box-not-finite", "annotations[2].bbox"),
    ]


def test_a_record_of_bytes_that_are_no_text_is_one_finding(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    head = b'{"images":[{"id":1,"file_name":"a.jpg"}],"categories":[{"id":3,"name":"cat"}],"annotations":['
    bad = b'{"id":1,"image_id":1,"category_id":3,"bbox":[1,2,3,4],"note":"\xff"}'
    good = b'{"id":2,"image_id":1,"category_id":3,"bbox":[1,2,3,4]}'
    (tmp_path / "all.json").write_bytes(head + bad + b"," + good + b"]}")
    dataset = read(tmp_path)
    assert dataset[0].instances.ids.tolist() == [2]
    assert codes(dataset[0].findings) == ["record-unreadable"]


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 70), st.just(2**80), st.floats(), st.text(max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=3), inner, max_size=2)),
    max_leaves=6,
)
FOUR = st.lists(st.one_of(st.floats(), st.integers(-5, 70), st.sampled_from(["1", "x"])), min_size=4, max_size=4)
RECORD = st.one_of(
    JSON,
    st.fixed_dictionaries(
        {"image_id": st.sampled_from([1, "1", 2, None]), "category_id": st.sampled_from([3, 7, "3", 9])},
        optional={
            "id": JSON,
            "bbox": st.one_of(FOUR, JSON),
            "segmentation": st.one_of(
                JSON,
                st.lists(st.lists(st.floats(), max_size=7), max_size=2),
                st.fixed_dictionaries(
                    {"size": st.just([2, 2]), "counts": st.one_of(JSON, st.text("0123456789PTQRh~é"))}
                ),
            ),
            "keypoints": JSON,
            "area": JSON,
            "iscrowd": JSON,
            "score": JSON,
            "attributes": st.one_of(JSON, st.fixed_dictionaries({"rotation": JSON})),
            "more": JSON,
        },
    ),
)


@given(records=st.lists(RECORD, max_size=6))
def test_whatever_the_records_are_the_accounts_balance(
    records: list[Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("any")
    picture(folder / "a.jpg")
    text = {"images": [image(1, "a.jpg")], "annotations": records, "categories": CAT_AND_DOG}
    (folder / "all.json").write_text(json.dumps(text), encoding="utf-8")
    dataset = FORMAT.read(folder, probe, CocoReadOptions())
    check_accounts(dataset)
    lost = sum(finding.objects for finding in dataset.findings)
    assert len(records) == dataset[0].source_count + lost
    assert np.isfinite(dataset[0].instances.boxes).all()


@given(data=st.data())
def test_a_file_with_bytes_changed_is_read_or_refused_and_nothing_else(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("bent")
    picture(folder / "a.jpg")
    record = box(1, 1, segmentation={"size": [4, 6], "counts": [24]}, keypoints=[1, 2, 2], attributes={"é": [1]})
    path = document(folder / "all.json", [image(1, "a.jpg", license=1)], [record, box(2, 1)])
    text = bytearray(path.read_bytes())
    places = st.tuples(st.integers(0, len(text) - 1), st.integers(0, 255))
    for place, value in data.draw(st.lists(places, min_size=1, max_size=3)):
        text[place] = value
    path.write_bytes(text[: data.draw(st.integers(0, len(text)) | st.just(len(text)))])
    with contextlib.suppress(AnnotationError):
        check_accounts(FORMAT.read(path, probe, CocoReadOptions()))


def test_an_image_record_that_is_no_text_as_a_whole_gives_its_name(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    (tmp_path / "all.json").write_bytes(b'{"images":[{"id":1,"file_name":"a.jpg","by":"\xff"}],"annotations":[]}')
    sample = read(tmp_path)[0]
    assert (str(sample.name), sample.extra) == ("a.jpg", {})
    assert [(found.code, found.where) for found in sample.findings] == [("record-repaired", "images[0]")]


FAR = 1e9


@pytest.mark.parametrize("kept", ["", "note"])  # a field of its own sends a record past the reader of plain ones
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"bbox": [FAR, 1, 2, 3]}, "box-not-finite"),
        ({"bbox": [1, 1, 1e308, 1e308]}, "box-not-finite"),
        ({"segmentation": [[0, 0, FAR, 0, 1, 1]]}, "shape-unreadable"),
        ({"segmentation": [[0, 0, 1, -1e308, 1, 1]]}, "shape-unreadable"),
        ({"area": 1e18}, "record-repaired"),
        ({"bbox": [FAR / 2, 1, 2, 3], "segmentation": [[0, 0, FAR / 2, 0, 1, 1]]}, ""),
    ],
)
def test_what_lies_further_than_any_picture_is_as_good_as_infinite(
    tmp_path: Path, fields: dict[str, Any], code: str, kept: str
) -> None:
    more = {"area": 5.0, "iscrowd": 0, "segmentation": [], **fields} | ({kept: 1} if kept else {})
    sample = one_sample(tmp_path, box(1, 1, **more))
    assert [finding.code for finding in sample.findings] == [code] * bool(code)
    assert all((abs(ring) < FAR).all() for rings in sample.instances.polygons for ring in rings)
    assert not (sample.instances.areas >= 1e18).any()


def test_more_keypoints_than_any_pose_has_are_left_out(tmp_path: Path) -> None:
    most = one_sample(tmp_path / "a", box(1, 1, keypoints=[1, 1, 2] * 512))
    assert most.instances.keypoints.shape == (1, 512, 2)
    more = one_sample(tmp_path / "b", box(1, 1, keypoints=[1, 1, 2] * 513), categories=[POINTS])
    assert more.instances.keypoints.shape == (1, 0, 2)
    assert [finding.message for finding in more.findings] == [
        "have 513 points, want at most 512; left out; the box is kept"
    ]


POINTS = {"id": 3, "name": "cat", "keypoints": [f"p{number}" for number in range(513)]}
