"""Reading YOLO datasets in all their layouts."""

from __future__ import annotations

import json
import os
import pickle
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from bboxprep import formats
from bboxprep.errors import AnnotationError, BboxprepError, LayoutError, UsageError
from bboxprep.formats.yolo import FORMAT, YoloReadOptions
from bboxprep.geometry.affine import Size
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.sample import Frame
from bboxprep.pipeline.source.header_cache import HeaderCache
from bboxprep.pipeline.work.engines.local import Local
from tests.formats.yolo.trees import (
    EDGES,
    ROW,
    balances,
    codes,
    contents,
    grow,
    lost_by_class,
    probe,
    read,
    rows_accounted,
)

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
YAML = "train: images/train\nval: images/val\nnames: [cat, dog]\n"
ULTRALYTICS = {
    "data.yaml": YAML,
    "images/train/a.jpg": "",
    "images/train/sub/b.PNG": "",
    "images/val/c.jpeg": "",
    "labels/train/a.txt": ROW,
    "labels/train/sub/b.txt": ROW * 2,
    "labels/val/c.txt": "",
}
TWO_TWO = {"train/a.jpg": 1, "train/sub/b.PNG": 2, "val/c.jpeg": 0}


def test_a_sample_says_what_its_files_say(tmp_path: Path) -> None:
    dataset = read(grow(tmp_path, ULTRALYTICS))
    sample = dataset[0]

    assert (dataset.format, dataset.root, dataset.splits) == ("yolo", tmp_path, ("train", "val"))
    assert dataset.categories.names == ("cat", "dog")
    assert sample.path == tmp_path / "images/train/a.jpg"
    assert (sample.frame, sample.fractional, sample.declared, sample.evidence) == (Frame.DISPLAYED, True, None, "")
    assert sample.instances.boxes.tolist() == [EDGES]
    assert sample.instances.labels.tolist() == [0]
    assert (sample.source_count, sample.labelled, sample.findings) == (1, True, ())
    assert codes(dataset) == []


def test_fractions_are_of_the_displayed_size(tmp_path: Path) -> None:
    grow(tmp_path, ULTRALYTICS)
    turned = Header(Size(200, 100), orientation=6)
    dataset: Dataset = FORMAT.read(tmp_path, lambda *_: turned, YoloReadOptions())

    assert dataset[0].instances.boxes.tolist() == [[40.0, 60.0, 60.0, 140.0]]


def test_reading_twice_and_in_another_process_is_the_same(tmp_path: Path) -> None:
    dataset = read(grow(tmp_path, ULTRALYTICS))
    twin = pickle.loads(pickle.dumps(dataset))

    assert [replace(sample, findings=()) for sample in twin] == [replace(sample, findings=()) for sample in dataset]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(ULTRALYTICS, TWO_TWO, id="ultralytics"),
        pytest.param({**ULTRALYTICS, "data.yaml": "names: [cat]"}, TWO_TWO, id="a yaml of names only"),
        pytest.param(
            {name: text for name, text in ULTRALYTICS.items() if name != "data.yaml"}, TWO_TWO, id="folders only"
        ),
        pytest.param(
            {
                "data.yaml": "train: ../train/images\nval: ../valid/images\nnames: ['cat']",
                "train/images/a.jpg": "",
                "train/labels/a.txt": ROW,
                "valid/images/b.jpg": "",
                "valid/labels/b.txt": ROW,
                "README.roboflow.txt": "exported\n",
            },
            {"train/a.jpg": 1, "val/b.jpg": 1},
            id="roboflow",
        ),
        pytest.param(
            {"train/images/a.jpg": "", "train/labels/a.txt": ROW, "valid/images/b.jpg": "", "valid/labels/b.txt": ROW},
            {"train/a.jpg": 1, "val/b.jpg": 1},
            id="roboflow without a yaml",
        ),
        pytest.param(
            {"images/a.jpg": "", "images/b/c.jpg": "", "labels/a.txt": ROW, "labels/b/c.txt": ROW},
            {"train/a.jpg": 1, "train/b/c.jpg": 1},
            id="no splits",
        ),
        pytest.param(
            {"a.jpg": "", "a.txt": ROW, "b.jpg": "", "classes.txt": "cat\ndog\n"},
            {"train/a.jpg": 1, "train/b.jpg": None},
            id="labelImg",
        ),
        pytest.param(
            {"test/a.jpg": "", "test/a.txt": ROW, "test/_darknet.labels": "cat\n", "train/b.jpg": ""},
            {"test/a.jpg": 1, "train/b.jpg": None},
            id="roboflow darknet",
        ),
        pytest.param(
            {
                "obj.data": "classes = 1\ntrain = data/train.txt\nvalid=data/valid.txt\nnames = data/obj.names\n",
                "obj.names": "cat\n",
                "train.txt": "data/obj_train_data/a.jpg\n",
                "valid.txt": "data\\obj_valid_data\\b.jpg\r\n",
                "obj_train_data/a.jpg": "",
                "obj_train_data/a.txt": ROW,
                "obj_valid_data/b.jpg": "",
                "obj_valid_data/b.txt": ROW,
            },
            {"train/a.jpg": 1, "val/b.jpg": 1},
            id="darknet",
        ),
        pytest.param(
            {
                "data.yaml": "train: [images/one, images/two]\nval: lists/val.txt\nnames: {0: cat}",
                "images/one/a.jpg": "",
                "images/two/a.jpg": "",
                "images/three/a.jpg": "",
                "lists/val.txt": "./../images/three/a.jpg\n\n",
                "labels/one/a.txt": ROW,
                "labels/two/a.txt": ROW * 2,
                "labels/three/a.txt": ROW * 3,
            },
            {"train/one/a.jpg": 1, "train/two/a.jpg": 2, "val/a.jpg": 3},
            id="lists of folders and of images",
        ),
        pytest.param(
            {
                "data.yaml": "train: images/train2017\nminival: images/minival\nnames: [cat]",
                "images/train2017/a.jpg": "",
                "labels/train2017/a.txt": ROW,
                "images/minival/b.jpg": "",
            },
            {"minival/b.jpg": None, "train/a.jpg": 1},
            id="a split of another name",
        ),
        pytest.param(
            {"VOC/JPEGImages/a.jpg": "", "VOC/labels/a.txt": ROW},
            {"train/VOC/a.jpg": 1},
            id="darknet's VOC",
        ),
        pytest.param(
            {"one/images/a.jpg": "", "one/labels/a.txt": ROW, "images/one/a.jpg": "", "labels/one/a.txt": ROW},
            {"train/images/one/a.jpg": 1, "train/one/images/a.jpg": 1},
            id="names that would collide",
        ),
        pytest.param(
            {
                "images/train/x/a.jpg": "",
                "labels/train/x/a.txt": ROW,
                "images/train/y/images/a.jpg": "",
                "images/train/y/labels/a.txt": ROW,
                "images/train/z/images/a.jpg": "",
                "labels/train/z/images/a.txt": ROW,
            },
            {"train/x/a.jpg": 1, "train/y/images/a.jpg": 1, "train/z/images/a.jpg": 1},
            id="images twice on the way",
        ),
        pytest.param(
            {"a.b.c.JPG": "", "a.b.c.TXT": ROW, "é.webp": "", "e\u0301.txt": ROW, "a b.tiff": "", "a b.txt": ROW},
            {"train/a b.tiff": 1, "train/a.b.c.JPG": 1, "train/é.webp": 1},
            id="names",
        ),
    ],
)
def test_layouts(tmp_path: Path, files: dict[str, str], expected: dict[str, int | None]) -> None:
    dataset = read(grow(tmp_path, files))

    assert contents(dataset) == expected
    assert list(contents(dataset)) == list(expected)
    assert [finding for finding in dataset.findings if finding.severity == "fault"] == []
    assert FORMAT.sniff(tmp_path)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("data.yaml", "valid: images/one\nval: images/two\nnames: [cat]\n"),
        ("obj.data", "classes = 1\nvalid = images/one\nval = images/two\nnames = obj.names\neval = coco\n"),
    ],
)
def test_two_keys_of_one_split_lose_no_image(tmp_path: Path, file: str, text: str) -> None:
    files = {f"images/{name}/{name}.jpg": "" for name in ("one", "two")}
    dataset = read(grow(tmp_path, {file: text, "obj.names": "cat\n", "labels/one/one.txt": ROW, **files}))
    assert contents(dataset) == {"val/one/one.jpg": 1, "val/two/two.jpg": None}
    assert dataset.findings == ()


