"""CSV: the rows of each tool are read as it means them, and what is written is read by the same rules."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from bboxprep.errors import AnnotationError, UsageError
from bboxprep.formats.api import RootEvidence
from bboxprep.formats.csv import FORMAT
from bboxprep.formats.csv.layout import label_file
from bboxprep.formats.csv.options import CsvReadOptions, CsvWriteOptions, Dialect, step
from bboxprep.geometry.affine import Size
from bboxprep.geometry.shapes import Boxes
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample
from tests import strategies

SIZE = Size(100, 50)
DATA = Path(__file__).parents[3].parent / "shared/data"
CLASSES = ("cat", 'a "dog", big', " NA ", "None")
TFOD = "filename,width,height,class,xmin,ymin,xmax,ymax\n"


def read(root: Path, **options: Any) -> Dataset:
    return FORMAT.read(root, lambda _path, _declared=None: Header(SIZE), CsvReadOptions(**options))


def table(root: Path, text: str, name: str = "labels.csv") -> Path:
    for image in ("a.jpg", "b.jpg"):
        (root / image).write_bytes(b"")
    (root / name).write_text(text, encoding="utf-8", newline="")
    return root


def objects(dataset: Dataset) -> dict[str, list[tuple[str, list[float]]]]:
    """The class and box of each object, by the image."""
    names = dataset.categories.names
    return {
        str(sample.name): [
            (names[label], box) for label, box in zip(sample.labels.tolist(), sample.boxes.tolist(), strict=True)
        ]
        for sample in dataset
    }


CAT = [("cat", [10.0, 5.0, 60.0, 45.0])]
FILES = {
    "tfod": f"{TFOD}a.jpg,100,50,cat,10,5,60,45\n",
    "tfod, concatenated, Windows": f"\ufeff{TFOD}a.jpg,100,50,cat,10,5,60,45\n{TFOD}".replace("\n", "\r\n"),
    "vott": '"image","xmin","ymin","xmax","ymax","label"\n"a.jpg",10,5.0,60,45,"cat"\n',
    "retinanet": "a.jpg,10,5,60,45,cat\nb.jpg,,,,,\n",
    "automl": "TRAIN,gs://x/y/a.jpg,cat,0.1,0.1,,,0.6,0.9,,\nTRAIN,b.jpg,,,,,,,,,\n",
    "automl, corners": "UNASSIGNED,a.jpg,cat,.1,.1,.6,.1,.6,.9,.1,.9\n",
    "wheat": 'image_id,width,height,bbox,source\na,100,50,"[10.0, 5.0, 50.0, 40.0]",x\n',
    "udacity": "xmin,xmax,ymin,ymax,Frame,Label,Preview URL\n10,5,60,45,a.jpg,cat,http://x\n",
    "autti": 'a.jpg 10 5 60 45 0 "cat" "red"\nb.jpg 1 2 3 4 1 "dog"\n',
    "fractions": f"{TFOD}a.jpg,100,50,cat,0.1,0.1,0.6,0.9\n",
    "semicolons, decimal commas": "Image;Left;Top;Right;Bottom;Name\na.jpg;10,0;5;60;45;cat\n",
    "corners by number": "x1,y1,x2,y2,path,category\n10,5,60,45,a.jpg,cat\n",
    "sides": "file_name,label,x,y,width,height\na.jpg,cat,10,5,50,40\n",
}


@pytest.mark.parametrize("tool", FILES)
def test_each_tool_means_the_same_box(tmp_path: Path, tool: str) -> None:
    found = objects(read(table(tmp_path, FILES[tool])))
    name = "wheat" if tool == "wheat" else "cat"
    ((label, box),) = found["a.jpg"]
    assert label == name
    assert box == pytest.approx(CAT[0][1])
    assert found["b.jpg"] == ([("dog", [1, 2, 3, 4])] if tool == "autti" else [])


def test_an_image_is_empty_where_a_row_says_so_and_where_none_names_it(tmp_path: Path) -> None:
    said, unsaid = (read(table(tmp_path, FILES[tool]))[1] for tool in ("retinanet", "tfod"))
    assert [(str(one.name), one.labelled, len(one.instances), one.findings) for one in (said, unsaid)] == [
        ("b.jpg", True, 0, ())
    ] * 2
    table(tmp_path, TFOD.replace("filename", "image") + "b.jpg,100,50,cat,10,5,60,45\n", "test_labels.csv")
    assert {str(one.name): one.split for one in read(tmp_path)} == {"a.jpg": "train", "b.jpg": "test"}


def test_columns_are_named_by_the_user(tmp_path: Path) -> None:
    table(tmp_path, "what,where,l,t,r,b,age\ncat,a.jpg,10,5,60,45,3\n")
    assert not label_file(tmp_path / "labels.csv")
    dataset = read(tmp_path / "labels.csv", columns="image=where,class=what,x0=l,y0=t,x1=r,y1=b")
    assert objects(dataset)["a.jpg"] == CAT
    assert dataset[0].instances.attributes == ({"age": 3},)
    table(tmp_path, "cat|a.jpg".replace("|", ",") + ",10,5,50,40\n")
    assert objects(read(tmp_path / "labels.csv", columns="class=1,image=2,x0=3,y0=4,w=5,h=6"))["a.jpg"] == CAT


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("image=a,klass=b", "have the role 'klass', want bbox"),
        ("image=a", "want image and x0, y0, x1, y1"),
        ("image=a,x0=b,y0=c,x1=d,y1=z", "have y1=z, want one of 'a', 'b'"),
        ("image", "have 'image', want ROLE=COLUMN"),
    ],
)
def test_columns_that_do_not_fit_are_refused(tmp_path: Path, columns: str, message: str) -> None:
    table(tmp_path, "a,b,c,d\n1,2,3,4\n")
    with pytest.raises(UsageError, match=message):
        read(tmp_path / "labels.csv", columns=columns)


def test_two_columns_of_one_role_are_refused(tmp_path: Path) -> None:
    table(tmp_path, "filename,path,xmin,ymin,xmax,ymax,class\na.jpg,x/a.jpg,10,5,60,45,cat\n")
    with pytest.raises(AnnotationError, match="'filename', 'path' may both be the image; say which with `columns`"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("row", "origin", "box"),
    [
        ("0,5,60,45", "auto", [0, 5, 60, 45]),
        ("10,5,101,45", "auto", [9, 4, 100, 44]),
        ("10,5,60,45", "auto", [10, 5, 60, 45]),
        ("10,5,60,45", "devkit", [9, 4, 60, 45]),
        ("60,5,10,45", "auto", [10, 5, 60, 45]),
    ],
)
def test_the_origin_is_proven_as_that_of_voc(tmp_path: Path, row: str, origin: str, box: list[float]) -> None:
    dataset = read(table(tmp_path, f"{TFOD}a.jpg,100,50,cat,{row}\n"), origin=origin)
    assert objects(dataset)["a.jpg"] == [("cat", box)]


def test_rows_that_cannot_be_read_are_counted_where_they_stand(tmp_path: Path) -> None:
    rows = ["a.jpg,100,50,cat,x,5,60,45", ",100,50,cat,1,5,60,45", "a.jpg,100,50,,1,5,60,45", "a.jpg,100,50,cat,1,5"]
    dataset = read(table(tmp_path, TFOD + "\n".join(["a.jpg,100,50,cat,10,5,60,45", *rows]) + "\n"))
    assert objects(dataset)["a.jpg"] == CAT
    assert dataset[0].source_count == 4
    assert [(one.path, one.where) for one in dataset[0].findings] == [
        ("labels.csv", "line 3"), ("labels.csv", "line 5"), ("labels.csv", "line 6"),
    ]  # fmt: skip
    assert [(one.where, one.objects) for one in dataset.findings if one.objects] == [("line 4", 1)]


def test_splits_come_from_names_and_columns(tmp_path: Path) -> None:
    table(tmp_path, f"{TFOD}a.jpg,100,50,cat,10,5,60,45\n", "train_labels.csv")
    table(tmp_path, f"{TFOD}b.jpg,100,50,cat,10,5,60,45\n", "test_labels.csv")
    assert [(sample.split, str(sample.name)) for sample in read(tmp_path)] == [("train", "a.jpg"), ("test", "b.jpg")]
    (tmp_path / "test_labels.csv").unlink()
    table(tmp_path, "TRAIN,a.jpg,cat,.1,.1,,,.6,.9,,\nVALIDATION,b.jpg,cat,.1,.1,,,.6,.9,,\n", "train_labels.csv")
    assert [(sample.split, str(sample.name)) for sample in read(tmp_path)] == [("train", "a.jpg"), ("val", "b.jpg")]


def test_fractions_and_pixels_in_one_data_set_are_refused(tmp_path: Path) -> None:
    table(tmp_path, FILES["automl"], "a.csv")
    table(tmp_path, FILES["tfod"], "b.csv")
    with pytest.raises(AnnotationError, match=r"a.csv has fractions and b.csv pixels; name one file"):
        read(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax\na,x,Cat,1,0.1,0.5,0.2,0.8\n",
        "epoch,train/loss,val/loss\n1,2,3\n",
        "cat,0\ndog,1\n",
        "filename,cat,dog\na.jpg,1,0\n",
        "",
        "a\x00b,c\n",
    ],
)
def test_other_tables_are_no_boxes(tmp_path: Path, text: str) -> None:
    table(tmp_path, text)
    assert not FORMAT.sniff(tmp_path)
    with pytest.raises(AnnotationError):
        read(tmp_path / "labels.csv")


def test_a_csv_beside_the_voc_that_it_was_made_of_and_one_without_its_images_is_no_data_set(tmp_path: Path) -> None:
    evidence = FORMAT.root_evidence
    assert evidence is not None
    table(tmp_path, FILES["tfod"])
    assert (bool(FORMAT.sniff(tmp_path)), evidence(tmp_path, ())) == (True, RootEvidence.DOCUMENT)
    (tmp_path / "a.jpg").unlink()
    assert evidence(tmp_path, ()) == RootEvidence.LABELS
    (tmp_path / "a.xml").write_text("<annotation/>")
    assert (FORMAT.sniff(tmp_path), evidence(tmp_path, ())) == ("", RootEvidence.NONE)


# --- what is written ---------------------------------------------------------------------------------------------


def written(root: Path, boxes: Boxes, dialect: Dialect, name: str = 'a "b", c.jpg') -> tuple[Sample, str]:
    """The sample that is read back, and the text of its file."""
    labels = [row % len(CLASSES) for row in range(len(boxes))]
    sample = Sample(PurePosixPath(name), root / name, Header(SIZE), Instances.of(boxes, labels))
    dataset = Dataset(root, "csv", Categories.from_names(CLASSES), [sample])
    writer = FORMAT.write(root, dataset, CsvWriteOptions(dialect=dialect))
    (image,) = writer.paths("train", name)
    (made,) = writer.encode(Batch.of([sample]), [image])
    writer.collect(made.entry)
    writer.close()
    (root / image).parent.mkdir(parents=True, exist_ok=True)
    (root / image).write_bytes(b"")
    (back,) = dataset = read(root, origin="fractions" if dialect == "automl" else "as-is")
    assert (dataset.categories.names, str(back.name)) == (CLASSES, name)
    assert back.labels.tolist() == labels
    return back, (root / "train_labels.csv").read_text(encoding="utf-8")


DIALECTS: tuple[Dialect, ...] = ("tfod", "retinanet", "vott", "automl")


@pytest.mark.parametrize("dialect", DIALECTS)
@given(strategies.boxes(SIZE))
def test_boxes_come_back_within_the_step(
    tmp_path_factory: pytest.TempPathFactory, dialect: Dialect, boxes: Boxes
) -> None:
    boxes = boxes[(boxes[:, 2:] - boxes[:, :2] > 0.01).all(axis=1)]
    back, _ = written(tmp_path_factory.mktemp("out"), boxes, dialect)
    assert (np.abs(back.boxes - boxes) <= step(CsvWriteOptions(dialect=dialect)).of(boxes, SIZE) + 1e-9).all()


WRITTEN = {
    "tfod": f"{TFOD}a.jpg,100,50,cat,10,5,61,45\n",
    "retinanet": "images/train/a.jpg,10,5,61,45,cat\n",
    "vott": '"image","xmin","ymin","xmax","ymax","label"\n"a.jpg",10,5,60.5,45,"cat"\n',
    "automl": "TRAIN,images/train/a.jpg,cat,0.100000,0.100000,,,0.605000,0.900000,,\n",
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_rows_are_those_of_the_tool(tmp_path: Path, dialect: Dialect) -> None:
    assert written(tmp_path, np.array([[10, 5, 60.5, 45]]), dialect, "a.jpg")[1] == WRITTEN[dialect]
    empty, text = written(tmp_path / "empty", np.zeros((0, 4)), dialect, "a.jpg")
    assert (empty.labelled, len(empty.instances)) == (True, 0)
    rows = {"retinanet": "images/train/a.jpg,,,,,\n", "automl": "TRAIN,images/train/a.jpg,,,,,,,,,\n"}
    assert text == rows.get(dialect, WRITTEN[dialect].partition("\n")[0] + "\n")


# --- files of the tools ------------------------------------------------------------------------------------------

COUNTS = {  # images and boxes by split
    "formats/csv/toy/automl.csv": {"train": (3, 4), "val": (1, 1)},
    "formats/csv/toy/retinanet.csv": {"train": (4, 5)},
    "formats/csv/toy/train_labels.csv": {"train": (3, 5)},
    "formats/csv/toy/wheat.csv": {"wheat": (3, 5)},
    "formats/csv/tests/assets/vott_csv_dataset/dataset": {"train": (2, 3), "test": (2, 2)},
    "raccoon/data": {"train": (160, 173), "test": (40, 44), "raccoon": (200, 217)},
    "microcontroller/images/train_labels.csv": {"train": (142, 170)},
    "panlabel/tests/fixtures/sample_valid.udacity.csv": {"val": (2, 3)},
    "panlabel/tests/fixtures/sample_valid.tfod.csv": {"val": (2, 3)},
}


@pytest.mark.skipif(not DATA.is_dir(), reason="the files of the tools are not here")
@pytest.mark.parametrize("name", COUNTS)
def test_the_files_of_the_tools_have_these_boxes(name: str) -> None:
    found: dict[str, tuple[int, int]] = {}
    for sample in read(DATA / name):
        images, boxes = found.get(sample.split, (0, 0))
        found[sample.split] = (images + 1, boxes + len(sample.instances))
    assert found == COUNTS[name]
