from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bboxprep.errors import AnnotationError, LayoutError
from bboxprep.formats.coco import FORMAT
from tests.formats.coco.trees import box, codes, document, image, picture, probe, read, records_of

CAT = ({"id": 1, "name": "cat"},)


@pytest.mark.parametrize(
    ("label", "photo", "file_name", "split"),
    [
        ("annotations/instances_train2017.json", "train2017/a.jpg", "a.jpg", "train"),
        ("annotations/instances_train2017.json", "images/train2017/a.jpg", "a.jpg", "train"),
        ("annotations/instances_train2017.json", "train/a.jpg", "a.jpg", "train"),
        ("annotations/instances_val.json", "images/a.jpg", "a.jpg", "val"),
        ("annotations/instances_validation.json", "images/validation/a.jpg", "a.jpg", "val"),
        ("annotations/instances_my_own.json", "my_own/sub/a.jpg", "sub/a.jpg", "my_own"),
        ("annotations/instances_default.json", "images/a.jpg", "a.jpg", "train"),
        ("annotations/instances_Train.json", "images/Train/a.jpg", "a.jpg", "train"),
        ("annotations/person_keypoints_val2017.json", "val2017/a.jpg", "a.jpg", "val"),
        ("annotations/lvis_v1_train.json", "train2017/a.jpg", "train2017/a.jpg", "train"),
        ("Annotations/labels.JSON", "images/a.jpg", "a.jpg", "train"),
        ("valid/_annotations.coco.json", "valid/a.jpg", "a.jpg", "val"),
        ("fold1/_annotations.coco.json", "fold1/a.jpg", "a.jpg", "fold1"),
        ("_annotations.coco.json", "a.jpg", "a.jpg", "train"),
        ("labels.json", "data/a.jpg", "a.jpg", "train"),
        ("test/labels.json", "test/data/a.jpg", "a.jpg", "test"),
        ("result.json", "images/a.jpg", "images/a.jpg", "train"),
        ("result.json", "images/a.jpg", "images\\a.jpg", "train"),
        ("result.json", "images/a.jpg", "..\\..\\label-studio\\upload\\a.jpg", "train"),
        ("gt/toy_coco.JSON", "images/a.jpg", "a.jpg", "train"),
        ("train.json", "JPEGImages/a.jpg", "JPEGImages/a.jpg", "train"),
        ("images/notes.json", "images/a.jpg", "a.jpg", "train"),
        ("all.json", "one/deeper/a.jpg", "a.jpg", "train"),
        ("all.json", "a.jpg", "C:\\work\\photos\\a.jpg", "train"),
        ("all.json", "photos/a.jpg", "/home/me/photos/a.jpg", "train"),
        ("all.json", "a.jpg", "./a.jpg", "train"),
    ],
)
def test_a_layout_is_read_with_its_split_and_image(
    tmp_path: Path, label: str, photo: str, file_name: str, split: str
) -> None:
    document(tmp_path / label, [image(1, file_name)], [box(1, 1, 1)], CAT)
    path = picture(tmp_path / photo)
    assert FORMAT.sniff(tmp_path)
    dataset = read(tmp_path)
    assert dataset.splits == (split,)
    assert [sample.path for sample in dataset] == [path]
    assert len(dataset[0].instances) == 1
    assert str(dataset[0].name).endswith("a.jpg")


@pytest.mark.parametrize("annotations", ["", ', "annotations": null'])
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("annotations/instances_val.json", "record-unreadable"),
        ("annotations/person_keypoints_val.json", "record-unreadable"),
        ("val/_annotations.coco.json", "record-unreadable"),
        ("annotations/val.json", "image-unlabelled"),
        ("annotations/image_info_val.json", ""),
    ],
)
def test_a_document_without_a_list_of_annotations_is_told_unless_it_is_one_of_test_images(
    tmp_path: Path, name: str, told: str, annotations: str
) -> None:
    picture(tmp_path / "val" / "a.jpg")
    path = document(tmp_path / name, [image(1, "a.jpg")], [], CAT)
    path.write_text(path.read_text("utf-8").replace(', "annotations": []', annotations), encoding="utf-8")
    dataset = read(tmp_path)
    assert [(one.code, one.path, one.split) for one in dataset.findings] == ([(told, name, "val")] if told else [])
    assert all("all its images (1) are taken as images without objects" in one.message for one in dataset.findings)
    assert len(dataset) == 1


