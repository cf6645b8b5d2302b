"""Supervisely: every kind of label is read as it is drawn, and what is written is read back."""

from __future__ import annotations

import base64
import json
import math
import tempfile
import zlib
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import bboxprep
from bboxprep.errors import AnnotationError, UsageError
from bboxprep.formats.supervisely import FORMAT, SuperviselyReadOptions, SuperviselyWriteOptions
from bboxprep.geometry.affine import Size
from bboxprep.geometry.shapes import ring_area
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.instance import Instance
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle
from bboxprep.model.sample import Sample

DATA = Path(__file__).parents[3].parent / "shared" / "data" / "formats" / "supervisely"
SIZE = Size(64, 48)
CLASSES = Categories.from_names(("cat", "hand"))
GRAPH = {
    "nodes": {"b": {"label": "thumb"}, "a": {"label": "tip"}},
    "edges": [{"src": "a", "dst": "b"}, {"src": "a", "dst": "lost"}],
}
META = {"classes": [{"title": "cat", "shape": "any"}, {"title": "hand", "shape": "graph", "geometry_config": GRAPH}]}


def project(root: Path, *objects: Any, name: str = "a.jpg.json", meta: Any = META, **others: Any) -> Path:
    """A project of one image with these labels."""
    for folder in ("ds/img", "ds/ann"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "ds/img/a.jpg").write_bytes(b"")
    (root / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    document = {"tags": [], "size": {"width": 64, "height": 48}, "objects": objects, **others}
    (root / "ds/ann" / name).write_text(json.dumps(document), encoding="utf-8")
    return root


def read(root: Path, **options: Any) -> Dataset:
    return FORMAT.read(root, lambda _path, _declared=None: Header(SIZE), SuperviselyReadOptions(**options))


def one(root: Path, *objects: Any, **options: Any) -> Instance:
    (sample,) = read(project(root, *objects), **options)
    (found,) = sample.instances
    return found


def label(kind: str, *points: Any, interior: Any = (), **others: Any) -> dict[str, Any]:
    points_ = {"points": {"exterior": points, "interior": interior}} if points else {}
    return {"classTitle": "cat", "geometryType": kind, **points_, **others}


def encoded(mask: np.ndarray, mode: str) -> bytes:
    """A PNG of `mask` as tools write it."""
    picture, out = Image.fromarray(mask.astype(np.uint8) * 255), BytesIO()
    if mode == "RGBA":
        picture = Image.merge("RGBA", (*[Image.new("L", picture.size, 9)] * 3, picture))
    picture.convert(mode).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("units", "right", "box"),
    [
        ("auto", 10, (2.0, 3.0, 11.0, 9.0)),
        ("auto", 10.0, (2.0, 3.0, 10.0, 8.0)),
        ("pixels", 10.0, (2.0, 3.0, 11.0, 9.0)),
        ("subpixel", 10, (2.0, 3.0, 10.0, 8.0)),
    ],
)
def test_a_rectangle_includes_its_last_pixel_unless_the_file_has_decimals(
    tmp_path: Path, units: str, right: float, box: tuple[float, ...]
) -> None:
    assert tuple(one(tmp_path, label("rectangle", [right, 3], [2, 8]), units=units).box) == box


def test_a_polygon_has_centres_of_pixels_and_its_hole_takes_area_away(tmp_path: Path) -> None:
    hole = [[20, 20], [30, 20], [30, 30], [20, 30]]
    found = one(tmp_path, label("polygon", [10, 10], [40, 10], [40, 40], [10, 40], interior=[hole]))
    assert found.box.tolist() == [10.5, 10.5, 40.5, 40.5]
    assert ring_area(found.polygons[0]) == 900 - 100
    other = one(tmp_path, label("polygon", [10, 10], [40, 10], [40, 40], [10, 40], interior=[hole[::-1]]))
    assert ring_area(other.polygons[0]) == 800


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA"])
@pytest.mark.parametrize("packed", [True, False])
def test_a_bitmap_is_a_mask_at_its_origin(tmp_path: Path, mode: str, packed: bool) -> None:
    mask = np.zeros((5, 7), dtype=np.bool_)
    mask[1:4, 2:6] = True
    png = encoded(mask, mode)
    data = base64.b64encode(zlib.compress(png) if packed else png).decode()
    found = one(tmp_path, label("bitmap", bitmap={"data": data, "origin": [30, 20]}))
    assert found.mask is not None
    assert found.mask.bounds.tolist() == found.box.tolist() == [32, 21, 36, 24]
    assert found.mask.area == 12


def test_a_turned_box_is_turned_clockwise_about_its_centre(tmp_path: Path) -> None:
    found = one(tmp_path, label("oriented_bbox", [10.0, 10.0], [30.0, 14.0], angle=math.pi / 2))
    assert found.oriented.round(9).tolist() == [[22, 2], [22, 22], [18, 22], [18, 2]]
    assert found.box.round(9).tolist() == [18, 2, 22, 22]


