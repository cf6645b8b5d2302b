"""MOTChallenge: its rows and those of CVAT, frames and their images, sequences and splits, and real files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import bboxprep
from bboxprep import Dataset, Recipe, Resize
from bboxprep.errors import AnnotationError
from bboxprep.formats.api import NoOptions
from bboxprep.formats.mot import FORMAT
from bboxprep.formats.mot.reader import frame_numbers
from bboxprep.formats.mot.rows import parse
from bboxprep.geometry.affine import Size
from bboxprep.model.categories import Categories
from bboxprep.model.instances import Instances
from bboxprep.model.object_policy import ObjectPolicy
from bboxprep.model.rle import Rle

DATA = Path(__file__).parents[3].parent / "shared" / "data"
INFO = "[Sequence]\nname=walk\nimDir=img1\nframeRate=30\nseqLength=2\nimWidth=40\nimHeight=30\nimExt=.png\n"
ROWS = "1,7,2,3,10,20,1,1,0.5\n2,7,3,3,10,20,1,1,1\n2,8,11,6,4,5,0,8,1\n"


def grown(root: Path, rows: str, names: Sequence[str] = ("000001.png", "000002.png"), **files: str) -> Path:
    """A sequence at `root` with these `rows`, images called `names`, and ``labels`` or ``info``."""
    (root / "gt").mkdir(parents=True)
    (root / "img1").mkdir()
    (root / "gt/gt.txt").write_text(rows)
    if "labels" in files:
        (root / "gt/labels.txt").write_text(files["labels"])
    if "info" in files:
        (root / "seqinfo.ini").write_text(files["info"])
    for name in names:
        Image.new("RGB", (40, 30), (40, 90, 120)).save(root / "img1" / name)
    return root


def tracks(dataset: Dataset) -> dict[str, list[int]]:
    return {str(sample.name): sample.instances.tracks.tolist() for sample in dataset}


def test_a_row_of_motchallenge_counts_pixels_from_one(tmp_path: Path) -> None:
    dataset = bboxprep.read(grown(tmp_path / "MOT/train/walk", ROWS, info=INFO).parents[1])
    first, second = dataset
    assert (dataset.format, dataset.splits, dataset.classes) == ("mot", ("train",), ("pedestrian", "distractor"))
    assert tracks(dataset) == {"walk/000001.png": [7], "walk/000002.png": [7, 8]}
    assert first.instances.boxes.tolist() == [[1, 2, 11, 22]]
    assert first.instances.attributes == ({"visibility": 0.5},)
    assert second.instances.attributes == ({}, {"ignored": 1})
    assert [finding.code for finding in dataset.findings] == ["box-assumed"]
    from_zero = bboxprep.read(tmp_path / "MOT", origin="0")
    assert from_zero[0].instances.boxes.tolist() == [[2, 3, 12, 23]]


def test_beside_a_list_of_labels_pixels_are_counted_from_zero(tmp_path: Path) -> None:
    dataset = bboxprep.read(grown(tmp_path / "walk", "1, -1, 2, 3, 10, 20, 1, 2, 1\n", labels="cat\ndog\n"))
    assert (dataset.classes, tracks(dataset)) == (("cat", "dog"), {"000001.png": [-1], "000002.png": []})
    assert dataset[0].instances.boxes.tolist() == [[2, 3, 12, 23]]
    assert [sample.labelled for sample in dataset] == [True, True]
    assert bboxprep.read(tmp_path / "walk", origin="1")[0].instances.boxes.tolist() == [[1, 2, 11, 22]]


@pytest.mark.parametrize(
    ("row", "name", "score", "attributes"),
    [
        ("1,2,3,4,5,6", "pedestrian", None, {}),
        ("1,2,3,4,5,6,1,-1,-1,-1", "pedestrian", None, {}),  # of MOT15
        ("1,2.0,3,4,5,6,0.25,-1,-1,-1", "pedestrian", 0.25, {}),
        ("1,2,3,4,5,6,0,12,0", "reflection", None, {"ignored": 1, "visibility": 0}),
        ("1,2,3,4,5,6,1,3", "car", None, {}),
    ],
)
def test_dialects(row: str, name: str, score: float | None, attributes: Mapping[str, object]) -> None:
    (made,) = parse(f"\n{row}\r\n", (), 0).frames[1].objects
    assert (made.label, made.box, made.track, made.attributes) == (name, (3, 4, 8, 10), 2, attributes)
    assert np.isnan(made.score) if score is None else made.score == score


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("1,2,3,4,5", "record-unreadable"),
        ("1,2,3,4,5,x,1", "record-unreadable"),
        ("1,2,3,4,5,1_0,1", "record-unreadable"),
        ("1,2.5,3,4,5,6,1", "record-unreadable"),
        ("1,2,3,4,5,nan,1", "box-not-finite"),
        ("1,2,3,4,5,6,1,14,1", "category-unknown"),
        ("1,2,3,4,5,6,1,0,1", "category-unknown"),
    ],
)
def test_a_row_that_cannot_be_read_is_counted_and_the_others_are_kept(tmp_path: Path, row: str, code: str) -> None:
    sample = bboxprep.read(grown(tmp_path / "walk", f"{ROWS}{row}\n"), "mot")[0]
    (finding,) = [one for one in sample.findings if one.objects]
    assert (finding.code, finding.where, finding.path) == (code, "line 4", "gt/gt.txt")
    assert (len(sample.instances), sample.source_count) == (1, 2)


def test_a_row_without_a_frame_is_a_finding_of_the_dataset(tmp_path: Path) -> None:
    dataset = bboxprep.read(grown(tmp_path / "walk", f"{ROWS}x,1,2,3,4,5,1\n"))
    (finding,) = [one for one in dataset.findings if one.code == "record-unreadable"]
    assert (finding.objects, finding.where) == (1, "line 4")


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["000001.jpg", "000007.jpg"], [1, 7]),
        (["000000.jpg", "000001.jpg"], [1, 2]),
        (["1.jpg", "1.png"], [1, 2]),
        (["a.jpg", "2.jpg"], [1, 2]),
        ([], []),
    ],
)
def test_the_number_of_a_frame(names: Sequence[str], numbers: Sequence[int]) -> None:
    assert frame_numbers(names) == numbers


def test_frames_that_are_counted_from_zero_are_those_in_the_order_of_names(tmp_path: Path) -> None:
    dataset = bboxprep.read(grown(tmp_path / "walk", "0,7,1,1,5,5,1,1,1\n1,8,1,1,5,5,1,1,1\n", ("a.png", "b.png")))
    assert tracks(dataset) == {"a.png": [7], "b.png": [8]}


def test_a_frame_without_an_image_is_missing(tmp_path: Path) -> None:
    dataset = bboxprep.read(grown(tmp_path / "walk", f"{ROWS}9,7,2,3,4,5,1,1,1\n", info=INFO))
    (finding,) = [one for sample in dataset for one in sample.findings]
    assert (finding.code, finding.path) == ("image-missing", "img1/000009.png")
    outcome = bboxprep.convert(tmp_path / "walk", tmp_path / "out", "coco")
    assert outcome.account.dropped == {("train", "pedestrian", "image-skipped"): 1}


def test_rows_of_mots_have_masks(tmp_path: Path) -> None:
    mask = Rle.from_crop(np.ones((5, 8), dtype=np.bool_), (3, 4), Size(40, 30))
    text = mask.text().decode()
    rows = f"1 2005 2 30 40 {text}\n1 10000 10 30 40 {text}\n2 1001 1 30 40 {text[:-1]}\n2 1001 1 30 40 {text}\n"
    first, second = dataset = bboxprep.read(grown(tmp_path / "walk", rows))
    assert (dataset.classes, codes(dataset)) == (("pedestrian", "car", "ignore"), {"record-unreadable"})
    assert first.instances.tracks.tolist() == [2005, 10000]
    assert first.instances.crowd.tolist() == [False, True]
    assert first.instances.boxes.tolist() == [[3, 4, 11, 9]] * 2
    assert second.instances.masks == (mask,)
    bboxprep.convert(tmp_path / "walk", tmp_path / "coco", "coco")
    assert bboxprep.read(tmp_path / "coco")[0].instances.masks == (mask, mask)


def codes(dataset: Dataset) -> set[str]:
    return {finding.code for sample in dataset for finding in sample.findings if finding.objects} | {
        one.code for one in dataset.findings
    }


def test_a_seqinfo_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    dataset = bboxprep.read(grown(tmp_path / "walk", ROWS, info="name=walk\n"))
    assert ("record-unreadable", "seqinfo.ini") in [(one.code, one.path) for one in dataset.findings]


def test_a_seqinfo_leads_to_no_folder_outside(tmp_path: Path) -> None:
    grown(tmp_path / "other", ROWS)
    root = grown(tmp_path / "walk", ROWS, (), info=INFO.replace("imDir=img1", "imDir=../other/img1"))
    assert [sample.header for sample in bboxprep.read(root)] == [None, None]
    (root / "img1").rmdir()
    (root / "img1").symlink_to(tmp_path / "other/img1")
    assert [sample.header for sample in bboxprep.read(root)] == [None, None]


def test_what_is_read_is_written_as_it_was(tmp_path: Path) -> None:
    root = grown(tmp_path / "set/train/walk", ROWS, labels="\n".join("abcdefgh"), info=INFO).parents[1]
    bboxprep.convert(root, tmp_path / "out", "mot")
    written = tmp_path / "out/train/walk"
    assert (written / "gt/gt.txt").read_text() == ROWS
    assert (written / "seqinfo.ini").read_text() == INFO.replace("imDir=img1\n", "imDir=img1\nsplit=train\n")
    assert (written / "gt/labels.txt").read_text().split() == list("abcdefgh")
    assert bboxprep.verify(tmp_path / "out", root).holds


def test_an_info_file_of_another_encoding_is_a_finding_and_the_rows_are_read(tmp_path: Path) -> None:
    root = grown(tmp_path / "set/train/walk", ROWS, labels="\n".join("abcdefgh")).parents[1]
    (root / "train/walk/seqinfo.ini").write_bytes(b"[Sequence]\nname=b\xe4r\n")
    dataset = bboxprep.read(root)
    assert sum(len(sample.instances) for sample in dataset) == len(ROWS.splitlines())
    assert [finding.path for finding in dataset.findings if finding.code == "record-unreadable"] == [
        "train/walk/seqinfo.ini"
    ]


def test_tracks_are_those_of_coco_and_back(tmp_path: Path) -> None:
    root = grown(tmp_path / "set/train/walk", ROWS, labels="\n".join("abcdefgh")).parents[1]
    bboxprep.convert(root, tmp_path / "coco", "coco", Recipe(Resize((80, 30))))
    assert tracks(bboxprep.read(tmp_path / "coco")) == {"walk/000001.png": [7], "walk/000002.png": [7, 8]}
    bboxprep.convert(tmp_path / "coco", tmp_path / "back", "mot")
    first, *_ = (tmp_path / "back/train/walk/gt/gt.txt").read_text().splitlines()
    assert first == "1,7,4,3,20,20,1,1,0.5"


def test_images_of_other_names_are_frames_in_their_order(tmp_path: Path) -> None:
    root = grown(tmp_path / "set", "1,7,2,3,10,20,1,1,1\n2,7,3,3,10,20,1,1,1\n", ("b.png", "c.png"), labels="cat\n")
    Image.new("RGB", (20, 30)).save(root / "img1/a.png")
    bboxprep.convert(root, tmp_path / "out", "mot")
    assert (tmp_path / "out/train/gt/gt.txt").read_text() == (root / "gt/gt.txt").read_text()
    assert "imWidth" not in (tmp_path / "out/train/seqinfo.ini").read_text()  # images differ in size
    assert tracks(bboxprep.read(tmp_path / "out")) == tracks(bboxprep.read(root))
    assert "name-differs" in codes(bboxprep.read(root))  # their order was taken


def test_names_of_frames_are_listed_so_that_no_label_moves_to_another_image(tmp_path: Path) -> None:
    root = grown(tmp_path / "set", "1,7,2,3,10,20,1,1,1\n2,8,3,3,10,20,1,1,1\n", ("a.png", "b.png"), labels="cat\n")
    bboxprep.convert(root, tmp_path / "out", "mot")
    frames = tmp_path / "out/train/gt/frames.txt"
    assert frames.read_text() == "1,a.png\n2,b.png\n"
    (tmp_path / "out/train/img1/a.png").unlink()
    dataset = bboxprep.read(tmp_path / "out")
    assert tracks(dataset)["b.png"] == [8]
    assert [finding.code for sample in dataset for finding in sample.findings] == ["image-missing"]
    frames.write_text("x,a.png\n\n2,B.PNG\n")
    dataset = bboxprep.read(tmp_path / "out")
    assert tracks(dataset) == {"000001.png": [7], "b.png": [8]}
    assert codes(dataset) == {"record-unreadable", "name-differs"}


def test_a_crowd_region_that_is_to_be_ignored_does_not_count(tmp_path: Path) -> None:
    root = grown(tmp_path / "set", "1,7,2,3,10,20,1,1,1\n2,7,2,3,10,20,1,1,1\n", labels="cat\n")
    crowd = Instances.of([[2, 3, 12, 23]], [0], crowd=[True])
    source = bboxprep.read(root, object_policy=ObjectPolicy(crowd="ignore"))
    dataset = source.map(lambda sample: sample.replace_fast(instances=crowd))
    bboxprep.write(dataset, tmp_path / "out", "mot")
    assert (tmp_path / "out/train/gt/gt.txt").read_text() == "1,-1,2,3,10,20,0,1,1\n2,-1,2,3,10,20,0,1,1\n"
    assert bboxprep.read(tmp_path / "out")[0].instances.attributes == ({"ignored": 1},)


@pytest.mark.parametrize("name", ["", " a", "a\nb"])
def test_a_class_name_that_no_line_can_hold_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(AnnotationError, match="class name"):
        FORMAT.write(tmp_path, Dataset(tmp_path, "mot", Categories.from_names((name,)), []), NoOptions())


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_every_row_is_an_object_or_a_finding(text: str) -> None:
    file = parse(text, ("a",), 1)
    told = [*file.findings, *(one for frame in file.frames.values() for one in frame.findings)]
    made = sum(len(frame.objects) for frame in file.frames.values())
    assert made + sum(one.objects for one in told) == len([line for line in text.splitlines() if line.strip()])


def test_real_files_have_the_counts_that_are_known(tmp_path: Path) -> None:
    root = DATA / "formats/mot/tests/assets/mot_dataset"
    if not root.exists():
        pytest.skip("formats/mot is not here")
    dataset = bboxprep.read(root)
    assert dataset.classes == tuple(f"label_{number}" for number in range(10))
    assert [(len(sample.instances), sample.header is not None) for sample in dataset] == [(1, True), (1, False)]
    assert dataset[0].instances.boxes.tolist() == [[0, 4, 4, 12]]
    bboxprep.convert(root / "mot_seq", tmp_path / "out", "mot")
    assert (tmp_path / "out/train/gt/gt.txt").read_text() == "1,-1,0,4,4,8,1,3,1\n"
