"""Writing YOLO datasets: what trainers read, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bboxprep.errors import UsageError
from bboxprep.findings import Finding
from bboxprep.formats.yolo import FORMAT, YoloReadOptions, YoloWriteOptions
from bboxprep.formats.yolo_row_kinds import OutTask
from bboxprep.geometry.affine import Size
from bboxprep.geometry.oriented import smallest_rectangle
from bboxprep.geometry.shapes import Boxes, ring_area
from bboxprep.model.categories import Categories, Category
from bboxprep.model.columns import Column
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle
from bboxprep.model.sample import Sample
from tests.formats.filing import file_labels

SIZE = Size(640, 480)
STEP = 1e-6 * (1 + 1e-9)
NAMES = ("no", "1e3", "a: b", "🦊", " x", "y ", 'q"uo\\te', "null", "it's", "#x", "- y", "\t\x85\u2028\x7f\ufeff", "é")
POSED = Categories((Category("cat", keypoints=("left ear", "right: ear", "no")), Category("box")))


def sample_of(instances: Instances, size: Size = SIZE, name: str = "a.jpg", split: str = "train") -> Sample:
    return Sample(PurePosixPath(name), Path(name), Header(size), instances, split=split, fractional=True)


def dataset_of(samples: Sequence[Sample], categories: Categories | None = None, **more: Any) -> Dataset:
    table = Categories.from_names(["cat", "dog", "hen"]) if categories is None else categories
    splits = tuple(dict.fromkeys(sample.split for sample in samples))
    return Dataset(Path("source"), "test", table, samples, splits, **more)


def write(
    root: Path, dataset: Dataset, options: YoloWriteOptions | None = None
) -> list[tuple[int, tuple[Finding, ...]]]:
    """Write `dataset` below `root`, with an empty file for each image; what each sample returned."""
    writer = FORMAT.write(root, dataset, options or YoloWriteOptions())
    returned = []
    for sample in dataset:
        image = writer.paths(sample.split, str(sample.name))[0]
        (root / image).parent.mkdir(parents=True, exist_ok=True)
        (root / image).touch()
        returned.append(file_labels(writer, root, sample, image))
    writer.close()
    return returned


def read(root: Path, sizes: Mapping[str, Size] | None = None, options: YoloReadOptions | None = None) -> Dataset:
    """The dataset at `root`; its images have the size that `sizes` gives for their name, else `SIZE`."""
    table = sizes or {}
    dataset: Dataset = FORMAT.read(
        root, lambda path, *_: Header(table.get(path.name, SIZE)), options or YoloReadOptions()
    )  # fmt: skip
    return dataset


def texts(root: Path) -> dict[str, str]:
    """Every file below `root`, by its path."""
    files = [path for path in root.rglob("*") if path.is_file()]
    return {path.relative_to(root).as_posix(): path.read_bytes().decode() for path in files}


def as_a_trainer(root: Path) -> dict[str, NDArray[np.float32]]:
    """The labels as Ultralytics' documentation states them, in float32; an assertion fails where it rejects them."""
    config = yaml.safe_load((root / "data.yaml").read_text(encoding="utf-8"))
    assert config["nc"] == len(config["names"])
    assert sorted(config["names"]) == list(range(config["nc"]))
    read: dict[str, NDArray[np.float32]] = {}
    for split in ("train", "val", "test"):
        for image in sorted((root / config[split]).rglob("*.*")) if split in config else ():
            stem, _, _ = image.as_posix().rpartition(".")
            label = Path("/labels/".join(stem.rsplit("/images/", 1)) + ".txt")
            lines = label.read_text(encoding="utf-8").split("\n") if label.is_file() else []
            rows = np.array([line.split() for line in lines if line], dtype=np.float32).reshape(-1, 5)
            assert (rows[:, 0] < config["nc"]).all()
            assert (rows >= 0).all()
            assert (rows[:, 1:] <= 1).all()
            assert (rows[:, 3:] > 0).all()
            half = rows[:, 3:] / np.float32(2)
            assert (rows[:, 1:3] - half >= 0).all()
            assert (rows[:, 1:3] + half <= 1).all()
            read[image.relative_to(root).as_posix()] = rows
    return read


