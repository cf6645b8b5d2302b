"""Pictures of single objects: what is cut out is counted by hand, each rectangle is in its own picture where the box
says, no object is lost, and `verify` finds a picture that is missing, too many, or of another object."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from math import floor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from bboxprep.errors import StoppedError
from bboxprep.frames.resolve import LabelsIn
from bboxprep.geometry.affine import Size
from bboxprep.model.instances import Instances
from bboxprep.model.pixel_owners import pixels_of_all
from bboxprep.pipeline import variants
from bboxprep.pipeline.output.run_record import open_run
from bboxprep.pipeline.run_options import Outcome, RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.predictions import unmap
from bboxprep.recipe.affine_steps import Rotate
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.crops import Crop
from bboxprep.recipe.geometric import Fit, Flip, Letterbox
from bboxprep.recipe.isolate import Isolate
from bboxprep.recipe.load import read_recipe
from bboxprep.recipe.recipe import Recipe
from bboxprep.testing.example import LabelledDataset, LabelledImage
from bboxprep.testing.painting import DARK, ORIENTATIONS, UNTURN, displayed, encoded
from bboxprep.transform import occlusion
from bboxprep.verification.arithmetic import turn_matrix
from bboxprep.verification.verify import verify
from tests.conformance.examples import AVAILABLE, EXAMPLES, in_turn
from tests.painted import written
from tests.tiny import tree
from tests.verification.outputs import FIXTURES, codes, told

SIZE = (64, 48)
OBJECTS = (  # in the middle, in a corner, partly outside, thin, and all outside
    ("cat", (20, 12, 34, 31)),
    ("dog", (0, 0, 9, 12)),
    ("cat", (52, 33, 70, 54)),
    ("dog", (45, 4, 48, 16)),
    ("dog", (70, 10, 80, 20)),
)
COLOURS = ((255, 255, 255), (250, 220, 90), (90, 250, 220), (220, 255, 60))
ISOLATED: dict[str, Isolate] = {
    "alone": Isolate(),
    "with a margin": Isolate(0.25),
    "square": Isolate(0.1, square=True),
    "of a class, not thin": Isolate(0.1, classes=("dog",), min_size=5),
    "together": Isolate(classes=("cat",), together=True),
    "others kept": Isolate(0.5, others="keep"),
}
FRAMES: tuple[LabelsIn, LabelsIn] = ("displayed", "stored")
Box = tuple[int, int, int, int]


def upright() -> Image.Image:
    """The displayed picture, each rectangle in its own colour."""
    shown = Image.new("RGB", SIZE, DARK)
    for (_, box), colour in zip(OBJECTS, COLOURS, strict=False):
        shown.paste(colour, box)
    return shown


def painted(root: Path, frame: LabelsIn = "displayed", codes: Sequence[int] = ORIENTATIONS) -> Path:
    """The picture in all orientations, with the labels in `frame`, and one without objects."""
    images = []
    for code in codes:
        turn = UNTURN[code]
        stored = upright() if turn is None else upright().transpose(turn)
        boxes = np.array([box for _, box in OBJECTS], dtype=np.float64)
        if frame == "stored":
            corners = np.concatenate((boxes.reshape(-1, 2), np.ones((2 * len(boxes), 1))), axis=1)
            found = (corners @ np.linalg.inv(turn_matrix(code, Size(*stored.size))).T)[:, :2].reshape(-1, 2, 2)
            boxes = np.concatenate((found.min(axis=1), found.max(axis=1)), axis=1)
        size, names = Size(*(stored if frame == "stored" else upright()).size), tuple(name for name, _ in OBJECTS)
        images.append(LabelledImage("train", f"{code}.png", encoded(stored, "png", code), size, boxes, names))
    empty = encoded(Image.new("RGB", SIZE, DARK), "png")
    images.append(LabelledImage("train", "without.png", empty, Size(*SIZE), np.zeros((0, 4)), ()))
    EXAMPLES["coco"].paint(root, LabelledDataset(("cat", "dog"), tuple(images)))
    return root


def run(
    source: Path, out: Path, recipe: Recipe, to: str = "coco", frame: LabelsIn = "displayed", **how: Any
) -> Outcome:
    opened = open_source(source, labels_in=frame)
    return convert_source(opened, out, to, recipe, run_options=RunOptions(**how), options=EXAMPLES[to].options)


def rows_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "bboxprep.images.jsonl").read_text(encoding="utf-8").splitlines()]


def cuts(step: Isolate) -> list[tuple[Box, list[int]]]:
    """The part of the displayed picture that each picture shows, and the objects it has, by hand."""
    chosen = [
        row
        for row, (name, box) in enumerate(OBJECTS[:4])
        if (not step.classes or name in step.classes) and min(box[2] - box[0], box[3] - box[1]) >= step.min_size
    ]
    return [(cut(step, group), group) for group in ([chosen] if step.together else [[row] for row in chosen])]


def cut(step: Isolate, group: list[int]) -> Box:
    clipped = np.clip([OBJECTS[row][1] for row in group], 0, [*SIZE, *SIZE])
    low, high = clipped[:, :2].min(axis=0), clipped[:, 2:].max(axis=0)
    margin = step.margin * float((high - low).max())
    low, high = np.floor(low - margin).clip(0), np.minimum(np.ceil(high + margin), SIZE)
    sides = high - low
    for axis in (0, 1) if step.square else ():
        side = min(sides.max(), SIZE[axis])
        low[axis] = np.clip(low[axis] - floor((side - sides[axis]) / 2), 0, SIZE[axis] - side)
        high[axis] = low[axis] + side
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def shown(step: Isolate, part: Box, group: list[int]) -> list[tuple[str, list[float]]]:
    """The classes and boxes of the objects of a picture that shows `part`."""
    kept = range(4) if step.others == "keep" else group
    listed = []
    for row in kept:
        name, box = OBJECTS[row]
        edges = np.clip(np.subtract(box, (*part[:2], *part[:2])), 0, np.tile(np.subtract(part[2:], part[:2]), 2))
        if (edges[2:] > edges[:2]).all() and np.prod(edges[2:] - edges[:2]) >= 0.2 * np.prod(
            np.subtract(box[2:], box[:2])
        ):
            listed.append((name, edges.tolist()))
    return listed


@pytest.mark.parametrize(("target", "name"), in_turn(AVAILABLE, list(ISOLATED)))
def test_each_picture_is_the_part_of_the_source_that_a_count_by_hand_gives(
    tmp_path: Path, target: str, name: str
) -> None:
    step, frame = ISOLATED[name], FRAMES[list(ISOLATED).index(name) % 2]
    codes = ORIENTATIONS if target == AVAILABLE[0] else (1, 6)
    source = painted(tmp_path / "source", frame, codes)
    run(source, tmp_path / "out", Recipe(step), target, frame)
    pictures = {image.place: image for image in written(tmp_path / "out", target)}
    rows = [row for row in rows_of(tmp_path / "out") if row["output"]]
    wanted, whole = cuts(step), np.asarray(upright())
    assert Counter(row["source"] for row in rows) == {f"train/{code}.png": len(wanted) for code in codes}
    assert len(pictures) == len(rows)
    for row in rows:
        image, (part, group) = pictures[row["output"]], wanted[int(row["tile"][1:])]
        x0, y0, x1, y1 = part
        assert np.array_equal(displayed(image.data), whole[y0:y1, x0:x1])
        listed = shown(step, part, group)
        assert sorted(image.classes) == sorted(name for name, _ in listed)
        nearest = [np.abs(image.boxes - box).max(axis=1).min() for _, box in listed]
        assert max(nearest) <= 0.5 + (target == "voc")


def test_the_law_catches_a_cut_that_is_two_to_the_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Isolate.crop

    def mistaken(*arguments: Any) -> Crop:
        made = honest(*arguments)
        return Crop(max(0, made.x - 2), made.y, made.width, made.height)

    monkeypatch.setattr(Isolate, "crop", mistaken)
    with pytest.raises(AssertionError):
        test_each_picture_is_the_part_of_the_source_that_a_count_by_hand_gives(tmp_path, "coco", "alone")


@pytest.mark.parametrize("name", ISOLATED)
def test_every_object_has_a_picture_or_is_listed(tmp_path: Path, name: str) -> None:
    source, step = painted(tmp_path / "source"), ISOLATED[name]
    account = run(source, tmp_path / "out", Recipe(step)).account
    for row in account.rows():
        assert row.objects_due == row.objects_out + sum(row.dropped.values())
    found: Counter[str] = Counter()
    for finding in account.findings:
        found[finding.code] += finding.objects or 1
    assert found["image-filtered"] == 1  # the picture without objects
    if step.others == "drop":
        made = Counter(OBJECTS[row][0] for _, group in cuts(step) for row in group)
        assert {name: count for (_, name), count in account.objects_out.items()} == {
            name: 8 * count for name, count in made.items()
        }
        assert found["object-unisolated"] == 8 * (4 - sum(made.values()))
        assert found["box-outside"] == 8  # the object all outside, as ever


SOURCE = FIXTURES / "phone-photos-coco"
PHOTOS: dict[str, Recipe] = {
    "alone": Recipe(Isolate(0.1), Letterbox(96)),
    "square, turned, in copies": Recipe(
        Fit(200),
        Isolate(0.2, square=True, min_size=15),
        augment=Augment(Flip(p=0.5), Rotate((-15, 15)), copies=2),
        seed=3,
    ),
    "together": Recipe(Isolate(0.1, classes=("person", "car"), together=True)),
    "background filled": Recipe(
        Fit(240), Isolate(0.1, background="pad"), Letterbox(120), augment=Augment(Rotate((-30, 30)), Flip(p=0.5))
    ),
    "others kept": Recipe(Fit(200), Isolate(1.0, others="keep"), Flip("horizontal")),
}


@pytest.mark.parametrize("name", PHOTOS)
def test_verify_proves_a_true_output(tmp_path: Path, name: str) -> None:
    outcome = run(SOURCE, tmp_path / "out", PHOTOS[name], frame="auto")
    assert read_recipe(tmp_path / "out" / "bboxprep.json") == PHOTOS[name]
    assert told(verify(tmp_path / "out", SOURCE)) == ""
    for row in outcome.account.rows():
        assert row.objects_due == row.objects_out + sum(row.dropped.values())


@pytest.mark.parametrize("name", ["together", "background filled"])
def test_workers_a_stop_and_the_record_change_no_byte(tmp_path: Path, name: str) -> None:
    one, asked = tmp_path / "one", iter(range(2))
    outcome = run(SOURCE, one, PHOTOS[name], frame="auto")
    run(SOURCE, tmp_path / "two", read_recipe(one / "bboxprep.json"), frame="auto", workers=2)
    with pytest.raises(StoppedError):
        convert_source(
            open_source(SOURCE), tmp_path / "stopped", "coco", PHOTOS[name], run_options=RunOptions(),
            options=EXAMPLES["coco"].options, stop=lambda: next(asked, None) is None,
        )  # fmt: skip
    resumed = run(SOURCE, tmp_path / "stopped", PHOTOS[name], frame="auto", resume=True)
    assert 0 < resumed.fresh < outcome.fresh
    assert tree(tmp_path / "two") == tree(tmp_path / "stopped") == tree(one)


CLASSES = ("a/b", "Cat", "a_b", "cat", "CON", "x:y", "dog")
FOLDERS = ("a_b-2", "Cat", "a_b", "cat-2", "CON_", "x_y", "dog")


def crowded(root: Path) -> Path:
    """Two splits with images in sub-folders, of classes whose names are no folders, or the same one."""
    boxes = [(8.0 * number, 4.0, 8.0 * number + 7, 20.0) for number in range(len(CLASSES))]
    for_val = [LabelledImage("val", "v.png", encoded(upright(), "png"), Size(*SIZE), np.array(boxes[:6]), CLASSES[:6])]
    for_train = [
        LabelledImage("train", name, encoded(upright(), "png"), Size(*SIZE), np.array(boxes), CLASSES)
        for name in ("deep/er/a.png", "b.png")
    ]
    EXAMPLES["coco"].paint(root, LabelledDataset(CLASSES, (*for_train, *for_val)))
    return root


def test_class_folders_hold_the_pictures_of_one_class_each(tmp_path: Path) -> None:
    """As torchvision's ImageFolder lists them, which takes the first folder, and `datasets`, which takes the last."""
    outcome = run(crowded(tmp_path / "source"), tmp_path / "out", Recipe(Isolate()), "hf_imagefolder")
    told = [finding for finding in outcome.account.findings if finding.code == "class-respelled"]
    assert [finding.category for finding in told] == ["a/b", "cat", "CON", "x:y"]
    assert "'a/b': its images are in the folder 'a_b-2'" in told[0].message
    names = dict(zip(FOLDERS, CLASSES, strict=True))
    for split, classes in (("train", FOLDERS), ("validation", FOLDERS[:6])):
        home = tmp_path / "out" / split
        assert sorted(path.name for path in home.iterdir() if path.is_dir()) == sorted(classes)
        for line in (home / "metadata.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            folder, name = row["file_name"].split("/")
            assert names[folder] == CLASSES[row["objects"]["category"][0]]
            assert (home / folder / name).is_file()
    assert (tmp_path / "out/train/dog/deep__er__a_o6.png").is_file()
    datasets = pytest.importorskip("datasets")
    files = {split: str(tmp_path / "out" / split / "*" / "*") for split in ("train", "validation")}
    opened = datasets.load_dataset("imagefolder", data_files=files, cache_dir=str(tmp_path / "cache"))
    feature = opened["train"].features["label"]
    assert feature.names == sorted(FOLDERS)
    assert Counter(map(feature.int2str, opened["train"]["label"])) == dict.fromkeys(FOLDERS, 2)


def test_predictions_on_the_pictures_are_unmapped_to_the_source(tmp_path: Path) -> None:
    """The labels of the output, as predictions, are those of the source, cut at its edges."""
    source = painted(tmp_path / "source", "stored")
    run(source, tmp_path / "out", Recipe(Isolate(0.25, square=True), Flip("vertical")), frame="stored")
    labels = json.loads((tmp_path / "out" / "annotations" / "instances_train.json").read_bytes())
    keys = ("image_id", "category_id", "bbox")
    made = [{key: one[key] for key in keys} | {"score": 0.9} for one in labels["annotations"]]
    (tmp_path / "made.json").write_text(json.dumps(made), encoding="utf-8")
    unmap(open_run(tmp_path / "out"), tmp_path / "made.json", tmp_path / "home.json")
    home = json.loads((tmp_path / "home.json").read_bytes())
    stated = json.loads((source / "annotations" / "instances_train.json").read_bytes())
    sizes = {image["id"]: (image["width"], image["height"]) for image in stated["images"]}
    wanted = []
    for one in stated["annotations"]:
        x, y, wide, high = one["bbox"]
        (x0, x1), (y0, y1) = (
            np.clip((low, low + side), 0, whole)
            for low, side, whole in zip((x, y), (wide, high), sizes[one["image_id"]], strict=True)
        )
        if x1 > x0 and y1 > y0:
            wanted.append((one["image_id"], one["category_id"], [x0, y0, x1 - x0, y1 - y0]))
    assert len(home) == len(wanted) == 32
    for number, category, box in wanted:
        own = [one["bbox"] for one in home if (one["image_id"], one["category_id"]) == (number, category)]
        assert np.abs(np.subtract(own, box)).max(axis=1).min() <= 0.01


Groups = list[tuple[int, ...]]


def lying(honest: Callable[..., Groups], mistake: str) -> Callable[..., Groups]:
    """The rows of the pictures that are made of an image, with a mistake."""

    def made(*arguments: Any) -> Groups:
        found = honest(*arguments)
        if mistake == "of another object":
            return found[::-1]
        return (found[:-1] or found) if mistake == "missing" else [*found, *found[:1]]

    return made


@pytest.mark.parametrize("mistake", ["of another object", "missing", "too many"])
def test_verify_finds_a_mistake_in_what_pictures_are_made(
    tmp_path: Path, mistake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variants, "isolated_rows", lying(variants.isolated_rows, mistake))
    run(SOURCE, tmp_path / "out", PHOTOS["alone"], frame="auto")
    found = codes(verify(tmp_path / "out", SOURCE))
    assert ({"object-missing", "object-extra"} if "another" in mistake else {"copies-differ"}) <= found


def test_verify_finds_the_file_of_another_object(tmp_path: Path) -> None:
    run(SOURCE, tmp_path / "out", PHOTOS["alone"], frame="auto")
    rows = [row for row in rows_of(tmp_path / "out") if row["output"]]
    one, other = next((a, b) for a, b in pairwise(rows) if a["source"] == b["source"])
    path, another = (tmp_path / "out" / row["output"] for row in (one, other))
    data = path.read_bytes()
    path.write_bytes(another.read_bytes())
    another.write_bytes(data)
    faults = verify(tmp_path / "out", SOURCE).faults
    assert {fault.image for fault in faults if fault.code in ("image-swapped", "pixels-differ")} == {
        one["output"], other["output"],
    }  # fmt: skip


GROUND = (10, 200, 30)
TRIANGLE = np.array([(5.0, 4.0), (27.0, 9.0), (9.0, 25.0)])


def shaped(root: Path) -> tuple[NDArray[np.uint8], list[NDArray[np.bool_]]]:
    """A photo in three orientations at `root` with a triangle, a mask and a box; what it shows, and the pixels of each
    object."""
    size = Size(40, 30)
    shown = np.random.default_rng(1).integers(0, 256, (size.height, size.width, 3), dtype=np.uint8)
    rows, columns = np.indices(shown.shape[:2]) + 0.5
    sides = np.roll(TRIANGLE, -1, axis=0) - TRIANGLE
    inside = np.logical_and.reduce(
        [across * (rows - y) - down * (columns - x) > 0 for (x, y), (across, down) in zip(TRIANGLE, sides, strict=True)]
    )
    disc = (columns - 28) ** 2 + (rows - 18) ** 2 < 60
    box = (columns > 1) & (columns < 7) & (rows > 20) & (rows < 29)
    flat = disc.T.ravel()
    counts = np.diff(np.concatenate(([0], np.flatnonzero(np.diff(flat)) + 1, [flat.size]))).tolist()
    shapes: list[Any] = [[TRIANGLE.ravel().tolist()], {"size": [30, 40], "counts": counts}, []]
    boxes = [[5, 4, 22, 21], [21, 11, 14, 14], [1, 20, 6, 9]]
    document: dict[str, Any] = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "thing"}]}
    (root / "train").mkdir(parents=True)
    (root / "annotations").mkdir()
    for code in (1, 6, 7):
        turn, name = UNTURN[code], f"{code}.png"
        picture = Image.fromarray(shown) if turn is None else Image.fromarray(shown).transpose(turn)
        (root / "train" / name).write_bytes(encoded(picture, "png", code))
        document["images"].append({"id": code, "file_name": name, "width": 40, "height": 30})
        for shape, bbox in zip(shapes, boxes, strict=True):
            row = {"id": len(document["annotations"]) + 1, "image_id": code, "category_id": 1, "iscrowd": 0}
            document["annotations"].append({**row, "bbox": bbox, "segmentation": shape, "area": 1})
    (root / "annotations" / "instances_train.json").write_text(json.dumps(document), encoding="utf-8")
    return shown, [inside, disc, box]


