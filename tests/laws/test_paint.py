"""The paint law: a painted rectangle goes through the whole program, files included, and the rectangle found in the
output pixels is the written box, within half a pixel and what a lossy codec adds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
import pytest

from bboxprep import formats
from bboxprep.frames.resolve import LabelsIn
from bboxprep.geometry.affine import Affine
from bboxprep.geometry.plan import Plan
from bboxprep.images.codecs import lossless
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.crops import Crop
from bboxprep.recipe.geometric import Fill, Fit, Flip, Letterbox, RecipeStep, Resize
from bboxprep.recipe.multiples import Multiple
from bboxprep.recipe.recipe import Recipe
from bboxprep.testing.example import LabelledImage
from bboxprep.testing.painting import bright_box, displayed
from tests.conformance.examples import EXAMPLES, FORMATS, WRITTEN
from tests.painted import label, written

LOSSLESS, LOSSY = 0.52, 1.0  # px
SIZE, BOX = (62, 47), (14.0, 11.0, 33.0, 37.0)
STEPS: tuple[RecipeStep, ...] = (
    Letterbox((53, 71)),
    Resize((80, 40)),
    Fit((90, 90)),
    Fill((45, 41)),
    Crop(5, 4, 30, 30),
    Flip("horizontal"),
    Flip("vertical"),
)


def worst_edges(out: Path, format: str) -> dict[str, float]:
    """By suffix, how far the edge of a written box lies from the edge of the rectangle, at worst, px."""
    worst: dict[str, float] = {}
    count = 0
    for image in written(out, format):
        assert len(image.boxes) == 1 or np.ptp(image.boxes, axis=0).max() < 1, image.place  # a mask beside its box
        pixels, suffix = displayed(image.data), PurePosixPath(image.place).suffix
        assert_opencv_agrees(image, pixels.shape[:2])
        distance = float(np.abs(np.subtract(bright_box(pixels), image.boxes[0])).max())
        worst[suffix] = max(worst.get(suffix, 0.0), distance)
        count += 1
    assert count == 32
    return worst


def assert_opencv_agrees(image: LabelledImage, shape: tuple[int, ...]) -> None:
    read = cv2.imdecode(np.frombuffer(image.data, np.uint8), cv2.IMREAD_COLOR)
    assert read is not None, image.place
    assert read.shape[:2] == shape, image.place


Case = tuple[tuple[RecipeStep, ...], bool]  # the steps, and whether photos are turned upright first
SINGLE: Sequence[Case] = [((), True), *(((step,), True) for step in STEPS), ((), False), (STEPS[:1], False)]
DOUBLE: Sequence[Case] = [(pair, True) for pair in product(STEPS, STEPS)]


def cases_of(source: str, target: str) -> list[Case]:
    """The share of the cases that a pair of formats has: each source has every single step over its targets, each
    target has it over its sources, each pair of formats has a case, and each pair of steps has a pair of formats.
    """
    row, column = places(source, target)
    step = min(len(formats.written()), len(SINGLE))
    number = row * len(formats.written()) + column
    return [*SINGLE[(row + column) % step :: step], *DOUBLE[number :: len(formats.names()) * len(formats.written())]]


def frame_of(source: str, target: str) -> LabelsIn:
    """The plane that labels are drawn in: each source has both over its targets, and each target over its sources."""
    row, column = places(source, target)
    return ("stored", "displayed")[(row // 2 + column) % 2]


def places(source: str, target: str) -> tuple[int, int]:
    """The number of a format among those that are read, and of one among those that are written."""
    return formats.names().index(source), formats.written().index(target)


def test_every_case_and_each_plane_is_done_with_every_format() -> None:
    sources, targets = formats.names(), formats.written()
    for one in SINGLE:
        assert all(any(one in cases_of(source, target) for target in targets) for source in sources)
        assert all(any(one in cases_of(source, target) for source in sources) for target in targets)
    assert all({frame_of(source, target) for target in targets} == {"stored", "displayed"} for source in sources)
    assert all({frame_of(source, target) for source in sources} == {"stored", "displayed"} for target in targets)
    assert all(cases_of(source, target) for source in sources for target in targets)
    done = [case for source in sources for target in targets for case in cases_of(source, target)]
    assert all(case in done for case in DOUBLE)


@pytest.mark.parametrize("target", WRITTEN)
@pytest.mark.parametrize("source", FORMATS)
def test_the_rectangle_is_where_the_box_says(tmp_path: Path, source: str, target: str) -> None:
    frame = frame_of(source, target)
    root = label(tmp_path / "source", source, frame, SIZE, BOX)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in root.rglob("*") if path.is_file()}
    opened = open_source(root, source, labels_in=frame)
    for number, (steps, upright) in enumerate(cases_of(source, target)):
        out = tmp_path / f"out{number}"
        outcome = convert_source(
            opened,
            out,
            target,
            Recipe(*steps, upright=upright),
            run_options=RunOptions(),
            options=EXAMPLES[target].options,
        )
        assert sum(outcome.account.objects_out.values()) == 32
        worst = worst_edges(out, target)
        assert max(edge for suffix, edge in worst.items() if suffix != ".jpg") <= LOSSLESS, (steps, worst)
        assert worst[".jpg"] <= LOSSY, (steps, worst)
    assert before == {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("size", [(64, 48), (48, 64), (60, 44)])
@pytest.mark.parametrize("frame", ["stored", "displayed"])
def test_the_rectangle_of_a_photo_that_is_only_turned_is_where_the_box_says(
    tmp_path: Path, frame: LabelsIn, size: tuple[int, int]
) -> None:
    root = label(tmp_path / "source", "yolo", frame, size, BOX)
    outcome = convert_source(
        open_source(root, "yolo", labels_in=frame), tmp_path / "out", "coco", Recipe(), run_options=RunOptions()
    )
    whole = not any(side % 8 for side in size) and lossless.find_jpegtran() is not None
    assert outcome.account.made["turned-lossless"] in ({7} if whole else {0, 1})
    assert worst_edges(tmp_path / "out", "coco")[".jpg"] <= LOSSY


@pytest.mark.parametrize("step", [Letterbox(64), Multiple(64, "pad", place="top-left")])
def test_the_rectangle_of_a_photo_that_is_only_padded_is_where_the_box_says(tmp_path: Path, step: RecipeStep) -> None:
    root = label(tmp_path / "source", "yolo", "displayed", (64, 48), BOX)
    outcome = convert_source(open_source(root), tmp_path / "out", "coco", Recipe(step), run_options=RunOptions())
    assert outcome.account.made["padded-lossless"] == (8 if lossless.find_jpegtran() else 0)
    worst = worst_edges(tmp_path / "out", "coco")
    assert worst.pop(".jpg") <= LOSSY
    assert max(worst.values()) <= LOSSLESS


def test_whole_pixels_of_voc_cost_half_a_pixel_more(tmp_path: Path) -> None:
    root = label(tmp_path / "source", "coco", "displayed", SIZE, BOX)
    convert_source(open_source(root), tmp_path / "out", "voc", Recipe(Letterbox((53, 71))), run_options=RunOptions())
    worst = worst_edges(tmp_path / "out", "voc")
    assert max(edge for suffix, edge in worst.items() if suffix != ".jpg") <= LOSSLESS + 0.5


@pytest.mark.parametrize("mistake", ["labels in the other frame", "boxes shifted by a pixel"])
def test_the_law_catches_a_planted_mistake(tmp_path: Path, mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    root = label(tmp_path / "source", "yolo", "displayed", SIZE, BOX)
    if mistake == "boxes shifted by a pixel":
        honest = Plan.__dict__["affine"].func
        monkeypatch.setattr(Plan, "affine", property(lambda plan: Affine.translation(1.0, 0.0) @ honest(plan)))
    opened = open_source(root, labels_in="stored" if "frame" in mistake else "displayed")
    convert_source(opened, tmp_path / "out", "yolo", Recipe(Letterbox(64)), run_options=RunOptions())
    assert max(worst_edges(tmp_path / "out", "yolo").values()) > LOSSY
