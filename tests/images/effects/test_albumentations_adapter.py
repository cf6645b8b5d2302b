"""Pipelines of albumentations: what they do to boxes, points and masks at edges, and that seeds fix all of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import albumentations as A  # as everyone calls it
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bboxprep.errors import UsageError
from bboxprep.geometry.affine import Affine, Size
from bboxprep.geometry.shapes import box_areas, clip_boxes, map_boxes
from bboxprep.images.effects.albumentations_adapter import Augmented, Named, PipelineError, Shapes, augment, loaded

SIZE = Size(400, 240)
BOX = (160, 80, 220, 140)


def named(*transforms: Any, least: float = 0.0, **options: Any) -> Named:
    return Named(json.dumps(A.to_dict(A.Compose(list(transforms), **options))), None, least)


def painted(box: tuple[int, int, int, int] = BOX, size: Size = SIZE) -> NDArray[np.uint8]:
    pixels = np.zeros((size.height, size.width, 3), dtype=np.uint8)
    x0, y0, x1, y1 = box
    pixels[y0:y1, x0:x1] = 255
    return pixels


def through(pipeline: Named, *boxes: tuple[float, ...], seed: int = 5, **shapes: Any) -> Augmented:
    return augment(painted(), Shapes(np.array(boxes or [BOX], dtype=np.float64), **shapes), pipeline, seed)


def centre(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The middle of what is bright."""
    weight = (pixels if pixels.ndim == 2 else pixels[..., 0]) / 255.0
    rows, columns = np.indices(weight.shape) + 0.5
    return np.asarray(np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum())


AFFINE = {
    "flip": A.HorizontalFlip(p=1),
    "vertical flip": A.VerticalFlip(p=1),
    "transpose": A.Transpose(p=1),
    "d4": A.D4(p=1),
    "right angles": A.RandomRotate90(p=1),
    "rotate": A.Rotate((30, 30), p=1),
    "rotate, cut": A.Rotate((20, 20), crop_border=True, p=1),
    "affine": A.Affine(scale=(0.7, 0.9), rotate=(-20, 20), shear=(-9, 9), translate_percent=(-0.1, 0.1), p=1),
    "shift": A.Affine(translate_px={"x": (31, 31), "y": (-7, -7)}, p=1),
    "resize": A.Resize(137, 313),
    "larger": A.Resize(480, 1000),
    "longest": A.LongestMaxSize(150),
    "smallest": A.SmallestMaxSize(100),
    "crop": A.Crop(100, 50, 300, 200, p=1),
    "resized crop": A.RandomResizedCrop((200, 300), scale=(0.7, 0.9), p=1),
    "safe crop": A.RandomSizedBBoxSafeCrop(200, 300, p=1),
    "pad": A.PadIfNeeded(280, 444),
    "colours": A.HueSaturationValue(p=1),
    "dropout": A.CoarseDropout(hole_height_range=(9, 9), hole_width_range=(9, 9), p=1),
    "dots": A.PixelDropout(p=1),
    "nothing": A.NoOp(),
}


@pytest.mark.parametrize("name", AFFINE)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_pixels_boxes_points_and_the_map_agree(name: str, seed: int) -> None:
    """The rectangle is painted; its middle in the outcome is where the map takes it, and so are points and box."""
    corners = np.array([[BOX[0], BOX[1]], [BOX[2], BOX[3]]], dtype=np.float64)
    made = through(named(AFFINE[name]), BOX, seed=seed, points=corners)
    affine = made.found.affine
    assert affine is not None, made.found.problem
    assert made.masks is None
    middle = affine(np.array([190.0, 110.0]))
    np.testing.assert_allclose(made.points, affine(corners), atol=1e-6)
    whole = map_boxes(affine, np.array([BOX], dtype=np.float64))
    if box_areas(clip_boxes(whole, made.size))[0] > 0.99 * box_areas(whole)[0] and name not in {"dots", "colours"}:
        assert np.abs(centre(made.pixels) - middle).max() < 0.52, (centre(made.pixels), middle)
        assert np.abs((made.boxes[0, :2] + made.boxes[0, 2:]) / 2 - middle).max() < 0.52
    assert made.found.mirrors == (affine.determinant < 0)


