"""Label Studio: every region is read where the tool draws it, and what is written is read back."""

from __future__ import annotations

import base64
import json
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from bboxprep.errors import AnnotationError, UsageError
from bboxprep.formats.labelstudio import FORMAT
from bboxprep.formats.labelstudio.brush import decode_brush, encode_brush
from bboxprep.formats.labelstudio.layout import image_path, label_file
from bboxprep.formats.labelstudio.options import LabelStudioReadOptions, LabelStudioWriteOptions, Results
from bboxprep.geometry.affine import Affine, Size
from bboxprep.geometry.shapes import hull, ring_area
from bboxprep.io.png import write_png
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories, Category
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle
from bboxprep.model.sample import Sample
from tests import strategies

SIZE, SMALL = Size(1000, 500), Size(64, 48)
DATA = Path(__file__).parents[3].parent / "shared/data/formats/labelstudio/tests/custom/converter/data"
NO_CORNERS = np.full((4, 2), np.nan)
CLASSES = Categories((Category("cat"), Category("hand", keypoints=("thumb", "tip <&>")), Category('a "dog"')))


def region(kind: str, value: dict[str, Any], **fields: Any) -> dict[str, Any]:
    shape = {"id": "r1", "type": f"{kind}labels", "from_name": "label", "to_name": "image", "image_rotation": 90}
    labels = {f"{kind}labels": fields.pop("labels", ["cat"])}
    return shape | {"original_width": 1000, "original_height": 500, "value": value | labels} | fields


def read(root: Path, size: Size = SIZE, **options: Any) -> Dataset:
    return FORMAT.read(root, lambda _path, _declared=None: Header(size), LabelStudioReadOptions(**options))


def document(root: Path, *tasks: Any, name: str = "tasks.json") -> Path:
    (root / "a.jpg").write_bytes(b"")
    (root / name).write_text(json.dumps([*tasks]), encoding="utf-8")
    return root / name


def one_image(root: Path, *result: Any, **options: Any) -> Sample:
    """The image `a.jpg` with the regions `result`."""
    document(root, {"data": {"image": "a.jpg"}, "annotations": [{"result": [*result]}]})
    (sample,) = read(root, **options)
    assert str(sample.name) == "a.jpg"
    return sample


BOX = {"x": 20, "y": 20, "width": 30, "height": 20, "rotation": 0}


def test_percent_are_pixels_and_a_rectangle_turns_about_its_corner(tmp_path: Path) -> None:
    sample = one_image(tmp_path, region("rectangle", BOX), region("rectangle", BOX | {"rotation": 90}, id="r2"))
    assert sample.instances.boxes.tolist() == [[200, 100, 500, 200], [100, 100, 200, 400]]
    assert sample.instances.oriented[1].tolist() == [[200, 100], [200, 400], [100, 400], [100, 100]]
    assert (sample.declared, sample.fractional, sample.source_count, sample.findings) == (SIZE, True, 2, ())


def test_polygons_and_ellipses_are_outlines(tmp_path: Path) -> None:
    ellipse = {"x": 50, "y": 50, "radiusX": 10, "radiusY": 4, "rotation": 90}
    sample = one_image(
        tmp_path,
        region("polygon", {"points": [[10, 10], [20, 10], [20, 40]], "closed": True}),
        region("ellipse", ellipse, id="r2"),
        region("vector", {"vertices": [{"x": 10, "y": 10}, {"x": 20, "y": 30}], "closed": False}, id="r3"),
    )
    triangle, oval, line = sample.instances.polygons
    assert triangle[0].tolist() == [[100, 50], [200, 50], [200, 200]]
    np.testing.assert_allclose(hull(oval[0]), [480, 150, 520, 350], atol=1e-2)
    assert ring_area(oval[0]) == pytest.approx(np.pi * 2000, rel=1e-3)
    assert (line, sample.instances.boxes[2].tolist()) == ((), [100, 50, 200, 150])
    assert "not read: 1 vector" in read(tmp_path).findings[0].message


def test_keypoints_belong_to_their_parent_and_stand_alone_without_one(tmp_path: Path) -> None:
    point = {"x": 25, "y": 30, "width": 0.5}
    sample = one_image(
        tmp_path,
        region("keypoint", point, id="k1", parentID="r1", labels=["tip"], meta={"visibility": 1}),
        region("rectangle", BOX),
        region("keypoint", point, id="k2", parentID="gone", labels=["nose"]),
    )
    assert sample.instances.boxes.tolist() == [[200, 100, 500, 200], [250, 150, 250, 150]]
    assert (sample.instances.keypoints[0].tolist(), sample.instances.visibility.tolist()) == ([[250, 150]], [[1], [0]])
    assert [(each.name, each.keypoints) for each in read(tmp_path).categories] == [("cat", ("tip",)), ("nose", ())]


