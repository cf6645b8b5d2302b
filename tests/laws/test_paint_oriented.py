"""The paint law for oriented boxes: a turned rectangle that is painted into a picture goes through the whole program.

The rectangle that a trainer makes of the written corners (``minAreaRect``) is that of the painted pixels: as large, and
all of the paint lies in it. `verify` agrees, and finds what is planted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from bboxprep import formats
from bboxprep.geometry.affine import Affine, Points, Size
from bboxprep.geometry.oriented import refitted
from bboxprep.model.columns import Column
from bboxprep.pipeline.api import read
from bboxprep.pipeline.run_options import Outcome, RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.affine_steps import Rotate, Shear
from bboxprep.recipe.crops import Crop, Tile
from bboxprep.recipe.geometric import Fill, Flip, Letterbox, RecipeStep, Resize
from bboxprep.recipe.recipe import Recipe
from bboxprep.verification.verify import verify
from tests.formats.yolo.trees import grow

SIZE, FINE = Size(160, 120), 8  # px; a pixel is painted as the mean of 8 x 8
REACH = 0.8  # px; how far paint may lie outside: half a pixel's diagonal, and what a resize blurs
GROWTH = 2.4  # px; how much longer the sides may be than between the centres of painted pixels
LEAST = 60.0  # square px that are left of a rectangle of which the sides are measured
ALONE = RunOptions(sidecar=False)
HOLD = tuple(name for name in formats.written() if Column.ORIENTED in formats.load(name).carries)
RECIPES: tuple[tuple[RecipeStep, ...], ...] = (
    (),
    (Letterbox((200, 200)),),
    (Flip("horizontal"), Resize((240, 180))),
    (Crop(30, 20, 90, 70),),
    (Fill((80, 110)), Flip("vertical")),
    (Tile((52, 120)),),
    (Tile((160, 42)),),
    (Rotate(25.0), Crop(20, 20, 110, 80)),
    (Shear(15.0, 0.0), Letterbox((128, 128))),
)


def bars(seed: int) -> list[Points]:
    """The corners (4, 2) of some turned rectangles, in a picture of `SIZE`, that do not overlap."""
    draw, found = np.random.default_rng(seed), list[Points]()
    for middle in ((40, 35), (118, 35), (40, 85), (118, 85)):
        half = draw.uniform(10, 24), draw.uniform(6, 10)
        turn = Affine.rotation(float(draw.uniform(8, 82) + 90 * draw.integers(2)))
        found.append(Affine.translation(*middle)(turn(np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half)))
    return found


def source(root: Path, seed: int) -> Path:
    """A YOLO dataset of one picture with white bars on black, each of a class of its own by its gray."""
    rings = bars(seed)
    canvas = np.zeros((SIZE.height * FINE, SIZE.width * FINE), np.uint8)
    for ring in rings:
        cv2.fillPoly(canvas, [np.rint(ring * FINE * 16).astype(np.int32)], 255, shift=4)
    picture = canvas.reshape(SIZE.height, FINE, SIZE.width, FINE).mean(axis=(1, 3)).astype(np.uint8)
    rows = [" ".join([str(n), *(f"{v:.6f}" for v in (ring / np.array(SIZE)).ravel())]) for n, ring in enumerate(rings)]
    grow(root, {"labels/train/a.txt": "\n".join(rows), "data.yaml": "train: images/train\nnames: [a, b, c, d]\n"})
    (root / "images/train").mkdir(parents=True)
    Image.fromarray(np.stack([picture] * 3, axis=-1)).save(root / "images/train/a.png")
    return root


def convert(tmp_path: Path, seed: int, *steps: RecipeStep, to: str = "yolo", **options: Any) -> Outcome:
    opened = open_source(source(tmp_path / "set", seed))
    return convert_source(opened, tmp_path / "out", to, Recipe(*steps, pad=0), run_options=ALONE, options=options)


def outputs(out: Path) -> Iterator[tuple[NDArray[np.uint8], Points]]:
    """The pixels of each output image, and the corners (N, 4, 2) px of its objects."""
    for path in sorted((out / "labels").rglob("*.txt")):
        pixels = np.asarray(Image.open(out / "images" / path.relative_to(out / "labels").with_suffix(".png")))[..., 0]
        rows = np.array([line.split() for line in path.read_text("utf-8").splitlines()], dtype=np.float64)
        size = np.array(pixels.shape[::-1])
        yield pixels, rows[:, 1:].reshape(-1, 4, 2) * size if len(rows) else np.zeros((0, 4, 2))


def check(out: Path) -> int:
    """Compare all objects of a YOLO output with the paint; how many were compared."""
    pictures = list(outputs(out))
    for pixels, corners in pictures:
        assert (corners >= 0).all()
        assert (corners <= pixels.shape[::-1]).all()
    return compare(pictures)


def compare(pictures: Iterable[tuple[NDArray[np.uint8], Points]]) -> int:
    """Compare the corners (N, 4, 2) in each of `pictures` with the paint; how many were compared."""
    count = 0
    for pixels, corners in pictures:
        _, marks = cv2.connectedComponents((pixels >= 128).astype(np.uint8))
        for own in corners.astype(np.float32):
            mark = np.bincount(marks[cv2.fillPoly(np.zeros_like(pixels), [np.rint(own - 0.5).astype(np.int32)], 1) > 0])
            mark[:1] = 0
            place = np.argwhere(marks == mark.argmax())[:, ::-1].astype(np.float32) + 0.5
            if not mark.any() or len(place) < LEAST:
                continue
            stated, painted = cv2.minAreaRect(own), cv2.minAreaRect(place)
            rectangle = cv2.boxPoints(stated)
            over = max(-cv2.pointPolygonTest(rectangle, point.tolist(), measureDist=True) for point in place)
            assert over <= REACH
            assert stated[1][0] * stated[1][1] <= (painted[1][0] + GROWTH) * (painted[1][1] + GROWTH)
            count += 1
    return count


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("steps", RECIPES, ids=str)
def test_what_a_trainer_reads_is_what_is_painted(tmp_path: Path, steps: tuple[RecipeStep, ...], seed: int) -> None:
    outcome = convert(tmp_path, seed, *steps)
    assert outcome.options == {"task": "obb"}
    assert check(tmp_path / "out") >= 2
    proof = verify(tmp_path / "out")
    assert proof.holds, proof.faults


@pytest.mark.parametrize("steps", [RECIPES[3], RECIPES[7], RECIPES[8]], ids=str)
@pytest.mark.parametrize("format", HOLD)
def test_every_format_that_holds_oriented_boxes_states_what_is_painted(
    tmp_path: Path, format: str, steps: tuple[RecipeStep, ...]
) -> None:
    exact = {"subpixel": True} if format == "supervisely" else {}  # whole pixels hold no turned box
    convert(tmp_path, 1, *steps, to=format, **exact)
    samples = list(read(tmp_path / "out", format))
    held = [sample.instances.oriented[sample.instances.has(Column.ORIENTED)] for sample in samples]
    assert compare((sample.image[..., 0], own) for sample, own in zip(samples, held, strict=True)) >= (
        2 if steps is not RECIPES[8] else 0  # a parallelogram is a polygon in CVAT
    )
    proof = verify(tmp_path / "out", tmp_path / "set")
    assert proof.holds, proof.faults


def upright(corners: Points, left: Points) -> Points:
    """A planted mistake: the box around what is left."""
    low, high = left.min(axis=0), left.max(axis=0)
    return np.array([low, (high[0], low[1]), high, (low[0], high[1])])


def half(corners: Points, left: Points) -> Points:
    """A planted mistake: the rectangle around the first corners alone."""
    return refitted(corners, left[:3])


@pytest.mark.parametrize("mistake", [upright, half])
def test_the_law_and_verify_catch_another_box(tmp_path: Path, mistake: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bboxprep.transform.outline.refitted", mistake)
    convert(tmp_path, 1, Tile((52, 120)))
    with pytest.raises(AssertionError):
        check(tmp_path / "out")
    assert {"outline-moved", "box-moved"} & {fault.code for fault in verify(tmp_path / "out").faults}


def test_cut_boxes_are_counted(tmp_path: Path) -> None:
    outcome = convert(tmp_path, 1, Tile((52, 120)))
    (clipped, *_) = [one for one in outcome.account.findings if one.code == "box-clipped"]
    assert "cut at the edge of the image of 52x120" in clipped.message
    (refits, *_) = [one for one in outcome.account.findings if one.code == "oriented-refitted"]
    assert "oriented boxes are now the smallest rectangles around what is left of them" in refits.message
    assert not [one for one in outcome.account.findings if one.code == "column-dropped"]