BENT = {
    "perspective": A.Perspective((0.1, 0.1), p=1),
    "elastic": A.ElasticTransform(alpha=200, p=1),
    "grid": A.GridDistortion(p=1),
    "lens": A.OpticalDistortion((0.4, 0.4), p=1),
    "shuffle": A.RandomGridShuffle(p=1),
    "mirrored margin": A.Affine(translate_px={"x": (200, 200), "y": (0, 0)}, border_mode=2, p=1),
}


@pytest.mark.parametrize("name", BENT)
def test_what_is_no_affine_map_is_not_said_to_be_one(name: str) -> None:
    masks = painted()[None, ..., 0] // 255
    made = through(named(BENT[name]), BOX, points=np.array([[190.0, 110.0]]), masks=masks)
    assert made.found.affine is None
    assert made.found.problem
    assert made.rows.tolist() == [0]
    assert made.masks is not None
    assert made.masks.shape == (1, *made.pixels.shape[:2])
    assert 500 < made.masks.sum() < 10_000
    assert np.isnan(made.points).all() or np.abs(made.points - centre(made.masks[0] * 255)).max() < 40


def test_points_that_follow_no_map_follow_their_pixels() -> None:
    """A point in the middle of a pixel is still in its middle when tiles of the picture change places."""
    pixels = np.zeros((240, 400, 3), dtype=np.uint8)
    pixels[30, 50] = 255
    made = augment(
        pixels,
        Shapes(np.array([[50.0, 30.0, 51.0, 31.0]]), np.array([[50.5, 30.5]])),
        named(A.RandomGridShuffle((2, 2), p=1)),
        1,
    )
    assert made.found.affine is None
    np.testing.assert_allclose(made.points[0], centre(made.pixels), atol=1e-6)
    assert np.abs(made.points[0] - 50.5).max() > 20


def test_flips_lose_no_pixel() -> None:
    """The classic mistake of boxes is W - 1 - x; of points W - x."""
    made = through(named(A.HorizontalFlip(p=1)), (0, 0, 1, 1), points=np.array([[0.5, 0.5], [0.0, 0.0]]))
    np.testing.assert_allclose(made.boxes, [[399, 0, 400, 1]], atol=1e-9)
    assert made.points.tolist() == [[399.5, 0.5], [400.0, 0.0]]
    assert made.found.affine == Affine(-1, 0, 400, 0, 1, 0)


CROP = A.Crop(200, 100, 300, 200, p=1)


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        ({}, [0, 1, 2]),  # any sliver of a box is kept, but not one that only touches the edge
        ({"min_visibility": 0.2499}, [0, 1]),
        ({"min_visibility": 0.25}, [0]),  # what is exactly at a limit is dropped, for it works in float32 here
        ({"min_area": 99.99}, [0, 1]),
        ({"min_area": 100.0}, [0]),
        ({"min_width": 11.0}, [0]),
        ({"max_accept_ratio": 2.0}, [0, 1]),
    ],
    ids=str,
)
def test_boxes_at_the_edge_of_a_crop(rules: dict[str, float], kept: list[int]) -> None:
    """Whole: (10, 10) to (30, 30) of the crop; a quarter, a hundredth, an edge, nothing of the others."""
    boxes = (210, 110, 230, 130), (190, 90, 210, 110), (162, 110, 202, 120), (180, 110, 200, 130), (10, 10, 30, 30)
    options = {"bbox_params": A.BboxParams("coco", label_fields=["ignored"], **rules)} if rules else {}
    made = through(named(CROP, **options), *boxes)
    assert made.rows.tolist() == kept
    wanted = [[10, 10, 30, 30], [0, 0, 10, 10], [0, 10, 2, 20]]
    np.testing.assert_allclose(made.boxes, [wanted[row] for row in kept], atol=1e-4)


def test_our_rule_counts_where_the_pipeline_has_none() -> None:
    boxes = (210, 110, 230, 130), (190, 90, 210, 110)
    assert through(named(CROP, least=0.26), *boxes).rows.tolist() == [0]
    assert through(named(CROP, least=0.25), *boxes).rows.tolist() == [0, 1]  # ours is "at least"
    own = named(CROP, least=0.26, bbox_params=A.BboxParams("yolo"))
    assert through(own, *boxes).rows.tolist() == [0, 1]


