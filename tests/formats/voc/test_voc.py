from __future__ import annotations

import os
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bboxprep import formats
from bboxprep.errors import AnnotationError, BboxprepError, LayoutError
from bboxprep.findings import Finding
from bboxprep.formats import voc
from bboxprep.formats.origin import OriginChoice
from bboxprep.geometry.affine import Size
from bboxprep.geometry.shapes import Boxes
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.sample import Sample
from bboxprep.pipeline.source.header_cache import HeaderCache
from tests.formats.filing import file_labels
from tests.formats.voc.trees import check_books, codes, document, flat, image, obj, probe, read, xml

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def a_sample(size: Size, boxes: Any, split: str = "train", **fields: Any) -> Sample:
    name = fields.pop("name", "a.jpg")
    objects = Instances.of(boxes, **{key: fields.pop(key) for key in ("labels", "attributes") if key in fields})
    header = fields.pop("header", Header(size))
    return Sample(PurePosixPath(name), Path(name), header, objects, split, source_count=len(objects), **fields)


def a_dataset(*samples: Sample, names: tuple[str, ...] = ("cat",)) -> Dataset:
    splits = tuple(dict.fromkeys(sample.split for sample in samples))
    return Dataset(Path("source"), "coco", Categories.from_names(names), samples, splits)


def write(root: Path, dataset: Dataset, *, float_: bool = False) -> list[Finding]:
    """Write `dataset` with stand-ins for its images; the findings."""
    writer = voc.FORMAT.write(root, dataset, voc.FORMAT.write_options(float_=float_))
    findings: list[Finding] = []
    for sample in dataset:
        path = writer.paths(sample.split, str(sample.name))[0]
        image(root / path, *sample.size)
        count, found = file_labels(writer, root, sample, path)
        assert count == len(sample.instances)
        findings += found
    writer.close()
    return findings


