"""CVAT: every kind of shape is read as it is drawn, and what is written is read back."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bboxprep.errors import AnnotationError, UsageError
from bboxprep.findings import Finding
from bboxprep.formats.api import NoOptions, TextReadOptions
from bboxprep.formats.cvat import FORMAT
from bboxprep.formats.cvat.layout import label_file
from bboxprep.formats.outlines import ellipse
from bboxprep.geometry.affine import Affine, Points, Size
from bboxprep.geometry.oriented import turned_box, turned_corners
from bboxprep.geometry.shapes import hull, ring_area, same_box
from bboxprep.model.batch import Batch
from bboxprep.model.categories import Categories, Category
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle
from bboxprep.model.sample import Sample
from tests import strategies

SIZE = Size(64, 48)
CLASSES = Categories(
    (Category("cat"), Category("hand", keypoints=("thumb", "tip <&>"), skeleton=((1, 2),)), Category('a "dog"'))
)
LABELS = """<meta><task><labels>
<label><name>cat</name></label>
<label><name>hand</name><type>skeleton</type><svg>&lt;circle data-node-id="2" data-label-name="tip"&gt;&lt;/circle&gt;
&lt;circle data-node-id="1" data-label-name="thumb"&gt;&lt;/circle&gt;&lt;line data-node-from="1" data-node-to="2"&gt;
</svg></label>
<label><name>tip</name><parent>hand</parent></label><label><name>thumb</name><parent>hand</parent></label>
</labels></task></meta>"""


def document(root: Path, content: str, name: str = "annotations.xml") -> Dataset:
    """The data set of one image, or of a video, with this content."""
    (root / "images").mkdir(parents=True, exist_ok=True)
    for image in ("a.jpg", "frame_000000.png", "frame_000004.png"):
        (root / "images" / image).write_bytes(b"")
    (root / name).write_text(f"<annotations><version>1.1</version>{LABELS}{content}</annotations>", encoding="utf-8")
    return read(root)


def read(root: Path) -> Dataset:
    return FORMAT.read(root, lambda _path, _declared=None: Header(SIZE), TextReadOptions())


def one_image(root: Path, shapes: str) -> Sample:
    """The image `a.jpg` with `shapes`."""
    dataset = document(root, f'<image id="0" name="a.jpg" width="64" height="48">{shapes}</image>')
    assert [str(sample.name) for sample in dataset] == ["a.jpg"]
    return dataset[0]


def test_a_box_is_as_it_stands_and_its_attributes_have_types(tmp_path: Path) -> None:
    sample = one_image(
        tmp_path,
        '<box label="cat" source="auto" occluded="1" z_order="2" group_id="7" xtl="1.25" ytl="2" xbr="30.5" ybr="40">'
        '<attribute name="age">2.5</attribute><attribute name="tame">true</attribute>'
        '<attribute name="id">007</attribute>'
        '<attribute name="note"></attribute><attribute name="track_id">12</attribute></box>',
    )
    assert sample.instances.boxes.tolist() == [[1.25, 2.0, 30.5, 40.0]]
    own = {"age": 2.5, "tame": True, "id": "007", "note": ""}
    assert sample.instances.attributes == ({"occluded": True, "z_order": 2, "group_id": 7, "source": "auto", **own},)
    assert sample.instances.tracks.tolist() == [12]
    assert (sample.declared, sample.source_count, sample.findings) == (SIZE, 1, ())


def test_a_box_turns_clockwise_about_its_centre(tmp_path: Path) -> None:
    sample = one_image(tmp_path, '<box label="cat" xtl="10" ytl="20" xbr="40" ybr="30" rotation="90.00"/>')
    assert sample.instances.oriented[0].tolist() == [[30, 10], [30, 40], [20, 40], [20, 10]]
    assert not sample.instances.polygons.holds_any
    assert sample.instances.boxes.tolist() == [[20, 10, 30, 40]]


def test_an_ellipse_is_a_polygon_within_its_own_box(tmp_path: Path) -> None:
    sample = one_image(tmp_path, '<ellipse label="cat" cx="30" cy="20" rx="10" ry="5" rotation="90.00"/>')
    ring = sample.instances.polygons[0][0]
    np.testing.assert_allclose(sample.instances.boxes, [[25, 10, 35, 30]])
    np.testing.assert_allclose(hull(ring), [25, 10, 35, 30], atol=1e-3)
    assert ring_area(ring) == pytest.approx(np.pi * 50, rel=1e-4)


def test_a_mask_has_runs_of_the_rows_of_its_box(tmp_path: Path) -> None:
    sample = one_image(tmp_path, '<mask label="cat" rle="0, 2, 1, 3" left="10" top="20" width="3" height="2"/>')
    wanted = np.zeros((48, 64), dtype=np.bool_)
    wanted[20, 10:12] = wanted[21, 10:13] = True
    mask = sample.instances.masks[0]
    assert mask is not None
    assert (mask.mask() == wanted).all()
    assert sample.instances.boxes.tolist() == [[10, 20, 13, 22]]


def test_points_and_skeletons_are_keypoints(tmp_path: Path) -> None:
    sample = one_image(
        tmp_path,
        '<points label="cat" points="1,2;3,4;5,6"/><skeleton label="hand"><points label="tip" outside="0" occluded="1" '
        'points="8,9"/><points label="thumb" outside="1" points="3,3"/><points label="more" points="4,5"/></skeleton>',
    )
    assert sample.instances.visibility.tolist() == [[2, 2, 2], [0, 1, 2]]
    assert sample.instances.keypoints.tolist() == [[[1, 2], [3, 4], [5, 6]], [[0, 0], [8, 9], [4, 5]]]
    hand = read(tmp_path).categories[1]
    assert (hand.keypoints, hand.skeleton) == (("thumb", "tip", "more"), ((1, 2),))
    assert read(tmp_path).categories.names == ("cat", "hand")


def test_what_the_model_lacks_is_told_and_its_box_is_held(tmp_path: Path) -> None:
    corners = " ".join(f'{axis}{corner}{face}="{n}"' for n, (axis, corner, face) in enumerate(
        (axis, corner, face) for face in "12" for corner in ("tl", "bl", "tr", "br") for axis in "xy"))  # fmt: skip
    dataset = document(
        tmp_path,
        f'<image id="0" name="a.jpg"><polyline label="cat" points="1,2;5,9"/><cuboid label="cat" {corners}/>'
        '<tag label="cat"/></image>',
    )
    assert dataset[0].instances.boxes.tolist() == [[1, 2, 5, 9], [0, 1, 14, 15]]
    told = [finding.message for finding in dataset.findings if finding.code == "shape-unread"]
    assert told == ["not read: 1 <cuboid>, 1 <polyline>, 1 <tag>; the box around each line and cuboid is an object"]


@pytest.mark.parametrize(
    ("shape", "where"),
    [
        ('<box label="" xtl="1" ytl="2" xbr="3" ybr="4"/>', "image[1]/box[1]/@label"),
        ('<box label="cat" xtl="1" ytl="2" xbr="3"/>', "image[1]/box[1]/@ybr"),
        ('<box label="cat" xtl="1" ytl="2" xbr="nan" ybr="4"/>', "image[1]/box[1]/@xbr"),
        ('<polygon label="cat" points="1,2;3,4"/>', "image[1]/polygon[1]/@points"),
        ('<polygon label="cat" points="1,2;3,4;5"/>', "image[1]/polygon[1]/@points"),
        ('<mask label="cat" rle="1, 2" left="0" top="0" width="2" height="2"/>', "image[1]/mask[1]/@rle"),
        ('<mask label="cat" rle="4" left="0.5" top="0" width="2" height="2"/>', "image[1]/mask[1]/@width"),
        ('<skeleton label="hand"><points outside="1" points="1,1"/></skeleton>', "image[1]/skeleton[1]/@points"),
    ],
)  # fmt: skip
def test_a_shape_that_cannot_be_read_is_counted_where_it_stands(tmp_path: Path, shape: str, where: str) -> None:
    sample = one_image(tmp_path, f'{shape}<polygon label="cat" points="1,2;3,4;0,9"/>')
    assert len(sample.instances) == 1
    assert sample.source_count == 2
    assert [(finding.path, finding.where, finding.objects) for finding in sample.findings] == [
        ("annotations.xml", where, 1)
    ]


TRACK = """<track id="5" label="cat">
<box frame="0" outside="0" keyframe="1" xtl="0" ytl="0" xbr="10" ybr="10" rotation="350"/>
<box frame="4" outside="0" keyframe="1" xtl="8" ytl="4" xbr="18" ybr="14" rotation="10"/>
<box frame="6" outside="1" keyframe="1" xtl="8" ytl="4" xbr="18" ybr="14"/></track>"""


def test_between_keyframes_a_box_moves_straight_and_turns_the_shorter_way(tmp_path: Path) -> None:
    samples = {str(sample.name): sample.instances for sample in document(tmp_path, TRACK)}
    assert list(samples) == ["frame_000000.png", "frame_000001", "frame_000002", "frame_000003", "frame_000004.png",
                             "frame_000005"]  # fmt: skip
    assert samples["frame_000002"].boxes.ravel() == pytest.approx([4, 2, 14, 12])
    (between,) = samples["frame_000002"].oriented  # by 360 degrees, between 350 and 370
    assert hull(between) == pytest.approx([4, 2, 14, 12])
    assert samples["frame_000005"].oriented == pytest.approx(samples["frame_000004.png"].oriented)
    assert {track for own in samples.values() for track in own.tracks.tolist()} == {5}


def test_nothing_is_made_up_where_the_frames_between_are_listed(tmp_path: Path) -> None:
    listed = TRACK.replace('<box frame="4" outside="0" keyframe="1"', '<box frame="3" outside="0" keyframe="0"')
    assert [str(sample.name) for sample in document(tmp_path, listed)] == [
        "frame_000000.png", "frame_000003", "frame_000004.png"]  # fmt: skip


def test_a_skeleton_of_a_video_has_its_points_in_tracks_of_their_own(tmp_path: Path) -> None:
    points = '<points frame="0" outside="0" points="1,1"/><points frame="4" outside="1" points="2,2"/>'
    samples = document(
        tmp_path,
        '<track id="0" label="hand"><skeleton frame="0" keyframe="1"/><skeleton frame="4" keyframe="0"/>'
        f'<track label="thumb">{points}</track><track label="tip"><points frame="0" points="5,6"/></track></track>',
    )
    assert [sample.instances.visibility.tolist() for sample in samples] == [[[2, 2]], [[0, 2]]]
    assert samples[1].instances.boxes.tolist() == [[5, 6, 5, 6]]


def test_images_are_in_the_subset_that_they_name(tmp_path: Path) -> None:
    for subset in ("Train", "Validation"):
        (tmp_path / "images" / subset).mkdir(parents=True)
        (tmp_path / "images" / subset / "b.jpg").write_bytes(b"")
    dataset = document(
        tmp_path, "".join(f'<image id="0" name="b.jpg" subset="{subset}"/>' for subset in ("Validation", "Train"))
    )
    assert [(sample.split, str(sample.path.relative_to(tmp_path))) for sample in dataset] == [
        ("train", "images/Train/b.jpg"),
        ("val", "images/Validation/b.jpg"),
    ]


def test_an_image_that_is_listed_twice_has_the_shapes_of_both(tmp_path: Path) -> None:
    box = '<box label="cat" xtl="1" ytl="2" xbr="3" ybr="4"/>'
    dataset = document(tmp_path, f'<image id="0" name="a.jpg">{box}</image>' * 2)
    assert [len(sample.instances) for sample in dataset] == [2]
    assert "image-repeated" in {finding.code for finding in dataset.findings}


@pytest.mark.parametrize(
    ("text", "is_cvat"),
    [
        ("<annotations><version>1.1</version><meta/>", True),
        ('<annotations><image id="0" name="a.jpg">', True),
        ('<annotations><track id="0">', True),
        ("<annotation><object/>", False),
        ("<annotations><annotation/>", False),
        ("<annotations><image/>", False),
    ],
)
def test_only_documents_of_cvat_are_taken_for_one(tmp_path: Path, text: str, is_cvat: bool) -> None:
    (tmp_path / "a.xml").write_text(text)
    assert bool(label_file(tmp_path / "a.xml")) == is_cvat


def test_another_root_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<labels><annotations><meta/></annotations></labels>")
    with pytest.raises(AnnotationError, match="have the root element <labels>, want <annotations>"):
        read(tmp_path / "a.xml")


# --- what is written ---------------------------------------------------------------------------------------------


def test_an_edge_of_a_skeleton_to_a_keypoint_that_is_not_there_comes_back(tmp_path: Path) -> None:
    classes = Categories((Category("cat", keypoints=("thumb", "tip"), skeleton=((0, 1), (1, 2))),))
    writer = FORMAT.write(tmp_path, Dataset(tmp_path, "cvat", classes, []), NoOptions())
    writer.collect(("train", 'name="a.jpg" width="64" height="48"', "", [], {}))
    writer.close()
    (tmp_path / "images" / "train").mkdir(parents=True)
    (tmp_path / "images" / "train" / "a.jpg").write_bytes(b"")
    assert read(tmp_path).categories == classes


def written(root: Path, instances: Instances) -> tuple[Sample, tuple[Finding, ...]]:
    """The sample that is read back, and the findings of the writer."""
    sample = Sample(PurePosixPath("a.jpg"), root / "a.jpg", Header(SIZE), instances, source_count=len(instances))
    writer = FORMAT.write(root, Dataset(root, "cvat", CLASSES, [sample]), NoOptions())
    (image,) = writer.paths("train", "a.jpg")
    (labels,) = writer.encode(Batch.of([sample]), [image])
    writer.collect(labels.entry)
    writer.close()
    (root / image).parent.mkdir(parents=True, exist_ok=True)
    (root / image).write_bytes(b"")
    dataset = read(root)
    assert dataset.categories.names == CLASSES.names
    for have, want in zip(dataset.categories, CLASSES, strict=True):  # keypoints without a name get one
        assert (have.keypoints[: len(want.keypoints)], have.skeleton) == (want.keypoints, want.skeleton)
    back = dataset[0]
    assert (labels.digest, labels.count, back.findings) == (back.label_digest, len(instances), ())
    return back, labels.findings


@given(strategies.instances(SIZE))
def test_every_object_comes_back_and_what_does_not_is_counted(
    tmp_path_factory: pytest.TempPathFactory, instances: Instances
) -> None:
    back, findings = written(tmp_path_factory.mktemp("out"), instances)
    lossy = sum(int(finding.message.split()[1]) for finding in findings)
    whole = [row for row in range(len(instances)) if same(instances, back.instances, row)]
    assert back.instances.labels.tolist() == instances.labels.tolist()
    assert len(whole) == len(instances) - lossy


def same(one: Instances, other: Instances, row: int) -> bool:
    """Whether the object at `row` has the same values in all columns that CVAT carries."""
    return same_box(one.boxes[row], other.boxes[row]) and shown(one, row)[1:] == shown(other, row)[1:]


def shown(instances: Instances, row: int) -> tuple[Any, ...]:
    places, flags = instances.keypoints[row].tolist(), instances.visibility[row].tolist()
    points = [(*place, flag) for place, flag in zip(places, flags, strict=True) if flag]
    rings = [ring.tolist() for ring in instances.polygons[row]]
    corners, box = instances.oriented[row].round(6), instances.boxes[row]  # CVAT turns a box, and rounds that
    box = box if np.isnan(corners).all() else box.round(6)
    return (box.tolist(), rings, instances.masks[row], points, dict(instances.attributes[row]),
            int(instances.tracks[row]), repr((corners + 0.0).tolist()))  # fmt: skip


VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


@given(
    st.dictionaries(
        st.sampled_from(["occluded", "z_order", "group_id", "source", "track_id", "a", 'b "<&>\n\t'])
        | st.text(st.characters(exclude_categories=["Cs"])),
        VALUES | st.lists(VALUES, max_size=2),
        max_size=4,
    )
)
@example({"source": "\x1f"})
@example({"group_id": [None]})
def test_attributes_come_back_in_their_order_or_are_counted(
    tmp_path_factory: pytest.TempPathFactory, attributes: dict[str, Any]
) -> None:
    back, findings = written(tmp_path_factory.mktemp("out"), Instances.of([[1, 2, 3, 4]], [0], attributes=[attributes]))
    assert bool(findings) == (list(back.instances.attributes[0].items()) != list(attributes.items()))
    odd = "track_id" in attributes or not all(map(str.isprintable, attributes))
    assert odd or not findings


@given(st.lists(st.floats(1, 60).map(lambda value: round(value, 2)), min_size=4, max_size=4), st.floats(0.01, 359.99))
def test_turned_boxes_and_ellipses_are_written_as_such(
    tmp_path_factory: pytest.TempPathFactory, sides: list[float], degrees: float
) -> None:
    degrees = round(degrees, 2)
    x, y, width, height = sides
    root = tmp_path_factory.mktemp("in")
    sample = one_image(
        root,
        f'<box label="cat" xtl="{x}" ytl="{y}" xbr="{x + width}" ybr="{y + height}" rotation="{degrees}"/>'
        f'<ellipse label="cat" cx="{24 + x / 5}" cy="24" rx="{width / 4}" ry="{height / 4 + 0.01}" '
        f'rotation="{degrees}"/>',
    )
    back, _ = written(root / "out", sample.instances)
    tags = [shape.tag for shape in ET.parse(root / "out" / "train.xml").getroot().iterfind("image/*")]
    assert tags == ["box", "ellipse"]
    np.testing.assert_allclose(back.instances.oriented, sample.instances.oriented, atol=1e-6)
    for one, other in zip(sample.instances.polygons, back.instances.polygons, strict=True):
        assert [ring == pytest.approx(again, abs=1e-6) for ring, again in zip(one, other, strict=True)] == [True] * len(
            one
        )


@pytest.mark.parametrize("move", [Affine.rotation(33), Affine.scale(-1, 1), Affine.scale(2, 2)])
def test_a_turned_box_is_one_after_a_move_and_its_first_side_stays(move: Affine) -> None:
    ring = move(Affine.rotation(20).about(5, 5)(np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 4.0], [0.0, 4.0]])))
    numbers = turned_box(ring)
    assert numbers is not None
    first = ring[1] - ring[0] if move.determinant > 0 else ring[0] - ring[1]
    angle = np.degrees(np.arctan2(first[1], first[0])) % 360
    assert numbers[4] == pytest.approx(angle)
    assert numbers[2] - numbers[0] == pytest.approx(np.hypot(*first))


def test_an_outline_is_cut_at_the_edges_of_the_image_and_counted(tmp_path: Path) -> None:
    sample = one_image(tmp_path, '<ellipse label="cat" cx="60" cy="24" rx="10" ry="5"/>')
    back, (finding,) = written(tmp_path / "out", sample.instances)
    assert back.instances.boxes.tolist() == pytest.approx(np.array([[50, 19, 64, 29]]), abs=1e-3)
    assert finding.code == "column-dropped"


def random_ring(points: int) -> Points:
    corners: NDArray[np.float64] = np.random.default_rng(points).uniform(0, 50, (points, 2))
    return corners


@pytest.mark.parametrize("points", [3, 4, 5, 360])
def test_other_rings_are_polygons(points: int) -> None:
    assert ellipse(random_ring(points)) is None


def test_an_oriented_box_that_stands_upright_is_one_again(tmp_path: Path) -> None:
    level = np.array([[10.0, 10.0], [19.0, 10.0], [19.0, 15.0], [10.0, 15.0]])
    back, findings = written(tmp_path, Instances.of([hull(level)], [0], oriented=[level]))
    np.testing.assert_allclose(back.instances.oriented[0], level, atol=1e-9)
    assert findings == ()


def test_four_corners_that_are_no_rectangle_are_a_polygon_and_counted(tmp_path: Path) -> None:
    corners = random_ring(4)
    assert turned_box(corners) is None
    back, (finding,) = written(tmp_path, Instances.of([hull(corners)], [0], oriented=[corners]))
    assert finding.code == "column-dropped"
    assert back.instances.polygons[0][0].tolist() == corners.tolist()


@given(st.floats(0, 359), st.floats(0, 0.3))
def test_corners_that_are_nearly_a_rectangle_become_one(degrees: float, off: float) -> None:
    ring = Affine.rotation(degrees)(np.array([[-20.0, -5], [20, -5], [20, 5 + off], [-20, 5]]))
    numbers = turned_box(ring)
    assert numbers is not None
    assert np.abs(turned_corners(numbers[:4], numbers[4]) - ring).max() <= 0.5


def test_a_box_and_a_skeleton_of_an_object_are_a_group_and_one_object_again(tmp_path: Path) -> None:
    one = {"keypoints": [[[5, 5], [9, 9]]], "visibility": [[2, 1]], "tracks": [3], "attributes": [{"age": 2}]}
    back, findings = written(tmp_path, Instances.of([[1, 1, 20, 20]], [1], **one))  # type: ignore[arg-type]
    assert (shown(back.instances, 0), findings) == (shown(Instances.of([[1, 1, 20, 20]], [1], **one), 0), ())  # type: ignore[arg-type]
    groups = [shape.get("group_id") for shape in ET.parse(tmp_path / "train.xml").getroot().iterfind("image/*")]
    assert groups == ["1", "1"]


@pytest.mark.parametrize("label", [0, 1], ids=["no keypoint has a name", "the third has none"])
@pytest.mark.parametrize("flags", [(2, 0, 1), (0, 2, 2), (2, 2, 2)])
def test_keypoints_without_a_name_keep_their_places_and_their_visibility(
    tmp_path: Path, label: int, flags: tuple[int, ...]
) -> None:
    places = [[x, 7.0] if flag else [0.0, 0.0] for x, flag in zip((5.0, 9.0, 13.0), flags, strict=True)]
    one = Instances.of([[1, 1, 20, 20]], [label], keypoints=[places], visibility=[flags])
    back, findings = written(tmp_path, one)
    assert (shown(back.instances, 0), findings) == (shown(one, 0), ())
    assert back.instances.visibility[0].tolist() == list(flags)
    names = read(tmp_path).categories[label].keypoints
    assert names[len(CLASSES[label].keypoints) :] == (
        ("kp2",) if label else () if all(flags) else ("kp0", "kp1", "kp2")
    )


@pytest.mark.parametrize("others", ['<box group_id="1" label="hand" xtl="1" ytl="1" xbr="2" ybr="2"/>', ""])
def test_a_group_of_other_shapes_is_left_as_it_is(tmp_path: Path, others: str) -> None:
    points = '<points label="hand" group_id="1" points="1,2;3,4"/>' if others else ""
    sample = one_image(
        tmp_path, f'<box group_id="1" label="hand" xtl="1" ytl="1" xbr="9" ybr="9"/>{others}{points}'
        '<polygon group_id="1" label="cat" points="1,2;3,4;0,9"/>'
    )  # fmt: skip
    assert len(sample.instances) == (4 if others else 2)
    assert {own["group_id"] for own in sample.instances.attributes} == {1}


def test_parts_are_joined_and_counted(tmp_path: Path) -> None:
    parts = [[(0, 0), (4, 0), (4, 4)], [(10, 10), (14, 10), (14, 14)]]
    back, (finding,) = written(tmp_path, Instances.of([[0, 0, 14, 14]], [0], polygons=[parts]))
    (ring,) = back.instances.polygons[0]
    assert ring_area(ring) == 16
    assert (finding.code, finding.message[:13]) == ("column-dropped", "of 1 objects ")


@pytest.mark.parametrize(("off", "lost"), [(7e-15, 0), (0.001, 1)])
def test_a_box_that_is_a_rounding_error_off_its_outline_is_not_counted_as_lost(
    tmp_path: Path, off: float, lost: int
) -> None:
    """COCO states x and width: their sum is rarely the corner of the outline to the last bit."""
    ring = [(15.832, 9.534), (1.408, 16.659), (7.288, 3.946)]
    _, findings = written(tmp_path, Instances.of([[1.408, 3.946, 15.832 - off, 16.659]], [0], polygons=[[ring]]))
    assert len(findings) == lost


def test_a_mask_is_written_with_its_tight_box(tmp_path: Path) -> None:
    mask = np.zeros((SIZE.height, SIZE.width), dtype=np.bool_)
    mask[5:7, 10:13] = [[True, True, False], [True, True, True]]
    written(tmp_path, Instances.of([[10, 5, 13, 7]], [0], masks=[Rle.from_mask(mask)]))
    (shape,) = ET.parse(tmp_path / "train.xml").getroot().iterfind("image/mask")
    assert [shape.get(name) for name in ("rle", "left", "top", "width", "height")] == [
        "0, 2, 1, 3",
        "10",
        "5",
        "3",
        "2",
    ]


@pytest.mark.parametrize("name", ["", "a\x07"])
def test_names_that_xml_cannot_hold_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(AnnotationError, match="want text without control characters"):
        FORMAT.write(tmp_path, Dataset(tmp_path, "cvat", Categories.from_names([name]), []), NoOptions())


def test_a_split_called_as_documents_are_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a split"):
        FORMAT.write(tmp_path, Dataset(tmp_path, "cvat", CLASSES, [], ("Annotations",)), NoOptions())