def test_masks_are_read_from_brushes_and_bitmaps(tmp_path: Path) -> None:
    wanted = np.zeros((500, 1000), dtype=np.bool_)
    wanted[3:9, 7:20] = True
    rle = [*encode_brush(Rle.from_mask(wanted)), 0]  # a byte of padding, as the tool's own encoder adds
    png = base64.b64encode(write_png(wanted.astype(np.uint8))).decode()
    sample = one_image(
        tmp_path,
        region("brush", {"format": "rle", "rle": rle}),
        region("bitmask", {"imageDataURL": f"data:image/png;base64,{png}"}, id="r2"),
        region("brush", {"format": "rle", "rle": rle[:9]}, id="r3"),
    )
    assert [mask.mask().tolist() == wanted.tolist() for mask in sample.instances.masks if mask] == [True, True]
    assert sample.instances.boxes.tolist() == [[7, 3, 20, 9]] * 2
    assert [(one.code, one.where, one.objects) for one in sample.findings] == [
        ("record-unreadable", "tasks[0].result[2].value.rle", 1)
    ]


@given(strategies.sizes().flatmap(strategies.rles))
def test_brush_codes_come_back(mask: Rle) -> None:
    assert decode_brush(encode_brush(mask), mask.size) == mask


def test_literal_values_and_soft_edges_are_read() -> None:
    values = [0, 0, 0, 0, 9, 9, 9, 1, 0, 0, 0, 0]  # three pixels, the second with an alpha of 1
    head = f"{12:032b}{7:05b}" + "".join(f"{length - 1:04b}" for length in (3, 4, 8, 16))
    for records in (
        f"001{11:04b}" + "".join(f"{value:08b}" for value in values),
        f"100{3:03b}{0:08b}" + f"000{3:03b}" + "".join(f"{value:08b}" for value in values[4:8]) + f"100{3:03b}{0:08b}",
        f"100{6:03b}{0:08b}" + f"000{0:03b}{1:08b}" + f"100{3:03b}{0:08b}",
    ):
        bits = head + records
        data = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
        assert decode_brush(data, Size(3, 1)).mask().tolist() == [[False, True, False]]


def test_classes_may_be_several_or_stand_beside_and_other_items_are_attributes(tmp_path: Path) -> None:
    beside = {"id": "r2", "from_name": "kind", "to_name": "image"}
    sample = one_image(
        tmp_path,
        region("rectangle", BOX, labels=["cat", "dog"], score=0.5, meta={"text": "old"}),
        {**region("rectangle", BOX, id="r2", labels=[]), "type": "rectangle"},
        beside | {"type": "choices", "value": {"choices": ["bird"]}},
        beside | {"type": "textarea", "from_name": "note", "value": {"text": ["a", "b"]}},
        {"id": "x", "type": "choices", "from_name": "light", "value": {"choices": ["dim"]}},
        region("rectangle", BOX, id="r3", labels=[]),
    )
    names = [read(tmp_path).categories.names[label] for label in sample.instances.labels]
    assert names == ["cat", "dog", "bird"]
    assert sample.instances.attributes == ({"text": "old"}, {"text": "old"}, {"note": ["a", "b"]})
    assert np.nan_to_num(sample.instances.scores, nan=-1).tolist() == [0.5, 0.5, -1]
    assert sample.extra == {"labelstudio": {"light": "dim"}}
    assert (sample.source_count, [one.where for one in sample.findings]) == (
        4,
        ["tasks[0].result[5].value.rectanglelabels"],
    )


RESULTS: list[tuple[Results, list[str], int]] = [
    ("annotations", ["new"], 3), ("all", ["old", "old", "new"], 3), ("predictions", ["guess"], 1),
]  # fmt: skip


@pytest.mark.parametrize(("results", "names", "count"), RESULTS)
def test_the_newest_annotation_counts_and_the_others_are_counted(
    tmp_path: Path, results: Results, names: list[str], count: int
) -> None:
    def made(date: str, *labels: str, **fields: Any) -> dict[str, Any]:
        own = [region("rectangle", BOX, id=f"{date}{row}", labels=[label]) for row, label in enumerate(labels)]
        return {"created_at": date, "result": own, **fields}

    annotations = [
        made("2024-02-01", "new"),
        made("2024-01-01", "old", "old"),
        made("2024-03-01", "x", was_cancelled=1),
    ]
    predictions = [made("2024-01-01", "guess"), made("2023-01-01", "older")]
    task = {"data": {"image": "a.jpg"}, "annotations": annotations, "predictions": predictions}
    document(tmp_path, task)
    dataset = read(tmp_path, results=results)
    assert [dataset.categories.names[label] for label in dataset[0].instances.labels] == names
    assert dataset[0].source_count == count