def test_a_yaml_or_data_file_can_be_given_itself(tmp_path: Path) -> None:
    grow(tmp_path, ULTRALYTICS)

    assert contents(read(tmp_path / "data.yaml")) == TWO_TWO
    assert read(tmp_path / "data.yaml").root == tmp_path
    assert FORMAT.sniff(tmp_path / "data.yaml") == "data.yaml is a dataset file"
    assert FORMAT.sniff(tmp_path / "images/train/a.jpg") == ""


@pytest.mark.parametrize(
    "where",
    [
        "path: .",
        "path: ''",
        "path: {root}",
        "path: ../{name}",
        "path: ../datasets/{name}",
        "path: /on/another/machine/{name}",
        "path: D:\\work\\{name}",
        "path: no-such-folder",
    ],
)
def test_the_path_of_a_yaml_is_found_wherever_it_was_written(tmp_path: Path, where: str) -> None:
    grow(tmp_path, {**ULTRALYTICS, "data.yaml": where.format(root=tmp_path, name=tmp_path.name) + "\n" + YAML})

    assert contents(read(tmp_path)) == TWO_TWO


@pytest.mark.parametrize("train", ["/content/set/images/train", "C:\\set\\images\\train", "../../x/images/train"])
def test_an_absolute_place_of_another_machine_is_found_by_its_end(tmp_path: Path, train: str) -> None:
    dataset = read(grow(tmp_path, {**ULTRALYTICS, "data.yaml": f"train: {train}\nnames: [cat]"}))

    assert contents(dataset) == {"train/a.jpg": 1, "train/sub/b.PNG": 2}


def test_a_yaml_in_a_folder_beside_the_images_reaches_them(tmp_path: Path) -> None:
    files = {**ULTRALYTICS, "cfg/data.yaml": "path: ..\n" + YAML}
    del files["data.yaml"]
    grow(tmp_path, files)

    assert contents(read(tmp_path / "cfg" / "data.yaml")) == TWO_TWO


def test_an_unusual_folder_of_a_split_is_found_and_told(tmp_path: Path) -> None:
    files = {"data.yaml": YAML, "train/images/a.jpg": "", "valid/images/b.jpg": "", "valid/labels/b.txt": ROW}
    dataset = read(grow(tmp_path, files))

    assert contents(dataset) == {"train/a.jpg": None, "val/b.jpg": 1}
    assert [finding.message for finding in dataset.findings] == [
        "images/val is not there; valid/images is taken",
    ]


