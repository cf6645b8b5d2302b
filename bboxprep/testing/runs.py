"""Makes and converts small datasets for the checks, and reads their outputs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bboxprep import formats
from bboxprep.formats.api import Format
from bboxprep.frames.resolve import LabelsIn
from bboxprep.geometry.affine import Size
from bboxprep.pipeline.run_options import Outcome, RunOptions
from bboxprep.pipeline.source.open import Source, open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.recipe import Recipe
from bboxprep.testing.example import FormatExample, LabelledDataset, LabelledImage
from bboxprep.testing.painting import encoded

CLASSES = ("zebra", "ant", "nobody", "mole")
"""Not in alphabetical order, and one without objects."""
PLAIN = Recipe()
_USED = ("zebra", "ant", "mole")
_MOST_OBJECTS = 3


def declared(example: FormatExample) -> Format:
    """The declaration of the format of `example`."""
    return formats.load(example.format)


def random_dataset(
    example: FormatExample, seed: int, images: int = 4, size: tuple[int, int] = (48, 32), reach: float = 0.0
) -> LabelledDataset:
    """Textured PNGs of `size` in two splits, with one to three objects each and none in the last of a split, as far as
    the format can hold splits and empty images. Boxes lie in their image, or reach up to `reach` px out of it.
    """
    draw, known = np.random.default_rng(seed), declared(example)
    made = []
    for split in ("train", "val") if known.has_splits else ("train",):
        for number in range(images):
            count = int(draw.integers(1, _MOST_OBJECTS + 1))
            empty = number == images - 1 and known.keeps_empty_images
            made.append(_random_image(draw, split, f"{split}-{number}.png", 0 if empty else count, size, reach))
    return LabelledDataset(CLASSES, tuple(made))


def _random_image(
    draw: np.random.Generator, split: str, name: str, count: int, size: tuple[int, int], reach: float
) -> LabelledImage:
    sides = np.array(size, dtype=np.float64)
    corners = np.sort(draw.uniform(-reach, sides + reach, (count, 2, 2)), axis=1)
    corners[:, 1] = np.maximum(corners[:, 1], np.minimum(corners[:, 0] + 4.0, sides + reach))
    corners[:, 0] = np.minimum(corners[:, 0], corners[:, 1] - 4.0)
    names = tuple(str(name) for name in draw.choice(_USED, count))
    pixels = np.kron(draw.integers(0, 255, (size[1] // 8, size[0] // 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    picture = Image.fromarray(pixels).resize(size)
    return LabelledImage(split, name, encoded(picture, "png"), Size(*size), corners.reshape(-1, 4), names)


def painted(example: FormatExample, root: Path, dataset: LabelledDataset) -> Path:
    """Paint `dataset` in the format of `example` at `root`; returns `root`."""
    root.mkdir(parents=True, exist_ok=True)
    example.paint(root, dataset)
    return root


def opened(example: FormatExample, root: Path, labels_in: LabelsIn = "displayed") -> Source:
    """Open the dataset at `root` in the format of `example`."""
    return open_source(root, example.format, labels_in=labels_in)


def converted(
    example: FormatExample,
    root: Path,
    out: Path,
    recipe: Recipe = PLAIN,
    *,
    labels_in: LabelsIn = "displayed",
    workers: int = 1,
    finest: bool = True,
    options: Mapping[str, Any] | None = None,
) -> Outcome:
    """Convert the dataset at `root` through `recipe` to `out`, in the format `example.target`; `finest`: rounded to its
    finest step.
    """
    chosen = options if options is not None else example.options if finest else {}
    run_options = RunOptions(workers=workers)
    return convert_source(
        opened(example, root, labels_in), out, example.target, recipe, run_options=run_options, options=chosen
    )


def step_edges(example: FormatExample, size: Size, *, finest: bool = True) -> float:
    """The largest error of a written edge in an image of `size`, px."""
    known = formats.load(example.target)
    return float(known.step(known.write_options(**(example.options if finest else {}))).edges(size).max())


def by_key(dataset: LabelledDataset) -> dict[tuple[str, str], LabelledImage]:
    """The images of `dataset` by split and name."""
    return {(image.split, image.name): image for image in dataset.images}


def without_data(dataset: LabelledDataset) -> list[tuple[str, str, tuple[str, ...]]]:
    """Split, name and classes of each image, sorted."""
    return sorted((image.split, image.name, tuple(sorted(image.classes))) for image in dataset.images)


def shifted(image: LabelledImage, by: float) -> LabelledImage:
    """`image` with its first box moved `by` px along x, towards the middle of the image."""
    boxes = image.boxes.copy()
    boxes[0, [0, 2]] += by if boxes[0, 0] + boxes[0, 2] < image.size.width else -by
    return replace(image, boxes=boxes)


def rows_of(out: Path) -> list[dict[str, Any]]:
    """The rows of ``bboxprep.images.jsonl`` in the output at `out`."""
    return [json.loads(line) for line in (out / "bboxprep.images.jsonl").read_text(encoding="utf-8").splitlines()]


def remove_records(out: Path) -> Path:
    """Remove the files of bboxprep beside the dataset at `out`; returns `out`."""
    for path in out.glob("bboxprep.*"):
        path.unlink()
    return out


def tree_hashes(root: Path, *, records: bool = True) -> dict[str, str]:
    """The SHA-256 of each file below `root` by path, without the journal; `records`: with the records of the run."""
    return {
        path.relative_to(root).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
        and ".bboxprep" not in path.relative_to(root).parts
        and (records or not path.name.startswith("bboxprep."))
    }
