"""Predictions home again: what was written, taken for predictions, must come back as what was read."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import albumentations as A
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from bboxprep import formats
from bboxprep.errors import AnnotationError, LayoutError, TargetError, UsageError
from bboxprep.frames.resolve import LabelsIn
from bboxprep.geometry.affine import Affine, Size
from bboxprep.geometry.dihedral import IDENTITY, Dihedral
from bboxprep.geometry.plan import Plan
from bboxprep.geometry.shapes import box_areas, clip_boxes, hull, map_boxes, ring_area
from bboxprep.model.columns import Column
from bboxprep.model.object_policy import ObjectPolicy
from bboxprep.model.rle import Rle
from bboxprep.pipeline.output.run_record import Run, open_run
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.predictions import unmap
from bboxprep.predictions.inverse import InverseMap
from bboxprep.recipe.affine_steps import Rotate, Scale
from bboxprep.recipe.albumentations import Albumentations
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.combining import Mosaic
from bboxprep.recipe.crops import Crop
from bboxprep.recipe.geometric import Fill, Fit, Flip, Letterbox, RecipeStep, Resize
from bboxprep.recipe.recipe import Recipe
from bboxprep.testing.example import LabelledImage
from bboxprep.testing.painting import painted_image
from tests.strategies import boxes, masks, points, warped_plans

SIZE, BOX = (62, 47), (24.0, 14.0, 33.0, 24.0)
STEPS: tuple[RecipeStep, ...] = (
    *(Letterbox((53, 71)), Resize((80, 40)), Fit((90, 90)), Fill((45, 41)), Crop(5, 4, 48, 37)),
    *(Flip("horizontal"), Flip("vertical"), Flip("both")),
)
RECIPES = [(), *((step,) for step in STEPS), *product(STEPS, STEPS)]
CLOSE = 0.01  # px


def coco_set(root: Path, frame: LabelsIn) -> list[LabelledImage]:
    """Eight photos, one of each orientation, their rectangle labelled in `frame` as box, polygon and keypoint."""
    (root / "train").mkdir(parents=True)
    made = [painted_image(code, "png", frame, SIZE, BOX) for code in range(1, 9)]
    for photo in made:
        (root / "train" / photo.name).write_bytes(photo.data)
    document: dict[str, Any] = {"images": [], "annotations": [], "categories": [{"id": 7, "name": "patch"}]}
    document["categories"][0]["keypoints"] = ["corner", "middle"]
    for number, photo in enumerate(made, 40):
        x0, y0, x1, y1 = photo.boxes[0].tolist()
        record = {"id": number, "file_name": photo.name, "width": photo.size[0], "height": photo.size[1]}
        document["images"].append(record)
        document["annotations"].append(
            {
                "id": number,
                "image_id": number,
                "category_id": 7,
                "bbox": [x0, y0, x1 - x0, y1 - y0],
                "segmentation": [[x0, y0, x1, y0, x1, y1, x0, y1]],
                "iscrowd": 0,
                "num_keypoints": 2,
                "keypoints": [x0 + 0.5, y0 + 0.5, 2, (x0 + x1) / 2, (y0 + y1) / 2, 1],
            }
        )
    (root / "annotations").mkdir()
    (root / "annotations" / "instances_train.json").write_text(json.dumps(document), encoding="utf-8")
    return made


def run_of(source: Path, out: Path, to: str, steps: tuple[RecipeStep, ...], frame: LabelsIn, **options: Any) -> Run:
    convert_source(
        open_source(source, labels_in=frame), out, to, Recipe(*steps), run_options=RunOptions(), options=options
    )
    return open_run(out)


def results_of(run: Run) -> list[dict[str, Any]]:
    """The annotations of a COCO output as if a model had found them."""
    document = json.loads((run.root / "annotations" / "instances_train.json").read_text(encoding="utf-8"))
    keys = ("image_id", "category_id", "bbox", "segmentation", "keypoints")
    return [{key: row[key] for key in keys} | {"score": 0.5} for row in document["annotations"]]


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def truth(source: Path) -> list[dict[str, Any]]:
    path = source / "annotations" / "instances_train.json"
    annotations: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["annotations"]
    return annotations


@pytest.mark.parametrize("frame", ["stored", "displayed"])
def test_coco_results_come_back_through_every_pair_of_steps(tmp_path: Path, frame: LabelsIn) -> None:
    source = tmp_path / "source"
    coco_set(source, frame)
    for number, steps in enumerate(RECIPES):
        run = run_of(source, tmp_path / f"out-{number}", "coco", steps, frame)
        predicted = write(tmp_path / "results.json", results_of(run))
        done = unmap(run, predicted, tmp_path / "home.json")
        assert (done.read, done.written, done.images, done.findings) == (8, 8, 8, ())
        home = json.loads((tmp_path / "home.json").read_text(encoding="utf-8"))
        for want, have in zip(truth(source), home, strict=True):
            assert (have["image_id"], have["category_id"], have["score"]) == (want["image_id"], 7, 0.5)
            assert have["file_name"] == f"train/png-{want['image_id'] - 39}.png"
            np.testing.assert_allclose(have["bbox"], want["bbox"], atol=CLOSE)
            np.testing.assert_allclose(have["segmentation"], want["segmentation"], atol=CLOSE)
            np.testing.assert_allclose(have["keypoints"], want["keypoints"], atol=CLOSE)


@pytest.mark.parametrize("task", ["detect", "segment"])
def test_yolo_files_come_back_through_every_pair_of_steps(tmp_path: Path, task: str) -> None:
    source = tmp_path / "source"
    made = coco_set(source, "stored")
    for number, steps in enumerate(RECIPES):
        run = run_of(source, tmp_path / f"out-{number}", "yolo", steps, "stored", task=task)
        predictions = tmp_path / f"labels-{number}"
        predictions.mkdir()
        for path in sorted((run.root / "labels" / "train").glob("*.txt")):  # as trainers do: flat, confidence last
            (predictions / path.name).write_text(f"{path.read_text(encoding='utf-8').strip()} 0.75\n", encoding="utf-8")
        done = unmap(run, predictions, tmp_path / f"home-{number}")
        assert (done.read, done.written, done.images, done.findings) == (8, 8, 8, ())
        for photo in made:
            label = tmp_path / f"home-{number}" / "train" / Path(photo.name).with_suffix(".txt")
            name, *values, score = label.read_text(encoding="utf-8").split()
            assert (name, score) == ("0", "0.75")
            np.testing.assert_allclose(edges(values, photo.size, task), photo.boxes[0], atol=CLOSE)


def test_results_on_what_a_pipeline_made_come_back_where_it_moved_affinely(tmp_path: Path) -> None:
    """Copies, draws and a pipeline of albumentations; what that bends, and a mosaic, come back nowhere and say why."""
    source = tmp_path / "source"
    coco_set(source, "displayed")
    zoom = A.Affine(scale=(0.8, 0.95), translate_percent=(-0.05, 0.05), p=1)
    straight = A.to_dict(A.Compose([A.HorizontalFlip(p=0.5), zoom, A.Resize(90, 110)]))
    bent = A.to_dict(A.Compose([A.Perspective((0.08, 0.1), keep_size=True, p=1)]))
    moves = (Flip("vertical", p=0.5), Scale((0.8, 1.0)))
    pipeline = Augment(*moves, Albumentations(straight), copies=3, plain=True)
    for number, augment in enumerate((pipeline, Augment(Albumentations(bent)), Augment(Mosaic(150)))):
        out = tmp_path / f"out-{number}"
        recipe = Recipe(Letterbox(124), augment=augment, seed=4)
        convert_source(open_source(source, labels_in="displayed"), out, "coco", recipe, run_options=RunOptions())
        run = open_run(out)
        done = unmap(run, write(tmp_path / "results.json", results_of(run)), tmp_path / "home.json")
        home = json.loads((tmp_path / "home.json").read_text(encoding="utf-8"))
        if number:
            assert (done.read, home) == (8 if number == 1 else 32, [])
            assert {finding.code for finding in done.findings} == {"map-unknown"}
            assert ("bends" if number == 1 else "several images") in done.findings[0].message
            continue
        assert (done.read, done.written, done.findings) == (24, 24, ())
        wanted = {f"train/png-{row['image_id'] - 39}.png": row for row in truth(source)}
        assert [row["file_name"] for row in home] == sorted([*wanted] * 3)
        for row in home:
            np.testing.assert_allclose(row["bbox"], wanted[row["file_name"]]["bbox"], atol=CLOSE)
            for key in ("segmentation", "keypoints"):
                found, want = np.ravel(row[key]), np.ravel(wanted[row["file_name"]][key])
                np.testing.assert_allclose(found, want, atol=CLOSE)


def edges(values: list[str], size: tuple[int, int], task: str) -> NDArray[np.float64]:
    pairs = np.array(values, dtype=np.float64).reshape(-1, 2) * size
    if task == "detect":
        return np.concatenate((pairs[0] - pairs[1] / 2, pairs[0] + pairs[1] / 2))
    return np.concatenate((pairs.min(axis=0), pairs.max(axis=0)))


@given(data=st.data(), turn=st.integers(1, 8), zoom=st.floats(0.3, 3.0), left=st.integers(0, 9))
def test_boxes_and_points_go_there_and_back(data: st.DataObject, turn: int, zoom: float, left: int) -> None:
    size = Size(50, 30)
    drawn = data.draw(boxes(size))
    forward = Affine.translation(left, 3) @ Dihedral.from_exif(turn).affine(size) @ Affine.scale(zoom, zoom * 1.1)
    way = InverseMap(~forward, Size(400, 400), size)
    there = forward(drawn.reshape(-1, 2)).reshape(-1, 4)
    ordered = np.concatenate((np.minimum(there[:, :2], there[:, 2:]), np.maximum(there[:, :2], there[:, 2:])), axis=1)
    np.testing.assert_allclose(way.boxes(ordered), drawn, atol=1e-9)
    np.testing.assert_allclose(way.points(forward(drawn[:, :2])), drawn[:, :2], atol=1e-9)


@given(data=st.data(), plan=warped_plans())
def test_polygons_and_keypoints_come_back_through_any_warp(data: st.DataObject, plan: Plan) -> None:
    source = plan.source
    way = InverseMap(~plan.affine, plan.size, source)
    ring = data.draw(points(source, 3, 6))
    np.testing.assert_allclose(way.points(plan.affine(ring)), ring, atol=CLOSE)
    if ring_area(ring) > 1e-3:  # what lies in the source comes back whole
        back = way.ring(plan.affine(ring))
        np.testing.assert_allclose(hull(back), hull(ring), atol=CLOSE)
        assert ring_area(back) == pytest.approx(ring_area(ring), abs=CLOSE * sum(source))


@given(data=st.data(), plan=warped_plans())
def test_a_box_comes_back_as_the_box_around_what_of_it_lies_in_the_source(data: st.DataObject, plan: Plan) -> None:
    way = InverseMap(~plan.affine, plan.size, plan.source)
    drawn = data.draw(boxes(plan.source))
    drawn = drawn[box_areas(drawn) > 1e-3]
    around = map_boxes(plan.affine, drawn)
    back = way.boxes(around)
    assert (back[:, :2] <= drawn[:, :2] + CLOSE).all()
    assert (back[:, 2:] >= drawn[:, 2:] - CLOSE).all()
    assert (back >= 0).all()
    assert (back <= np.tile(plan.source, 2)).all()
    loosest = clip_boxes(map_boxes(~plan.affine, around), plan.source)
    assert (back[:, :2] >= loosest[:, :2] - CLOSE).all()
    assert (back[:, 2:] <= loosest[:, 2:] + CLOSE).all()


def test_a_box_in_the_corner_beside_a_turned_picture_is_not_in_it() -> None:
    plan = Recipe(Rotate(45.0)).plan(Size(100, 100), IDENTITY)
    way = InverseMap(~plan.affine, plan.size, plan.source)
    corner, across = (0.0, 0.0, 19.0, 9.0), (20.0, 20.0, 40.0, 40.0)
    found = way.boxes(np.array([corner, across]))
    assert box_areas(found).tolist() == [0.0, pytest.approx(800.0)]


def test_pictures_whose_map_is_not_known_are_findings(tmp_path: Path) -> None:
    source = tmp_path / "source"
    coco_set(source, "displayed")
    run = run_of(source, tmp_path / "out", "yolo", (Letterbox(124),), "displayed")
    path = run.root / "bboxprep.images.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows[0]["affine"] = None
    rows[1]["recipe"] = {"upright": True, "steps": [{"mosaic": {"size": [124, 124]}}]}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    names = [f"png-{number}" for number in (1, 2, 3)]
    wanted = write(tmp_path / "r.json", [{"image_id": name, "bbox": [40, 40, 30, 30]} for name in names])
    for name in names:
        (tmp_path / "labels").mkdir(exist_ok=True)
        (tmp_path / "labels" / f"{name}.txt").write_text("0 0.5 0.5 0.2 0.2\n", encoding="utf-8")
    for predictions, home in ((wanted, "home.json"), (tmp_path / "labels", "home")):
        done = unmap(open_run(run.root), predictions, tmp_path / home)
        assert (done.read, done.written) == (3, 1)
        assert [finding.code for finding in done.findings] == ["map-unknown", "map-unknown"]
        assert "several images" in done.findings[1].message


@given(mask=masks(Size(7, 5)), turn=st.integers(1, 8))
def test_masks_of_turned_pictures_come_back_pixel_for_pixel(mask: NDArray[np.bool_], turn: int) -> None:
    size = Size(7, 5)
    dihedral = Dihedral.from_exif(turn)
    forward = dihedral.affine(size)
    turned = np.zeros((dihedral.size(size).height, dihedral.size(size).width), dtype=np.bool_)
    for row, column in np.argwhere(mask):
        x, y = forward(np.array([column + 0.5, row + 0.5]))
        turned[int(y), int(x)] = True
    way = InverseMap(~forward, dihedral.size(size), size)
    assert (way.mask(Rle.from_mask(turned)).mask() == mask).all()


def test_a_mask_comes_back_to_the_grid_of_the_source(tmp_path: Path) -> None:
    source = tmp_path / "source"
    coco_set(source, "displayed")
    run = run_of(source, tmp_path / "out", "coco", (Letterbox(124), Flip("horizontal")), "displayed")
    mask = np.zeros((124, 124), dtype=np.uint8, order="F")
    mask[15 + 2 * 14 : 15 + 2 * 24, 124 - 2 * 33 : 124 - 2 * 24] = 1
    packed = coco_mask.encode(mask)
    row = {"image_id": 40, "category_id": 7, "score": 1, "bbox": [58, 43, 18, 20]}
    row["segmentation"] = {"size": [124, 124], "counts": packed["counts"].decode("ascii")}
    unmap(run, write(tmp_path / "r.json", [row]), tmp_path / "home.json")
    home = json.loads((tmp_path / "home.json").read_text(encoding="utf-8"))[0]
    back = coco_mask.decode(home["segmentation"])
    want = np.zeros((47, 62), dtype=np.uint8)
    want[14:24, 24:33] = 1
    assert (back == want).all()


def test_what_lies_in_the_margin_is_cut_off_or_dropped_with_a_note(tmp_path: Path) -> None:
    source = tmp_path / "source"
    coco_set(source, "displayed")
    run = run_of(source, tmp_path / "out", "coco", (Letterbox(124),), "displayed")
    rows = [
        {"image_id": 40, "category_id": 7, "bbox": [10, 0, 40, 40], "score": 0.9},
        {"image_id": 40, "category_id": 7, "bbox": [10, 0, 40, 10], "score": 0.8},
    ]
    done = unmap(run, write(tmp_path / "r.json", rows), tmp_path / "home.json")
    home = json.loads((tmp_path / "home.json").read_text(encoding="utf-8"))
    assert [row["bbox"] for row in home] == [[5.0, 0.0, 20.0, 12.5]]
    assert [(finding.code, finding.where) for finding in done.findings] == [("box-cropped", "[1]")]


def test_pieces_of_one_source_become_one_list(tmp_path: Path) -> None:
    source = tmp_path / "source"
    coco_set(source, "displayed")
    run = run_of(source, tmp_path / "out", "yolo", (), "displayed")
    first = run.images[0]
    tiles = [  # the right half of the first photo, and a copy twice as large
        {"output": "images/train/tile-1.png", "affine": [1, 0, -31, 0, 1, 0], "output_size": [31, 47]},
        {"output": "images/train/tile-2.png", "affine": [2, 0, 0, 0, 2, 0], "output_size": [124, 94]},
    ]
    record = run.root / "bboxprep.images.jsonl"
    row = json.loads(record.read_text(encoding="utf-8").splitlines()[0])
    record.write_text("".join(json.dumps(row | tile) + "\n" for tile in tiles), encoding="utf-8")
    labels = tmp_path / "labels"
    labels.mkdir()
    (labels / "tile-1.txt").write_text("0 0.5 0.5 0.2 0.2\n", encoding="utf-8")
    (labels / "tile-2.txt").write_text("0 0.5 0.5 0.2 0.2 0.5\n", encoding="utf-8")
    done = unmap(open_run(run.root), labels, tmp_path / "home")
    assert (done.written, done.images) == (2, 1)
    home = (tmp_path / "home" / first.source).with_suffix(".txt").read_text(encoding="utf-8").splitlines()
    assert home == [
        "0 0.750000000 0.500000000 0.100000000 0.200000000",
        "0 0.500000000 0.500000000 0.200000000 0.200000000 0.5",
    ]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ({"file_name": "images/train/png-3.png"}, True),
        ({"file_name": "train/png-3.png"}, True),
        ({"image": "png-3.png"}, True),
        ({"image_id": "png-3"}, True),
        ({"image_id": "png-9"}, False),
        ({}, False),
    ],
)
def test_an_image_may_be_called_by_any_of_its_names(tmp_path: Path, name: dict[str, Any], found: bool) -> None:
    source = tmp_path / "source"
    coco_set(source, "displayed")
    run = run_of(source, tmp_path / "out", "yolo", (), "displayed")
    row = {"category_id": 0, "bbox": [1, 2, 3, 4], "score": 1, **name}
    done = unmap(run, write(tmp_path / "r.json", [row]), tmp_path / "home.json")
    assert done.written == found
    codes = {finding.code for finding in done.findings}
    assert codes == (set() if found else {"annotation-orphan" if name else "record-unreadable"})


def test_a_number_may_stand_for_a_name_of_digits(tmp_path: Path) -> None:
    source = tmp_path / "source"
    coco_set(source, "displayed")
    path = source / "annotations" / "instances_train.json"
    path.write_text(path.read_text(encoding="utf-8").replace("png-1.png", "000139.png"), encoding="utf-8")
    (source / "train" / "png-1.png").rename(source / "train" / "000139.png")
    run = run_of(source, tmp_path / "out", "voc", (), "displayed")
    done = unmap(run, write(tmp_path / "r.json", [{"image_id": 139, "bbox": [1, 1, 5, 5]}]), tmp_path / "home.json")
    assert done.written == 1


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"bbox": [1, 2, 3]}, "record-unreadable"),
        ({"bbox": ["a", 2, 3, 4]}, "box-not-finite"),
        ({"bbox": [1, 2, 0, 4]}, "box-cropped"),
        ({"segmentation": [[1, 2, 3]]}, "record-unreadable"),
        ({"segmentation": {"size": [1, 1], "counts": "0"}}, "mask-misfit"),
        ({"segmentation": {"size": [47, 62], "counts": "~~"}}, "record-unreadable"),
        ({"segmentation": {"size": [47, 62], "counts": [3]}}, "record-unreadable"),
        ({"keypoints": [1, 2]}, "record-unreadable"),
        ({"score": 1}, "record-unreadable"),
    ],
)
def test_a_prediction_that_cannot_be_read_is_a_finding(tmp_path: Path, row: dict[str, Any], code: str) -> None:
    source = tmp_path / "source"
    coco_set(source, "displayed")
    run = run_of(source, tmp_path / "out", "coco", (), "displayed")
    done = unmap(run, write(tmp_path / "r.json", [{"image_id": 40, **row}]), tmp_path / "home.json")
    assert [finding.code for finding in done.findings] == [code]
    assert (done.read, done.written) == (1, 0)


def test_yolo_rows_that_cannot_be_read_are_findings(tmp_path: Path) -> None:
    source = tmp_path / "source"
    coco_set(source, "displayed")
    run = run_of(source, tmp_path / "out", "yolo", (Letterbox(124),), "displayed")
    labels = tmp_path / "labels"
    labels.mkdir()
    text = "0 0.5 0.5 0.1\ncat 0.5 0.5 0.1 0.1\n0 nan 0.5 0.1 0.1\n0 0.5 0.03 0.1 0.05\n\n0 0.5 0.5 0.1 0.1\n"
    (labels / "png-1.txt").write_text(text, encoding="utf-8")
    (labels / "stranger.txt").write_text("0 0.5 0.5 0.1 0.1\n", encoding="utf-8")
    done = unmap(run, labels, tmp_path / "home")
    assert (done.read, done.written) == (6, 1)
    codes = [(finding.code, finding.where) for finding in done.findings]
    unread = [("record-unreadable", f"line {line}") for line in (1, 2, 3)]
    assert codes == [*unread, ("box-cropped", "line 4"), ("annotation-orphan", "")]


def test_what_cannot_be_done_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "source"
    coco_set(source, "displayed")
    run = run_of(source, tmp_path / "out", "coco", (), "displayed")
    results = write(tmp_path / "r.json", [])
    with pytest.raises(UsageError, match="have 'night', want one of train"):
        unmap(run, results, tmp_path / "home.json", split="night")
    with pytest.raises(UsageError, match="is the place of the predictions"):
        unmap(run, results, results)
    for content in ("{", '{"a": 1}', "[1]"):
        (tmp_path / "bad.json").write_text(content, encoding="utf-8")
        with pytest.raises(AnnotationError):
            unmap(run, tmp_path / "bad.json", tmp_path / "home.json")
    with pytest.raises(AnnotationError, match="cannot be read"):
        unmap(run, tmp_path / "none.json", tmp_path / "home.json")
    (tmp_path / "empty").mkdir()
    with pytest.raises(LayoutError, match=r"no \.txt files"):
        unmap(run, tmp_path / "empty", tmp_path / "home")
    with pytest.raises(TargetError, match="empty or new folder"):
        unmap(run, source, tmp_path / "out")


@pytest.mark.parametrize("to", [name for name in formats.written() if Column.IDS in formats.load(name).carries])
def test_an_id_names_an_image_in_every_format_that_holds_ids(tmp_path: Path, to: str) -> None:
    source = tmp_path / "source"
    coco_set(source, "displayed")
    document = json.loads((source / "annotations" / "instances_train.json").read_text(encoding="utf-8"))
    ids = {row["id"]: f"train/{row['file_name']}" for row in document["images"]}
    run = run_of(source, tmp_path / "out", to, (), "displayed")
    results = write(tmp_path / "r.json", [{"image_id": number, "bbox": [1, 2, 3, 4]} for number in ids])
    unmap(run, results, tmp_path / "home.json")
    home = json.loads((tmp_path / "home.json").read_text(encoding="utf-8"))
    assert {row["image_id"]: row["file_name"] for row in home} == ids


def test_ids_that_stand_in_two_splits_need_a_word(tmp_path: Path) -> None:
    source = tmp_path / "source"
    coco_set(source, "displayed")
    twin = (source / "annotations" / "instances_train.json").read_text(encoding="utf-8")
    (source / "annotations" / "instances_val.json").write_text(twin, encoding="utf-8")
    (source / "val").mkdir()
    for path in (source / "train").iterdir():
        (source / "val" / path.name).write_bytes(path.read_bytes())
    run = run_of(source, tmp_path / "out", "coco", (), "displayed")
    results = write(tmp_path / "r.json", [{"image_id": 41, "bbox": [1, 2, 3, 4]}])
    done = unmap(run, results, tmp_path / "home.json")
    assert "say which with `split`" in done.findings[0].message
    unmap(run, results, tmp_path / "home.json", split="val")
    assert json.loads((tmp_path / "home.json").read_text(encoding="utf-8"))[0]["file_name"] == "val/png-2.png"


def test_predictions_on_mirrored_pictures_come_home_with_their_own_left_and_right(tmp_path: Path) -> None:
    root, out = Path(__file__).parents[2] / "fixtures" / "phone-photos-coco", tmp_path / "out"
    source = open_source(root, "coco", object_policy=ObjectPolicy(swap_classes=(("car", "traffic sign"),)))
    convert_source(source, out, "coco", Recipe(Letterbox(320), Flip("horizontal")), run_options=RunOptions())
    for split in ("train", "val"):
        made = json.loads((out / "annotations" / f"instances_{split}.json").read_text(encoding="utf-8"))
        rows = [{**row, "score": 1.0} for row in made["annotations"] if not row["iscrowd"]]
        unmap(open_run(out), write(tmp_path / "r.json", rows), tmp_path / "home.json", split=split)
        home = json.loads((tmp_path / "home.json").read_text(encoding="utf-8"))
        truth = json.loads((root / "annotations" / f"instances_{split}.json").read_text(encoding="utf-8"))
        wanted = {row["id"]: row for row in truth["annotations"]}
        assert len(home) == len(rows) > 0
        for row in home:
            want = wanted[row["id"]]
            assert row["category_id"] == want["category_id"]
            np.testing.assert_allclose(row["bbox"], want["bbox"], atol=0.01)
            np.testing.assert_allclose(row.get("keypoints", []), want.get("keypoints", []), atol=0.01)