def test_a_document_with_an_empty_list_of_annotations_is_one_of_images_without_objects(tmp_path: Path) -> None:
    picture(tmp_path / "val" / "a.jpg")
    document(tmp_path / "annotations" / "instances_val.json", [image(1, "a.jpg")], [], CAT)
    assert not read(tmp_path).findings


def test_a_file_is_read_alone(tmp_path: Path) -> None:
    for split in ("train", "val"):
        document(tmp_path / "annotations" / f"instances_{split}.json", [image(1, "a.jpg")], [box(1, 1, 1)], CAT)
        picture(tmp_path / split / "a.jpg")
    dataset = read(tmp_path / "annotations" / "instances_val.json")
    assert dataset.splits == ("val",)
    assert dataset[0].path == tmp_path / "val" / "a.jpg"


def test_splits_come_sorted_and_an_empty_one_stays(tmp_path: Path) -> None:
    names = ["é.jpg", "b/1.jpg", "b.jpg", "A.jpg"]
    document(tmp_path / "annotations/instances_val.json", [image(9 - i, name) for i, name in enumerate(names)], [], CAT)
    document(tmp_path / "annotations/instances_empty.json", [], [], CAT)
    for name in names:
        picture(tmp_path / "val" / name)
    dataset = read(tmp_path)
    assert dataset.splits == ("empty", "val")
    assert [str(sample.name) for sample in dataset] == ["A.jpg", "b.jpg", "b/1.jpg", "é.jpg"]


def test_an_image_without_a_name_has_the_end_of_its_address(tmp_path: Path) -> None:
    picture(tmp_path / "val2017" / "000001.jpg")
    url = "http://images.example.org/val2017/000001.jpg?size=big"
    document(tmp_path / "lvis_v1_val.json", [image(1, None, coco_url=url)], [box(1, 1, 1)], CAT)
    dataset = read(tmp_path)
    assert [str(sample.name) for sample in dataset] == ["val2017/000001.jpg"]
    assert dataset[0].extra == {"coco": {"coco_url": url}}


def test_other_kinds_are_skipped_beside_instances_and_told_of(tmp_path: Path) -> None:
    for kind in ("instances", "captions", "panoptic", "person_keypoints", "stuff"):
        document(tmp_path / "annotations" / f"{kind}_train.json", [], [], CAT)
    dataset = read(tmp_path)
    assert [(found.code, found.path, found.split) for found in dataset.findings] == [
        ("file-skipped", f"annotations/{kind}_train.json", "train")
        for kind in ("captions", "panoptic", "person_keypoints", "stuff")
    ]
    assert "captions" in dataset.findings[0].message
    assert "instances_train.json" in dataset.findings[2].message


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ('{"images": [], "annotations": [{"id": 1, "image_id": 1, "caption": "a cat"}]}', "annotations[0]", "captions"),
        ('{"images": [], "annotations": [{"image_id": 1, "segments_info": []}]}', "annotations[0]", "panoptic"),
        ('[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]', "", "list of results"),
        ('[{"image": "a.jpg"}]', "", "another kind of JSON"),
        ("3", "", "another kind of JSON"),
        ('{"annotations": []}', "images", "have annotations"),
        ('{"images": {}}', "images", "want a list"),
        ('{"images": [], "annotations": 7}', "annotations", "want a list"),
        ('{"images": [], "info": 1e999}', "info", "cannot be read"),
        ("", "", "empty"),
        (" \n ", "", "empty"),
        ('{"images": [\n{"id": 1,}]}', "line 2, column 10", "not JSON"),
        ('{"images": [', "line 1, column 13", "not JSON"),
        ('{"images": [NaN, }', "line 1, column 18", "not JSON"),
        ('{"images": ' + "[" * 100_000, "line 1, column 100012", "nested too deeply"),
    ],
)
def test_a_file_that_holds_no_boxes_is_refused_by_name(tmp_path: Path, text: str, where: str, words: str) -> None:
    path = tmp_path / "labels.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(AnnotationError) as caught:
        read(path)
    assert (caught.value.path, caught.value.where) == (path, where)
    assert words in caught.value.problem