def test_a_graph_has_the_keypoints_of_its_class_in_their_order(tmp_path: Path) -> None:
    nodes = {"a": {"loc": [4, 5], "disabled": True}, "b": {"loc": [8, 9]}}
    found = one(tmp_path, label("graph", nodes=nodes) | {"classTitle": "hand"})
    hand = read(tmp_path).categories[1]
    assert (hand.keypoints, hand.skeleton) == (("thumb", "tip"), ((2, 1),))
    assert found.keypoints.tolist() == [[8.5, 9.5], [4.5, 5.5]]
    assert found.visibility.tolist() == [2, 1]


def test_labels_of_one_instance_are_one_object(tmp_path: Path) -> None:
    ring = label("polygon", [10, 10], [20, 10], [20, 20], instance="x")
    found = one(tmp_path, label("rectangle", [5, 5], [24, 24], instance="x", description="far"), ring, ring)
    assert (found.box.tolist(), len(found.polygons)) == ([5, 5, 25, 25], 2)
    two = label("rectangle", [5, 5], [24, 24], instance="x")
    (sample,) = read(project(tmp_path / "two", two, two))
    assert len(sample.instances) == sample.source_count == 2


def test_tags_and_a_description_are_attributes(tmp_path: Path) -> None:
    tags = [{"name": "hidden"}, {"name": "age", "value": "3"}, {"name": "colour", "value": "red"}, {"value": 1}, 7]
    found = one(tmp_path, label("rectangle", [5, 5], [24, 24], tags=tags, description="far"))
    assert found.attributes == {"hidden": True, "age": 3, "colour": "red", "description": "far"}


@pytest.mark.parametrize(
    ("record", "where"),
    [
        (label("rectangle", [1, 2]), "objects[0].points.exterior"),
        (label("rectangle", [1, 2], [1e30, 2]), "objects[0].points.exterior"),
        (label("star", [1, 2], [3, 4]), "objects[0].geometryType"),
        (label("rectangle", [1, 2], [3, 4]) | {"classTitle": " "}, "objects[0].classTitle"),
        (label("bitmap", bitmap={"data": "AAAA", "origin": [0, 0]}), "objects[0].bitmap.data"),
        (label("bitmap", bitmap={"data": "AAAA", "origin": ["x", 0]}), "objects[0].bitmap"),
        (label("graph", nodes={"a": 7}) | {"classTitle": "hand"}, "objects[0].nodes"),
        (label("oriented_bbox", [1, 2], [3, 4], angle="x"), "objects[0].angle"),
        (7, "objects[0]"),
    ],
)
def test_a_label_that_cannot_be_read_is_dropped_with_its_place(tmp_path: Path, record: Any, where: str) -> None:
    (sample,) = read(project(tmp_path, record, label("rectangle", [1, 2], [3, 4])))
    assert (len(sample.instances), sample.source_count) == (1, 2)
    assert [(finding.objects, finding.where, finding.path) for finding in sample.findings] == [
        (1, where, "ds/ann/a.jpg.json")
    ]


def test_lines_are_held_as_boxes_and_told(tmp_path: Path) -> None:
    (sample,) = read(project(tmp_path, label("line", [1, 2], [9, 12], [5, 5])))
    assert sample.boxes.tolist() == [[1.5, 2.5, 9.5, 12.5]]
    assert [finding.code for finding in sample.findings] == ["shape-unread"]


def test_an_old_label_file_is_called_by_the_stem_and_a_tag_names_the_split(tmp_path: Path) -> None:
    project(tmp_path, label("rectangle", [1, 2], [3, 4]), name="a.json", tags=[{"name": "val"}])
    (sample,) = read(tmp_path)
    assert (sample.key, sample.labelled, len(sample.instances)) == (("val", "a.jpg"), True, 1)


def test_datasets_within_datasets_are_read_and_names_stay_unique(tmp_path: Path) -> None:
    for folder in ("", "ds/datasets"):
        project(tmp_path / folder, label("rectangle", [1, 2], [3, 4]))
    (tmp_path / "ds/datasets/meta.json").unlink()
    assert [sample.key for sample in read(tmp_path)] == [("train", "a.jpg"), ("train", "ds/a.jpg")]


def test_where_no_file_can_be_read_the_first_is_named(tmp_path: Path) -> None:
    (project(tmp_path) / "ds/ann/a.jpg.json").write_text("{", encoding="utf-8")
    with pytest.raises(AnnotationError, match=r"ds/ann/a\.jpg\.json: want a JSON object"):
        read(tmp_path)


def test_a_class_without_a_name_and_a_split_called_like_a_folder_are_refused(tmp_path: Path) -> None:
    for dataset, words in (
        (Dataset(tmp_path, "x", Categories.from_names((" ",)), []), "class name"),
        (Dataset(tmp_path, "x", CLASSES, [], splits=("ann",)), "split: have 'ann'"),
    ):
        with pytest.raises((AnnotationError, UsageError), match=words):
            FORMAT.write(tmp_path, dataset, SuperviselyWriteOptions())


