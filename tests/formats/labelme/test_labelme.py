"""LabelMe's files: what each shape means, groups, images and files that do not fit, real files, and trips."""

from __future__ import annotations

import base64
import io
import json
import math
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import bboxprep
from bboxprep import formats
from bboxprep.errors import AnnotationError, LayoutError
from bboxprep.findings import Finding
from bboxprep.geometry.affine import Size
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle
from bboxprep.model.sample import Frame, Sample

SIZE = (64, 48)
DATA = Path(__file__).parents[3].parent / "shared" / "data"
Json = dict[str, Any]


def shape(kind: str, *points: Sequence[float], label: str = "cat", **others: Any) -> Json:
    return {"label": label, "shape_type": kind, "points": list(map(list, points)), **others}


def document(*shapes: Json, name: str = "a.png", **others: Any) -> Json:
    sides = {"imageWidth": SIZE[0], "imageHeight": SIZE[1]}
    return {"version": "5.5.0", "shapes": list(shapes), "imagePath": name, "imageData": None, **sides, **others}


def dataset(root: Path, files: Mapping[str, Json | str], images: Sequence[str] = ("a.png",)) -> Path:
    for name in images:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", SIZE).save(root / name)
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        (root / name).write_text(text, encoding="utf-8")
    return root


def sample_of(tmp_path: Path, *shapes: Json, **others: Any) -> Sample:
    return bboxprep.read(dataset(tmp_path, {"a.json": document(*shapes, **others)}), "labelme")[0]


def objects_of(tmp_path: Path, *shapes: Json) -> Instances:
    return sample_of(tmp_path, *shapes).instances


def png_text(mask: np.ndarray) -> str:
    out = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8)).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode("ascii")


def all_findings(source: Dataset) -> list[Finding]:
    return [*source.findings, *(finding for sample in source for finding in sample.findings)]


def found(source: Dataset) -> Counter[str]:
    return Counter(finding.code for finding in all_findings(source))


@pytest.mark.parametrize("corners", [((10, 5), (30, 25)), ((30, 5), (10, 25)), ((30, 25), (10, 5))])
def test_the_corners_of_a_rectangle_stand_in_any_order(tmp_path: Path, corners: Sequence[Sequence[float]]) -> None:
    assert objects_of(tmp_path, shape("rectangle", *corners)).boxes.tolist() == [[10, 5, 30, 25]]


def test_a_rectangle_of_x_anylabeling_has_four_corners_and_a_score(tmp_path: Path) -> None:
    corners = ((10, 5), (30, 5), (30, 25), (10, 25))
    made = objects_of(
        tmp_path,
        shape("rectangle", *corners, score=0.5, difficult=True, attributes={"colour": "red"}, kie_linking=[]),
    )
    assert made.boxes.tolist() == [[10, 5, 30, 25]]
    assert not made.polygons[0]
    assert made.scores.tolist() == [0.5]
    assert made.attributes == ({"colour": "red", "difficult": 1},)


@pytest.mark.parametrize("kind", ["oriented_rectangle", "rotation", "quadrilateral", "polygon", None])
def test_corners_are_an_oriented_box_or_a_polygon(tmp_path: Path, kind: str | None) -> None:
    corners = [[20.0, 5.5], [30.0, 15.0], [20.0, 25.0], [10.0, 15.0]]
    record = shape(kind or "", *corners, direction=0.7)
    if kind is None:
        del record["shape_type"]  # as in the files of LabelMe 3
    made = objects_of(tmp_path, record)
    turned = kind not in (None, "polygon")
    assert [ring.tolist() for ring in made.polygons[0]] == ([] if turned else [corners])
    assert np.array_equal(made.oriented[0], np.array(corners) if turned else np.full((4, 2), np.nan), equal_nan=True)
    assert made.boxes.tolist() == [[10, 5.5, 30, 25]]
    assert dict(made.attributes[0]) == ({"shape_type": kind} if kind in ("rotation", "quadrilateral") else {})


