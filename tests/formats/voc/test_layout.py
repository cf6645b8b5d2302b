from __future__ import annotations

from pathlib import Path

import pytest

from bboxprep.errors import AnnotationError, LayoutError
from bboxprep.formats import voc
from bboxprep.model.dataset import Dataset
from tests.formats.voc.trees import Box, check_books, codes, document, flat, image, obj, probe, read, xml

BOX: Box = (10, 20, 30, 40)
ONE = document(obj(BOX), database="Unknown")


def listing(dataset: Dataset) -> list[tuple[str, str, int]]:
    return [(sample.split, str(sample.name), len(sample.instances)) for sample in dataset]


def lists(home: Path, task: str = "Main", /, **names: str) -> None:
    folder = home / "ImageSets" / task
    folder.mkdir(parents=True, exist_ok=True)
    for split, text in names.items():
        (folder / f"{split}.txt").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("above", ["", "VOC2007", "VOCdevkit/VOC2007"])
def test_the_devkit(tmp_path: Path, above: str) -> None:
    home = tmp_path / above
    for stem in ("a", "b", "c", "sub/d", "e"):
        image(home / f"JPEGImages/{stem}.jpg")
        xml(home / f"Annotations/{stem}.xml", ONE)
    image(home / "JPEGImages/bare.jpg")
    image(home / "SegmentationClass/a.png")
    lists(home, train="a\r\nsub/d\r\n", val="\nb\n", trainval="a\nb\nsub/d\ne", test="bare\n", cat_train="a  1\nb -1\n")
    dataset = read(tmp_path)
    assert listing(dataset) == [
        ("test", "bare.jpg", 0),
        ("train", "a.jpg", 1),
        ("train", "sub/d.jpg", 1),
        ("trainval", "e.jpg", 1),
        ("unlisted", "c.jpg", 1),
        ("val", "b.jpg", 1),
    ]
    assert dataset.splits == ("test", "train", "trainval", "unlisted", "val")
    assert not dataset[0].labelled
    assert codes(dataset[0].findings) == {"image-unlabelled": 1}
    assert codes(dataset.findings) == {}


def test_trainval_is_a_split_where_there_is_no_finer_one(tmp_path: Path) -> None:
    image(tmp_path / "JPEGImages/a.jpg")
    xml(tmp_path / "Annotations/a.xml", ONE)
    lists(tmp_path, trainval="a\n")
    assert listing(read(tmp_path)) == [("trainval", "a.jpg", 1)]


@pytest.mark.parametrize("above", ["", "VOCdevkit/VOC2012"])
@pytest.mark.parametrize(
    ("task", "train", "val"),
    [
        ("Segmentation", "a\nsub/my b\n", "c\n"),
        ("Layout", "a  1\na  2\nsub/b  1\n", "c  1\n"),
        ("Action", "a  1\nsub/b  1\n", "c  7\n"),
    ],
)
def test_lists_of_another_task_give_the_splits_where_there_is_no_main_and_it_is_said(
    tmp_path: Path, above: str, task: str, train: str, val: str
) -> None:
    home = tmp_path / above
    second = "sub/my b" if "my" in train else "sub/b"
    for stem in ("a", second, "c"):
        image(home / f"JPEGImages/{stem}.jpg")
        xml(home / f"Annotations/{stem}.xml", ONE)
    lists(home, task, train=train, val=val)
    dataset = read(tmp_path)
    assert listing(dataset) == [("train", "a.jpg", 1), ("train", f"{second}.jpg", 1), ("val", "c.jpg", 1)]
    (told,) = [finding for finding in dataset.findings if "no ImageSets/Main" in finding.message]
    assert told.path == (home / "ImageSets" / task).relative_to(tmp_path).as_posix()
    lists(home, train="c\n", val=f"a\n{second}\n")
    assert [split for split, _, _ in listing(read(tmp_path))] == ["train", "val", "val"]
    assert not [finding for finding in read(tmp_path).findings if "no ImageSets/Main" in finding.message]


def test_lists_of_classes_of_another_task_are_read_too(tmp_path: Path) -> None:
    for name in "ab":
        image(tmp_path / f"JPEGImages/{name}.jpg")
        xml(tmp_path / f"Annotations/{name}.xml", ONE)
    lists(tmp_path, "Action", jumping_train="a  1  1\n", jumping_val="b  1 -1\nb  2  1\n")
    assert [(split, name) for split, name, _ in listing(read(tmp_path))] == [("train", "a.jpg"), ("val", "b.jpg")]