@st.composite
def boxes(draw: st.DrawFn, size: Size) -> Boxes:
    """Boxes (N, 4) with area inside a picture of `size`, many of them at its edges."""
    count = draw(st.integers(0, 5))
    fraction = st.one_of(st.sampled_from([0.0, 1.0, 0.5]), st.floats(0.0, 1.0))
    sides = np.array(draw(st.lists(st.tuples(*[fraction] * 4), min_size=count, max_size=count))).reshape(-1, 2, 2)
    low, high = sides.min(axis=1), sides.max(axis=1)
    low = np.minimum(low, 1.0 - 1e-5)
    high = np.maximum(high, low + 1e-5)
    return np.concatenate((low, high), axis=1) * np.tile(np.array(size, dtype=np.float64), 2)


@st.composite
def datasets(draw: st.DrawFn) -> Dataset:
    samples = []
    for number in range(draw(st.integers(1, 4))):
        size = Size(draw(st.integers(1, 5000)), draw(st.integers(1, 5000)))
        own = draw(boxes(size))
        labels = draw(st.lists(st.integers(0, 2), min_size=len(own), max_size=len(own)))
        name = draw(st.sampled_from(["", "a b/", "x.y/é/"])) + f"{number}.jpg"
        split = draw(st.sampled_from(["train", "val", "test", "extra"]))
        labelled = bool(len(own)) or draw(st.booleans())
        samples.append(replace(sample_of(Instances.of(own, labels), size, name, split), labelled=labelled))
    return dataset_of(sorted(samples, key=lambda sample: (sample.split, str(sample.name).encode())))


@given(datasets())
def test_a_round_trip_keeps_everything_within_the_step_and_trainers_accept_it(
    tmp_path_factory: pytest.TempPathFactory, dataset: Dataset
) -> None:
    root = tmp_path_factory.mktemp("out")
    returned = write(root, dataset)
    sizes = {sample.path.name: sample.size for sample in dataset}
    back = read(root, sizes)

    assert back.categories.names == dataset.categories.names
    assert back.splits == dataset.splits
    assert [(one.split, one.name, one.labelled) for one in back] == [
        (one.split, one.name, one.labelled) for one in dataset
    ]
    assert returned == [(len(sample.instances), ()) for sample in dataset]
    for before, after in zip(dataset, back, strict=True):
        assert after.instances.labels.tolist() == before.instances.labels.tolist()
        moved = np.abs(after.instances.boxes - before.instances.boxes) / np.tile(before.size, 2)
        assert (moved <= STEP).all()
        assert [finding.code for finding in after.findings if finding.severity == "fault"] == []
    as_a_trainer(root)


@settings(max_examples=15)
@given(datasets())
def test_ten_trips_do_not_drift(tmp_path_factory: pytest.TempPathFactory, dataset: Dataset) -> None:
    sizes = {sample.path.name: sample.size for sample in dataset}
    written = []
    for trip in range(10):
        root = tmp_path_factory.mktemp(f"trip{trip}")
        write(root, dataset)
        written.append(texts(root))
        dataset = read(root, sizes)

    assert written[0] == written[1] == written[9]


@pytest.mark.parametrize("side", [416, 1333, 1920, 4032])
def test_boxes_of_whole_pixels_at_the_edge_never_leave_the_picture(tmp_path: Path, side: int) -> None:
    starts = np.arange(side, dtype=np.float64)
    right = np.stack((starts, starts, np.full(side, side), np.full(side, side)), axis=1)
    left = np.stack((np.zeros(side), np.zeros(side), starts + 1, starts + 1), axis=1)
    write(tmp_path, dataset_of([sample_of(Instances.of(np.concatenate((right, left))), Size(side, side))]))

    (rows,) = as_a_trainer(tmp_path).values()
    assert len(rows) == 2 * side
    exact = np.loadtxt(tmp_path / "labels/train/a.txt")
    centre, half = exact[:, 1:3], exact[:, 3:] / 2
    edges = np.concatenate((centre - half, centre + half), axis=1) * side
    assert np.abs(edges - np.concatenate((right, left))).max() <= STEP * side


