from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import bboxprep
from bboxprep.errors import FrameError, LayoutError, UsageError
from bboxprep.model.dataset import Dataset
from bboxprep.model.sample import Frame
from bboxprep.pipeline.source.open import open_source, source_of
from bboxprep.testing.painting import UNTURN, bright_box
from tests.painted import label

DATA = Path(__file__).parents[3].parent / "shared" / "data"
FIXTURES = Path(__file__).parents[3] / "fixtures"
STORED, SHOWN = (60, 40), (40, 60)
WIDE, TALL, SMALL = [5, 5, 50, 20], [5, 5, 20, 50], [5, 5, 10, 10]


def write(root: Path, *photos: tuple[int, tuple[int, int], list[int]]) -> Path:
    """A COCO dataset of pictures stored at 60x40, each with its orientation, declared size and one box."""
    document: dict[str, Any] = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "cat"}]}
    (root / "train").mkdir(parents=True)
    for number, (orientation, (width, height), box) in enumerate(photos, 1):
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.new("RGB", STORED).save(root / "train" / f"{number}.jpg", exif=exif)
        document["images"].append({"id": number, "file_name": f"{number}.jpg", "width": width, "height": height})
        document["annotations"].append({"id": number, "image_id": number, "category_id": 1, "bbox": box})
    (root / "annotations").mkdir()
    (root / "annotations" / "instances_train.json").write_text(json.dumps(document), encoding="utf-8")
    return root


def frames(dataset: Dataset) -> list[tuple[str, str]]:
    return [(str(sample.frame), sample.evidence) for sample in dataset]


def codes(dataset: Dataset) -> list[str]:
    return [finding.code for sample in dataset for finding in sample.findings]


def test_each_image_follows_its_own_evidence(tmp_path: Path) -> None:
    root = write(tmp_path, (6, SHOWN, SMALL), (8, STORED, SMALL), (1, STORED, SMALL), (5, (0, 0), WIDE))
    assert frames(bboxprep.read(root)) == [
        ("displayed", "declared-size"),
        ("stored", "declared-size"),
        ("displayed", "upright"),
        ("stored", "box-bounds"),
    ]


def test_the_silent_follow_the_dataset(tmp_path: Path) -> None:
    root = write(tmp_path, (6, STORED, SMALL), (3, STORED, SMALL), (8, (0, 0), SMALL))
    assert frames(bboxprep.read(root)) == [("stored", "declared-size"), ("stored", "dataset"), ("stored", "dataset")]


def test_where_nothing_tells_the_displayed_plane_is_assumed_and_said(tmp_path: Path) -> None:
    dataset = bboxprep.read(write(tmp_path, (3, STORED, SMALL), (6, (0, 0), SMALL)))
    assert frames(dataset) == [("displayed", "assumed")] * 2
    assert codes(dataset) == ["frame-assumed"] * 2


def test_silent_images_among_others_that_disagree_stop_the_run(tmp_path: Path) -> None:
    root = write(tmp_path, (6, SHOWN, SMALL), (6, STORED, SMALL), (3, STORED, SMALL))
    with pytest.raises(FrameError, match=r"1 turned images .* the 2 that do disagree; say which with `labels_in"):
        bboxprep.read(root)
    assert frames(bboxprep.read(root, labels_in="stored")) == [("stored", "option")] * 3


def test_evidence_that_contradicts_itself_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match=r"declared-size says displayed, box-bounds says stored.*`labels_in"):
        bboxprep.read(write(tmp_path, (6, SHOWN, WIDE)))


def test_a_size_that_is_no_plane_of_the_image_leaves_it_out(tmp_path: Path) -> None:
    dataset = bboxprep.read(write(tmp_path, (1, (80, 80), SMALL), (1, SHOWN, SMALL), (1, SHOWN, TALL)))
    assert codes(dataset) == ["size-contradicts", "size-swapped", "size-contradicts"]
    assert [sample.refusal for sample in dataset] == ["size-contradicts", "", "size-contradicts"]


@pytest.mark.parametrize("frame", ["stored", "displayed"])
@pytest.mark.parametrize("format", ["coco", "voc"])  # their labels state the size of each image
def test_auto_finds_the_frame_that_labels_were_drawn_in(tmp_path: Path, format: str, frame: str) -> None:
    dataset = bboxprep.read(label(tmp_path / "in", format, frame, (62, 47), (14, 11, 33, 37)))
    assert {sample.frame for sample in dataset if sample.evidence != "upright"} == {Frame(frame)}
    for sample in dataset:
        found = bright_box(sample.pixels())
        assert found == pytest.approx(sample.instances.boxes[0], abs=1.0)


def test_fractions_follow_the_frame_that_is_stated(tmp_path: Path) -> None:
    root = label(tmp_path / "in", "yolo", "stored", (62, 47), (14, 11, 33, 37))
    for sample in bboxprep.read(root, labels_in="stored"):
        assert bright_box(sample.pixels()) == pytest.approx(sample.instances.boxes[0], abs=1.0)


def test_a_sample_of_a_dataset_draws_itself(tmp_path: Path) -> None:
    sample = bboxprep.read(label(tmp_path / "in", "yolo", "stored", (62, 47), (14, 11, 33, 37)))[0]
    png = sample._repr_png_()
    assert png is not None
    assert png.startswith(b"\x89PNG")


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="there is no such file or folder"):
        bboxprep.read(tmp_path / "nowhere")
    with pytest.raises(LayoutError, match=r"no labelled dataset recognised here \(found "):
        bboxprep.read(tmp_path)
    with pytest.raises(UsageError, match=r"have 'yollo', want one of .*coco, .*, yolo; did you mean 'yolo'[?]"):
        bboxprep.read(tmp_path, "yollo")
    with pytest.raises(UsageError, match="labels_in: have 'upright'"):
        bboxprep.read(tmp_path, labels_in="upright")  # type: ignore[arg-type]


def test_every_turn_has_its_unturn() -> None:
    assert set(UNTURN) == set(range(1, 9))


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data is not here")
@pytest.mark.parametrize(
    ("folder", "format", "orientations", "evidence"),
    [
        (
            "groundnut/train",
            "yolo",
            {1: 8, 6: 10, 3: 1},
            {("displayed", "whole-pixels"): 10, ("displayed", "dataset"): 1},
        ),
        ("cell0005/scripts/labelImg/exif/exif-test", "yolo", {1: 3, 6: 2}, {("stored", "whole-pixels"): 2}),
        ("foodometer/datasets/ice-cream", "voc", {1: 10, 6: 1}, {("stored", "declared-size"): 1}),
    ],
)
def test_real_phone_photos(
    folder: str, format: str, orientations: dict[int, int], evidence: dict[tuple[str, str], int]
) -> None:
    dataset = bboxprep.read(DATA / folder, format)
    found = [sample for sample in dataset if sample.header]
    counts = {code: sum(s.header.orientation == code for s in found if s.header) for code in orientations}
    assert counts == orientations
    turned = [sample for sample in found if sample.header and sample.header.orientation != 1]
    assert Counter((str(sample.frame), sample.evidence) for sample in turned) == evidence


@pytest.mark.parametrize("name", ["stored-frame-yolo", "phone-photos-coco"])
def test_a_dataset_that_was_read_is_the_source_it_was(name: str) -> None:
    """With the frames of its turned photos, and what its images are."""
    source = open_source(FIXTURES / name)
    again = source_of(source.dataset)
    assert source.frames
    assert (again.frames, again.summaries, again.image_policy) == (source.frames, source.summaries, source.image_policy)