def test_lists_of_classes_are_the_splits_where_there_are_no_others(tmp_path: Path) -> None:
    for name in "ab":
        image(tmp_path / f"JPEGImages/{name}.jpg")
        xml(tmp_path / f"Annotations/{name}.xml", ONE)
    lists(tmp_path, cat_val="a 1\n", dog_val="a -1\n", dog_train="b  1\n", ant_val="")
    assert listing(read(tmp_path)) == [("train", "b.jpg", 1), ("val", "a.jpg", 1)]
    lists(tmp_path, hard_test="a\nb\n")
    assert listing(read(tmp_path)) == [("test", "a.jpg", 1), ("test", "b.jpg", 1)]


@pytest.mark.parametrize("home", ["", "gts/", "deep/gts/"])
@pytest.mark.parametrize("photos", ["images", "gts/JPEGImages", "other/images"])
def test_lists_are_those_of_the_labels_wherever_the_images_lie(tmp_path: Path, home: str, photos: str) -> None:
    image(tmp_path / f"{photos}/a.jpg")
    xml(tmp_path / f"{home}Annotations/a.xml", ONE)
    lists(tmp_path / home, val="a\n")
    dataset = read(tmp_path)
    assert [(split, count) for split, _, count in listing(dataset)] == [("val", 1)]
    assert "image-missing" not in codes(dataset.findings)


@pytest.mark.parametrize(
    "line", ["A_1", "a_1.JPG", "JPEGImages/a_1.jpg", "C:\\set\\JPEGImages\\a_1.jpg", "/old/a_1.jpg", "a%5F1"]
)
def test_a_list_may_spell_an_image_otherwise(tmp_path: Path, line: str) -> None:
    image(tmp_path / "JPEGImages/a_1.jpg")
    xml(tmp_path / "Annotations/a_1.xml", ONE)
    lists(tmp_path, val=f"{line}\n")
    dataset = read(tmp_path)
    assert listing(dataset) == [("val", "a_1.jpg", 1)]
    assert set(codes(dataset.findings)) <= {"name-differs", "voc-origin-assumed", "voc-origin-decided"}


def test_names_in_several_lists_and_names_of_nothing_are_told(tmp_path: Path) -> None:
    image(tmp_path / "JPEGImages/a 1.jpg")
    xml(tmp_path / "Annotations/a 1.xml", ONE)
    lists(tmp_path, train='a 1\nghost\n# a remark\n"gone 2"\n', test="a 1.jpg\na 1\n")
    dataset = read(tmp_path)
    assert listing(dataset) == [("train", "a 1.jpg", 1)]
    assert codes(dataset.findings) == {"record-repaired": 1, "image-missing": 1}
    assert dataset.findings[-1].message == "listed names have no image and no XML file (2, first: 'ghost')"


def test_cvat_names_no_split(tmp_path: Path) -> None:
    image(tmp_path / "JPEGImages/sub/a.png")
    xml(tmp_path / "Annotations/sub/a.xml", ONE)
    lists(tmp_path, default="sub/a\n")
    assert listing(read(tmp_path)) == [("train", "sub/a.png", 1)]


def test_two_devkits_whose_names_clash_keep_their_folders(tmp_path: Path) -> None:
    for year in ("VOC2007", "VOC2012"):
        image(tmp_path / year / "JPEGImages/a.jpg")
        xml(tmp_path / year / "Annotations/a.xml", ONE)
        lists(tmp_path / year, train="a\n")
    assert listing(read(tmp_path)) == [
        ("train", "VOC2007/JPEGImages/a.jpg", 1),
        ("train", "VOC2012/JPEGImages/a.jpg", 1),
    ]


@pytest.mark.parametrize(
    ("label", "photo", "expected"),
    [
        ("a.xml", "a.JPG", ("train", "a.JPG")),
        ("sub/a.b.c.xml", "sub/a.b.c.jpeg", ("train", "sub/a.b.c.jpeg")),
        ("annotations/a.xml", "images/a.webp", ("train", "a.webp")),
        ("Annotations/s/a.xml", "Images/s/a.jpe", ("train", "s/a.jpe")),
        ("annotations/a.xml", "images/train/a.jpg", ("train", "a.jpg")),
        ("annotations/a.xml", "images/deep/er/a.jpg", ("train", "deep/er/a.jpg")),
        ("xml/a.xml", "img/a.jpg", ("train", "a.jpg")),
        ("a.xml", "images/a.jpg", ("train", "a.jpg")),
        ("labels_voc/a.xml", "photos/a.jpg", ("train", "photos/a.jpg")),
        ("a.jpg.xml", "a.jpg", ("train", "a.jpg")),
        ("valid/a.xml", "valid/a.jpg", ("val", "a.jpg")),
        ("test/annotations/a.xml", "test/images/a.jpg", ("test", "a.jpg")),
        ("images/val/a.xml", "images/val/a.jpg", ("val", "a.jpg")),
        ("src/test/data/a.xml", "src/test/data/a.jpg", ("train", "src/test/data/a.jpg")),
        ("cafe\u0301.xml", "caf\u00e9.jpg", ("train", "caf\u00e9.jpg")),
    ],
)
def test_the_image_is_found_in_every_layout(tmp_path: Path, label: str, photo: str, expected: tuple[str, str]) -> None:
    image(tmp_path / photo)
    xml(tmp_path / label, ONE)
    dataset = read(tmp_path)
    assert listing(dataset) == [(*expected, 1)]
    assert dataset[0].path == tmp_path / photo
    assert dataset[0].header
    assert codes(dataset.findings) == {}


