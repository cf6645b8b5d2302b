"""VoTT: what an export states of its assets is read, and what cannot be read is counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bboxprep import formats
from bboxprep.errors import AnnotationError
from bboxprep.formats.api import TextReadOptions
from bboxprep.formats.vott import FORMAT
from bboxprep.formats.vott.layout import label_file
from bboxprep.geometry.affine import Size
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.sample import Sample

SIZE = Size(64, 48)
SHARED = Path(__file__).parents[3].parent / "shared" / "data"
TRIANGLE = [{"x": 1, "y": 2}, {"x": 9.5, "y": 2}, {"x": 3, "y": 20}]
BOX = {"left": 5.5, "top": 6, "width": 10, "height": 12.25}


def probe(path: Path, declared: Size | None = None) -> Header:
    return Header(SIZE)


def read(root: Path) -> Dataset:
    return FORMAT.read(root, probe, TextReadOptions())


def region(kind: str, *tags: str, **others: Any) -> dict[str, Any]:
    return {"id": "r", "type": kind, "tags": list(tags), **others}


def asset(name: str, *regions: dict[str, Any], state: int = 2, kind: int = 1) -> dict[str, Any]:
    known = {"name": name, "path": f"file:/x/{name}", "size": {"width": 64, "height": 48}, "state": state, "type": kind}
    return {"asset": known, "regions": list(regions), "version": "2.2.0"}


def put(root: Path, *assets: dict[str, Any], tags: tuple[str, ...] = ("dog", "cat")) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for one in assets:
        (root / one["asset"]["name"]).write_bytes(b"")
    listed = {"tags": [{"name": tag, "color": "#fff"} for tag in tags], "assets": dict(enumerate(assets))}
    (root / "pets-export.json").write_text(json.dumps(listed), encoding="utf-8")
    return root


def by_name(dataset: Dataset) -> dict[str, Sample]:
    return {str(sample.name): sample for sample in dataset}


def test_boxes_polygons_and_several_tags_are_read(tmp_path: Path) -> None:
    regions = (
        region("RECTANGLE", "cat", boundingBox=BOX),
        region("POLYGON", "cat", "dog", points=TRIANGLE, boundingBox={"left": 0, "top": 0, "width": 1, "height": 1}),
        region("POLYLINE", "bird", points=TRIANGLE),
    )
    dataset = read(put(tmp_path, asset("a.jpg", *regions)))
    (sample,) = dataset
    assert dataset.categories.names == ("dog", "cat", "bird")
    assert sample.instances.labels.tolist() == [1, 1, 0, 2]
    assert sample.instances.boxes.tolist() == [[5.5, 6, 15.5, 18.25], *[[1, 2, 9.5, 20]] * 3]
    assert [len(rings) for rings in sample.instances.polygons] == [0, 1, 1, 0]
    assert sample.declared == SIZE
    assert [(one.code, one.objects) for one in sample.findings] == [("shape-unread", 0)]


def test_what_nobody_visited_is_unlabelled_and_a_video_is_left_out(tmp_path: Path) -> None:
    video, frame = asset("a.mp4", kind=2), asset("a.mp4#t=5.2", region("RECTANGLE", "cat", boundingBox=BOX), kind=3)
    dataset = read(put(tmp_path, asset("new.jpg", state=0), asset("bare.jpg", state=1), video, frame))
    found = by_name(dataset)
    assert {name: sample.labelled for name, sample in found.items()} == {
        "a.mp4#t=5.2": True,
        "bare.jpg": True,
        "new.jpg": False,
    }
    assert [one.code for one in dataset.findings] == ["image-aside"]


def test_records_that_cannot_be_read_are_counted_each(tmp_path: Path) -> None:
    wrong = (
        region("RECTANGLE", boundingBox=BOX),
        region("RECTANGLE", "cat", boundingBox={"left": 1}),
        region("POLYGON", "cat", points=TRIANGLE[:2]),
        region("POLYGON", "cat", "dog", points=[1, 2, 3]),
    )
    (sample,) = read(put(tmp_path, asset("a.jpg", *wrong)))
    assert (len(sample.instances), sample.source_count) == (0, 5)
    assert {(one.code, one.objects) for one in sample.findings} == {("record-unreadable", 1)}
    assert "regions[0].tags: have None, want the name of a class" in str(sample.findings[0])


def test_the_name_is_taken_as_it_is_before_it_is_decoded(tmp_path: Path) -> None:
    root = put(tmp_path, asset("a%20b.jpg"), asset("c%20d.jpg"))
    (root / "c%20d.jpg").rename(root / "c d.jpg")
    assert set(by_name(read(root))) == {"a%20b.jpg", "c d.jpg"}


@pytest.mark.parametrize(
    ("text", "is_export"),
    [
        ('{"name": "a", "tags": [], "assets": {}}', True),
        ('{"name": "a", "tags": [{"name": "cat"}], "assets": {"1f": {"asset": {', True),
        ('{"tags": [], "size": {}, "objects": []}', False),
        ('{"assets": [], "tags": []}', False),
        ('[{"tags": [], "assets": {}}]', False),
    ],
)
def test_only_an_export_is_recognised(tmp_path: Path, text: str, is_export: bool) -> None:
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8")
    assert bool(label_file(path)) == is_export
    assert set(formats.sniffed(path)) == ({"vott"} if is_export else set())


def test_a_document_of_another_form_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"tags": 7, "assets": {}}', encoding="utf-8")
    with pytest.raises(AnnotationError, match="want tags and assets, as VoTT exports them"):
        read(path)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not here")
def test_real_exports_are_read_whole() -> None:
    dataset = read(SHARED / "formats/vott/tests/assets/vott_json_dataset/dataset")
    assert dataset.categories.names == ("animal", "dog", "person")
    assert dataset.splits == ("train",)
    counts = {str(sample.name): (len(sample.instances), sample.source_count) for sample in dataset}
    assert counts == {"img0001.jpg": (1, 1), "img0002.jpg": (2, 2), "img0003.jpg": (1, 2)}
    panlabel = read(SHARED / "panlabel/tests/fixtures/sample_valid.vott.json")
    assert {str(sample.name): len(sample.instances.polygons[0]) for sample in panlabel} == {
        "img1.bmp": 0,
        "img2.bmp": 1,
    }