ABSENT: dict[str, tuple[str, tuple[str, ...], dict[str, int], list[str]]] = {  # places, folders of images; what is read
    "val is gone": (
        "train: images\nval: val/images\n", ("images",), {"train": 1},
        ["val: val/images is not there, and 'images' holds the images of train; none of them is taken for val"],
    ),
    "val is gone and stands first": (
        "val: val/images\ntrain: images\n", ("images",), {"train": 1},
        ["val: val/images is not there, and 'images' holds the images of train; none of them is taken for val"],
    ),
    "both are gone": (
        "train: train/images\nval: val/images\n", ("images",), {"train": 1},
        [
            "train: train/images is not there; images is taken",
            "val: val/images is not there, and 'images' holds the images of train; none of them is taken for val",
        ],
    ),
    "train is gone": (
        "train: train/images\nval: images\n", ("images",), {"val": 1},
        ["train: train/images is not there, and 'images' holds the images of val; none of them is taken for train"],
    ),
    "its folder holds that of another split": (
        "train: images/a\nval: val/images\n", ("images/a", "images/b"), {"train": 1},
        ["val: val/images is not there, and 'images' holds the images of train; none of them is taken for val"],
    ),
    "nobody else has it": (
        "train: train/images\nval: val/images\n", ("train/images", "images"), {"train": 1, "val": 1},
        ["val: val/images is not there; images is taken"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ABSENT)
def test_a_place_that_is_not_there_takes_no_images_of_another_split(tmp_path: Path, case: str) -> None:
    places, folders, images, findings = ABSENT[case]
    files = {f"{folder}/{number}.jpg": "" for number, folder in enumerate(folders)}
    files |= {name.replace("images", "labels").replace(".jpg", ".txt"): ROW for name in files}
    dataset = read(grow(tmp_path, {"data.yaml": f"{places}names: [cat]\n", **files}))
    assert Counter(sample.split for sample in dataset) == images
    told = [finding for finding in dataset.findings if finding.path == "data.yaml"]
    assert [f"{finding.where}: {finding.message}" for finding in told] == findings
    assert [finding.severity == "fault" for finding in told] == ["none of them" in words for words in findings]


def test_places_that_lost_the_word_of_their_split_are_those_of_the_usual_folders(tmp_path: Path) -> None:
    yaml = "train: ../train/images\nval: ../valid/images\nnames: [cat]\n"
    files = {"data.yaml": yaml, "images/train/a.jpg": "", "images/val/b.jpg": "", "labels/val/b.txt": ROW}
    dataset = read(grow(tmp_path, files))

    assert contents(dataset) == {"train/a.jpg": None, "val/b.jpg": 1}
    assert [finding.message for finding in dataset.findings] == [
        "../train/images is not there; images/train is taken",
        "../valid/images is not there; images/val is taken",
    ]


@pytest.mark.parametrize(
    ("place", "disputed"), [("other/", True), ("labels/", False), ("labels/train/", False), ("", False)]
)
def test_names_of_a_list_beside_no_labels_are_disputed(tmp_path: Path, place: str, disputed: bool) -> None:
    files = {"images/train/a.jpg": "", "labels/train/a.txt": ROW, f"{place}classes.txt": "cat\n"}
    dataset = read(grow(tmp_path, files))

    assert dataset.categories.names == ("cat",)
    assert codes(dataset).count("class-disputed") == disputed


def test_a_split_that_is_nowhere_is_told(tmp_path: Path) -> None:
    dataset = read(grow(tmp_path, {**ULTRALYTICS, "data.yaml": YAML + "test: /x/testing\n"}))

    assert contents(dataset) == TWO_TWO
    assert [str(finding) for finding in dataset.findings] == ["data.yaml: test: /x/testing is not there"]


def test_listed_images_that_are_missing_are_told(tmp_path: Path) -> None:
    lines = "images/a.jpg\nimages/gone.jpg\nnowhere/b.jpg\nimages\nimages/" + "x" * 300 + ".jpg\nimages/\0.jpg\n"
    files = {"data.yaml": "train: list.txt\nnames: [cat]", "list.txt": lines, "images/a.jpg": "", "labels/a.txt": ROW}
    dataset = read(grow(tmp_path, {**files, "labels/gone.txt": ROW}))

    assert contents(dataset) == {"train/a.jpg": 1, "train/gone.jpg": 1}
    assert codes(dataset[1]) == ["image-missing"]
    assert dataset[1].header is None
    assert [(finding.code, finding.where) for finding in dataset.findings] == [
        ("image-missing", f"line {number}") for number in (3, 4, 5, 6)
    ]


def test_an_image_of_two_splits_is_kept_in_the_first(tmp_path: Path) -> None:
    dataset = read(grow(tmp_path, {**ULTRALYTICS, "data.yaml": "val: images\ntrain: images/train\nnames: [cat]"}))

    assert contents(dataset) == {"train/a.jpg": 1, "train/sub/b.PNG": 2, "val/val/c.jpeg": 0}
    assert [str(finding) for finding in dataset.findings] == ["data.yaml: val: 2 images are listed before; kept there"]


def test_missing_and_empty_labels_stay_apart(tmp_path: Path) -> None:
    dataset = read(grow(tmp_path, {"data.yaml": "names: [cat]", "a.jpg": "", "b.jpg": "", "b.txt": " \n"}))

    assert contents(dataset) == {"train/a.jpg": None, "train/b.jpg": 0}
    assert [codes(sample) for sample in dataset] == [["image-unlabelled"], []]


def test_labels_without_an_image_are_counted_by_class(tmp_path: Path) -> None:
    lost = "1 .5 .5 .1 .1\n1 .4 .5 .1 .1\n0 .5 .5 .1 .1\nnonsense\n"
    dataset = read(grow(tmp_path, {**ULTRALYTICS, "labels/train/lost.txt": lost, "labels/val/deep/x.txt": ""}))

    assert contents(dataset) == TWO_TWO
    assert lost_by_class(dataset) == {"cat": 1, "dog": 2, "": 1}
    assert [(finding.code, finding.path, finding.split) for finding in dataset.findings] == [
        ("label-orphan", "labels/train/lost.txt", "train"),
        ("label-orphan", "labels/train/lost.txt", "train"),
        ("record-unreadable", "labels/train/lost.txt", "train"),
        ("label-orphan", "labels/val/deep/x.txt", "val"),
    ]
    assert rows_accounted(dataset) == 3 + 4


def test_a_second_label_file_of_an_image_is_counted_as_lost(tmp_path: Path) -> None:
    dataset = read(grow(tmp_path, {**ULTRALYTICS, "images/train/a.txt": ROW * 2}))

    assert [str(finding) for finding in dataset.findings] == [
        "images/train/a.txt: 2 of class 'cat': its image has its labels in labels/train/a.txt"
    ]


def test_labels_of_images_that_the_dataset_leaves_out_are_no_orphans(tmp_path: Path) -> None:
    files = {
        "data.yaml": "train: list.txt\nnames: [cat]",
        "list.txt": "a.jpg\n",
        "a.jpg": "",
        "b.jpg": "",
        "b.txt": ROW,
    }
    dataset = read(grow(tmp_path, files))

    assert contents(dataset) == {"train/a.jpg": None}
    assert [str(finding) for finding in dataset.findings] == [
        "b.jpg: images that no list names lie beside listed ones (1, 1 of them with labels); left aside"
    ]


@pytest.mark.parametrize(
    ("config", "lists", "aside"),
    [
        ("train: train.txt\n", {"train.txt": "images/a.jpg\n"}, "images/b.jpg"),
        (
            "train: train.txt\nval: val.txt\n",
            {"train.txt": "images/a.jpg\n", "val.txt": "images/b.jpg\n"},
            "images/c.jpg",
        ),
        ("train: images/a.jpg\n", {}, "images/b.jpg"),
        ("train: train.txt\nval: images\n", {"train.txt": "images/a.jpg\n"}, ""),
        ("train: images\n", {}, ""),
    ],
)
def test_images_that_no_list_names_are_told(tmp_path: Path, config: str, lists: dict[str, str], aside: str) -> None:
    images = {f"images/{name}.jpg": "" for name in "abc"}
    other = {"else/d.jpg": "", "labels/c.txt": ROW, "data.yaml": f"{config}names: [cat]\n"}
    dataset = read(grow(tmp_path, {**images, **other, **lists}))

    told = [one for one in dataset.findings if one.code == "image-aside"]
    assert [one.path for one in told] == ([aside] if aside else [])
    assert len(dataset) + sum(int(one.message.partition("(")[2][0]) for one in told) == 3
    assert all("1 of them with labels" in one.message for one in told)


def test_images_aside_are_told_alike_where_the_source_is_a_relative_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"data.yaml": "train: train.txt\nnames: [cat]\n", "train.txt": "images/a.jpg\n"}
    grow(tmp_path / "set", {**files, "images/a.jpg": "", "images/b.jpg": "", "labels/b.txt": ROW})
    monkeypatch.chdir(tmp_path)

    assert [str(finding) for finding in read(Path("set")).findings] == [
        "images/b.jpg: images that no list names lie beside listed ones (1, 1 of them with labels); left aside"
    ]


@pytest.mark.parametrize(
    ("config", "other", "aside"),
    [
        ("train: images/train\n", "images/val", True),
        ("train: images/train\nval: images/train\n", "images/val", True),
        ("train: train/images\nval: images/train\n", "test/images", True),
        ("train: images/train\nval: images/valid\n", "images/val", False),  # which is taken
        ("train: images/train\n", "images/more", False),
        ("train: images/train\n", "images/train/val", False),
    ],
)
def test_a_folder_of_a_split_that_the_data_yaml_does_not_name_is_told(
    tmp_path: Path, config: str, other: str, aside: bool
) -> None:
    folders = {"images/train", other, *(["train/images"] if "train/images" in config else [])}
    images = {f"{folder}/{number}.jpg": "" for number, folder in enumerate(sorted(folders))}
    labels = {f"{name.replace('images', 'labels')[:-4]}.txt": ROW for name in images}
    dataset = read(grow(tmp_path, {**images, **labels, "data.yaml": f"{config}names: [cat]\n"}))

    (place,) = (name for name in images if name.startswith(f"{other}/"))
    told = [str(one) for one in dataset.findings if one.code == "image-aside" and one.path == place]
    words = "images that data.yaml does not name lie in the folder of a split (1, 1 of them with labels); left aside"
    assert told == ([f"{place}: {words}"] if aside else [])


@pytest.mark.parametrize("name", ["data.yaml", "data.yml", "Data.YAML", "my-set.YML", "OBJ.DATA"])
def test_the_file_that_describes_a_dataset_may_have_any_case(tmp_path: Path, name: str) -> None:
    content = "names = names.lst\ntrain = images\n" if name == "OBJ.DATA" else "names: [cat]\ntrain: images\n"
    files = {name: content, "names.lst": "cat\n", "images/a.jpg": "", "labels/a.txt": ROW}

    assert [one.name for one in read(grow(tmp_path, files)).categories] == ["cat"]


def test_an_image_of_a_data_yaml_that_is_not_there_is_no_folder(tmp_path: Path) -> None:
    config = "train: [images/train/a.jpg, images/train/none.jpg]\nnames: [cat]\n"
    files = {"data.yaml": config, "images/train/a.jpg": "", "images/train/b.jpg": "", "labels/train/a.txt": ROW}
    dataset = read(grow(tmp_path, files))

    assert list(contents(dataset)) == ["train/a.jpg"]
    assert [str(one) for one in dataset.findings if one.code == "image-missing"] == [
        "data.yaml: train: images/train/none.jpg is not there"
    ]


def test_other_texts_are_no_labels(tmp_path: Path) -> None:
    other = {
        "classes.txt": "cat\n",
        "README.txt": "0 cats\n",
        "train.txt": "a.jpg\n",
        "obj.names": "cat\n",
        "LICENSE.txt": "5 5 5 5 5 of them\n",
        "report.txt": "all is well\n",
        "a.cache": "",
        "a.npy": "",
        ".a.txt": ROW,
    }
    dataset = read(grow(tmp_path, {"a.jpg": "", "a.txt": ROW, **other}))

    assert contents(dataset) == {"train/a.jpg": 1}
    assert codes(dataset) == []


def test_an_image_may_be_called_like_a_list(tmp_path: Path) -> None:
    dataset = read(grow(tmp_path, {"test.jpg": "", "test.txt": ROW, "train.jpg": "", "train.txt": "test.jpg\n"}))

    assert contents(dataset) == {"train/test.jpg": 1, "train/train.jpg": None}


def test_images_of_one_stem_share_their_labels_and_it_is_told(tmp_path: Path) -> None:
    dataset = read(grow(tmp_path, {"a.jpg": "", "a.png": "", "a.txt": ROW}))

    assert contents(dataset) == {"train/a.jpg": 1, "train/a.png": 1}
    told = [str(finding) for finding in dataset.findings if finding.code != "class-unnamed"]
    assert told == ["a.txt: labels a.jpg, a.png"]


def test_an_image_that_cannot_be_read_keeps_its_count(tmp_path: Path) -> None:
    grow(tmp_path, {"data.yaml": "names: [cat]", "a.jpg": "no image", "a.txt": ROW * 2 + "x\n"})
    dataset: Dataset = FORMAT.read(tmp_path, HeaderCache(), YoloReadOptions())

    assert dataset[0].header is None
    assert (len(dataset[0].instances), dataset[0].source_count) == (2, 3)
    assert codes(dataset[0])[0] == "image-unreadable"
    assert balances(dataset)


def test_several_processes_count_the_classes_that_one_does(tmp_path: Path) -> None:
    files = {f"images/{number:04}.jpg": "" for number in range(1100)}
    labels = {f"labels/{number:04}.txt": f"{number % 500} .5 .5 .1 .1" for number in range(1099)}
    grow(tmp_path, {"data.yaml": "nc: 2", **files, **labels})

    here = FORMAT.read(tmp_path, probe, YoloReadOptions())
    there = FORMAT.read(tmp_path, probe, YoloReadOptions(), Local(2).run)

    assert len(here.categories) == 500
    assert (there.categories, there.findings) == (here.categories, here.findings)


@pytest.mark.parametrize(
    ("yaml", "names"),
    [
        ("names: [no, 1e3, null, 'a: b', ' x', 🦊, ~, 0x1]", ("no", "1e3", "null", "a: b", " x", "🦊", "~", "0x1")),
        ("names: {0: on, 1: off}", ("on", "off")),
        ("names:\n  1: dog\n  0: cat", ("cat", "dog")),
        ("names: {0: cat, 2: dog}", ("cat", "1", "dog")),
        ("nc: 2\nnames: [cat, dog]", ("cat", "dog")),
        ("nc: 2", ("0", "1", "2", "3")),
        ("nc: 6", ("0", "1", "2", "3", "4", "5")),
        ("train: images", ("0", "1", "2", "3")),
        ("names: my.names\nnc: 4", ("a", "b", "c", "d")),
        ("names: []", ("0", "1", "2", "3")),
        ("\ufeffnames: [cat]", ("cat",)),
    ],
)  # fmt: skip
def test_the_forms_of_a_class_table(tmp_path: Path, yaml: str, names: tuple[str, ...]) -> None:
    if "my.names" in yaml:
        grow(tmp_path, {"my.names": "a\nb\r\nc\nd\n\n"})
    grow(tmp_path, {"data.yaml": yaml, "images/a.jpg": "", "labels/a.txt": "3 .5 .5 .1 .1"})

    assert read(tmp_path).categories.names == names


def test_gaps_and_a_wrong_count_are_told(tmp_path: Path) -> None:
    grow(tmp_path, {"data.yaml": "nc: 5\nnames: {0: cat, 2: dog}", "a.jpg": ""})

    assert [str(finding) for finding in read(tmp_path).findings] == [
        "data.yaml: names: no name for class 1; called by number",
        "data.yaml: nc: have 5 classes and 3 names; the names are taken",
    ]


def test_more_classes_than_counted_are_all_taken(tmp_path: Path) -> None:
    grow(tmp_path, {"data.yaml": "nc: 2", "a.jpg": "", "a.txt": "3 .5 .5 .1 .1"})

    assert [str(finding) for finding in read(tmp_path).findings] == [
        "data.yaml: nc: have 2 classes, the labels use 4; all are taken",
        "data.yaml: the 4 classes are called by their numbers; `classes` takes their names, in this order",
    ]


def test_an_id_beyond_the_names_drops_the_object_only(tmp_path: Path) -> None:
    grow(tmp_path, {"classes.txt": "a\nb\nc", "a.jpg": "", "a.txt": "15 .5 .5 .1 .1\n" + ROW})
    dataset = read(tmp_path)

    assert [str(finding) for finding in dataset[0].findings] == ["a.txt: line 1: id 15 but 3 names"]
    assert contents(dataset) == {"train/a.jpg": 1}
    assert balances(dataset)


def test_without_names_the_numbers_are_the_names(tmp_path: Path) -> None:
    grow(tmp_path, {"a.jpg": "", "a.txt": "2 .5 .5 .1 .1\n99999999 .5 .5 .1 .1\n"})
    dataset = read(tmp_path)

    assert dataset.categories.names == ("0", "1", "2")
    assert codes(dataset[0]) == ["category-unknown"]


def test_of_files_of_names_that_begin_alike_the_longest_counts(tmp_path: Path) -> None:
    grow(tmp_path, {"obj.names": "cat\n", "x/classes.txt": "cat\ndog\n", "x/a.jpg": "", "x/a.txt": ROW})
    grow(tmp_path, {"predefined_classes.txt": "person\n"})

    assert read(tmp_path).categories.names == ("cat", "dog")


def test_a_nearer_file_of_other_names_does_not_name_these_objects(tmp_path: Path) -> None:
    grow(tmp_path, {"obj.names": "cat\n", "x/classes.txt": "dog\n", "x/a.jpg": "", "x/a.txt": ROW})

    with pytest.raises(AnnotationError, match=r"the class names in obj\.names, x/classes\.txt differ"):
        read(tmp_path)


def test_notes_of_label_studio_that_contradict_the_list_are_told(tmp_path: Path) -> None:
    grow(tmp_path, {"classes.txt": "cat\ndog\n", "images/a.jpg": "", "labels/a.txt": ROW})
    notes = {"categories": [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}], "info": {"version": "1.0"}}
    grow(tmp_path, {"notes.json": json.dumps(notes)})
    assert [finding.code for finding in read(tmp_path).findings] == []
    notes["categories"] = [{"id": 0, "name": "dog"}, {"id": 1, "name": "cat"}]
    grow(tmp_path, {"notes.json": json.dumps(notes)})
    assert [str(finding) for finding in read(tmp_path).findings] == [
        "notes.json: categories: class 0 is 'cat' in classes.txt and 'dog' in notes.json; classes.txt was taken"
    ]