def test_a_folder_beside_training_images_is_a_split(tmp_path: Path) -> None:
    for split in ("training", "fold1"):
        flat(tmp_path / split, {"a": document(obj(BOX))})
    assert listing(read(tmp_path)) == [("fold1", "a.jpg", 1), ("train", "a.jpg", 1)]


def test_roboflow(tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        flat(tmp_path / split, {"a": document(obj(BOX), database="roboflow.ai")})
    image(tmp_path / "test/b.jpg")
    dataset = read(tmp_path)
    assert listing(dataset) == [("test", "a.jpg", 1), ("test", "b.jpg", 0), ("train", "a.jpg", 1), ("val", "a.jpg", 1)]
    assert dataset[0].instances.boxes.tolist() == [[9, 19, 29, 39]]


@pytest.mark.parametrize("filename", ["photo.png", " photo.png ", "photo", "photo.jpg", r"..\x\photo.png", "/x/photo"])
def test_the_filename_is_asked_where_no_image_has_the_stem(tmp_path: Path, filename: str) -> None:
    image(tmp_path / "photo.png")
    xml(tmp_path / "1_png_A.xml", document(obj(BOX), head=f"<filename>{filename}</filename><path>/etc/passwd</path>"))
    dataset = read(tmp_path)
    assert listing(dataset) == [("train", "photo.png", 1)]
    assert codes(dataset.findings) == {}


def test_the_stem_wins_over_the_filename_and_is_told_once(tmp_path: Path) -> None:
    said = {
        stem: document(obj(BOX), head=f"<filename>{other}.jpg</filename>") for stem, other in ("ab", "ba", "cx", "dd")
    }
    dataset = read(flat(tmp_path, said))
    assert [len(sample.instances) for sample in dataset] == [1, 1, 1, 1]
    absent, existing = (finding for finding in dataset.findings if finding.code == "record-repaired")
    assert absent.path == "c.xml"
    assert absent.message.startswith(
        "files name another image in <filename> than their own stem does (1, first: 'x.jpg')"
    )
    assert existing.path == "a.xml"
    assert existing.message.startswith(
        "files name another image in <filename> than their own stem does, one that exists in the dataset (2, first: "
    )


def test_labels_without_an_image_are_kept_for_the_books(tmp_path: Path) -> None:
    image(tmp_path / "JPEGImages/a.jpg")
    xml(tmp_path / "Annotations/b.xml", document(obj(BOX), obj(BOX), head="<filename>x.png</filename>"))
    dataset = read(tmp_path)
    (bare, missing) = dataset
    assert (missing.header, missing.source_count, len(missing.instances)) == (None, 2, 2)
    assert str(missing.name) == "b.png"
    assert [str(finding) for finding in missing.findings] == [
        "JPEGImages/b.png: not there, but Annotations/b.xml labels it"
    ]
    assert not bare.labelled


def test_a_label_does_not_wander_to_another_splits_image(tmp_path: Path) -> None:
    xml(tmp_path / "train/1.xml", ONE)
    flat(tmp_path / "train", {"2": ONE})
    image(tmp_path / "test/1.jpg")
    assert [(sample.split, str(sample.name), sample.header is not None) for sample in read(tmp_path)] == [
        ("test", "1.jpg", True),
        ("train", "1.jpg", False),
        ("train", "2.jpg", True),
    ]


def test_two_images_of_one_stem_need_the_filename(tmp_path: Path) -> None:
    flat(tmp_path, {"a": ONE, "b": document(obj(BOX), head="<filename>b.png</filename>"), "c": ONE})
    image(tmp_path / "a.png")
    image(tmp_path / "b.png")
    dataset = read(tmp_path)
    assert listing(dataset) == [("train", "b.jpg", 0), ("train", "b.png", 1), ("train", "c.jpg", 1)]
    (finding,) = (finding for finding in dataset.findings if finding.code == "record-unreadable")
    assert str(finding) == "a.xml: 2 images fit: a.jpg, a.png"
    assert finding.objects == 1
    assert check_books(dataset) == 3


def test_a_second_label_for_an_image_is_an_orphan(tmp_path: Path) -> None:
    flat(tmp_path, {"a": ONE})
    xml(tmp_path / "b.xml", document(obj(BOX), obj(BOX), head="<filename>a.jpg</filename>"))
    dataset = read(tmp_path)
    assert listing(dataset) == [("train", "a.jpg", 1)]
    (finding,) = (finding for finding in dataset.findings if finding.code == "label-orphan")
    assert (finding.path, finding.objects, finding.split) == ("b.xml", 2, "train")
    assert check_books(dataset) == 3


def test_images_elsewhere_are_left_aside_and_told(tmp_path: Path) -> None:
    flat(tmp_path / "photos", {"a": ONE})
    image(tmp_path / "docs/logo.png")
    image(tmp_path / ".hidden/b.jpg")
    dataset = read(tmp_path)
    assert listing(dataset) == [("train", "photos/a.jpg", 1)]
    assert [str(finding) for finding in dataset.findings if finding.code == "image-aside"] == [
        "docs/logo.png: images lie where no labelled images do (1); left aside"
    ]


def test_links_that_lead_out_are_not_followed(tmp_path: Path) -> None:
    outside = image(tmp_path / "outside/secret.jpg")
    root = flat(tmp_path / "root", {"a": ONE})
    xml(root / "b.xml", ONE)
    try:
        (root / "b.jpg").symlink_to(outside)
        (root / "folder").symlink_to(tmp_path / "outside")
        (root / "loop").symlink_to(root)
    except OSError:
        pytest.skip("no links here")
    dataset = read(root)
    assert [(str(sample.name), sample.header is not None) for sample in dataset] == [("a.jpg", True), ("b.jpg", False)]
    assert dataset.findings[-1].message == (
        "links lead out of the dataset's folder (2);"
        " not followed (`follow_links` names a folder that links may lead into)"
    )


@pytest.mark.parametrize("name", ["labels.txt", "classes.txt"])
def test_a_class_list_at_the_root_gives_the_order(tmp_path: Path, name: str) -> None:
    flat(tmp_path, {"a": document(obj(BOX, "dog"), obj(BOX, "ant"), obj(BOX, "cat"))})
    assert read(tmp_path).categories.names == ("ant", "cat", "dog")
    (tmp_path / name).write_bytes("\ufeffdog\r\nunused\r\n\r\n".encode())
    dataset = read(tmp_path)
    assert dataset.categories.names == ("dog", "unused", "ant", "cat")
    assert dataset[0].instances.labels.tolist() == [0, 2, 3]


@pytest.mark.parametrize("name", ["labels.txt", "ImageSets/Main/train.txt"])
def test_a_list_that_is_no_text_is_our_error(tmp_path: Path, name: str) -> None:
    flat(tmp_path, {"a": ONE})
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b"\xff\xfa")
    with pytest.raises(AnnotationError, match="byte 0: not UTF-8 text"):
        read(tmp_path)