def test_a_folder_of_captions_alone_is_refused_by_name(tmp_path: Path) -> None:
    path = document(tmp_path / "annotations" / "captions_train.json", [], [], CAT)
    with pytest.raises(AnnotationError, match="have captions, want boxes") as caught:
        read(tmp_path)
    assert caught.value.path == path


def test_two_files_of_one_split_are_not_chosen_from(tmp_path: Path) -> None:
    for name in ("gt.json", "predicted.json"):
        document(tmp_path / name, [], [], CAT)
    with pytest.raises(LayoutError, match=r"split 'train': gt\.json and predicted\.json; name the one to read"):
        read(tmp_path)


def test_two_files_of_one_split_by_two_words_are_read_each_below_its_word(tmp_path: Path) -> None:
    for year in ("train2017", "train"):
        document(tmp_path / f"annotations/instances_{year}.json", [image(1, "a.jpg"), image(2, "b.jpg")], [], CAT)
        for name in ("a.jpg", "b.jpg"):
            picture(tmp_path / year / name)
    document(tmp_path / "annotations/instances_val.json", [image(1, "a.jpg")], [], CAT)
    dataset = read(tmp_path)
    assert dataset.splits == ("train", "val")
    assert [(sample.split, str(sample.name)) for sample in dataset] == [
        *(("train", f"{year}/{name}") for year in ("train", "train2017") for name in ("a.jpg", "b.jpg")),
        ("val", "a.jpg"),
    ]
    assert dataset[2].path == tmp_path / "train2017/a.jpg"


@pytest.mark.parametrize(("one", "other"), [("train_draft", "train_final"), ("", "train")])
def test_two_files_of_one_split_about_the_same_images_are_not_chosen_from(tmp_path: Path, one: str, other: str) -> None:
    names = ["instances.json" if not word else f"instances_{word}.json" for word in (one, other)]
    for name in names:
        document(tmp_path / "annotations" / name, [image(1, "a.jpg")], [], CAT)
    picture(tmp_path / "images/a.jpg")
    with pytest.raises(LayoutError, match=rf"split 'train': annotations/{names[0]} and annotations/{names[1]}"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["bboxprep.json", "notes.txt", ".hidden.json"])
def test_what_is_no_annotation_file_is_none(tmp_path: Path, name: str) -> None:
    document(tmp_path / name, [], [], CAT)
    assert not FORMAT.sniff(tmp_path)
    with pytest.raises(LayoutError, match="no COCO annotation file"):
        read(tmp_path)


def test_a_folder_of_one_json_an_image_is_another_format(tmp_path: Path) -> None:
    for number in range(65):
        document(tmp_path / f"{number}.json", [], [], CAT)
    assert not FORMAT.sniff(tmp_path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../secret.jpg", "not a path below the image folder"),
        ("..\\secret.jpg", "not a path below the image folder"),
        ("in/../../secret.jpg", "not a path below the image folder"),
        ("{root}/secret.jpg", "not a path below the image folder"),
        ("C:secret.jpg", "not a path below the image folder"),
        ("a\0.jpg", "not a path below the image folder"),
        ("", "no file_name"),
        ("x" * 5000 + ".jpg", "not a path below the image folder"),
        (".", "not a path below the image folder"),
        ("folder.jpg", "no such file"),
        ("gone.jpg", "no such file"),
    ],
)
def test_a_name_opens_nothing_outside_the_image_folder(tmp_path: Path, name: str, words: str) -> None:
    picture(tmp_path / "secret.jpg")
    picture(tmp_path / "data set" / "images" / "here.jpg")
    (tmp_path / "data set" / "images" / "folder.jpg").mkdir()
    name = name.replace("{root}", tmp_path.as_posix())
    document(tmp_path / "data set" / "result.json", [image(4, name), image(5, "here.jpg")], [box(1, 4, 1)], CAT)
    dataset = read(tmp_path / "data set")
    lost, kept = sorted(dataset, key=lambda sample: sample.header is not None)
    assert codes(lost.findings) == ["image-missing"]
    assert words in lost.findings[0].message
    assert lost.findings[0].where == "images[0]"
    assert len(lost.instances) == lost.source_count == 1
    assert lost.path.is_relative_to(tmp_path / "data set" / "images")
    assert not lost.path.is_file()
    assert kept.path.is_file()