NOTES = json.dumps({"categories": [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}]})
STATED = "train: images\nnames: [cat, dog]\n"
DISPUTES: dict[str, tuple[dict[str, str], list[str]]] = {  # files of names, and the findings about them
    "notes alone": (
        {"notes.json": NOTES},
        ["notes.json: categories: the class names are those of Label Studio's notes, for no other file has any"],
    ),
    "stated, and a list that has the first": ({"data.yaml": STATED, "classes.txt": "cat\n"}, []),
    "stated, and labelImg's suggestions": ({"data.yaml": STATED, "predefined_classes.txt": "person\n"}, []),
    "stated, and other notes": (
        {"data.yaml": STATED, "notes.json": NOTES.replace("dog", "cow")},
        ["notes.json: categories: class 1 is 'dog' in data.yaml and 'cow' in notes.json; data.yaml was taken"],
    ),
    "stated, and another order": (
        {"data.yaml": STATED, "labels/classes.txt": "dog\ncat\n"},
        ["labels/classes.txt: class 0 is 'cat' in data.yaml and 'dog' in classes.txt; data.yaml was taken"],
    ),
    "stated, and one more": (
        {"data.yaml": STATED, "obj.names": "cat\ndog\ncow\n"},
        ["obj.names: class 2 is 'none' in data.yaml and 'cow' in obj.names; data.yaml was taken"],
    ),
    "darknet, and another list": (
        {"obj.data": "train = images\nnames = obj.names\n", "obj.names": "cat\ndog\n", "classes.txt": "cow\n"},
        ["classes.txt: class 0 is 'cat' in obj.names and 'cow' in classes.txt; obj.names was taken"],
    ),
    "stated, and a labelmap of the same": (
        {"data.yaml": STATED, "labelmap.txt": "# label:color_rgb:parts:actions\nbackground:::\ndog:::\ncat:::\n"},
        [],
    ),
    "stated, and a labelmap of others": (
        {"data.yaml": STATED, "labelmap.txt": "background:0,0,0::\ncow:1,2,3::\n"},
        ["labelmap.txt: lists the class 'cow', which data.yaml does not; data.yaml was taken"],
    ),
}