def test_a_circle_is_the_polygon_around_it(tmp_path: Path) -> None:
    made = objects_of(tmp_path, shape("circle", (30, 20), (33, 24)))
    assert made.boxes.tolist() == [[25, 15, 35, 25]]
    (ring,) = made.polygons[0]
    assert np.hypot(*(ring - (30, 20)).T) == pytest.approx(5.0)


@pytest.mark.parametrize("corner", [(10.0, 5.0), (10.4, 4.6), (-3.0, 40.0), (60.0, -4.0)])
def test_a_mask_lies_from_its_first_corner_on_and_is_cut_at_the_image(
    tmp_path: Path, corner: tuple[float, float]
) -> None:
    pixels = np.random.default_rng(1).random((9, 12)) < 0.6
    x, y = (math.floor(value + 0.5) for value in corner)
    record = shape("mask", corner, (corner[0] + 11, corner[1] + 8), mask=png_text(pixels))
    root = dataset(tmp_path, {"a.json": document(record, shape("rectangle", (1, 1), (9, 9)))})
    dataset_format = formats.load("labelme")
    header = bboxprep.read(root, "labelme")[0].header
    assert header
    (read,) = dataset_format.read(root, lambda *_: header, dataset_format.read_options())
    wide = np.zeros((SIZE[1] + 40, SIZE[0] + 40), dtype=np.bool_)
    wide[y + 20 : y + 29, x + 20 : x + 32] = pixels
    mask = read.instances.masks[0]
    assert mask is not None
    assert np.array_equal(mask.mask(), wide[20 : 20 + SIZE[1], 20 : 20 + SIZE[0]])
    assert read.instances.boxes[0].tolist() == [x, y, x + 12, y + 9]


def test_shapes_of_one_label_and_group_are_one_object(tmp_path: Path) -> None:
    ring = [(1, 1), (9, 1), (9, 9)]
    other = [(20, 20), (29, 20), (29, 29)]
    made = objects_of(
        tmp_path,
        shape("polygon", *ring, group_id=3),
        shape("polygon", *ring, group_id=3, label="dog"),
        shape("polygon", *other, group_id=3),
        shape("rectangle", (1, 1), (5, 5), group_id=7),
        shape("rectangle", (2, 2), (6, 6), group_id=7),
    )
    assert [len(rings) for rings in made.polygons] == [2, 1, 0, 0]
    assert made.boxes[0].tolist() == [1, 1, 29, 29]
    assert [one["group_id"] for one in made.attributes] == [3, 3, 7, 7]


def test_points_in_the_group_of_an_object_are_its_keypoints(tmp_path: Path) -> None:
    sample = sample_of(
        tmp_path,
        shape("rectangle", (10, 5), (30, 25), group_id=1),
        shape("point", (12, 7.5), group_id=1, label="nose"),
        shape("point", (20, 20), group_id=1, label="tail", difficult=True),
        shape("rectangle", (1, 1), (5, 5)),
    )
    assert len(sample.instances) == sample.source_count == 2
    assert sample.instances.keypoints.tolist() == [[[12, 7.5], [20, 20]], [[0, 0], [0, 0]]]
    assert sample.instances.visibility.tolist() == [[2, 1], [0, 0]]
    categories = bboxprep.read(tmp_path, "labelme").categories
    assert [(one.name, one.keypoints) for one in categories] == [("cat", ("nose", "tail"))]


def test_flags_and_what_else_a_shape_states_are_attributes(tmp_path: Path) -> None:
    record = shape("rectangle", (1, 1), (5, 5), flags={"old": True, "wet": False}, description="left", group_id=4)
    sample = sample_of(tmp_path, record | {"locked": False, "owner": "me"}, flags={"night": True}, checked=True)
    assert dict(sample.instances.attributes[0]) == {
        "old": True, "wet": False, "description": "left", "group_id": 4, "owner": "me",
    }  # fmt: skip
    assert sample.extra["labelme"] == {"checked": True, "flags": {"night": True}}