edges = st.tuples(*[st.floats(0, side, width=32) for side in (*SIZE, *SIZE)]).filter(
    lambda box: abs(box[0] - box[2]) > 0.01 and abs(box[1] - box[3]) > 0.01
)
values = st.one_of(st.booleans(), st.integers(-9, 9), st.text(max_size=4), st.lists(st.none(), max_size=2))
stated = st.dictionaries(st.text(min_size=1, max_size=4), values, max_size=2)
things = st.tuples(edges, st.sampled_from(("box", "ring", "ring in a box", "mask")), stated)


def instances(drawn: list[Any]) -> Instances:
    boxes, rings, masks = [], [], []
    for (one, two, three, four), kind, _ in drawn:
        x0, x1, y0, y1 = min(one, three), max(one, three), min(two, four), max(two, four)
        ring = [(x0, y0), (x1, y0), (x1, y1)] if kind == "ring" else [(x0, y0), (x1, y0), (x0, (y0 + y1) / 2)]
        pixels = np.zeros((SIZE.height, SIZE.width), dtype=np.bool_)
        pixels[int(y0) : math.ceil(y1), int(x0) : math.ceil(x1)] = True
        boxes.append((x0, y0, x1, y1))
        rings.append([ring] if "ring" in kind else [])
        masks.append(Rle.from_mask(pixels) if kind == "mask" else None)
    attributes = [attributes for *_, attributes in drawn]
    return Instances.of(
        boxes, [row % 2 for row in range(len(drawn))], polygons=rings, masks=masks, attributes=attributes
    )


def trip(objects: Instances, subpixel: bool, change: Any = lambda document: document) -> Instances:
    """`objects` as they are read from what is written of them, after a `change` of the document."""
    sample = Sample(PurePosixPath("a.jpg"), Path("a.jpg"), Header(SIZE), objects)
    with tempfile.TemporaryDirectory() as folder:
        root = project(Path(folder))
        dataset = Dataset(root, "supervisely", CLASSES, [sample], splits=("ds",))
        writer = FORMAT.write(root, dataset, SuperviselyWriteOptions(subpixel=subpixel))
        (labels,) = writer.encode(Batch.of([sample]), ["ds/img/a.jpg"])
        assert labels.count == len(objects)
        ((path, data),) = labels.files
        (root / path).write_text(json.dumps(change(json.loads(data))), encoding="utf-8")
        writer.collect(labels.entry)
        writer.close()
        (read_again,) = read(root)
    assert not read_again.findings
    return read_again.instances


def assert_same(found: Instances, wanted: Instances, step: float) -> None:
    assert found.labels.tolist() == wanted.labels.tolist()
    assert found.masks == wanted.masks
    assert [dict(one) for one in found.attributes] == [dict(one) for one in wanted.attributes]
    assert np.abs(found.boxes - wanted.boxes).max(initial=0) <= 2 * step + 1e-9
    assert [len(rings) for rings in found.polygons] == [len(rings) for rings in wanted.polygons]
    for mine, other in zip(found.polygons, wanted.polygons, strict=True):
        assert all(np.abs(one - two).max() <= step + 1e-9 for one, two in zip(mine, other, strict=True))


@given(st.lists(things, max_size=4), st.booleans())
def test_what_is_written_is_read_back_within_the_step(drawn: list[Any], subpixel: bool) -> None:
    objects = instances(drawn)
    assert_same(trip(objects, subpixel), objects, 0.0 if subpixel else 0.5)


def test_the_law_catches_a_rectangle_that_is_a_pixel_short() -> None:
    objects = instances([((2.0, 3.0, 10.0, 12.0), "box", {})])

    def shorter(document: Any) -> Any:
        document["objects"][0]["points"]["exterior"][1][0] -= 2
        return document

    with pytest.raises(AssertionError):
        assert_same(trip(objects, subpixel=False, change=shorter), objects, 0.5)


@pytest.mark.skipif(not DATA.is_dir(), reason="the real files are not here")
def test_real_files_have_the_objects_that_they_are_known_to_have() -> None:
    dataset = bboxprep.read(DATA / "toy" / "project")
    objects = [each for sample in dataset for each in sample.objects]
    assert len(dataset) == 4
    assert sum(not each.polygons and each.mask is None for each in objects) == 5
    (mask,) = [each.mask for each in objects if each.mask is not None]
    assert (mask.area, mask.bounds[:2].tolist()) == (940, [200, 100])
    (ring,) = [each.polygons for each in objects if each.polygons]
    assert ring_area(ring[0]) == 80 * 60 - 30 * 20
    assert not [finding for sample in dataset for finding in sample.findings]


@pytest.mark.skipif(not DATA.is_dir(), reason="the real files are not here")
def test_a_file_of_another_tool_keeps_its_points_below_geometry(tmp_path: Path) -> None:
    document = json.loads((DATA / "tests/fixtures/sample_valid.supervisely.json").read_text(encoding="utf-8"))
    (sample,) = read(project(tmp_path, *document["objects"]))
    assert sample.boxes.tolist() == [[10, 20, 100, 80], [50, 60, 200, 210], [280, 100, 360, 180]]
