"""BDD100K and Scalabel: every kind of label is read as it is drawn, and what is written is read back."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.errors import AnnotationError, UsageError
from bboxprep.formats.api import NoOptions
from bboxprep.formats.bdd100k import FORMAT, BddReadOptions
from bboxprep.geometry.affine import Size
from bboxprep.geometry.shapes import ring_area
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle
from bboxprep.model.sample import Sample

DATA = Path(__file__).parents[3].parent / "shared" / "data" / "formats" / "bdd100k"
SIZE = Size(64, 48)
BOX = {"x1": 2, "y1": 3, "x2": 10, "y2": 8}
CLASSES = Categories.from_names(("car", "nobody"))


def read(root: Path, **options: Any) -> Dataset:
    return FORMAT.read(root, lambda _path, _declared=None: Header(SIZE), BddReadOptions(**options))


def document(root: Path, *labels: Any, name: str = "det_val.json", config: Any = None, **frame: Any) -> Path:
    """A document of one frame with these labels, in which each is a car unless it says otherwise."""
    (root / "images").mkdir(parents=True, exist_ok=True)
    (root / "images/a.jpg").write_bytes(b"")
    cars = [{"category": "car", **label} if isinstance(label, dict) else label for label in labels]
    frames = [{"name": "a.jpg", "labels": cars, **frame}]
    content = frames if config is None else {"frames": frames, "config": config}
    (root / name).write_text(json.dumps(content), encoding="utf-8")
    return root


def one(root: Path, *labels: Any, **options: Any) -> Sample:
    (sample,) = read(document(root, *labels, **options))
    return sample


def polygon(types: str, *vertices: tuple[float, float], closed: bool = True) -> dict[str, Any]:
    return {"poly2d": [{"vertices": vertices, "types": types, "closed": closed}]}


def test_a_box_includes_its_last_pixel_and_its_split_is_that_of_the_document(tmp_path: Path) -> None:
    label = {"box2d": BOX, "score": 0.5, "attributes": {"occluded": True, "crowd": True}}
    sample = one(tmp_path, label, attributes={"weather": "clear"}, url=None)
    assert sample.boxes.tolist() == [[2, 3, 11, 9]]
    assert (sample.split, sample.extra) == ("val", {"bdd100k": {"attributes": {"weather": "clear"}}})
    assert sample.instances.crowd.tolist() == [True]
    assert sample.instances.attributes == ({"occluded": True},)
    assert sample.instances.scores.tolist() == [0.5]


def test_vertices_are_edges_and_curves_become_points(tmp_path: Path) -> None:
    circle = 4 / 3 * (2**0.5 - 1) * 10  # the control points of a quarter of a circle of radius 10
    quarter = [(20.0, 10.0), (20.0, 10 + circle), (10 + circle, 20.0), (10.0, 20.0)]
    sample = one(tmp_path, polygon("LCCLL", *quarter, (10.0, 10.0)), polygon("LLL", (1, 2), (5, 2), (5, 9)))
    curved, plain = (rings[0] for rings in sample.instances.polygons)
    assert abs(ring_area(curved) - np.pi * 100 / 4) < 0.2
    assert plain.tolist() == [[1, 2], [5, 2], [5, 9]]
    assert sample.boxes.tolist() == [[10, 10, 20, 20], [1, 2, 5, 9]]


def test_a_line_is_held_as_its_box_and_told(tmp_path: Path) -> None:
    sample = one(tmp_path, polygon("LL", (1, 2), (5, 9), closed=False))
    assert sample.boxes.tolist() == [[1, 2, 5, 9]]
    assert [finding.code for finding in sample.findings] == ["shape-unread"]
    assert not sample.instances.has(Column.POLYGONS).any()


def test_lanes_and_areas_are_read_when_asked_for(tmp_path: Path) -> None:
    lane = {"category": "lane", **polygon("LLL", (1, 2), (5, 2), (5, 9))}
    sample = one(tmp_path, {"box2d": BOX}, lane, lane)
    assert (len(sample.instances), sample.source_count) == (1, 3)
    assert [(finding.code, finding.objects) for finding in sample.findings] == [("class-dropped", 2)]
    (sample,) = read(tmp_path, lanes=True)
    assert len(sample.instances) == 3


def test_ids_are_tracks_in_a_video_and_frames_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for video in ("v", "w"):
        (tmp_path / "images" / video).mkdir(parents=True)
        (tmp_path / "images" / video / "1.jpg").write_bytes(b"")
    label = {"id": "00007", "category": "car", "box2d": BOX}
    frames = [{"name": "1.jpg", "videoName": video, "labels": [label]} for video in ("v", "w")]
    (tmp_path / "train.json").write_text(json.dumps(frames), encoding="utf-8")
    samples = list(read(tmp_path))
    assert [(str(sample.name), sample.instances.tracks.tolist()) for sample in samples] == [
        ("v/1.jpg", [7]),
        ("w/1.jpg", [7]),
    ]
    assert one(tmp_path / "still", label).instances.tracks.tolist() == [-1]


def test_a_graph_has_keypoints_by_their_names(tmp_path: Path) -> None:
    nodes = [
        {"location": [4.0, 5.0], "category": "head", "visibility": "V"},
        {"location": [8.0, 9.0], "category": "hand", "visibility": "H"},
    ]
    sample = one(tmp_path, {"graph": {"nodes": nodes[:1]}, "box2d": BOX}, {"graph": {"nodes": nodes[::-1]}})
    assert read(tmp_path).categories[0].keypoints == ("head", "hand")
    assert sample.instances.visibility.tolist() == [[2, 0], [2, 1]]
    assert sample.instances.keypoints[1].tolist() == [[4, 5], [8, 9]]


def test_the_class_table_and_the_size_are_those_of_the_configuration(tmp_path: Path) -> None:
    categories = [{"name": "vehicle", "subcategories": [{"name": "bus"}, {"name": "tram"}]}]
    config = {"categories": categories, "imageSize": {"width": 64, "height": 48}}
    sample = one(tmp_path, {"box2d": BOX}, config=config)
    assert read(tmp_path).categories.names == ("bus", "tram", "car")
    assert sample.declared == SIZE


@pytest.mark.parametrize(
    ("label", "where"),
    [
        ({"box2d": {"x1": 1}}, "box2d"),
        ({"box2d": 7}, "box2d"),
        ({"category": "", "box2d": BOX}, "category"),
        ({"poly2d": [{"vertices": [[1, 2]]}]}, "poly2d.vertices"),
        ({"rle": {"counts": "~~", "size": [48, 64]}}, "rle.counts"),
        ({"rle": {"counts": "11", "size": [48]}}, "rle"),
        ({"graph": {"nodes": [{"category": "x", "location": 7}]}}, "graph.nodes.location"),
        ({"box3d": {}}, ""),
        (7, ""),
    ],
)
def test_a_label_that_cannot_be_read_is_dropped_with_its_place(tmp_path: Path, label: Any, where: str) -> None:
    sample = one(tmp_path, {"box2d": BOX}, label)
    assert (len(sample.instances), sample.source_count) == (1, 2)
    place = f"frames[0].labels[1]{'.' if where else ''}{where}"
    assert [(finding.objects, finding.where, finding.path) for finding in sample.findings] == [
        (1, place, "det_val.json")
    ]


def test_what_is_no_document_and_a_split_called_like_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"frames": [}', encoding="utf-8")
    with pytest.raises(AnnotationError, match=r"a\.json: want a list of frames"):
        read(tmp_path)
    with pytest.raises(UsageError, match="split: have 'labels'"):
        FORMAT.write(tmp_path, Dataset(tmp_path, "x", CLASSES, [], splits=("labels",)), NoOptions())


things = st.tuples(
    st.tuples(*[st.floats(0, 40, width=32) for _ in range(4)]),
    st.sampled_from(("box", "ring", "mask", "crowd")),
    st.dictionaries(st.text(max_size=4), st.one_of(st.integers(-9, 9), st.text(max_size=4), st.none()), max_size=2),
    st.one_of(st.just(np.nan), st.floats(0, 1)),
)


def instances(drawn: list[Any]) -> Instances:
    pixels = np.zeros((SIZE.height, SIZE.width), dtype=np.bool_)
    pixels[3:9, 4:20] = True
    rings = [(1.5, 2.25), (30.0, 2.0), (8.0, 20.0)]
    return Instances.of(
        [(x, y, x + width, y + height) for (x, y, width, height), *_ in drawn],
        [0 for _ in drawn],
        crowd=[kind == "crowd" for _, kind, *_ in drawn],
        polygons=[[rings, rings[::-1]] if kind == "ring" else [] for _, kind, *_ in drawn],
        masks=[Rle.from_mask(pixels) if kind == "mask" else None for _, kind, *_ in drawn],
        attributes=[{key: value for key, value in stated.items() if key != "crowd"} for *_, stated, _ in drawn],
        scores=[score for *_, score in drawn],
    )


def trip(objects: Instances, change: Any = lambda document: document) -> Sample:
    """What is read of what is written of `objects`, after a `change` of the document."""
    extra = {"bdd100k": {"videoName": "v", "attributes": {"scene": "city"}}}
    sample = Sample(PurePosixPath("a.jpg"), Path("a.jpg"), Header(SIZE), objects, extra=extra)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "images/train").mkdir(parents=True)
        (root / "images/train/a.jpg").write_bytes(b"")
        writer = FORMAT.write(root, Dataset(root, "bdd100k", CLASSES, [sample], splits=("train",)), NoOptions())
        (labels,) = writer.encode(Batch.of([sample]), ["images/train/a.jpg"])
        writer.collect(labels.entry)
        writer.close()
        path = root / "train.json"
        path.write_text(json.dumps(change(json.loads(path.read_bytes()))), encoding="utf-8")
        (found,) = read(root)
    assert not found.findings
    assert found.label_digest == labels.digest
    return found


@given(st.lists(things, max_size=4))
def test_what_is_written_is_read_back(drawn: list[Any]) -> None:
    objects = instances(drawn)
    found = trip(objects)
    assert np.abs(found.boxes - objects.boxes).max(initial=0) < 1e-12
    assert found.extra == {"bdd100k": {"videoName": "v", "attributes": {"scene": "city"}}}
    for name in ("labels", "crowd", "masks", "attributes", "scores"):
        have, want = getattr(found.instances, name), getattr(objects, name)
        assert np.array_equal(have, want, equal_nan=True) if name == "scores" else list(have) == list(want)
    pairs = zip(found.instances.polygons, objects.polygons, strict=True)
    assert all(np.array_equal(one, two) for mine, other in pairs for one, two in zip(mine, other, strict=True))


def test_the_digest_tells_a_label_that_was_changed() -> None:
    def moved(document: Any) -> Any:
        document["frames"][0]["labels"][0]["box2d"]["x1"] += 1
        return document

    with pytest.raises(AssertionError):
        trip(instances([((1.0, 2.0, 9.0, 9.0), "box", {}, 0.5)]), moved)


COUNTS = {  # frames, boxes, masks, objects with keypoints
    "examples/image_list_with_auto_labels.json": (10, 25, 0, 0),
    "examples/image_list_with_auto_labels_v2.json": (2, 6, 0, 0),
    "tests/eval/testcases/ins_seg/ins_seg_rle_sample.json": (1, 8, 8, 0),
    "tests/eval/testcases/pose/pose_sample.json": (2, 4, 0, 4),
    "tests/eval/testcases/utils/gts.json": (9, 20, 0, 0),
}


@pytest.mark.skipif(not DATA.is_dir(), reason="the real files are not here")
@pytest.mark.parametrize("name", COUNTS)
def test_real_files_have_the_objects_that_they_are_known_to_have(name: str) -> None:
    samples = list(read(DATA / name))
    held = [sample.instances for sample in samples]
    masks = sum(one.has(Column.MASKS).sum() for one in held)
    joints = sum(one.has(Column.KEYPOINTS).sum() for one in held)
    assert (len(samples), sum(map(len, held)), masks, joints) == COUNTS[name]
    for one in held:
        for box, mask in zip(one.boxes, one.masks, strict=True):
            assert mask is None or mask.bounds.tolist() == box.tolist()