def test_a_task_without_annotation_is_unlabelled_and_one_without_regions_is_empty(tmp_path: Path) -> None:
    (tmp_path / "b.jpg").write_bytes(b"")
    done: tuple[tuple[str, list[Any]], ...] = (("a.jpg", []), ("b.jpg", [{"result": []}]))
    tasks = [{"data": {"image": name}, "annotations": own} for name, own in done]
    document(tmp_path, *tasks, {"data": {"text": "no picture"}, "annotations": []})
    dataset = read(tmp_path)
    assert [(sample.labelled, len(sample.findings)) for sample in dataset] == [(False, 1), (True, 0)]
    assert [finding.code for finding in dataset.findings] == ["file-skipped"]


def test_pages_of_a_task_are_images(tmp_path: Path) -> None:
    (tmp_path / "b.jpg").write_bytes(b"")
    result = [region("rectangle", BOX, item_index=1), region("rectangle", BOX, id="r2", to_name="page_0")]
    document(tmp_path, {"data": {"pages": ["a.jpg", {"url": "b.jpg"}]}, "annotations": [{"result": result}]})
    assert [(str(sample.name), len(sample.instances)) for sample in read(tmp_path)] == [("a.jpg", 1), ("b.jpg", 1)]


def test_the_flat_export_is_read(tmp_path: Path) -> None:
    value = BOX | {"rectanglelabels": ["cat"], "original_width": 1000, "original_height": 500}
    document(tmp_path, {"image": "a.jpg", "id": 1, "label": [value], "annotator": 1})
    assert read(tmp_path)[0].instances.boxes.tolist() == [[200, 100, 500, 200]]


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/data/local-files/?d=images/a%20b.jpg", "images/a b.jpg"),
        ("http://host:8080/data/local-files/?d=a.jpg", "a.jpg"),
        ("/data/upload/29/1a2b3c4d-a.jpg", "1a2b3c4d-a.jpg"),
        ("s3://bucket/folder/a.jpg", "folder/a.jpg"),
        ("https://host/x/a.jpg?token=1#k", "x/a.jpg"),
        ("images/a%20?.jpg", "images/a%20?.jpg"),
        ("own:a%20b.jpg", "a b.jpg"),
    ],
)
def test_urls_are_paths_of_images(url: str, path: str) -> None:
    assert image_path(url, "own:") == path


def test_an_upload_is_found_with_and_without_the_digits_before_its_name(tmp_path: Path) -> None:
    task = {"data": {"image": "/data/upload/1/0123abcd-a.jpg"}, "annotations": [{"result": [region("rectangle", BOX)]}]}
    document(tmp_path, task)
    assert [(str(sample.path), sample.findings) for sample in read(tmp_path)] == [(str(tmp_path / "a.jpg"), ())]
    (tmp_path / "0123abcd-a.jpg").write_bytes(b"")
    assert [sample.path.name for sample in read(tmp_path)] == ["0123abcd-a.jpg"]


CONFIG = """<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">
<Label value="zebra" category="1"/><Label value="Cat" alias="cat" category="0"/></RectangleLabels>
<KeyPointLabels name="points" toName="image"><Label value="tip" model_index="1"/><Label value="thumb" model_index="0"/>
</KeyPointLabels></View>"""


def test_classes_have_the_order_of_the_configuration_that_has_them(tmp_path: Path) -> None:
    point = region("keypoint", {"x": 25, "y": 30}, id="k1", parentID="r1", labels=["tip"])
    shapes = [region("rectangle", BOX), point, region("rectangle", BOX, id="r2", labels=["ape"])]
    one_image(tmp_path, *shapes)
    assert read(tmp_path).categories.names == ("ape", "cat")
    (tmp_path / "label_config.xml").write_text('<View><RectangleLabels><Label value="x"/></RectangleLabels></View>')
    (tmp_path / "mine.xml").write_text(CONFIG)
    classes = read(tmp_path).categories
    assert classes.names == ("cat", "zebra", "ape")
    assert [each.keypoints for each in classes] == [("thumb", "tip"), (), ()]


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (BOX | {"x": "left"}, "x"),
        (BOX | {"width": None}, "width"),
        (BOX | {"y": 1e300}, "y"),
        (BOX | {"rotation": float("inf")}, "rotation"),
    ],
)
def test_a_region_that_cannot_be_read_is_counted_where_it_stands(
    tmp_path: Path, value: dict[str, Any], where: str
) -> None:
    sample = one_image(tmp_path, region("rectangle", value), "no region", region("rectangle", BOX, id="r2"))
    assert (len(sample.instances), sample.source_count) == (1, 3)
    found = [(one.path, one.where, one.objects) for one in sample.findings]
    assert ("tasks.json", f"tasks[0].result[0].value.{where}", 1) in found