def test_an_attribute_with_two_values_is_told(tmp_path: Path) -> None:
    record = shape("rectangle", (1, 1), (5, 5), flags={"old": True}, attributes={"old": "very"})
    sample = sample_of(tmp_path, record)
    assert dict(sample.instances.attributes[0]) == {"old": True}
    assert [one.message for one in sample.findings] == ["'old' has two values, 'very' and True; the second was taken"]


BAD: Mapping[str, Json] = {
    "no label": {"points": [[1, 1], [2, 2]], "shape_type": "rectangle"},
    "no points": {"label": "cat", "shape_type": "rectangle"},
    "one corner": shape("rectangle", (1, 1)),
    "a word": {"label": "cat", "points": [[1, "x"], [2, 2]], "shape_type": "rectangle"},
    "far away": shape("polygon", (1, 1), (2e9, 3), (4, 4)),
    "three numbers": {"label": "cat", "points": [[1, 1, 1]], "shape_type": "point"},
}


@pytest.mark.parametrize("case", BAD)
def test_a_shape_that_cannot_be_read_is_counted(tmp_path: Path, case: str) -> None:
    sample = sample_of(tmp_path, shape("rectangle", (1, 1), (5, 5)), BAD[case])
    assert (len(sample.instances), sample.source_count) == (1, 2)
    (finding,) = sample.findings
    assert (finding.code, finding.path, finding.objects) == ("record-unreadable", "a.json", 1)
    assert finding.where.startswith("shapes[1].")


def test_numbers_that_python_writes_are_faults_of_their_shape(tmp_path: Path) -> None:
    text = json.dumps(document(shape("rectangle", (1, 1), (5, math.nan)), shape("rectangle", (1, 1), (5, 5))))
    root = dataset(tmp_path, {"a.json": text})
    assert len(bboxprep.read(root, "labelme")[0].instances) == 1


@pytest.mark.parametrize("kind", ["line", "linestrip", "points", "cuboid"])
def test_what_has_no_area_keeps_its_box_and_is_told(tmp_path: Path, kind: str) -> None:
    sample = sample_of(tmp_path, shape(kind, (1, 2), (9, 8)))
    assert sample.instances.boxes.tolist() == [[1, 2, 9, 8]]
    assert [one.message for one in sample.findings] == [f"not read: 1 {kind}; the box around each is kept"]


@pytest.mark.parametrize("text", ["", "no base64!", png_text(np.ones((2, 2)))[:40], None])
def test_a_mask_that_cannot_be_read_keeps_its_box(tmp_path: Path, text: str | None) -> None:
    sample = sample_of(tmp_path, shape("mask", (1, 2), (9, 8), mask=text))
    assert sample.instances.boxes.tolist() == [[1, 2, 10, 9]]
    assert [one.code for one in sample.findings] == ["shape-unreadable"]


PATHS = {  # the file, the image, and what the file says of its place
    "beside": ("a.json", "a.png", "a.png"),
    "in a folder of its own": ("labels/a.json", "images/a.png", "..\\images\\a.png"),
    "of another machine": ("a.json", "pictures/x.png", "C:\\me\\pictures\\x.png"),
    "by its stem": ("deep/a.json", "deep/a.png", "gone.jpg"),
    "in another case": ("a.json", "Photo.PNG", "photo.png"),
}


@pytest.mark.parametrize("case", PATHS)
def test_the_image_is_found(tmp_path: Path, case: str) -> None:
    label, image, said = PATHS[case]
    root = dataset(tmp_path, {label: document(shape("rectangle", (1, 1), (5, 5)), name=said)}, [image])
    (sample,) = bboxprep.read(root, "labelme")
    assert sample.path == root / image
    assert len(sample.instances) == 1