def test_no_rounded_box_leaves_the_picture_in_float32() -> None:
    centre = np.arange(1, 1_000_000)
    extent = 2 * np.minimum(centre, 1_000_000 - centre)
    single, half = (centre / 1e6).astype(np.float32), (extent / 1e6).astype(np.float32) / np.float32(2)

    assert (single - half >= 0).all()
    assert (single + half <= 1).all()


def test_a_box_smaller_than_a_digit_keeps_an_area(tmp_path: Path) -> None:
    tiny = np.array([[0, 0, 1e-9, 1e-9], [640 - 1e-9, 480 - 1e-9, 640, 480], [3, 3, 3 + 1e-9, 4]])
    write(tmp_path, dataset_of([sample_of(Instances.of(tiny))]))

    assert (as_a_trainer(tmp_path)["images/train/a.jpg"][:, 3:] > 1e-6).all()
    assert (np.diff(read(tmp_path)[0].instances.boxes[:, ::2]) > 0).all()


def test_the_files_of_a_small_dataset(tmp_path: Path) -> None:
    samples = [
        sample_of(Instances.of([[64, 48, 128, 96], [0, 0, 640, 480]], [2, 0]), name="sub/a.b.jpg"),
        sample_of(Instances.of(), name="b.png", split="val"),
        replace(sample_of(Instances.of(), name="c.png", split="val"), labelled=False),
        sample_of(Instances.of(), name="d.png", split="trainval"),
    ]
    returned = write(tmp_path, dataset_of(samples))

    assert texts(tmp_path) == {
        "images/train/sub/a.b.jpg": "",
        "images/val/b.png": "",
        "images/val/c.png": "",
        "images/trainval/d.png": "",
        "labels/train/sub/a.b.txt": "2 0.150000 0.150000 0.100000 0.100000\n0 0.500000 0.500000 1.000000 1.000000\n",
        "labels/val/b.txt": "",
        "labels/trainval/d.txt": "",
        "data.yaml": 'train: images/train\nval: images/val\n"trainval": "images/trainval"\nnc: 3\n'
        'names:\n  0: "cat"\n  1: "dog"\n  2: "hen"\n',
    }
    assert returned == [(2, ()), (0, ()), (0, ()), (0, ())]


def test_class_names_survive_pyyaml_and_our_reader(tmp_path: Path) -> None:
    write(tmp_path, dataset_of([sample_of(Instances.of())], Categories.from_names(NAMES)))

    text = (tmp_path / "data.yaml").read_bytes().decode()
    assert yaml.safe_load(text)["names"] == dict(enumerate(NAMES))
    assert "\r" not in text
    assert read(tmp_path).categories.names == NAMES


def test_a_path_is_written_on_request_only(tmp_path: Path) -> None:
    dataset = dataset_of([sample_of(Instances.of())], Categories())
    write(tmp_path, dataset, YoloWriteOptions(yaml_path="/data/my: set"))

    assert texts(tmp_path)["data.yaml"] == 'path: "/data/my: set"\ntrain: images/train\nnc: 0\nnames: {}\n'
    assert len(read(tmp_path)) == 1


def test_a_folder_called_images_is_renamed_so_that_trainers_find_the_label(tmp_path: Path) -> None:
    ((_, notes),) = write(tmp_path, dataset_of([sample_of(Instances.of([[0, 0, 64, 48]]), name="x/images/images.jpg")]))

    assert [str(note) for note in notes] == ["x/images/images.jpg: written as images/train/x/images_/images.jpg"]
    assert len(as_a_trainer(tmp_path)["images/train/x/images_/images.jpg"]) == 1


