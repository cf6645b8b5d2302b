"""Predictions that are the labels of an output: unmapped, they are the labels of the source, and pycocotools agrees."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from collections.abc import Iterator
from math import cos, hypot, pi, sin
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from bboxprep import formats
from bboxprep.geometry.affine import Affine, Size
from bboxprep.geometry.oriented import corners_of, rbox_of
from bboxprep.geometry.shapes import box_areas, ring_area
from bboxprep.model.dataset import Dataset
from bboxprep.model.object_policy import ObjectPolicy
from bboxprep.pipeline.output.run_record import Run, open_run
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.predictions import unmap
from bboxprep.predictions.category_ids import IdsOf
from bboxprep.predictions.inverse import InverseMap
from bboxprep.recipe.geometric import Flip, Letterbox, RecipeStep, Resize
from bboxprep.recipe.recipe import Recipe
from bboxprep.testing.painting import painted_image

SIZE = (96, 80)
CLASSES = ((3, "left shoe"), (18, "right shoe"), (44, "hat"))
SWAPS = (("left shoe", "right shoe"),)
IMAGES = {36: "000000000036.png", 42: "000000000042.png", 0: "beach.png"}  # labelme counts from 0
RECIPES: dict[str, tuple[RecipeStep, ...]] = {
    "as it is": (),
    "letterbox": (Letterbox(128),),
    "bars": (Letterbox((96, 120)),),
    "mirror": (Flip("horizontal"),),
    "mirrored letterbox": (Letterbox((150, 90)), Flip("horizontal")),
    "half turn": (Letterbox(128), Flip("both")),
    "stretched": (Resize((120, 130)), Flip("vertical")),
}
TASKS = ("detect", "segment", "pose", "obb")
CLOSE = 0.01  # px, of numbers with six digits


def oriented(x: float, y: float, width: float, height: float, angle: float) -> list[float]:
    return corners_of((x, y, width, height, angle)).ravel().tolist()


def labelled_objects() -> Iterator[dict[str, Any]]:
    """One object of each class in each image: an oriented box with two keypoints, and the box around it."""
    for place, image in enumerate(IMAGES):
        for row, (category, _) in enumerate(CLASSES):
            x, y = 20.0 + 28 * row, 25.0 + 12 * place
            ring = np.array(oriented(x, y, 20, 12, 0.2 + 0.25 * row)).reshape(4, 2)
            (x0, y0), (x1, y1) = ring.min(axis=0).tolist(), ring.max(axis=0).tolist()
            yield {
                "id": 10 * image + row,
                "image_id": image,
                "category_id": category,
                "bbox": [x0, y0, x1 - x0, y1 - y0],
                "area": ring_area(ring),
                "iscrowd": 0,
                "segmentation": [ring.ravel().tolist()],
                "num_keypoints": 2,
                "keypoints": [x - 6.25, y - 1.5, 2, x + 5.75, y + 2.5, 2],
            }


def coco_source(root: Path) -> Path:
    (root / "train").mkdir(parents=True)
    (root / "annotations").mkdir()
    names = ["left_toe", "right_toe"]
    document = {
        "images": [{"id": n, "file_name": name, "width": SIZE[0], "height": SIZE[1]} for n, name in IMAGES.items()],
        "annotations": list(labelled_objects()),
        "categories": [{"id": number, "name": name, "keypoints": names} for number, name in CLASSES],
    }
    (root / "annotations" / "instances_train.json").write_text(json.dumps(document), encoding="utf-8")
    pixels = painted_image(1, "png", "stored", SIZE, (20.0, 20.0, 40.0, 40.0)).data
    for name in IMAGES.values():
        (root / "train" / name).write_bytes(pixels)
    return root


def source_of(tmp_path: Path, format: str, task: str) -> Path:
    """The same objects as a COCO, YOLO or VOC source, without the sidecar, which would hold the ids of COCO."""
    coco = coco_source(tmp_path / "coco")
    if format == "coco":
        return coco
    options = {"task": task} if format == "yolo" else {"float_": True}
    made = tmp_path / format
    convert_source(open_source(coco), made, format, Recipe(), run_options=RunOptions(), options=options)
    for own in made.glob("*bboxprep*"):
        shutil.rmtree(own) if own.is_dir() else own.unlink()
    return made


def run_of(source: Path, format: str, out: Path, to: str, recipe: str, **options: Any) -> Run:
    opened = open_source(source, format, object_policy=ObjectPolicy(swap_classes=SWAPS))
    convert_source(opened, out, to, Recipe(*RECIPES[recipe]), run_options=RunOptions(), options=options)
    return open_run(out)


def image_id(path: PurePosixPath) -> int | str:
    return int(path.stem) if path.stem.isdigit() else path.stem


def results_of(run: Run, task: str, first: int = 1) -> list[dict[str, Any]]:
    """The labels of a YOLO output as Ultralytics writes predictions: keypoints in the plane of the boxes."""
    found = []
    for path in sorted((run.root / "images").rglob("*.png")):
        size = run.outputs[path.relative_to(run.root).as_posix()].output_size
        assert size is not None
        label = run.root / "labels" / path.relative_to(run.root / "images").with_suffix(".txt")
        for line in label.read_text(encoding="utf-8").splitlines():
            number, *words = line.split()
            head = {"image_id": image_id(PurePosixPath(path.name)), "file_name": path.name, "score": 0.9}
            shape = shape_of(np.array(words, dtype=np.float64), task, size)
            found.append({**head, "category_id": int(number) + first, **shape})
    return found


def shape_of(values: NDArray[np.float64], task: str, size: Size) -> dict[str, Any]:
    if task in ("segment", "obb"):
        ring = values.reshape(-1, 2) * size
        low, high = ring.min(axis=0), ring.max(axis=0)
        if task == "obb":
            return {"poly": ring.ravel().tolist(), "rbox": rbox_of(ring)}
        return {"segmentation": [ring.ravel().tolist()], "bbox": [*low.tolist(), *(high - low).tolist()]}
    centre, extent = values[:2] * size, values[2:4] * size
    found = {"bbox": [*(centre - extent / 2).tolist(), *extent.tolist()]}
    if task == "pose":
        points = values[4:].reshape(-1, 3) * (*size, 0.5)
        found["keypoints"] = points.ravel().tolist()
    return found


def truth_of(dataset: Dataset, *, ids: bool) -> dict[str, Any]:
    """A source as a COCO document: with its own `ids` and pixel numbers of keypoints, or those of Ultralytics."""
    images: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    names = dataset.categories.names
    numbers = {name: number for number, name in CLASSES} if ids else {name: row for row, name in enumerate(names, 1)}
    for sample in dataset:
        assert sample.header is not None
        images.append({"id": sample.id if ids else image_id(sample.name), "file_name": sample.relative_path})
        found = sample.instances
        for row, (x0, y0, x1, y1) in enumerate(found.boxes.tolist()):
            rings = (*found.polygons[row], *([found.oriented[row]] if np.isfinite(found.oriented[row]).all() else []))
            ring = [part.ravel().tolist() for part in rings]
            points = found.keypoints[row] - (0.5 if ids else 0.0) if found.keypoints.size else np.zeros((0, 2))
            rows.append(
                {
                    "id": len(rows) + 1,
                    "image_id": images[-1]["id"],
                    "category_id": numbers[names[int(found.labels[row])]],
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "area": (x1 - x0) * (y1 - y0),
                    "iscrowd": 0,
                    "segmentation": ring,
                    "num_keypoints": len(points),
                    "keypoints": np.column_stack((points, np.full(len(points), 2))).ravel().tolist(),
                }
            )
    return {"images": images, "annotations": rows, "categories": [{"id": n, "name": s} for s, n in numbers.items()]}


def average_precision(truth: dict[str, Any], home: list[dict[str, Any]], kind: str) -> float:
    """The mean average precision by pycocotools, which sorts image ids and so wants them all to be numbers."""
    order = {image["id"]: number for number, image in enumerate(truth["images"], 1)}
    wanted = COCO()
    wanted.dataset = {
        **truth,
        "images": [{"id": number, "width": SIZE[0], "height": SIZE[1]} for number in order.values()],
        "annotations": [{**row, "image_id": order[row["image_id"]]} for row in truth["annotations"]],
    }
    found = [{**row, "image_id": order[row["image_id"]]} for row in home]
    with contextlib.redirect_stdout(io.StringIO()):
        wanted.createIndex()
        judge = COCOeval(wanted, wanted.loadRes(found), kind)
        judge.params.kpt_oks_sigmas = np.array([0.05, 0.05])
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return float(judge.stats[0])


def unmapped(run: Run, rows: list[dict[str, Any]], folder: Path, ids: IdsOf | None = None) -> list[dict[str, Any]]:
    (folder / "results.json").write_text(json.dumps(rows), encoding="utf-8")
    done = unmap(run, folder / "results.json", folder / "home.json", ids=ids)
    assert (done.written, done.findings) == (len(rows), ())
    home: list[dict[str, Any]] = json.loads((folder / "home.json").read_text(encoding="utf-8"))
    return home


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(
    ("format", "task"), [*(("coco", task) for task in TASKS), *(("yolo", task) for task in TASKS), ("voc", "detect")]
)
def test_perfect_results_are_the_labels_of_the_source(tmp_path: Path, format: str, task: str, recipe: str) -> None:
    source = source_of(tmp_path, format, task)
    run = run_of(source, format, tmp_path / "out", "yolo", recipe, task=task)
    home = unmapped(run, results_of(run, task), tmp_path)
    truth = truth_of(open_source(source, format).dataset, ids=format == "coco")
    wanted = {(row["image_id"], row["category_id"]): row for row in truth["annotations"]}
    assert {(row["image_id"], row["category_id"]) for row in home} == set(wanted)
    assert len(home) == len(wanted) == len(IMAGES) * len(CLASSES)
    for row in home:
        want = wanted[row["image_id"], row["category_id"]]
        for key in {"bbox", "keypoints", "segmentation"} & row.keys():
            have, due = np.array(row[key]).ravel(), np.array(want[key]).ravel()
            places = [n for n in range(len(due)) if key != "keypoints" or n % 3 < 2]
            np.testing.assert_allclose(have[places], due[places], atol=CLOSE)
        if task == "obb":
            np.testing.assert_allclose(row["poly"], np.ravel(want["segmentation"]), atol=CLOSE)
            assert row["rbox"][2] * row["rbox"][3] == pytest.approx(
                ring_area(np.reshape(row["poly"], (4, 2))), rel=0.01
            )
    if task != "obb":  # of which pycocotools knows nothing
        kind = {"detect": "bbox", "segment": "segm", "pose": "keypoints"}[task]
        assert average_precision(truth, home, kind) == pytest.approx(1.0)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("tail", ["", " 0.75", " 0.75 3"])
def test_perfect_label_files_are_those_of_the_source(tmp_path: Path, task: str, recipe: str, tail: str) -> None:
    """With a confidence and the number of a track, where rows of the task can have one."""
    if tail.count(" ") == 2 and task in ("detect", "segment"):
        tail = " 0.75"
    source = source_of(tmp_path, "yolo", task)
    run = run_of(source, "yolo", tmp_path / "out", "yolo", recipe, task=task)
    (tmp_path / "labels").mkdir()
    for path in (run.root / "labels").rglob("*.txt"):
        rows = path.read_text(encoding="utf-8").splitlines()
        (tmp_path / "labels" / path.name).write_text("".join(f"{row}{tail}\n" for row in rows), encoding="utf-8")
    done = unmap(run, tmp_path / "labels", tmp_path / "home")
    assert (done.written, done.findings) == (len(IMAGES) * len(CLASSES), ())
    for name in IMAGES.values():
        want, have = (
            sorted(file.read_text(encoding="utf-8").splitlines())
            for root in (source / "labels", tmp_path / "home")
            for file in root.rglob(f"{Path(name).stem}.txt")
        )
        assert [row.split()[0] for row in have] == [row.split()[0] for row in want]
        for due, row in zip(want, have, strict=True):
            assert row.endswith(tail)
            numbers = [float(word) for word in row.removesuffix(tail).split()]
            np.testing.assert_allclose(numbers, [float(word) for word in due.split()], atol=3e-6)


@pytest.mark.parametrize(
    ("numbers", "named", "ids", "source", "meaning", "assumed"),
    [
        ([1, 2, 3], True, None, [3, 18, 44], "counted from 1", False),
        ([0, 1, 2], False, None, [3, 18, 44], "counted from 0", False),
        ([1, 2], False, None, [3, 18], "counted from 1", True),
        ([1, 2], True, None, [3, 18], "counted from 1", False),
        ([1], True, "trainer", [3], "counted from 1", False),
        ([3, 18], True, None, [3, 18], "the source's own", False),
        ([3], False, None, [44], "counted from 1", False),
        ([3], False, "source", [3], "the source's own", False),
    ],
)
def test_the_ids_of_results_tell_what_they_are(
    tmp_path: Path, numbers: list[int], named: bool, ids: IdsOf | None, source: list[int], meaning: str, assumed: bool
) -> None:
    run = run_of(coco_source(tmp_path / "coco"), "coco", tmp_path / "out", "yolo", "as it is")
    name = {"file_name": "beach.png"} if named else {"image_id": "beach"}
    rows = [{**name, "category_id": number, "bbox": [1, 2, 30, 40], "score": 1} for number in numbers]
    (tmp_path / "results.json").write_text(json.dumps(rows), encoding="utf-8")
    done = unmap(run, tmp_path / "results.json", tmp_path / "home.json", ids=ids)
    home = json.loads((tmp_path / "home.json").read_text(encoding="utf-8"))
    assert [row["category_id"] for row in home] == source
    assert meaning in done.ids
    assert [finding.code for finding in done.findings] == ["category-assumed"] * assumed


@pytest.mark.parametrize("to", [name for name in formats.written() if formats.load(name).first_class is not None])
@pytest.mark.parametrize(
    ("numbers", "source", "assumed"), [([0, 1], [1, 2], False), ([1, 2], [2, 3], True), ([2, 3], [2, 3], False)]
)
def test_numbers_of_classes_in_labels_are_no_ids_of_the_source(
    tmp_path: Path, to: str, numbers: list[int], source: list[int], assumed: bool
) -> None:
    """The ids of the source are 1, 2 and 3; the labels number its classes from 0, and so does who trains on them."""
    coco = coco_source(tmp_path / "coco")
    document = coco / "annotations" / "instances_train.json"
    said = json.loads(document.read_text(encoding="utf-8"))
    own = {number: place for place, (number, _) in enumerate(CLASSES, 1)}
    for row in said["annotations"]:
        row["category_id"] = own[row["category_id"]]
    said["categories"] = [{**row, "id": own[row["id"]]} for row in said["categories"]]
    document.write_text(json.dumps(said), encoding="utf-8")
    run = run_of(coco, "coco", tmp_path / "out", to, "as it is")
    rows = [{"image_id": 36, "category_id": number, "bbox": [1, 2, 30, 40], "score": 1} for number in numbers]
    (tmp_path / "results.json").write_text(json.dumps(rows), encoding="utf-8")
    done = unmap(run, tmp_path / "results.json", tmp_path / "home.json")
    home = json.loads((tmp_path / "home.json").read_text(encoding="utf-8"))
    assert [row["category_id"] for row in home] == source
    assert [finding.code for finding in done.findings] == ["category-assumed"] * assumed


def test_a_class_that_the_output_does_not_have_is_a_finding(tmp_path: Path) -> None:
    run = run_of(coco_source(tmp_path / "coco"), "coco", tmp_path / "out", "yolo", "as it is")
    rows = [{"file_name": "beach.png", "category_id": number, "bbox": [1, 2, 30, 40]} for number in (1, 90)]
    (tmp_path / "results.json").write_text(json.dumps(rows), encoding="utf-8")
    done = unmap(run, tmp_path / "results.json", tmp_path / "home.json")
    assert done.written == 1
    assert [(finding.code, finding.where) for finding in done.findings] == [("category-unknown", "[1]")]
    assert "have category_id 90" in done.findings[0].message


@pytest.mark.parametrize(
    ("task", "row"), [("pose", "0 0.5 0.5 0.2 0.2 0.4 0.4 0.9"), ("obb", "0 0.4 0.4 0.6 0.4 0.5 0.6 0.9")]
)
def test_rows_of_another_task_are_findings_that_name_the_columns(tmp_path: Path, task: str, row: str) -> None:
    run = run_of(coco_source(tmp_path / "coco"), "coco", tmp_path / "out", "yolo", "letterbox", task=task)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "beach.txt").write_text(f"{row}\n0 0.5 0.5 0.2 0.2 0.8\n", encoding="utf-8")
    done = unmap(run, tmp_path / "labels", tmp_path / "home")
    assert done.written == 1  # the box of a detector
    assert [finding.code for finding in done.findings] == ["record-unreadable"]
    assert ("2 keypoints" if task == "pose" else "four corners") in done.findings[0].message


@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(2, 60), st.floats(2, 60), st.floats(0, pi / 2 - 0.01))
def test_an_rbox_is_that_of_its_corners(x: float, y: float, width: float, height: float, angle: float) -> None:
    corners = corners_of((x, y, width, height, angle))
    first = (cos(angle) * width / 2 - sin(angle) * height / 2, sin(angle) * width / 2 + cos(angle) * height / 2)
    np.testing.assert_allclose(corners[0] - (x, y), first, atol=1e-9)  # as Ultralytics has them
    back = rbox_of(corners)
    assert 0 <= back[4] < pi / 2
    assert sorted(back[2:4]) == pytest.approx(sorted((width, height)))
    near = corners_of(back)
    assert max(min(hypot(*(one - other)) for other in near) for one in corners) < 1e-6


@given(st.floats(5, 95), st.floats(5, 75), st.floats(0, pi / 2))
def test_an_oriented_box_over_the_edge_becomes_the_smallest_around_what_is_left(
    x: float, y: float, angle: float
) -> None:
    way = InverseMap(Affine(), Size(100, 80), Size(100, 80))
    drawn = corners_of((x, y, 30, 12, angle))
    back = way.corners(drawn)
    assert back.shape == (4, 2)
    left = way.ring(drawn)
    inside = (drawn >= 0).all() and (drawn <= (100, 80)).all()
    if inside:
        np.testing.assert_array_equal(back, drawn)
    assert ring_area(back) >= ring_area(left) - 1e-6
    around = float(box_areas(np.concatenate((left.min(axis=0), left.max(axis=0)))[None])[0])
    near_edge = ((drawn >= -0.5).all() and (drawn <= (100.5, 80.5)).all()) and not inside
    assert near_edge or ring_area(back) <= min(30 * 12, around) + 1e-6


def test_an_oriented_box_in_the_margin_is_left_out_with_a_note(tmp_path: Path) -> None:
    run = run_of(coco_source(tmp_path / "coco"), "coco", tmp_path / "out", "yolo", "bars", task="obb")
    rows = [{"file_name": "beach.png", "category_id": 1, "rbox": [48, top, 20, 6, 0.1], "score": 1} for top in (5, 64)]
    (tmp_path / "results.json").write_text(json.dumps(rows), encoding="utf-8")
    done = unmap(run, tmp_path / "results.json", tmp_path / "home.json")
    home = json.loads((tmp_path / "home.json").read_text(encoding="utf-8"))
    assert [finding.code for finding in done.findings if finding.objects] == ["box-cropped"]
    np.testing.assert_allclose(home[0]["rbox"], [48, 44, 20, 6, 0.1], atol=1e-6)
    assert "poly" not in home[0]