def test_the_end_of_a_name_is_no_guess(tmp_path: Path) -> None:
    for name in ("a/1.jpg", "b/1.jpg", "c/2.jpg", "3.jpg", "d/4.jpg"):
        picture(tmp_path / name)
    wanted = ["1.jpg", "/old/c/2.jpg", "/old/x/3.jpg", "/old/y/3.jpg", "other/4.jpg", "4.jpg", "d/4.jpg"]
    document(tmp_path / "all.json", [image(i, name) for i, name in enumerate(wanted, 1)], [], CAT)
    dataset = read(tmp_path)
    found = {sample.id: str(sample.name) if sample.header else sample.findings[0].message for sample in dataset}
    assert "fits 2 files, of them 'a/1.jpg' and 'b/1.jpg'; none is taken" in found[1]
    assert found[2] == "c/2.jpg"
    assert "fits only '3.jpg', which other records have too" in found[3]
    assert "fits only '3.jpg', which other records have too" in found[4]
    assert "no such file" in found[5]
    assert "fits only 'd/4.jpg', which other records have too" in found[6]
    assert found[7] == "d/4.jpg"
    assert [finding.message for finding in dataset.findings] == [
        "names that the labels spell otherwise than the disk (1; first: '/old/c/2.jpg' is 'c/2.jpg', by the end of its"
        " path); the only image that fits was taken"
    ]


