"""VIA: every shape is read as it is drawn, the class is found, and what is written is read back."""

from __future__ import annotations

import csv
import json
import tempfile
from collections import Counter
from dataclasses import replace
from math import pi
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.errors import AnnotationError, LayoutError, UsageError
from bboxprep.formats.api import NoOptions
from bboxprep.formats.via import FORMAT
from bboxprep.formats.via.document import Region, regions_in
from bboxprep.formats.via.options import ViaReadOptions, label_file
from bboxprep.geometry.affine import Size
from bboxprep.geometry.shapes import hull
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample
from tests import strategies

SIZE = Size(64, 48)
CLASSES = Categories.from_names(["cat", 'a "dog"', "nobody"])
SHARED = Path(__file__).parents[3].parent / "shared" / "data" / "formats" / "via"
POINTS = {"all_points_x": [1, 9, 9, 1], "all_points_y": [2, 2, 8, 2]}


def probe(path: Path, declared: Size | None = None) -> Header:
    return Header(SIZE)


def read(root: Path, attribute: str = "") -> Dataset:
    return FORMAT.read(root, probe, ViaReadOptions(attribute))


def region(name: str, attributes: Any = None, **numbers: Any) -> dict[str, Any]:
    return {"shape_attributes": {"name": name, **numbers}, "region_attributes": attributes or {}}