def test_samples_are_made_when_asked_for_and_the_same_twice(tmp_path: Path) -> None:
    dataset = read(flat(tmp_path, {"a": ONE, "b": ONE}))
    (tmp_path / "a.xml").unlink()
    assert [sample.instances for sample in dataset] == [sample.instances for sample in dataset.samples[:]]
    assert dataset[0].extra == {"voc": {"database": "Unknown"}}


def test_no_dataset_is_a_layout_error(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="no Pascal VOC annotations here"):
        read(tmp_path)
    with pytest.raises(LayoutError, match="want a folder"):
        voc.FORMAT.read(image(tmp_path / "a.jpg"), probe, voc.VocReadOptions())


def test_only_voc_is_recognised(tmp_path: Path) -> None:
    assert voc.FORMAT.sniff(tmp_path / "nowhere") == ""
    assert voc.FORMAT.sniff(tmp_path) == ""
    xml(tmp_path / "a/cvat.xml", "<annotations><image/></annotations>")
    assert voc.FORMAT.sniff(tmp_path) == ""
    xml(tmp_path / "b/z.xml", '<?xml version="1.0"?>\n<annotation verified="yes"/>')
    assert voc.FORMAT.sniff(tmp_path) == "b/z.xml is a VOC annotation"


def test_a_tree_of_lists_and_images_is_recognised(tmp_path: Path) -> None:
    image(tmp_path / "JPEGImages/a.jpg")
    lists(tmp_path, test="a\n")
    assert voc.FORMAT.sniff(tmp_path) == "ImageSets/Main/test.txt lists images"
    assert listing(read(tmp_path)) == [("test", "a.jpg", 0)]