@pytest.mark.parametrize("said", ["../a.png", "/etc/a.png", "x/../../a.png", "\0.png"])
def test_no_path_leads_out(tmp_path: Path, said: str) -> None:
    Image.new("RGB", SIZE).save(tmp_path / "a.png")
    label = {"b.json": document(shape("rectangle", (1, 1), (5, 5)), name=said, imageData="aGVsbG8=")}
    root = dataset(tmp_path / "in", label, ["other.png"])
    source = bboxprep.read(root, "labelme")
    assert found(source)["image-missing"] == 1
    assert all(sample.path.is_relative_to(root) for sample in source)
    assert any("imageData) is not read" in one.message for one in all_findings(source))


def test_two_files_of_one_image_are_told(tmp_path: Path) -> None:
    box = shape("rectangle", (1, 1), (5, 5))
    root = dataset(tmp_path, {"a.json": document(box), "b.json": document(box, box)})
    source = bboxprep.read(root, "labelme")
    assert [(one.code, one.path, one.objects) for one in source.findings] == [("label-orphan", "b.json", 2)]


def test_a_damaged_file_takes_its_image_with_it(tmp_path: Path) -> None:
    box = shape("rectangle", (1, 1), (5, 5))
    damaged = {"b.json": json.dumps(document(box, name="b.png"))[:-30], "c.json": "", "d.json": '{"shapes": [1'}
    root = dataset(tmp_path, {"a.json": document(box), **damaged}, [f"{name}.png" for name in "abcd"])
    source = bboxprep.read(root, "labelme")
    assert [str(sample.name) for sample in source] == ["a.png"]
    assert [one.path for one in source.findings if one.code == "record-unreadable"] == ["b.json", "c.json", "d.json"]


def test_json_of_other_tools_is_told_and_left_alone(tmp_path: Path) -> None:
    root = dataset(tmp_path, {"a.json": document(), "notes.json": "[1]", "package.json": '{"name": "x"}'})
    source = bboxprep.read(root)
    assert source.format == "labelme"
    assert found(source) == {"file-skipped": 1}


def test_no_file_that_can_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"a\.json"):
        bboxprep.read(dataset(tmp_path / "one", {"a.json": '{"shapes": [1'}), "labelme")
    with pytest.raises(LayoutError, match="no LabelMe files here"):
        bboxprep.read(dataset(tmp_path / "two", {}), "labelme")


def test_an_image_without_a_file_is_unlabelled_and_one_without_shapes_is_not(tmp_path: Path) -> None:
    root = dataset(tmp_path, {"a.json": document()}, ["a.png", "b.png"])
    assert [sample.labelled for sample in bboxprep.read(root, "labelme")] == [True, False]


def test_the_class_table_gives_the_order(tmp_path: Path) -> None:
    shapes = [shape("rectangle", (1, 1), (5, 5), label=name) for name in ("dog", "cat", "_background_")]
    names = "__ignore__\n_background_\ncat\nnobody\n"
    root = dataset(tmp_path, {"a.json": document(*shapes), "labels.txt": names})
    assert bboxprep.read(root, "labelme").categories.names == ("_background_", "cat", "nobody", "dog")


@pytest.mark.parametrize(("sides", "frame"), [(SIZE, Frame.STORED), (SIZE[::-1], Frame.DISPLAYED)])
def test_the_declared_size_tells_the_plane(tmp_path: Path, sides: tuple[int, int], frame: Frame) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    said = document(shape("rectangle", (1, 1), (40, 40))) | {"imageWidth": sides[0], "imageHeight": sides[1]}
    root = dataset(tmp_path, {"a.json": said})
    Image.new("RGB", SIZE).save(root / "a.png", exif=exif.tobytes())
    assert bboxprep.read(root, "labelme")[0].frame is frame