def put(root: Path, *regions: Any, declared: Any = None, as_map: bool = False) -> Path:
    """An export of one image with these `regions` at `root`; a project if it has `declared` attributes."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "a.jpg").write_bytes(b"")
    own = {str(number): one for number, one in enumerate(regions)} if as_map else list(regions)
    entries = {"a.jpg9": {"filename": "a.jpg", "size": 9, "regions": own, "file_attributes": {}}}
    project = {"_via_settings": {}, "_via_img_metadata": entries, "_via_attributes": {"region": declared}}
    (root / "via.json").write_text(json.dumps(project if declared else entries), encoding="utf-8")
    return root


@given(data=st.data())
def test_what_is_written_is_read_back_as_it_was(data: st.DataObject) -> None:
    open_ring = strategies.points(SIZE, 3, 6).filter(lambda ring: bool((ring[0] != ring[-1]).any()))  # as VIA 2 has it
    rings = data.draw(st.lists(open_ring, min_size=1, max_size=3))
    boxes = data.draw(strategies.boxes(SIZE, most=3).filter(len))
    attributes = [{"age": row, "tags": ["a", None]} for row in range(len(rings))]
    objects = Instances.of(
        [*map(hull, rings), *boxes],
        [row % 2 for row in range(len(rings) + len(boxes))],
        polygons=[*[[ring] for ring in rings], *[[]] * len(boxes)],
        attributes=[*attributes, *[{}] * len(boxes)],
    )
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "train").mkdir()
        (root / "train" / "a.jpg").write_bytes(b"12345")
        sample = Sample(PurePosixPath("a.jpg"), root / "train/a.jpg", Header(SIZE), objects)
        writer = FORMAT.write(root, Dataset(root, "via", CLASSES, [sample]), NoOptions())
        (labels,) = writer.encode(Batch.of([sample]), ["train/a.jpg"])
        writer.collect(labels.entry)
        writer.close()
        dataset = read(root)
        project = json.loads((root / "train" / "via_project.json").read_bytes())
    back = dataset[0].instances
    assert back.boxes == pytest.approx(objects.boxes, abs=1e-12)  # few edges are no sum of two float64
    assert (replace(back, boxes=objects.boxes), labels.findings) == (objects, ())
    assert dataset[0].label_digest == labels.digest
    assert dataset.categories == CLASSES
    assert project["_via_image_id_list"] == list(project["_via_img_metadata"]) == ["a.jpg5"]


def test_parts_and_a_box_of_its_own_are_told(tmp_path: Path) -> None:
    ring = np.array([[1.0, 1.0], [9.0, 1.0], [9.0, 9.0]])
    objects = Instances.of(
        [[1, 1, 29, 29], [0, 0, 9, 9], [1, 1, 9, 9]],
        [0, 0, 0],
        polygons=[[ring, ring + 20], [ring], [ring]],
        attributes=[{}, {}, {"class": "other"}],
    )
    sample = Sample(PurePosixPath("a.jpg"), tmp_path / "a.jpg", Header(SIZE), objects)
    writer = FORMAT.write(tmp_path, Dataset(tmp_path, "via", CLASSES, [sample]), NoOptions())
    (finding,) = writer.encode(Batch.of([sample]), ["train/a.jpg"])[0].findings
    assert (finding.code, finding.message[:13]) == ("column-dropped", "of 3 objects ")


@pytest.mark.parametrize("as_map", [False, True])
def test_every_shape(tmp_path: Path, as_map: bool) -> None:
    put(
        tmp_path,
        region("rect", x=1, y=2, width=5, height=4),
        region("polygon", **POINTS),
        region("polyline", **POINTS),
        region("circle", cx=20, cy=20, r=5),
        region("ellipse", cx=20, cy=20, rx=5, ry=3, theta=pi / 2),
        region("ellipse", cx=20, cy=20, rx=8, ry=0.001, theta=pi / 6),
        region("point", cx=3, cy=4),
        region("rect", x=1, y="x", width=5, height=4),
        {"region_attributes": {}},
        as_map=as_map,
    )
    dataset = read(tmp_path)
    (sample,) = dataset
    boxes = sample.instances.boxes
    assert dataset.classes == ("object",)
    assert boxes[[0, 1, 2, 3, 6]].tolist() == [[1, 2, 6, 6], [1, 2, 9, 8], [1, 2, 9, 8], [15, 15, 25, 25], [3, 4, 3, 4]]
    assert boxes[4] == pytest.approx([17, 15, 23, 25])  # a quarter of a turn
    (ring,) = sample.instances.polygons[5]
    right = ring[ring[:, 0].argmax()]
    assert right == pytest.approx(
        [20 + 8 * np.cos(pi / 6), 20 + 8 * np.sin(pi / 6)], abs=0.1
    )  # clockwise on the screen
    assert [len(rings) for rings in sample.instances.polygons] == [0, 1, 0, 1, 1, 1, 0]
    assert len(sample.instances.polygons[1][0]) == 3  # the first point is not repeated
    codes = Counter(finding.code for finding in sample.findings)
    assert codes == {"record-unreadable": 2, "shape-unread": 1}
    assert sample.source_count == 9


def test_the_attribute_of_the_class_is_found_or_asked_for(tmp_path: Path) -> None:
    box = {"x": 1, "y": 2, "width": 5, "height": 4}
    usual = put(tmp_path / "a", region("rect", {"Type": "cat", "age": "3"}, **box), region("rect", {"age": "4"}, **box))
    sample = read(usual)[0]
    assert (read(usual).classes, sample.instances.attributes) == (("cat",), ({"age": "3"},))
    assert [(one.code, one.where, one.objects) for one in sample.findings] == [
        ("record-unreadable", "a.jpg9: regions[1]", 1)
    ]
    assert read(usual, "age").classes == ("3", "4")
    unclear = put(tmp_path / "b", region("rect", {"x": "cat", "y": "3"}, **box))
    with pytest.raises(UsageError, match="want the region attribute that is the class, of 'x', 'y'"):
        read(unclear)
    with pytest.raises(UsageError, match="`class_attribute`: have 'z'"):
        read(unclear, "z")
    ticked = region("rect", {"x": {"dog": True, "cat": False}, "y": "3"}, **box)
    declared = {"y": {"type": "text"}, "x": {"type": "checkbox", "options": {"cat": "", "dog": ""}}}
    dataset = read(put(tmp_path / "c", ticked, declared=declared))
    assert (dataset.classes, dataset[0].instances.labels.tolist()) == (("cat", "dog"), [1])


def test_csv_has_a_row_for_each_region(tmp_path: Path) -> None:
    regions = [
        region("rect", {"class": 'a "b"'}, x=1, y=2, width=5, height=4),
        region("polygon", {"class": "c"}, **POINTS),
    ]
    plain = read(put(tmp_path / "json", *regions))
    put(tmp_path / "csv")
    (tmp_path / "csv" / "via.json").unlink()
    (tmp_path / "csv" / "empty.jpg").write_bytes(b"")
    head = ["filename", "file_size", "file_attributes", "region_count", "region_id"]
    head += ["region_shape_attributes", "region_attributes"]
    rows = [["a.jpg", 9, "{}", 2, at, *map(json.dumps, one.values())] for at, one in enumerate(regions)]
    with (tmp_path / "csv" / "via.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *rows, ["empty.jpg", 0, "{}", 0, 0, "{}", "{}"]])
    found, empty = read(tmp_path / "csv")
    assert (found.instances, empty.source_count) == (plain[0].instances, 0)
    (tmp_path / "csv" / "via.csv").write_text(f"#{','.join(head)}\na.jpg,9\n")
    with pytest.raises(AnnotationError, match="have 2 columns, want 7"):
        read(tmp_path / "csv")
    (tmp_path / "csv" / "via.csv").write_text("# Exported using VGG Image Annotator\n# CSV_HEADER = metadata_id\n")
    assert label_file(tmp_path / "csv" / "via.csv") == ""  # of VIA 3


def test_a_project_and_an_export_of_the_same_images_are_not_read_together(tmp_path: Path) -> None:
    put(tmp_path, region("rect", x=1, y=2, width=5, height=4))
    (tmp_path / "other.json").write_bytes((tmp_path / "via.json").read_bytes())
    with pytest.raises(LayoutError, match=r"a\.jpg is listed in other\.json too; name the one to read"):
        read(tmp_path)
    assert len(read(tmp_path / "via.json")) == 1


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not here")
def test_real_files_are_read_as_they_count() -> None:
    plants = read(SHARED / "val")
    assert (len(plants), sum(len(one.instances) for one in plants), plants.classes) == (16, 349, ("object",))
    assert all(one.header and all(map(len, one.instances.polygons)) for one in plants)
    for name in ("unit_test_annotation2.json", "unit_test_annotation1.csv"):
        dataset = read(SHARED / "via-1.x.y/tests/data" / name)
        assert (len(dataset), sum(one.source_count for one in dataset)) == (3, 12)
        regions = [one for item in dataset.samples._keys for one in regions_in(item.entries[0].objects)]  # type: ignore[attr-defined]
        kinds = Counter(one.shape["name"] for one in regions if isinstance(one, Region))
        assert kinds == {"rect": 2, "circle": 1, "ellipse": 3, "polygon": 1, "point": 5}