def trip(dataset: Dataset, *, float_: bool = False) -> tuple[Dataset, bytes]:
    """`dataset` written and read, its samples loaded, and the bytes of all labels."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        write(root, dataset, float_=float_)
        files = sorted(path for path in root.rglob("*") if path.suffix in {".xml", ".txt"})
        text = b"".join(path.relative_to(root).as_posix().encode() + path.read_bytes() for path in files)
        again = read(root)
        return Dataset(root, "voc", again.categories, list(again), again.splits, again.findings), text


def spans(side: int, least: float) -> st.SearchStrategy[tuple[float, float]]:
    """Two places on an axis of length `side`, at least `least` apart; the first is 0 or at least 1e-9."""
    starts = st.just(0.0) | st.floats(min(1e-9, side - least), side - least)
    return starts.flatmap(lambda start: st.tuples(st.just(start), st.floats(min(start + least, side), side)))


def boxes(size: Size, least: float) -> st.SearchStrategy[Boxes]:
    """Boxes (N, 4) at least `least` wide and high in a picture of `size`."""
    pairs = st.lists(st.tuples(spans(size.width, least), spans(size.height, least)), max_size=4)
    return pairs.map(lambda rows: np.array(rows, dtype=np.float64).reshape(-1, 2, 2).swapaxes(1, 2).reshape(-1, 4))


# ---- laws


@pytest.mark.parametrize("origin", ["devkit", "as-is", "plus-one"])
def test_every_whole_box_of_an_8_by_8_image_survives_from_each_origin(tmp_path: Path, origin: OriginChoice) -> None:
    low, high = {"devkit": (1, 0), "as-is": (0, 0), "plus-one": (1, 1)}[origin]
    wanted = [
        [x0, y0, x1, y1] for x0 in range(8) for y0 in range(8) for x1 in range(x0 + 1, 9) for y1 in range(y0 + 1, 9)
    ]
    objects = [obj((x0 + low, y0 + low, x1 + high, y1 + high)) for x0, y0, x1, y1 in wanted]
    image(tmp_path / "a.jpg", 8, 8)
    xml(tmp_path / "a.xml", document(*objects, size=(8, 8)))
    assert read(tmp_path, origin)[0].instances.boxes.tolist() == wanted
    again, _ = trip(read(tmp_path, origin))
    assert again[0].instances.boxes.tolist() == wanted


@given(st.data())
def test_decimals_bring_back_the_very_same_floats(data: st.DataObject) -> None:
    size = Size(data.draw(st.integers(1, 9000)), data.draw(st.integers(1, 9000)))
    drawn = data.draw(boxes(size, 0.25))
    first, _ = trip(a_dataset(a_sample(size, drawn)), float_=True)
    assert np.array_equal(first[0].instances.boxes, drawn)


@given(st.data())
def test_whole_pixels_are_at_most_half_a_pixel_off(data: st.DataObject) -> None:
    size = Size(data.draw(st.integers(1, 9000)), data.draw(st.integers(1, 9000)))
    drawn = data.draw(boxes(size, 1.0))
    again, _ = trip(a_dataset(a_sample(size, drawn)))
    assert np.abs(again[0].instances.boxes - drawn).max(initial=0.0) <= 0.5


@given(st.data())
def test_a_thin_box_becomes_a_pixel_within_the_picture(data: st.DataObject) -> None:
    size = Size(data.draw(st.integers(1, 30)), data.draw(st.integers(1, 30)))
    drawn = data.draw(boxes(size, 1e-6))
    again, _ = trip(a_dataset(a_sample(size, drawn)))
    found = again[0].instances.boxes
    assert np.abs(found - drawn).max(initial=0.0) < 1.0
    assert (found[:, :2] >= 0).all()
    assert (found[:, 2:] <= size).all()
    assert (found[:, 2:] - found[:, :2] >= 1).all()


@settings(max_examples=10)
@given(st.data(), st.booleans())
def test_ten_trips_do_not_drift(data: st.DataObject, float_: bool) -> None:  # hypothesis gives it
    size = Size(200, 100)
    dataset = a_dataset(a_sample(size, data.draw(boxes(size, 0.25))))
    texts = []
    for _ in range(10):
        dataset, text = trip(dataset, float_=float_)
        texts.append(text)
    assert texts[1] == texts[9]


@given(st.dictionaries(st.text("abc xyz", min_size=1).map(str.strip).filter(bool), JSON, max_size=4))
def test_attributes_survive_whatever_their_values(attributes: dict[str, Any]) -> None:
    again, _ = trip(a_dataset(a_sample(Size(9, 9), [[1, 1, 2, 2]], attributes=[attributes])))
    assert again[0].instances.attributes == (attributes,)


@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=4, unique=True))
def test_class_names_survive_or_are_refused(names: list[str]) -> None:
    dataset = a_dataset(a_sample(Size(9, 9), [[0, 0, 1, 1]] * len(names), labels=range(len(names))), names=tuple(names))
    try:
        again, _ = trip(dataset)
    except AnnotationError as error:
        assert "class name" in str(error)  # noqa: PT017  # some are refused, some are not
    else:
        assert again.categories.names == tuple(names)
        assert again[0].instances.labels.tolist() == list(range(len(names)))


FOLDERS = st.lists(
    st.sampled_from(["images", "labels", "Annotations", "JPEGImages", "train", "a b", "x.y"]), max_size=3
)


@given(st.lists(st.tuples(FOLDERS, st.sampled_from(["a", "b.c", "猫 1", "#1"]), st.booleans()), min_size=1, max_size=5))
def test_names_splits_and_bare_images_survive(drawn: list[tuple[list[str], str, bool]]) -> None:
    names = {"/".join([*folders, f"{stem}.jpg"]): labelled for folders, stem, labelled in drawn}
    samples = [
        a_sample(
            Size(9, 9), [[0, 0, 1, 1]] * labelled, name=name, labelled=labelled, split="val" if number % 2 else "test"
        )
        for number, (name, labelled) in enumerate(names.items())
    ]
    again, _ = trip(a_dataset(*samples))
    wanted = {(str(sample.name), sample.split, True, len(sample.instances)) for sample in samples}  # each has an XML
    assert {(str(sample.name), sample.split, sample.labelled, len(sample.instances)) for sample in again} == wanted


# ---- the writer


def test_what_is_written_is_the_devkit_layout(tmp_path: Path) -> None:
    attributes = [{"pose": "Left", "difficult": True, "occluded": 1, "colour": "a<b>&c"}, {}]
    one = a_sample(Size(50, 40), [[0, 0, 50, 40], [1, 2, 4, 8]], attributes=attributes, name="sub/a.b.jpg")
    two = a_sample(Size(50, 40), [], split="val", name="z.png", header=Header(Size(50, 40), mode="L"))
    bare = a_sample(Size(50, 40), [], split="val", name="bare.png", labelled=False)
    assert write(tmp_path, a_dataset(one, two, bare)) == []
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert files == [
        *("Annotations/bare.xml", "Annotations/sub/a.b.xml", "Annotations/z.xml"),
        *("ImageSets/Main/train.txt", "ImageSets/Main/val.txt"),
        *("JPEGImages/bare.png", "JPEGImages/sub/a.b.jpg", "JPEGImages/z.png", "labels.txt"),
    ]
    assert (tmp_path / "ImageSets/Main/train.txt").read_bytes() == b"sub/a.b\n"
    assert (tmp_path / "ImageSets/Main/val.txt").read_bytes() == b"z\nbare\n"
    text = (tmp_path / "Annotations/sub/a.b.xml").read_text(encoding="utf-8")
    root = ET.fromstring(text)
    assert root.findtext("source/database") == "bboxprep"
    assert [[leaf.text for leaf in box] for box in root.iter("bndbox")] == [
        ["1", "1", "50", "40"],
        ["2", "3", "4", "8"],
    ]
    tags = ("pose", "truncated", "difficult", "occluded")
    assert [[found.findtext(tag) for tag in tags] for found in root.iter("object")] == [
        ["Left", "0", "1", "1"],
        ["Unspecified", "0", "0", None],
    ]
    assert "<value>a&lt;b&gt;&amp;c</value>" in text
    assert ET.parse(tmp_path / "Annotations/z.xml").findtext("size/depth") == "1"
    again = read(tmp_path)
    assert [(str(sample.name), sample.split, sample.labelled) for sample in again] == [
        ("sub/a.b.jpg", "train", True),
        ("bare.png", "val", True),
        ("z.png", "val", True),
    ]
    assert again[0].instances.attributes == ({"pose": "Left", "difficult": 1, "occluded": 1, "colour": "a<b>&c"}, {})
    assert again.findings[0].message == "devkit: written by bboxprep (1 of 1 files)"


def test_rounding_is_reported_and_decimals_avoid_it(tmp_path: Path) -> None:
    dataset = a_dataset(a_sample(Size(50, 40), [[0.5, 0, 10, 10.25], [1, 1, 2, 2 + 1e-9]]))
    (finding,) = write(tmp_path / "whole", dataset)
    assert finding.code == "value-rounded"
    assert finding.message == "1 of 2 boxes rounded to whole pixels, by 0.5 px at most"
    assert write(tmp_path / "float", dataset, float_=True) == []
    text = (tmp_path / "float/Annotations/a.xml").read_text(encoding="utf-8")
    assert "<xmin>1.5</xmin>" in text
    assert "<ymax>10.25</ymax>" in text
    assert "<xmax>10</xmax>" in text


def test_the_class_table_keeps_its_order_and_its_unused_classes() -> None:
    names = ("zebra", "猫", "a<b>&c", "🦊", "ant")
    again, _ = trip(a_dataset(a_sample(Size(9, 9), [[0, 0, 1, 1], [1, 1, 2, 2]], labels=[2, 3]), names=names))
    assert again.categories.names == names
    assert again[0].instances.labels.tolist() == [2, 3]


@pytest.mark.parametrize("name", ["bell\x07", "half\ud800", "two\nlines", "back\r", " blank", ""])
def test_a_class_name_that_xml_cannot_hold_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(AnnotationError, match=r"class name: have .*, want one line of text"):
        write(tmp_path, a_dataset(names=(name,)))


def test_a_file_name_that_xml_cannot_hold_is_refused(tmp_path: Path) -> None:
    writer = voc.FORMAT.write(tmp_path, a_dataset(), voc.FORMAT.write_options())
    with pytest.raises(AnnotationError, match="file name"):
        writer.encode(Batch.of([a_sample(Size(9, 9), [], name="a\udcff.jpg")]), ["JPEGImages/a\udcff.jpg"])


def test_the_writer_says_what_it_carries(tmp_path: Path) -> None:
    writer = voc.FORMAT.write(tmp_path, a_dataset(), voc.FORMAT.write_options())
    assert writer.carries == voc.FORMAT.carries == {Column.BOXES, Column.ATTRIBUTES}


# ---- records


def test_corners_are_found_by_tag_and_only_the_own_box_counts(tmp_path: Path) -> None:
    part = f"<part><name>head</name>{obj((1, 1, 2, 2)).partition('</name>')[2].removesuffix('</object>')}</part>"
    tags = ("ymax", "xmax", "ymin", "xmin")
    flat(tmp_path, {"a": document(obj((40, 30, 20, 10), more=part, tags=tags))})
    dataset = read(tmp_path, "as-is")
    assert dataset[0].instances.boxes.tolist() == [[10, 20, 30, 40]]
    assert dataset[0].instances.attributes == ({"parts": ["head"]},)
    assert codes(dataset.findings) == {"shape-unread": 1}
    assert dataset.findings[0].message == "not read: 1 <part>"


def test_what_can_mean_one_thing_only_is_repaired(tmp_path: Path) -> None:
    objects = obj((30, 20, 10, 40)), obj(("10,5", "20,25", 30, 40)), obj((" 1.5 ", "2e0", ".5e1", "+6."))
    flat(tmp_path, {"a": document(*objects)})
    sample = read(tmp_path, "as-is")[0]
    assert sample.instances.boxes.tolist() == [[10, 20, 30, 40], [10.5, 20.25, 30, 40], [1.5, 2, 5, 6]]
    assert [str(finding) for finding in sample.findings] == [
        "a.xml: decimal comma, read as a point (1 of 3 objects)",
        "a.xml: minimum and maximum exchanged (1 of 3 objects)",
    ]


@pytest.mark.parametrize(
    ("broken", "where", "problem"),
    [
        (obj(("", 2, 3, 4)), "object[2]/bndbox/xmin", "is empty, want a number"),
        (obj((1, 2, 3, 4), tags=("xmin", "ymin", "xmax", "other")), "object[2]/bndbox/ymax", "is missing"),
        (obj((1, "12px", 3, 4)), "object[2]/bndbox/ymin", "have '12px', want a number"),
        (obj((1, 2, "1,234", 4)), "object[2]/bndbox/xmax", "have '1,234', want a number"),
        (obj((1, 2, "1_0", 4)), "object[2]/bndbox/xmax", "have '1_0', want a number"),
        (obj((1, 2, "٣", 4)), "object[2]/bndbox/xmax", "have '٣', want a number"),
        ("<object><name>cat</name></object>", "object[2]/bndbox", "have 0 boxes, want 1"),
        (
            "<object><name>cat</name><robndbox><cx>9</cx></robndbox></object>",
            "object[2]/bndbox",
            "have 0 boxes but a <robndbox>, which is not read, want 1",
        ),
        (obj((1, 2, 3, 4), more="<bndbox/>"), "object[2]/bndbox", "have 2 boxes, want 1"),
    ],
)
def test_an_unreadable_object_is_a_finding_with_its_place_and_class(
    tmp_path: Path, broken: str, where: str, problem: str
) -> None:
    flat(tmp_path, {"a": document(obj((1, 2, 3, 4)), broken, obj((5, 6, 7, 8)))})
    sample = read(tmp_path, "as-is")[0]
    assert len(sample.instances) == 2
    assert sample.source_count == 3
    assert sample.findings == (Finding("record-unreadable", problem, "a.xml", where, 1, "cat", "train"),)


def test_an_object_without_a_name_is_unreadable(tmp_path: Path) -> None:
    flat(tmp_path, {"a": document(obj((1, 2, 3, 4), name=" "))})
    (finding,) = read(tmp_path, "as-is")[0].findings
    assert (finding.where, finding.category) == ("object[1]/name", "")


def test_numbers_that_are_not_finite_are_left_for_the_checks_of_values(tmp_path: Path) -> None:
    flat(tmp_path, {"a": document(obj(("nan", 1, "inf", 1e300)), obj((1, 1, "1e999", 4)))})
    boxes = read(tmp_path, "devkit")[0].instances.boxes
    assert np.isnan(boxes[0, 0])
    assert boxes[:, 2].tolist() == [np.inf, np.inf]


@pytest.mark.parametrize(
    ("size", "declared"),
    [
        ((640, 480), Size(640, 480)),
        (("640.0", " 480 "), Size(640, 480)),
        ((0, 0), None),
        (("", ""), None),
        ((640, "NaN"), None),
        (("1e9", 3), None),
        ((640, "-inf"), None),
        (None, None),
    ],
)
def test_the_declared_size_is_evidence_only(
    tmp_path: Path, size: tuple[Any, Any] | None, declared: Size | None
) -> None:
    flat(tmp_path, {"a": document(size=size)})
    sample = read(tmp_path)[0]
    assert sample.declared == declared
    assert sample.size == Size(100, 80)


def test_attributes_come_from_tags_nested_tags_and_the_block_of_cvat(tmp_path: Path) -> None:
    more = (
        "<pose>Unspecified</pose><truncated>1</truncated><difficult>0</difficult><occluded>0</occluded><score>0.50</score>"
        "<actions><jumping>0</jumping><running>1</running></actions><note> a b </note><empty/>"
        "<attributes><attribute><name>colour</name><value>red</value></attribute>"
        "<attribute><name>parked</name><value>true</value></attribute></attributes>"
    )
    flat(tmp_path, {"a": document(obj((1, 2, 3, 4), more=more))})
    assert read(tmp_path)[0].instances.attributes == (
        {
            "truncated": 1,
            "occluded": 0,
            "score": "0.50",
            "actions": {"jumping": 0, "running": 1},
            "note": "a b",
            "colour": "red",
            "parked": True,
        },
    )


@pytest.mark.parametrize(
    "ring",
    [
        "<polygon><x>1</x><y>2</y><x>5</x><y>2</y><x>5</x><y>9</y></polygon>",
        "<polygon><x1>1</x1><y1>2</y1><x2>5</x2><y2>2</y2><x3>5</x3><y3>9</y3></polygon>",
        "<segmentation><pt><x>1</x><y>2</y></pt><pt><x>5</x><y>2</y></pt><pt><x>5</x><y>9</y></pt></segmentation>",
    ],
)
def test_a_polygon_is_read_and_stands_in_for_a_missing_box(tmp_path: Path, ring: str) -> None:
    flat(tmp_path, {"a": document(f"<object><name>cat</name>{ring}</object>")})
    sample = read(tmp_path, "as-is")[0]
    assert sample.instances.polygons[0][0].tolist() == [[1, 2], [5, 2], [5, 9]]
    assert sample.instances.boxes.tolist() == [[1, 2, 5, 9]]
    assert [finding.code for finding in sample.findings] == ["record-repaired"]


@pytest.mark.parametrize("inner", ["<x>1</x><y>2</y>", "<x>1</x><y>2</y>" * 2 + "<x>1</x><y>b</y>", "<p>1,2</p>" * 6])
def test_a_polygon_of_another_make_is_counted(tmp_path: Path, inner: str) -> None:
    flat(tmp_path, {"a": document(obj((1, 2, 3, 4), more=f"<polygon>{inner}</polygon>"))})
    dataset = read(tmp_path)
    assert not dataset[0].instances.has(Column.POLYGONS).any()
    assert dataset.findings[-1].message == "not read: 1 <polygon>"


# ---- files that are not what they should be


BOMB = '<!DOCTYPE a [<!ENTITY x "ha">' + "".join(
    f'<!ENTITY x{n} "{f"&x{n - 1};" * 10 if n else "&x;"}">' for n in range(12)
)  # fmt: skip


@pytest.mark.parametrize(
    ("data", "where", "problem"),
    [
        (b"", "1:0", "no element found"),
        (b"<annotation><object>", "1:20", "no element found"),
        (b"<annotation>\n<a></b></annotation>", "2:5", "mismatched tag"),
        (f"{BOMB}]><annotation>&x11;</annotation>".encode(), "", "document type declaration"),
        (b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><annotation>&e;</annotation>', "", "document type"),
        (b'<!DOCTYPE annotation SYSTEM "http://localhost/x.dtd"><annotation/>', "", "document type declaration"),
        (b"<annotation>&nothing;</annotation>", "1:12", "undefined entity"),
        (b"<annotation>" + b"<a>" * 1_000_000, "", "nested more than 64 levels deep"),
        (b"<annotation>" + b"<a/>" * 530_000 + b"</annotation>", "", "more than 524,288 elements"),
        (b'<?xml version="1.0" encoding="klingon"?><annotation/>', "", "unknown encoding"),
        (b'<?xml version="1.0" encoding="gbk"?><annotation>\xff\xff', "", "declares the encoding gbk, but is no such"),
        (b"<annotation>\xff\xfe</annotation>", "byte 12", "not UTF-8 text; `encoding` names another one"),
        (b"\0" * 100, "1:0", "not well-formed"),
        (b"<annotations><image/></annotations>", "", "have the root element <annotations>, want <annotation>"),
    ],
)  # fmt: skip
def test_a_hostile_or_broken_file_is_one_finding_and_its_image_no_background(
    tmp_path: Path, data: bytes, where: str, problem: str
) -> None:
    flat(tmp_path, {"a": document(obj((1, 2, 3, 4))), "b": ""})
    (tmp_path / "b.xml").write_bytes(data)
    dataset = read(tmp_path)
    assert [str(sample.name) for sample in dataset] == ["a.jpg"]
    (finding,) = (finding for finding in dataset.findings if finding.code == "record-unreadable")
    assert (finding.path, finding.objects) == ("b.xml", 0)
    assert problem in finding.message
    assert finding.where.startswith(where)
    (tmp_path / "a.xml").unlink()
    with pytest.raises(AnnotationError, match=r"b\.xml: "):
        read(tmp_path)


def test_a_file_beyond_all_reason_is_not_opened(tmp_path: Path) -> None:
    flat(tmp_path, {"a": document()})
    with (tmp_path / "b.xml").open("wb") as file:
        file.truncate(65 << 20)
    assert "have 68,157,440 bytes, want at most 67,108,864" in read(tmp_path).findings[0].message


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1"])
def test_other_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    flat(tmp_path, {"a": ""})
    declaration = '<?xml version="1.0" encoding="iso-8859-1"?>' if encoding == "iso-8859-1" else ""
    (tmp_path / "a.xml").write_bytes((declaration + document(obj((1, 2, 3, 4), "Käfer"))).encode(encoding))
    assert read(tmp_path).categories.names == ("Käfer",)
    assert formats.load("voc").sniff(tmp_path) == "a.xml is a VOC annotation"


@given(st.binary(max_size=60), st.integers(0, 250))
def test_no_bytes_raise_anything_but_our_errors(noise: bytes, at: int) -> None:
    good = document(obj((1, 2, 3, 4)), obj((5, 6, 7, 8), more="<polygon><x>1</x></polygon>")).encode()
    with TemporaryDirectory() as folder:
        root = flat(Path(folder), {"a": "", "b": document()})
        (root / "a.xml").write_bytes(good[:at] + noise + good[at + len(noise) :])
        try:
            dataset = read(root)
        except BboxprepError:
            return
        check_books(dataset)


# ---- real files


REAL = {
    "raccoon": (200, 217, "as-is"),
    "bccd": (364, 4888, "as-is"),
    "microcontroller": (149, 177, "as-is"),
    "microcontroller/images": (149, 177, "as-is"),
    "foodometer": (11, 28, "as-is"),
    "bbox_editor_exif/src/test/resources/testannotations/pvoc": (3, 3, "as-is"),
    "labelformat/tests/fixtures/object_detection/PascalVOC": (2, 16, "as-is"),
    "labelme/examples/bbox_detection/data_dataset_voc": (3, 9, "as-is"),
    "icevision/samples/voc": (2, 3, "devkit"),
    "icevision/samples/fridge": (6, 12, "as-is"),
    "rodm_toy": (12, 12, "devkit"),
    "datumaro/tests/assets/voc_dataset/voc_dataset1": (2, 2, "devkit"),
    "datumaro/tests/assets/voc_dataset/voc_dataset2": (5, 4, "as-is"),
    "datumaro/tests/assets/voc_dataset/voc_dataset3": (1, 1, "devkit"),
    "datumaro/tests/assets/kaggle_dataset/relaxed_voc1": (2, 2, "devkit"),
    "datumaro/tests/assets/kaggle_dataset/relaxed_voc2": (2, 2, "devkit"),
    "datumaro/tests/assets/roboflow_dataset/voc": (3, 4, "as-is"),
}


@pytest.mark.parametrize("name", REAL)
def test_real_datasets_read_in_full(name: str) -> None:
    root = SHARED / name
    if not root.is_dir():
        pytest.skip("the shared data is not here")
    assert formats.load("voc").sniff(root)
    dataset = voc.FORMAT.read(root, HeaderCache(), voc.VocReadOptions())
    images, objects, origin = REAL[name]
    assert len(dataset) == images
    assert check_books(dataset) == objects == sum(len(sample.instances) for sample in dataset)
    assert dataset.extra == {"voc": {"origin": origin}}
    assert {path.suffix for path in root.rglob("*")} >= {".xml"}


def test_a_real_box_lies_where_its_makers_say(tmp_path: Path) -> None:
    root = SHARED / "bbox_editor_exif/src/test/resources"
    if not root.is_dir():
        pytest.skip("the shared data is not here")
    shutil.copytree(root / "testannotations/exif/pvoc", tmp_path / "pvoc")
    shutil.copytree(root / "testimages/ExifJpeg", tmp_path / "ExifJpeg")
    dataset = voc.FORMAT.read(tmp_path, HeaderCache(), voc.VocReadOptions())
    check_books(dataset)
    labelled = [sample for sample in dataset if sample.labelled]
    assert [sample.header and sample.header.orientation for sample in labelled] == list(range(1, 8))
    assert all(sample.size == sample.declared == Size(40, 80) for sample in labelled)
    assert all(sample.instances.boxes.tolist() == [[9.98, 15.97, 19.96, 31.93]] for sample in labelled)
    assert [str(sample.name) for sample in dataset if not sample.labelled] == ["ExifJpeg/0.jpg", "ExifJpeg/8.jpg"]


@pytest.mark.parametrize("name", ["xml_shared", "panlabel", "yolo_mark", "groundnut"])
def test_what_is_no_voc_is_refused_with_one_clear_error(name: str) -> None:
    root = SHARED / name
    if not root.is_dir():
        pytest.skip("the shared data is not here")
    assert voc.FORMAT.sniff(root) == ""
    with pytest.raises((AnnotationError, LayoutError)):
        voc.FORMAT.read(root, probe, voc.VocReadOptions())


def test_a_folder_that_may_not_be_read_is_our_error(tmp_path: Path) -> None:
    flat(tmp_path, {"a": document()})
    (tmp_path / "closed").mkdir(mode=0)
    if os.access(tmp_path / "closed", os.R_OK):
        pytest.skip("everything may be read here")
    with pytest.raises(LayoutError, match="closed: the folder cannot be read"):
        read(tmp_path)