@pytest.mark.parametrize(
    ("text", "is_known"),
    [
        ('[{"id": 1, "annotations": [{"result": []}], "data": {}}]', True),
        ('[{"data": {"image": "a.jpg"}, "predictions": []}]', True),
        ('{"data": {"image": "a.jpg"}, "completions": []}', True),
        ('[{"image": "a.jpg", "label": [{"x": 1, "original_width": 3}]}]', True),
        ('[{"image": "a.jpg", "annotations": [{"label": "a", "coordinates": {}}]}]', False),
        ('{"images": [], "annotations": [], "categories": []}', False),
    ],
)
def test_only_files_of_tasks_are_taken_for_one(tmp_path: Path, text: str, is_known: bool) -> None:
    (tmp_path / "a.json").write_text(text)
    assert bool(label_file(tmp_path / "a.json")) == is_known


# --- what is written ---------------------------------------------------------------------------------------------


def written(root: Path, instances: Instances, **options: Any) -> tuple[Sample, list[dict[str, Any]]]:
    """The sample that is read back, and its task."""
    sample = Sample(PurePosixPath("a b.jpg"), root / "a.jpg", Header(SMALL), instances, source_count=len(instances))
    dataset = Dataset(root, "labelstudio", CLASSES, [sample])
    writer = FORMAT.write(root, dataset, LabelStudioWriteOptions(**options))
    (image,) = writer.paths("train", "a b.jpg")
    (labels,) = writer.encode(Batch.of([sample]), [image])
    writer.collect(labels.entry)
    writer.close()
    (root / image).parent.mkdir(parents=True, exist_ok=True)
    (root / image).write_bytes(b"")
    back = read(root, SMALL, **options)
    assert [(one.name, one.keypoints) for one in back.categories] == [(one.name, one.keypoints) for one in CLASSES]
    assert (labels.digest, labels.count, back[0].findings) == (back[0].label_digest, len(instances), ())
    assert (back.findings, str(back[0].name)) == ((), "a b.jpg")
    return back[0], json.loads((root / "train.json").read_bytes())


@given(strategies.instances(SMALL))
def test_every_object_comes_back_whole(tmp_path_factory: pytest.TempPathFactory, instances: Instances) -> None:
    back, _ = written(tmp_path_factory.mktemp("out"), instances)
    assert back.instances.labels.tolist() == instances.labels.tolist()
    np.testing.assert_allclose(back.instances.boxes, instances.boxes, atol=1e-6)
    assert np.array_equal(back.instances.scores, instances.scores, equal_nan=True)
    for row in range(len(instances)):
        rings, others = back.instances.polygons[row], instances.polygons[row]
        assert [len(ring) for ring in rings] == [len(ring) for ring in others]
        assert all(np.abs(one - other).max() < 1e-6 for one, other in zip(rings, others, strict=True))
        assert back.instances.masks[row] == instances.masks[row]
        assert dict(back.instances.attributes[row]) == dict(instances.attributes[row])
        assert points(back.instances, row) == pytest.approx(points(instances, row))


def points(instances: Instances, row: int) -> list[float]:
    keypoints = np.column_stack((instances.keypoints[row], instances.visibility[row]))
    return [number for place, point in enumerate(keypoints.tolist()) if point[2] for number in (place, *point)]


@pytest.mark.parametrize("move", [Affine.rotation(33).about(30, 20), Affine.rotation(200).about(30, 20)])
def test_turned_rectangles_are_written_as_such(tmp_path: Path, move: Affine) -> None:
    ring = move(np.array([[20.0, 15.0], [40.0, 15.0], [40.0, 25.0], [20.0, 25.0]]))
    back, (task,) = written(tmp_path, Instances.of([hull(ring)], [0], oriented=[ring]))
    (shape,) = task["annotations"][0]["result"]
    assert shape["type"] == "rectanglelabels"
    assert [shape["value"][key] for key in ("width", "height")] == pytest.approx([20 / 0.64, 10 / 0.48])
    np.testing.assert_allclose(back.instances.oriented[0], ring, atol=1e-6)