def test_a_split_called_like_a_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="split: 'names' has another meaning"):
        FORMAT.write(tmp_path, dataset_of([sample_of(Instances.of(), split="names")]), YoloWriteOptions())


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(UsageError, match="task: have 'auto', want one of detect, segment, pose, obb"):
        YoloWriteOptions("auto")  # type: ignore[arg-type]  # what a caller without types may do


@pytest.mark.parametrize(
    ("task", "columns"),
    [
        ("detect", {Column.BOXES}),
        ("segment", {Column.BOXES, Column.POLYGONS}),
        ("pose", {Column.BOXES, Column.KEYPOINTS}),
        ("obb", {Column.BOXES, Column.ORIENTED}),
    ],
)
def test_what_a_task_carries(tmp_path: Path, task: OutTask, columns: set[Column]) -> None:
    table = Categories((Category("cat", keypoints=("nose",)),))
    writer = FORMAT.write(tmp_path, dataset_of([], table), YoloWriteOptions(task))

    assert writer.carries == columns
    assert writer.carries <= FORMAT.carries


def drawn(points: NDArray[np.float64], size: Size) -> NDArray[np.bool_]:
    """The pixels (H, W) whose centre an even-odd fill of the ring covers, by crossings of a ray to the right."""
    x, y = np.meshgrid(np.arange(size.width) + 0.5, np.arange(size.height) + 0.5)
    inside = np.zeros(x.shape, dtype=np.bool_)
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        spans = (y0 > y) != (y1 > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            inside ^= spans & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return inside


def test_a_polygon_comes_back(tmp_path: Path) -> None:
    ring = np.array([[64, 48], [320, 48.5], [640, 480], [0, 240]])
    write(
        tmp_path,
        dataset_of([sample_of(Instances.of([[0, 48, 640, 480]], polygons=[[ring]]))]),
        YoloWriteOptions("segment"),
    )
    back = read(tmp_path)[0].instances

    np.testing.assert_allclose(back.polygons[0][0], ring, atol=0.5e-6 * 640)
    assert texts(tmp_path)["labels/train/a.txt"].count(" ") == 8


def test_polygons_do_not_drift_on_ten_trips(tmp_path: Path) -> None:
    rings = [[[1.1, 2.2], [33.3, 4.4], [5.5, 66.6]]]
    dataset = dataset_of([sample_of(Instances.of([[1.1, 2.2, 33.3, 66.6]], polygons=[rings]))])
    written = []
    for trip in range(10):
        write(tmp_path / str(trip), dataset, YoloWriteOptions("segment"))
        written.append(texts(tmp_path / str(trip)))
        dataset = read(tmp_path / str(trip))

    assert written[0] == written[1] == written[9]


def test_parts_become_one_row_that_covers_the_same_pixels(tmp_path: Path) -> None:
    parts = [
        np.array([[10.0, 10.0], [50.0, 10.0], [50.0, 60.0]]),
        np.array([[100.0, 20.0], [140.0, 20.0], [140.0, 70.0], [100.0, 70.0]]),
        np.array([[60.0, 80.0], [90.0, 80.0], [75.0, 95.0]]),
    ]
    size = Size(160, 100)
    instances = Instances.of([[10, 10, 140, 95]], polygons=[parts])
    ((count, notes),) = write(tmp_path, dataset_of([sample_of(instances, size)]), YoloWriteOptions("segment"))
    (ring,) = read(tmp_path, {"a.jpg": size})[0].instances.polygons[0]

    assert (count, notes) == (1, ())
    union = np.logical_or.reduce([drawn(part, size) for part in parts])
    assert (drawn(ring, size) & union).sum() / (drawn(ring, size) | union).sum() >= 0.99
    np.testing.assert_allclose(read(tmp_path, {"a.jpg": size})[0].instances.boxes, [[10, 10, 140, 95]], atol=1e-3)


def test_objects_without_a_polygon_get_the_corners_of_their_box(tmp_path: Path) -> None:
    mask = Rle.from_mask(np.ones((480, 640), dtype=np.bool_))
    instances = Instances.of(
        [[64, 48, 128, 96], [0, 0, 640, 480], [0, 0, 64, 48]],
        polygons=[[], [], [[[0, 0], [64, 0], [64, 48]]]],
        masks=[None, mask, None],
    )
    ((count, notes),) = write(tmp_path, dataset_of([sample_of(instances)]), YoloWriteOptions("segment"))

    assert count == 3
    assert [(note.code, note.message) for note in notes] == [
        ("column-dropped", "2 objects are written as the corners of their boxes")
    ]
    assert [len(rings[0]) for rings in read(tmp_path)[0].instances.polygons] == [4, 4, 3]
    np.testing.assert_allclose(read(tmp_path)[0].instances.boxes, instances.boxes, atol=1e-3)


def test_keypoints_come_back(tmp_path: Path) -> None:
    points = np.array([[[10.5, 20.25], [640, 480], [7, 7]], [[0, 0], [0, 0], [0, 0]]])
    instances = Instances.of(
        [[0, 0, 64, 48], [64, 48, 128, 96]], [0, 1], keypoints=points, visibility=[[2, 1, 0], [0, 0, 0]]
    )
    cat = replace(POSED[0], flip_idx=(1, 0, 2))
    dataset = dataset_of([sample_of(instances)], Categories((cat, POSED[1])))
    write(tmp_path, dataset, YoloWriteOptions("pose"))
    back = read(tmp_path)

    np.testing.assert_array_equal(back[0].instances.visibility, instances.visibility)
    np.testing.assert_allclose(back[0].instances.keypoints[0, :2], points[0][:2], atol=0.5e-6 * 640)
    assert back[0].instances.keypoints[0, 2].tolist() == [0, 0]
    assert back.categories[0].keypoints == ("left ear", "right: ear", "no")
    assert [category.flip_idx for category in back.categories] == [(1, 0, 2)] * 2
    config = yaml.safe_load((tmp_path / "data.yaml").read_text(encoding="utf-8"))
    assert (config["kpt_shape"], config["flip_idx"]) == ([3, 3], [1, 0, 2])


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ((("nose", "left_eye", "right_eye"),), [0, 2, 1]),
        ((("nose", "left_eye", "right_eye"), ("tip", "l_end", "r_end")), [0, 2, 1]),
        ((("nose", "left_eye", "right_eye"), ()), [0, 2, 1]),
        ((("left", "right", "tail"), ("left", "right")), [1, 0, 2]),
        ((("nose", "left_eye", "right_eye"), ("tip", "middle", "end")), None),
        ((("kp0", "kp1"),), None),
    ],
)
def test_flip_idx_is_written_where_all_classes_agree_on_it(
    tmp_path: Path, classes: tuple[tuple[str, ...], ...], expected: list[int] | None
) -> None:
    table = Categories(tuple(Category(str(number), keypoints=points) for number, points in enumerate(classes)))
    write(tmp_path, dataset_of([sample_of(Instances.of([[0, 0, 64, 48]], [0]))], table), YoloWriteOptions("pose"))
    assert yaml.safe_load((tmp_path / "data.yaml").read_text(encoding="utf-8")).get("flip_idx") == expected