@pytest.mark.parametrize("case", DISPUTES)
def test_names_come_from_one_file_and_others_that_differ_are_told(tmp_path: Path, case: str) -> None:
    files, findings = DISPUTES[case]
    grow(tmp_path, {"images/a.jpg": "", "labels/a.txt": ROW, **files})
    dataset = read(tmp_path)
    assert dataset.categories.names == ("cat", "dog")
    told = [finding for finding in dataset.findings if finding.code != "image-unlabelled"]
    assert [str(finding) for finding in told] == findings
    assert {finding.code for finding in told} <= {"class-disputed", "class-named"}


def test_files_of_names_that_differ_are_refused(tmp_path: Path) -> None:
    grow(tmp_path, {f"{split}/{name}": text for split in ("train", "val") for name, text in
                    (("a.jpg", ""), ("a.txt", ROW), ("classes.txt", split))})  # fmt: skip

    with pytest.raises(AnnotationError, match=r"the class names in train/classes\.txt, val/classes\.txt differ"):
        read(tmp_path)


def test_keypoints_are_named(tmp_path: Path) -> None:
    yaml = "names: [cat, dog]\nkpt_shape: [2, 3]\nflip_idx: [1, 0]\nkpt_names: {0: [left, right]}"
    grow(tmp_path, {"data.yaml": yaml, "a.jpg": "", "a.txt": "0 .5 .5 .2 .2 .1 .2 2 .3 .4 1"})
    dataset = read(tmp_path)

    assert [category.keypoints for category in dataset.categories] == [("left", "right"), ("kp0", "kp1")]
    assert dataset[0].instances.keypoints.tolist() == [[[20.0, 20.0], [60.0, 40.0]]]
    assert dataset[0].instances.visibility.tolist() == [[2, 1]]
    assert [category.flip_idx for category in dataset.categories] == [(1, 0), (1, 0)]