@pytest.mark.parametrize("text", ['{"imageData": "' + "A" * 100_000, '{"version": "1", "shapes": [{"points": ['])
def test_a_file_is_recognised_by_its_beginning(tmp_path: Path, text: str) -> None:
    root = dataset(tmp_path, {"a.json": text})
    assert formats.label_file("labelme", root / "a.json")
    assert not formats.label_file("coco", root / "a.json")


def test_a_coco_document_is_none(tmp_path: Path) -> None:
    text = '{"shapes": [], "images": [{"id": 1, "file_name": "a.png"}], "annotations": [], "imagePath": "x"}'
    root = dataset(tmp_path, {"a.json": text})
    assert [*formats.sniffed(root)] == ["coco"]


# --- written files ---


def written(root: Path) -> list[Json]:
    shapes: list[Json] = json.loads(next(root.glob("train/*.json")).read_text(encoding="utf-8"))["shapes"]
    return shapes


def trip(tmp_path: Path, *shapes: Json, **others: Any) -> tuple[list[Json], list[Json]]:
    """The shapes after one trip, and after two."""
    dataset(tmp_path / "in", {"a.json": document(*shapes, **others)})
    bboxprep.convert(tmp_path / "in", tmp_path / "one", "labelme", sidecar=False)
    bboxprep.convert(tmp_path / "one", tmp_path / "two", "labelme", sidecar=False)
    return written(tmp_path / "one"), written(tmp_path / "two")


KEPT: Mapping[str, Json] = {
    "rectangle": shape("rectangle", (1.25, 1), (9, 8.5)),
    "polygon": shape("polygon", (1, 1), (9.1, 2), (4, 8)),
    "circle": shape("circle", (20, 20), (25, 20)),
    "rotated": shape("oriented_rectangle", (20, 5), (30, 15), (20, 25), (10, 15)),
    "quadrilateral": shape("quadrilateral", (20, 5), (30, 15), (20, 25), (11, 15)),
    "mask": shape("mask", (3, 4), (5, 5), mask=png_text(np.array([[0, 1, 1], [1, 1, 0]]))),
    "group": shape("polygon", (1, 1), (9, 2), (4, 8), group_id=2, description="a", flags={"old": True}),
}


@pytest.mark.parametrize("case", KEPT)
def test_a_shape_keeps_its_kind_and_its_numbers(tmp_path: Path, case: str) -> None:
    first, second = trip(tmp_path, KEPT[case])
    assert first == second
    (one,) = first
    for key, value in KEPT[case].items():
        assert one[key] == value or key == "mask", key
    if case == "mask":
        with Image.open(io.BytesIO(base64.b64decode(one["mask"]))) as picture:
            assert np.asarray(picture).tolist() == [[0, 1, 1], [1, 1, 0]]


def test_the_direction_of_a_rotated_box_is_that_of_its_points(tmp_path: Path) -> None:
    first, _ = trip(tmp_path, shape("rotation", (20, 5), (30, 15), (20, 25), (10, 15), direction=9.0))
    assert first[0]["direction"] == pytest.approx(math.pi / 4)


def test_a_group_keeps_its_number_and_its_parts(tmp_path: Path) -> None:
    rings = [[(1, 1), (9, 2), (4, 8)], [(20, 20), (29, 20), (9, 9)]]
    first, second = trip(tmp_path, *(shape("polygon", *ring, group_id=5) for ring in rings))
    assert first == second
    assert [(one["group_id"], "parts_of_one" in one) for one in first] == [(5, False), (5, False)]


def test_what_a_file_states_of_its_image_stays(tmp_path: Path) -> None:
    trip(tmp_path, flags={"night": True}, checked=True)
    stated = json.loads(next((tmp_path / "two").glob("train/*.json")).read_bytes())
    assert (stated["flags"], stated["checked"]) == ({"night": True}, True)