def test_what_a_crop_cut_off_does_not_come_back_on_a_later_margin() -> None:
    pipeline = named(A.Crop(0, 0, 100, 100, p=1), A.PadIfNeeded(240, 400, position="top_left"))
    made = through(pipeline, (90, 10, 150, 30), (150, 10, 170, 30))
    assert made.rows.tolist() == [0]
    np.testing.assert_allclose(made.boxes, [[90, 10, 100, 30]], atol=1e-4)


def test_the_least_share_is_of_what_the_transform_before_left() -> None:
    """A quirk of the library: two crops that leave half and half again pass a least share of a half."""
    object_policy = A.BboxParams("coco", min_visibility=0.49)
    pipeline = named(A.Crop(0, 0, 200, 240, p=1), A.Crop(0, 0, 175, 240, p=1), bbox_params=object_policy)
    assert through(pipeline, (150, 0, 250, 100)).rows.tolist() == [0]


def test_a_mirrored_margin_repeats_an_object_and_the_largest_is_kept() -> None:
    shifted = A.Affine(translate_px={"x": (200, 200), "y": (0, 0)}, border_mode=2, p=1)
    made = through(named(shifted), (10, 10, 50, 40), points=np.array([[10.0, 10.0]]))
    assert made.rows.tolist() == [0]
    assert made.found.affine is None
    np.testing.assert_allclose(made.boxes[0, 2:] - made.boxes[0, :2], [40, 30], atol=1e-4)
    assert np.isnan(made.points).all()


def test_of_a_repeated_object_that_one_is_kept_where_the_map_puts_it() -> None:
    shifted = A.Affine(translate_px={"x": (15, 15), "y": (0, 0)}, border_mode=2, p=1)
    made = through(named(shifted), (2, 10, 12, 40))
    assert made.found.affine == Affine(1, 0, 15, 0, 1, 0)
    np.testing.assert_allclose(made.boxes, [[17, 10, 27, 40]], atol=1e-4)


@given(st.integers(0, 2**63 - 1))
def test_a_seed_fixes_everything(seed: int) -> None:
    pipeline = named(A.D4(p=0.7), A.RandomBrightnessContrast(p=0.7), A.GaussNoise(p=0.7), A.RandomCrop(200, 200))
    one, other = through(pipeline, seed=seed), through(pipeline, seed=seed)
    np.testing.assert_array_equal(one.pixels, other.pixels)
    np.testing.assert_array_equal(one.boxes, other.boxes)
    assert one.found == other.found


def test_steps_of_one_probability_are_drawn_apart() -> None:
    """The library's own seeding draws both flips always together or not at all."""
    pipeline = named(A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5))
    maps = {through(pipeline, seed=seed).found.affine for seed in range(24)}
    assert len(maps) == 4
    theirs = set()
    for seed in range(24):
        seeded = A.Compose([A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)], seed=seed)
        theirs.add(seeded(image=painted())["image"].tobytes())
    assert len(theirs) == 2


def test_a_seed_says_the_same_in_another_process() -> None:
    pipeline = named(A.Rotate(p=1), A.CoarseDropout(p=1), A.GaussNoise(p=1))
    code = f"""
import numpy as np
from hashlib import sha256
from bboxprep.images.effects.albumentations_adapter import Named, Shapes, augment
shapes = Shapes(np.array([[5.0, 5.0, 30.0, 30.0]]))
made = augment(np.full((50, 60, 3), 90, np.uint8), shapes, Named({pipeline.text!r}, None), 77)
print(sha256(made.pixels.tobytes() + made.boxes.tobytes()).hexdigest())
"""
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert len(runs[0].strip()) == 64


@pytest.mark.parametrize("shape", [(30, 40), (30, 40, 3)])
def test_gray_pictures_go_through(shape: tuple[int, ...]) -> None:
    pixels = np.arange(np.prod(shape), dtype=np.int64).reshape(shape).astype(np.uint8)
    made = augment(pixels, Shapes(np.zeros((0, 4))), named(A.HorizontalFlip(p=1)), 1)
    np.testing.assert_array_equal(made.pixels, pixels[:, ::-1])
    assert (made.rows.tolist(), made.boxes.shape, made.points.shape) == ([], (0, 4), (0, 2))


