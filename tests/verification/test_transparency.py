"""True outputs of transparent and of deep images are proven, by whichever way their pixels came into the output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from bboxprep import formats
from bboxprep.images.codecs.codec import ImagePolicy
from bboxprep.images.codecs.modes import Depth16
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.affine_steps import Rotate
from bboxprep.recipe.appearance import Exposure
from bboxprep.recipe.geometric import Fill, Fit, Flip, Letterbox
from bboxprep.recipe.recipe import Recipe
from bboxprep.verification.verify import verify
from tests.verification.outputs import codes, edit_record, told

SIZE = (240, 180)
BOXES = ((30, 36, 96, 120), (130, 50, 214, 150))
RECIPES = (Recipe(), Recipe(Letterbox(200)), Recipe(Flip("horizontal")), Recipe(Fit(150), Rotate(17.0)))
MORE = (Recipe(upright=False), Recipe(Fill((120, 120)), Exposure(1.2)), Recipe(Letterbox(320), pad=(0, 90, 200)))
BACKGROUNDS = ((255, 255, 255), (0, 0, 0), (200, 30, 90))


def picture(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Colours (H, W, 3), and an opacity (H, W) that is full in the boxes, and between them less, here and there."""
    soft = Image.fromarray(rng.integers(0, 255, (9, 12, 3), dtype=np.uint8)).resize(SIZE, Image.Resampling.BICUBIC)
    faint = Image.fromarray(rng.integers(0, 160, (6, 8), dtype=np.uint8)).resize(SIZE, Image.Resampling.NEAREST)
    opacity = np.asarray(faint).copy()
    opacity[: SIZE[1] // 4] = 0
    for x0, y0, x1, y1 in BOXES:
        opacity[y0:y1, x0:x1] = 255
    return np.asarray(soft).copy(), opacity


def save_all(folder: Path, rng: np.random.Generator) -> None:
    """One image of each way in which files are transparent or deep."""
    colours, opacity = picture(rng)
    clear, whole = Image.fromarray(np.dstack((colours, opacity))), Image.fromarray(colours)
    gray = np.asarray(whole.convert("L")).copy()
    gray[opacity == 0] = 7
    colours[opacity == 0] = (1, 2, 3)
    deep = gray.astype(np.uint16) * 257
    indexed = whole.quantize(64)
    folder.mkdir(parents=True)
    saved: tuple[tuple[str, Image.Image, dict[str, Any]], ...] = (
        ("rgba.png", clear, {}),
        ("lossless.webp", clear, {"lossless": True, "exact": True}),
        ("lossy.webp", clear, {"quality": 95}),
        ("rgba-2.tif", clear, {}),
        ("la.png", clear.convert("LA"), {}),
        ("la-2.tif", clear.convert("LA"), {}),
        ("indexed.png", indexed, {"transparency": int(np.asarray(indexed)[0, 0])}),
        ("moving.gif", indexed, {"transparency": int(np.asarray(indexed)[0, 0])}),
        ("shades.png", indexed, {"transparency": bytes(rng.integers(0, 256, 64, dtype=np.uint8))}),
        ("one-gray.png", Image.fromarray(gray), {"transparency": 7}),
        ("one-colour.png", Image.fromarray(colours), {"transparency": (1, 2, 3)}),
        ("deep.png", Image.fromarray(deep), {"transparency": 7 * 257}),
        ("rgba-3.avif", clear, {"quality": 95}),
    )
    for name, image, options in saved:
        image.save(folder / name, **options)


DEPTHS: tuple[Depth16, ...] = ("shift8", "minmax", "percentile")


def dataset(root: Path, seed: int) -> Path:
    width, height = SIZE
    save_all(root / "images", np.random.default_rng(seed))
    rows = "".join(
        f"{label} {(x0 + x1) / 2 / width} {(y0 + y1) / 2 / height} {(x1 - x0) / width} {(y1 - y0) / height}\n"
        for label, (x0, y0, x1, y1) in enumerate(BOXES)
    )
    (root / "labels").mkdir()
    for path in (root / "images").iterdir():
        (root / "labels" / f"{path.stem}.txt").write_text(rows)
    (root / "data.yaml").write_text("train: images\nnames: [cat, dog]\n")
    return root


@pytest.mark.parametrize(("seed", "recipe"), list(enumerate((*RECIPES, *MORE))), ids=str)
def test_a_true_output_of_transparent_images_is_proven(tmp_path: Path, seed: int, recipe: Recipe) -> None:
    depth16 = DEPTHS[seed % 3]
    policy = ImagePolicy(depth16, background=BACKGROUNDS[seed % len(BACKGROUNDS)], frames="first")
    source = open_source(dataset(tmp_path / "source", seed), image_policy=policy)
    to = formats.written()[seed % len(formats.written())]
    convert_source(source, tmp_path / "out", to, recipe, run_options=RunOptions())
    proof = verify(tmp_path / "out")
    assert proof.holds, told(proof)
    structural, _, pixel = proof.tallies
    assert structural.checked == 13
    assert pixel.checked > pixel.unsure


def test_the_recorded_background_says_what_is_shown(tmp_path: Path) -> None:
    source = open_source(dataset(tmp_path / "source", 1), image_policy=ImagePolicy("shift8", (0, 0, 0), "first"))
    convert_source(source, tmp_path / "out", "coco", Recipe(Letterbox(200)), run_options=RunOptions())
    edit_record(tmp_path / "out", image_policy={"depth16": "shift8", "background": [255, 255, 255]})
    assert "pixels-differ" in codes(verify(tmp_path / "out"))