ATTRIBUTES = st.dictionaries(
    st.sampled_from(["colour", "flags", "description", "group_id", "difficult", "shape_type", "kie_linking", "é"]),
    st.one_of(
        st.none(), st.booleans(), st.integers(0, 2), st.text(max_size=3), st.lists(st.integers(), max_size=1),
        st.sampled_from(["circle", "rotation"]),
    ),
    max_size=4,
)  # fmt: skip
RING = st.lists(st.tuples(st.integers(0, 640), st.integers(0, 480)), min_size=3, max_size=5)


OBJECTS = st.tuples(
    st.tuples(*[st.integers(0, 640)] * 2).map(sorted),  # x0 x1, tenths of a pixel
    st.tuples(*[st.integers(0, 480)] * 2).map(sorted),
    st.lists(RING, max_size=2),
    st.integers(0, 2**11),  # pixels of a mask; even for none
    ATTRIBUTES,
)


def instances_of(drawn: Sequence[Any]) -> Instances:
    """Objects with any of a box, rings and a mask, which need not agree, and any attributes."""
    bits = [np.unpackbits(np.frombuffer(pixels.to_bytes(4, "big"), np.uint8)).reshape(4, 8) for *_, pixels, _ in drawn]
    masks = [Rle.from_crop(crop.astype(np.bool_), (5, 7), Size(*SIZE)) if crop[3, 7] else None for crop in bits]
    return Instances.of(
        [(x0 / 10, y0 / 10, x1 / 10, y1 / 10) for (x0, x1), (y0, y1), *_ in drawn],
        [pixels % 2 for *_, pixels, _ in drawn],
        polygons=[[np.array(ring) / 10 for ring in rings] for _, _, rings, _, _ in drawn],
        masks=masks,
        scores=[pixels / 2**11 if pixels % 3 else math.nan for *_, pixels, _ in drawn],
        attributes=[attributes for *_, attributes in drawn],
    )


def encoded(made: Instances) -> bytes:
    """The file that the writer makes of an image with the objects `made`."""
    known, header = formats.load("labelme"), Header(Size(*SIZE))
    sample = Sample(PurePosixPath("a.png"), Path("a.png"), header, made)
    categories = Categories.from_names(("cat", "dog"))
    writer = known.write(Path(), Dataset(Path(), "labelme", categories, [sample]), known.write_options())
    ((_, data),) = writer.encode(Batch.of([sample]), ["train/a.png"])[0].files
    return data


def decoded(data: bytes) -> Instances:
    """The objects that the reader makes of the file `data`."""
    known, header = formats.load("labelme"), Header(Size(*SIZE))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.png").write_bytes(b"a picture that nobody opens")
        (Path(folder) / "a.json").write_bytes(data)
        (Path(folder) / "labels.txt").write_text("cat\ndog\n", encoding="utf-8")
        return known.read(Path(folder), lambda *_: header, known.read_options())[0].instances


@given(drawn=st.lists(OBJECTS, max_size=4))
@settings(max_examples=150)
def test_whatever_is_written_is_read_again(drawn: Sequence[Any]) -> None:
    made = instances_of(drawn)
    assert decoded(encoded(made)) == made


@pytest.mark.parametrize(("off", "kinds"), [(7e-15, ["polygon"]), (0.001, ["rectangle", "polygon"])])
def test_a_box_that_is_a_rounding_error_off_its_outline_is_no_shape_of_its_own(off: float, kinds: list[str]) -> None:
    """COCO states x and width: their sum is rarely the corner of the outline to the last bit."""
    ring = np.array([(55.832, 59.534), (31.408, 86.659), (17.288, 73.946), (41.712, 46.821)])
    made = Instances.of([(17.288, 46.821, 55.832 - off, 86.659)], [0], polygons=[[ring]])
    assert [one["shape_type"] for one in json.loads(encoded(made))["shapes"]] == kinds


KINDS = {"rectangle": {2}, "polygon": None, "circle": {2}, "mask": {2}, "oriented_rectangle": {4}}


