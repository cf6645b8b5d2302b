"""Programs train on our outputs for an epoch, and what they predict comes back to the images of the source."""

from __future__ import annotations

import contextlib
import io
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pycocotools.coco import COCO

import bboxprep
from tests.conftest import state_of
from tests.consumers import environment
from tests.consumers.bench import answer_of
from tests.consumers.sources import CLASSES, PICTURES, draw_rectangles
from tests.consumers.trainers import TRAININGS, Training, train

pytestmark = [
    pytest.mark.consumers_heavy,
    pytest.mark.skipif(not environment.has("heavy"), reason="not made: python tests/consumers/environment.py --heavy"),
]
ROOT = Path(__file__).parents[2]
NUMBERS = {"six": 17, "seven": 18, "none": 19}  # of the images of "val"


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_rectangles(tmp_path_factory.mktemp("trainers") / "source")


@pytest.mark.parametrize("training", TRAININGS, ids=lambda one: f"{one.model}-{one.output.format}".replace(" ", "-"))
def test_an_epoch_and_its_predictions_come_home(tmp_path: Path, source: Path, training: Training) -> None:
    before = state_of(source)
    trained = train(training, source, tmp_path)
    assert state_of(source) == before
    assert trained.codes <= {"box-cropped", "category-assumed"}
    assert trained.predictions == len(trained.home) + trained.dropped
    assert {row["image_id"] for row in trained.home} == set(NUMBERS.values())
    assert {row["category_id"] for row in trained.home} <= set(CLASSES)
    if training.output.format == "yolo":
        assert trained.labels > 0
    if training.output.task != "obb":  # of which pycocotools knows nothing
        with contextlib.redirect_stdout(io.StringIO()):
            truth = COCO(str(source / "annotations" / "instances_val.json"))
            found = truth.loadRes([row for row in trained.home if row["bbox"][2] > 0])
        for row in found.anns.values():
            image, (x, y, width, height) = truth.imgs[row["image_id"]], row["bbox"]
            assert min(x, y) >= -0.01
            assert x + width <= image["width"] + 0.01
            assert y + height <= image["height"] + 0.01


def test_the_two_commands_of_the_tutorial_lead_from_a_zip_of_cvat_to_a_model(tmp_path: Path) -> None:
    """As they stand on the page; the training is cut short to an epoch."""
    text = (ROOT / "docs" / "pages" / "tutorial.md").read_text(encoding="utf-8")
    convert, train = (line for line in text.splitlines() if line.startswith(("bboxprep convert", "yolo detect train")))
    (tmp_path / "fixtures").mkdir()
    shutil.copy(ROOT / "fixtures" / "cvat-export.zip", tmp_path / "fixtures")
    program = environment.python(environment.folder())
    for command, words in ((sys.executable, ["-m", *convert.split()]), (program.with_name("yolo"), train.split()[1:])):
        short = (
            ["epochs=1", "device=cpu", "workers=0", "plots=False", f"project={tmp_path}"] if "train" in words else []
        )
        subprocess.run(
            [command, *words, *short], cwd=tmp_path, check=True, env=environment.variables(tmp_path / "home")
        )
    assert list(tmp_path.rglob("weights/best.pt"))
    labels = tmp_path / "tutorial" / "prepared" / "labels"
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in labels.rglob("*.txt")) == 22


def test_a_picture_that_ultralytics_writes_anew_is_a_copy(tmp_path: Path, source: Path) -> None:
    """It writes JPEG files anew that do not end with their end marker, as those of some phones do."""
    own = shutil.copytree(source, tmp_path / "source")
    with (own / "train" / "two.jpg").open("ab") as file:
        file.write(bytes(16))
    bboxprep.convert(own, tmp_path / "out", "yolo")
    before, copy = state_of(own), tmp_path / "out" / "images" / "train" / "two.jpg"
    kept = copy.read_bytes()
    assert kept == (own / "train" / "two.jpg").read_bytes()
    word = f"yolo-detect={tmp_path / 'out'}"
    said = answer_of("by_ultralytics", [word], tmp_path)
    assert len(said[word]) == sum(map(len, PICTURES.values()))
    assert copy.read_bytes() != kept
    assert state_of(own) == before