def test_exactly_the_pixels_outside_of_the_outline_are_filled(tmp_path: Path) -> None:
    """Those whose centres lie outside of the triangle, the mask or the box, and no other pixel changes."""
    photo, objects = shaped(tmp_path / "source")
    run(tmp_path / "source", tmp_path / "out", Recipe(Isolate(0.1, background="pad"), Flip("vertical"), pad=GROUND))
    rows = [row for row in rows_of(tmp_path / "out") if row["output"]]
    assert len(rows) == 9
    for row in rows:
        assert [next(iter(step)) for step in row["recipe"]["steps"]] == ["crop", "background", "flip"]
        part = row["recipe"]["steps"][0]["crop"]
        window = np.s_[part["y"] : part["y"] + part["height"], part["x"] : part["x"] + part["width"]]
        filled = np.where(objects[int(row["tile"][1:])][..., None], photo, np.array(GROUND, dtype=np.uint8))
        assert (filled[window] == GROUND).all(axis=2).any()
        made = displayed((tmp_path / "out" / row["output"]).read_bytes())
        assert np.array_equal(made, filled[window][::-1])


@pytest.mark.parametrize("mistake", ["not filled", "object filled", "another shape"])
def test_verify_finds_a_background_that_is_not_as_asked_for(
    tmp_path: Path, mistake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = pixels_of_all

    def mistaken(instances: Instances, size: Size) -> NDArray[np.bool_]:
        drawn = honest(instances, size)
        if mistake == "another shape":
            return np.roll(drawn, 24, axis=1)
        return np.full_like(drawn, mistake == "not filled")

    monkeypatch.setattr(occlusion, "pixels_of_all", mistaken)
    run(SOURCE, tmp_path / "out", PHOTOS["background filled"].without_augment, frame="auto")
    found = {fault.image for fault in verify(tmp_path / "out", SOURCE).faults}
    made = {row["output"] for row in rows_of(tmp_path / "out") if row["output"]}
    assert found <= made
    assert len(made - found) <= 1  # of a small one too little shows