@given(drawn=st.lists(OBJECTS, max_size=4))
@settings(max_examples=40)
def test_the_tool_opens_what_is_written(drawn: Sequence[Any]) -> None:
    """By the rules that LabelMe 7 refuses a file by, but for two kinds that are X-AnyLabeling's own."""
    said = json.loads(encoded(instances_of(drawn)))
    assert {"version", "imagePath", "imageData", "shapes", "flags"} <= said.keys()
    assert (said["imageWidth"], said["imageHeight"]) == SIZE
    for one in said["shapes"]:
        assert isinstance(one["label"], str)
        assert all(type(number) in (int, float) and len(point) == 2 for point in one["points"] for number in point)
        counts = KINDS.get(one["shape_type"], {4})
        assert len(one["points"]) in (counts or range(3, 99))
        assert all(type(value) is bool for value in one["flags"].values())
        assert isinstance(one["description"], str)
        assert one["group_id"] is None or type(one["group_id"]) is int
        if one["shape_type"] == "mask":
            (x0, y0), (x1, y1) = one["points"]
            with Image.open(io.BytesIO(base64.b64decode(one["mask"]))) as picture:
                assert (picture.mode, picture.size) == ("L", (x1 - x0 + 1, y1 - y0 + 1))
        else:
            assert one["mask"] is None


@pytest.mark.parametrize("name", ["", " cat", "a\nb"])
def test_a_class_that_no_line_can_hold_is_refused(tmp_path: Path, name: str) -> None:
    known = formats.load("labelme")
    with pytest.raises(AnnotationError, match="want one line of text"):
        known.write(tmp_path, Dataset(tmp_path, "x", Categories.from_names((name,)), []), known.write_options())


# --- real files, and the fixture ---

REAL = {  # images, objects, and what stands for each kind of shape
    "formats/labelme": (1, 8, {"polygons": 2, "masks": 1}),
    "formats/xanylabeling": (0, 51, {"scores": 51}),
    "labelme/examples/instance_segmentation/data_annotated": (3, 14, {"polygons": 14}),
    "labelme/examples/bbox_detection/data_annotated": (3, 9, {}),
}


@pytest.mark.parametrize("name", REAL)
def test_a_real_set_has_what_it_is_known_to_hold(name: str) -> None:
    if not (DATA / name).exists():
        pytest.skip(f"{name} is not here")
    images, objects, columns = REAL[name]
    source = bboxprep.read(DATA / name, "labelme")
    assert sum(sample.header is not None for sample in source) == images
    assert sum(sample.source_count for sample in source) == objects
    assert sum(len(sample.instances) for sample in source) == objects
    counts = Counter[str]()
    for sample in source:
        counts.update({str(column): count for column, count in sample.instances.column_counts.items()})
    assert columns.items() <= counts.items()


def test_real_scenes_agree_with_their_voc_and_coco(tmp_path: Path) -> None:
    examples = DATA / "labelme/examples"
    if not examples.exists():
        pytest.skip("the examples of LabelMe are not here")
    voc = {one.name.stem: one for one in bboxprep.read(examples / "bbox_detection/data_dataset_voc", "voc")}
    for sample in bboxprep.read(examples / "bbox_detection/data_annotated", "labelme"):
        other = voc[sample.name.stem].instances.boxes
        assert np.abs(sample.instances.boxes - other).max() <= 1.0, sample.name


def test_the_fixture_has_the_boxes_and_masks_of_its_coco_twin() -> None:
    root = Path(__file__).parents[3] / "fixtures"
    coco = {one.name.name: one for one in bboxprep.read(root / "phone-photos-coco")}
    seen = 0
    for sample in bboxprep.read(root / "phone-photos-labelme"):
        twin = coco[sample.name.name]
        assert sorted(sample.instances.boxes.tolist()) == sorted(twin.instances.boxes.tolist())
        areas = [sorted(mask.area for mask in one.instances.masks if mask) for one in (sample, twin)]
        assert areas[0] == areas[1]
        seen += len(sample.instances)
    assert seen > 3