def test_images_without_keypoints_are_filled_up(tmp_path: Path) -> None:
    write(tmp_path, dataset_of([sample_of(Instances.of([[0, 0, 64, 48]]))], POSED), YoloWriteOptions("pose"))

    assert texts(tmp_path)["labels/train/a.txt"].endswith("0.100000" + " 0.000000 0.000000 0" * 3 + "\n")


def test_a_source_without_keypoints_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="pose: no class of the source has keypoints"):
        FORMAT.write(tmp_path, dataset_of([]), YoloWriteOptions("pose"))


def test_four_corners_come_back_and_other_polygons_become_rectangles(tmp_path: Path) -> None:
    turned = [[320, 48], [400, 100], [320, 152], [240, 100]]
    instances = Instances.of(
        [[240, 48, 400, 152], [0, 0, 64, 48], [64, 48, 128, 96], [200, 200, 300, 300], [0, 0, 640, 480]],
        polygons=[[turned], [[[0, 0], [64, 0], [64, 48]]], [], [[[200, 200], [300, 300], [250, 250]]], []],
        masks=[None, None, None, None, Rle.from_mask(np.ones((480, 640), dtype=np.bool_))],
    )
    ((_, notes),) = write(tmp_path, dataset_of([sample_of(instances)]), YoloWriteOptions("obb"))
    back = read(tmp_path, options=YoloReadOptions("obb"))[0].instances

    np.testing.assert_allclose(back.oriented[0], turned, atol=1e-3)
    np.testing.assert_allclose(back.boxes, instances.boxes, atol=1e-3)
    assert not back.polygons.holds_any
    assert [note.message for note in notes] == [
        "1 objects are written as the corners of their boxes",
        "2 outlines are written as the smallest rectangles around them",
    ]


