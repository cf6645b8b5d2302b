"""Azure: images of Custom Vision and lines of AutoML are read, and what cannot be read is counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bboxprep import formats
from bboxprep.errors import AnnotationError
from bboxprep.formats.api import TextReadOptions
from bboxprep.formats.customvision import FORMAT
from bboxprep.geometry.affine import Size
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header

SIZE = Size(64, 32)
SHARED = Path(__file__).parents[3].parent / "shared" / "data"
PLACE = {"left": 0.25, "top": 0.5, "width": 0.5, "height": 0.25}
CORNERS = {"topX": 0.25, "topY": 0.5, "bottomX": 0.75, "bottomY": 0.75}
PIXELS = [16, 16, 48, 24]


def probe(path: Path, declared: Size | None = None) -> Header:
    return Header(SIZE)


def read(root: Path) -> Dataset:
    return FORMAT.read(root, probe, TextReadOptions())


def image(address: str, *regions: Any, **others: Any) -> dict[str, Any]:
    known = {"id": "1f", "width": 64, "height": 32, "originalImageUri": f"https://a.invalid/i-1/{address}"}
    return {**known, "regions": list(regions), **others}


def region(tag: Any, **others: Any) -> dict[str, Any]:
    return {"regionId": "r", "tagId": "t", "tagName": tag, **PLACE, **others}


def line(name: str, *labels: Any) -> dict[str, Any]:
    details = {"format": "jpg", "width": "64px", "height": "32px"}
    return {"image_url": f"AmlDatastore://store/photos/{name}", "image_details": details, "label": list(labels)}


def put(root: Path, *images: Any, files: tuple[str, ...] = ("a.jpg",)) -> Path:
    for name in files:
        (root / name).parent.mkdir(exist_ok=True, parents=True)
        (root / name).write_bytes(b"")
    (root / "images.json").write_text(json.dumps(images), encoding="utf-8")
    return root


def put_lines(root: Path, *lines: Any) -> Path:
    (root / "a.jpg").write_bytes(b"")
    (root / "train_annotations.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return root


def test_regions_are_fractions_of_the_image(tmp_path: Path) -> None:
    dataset = read(put(tmp_path, image("a.jpg?sig=k", region("dog"), region("cat", left=0)), files=("images/a.jpg",)))
    (sample,) = dataset
    assert dataset.categories.names == ("dog", "cat")
    assert sample.instances.boxes.tolist() == [PIXELS, [0, 16, 32, 24]]
    assert (str(sample.name), sample.declared, sample.fractional) == ("a.jpg", SIZE, True)
    assert not dataset.findings


def test_an_image_is_found_by_its_id_where_its_address_names_none(tmp_path: Path) -> None:
    both = image("o-1f", region("cat")), image("b.jpg", id="a")
    assert [str(sample.name) for sample in read(put(tmp_path, *both, files=("1f.png", "a.jpg", "b.jpg")))] == [
        "1f.png",
        "b.jpg",
    ]


def test_a_key_in_an_address_is_not_told(tmp_path: Path) -> None:
    (sample,) = read(put(tmp_path, image("gone.jpg?sig=secret", region("cat"))))
    assert [one.code for one in sample.findings] == ["image-missing"]
    assert "secret" not in str(sample.findings)


def test_what_nobody_tagged_is_unlabelled_and_tags_of_whole_images_are_counted(tmp_path: Path) -> None:
    tags = [{"tagName": "cat"}, {"tagName": "sunny"}]
    images = (
        image("a.jpg", region("cat"), tags=tags),
        image("b.jpg", tags=[{"tagName": "Negative"}]),
        image("c.jpg"),
        image("d.jpg", regions=None),
    )
    dataset = read(put(tmp_path, *images, files=("a.jpg", "b.jpg", "c.jpg", "d.jpg")))
    assert [sample.labelled for sample in dataset] == [True, True, True, False]
    (note,) = dataset.findings
    assert note.code == "shape-unread"
    assert "of 1 images" in note.message


def test_lines_of_automl_have_corners_polygons_and_crowds(tmp_path: Path) -> None:
    outline = {"label": "dog", "isCrowd": 0, "polygon": [[0, 0, 0.5, 0, 0.5, 1], [0.5, 0, 1, 0, 1, 0.5]]}
    root = put_lines(tmp_path, line("a.jpg", {"label": "cat", "isCrowd": 1, **CORNERS}, outline), line("b/c.jpg"))
    dataset = read(root)
    first, second = dataset
    assert set(formats.sniffed(root)) == {"customvision"}
    assert dataset.splits == ("train",)
    assert first.instances.boxes.tolist() == [PIXELS, [0, 0, 64, 32]]
    assert first.instances.crowd.tolist() == [True, False]
    assert [ring.tolist() for ring in first.instances.polygons[1]] == [
        [[0, 0], [32, 0], [32, 32]],
        [[32, 0], [64, 0], [64, 16]],
    ]
    assert (str(second.name), second.declared, second.labelled) == ("b/c.jpg", SIZE, True)


def test_objects_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    wrong = (region(None), region("cat", left="x"), region("cat", width=1e99), 7)
    (sample,) = read(put(tmp_path, image("a.jpg", *wrong)))
    assert (len(sample.instances), sample.source_count) == (0, 4)
    assert [one.code for one in sample.findings].count("record-unreadable") == 3
    labels = ({"label": "cat"}, {"label": "cat", "polygon": [[0, 0, 1]]}, {"label": "cat", "polygon": 7}, {**CORNERS})
    (tmp_path / "images.json").unlink()
    (sample,) = read(put_lines(tmp_path, line("a.jpg", *labels)))
    assert (len(sample.instances), sample.source_count) == (0, 4)
    assert {one.code for one in sample.findings} == {"record-unreadable"}


@pytest.mark.parametrize(
    ("name", "text", "is_own"),
    [
        ("a.json", '[{"id": "1", "originalImageUri": "https://a.b/c", "width": 4', True),
        ("a.json", '[{"id": "1", "regions": [{"regionId": "r", "tagName": "a", "left": 0.1', True),
        ("a.jsonl", '{"image_url": "azureml://a/b.jpg", "label": [{"label": "cat"}]}', True),
        ("a.jsonl", '{"image_url": "azureml://a/b.jpg", "label": "cat"}', False),
        ("a.json", '[{"image": "a.jpg", "annotations": []}]', False),
    ],
)
def test_only_documents_of_azure_are_recognised(tmp_path: Path, name: str, text: str, is_own: bool) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert ("customvision" in formats.sniffed(tmp_path / name)) == is_own


def test_a_document_that_ends_early_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "images.json"
    path.write_text('[{"id": "1", "originalImageUri": "https://a.b/c"', encoding="utf-8")
    with pytest.raises(AnnotationError, match="want a list of images, as Custom Vision gives it"):
        read(path)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not here")
@pytest.mark.parametrize("name", ["images.json", "automl.jsonl"])
def test_samples_are_read_whole(name: str) -> None:
    dataset = read(SHARED / "formats/customvision/toy" / name)
    assert dataset.categories.names == ("cat",)
    assert [sample.source_count for sample in dataset] == [2, 2, 1, 0]
    assert {one.code for sample in dataset for one in sample.findings} == {"image-missing"}