def test_the_arguments_are_left_as_they_are() -> None:
    pixels, boxes = painted(), np.array([BOX], dtype=np.float64)
    pixels.setflags(write=False)
    boxes.setflags(write=False)
    augment(pixels, Shapes(boxes), named(A.CoarseDropout(p=1), A.Rotate(p=1)), 3)
    np.testing.assert_array_equal(pixels, painted())


def test_a_pipeline_that_writes_into_its_argument_does_so_into_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (
        "import albumentations as A\n"
        "class Blot(A.ImageOnlyTransform):\n"
        "    def apply(self, img, **params):\n"
        "        img[:] = 7\n"
        "        return img\n"
        "blot = Blot(p=1)\n"
    )
    (tmp_path / "blotting_augmentations.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    pixels = painted()
    made = augment(pixels, Shapes(np.zeros((0, 4))), Named(None, "blotting_augmentations:blot"), 1)
    assert (made.pixels == 7).all()
    np.testing.assert_array_equal(pixels, painted())


@pytest.mark.parametrize(
    ("transform", "problem"),
    [
        (A.RandomCrop(1000, 1000), "CropSizeError: Crop size"),
        (A.Normalize(), "float32 .240, 400, 3., want uint8"),
        (A.ToFloat(), "want uint8"),
    ],
    ids=["too large", "normalised", "floats"],
)
def test_what_cannot_be_done_on_a_picture_is_said(transform: Any, problem: str) -> None:
    with pytest.raises(PipelineError, match=problem):
        through(named(transform))


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"__class_fullname__": "NoSuchThing", "p": 1}, "cannot be made .KeyError: 'NoSuchThing'"),
        ({"__class_fullname__": "os.system", "p": 1}, "cannot be made .KeyError: 'os.system'"),
        ({"__class_fullname__": "Rotate", "p": 1, "limit": "far"}, "cannot be made .ValueError"),
        ({"__class_fullname__": "HorizontalFlip", "p": 1, "always_apply": True}, "has no 'always_apply'"),
        ({"p": 1}, "cannot be made .KeyError"),
        ("HorizontalFlip", "cannot be made"),
        ({"__class_fullname__": "Compose", "transforms": [{"__class_fullname__": "Rotate", "angle": 3, "p": 1}]},
         "Rotate has no 'angle'"),
    ],
    ids=str,
)  # fmt: skip
def test_pipelines_that_cannot_be_are_refused(said: Any, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        loaded(Named(json.dumps({"transform": said}), None))


def test_what_the_library_writes_is_read_again() -> None:
    for transform in (A.PadIfNeeded(9, 9), A.SafeRotate(), A.RandomSizedCrop((9, 9), (9, 9)), A.OneOf([A.Blur()])):
        assert loaded(Named(json.dumps(A.to_dict(transform)), None))


def test_a_pipeline_of_python_is_found_also_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "import albumentations as A\nclass Mine:\n    flip = A.Compose([A.HorizontalFlip(p=1)])\nnumber = 3\n"
    (tmp_path / "their_own_augmentations.py").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    made = through(Named(None, "their_own_augmentations:Mine.flip"))
    assert made.found.affine == Affine(-1, 0, 400, 0, 1, 0)
    assert sys.path == before
    with pytest.raises(UsageError, match="have a int, want a pipeline"):
        loaded(Named(None, "their_own_augmentations:number"))
    with pytest.raises(UsageError, match="no_such_module:x: cannot be imported"):
        loaded(Named(None, "no_such_module:x"))
    with pytest.raises(UsageError, match="cannot be imported"):
        loaded(Named(None, "their_own_augmentations:Mine.no"))


def test_a_transform_that_would_leave_boxes_behind_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "import albumentations as A\n"
        "class Turn(A.DualTransform):\n"
        "    def apply(self, img, **params):\n"
        "        return img[::-1]\n"
        "    @property\n"
        "    def targets(self):\n"
        "        return {'image': self.apply}\n"
        "turn = Turn(p=1)\n"
    )
    (tmp_path / "half_augmentations.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match="Turn moves images without their boxes"):
        loaded(Named(None, "half_augmentations:turn"))