@pytest.mark.parametrize(
    ("yaml", "words"),
    [
        ("names: [cat", "data.yaml: line 1: not YAML"),
        ("names: &a [cat]\nother: *a", "data.yaml: line 2: have an alias"),
        ("names: " + "[" * 5000, "data.yaml: line 1: have an alias or more than 40 levels"),
        ("names: [[cat]]", "data.yaml: names.0: have a list or a map, want text"),
        ("names: {cat: 0}", "data.yaml: names: have 'cat', want a whole number"),
        ("names: {0: a, 00: b}", "data.yaml: names: two names for one class"),
        ("names: [a]\nnames: [b]", "data.yaml: line 2: have the key 'names' twice"),
        ("names: {99999999999: a}", "data.yaml: names: have class 99999999999"),
        ("names: cat", "data.yaml: names: want a list or a map of names; 'cat' is not there"),
        ("nc: many", "data.yaml: nc: have 'many', want a whole number"),
        ("nc: 65537", "data.yaml: nc: have 65537, want at most 65536"),
        ("names: {65536: a}", "data.yaml: names: have class 65536, want less than 65536"),
        ("names: [a]\nkpt_shape: [17]", r"data.yaml: kpt_shape: have \['17'\], want \[count, 2 or 3\]"),
        ("names: [a]\nflip_idx: [x]", "data.yaml: flip_idx: have 'x'"),
        ("names: [a]\nkpt_shape: [3, 2]\nflip_idx: [1, 2, 0]", r"data.yaml: flip_idx: have \[1, 2, 0\], want the"),
        ("names: [a]\nkpt_shape: [3, 2]\nflip_idx: [1, 0]", r"data.yaml: flip_idx: have \[1, 0\], want the partner of"),
        ("names: [a]\nkpt_names: x", "data.yaml: kpt_names: want a list"),
        ("names: [a]\npath: []", "data.yaml: path: have a list"),
        ("names: [a]\ntrain: {a: b}", "data.yaml: train: want a folder"),
        ("names: a\nx: \x07", "data.yaml: not YAML"),
        ("- names:\n- nc:", "data.yaml: want keys with values"),
        ("names: [a]\n#" + "x" * 2**20, "data.yaml: have 1,048,588 bytes, want at most 1,048,576"),
    ],
)  # fmt: skip
def test_a_yaml_that_cannot_be_read(tmp_path: Path, yaml: str, words: str) -> None:
    grow(tmp_path, {"data.yaml": yaml, "a.jpg": "", "a.txt": ROW})

    with pytest.raises(AnnotationError, match=words):
        read(tmp_path / "data.yaml")


