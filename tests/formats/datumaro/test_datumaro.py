"""Datumaro: every kind of annotation is read as it is drawn, and what is written is read back."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.errors import AnnotationError
from bboxprep.formats.api import NoOptions, TextReadOptions
from bboxprep.formats.datumaro import FORMAT
from bboxprep.geometry.affine import Size
from bboxprep.geometry.shapes import ELLIPSE_POINTS
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories, Category
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle
from bboxprep.model.sample import Sample

DATA = Path(__file__).parents[3].parent / "shared" / "data" / "formats" / "datumaro"
SIZE = Size(64, 48)
CLASSES = Categories((Category("cat"), Category("hand", keypoints=("thumb", "tip"))))
LABELS = [{"name": "cat", "parent": ""}, {"name": "hand", "parent": ""}, {"name": "thumb", "parent": "hand"}]
POINTS = {"items": [{"label_id": 1, "labels": ["thumb", "tip"], "joints": [[0, 1]]}]}


def read(root: Path) -> Dataset:
    return FORMAT.read(root, lambda _path, _declared=None: Header(SIZE), TextReadOptions())


def document(root: Path, *annotations: Any, name: str = "val") -> Path:
    """A document of one image with these annotations, which are cats unless they say otherwise."""
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    (root / "images" / name).mkdir(parents=True, exist_ok=True)
    (root / "images" / name / "a.jpg").write_bytes(b"")
    own = [{"label_id": 0, **one} if isinstance(one, dict) else one for one in annotations]
    item = {"id": "a", "image": {"path": "a.jpg", "size": [48, 64]}, "annotations": own}
    content = {"categories": {"label": {"labels": LABELS}, "points": POINTS}, "items": [item, {"id": "b"}]}
    (root / f"annotations/{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return root


def one(root: Path, *annotations: Any) -> Sample:
    (sample,) = read(document(root, *annotations))
    return sample


def box(*numbers: float, **others: Any) -> dict[str, Any]:
    return {"type": "bbox", "bbox": numbers, **others}


def test_the_size_is_height_first_and_the_split_is_that_of_the_document(tmp_path: Path) -> None:
    sample = one(tmp_path, box(1, 2, 10, 20))
    assert (sample.key, sample.declared) == (("val", "a.jpg"), SIZE)
    assert sample.boxes.tolist() == [[1, 2, 11, 22]]


def test_attributes_become_columns(tmp_path: Path) -> None:
    stated = {"is_crowd": True, "score": 0.5, "track_id": 7, "occluded": True}
    objects = one(tmp_path, box(1, 2, 10, 20, attributes=stated, z_order=3)).instances
    assert (objects.crowd.tolist(), objects.scores.tolist(), objects.tracks.tolist()) == ([True], [0.5], [7])
    assert objects.attributes == ({"occluded": True, "z_order": 3},)


def test_a_rotated_box_is_turned_clockwise_about_its_centre(tmp_path: Path) -> None:
    objects = one(tmp_path, box(10, 10, 20, 4, attributes={"rotation": 90.0})).instances
    assert objects.oriented[0].round(9).tolist() == [[22, 2], [22, 22], [18, 22], [18, 2]]
    assert objects.polygons[0] == ()
    assert objects.boxes.round(9).tolist() == [[18, 2, 22, 22]]
    assert objects.attributes == ({},)


def test_polygons_ellipses_and_masks_are_outlines(tmp_path: Path) -> None:
    pixels = np.zeros((48, 64), dtype=np.bool_)
    pixels[3:9, 4:20] = True
    rle = {"counts": Rle.from_mask(pixels).text().decode(), "size": [48, 64]}
    ring, ellipse = [1, 2, 9, 2, 9, 12], [10, 20, 30, 24]
    objects = one(
        tmp_path,
        {"type": "polygon", "points": ring},
        {"type": "ellipse", "points": ellipse},
        {"type": "mask", "rle": rle},
    ).instances
    assert objects.boxes.tolist() == [[1, 2, 9, 12], ellipse, [4, 3, 20, 9]]
    assert [len(rings[0]) if rings else 0 for rings in objects.polygons] == [3, ELLIPSE_POINTS, 0]
    assert objects.masks[2] == Rle.from_mask(pixels)


def test_points_and_skeletons_are_keypoints_and_their_labels_no_classes(tmp_path: Path) -> None:
    sample = one(
        tmp_path,
        {"type": "points", "label_id": 1, "points": [4, 5, 8, 9], "visibility": [2, 0]},
        {"type": "skeleton", "label_id": 1, "points": [4, 5, 1, 8, 9, 2]},
    )
    categories = read(tmp_path).categories
    assert [(category.name, category.skeleton) for category in categories] == [("cat", ()), ("hand", ((1, 2),))]
    assert sample.instances.visibility.tolist() == [[2, 0], [1, 2]]
    assert sample.boxes.tolist() == [[4, 5, 4, 5], [4, 5, 8, 9]]


def test_annotations_of_one_group_and_label_are_one_object(tmp_path: Path) -> None:
    ring = {"type": "polygon", "points": [1, 2, 9, 2, 9, 12], "group": 4}
    sample = one(tmp_path, box(0, 0, 20, 20, group=4), ring, ring, {**ring, "label_id": 1}, box(0, 0, 5, 5))
    assert [len(rings) for rings in sample.instances.polygons] == [2, 1, 0]
    assert sample.boxes.tolist() == [[0, 0, 20, 20], [1, 2, 9, 12], [0, 0, 5, 5]]
    twice = one(tmp_path / "two", box(0, 0, 5, 5, group=1), box(0, 0, 5, 5, group=1))
    assert len(twice.instances) == twice.source_count == 2


def test_what_is_no_object_is_told(tmp_path: Path) -> None:
    line = {"type": "polyline", "points": [1, 2, 9, 12]}
    sample = one(tmp_path, line, {"type": "caption", "caption": "x"}, {"type": "label"})
    assert sample.boxes.tolist() == [[1, 2, 9, 12]]
    (finding,) = sample.findings
    assert "1 caption, 1 label, 1 polyline" in finding.message


@pytest.mark.parametrize(
    ("record", "where"),
    [
        (box(1, 2, 3), ".bbox"),
        (box(1, 2, 3, 1e30), ".bbox"),
        (box(1, 2, 3, 4, label_id=None), ".label_id"),
        (box(1, 2, 3, 4, label_id=9), ".label_id"),
        ({"type": "polygon", "points": [1, 2, 3]}, ".points"),
        ({"type": "mask", "rle": {"counts": "~", "size": [48, 64]}}, ".rle.counts"),
        ({"type": "mask", "rle": {"counts": "0", "size": [48]}}, ".rle"),
        ({"type": "points", "points": [1, 2], "visibility": [0]}, ".visibility"),
        ({"type": "skeleton", "points": [1, 2]}, ".points"),
        (7, ""),
    ],
)
def test_an_annotation_that_cannot_be_read_is_dropped_with_its_place(tmp_path: Path, record: Any, where: str) -> None:
    sample = one(tmp_path, box(1, 2, 3, 4), record)
    assert (len(sample.instances), sample.source_count) == (1, 2)
    assert [(finding.objects, finding.where, finding.path) for finding in sample.findings] == [
        (1, f"items[0].annotations[1]{where}", "annotations/val.json")
    ]


def test_what_is_no_document_is_refused(tmp_path: Path) -> None:
    document(tmp_path)
    (tmp_path / "annotations/val.json").write_text('{"categories": {}, "items": [}', encoding="utf-8")
    with pytest.raises(AnnotationError, match=r"val\.json: want categories and a list of items"):
        read(tmp_path)


things = st.tuples(
    st.tuples(*[st.floats(0, 40, width=32) for _ in range(4)]).filter(lambda box: min(box[2:]) > 0.01),
    st.sampled_from(("box", "rings", "mask", "crowd", "keypoints")),
    st.dictionaries(st.text(max_size=4), st.one_of(st.integers(-9, 9), st.text(max_size=4), st.none()), max_size=2),
    st.one_of(st.just(np.nan), st.floats(0, 1)),
    st.integers(-1, 3),
)


def instances(drawn: list[Any]) -> Instances:
    pixels = np.zeros((SIZE.height, SIZE.width), dtype=np.bool_)
    pixels[3:9, 4:20] = True
    ring = [(1.5, 2.25), (30.0, 2.0), (8.0, 20.0)]
    joints = [kind == "keypoints" for _, kind, *_ in drawn]
    return Instances.of(
        [(x, y, x + width, y + height) for (x, y, width, height), *_ in drawn],
        [int(joint) for joint in joints],
        crowd=[kind == "crowd" for _, kind, *_ in drawn],
        polygons=[[ring, ring[::-1]] if kind == "rings" else [] for _, kind, *_ in drawn],
        masks=[Rle.from_mask(pixels) if kind == "mask" else None for _, kind, *_ in drawn],
        keypoints=np.array([[(4.5, 5), (0, 0)] if joint else [(0, 0), (0, 0)] for joint in joints]).reshape(-1, 2, 2),
        visibility=np.array([(1, 0) if joint else (0, 0) for joint in joints]).reshape(-1, 2),
        attributes=[stated for *_, stated, _, _ in drawn],
        scores=[score for *_, score, _ in drawn],
        tracks=[track for *_, track in drawn],
    )


def trip(objects: Instances, change: Any = lambda document: document) -> Sample:
    """What is read of what is written of `objects`, after a `change` of the document."""
    sample = Sample(PurePosixPath("a.jpg"), Path("a.jpg"), Header(SIZE), objects)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "images/train").mkdir(parents=True)
        (root / "images/train/a.jpg").write_bytes(b"")
        writer = FORMAT.write(root, Dataset(root, "datumaro", CLASSES, [sample], splits=("train",)), NoOptions())
        (labels,) = writer.encode(Batch.of([sample]), ["images/train/a.jpg"])
        writer.collect(labels.entry)
        writer.close()
        path = root / "annotations/train.json"
        path.write_text(json.dumps(change(json.loads(path.read_bytes()))), encoding="utf-8")
        dataset = read(root)
        (found,) = dataset
    assert [category.keypoints for category in dataset.categories] == [(), ("thumb", "tip")]
    assert not found.findings
    assert found.label_digest == labels.digest
    return found


@given(st.lists(things, max_size=4))
def test_what_is_written_is_read_back(drawn: list[Any]) -> None:
    objects = instances(drawn)
    found = trip(objects).instances
    for name in ("boxes", "labels", "crowd", "keypoints", "visibility", "tracks"):
        assert getattr(found, name).tolist() == getattr(objects, name).tolist(), name
    assert np.array_equal(found.scores, objects.scores, equal_nan=True)
    assert (found.masks, found.attributes) == (objects.masks, objects.attributes)
    pairs = zip(found.polygons, objects.polygons, strict=True)
    assert all(np.array_equal(one, two) for mine, other in pairs for one, two in zip(mine, other, strict=True))


def test_the_digest_tells_an_annotation_that_was_changed() -> None:
    def moved(document: Any) -> Any:
        document["items"][0]["annotations"][0]["bbox"][0] += 1
        return document

    with pytest.raises(AssertionError):
        trip(instances([((1.0, 2.0, 9.0, 9.0), "box", {}, 0.5, 1)]), moved)


@pytest.mark.skipif(not DATA.is_dir(), reason="the real files are not here")
@pytest.mark.parametrize(
    ("subset", "items", "kinds"),
    [
        ("train", 2, {"bbox": 3, "points": 1, "mask": 1, "label": 2, "caption": 3}),
        ("val", 1, {"polyline": 1, "polygon": 1}),
        ("test", 1, {"cuboid_3d": 1}),
        ("default", 1, {}),
    ],
)
def test_real_files_have_the_annotations_that_they_are_known_to_have(
    subset: str, items: int, kinds: dict[str, int]
) -> None:
    """Each is an object, or a finding counts it: several have no label, or one that the table lacks."""
    path = DATA / "tests/assets/datumaro_dataset/diverse/annotations" / f"{subset}.json"
    samples = list(read(path))
    untold = Counter(
        {
            kind: sum(
                int(part.split()[0])
                for one in samples
                for finding in one.findings
                if finding.code == "shape-unread"
                for part in finding.message.removeprefix("not read: ").split(", ")
                if part.endswith(f" {kind}")
            )
            for kind in ("label", "caption", "cuboid_3d")
        }
    )
    assert len(samples) == items
    assert +untold == Counter({kind: kinds[kind] for kind in kinds if kind in untold})
    assert sum(one.source_count for one in samples) == sum(kinds.values()) - sum(untold.values())


@pytest.mark.skipif(not DATA.is_dir(), reason="the real files are not here")
def test_a_real_skeleton_has_its_three_points() -> None:
    dataset = read(DATA / "tests/assets/datumaro_dataset/with_skeleton")
    (sample,) = dataset
    assert dataset.categories.names == ("skeleton-label",)
    assert sample.instances.keypoints.tolist() == [[[0.9, 3.53], [2.45, 7.6], [5.2, 2.5]]]
    assert sample.declared == Size(6, 10)