def test_an_object_of_which_only_the_mask_is_known_gets_the_smallest_rectangle_around_it(tmp_path: Path) -> None:
    rows, columns = np.mgrid[:480, :640] + 0.5
    along, across = (columns - 320) * 0.8 + (rows - 240) * 0.6, (rows - 240) * 0.8 - (columns - 320) * 0.6
    mask = Rle.from_mask((np.abs(along) < 100) & (np.abs(across) < 40))
    write(tmp_path, dataset_of([sample_of(Instances.of([mask.bounds], masks=[mask]))]), YoloWriteOptions("obb"))
    (corners,) = read(tmp_path, options=YoloReadOptions("obb"))[0].instances.oriented
    sides = sorted(np.hypot(*(np.roll(corners, -1, axis=0) - corners).T))
    assert sides == pytest.approx([80, 80, 200, 200], abs=2.0)


def test_a_segment_of_an_oriented_box_is_its_part_in_the_image_and_counted(tmp_path: Path) -> None:
    corners = [[-10, 40], [40, -10], [60, 10], [10, 60]]
    instances = Instances.of([[0, 0, 60, 60]], oriented=[corners])
    ((_, (note,)),) = write(tmp_path, dataset_of([sample_of(instances)]), YoloWriteOptions("segment"))
    ((ring,),) = read(tmp_path, options=YoloReadOptions("segment"))[0].instances.polygons
    assert len(ring) == 6
    assert ring_area(ring) == pytest.approx(1800, rel=1e-3)
    assert note.message == "1 oriented boxes are written as polygons"


def test_oriented_boxes_that_an_edge_has_cut_are_no_loss_and_stay_the_same_bytes(tmp_path: Path) -> None:
    cut = smallest_rectangle(np.array([(141, 184), (160, 165), (160, 117), (99, 56), (56, 99)]))  # at 45 degrees
    instances = Instances.of([[56, 56, 160, 184]], oriented=[cut])
    dataset = dataset_of([sample_of(instances, Size(160, 240))], task="obb")
    ((_, notes),) = write(tmp_path / "one", dataset, YoloWriteOptions("obb"))
    again = read(tmp_path / "one", {"a.jpg": Size(160, 240)}, YoloReadOptions("obb"))
    write(tmp_path / "two", again, YoloWriteOptions("obb"))

    (corners,) = again[0].instances.oriented
    assert ring_area(smallest_rectangle(corners)) == pytest.approx(85 * 86, rel=1e-3)
    assert (corners <= (160, 240)).all()
    assert notes == ()
    assert texts(tmp_path / "one") == texts(tmp_path / "two")