def test_a_yaml_of_other_bytes(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_bytes("names: [café]".encode("latin-1"))

    with pytest.raises(AnnotationError, match="byte 11: not UTF-8 text"):
        read(tmp_path)


def test_folders_that_cannot_be_read(tmp_path: Path) -> None:
    for name, words in (("none", "want a folder"), ("empty", "no images here")):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(LayoutError, match=words):
            read(tmp_path / name)
    grow(tmp_path, {"other/a.jpg": "", "other/a.xml": "<annotation/>"})
    with pytest.raises(LayoutError, match=r"have images, but no label file and no data\.yaml"):
        read(tmp_path / "other")
    assert FORMAT.sniff(tmp_path / "other") == ""


def test_several_yamls_are_not_chosen_from(tmp_path: Path) -> None:
    grow(tmp_path, {"a.yaml": YAML, "b.yaml": YAML, "hyp.yaml": "lr: 1\n"})

    with pytest.raises(LayoutError, match=r"have a\.yaml, b\.yaml; name the one to read"):
        read(tmp_path)
    assert FORMAT.sniff(tmp_path) == "a.yaml describes it"


def test_options_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`task`: have 'boxes', want one of auto, detect"):
        YoloReadOptions("boxes")  # type: ignore[arg-type]
    grow(tmp_path, ULTRALYTICS)
    with pytest.raises(AnnotationError, match="kpt_shape: is missing"):
        read(tmp_path, YoloReadOptions("pose"))


@pytest.mark.parametrize("place", ["../../secret", "../../secret/list.txt", "/etc", "{outside}", "link"])
def test_a_place_outside_is_told_and_left(tmp_path: Path, place: str) -> None:
    secret = grow(tmp_path / "secret", {"s.jpg": "", "s.txt": ROW, "list.txt": "s.jpg"})
    root = grow(tmp_path / "sets" / "set", ULTRALYTICS)
    (root / "link").symlink_to(secret)
    yaml = f"train: images/train\nval: {place.format(outside=secret)}\nnames: [cat]"
    dataset = read(grow(root, {"data.yaml": yaml}))

    assert all(sample.path.resolve().is_relative_to(root.resolve()) for sample in dataset)
    assert "image-missing" in codes(dataset) or "record-repaired" in codes(dataset)


def test_links_that_lead_out_are_told_and_left(tmp_path: Path) -> None:
    secret = grow(tmp_path / "secret", {"s.jpg": "", "s.txt": ROW})
    root = grow(tmp_path / "set", {"a.jpg": "", "a.txt": ROW})
    (root / "folder").symlink_to(secret)
    (root / "b.jpg").symlink_to(secret / "s.jpg")
    (root / "c.jpg").symlink_to(root / "a.jpg")
    (root / "circle").symlink_to(root)
    (root / "broken.jpg").symlink_to(root / "gone.jpg")
    dataset = read(root)

    assert contents(dataset) == {"train/a.jpg": 1, "train/c.jpg": None}
    told = [(finding.code, finding.path) for finding in dataset.findings if finding.code != "class-unnamed"]
    assert told == [("folder-repeated", "circle"), ("image-missing", "b.jpg"), ("image-missing", "folder")]


def test_a_folder_of_labels_that_is_a_link_out_is_not_opened(tmp_path: Path) -> None:
    secret = grow(tmp_path / "secret", {"a.txt": ROW})
    root = grow(tmp_path / "set", {"data.yaml": "train: images\nnames: [cat]", "images/a.jpg": ""})
    (root / "labels").symlink_to(secret)
    dataset = read(root)

    assert contents(dataset) == {"train/a.jpg": None}
    assert [str(finding) for finding in dataset.findings] == [
        "labels: a link that leads out of the dataset; not followed (`follow_links` names a folder that links may lead"
        " into)"
    ]


def test_a_folder_beside_the_dataset_is_opened_if_the_yaml_says_so_only(tmp_path: Path) -> None:
    beside = {"train/images/a.jpg": "", "train/labels/a.txt": ROW, "secret/s.jpg": "", "secret/s.txt": ROW}
    grow(tmp_path, {**beside, "set/list.txt": "../secret/s.jpg\n"})
    grow(tmp_path, {"set/data.yaml": "train: ../train/images\nval: list.txt\nnames: [cat]"})
    dataset = read(tmp_path / "set" / "data.yaml")

    assert contents(dataset) == {"train/a.jpg": 1}
    assert [finding.message for finding in dataset.findings] == ["../secret/s.jpg lies outside of the dataset"]


def test_a_yaml_that_came_with_a_folder_does_not_lead_out_of_it(tmp_path: Path) -> None:
    grow(tmp_path, {"other/images/a.jpg": "", "other/labels/a.txt": ROW, "set/in.jpg": "", "set/in.txt": ROW})
    dataset = read(grow(tmp_path / "set", {"data.yaml": "train: ../other/images\nnames: [cat]"}))

    assert contents(dataset) == {"train/in.jpg": 1}
    assert "lies outside of the dataset (a folder beside it is opened for" in dataset.findings[0].message


def test_the_working_folder_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grow(tmp_path / "set", ULTRALYTICS)
    for folder, root in ((tmp_path, "set"), (tmp_path / "set", "."), (tmp_path / "set/images", "../data.yaml")):
        monkeypatch.chdir(folder)
        assert contents(read(Path(root))) == TWO_TWO


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes here")
    os.mkfifo(grow(tmp_path, {"a.jpg": "", "classes.txt": "cat", "data.yaml": "names: [cat]"}) / "a.txt")

    assert contents(read(tmp_path)) == {"train/a.jpg": None}


REAL = {
    "groundnut": 1095,
    "groundnut/train": 1095,
    "cell0005/scripts/labelImg/exif/exif-test": 5,
    "yolo_mark/x64/Release/data": 35,
    "yolo_mark/x64/Release/data/obj.data": 35,
    "ultralytics_hub/example_datasets/coco8": 30,
    "ultralytics_hub/example_datasets/coco8-seg": 30,
    "ultralytics_hub/example_datasets/coco8-human": 18,
    "ultralytics_hub/example_datasets/dota8": 133,
    "labelformat/tests/fixtures/object_detection/YOLOv8": 16,
    "labelformat/tests/fixtures/instance_segmentation/YOLOv8": 3,
    "datumaro/tests/assets/yolo_dataset/strict": 2,
    "datumaro/tests/assets/yolo_dataset/labels": 4,
    "datumaro/tests/assets/kaggle_dataset/relaxed_yolo": 4,
    "datumaro/tests/assets/roboflow_dataset/yolo": 4,
    "datumaro/tests/assets/roboflow_dataset/yolo_obb": 0,
}


@pytest.mark.parametrize("name", REAL)
def test_real_datasets_account_for_every_row(name: str) -> None:
    root = SHARED / name
    if not root.exists():
        pytest.skip("the data is not here")
    dataset: Dataset = FORMAT.read(root, HeaderCache(), YoloReadOptions())

    assert balances(dataset)
    assert rows_accounted(dataset) == REAL[name]


@pytest.mark.parametrize(
    "name",
    [
        "panlabel",
        "bbox_editor_exif",
        "bccd",
        "labelme",
        "exif_rasteiner",
        "datumaro/tests/assets/yolo_dataset/annotations",
    ],
)
def test_real_folders_of_other_things_are_refused_in_our_words(name: str) -> None:
    if not (SHARED / name).exists():
        pytest.skip("the data is not here")

    with pytest.raises(BboxprepError, match=name):
        read(SHARED / name)
    assert FORMAT.sniff(SHARED / name) == ""


def test_boxes_on_turned_photos_of_an_editor(tmp_path: Path) -> None:
    source = SHARED / "bbox_editor_exif/src/test/resources"
    if not source.exists():
        pytest.skip("the data is not here")
    for file in (*(source / "testannotations/exif/yolo").iterdir(), *(source / "testimages/ExifJpeg").iterdir()):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    dataset: Dataset = FORMAT.read(tmp_path, HeaderCache(), YoloReadOptions())

    assert dataset.categories.names == ("test",)
    boxes = {tuple(round(edge, 2) for edge in sample.instances.boxes[0]) for sample in dataset if sample.labelled}
    assert boxes == {(9.98, 15.97, 19.96, 31.93)}


def test_the_format_is_registered() -> None:
    assert formats.load("yolo") is FORMAT


@pytest.mark.parametrize("line", ["obj/a.jpgobj/b.jpg", "data/obj/a.jpgdata/obj/b.jpg", "obj/a.jpg/home/me/obj/b.jpg"])
def test_two_lines_that_run_together_are_told(tmp_path: Path, line: str) -> None:
    files = {f"obj/{name}": text for name in "ab" for name, text in ((f"{name}.jpg", ""), (f"{name}.txt", ROW))}
    grow(tmp_path, {**files, "obj.names": "cat\n", "train.txt": f"{line}\nobj/a.jpg\n"})
    dataset = read(grow(tmp_path, {"obj.data": "classes=1\ntrain=train.txt\nnames=obj.names\n"}))

    assert contents(dataset) == {"train/a.jpg": 1}
    (finding,) = (finding for finding in dataset.findings if finding.code == "image-missing")
    assert finding.where == "line 1"
    assert finding.message.startswith(line)


@pytest.mark.parametrize(
    "line", ["OBJ/A.jpg", "obj/a.JPG", "obj/a", "C:\\data\\obj\\a.jpg", "/old/obj/a.jpg", "https://host/obj/a.jpg?x=1"]
)
def test_a_list_may_spell_an_image_otherwise(tmp_path: Path, line: str) -> None:
    files = {"obj/a.jpg": "", "obj/a.txt": ROW, "obj.names": "cat\n", "train.txt": f"{line}\n"}
    dataset = read(grow(tmp_path, {**files, "obj.data": "classes=1\ntrain=train.txt\nnames=obj.names\n"}))

    assert contents(dataset) == {"train/a.jpg": 1}
    assert set(codes(dataset)) <= {"name-differs"}