@pytest.mark.parametrize(
    "corners",
    [
        [[20, 15], [40, 15], [40, 25], [20, 25]],
        [[20, 15], [40, 17], [38, 25], [21, 30]],
        [[40, 15], [20, 15], [20, 25], [40, 25]],
    ],
    ids=["not turned", "no rectangle", "mirrored"],
)
def test_corners_that_are_no_turned_rectangle_come_back_too(tmp_path: Path, corners: list[list[float]]) -> None:
    ring = np.array(corners, dtype=np.float64)
    back, _ = written(tmp_path, Instances.of([hull(ring)], [0], oriented=[ring]))
    np.testing.assert_allclose(back.instances.oriented[0], ring, atol=1e-6)
    assert back.instances.attributes == ({},)


def test_a_second_trip_changes_nothing(tmp_path: Path) -> None:
    ring = Affine.rotation(33).about(30, 20)(np.array([[20.1, 15.3], [40.7, 15.3], [40.7, 25.9], [20.1, 25.9]]))
    first, _ = written(
        tmp_path / "a", Instances.of([[*hull(ring)], [1 / 3, 2, 30.7, 40]], [0, 2], oriented=[ring, NO_CORNERS])
    )
    second, _ = written(tmp_path / "b", first.instances)
    assert (tmp_path / "a/train.json").read_bytes() == (tmp_path / "b/train.json").read_bytes()
    assert second.instances == first.instances


def test_predictions_are_written_on_request(tmp_path: Path) -> None:
    _, (task,) = written(tmp_path, Instances.of([[1, 2, 30, 40]], [0], scores=[0.75]), results="predictions")
    (prediction,) = task["predictions"]
    assert (prediction["result"][0]["score"], "annotations" in task) == (0.75, False)


def test_images_have_the_prefix_that_is_asked_for(tmp_path: Path) -> None:
    instances = Instances.of([[1, 2, 30, 40]], [0])
    for number, (prefix, url) in enumerate((("https://h/x/", "a%20b.jpg"), ("", "a b.jpg"))):
        _, (task,) = written(tmp_path / str(number), instances, url_prefix=prefix)
        assert task["data"]["image"] == f"{prefix}images/train/{url}"


@pytest.mark.parametrize("name", ["", "a\x07"])
def test_names_that_xml_cannot_hold_are_refused(tmp_path: Path, name: str) -> None:
    dataset = Dataset(tmp_path, "labelstudio", Categories.from_names([name]), [])
    with pytest.raises(AnnotationError, match="want text without control characters"):
        FORMAT.write(tmp_path, dataset, LabelStudioWriteOptions())


def test_a_split_called_as_documents_are_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a split"):
        FORMAT.write(tmp_path, Dataset(tmp_path, "labelstudio", CLASSES, [], ("Tasks",)), LabelStudioWriteOptions())


# --- files of the tool -------------------------------------------------------------------------------------------

COUNTS = {  # tasks; objects, turned ones, polygons, keypoints
    "test_export_yolo/data.json": (2, 6, 0, 0, 0),
    "test_export_yolo/data_obb.json": (3, 25, 25, 0, 0),
    "test_export_yolo/data_polygons.json": (1, 1, 0, 1, 0),
    "test_export_yolo/data_keypoints.json": (1, 1, 0, 0, 3),
    "test_export_coco/data.json": (1, 4, 0, 1, 0),
    "test_export_json_min/data.json": (1, 1, 0, 1, 0),
    "test_export_json_min/data_repeater.json": (3, 1, 0, 0, 0),
}


@pytest.mark.skipif(not DATA.is_dir(), reason="the tool's files are not here")
@pytest.mark.parametrize("name", COUNTS)
def test_the_files_of_the_tool_have_these_objects(name: str) -> None:
    samples = list(read(DATA / name, results="all"))
    rings = [ring for sample in samples for own in sample.instances.polygons for ring in own]
    turned = sum(int(np.isfinite(sample.instances.oriented[:, 0, 0]).sum()) for sample in samples)
    seen = sum(int((sample.instances.visibility > 0).sum()) for sample in samples)
    counts = sum(len(sample.instances) for sample in samples), turned, len(rings), seen
    assert (len(samples), *counts) == COUNTS[name]
    assert sum(sample.source_count for sample in read(DATA / name)) == counts[0]


@pytest.mark.skipif(not DATA.is_dir(), reason="the tool's files are not here")
def test_tasks_without_an_image_are_refused() -> None:
    with pytest.raises(AnnotationError, match="none of 1 tasks names an image"):
        read(DATA / "test_export_json_min/chat_data.json")
