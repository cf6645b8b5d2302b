"""Photos whose orientation tag is stale beside photos that are turned: told by name, and left as they are by `auto`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bboxprep import formats
from bboxprep.pipeline.api import convert
from bboxprep.pipeline.source.open import open_source
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.crops import Tile
from bboxprep.recipe.geometric import Flip, Letterbox
from bboxprep.recipe.load import recipe_of
from bboxprep.recipe.recipe import Recipe, Upright
from bboxprep.verification.verify import verify
from tests.invoked import refused, run

SIZE = (96, 64)  # of each picture as a person sees it
BOX = (12, 10, 40, 50)  # x0 y0 x1 y1, px


def paint(path: Path, *, turned: bool) -> None:
    """A picture with a red box at `BOX` whose tag says 6: stored turned back, or upright with a stale tag."""
    pixels = np.random.default_rng(1).integers(90, 110, (SIZE[1], SIZE[0], 3)).astype(np.uint8)
    pixels[BOX[1] : BOX[3], BOX[0] : BOX[2]] = (230, 20, 20)
    image = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = 6
    image = image.transpose(Image.Transpose.ROTATE_90) if turned else image
    image.save(path, quality=95, subsampling=0, exif=exif.tobytes())


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tags") / "source"
    root.mkdir()
    images, objects = [], []
    for number, name in enumerate(("stale.jpg", "turned.jpg"), 1):
        paint(root / name, turned=name == "turned.jpg")
        images.append({"id": number, "file_name": name, "width": SIZE[0], "height": SIZE[1]})
        box = [BOX[0], BOX[1], BOX[2] - BOX[0], BOX[3] - BOX[1]]
        objects.append({"id": number, "image_id": number, "category_id": 1, "bbox": box, "area": 1, "iscrowd": 0})
    content = {"images": images, "annotations": objects, "categories": [{"id": 1, "name": "cat"}]}
    (root / "annotations.json").write_text(json.dumps(content), encoding="utf-8")
    return root


def lies_on_red(pixels: np.ndarray, box: np.ndarray) -> bool:
    x0, y0, x1, y1 = (round(float(edge)) for edge in box)
    inside, whole = pixels[y0:y1, x0:x1, 0].astype(float), pixels[..., 0] > 170
    return bool((inside > 170).mean() > 0.95 and abs(whole.sum() - inside.size) < 0.06 * inside.size + 8)


@pytest.mark.parametrize("name", formats.written())
@pytest.mark.parametrize("upright", ["auto", True, False])
def test_boxes_lie_on_their_paint_and_only_auto_shows_both_pictures_as_they_are_seen(
    source: Path, tmp_path: Path, name: str, upright: Upright
) -> None:
    convert(source, tmp_path / "out", name, Recipe(upright=upright))
    sizes = {}
    for sample in open_source(tmp_path / "out").dataset:
        lying = lies_on_red(sample.pixels(), sample.instances.boxes[0])
        assert lying
        sizes[sample.path.stem] = tuple(sample.size)
    seen = sorted(sizes.values())
    turned = SIZE[::-1]
    assert seen == {"auto": [SIZE, SIZE], True: [turned, SIZE], False: [turned, SIZE]}[upright]


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(Letterbox(80), upright="auto"),
        Recipe(Tile((48, 32)), upright="auto"),
        Recipe(upright="auto", augment=Augment(Flip("horizontal", p=0.5), copies=3), seed=4),
        Recipe(Tile((48, 32)), upright="auto", augment=Augment(Flip("horizontal", p=0.5), copies=2), seed=4),
    ],
)
def test_verify_agrees_and_the_recipe_is_recorded(source: Path, tmp_path: Path, recipe: Recipe) -> None:
    convert(source, tmp_path / "out", "coco", recipe)
    proof = verify(tmp_path / "out", source)
    assert proof.holds, [str(fault) for fault in proof.faults]
    assert recipe_of(json.loads((tmp_path / "out" / "bboxprep.json").read_text(encoding="utf-8"))["recipe"]) == recipe


def test_a_stale_tag_is_noted_with_its_file_and_the_option(source: Path, tmp_path: Path) -> None:
    result = run("convert", source, tmp_path / "out", "--to", "yolo")
    assert "note: 1 x orientation-stale" in result.output
    line = next(line for line in result.output.splitlines() if "stale tag?" in line)
    assert "stale.jpg: orientation 6" in line
    assert line.endswith("--upright auto leaves such images as they are")


@pytest.mark.parametrize(
    ("words", "upright"),
    [((), True), (("--upright", "on"), True), (("--upright", "off"), False), (("--no-upright",), False),
     (("--no-upright", "--upright", "off"), False), (("--upright", "auto"), "auto")],
)  # fmt: skip
def test_the_switch_is_recorded(source: Path, tmp_path: Path, words: tuple[str, ...], upright: Upright) -> None:
    assert run("convert", source, tmp_path / "out", "--to", "yolo", *words).exit_code == 0
    record = json.loads((tmp_path / "out" / "bboxprep.json").read_text(encoding="utf-8"))
    assert record["recipe"]["upright"] == upright


def test_two_switches_that_differ_are_refused(source: Path, tmp_path: Path) -> None:
    message = refused("convert", source, tmp_path / "out", "--to", "yolo", "--no-upright", "--upright", "auto")
    assert message == "--upright: have 'auto' beside --no-upright, want one of them"