def test_an_image_listed_twice_is_one_sample_with_all_its_objects(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    images = [image(1, "a.jpg"), image(2, "a.jpg"), image(1, "a.jpg")]
    document(tmp_path / "all.json", images, [box(1, 1, 1), box(2, 2, 1)], CAT)
    dataset = read(tmp_path)
    assert [sample.instances.ids.tolist() for sample in dataset] == [[1, 2]]
    assert [(found.code, found.where) for found in dataset.findings] == [
        ("image-repeated", "images[1]"),
        ("image-repeated", "images[2]"),
    ]


def test_one_id_for_two_images_is_an_error(tmp_path: Path) -> None:
    document(tmp_path / "all.json", [image(1, "a.jpg"), image("1", "b.jpg")], [], CAT)
    with pytest.raises(AnnotationError, match=r"images\[1\]\.id: have 1 for 'b\.jpg', want an id other than that of"):
        read(tmp_path)


def test_ids_are_the_same_however_they_are_spelt(tmp_path: Path) -> None:
    names = {1: "1", "002": 2, 3.0: "3", "front": "front", 2**63 + 5: 2**63 + 5, 0: "0"}
    for index in range(len(names)):
        picture(tmp_path / f"{index}.jpg")
    images = [image(identity, f"{index}.jpg") for index, identity in enumerate(names)]
    document(tmp_path / "all.json", images, [box(i, key, 1) for i, key in enumerate(names.values(), 1)], CAT)
    dataset = read(tmp_path)
    assert [(sample.id, len(sample.instances)) for sample in dataset] == [
        (1, 1),
        (2, 1),
        (3, 1),
        (0, 1),
        (0, 1),
        (0, 1),
    ]
    assert [(found.code, found.where) for found in dataset.findings] == [("record-repaired", "images[3]")]
    assert "(3)" in dataset.findings[0].message


def test_records_of_unlisted_images_are_counted_by_class(tmp_path: Path) -> None:
    annotations = [box(1, 8, 3), box(2, 9, 7), box(3, 8, 3), box(4, 8, 99), 17, box(5, None, 3)]
    document(tmp_path / "all.json", ["odd", {"file_name": "b.jpg"}], annotations)
    dataset = read(tmp_path)
    assert records_of(dataset) == len(annotations)
    assert [(found.code, found.where, found.objects, found.category, found.split) for found in dataset.findings] == [
        ("record-unreadable", "images[0]", 0, "", "train"),
        ("record-repaired", "images[1]", 0, "", "train"),
        ("record-unreadable", "annotations[4]", 1, "", "train"),
        ("record-repaired", "annotations[4].id", 0, "", "train"),
        ("annotation-orphan", "annotations[0].image_id", 3, "cat", "train"),
        ("annotation-orphan", "annotations[1].image_id", 1, "dog", "train"),
        ("annotation-orphan", "annotations[3].image_id", 1, "99", "train"),
    ]


def test_what_stands_beside_the_lists_is_kept(tmp_path: Path) -> None:
    licenses = [{"id": 1, "name": "mine"}, {"id": 2, "name": "yours"}]
    for split, held in (("train", licenses[:1]), ("val", licenses)):
        path = tmp_path / "annotations" / f"instances_{split}.json"
        document(path, [], [], CAT, info={"for": split}, licenses=held, type="instances")
    assert read(tmp_path).extra == {"coco": {"info": {"for": "train"}, "licenses": licenses, "type": "instances"}}


def test_an_image_says_its_size_and_the_rest(tmp_path: Path) -> None:
    for name in "abcd":
        picture(tmp_path / f"{name}.jpg")
    images = [
        image(1, "a.jpg", license=4, date_captured="2013"),
        {"id": 2, "file_name": "b.jpg", "width": "640", "height": 480.0},
        {"id": 3, "file_name": "c.jpg", "width": 0, "height": 480},
        {"id": 4, "file_name": "d.jpg"},
    ]
    document(tmp_path / "all.json", images, [], CAT)
    dataset = read(tmp_path)
    assert [sample.declared for sample in dataset] == [(64, 48), (640, 480), None, None]
    first = {"coco": {"license": 4, "date_captured": "2013"}}
    assert [dict(sample.extra) for sample in dataset] == [first, {}, {}, {}]
    assert all(sample.header == probe(sample.path) for sample in dataset)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_no_link_leads_out_of_the_dataset(tmp_path: Path) -> None:
    picture(tmp_path / "outside" / "a.jpg")
    document(tmp_path / "outside" / "instances_val.json", [image(1, "a.jpg")], [], CAT)
    root = tmp_path / "in"
    picture(root / "all" / "c.jpg")
    names = ["a.jpg", "b.jpg", "sub/a.jpg"]
    document(root / "annotations/instances_train.json", [image(at, name) for at, name in enumerate(names, 1)], [], CAT)
    (root / "train").mkdir()
    (root / "train" / "a.jpg").symlink_to(tmp_path / "outside" / "a.jpg")
    (root / "train" / "b.jpg").symlink_to(root / "all" / "c.jpg")
    (root / "train" / "sub").symlink_to(tmp_path / "outside")
    (root / "val").symlink_to(tmp_path / "outside")
    (root / "annotations" / "instances_val.json").symlink_to(tmp_path / "outside" / "instances_val.json")
    dataset = read(root)
    assert [(str(sample.name), sample.header is None) for sample in dataset] == [
        *(("a.jpg", True), ("b.jpg", False), ("sub/a.jpg", True))
    ]
    words = (
        "is a link that leads out of the dataset; not followed (`follow_links` names a folder that links may lead into)"
    )
    assert dataset[0].findings[0].message == f"a.jpg {words}"
    assert [(note.code, note.path) for note in dataset.findings] == [("file-skipped", "annotations/instances_val.json")]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_folder_of_images_that_is_a_link_out_is_not_looked_into(tmp_path: Path) -> None:
    picture(tmp_path / "outside" / "a.jpg")
    document(tmp_path / "in" / "annotations" / "instances_train.json", [image(1, "a.jpg")], [], CAT)
    (tmp_path / "in" / "train").symlink_to(tmp_path / "outside")
    (sample,) = read(tmp_path / "in")
    assert sample.header is None


@pytest.mark.parametrize("content", [b"", b" \n", b"[]", b"null", b"{}", b"<html>404</html>"])
@pytest.mark.parametrize("name", ["annotations/instances_val.json", "val/_annotations.coco.json"])
def test_a_document_of_a_split_that_cannot_be_read_is_a_fault(tmp_path: Path, name: str, content: bytes) -> None:
    picture(tmp_path / "train" / "a.jpg")
    document(tmp_path / name.replace("val", "train"), [image(1, "a.jpg")], [box(1, 1, 1)], CAT)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(content)
    (finding,) = read(tmp_path).findings
    assert (finding.code, finding.path, finding.split) == ("record-unreadable", name, "val")


def test_other_json_beside_the_documents_is_noted(tmp_path: Path) -> None:
    picture(tmp_path / "train" / "a.jpg")
    document(tmp_path / "annotations/instances_train.json", [image(1, "a.jpg")], [box(1, 1, 1)], CAT)
    for name in ("anchors", "colours", "tool"):
        (tmp_path / f"annotations/{name}.json").write_text('{"x": 1}', encoding="utf-8")
    (finding,) = read(tmp_path).findings
    assert (finding.code, finding.path) == ("file-skipped", "annotations/anchors.json")
    assert "2 other JSON files" in finding.message


def test_images_in_the_folder_of_a_document_that_lists_none_are_noted(tmp_path: Path) -> None:
    document(tmp_path / "annotations/instances_train2017.json", [image(1, "a.jpg")], [box(1, 1, 1)], CAT)
    document(tmp_path / "annotations/instances_val2017.json", [], [], CAT)
    for place in ("train2017/a.jpg", "val2017/b.jpg"):
        picture(tmp_path / place)
    (finding,) = read(tmp_path).findings
    assert (finding.code, finding.path) == ("image-aside", "val2017/b.jpg")


def test_images_that_no_document_lists_are_noted(tmp_path: Path) -> None:
    for split in ("train", "val"):
        document(tmp_path / f"annotations/instances_{split}.json", [image(1, f"{split}.jpg")], [box(1, 1, 1)], CAT)
        picture(tmp_path / f"images/{split}.jpg")
    assert not read(tmp_path).findings
    for name in ("b.png", "a.jpg", "c.txt", ".d.jpg"):
        picture(tmp_path / "images" / name)
    (finding,) = read(tmp_path).findings
    assert (finding.code, finding.path) == ("image-aside", "images/a.jpg")
    assert "no document lists them (2)" in finding.message


@pytest.mark.parametrize(
    ("label", "photo", "name", "other", "aside"),
    [
        ("annotations/instances_train.json", "train/a.jpg", "a.jpg", "test2017/b.jpg", True),
        ("annotations/instances_train.json", "images/train/a.jpg", "a.jpg", "images/val/b.jpg", True),
        ("all.json", "images/train/a.jpg", "train/a.jpg", "images/val/b.jpg", True),
        ("train/_annotations.coco.json", "train/a.jpg", "a.jpg", "valid/b.jpg", True),
        ("all.json", "images/train/sub/a.jpg", "train/sub/a.jpg", "images/train/other/b.jpg", False),
        ("annotations/instances_train.json", "train/a.jpg", "a.jpg", "more/b.jpg", False),
        ("_annotations.coco.json", "a.jpg", "a.jpg", "../test/b.jpg", False),
    ],
)
@pytest.mark.parametrize("relative", [False, True])
def test_images_of_a_split_without_a_document_are_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    label: str,
    photo: str,
    name: str,
    other: str,
    aside: bool,
    relative: bool,
) -> None:
    root = tmp_path / "set"
    picture(root / photo)
    picture(root / other)
    document(root / label, [image(1, name)], [box(1, 1)])
    monkeypatch.chdir(tmp_path)

    folder = Path("set") if relative else root
    told = [str(one) for one in read(folder).findings if one.code == "image-aside"]
    words = f"{other}: images lie in the folder of a split that no document is about (1); left aside"
    assert told == ([words] if aside else [])
    assert not [one for one in read(folder / label).findings if one.code == "image-aside"]
