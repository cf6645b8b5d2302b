"""SIGKILL at any moment costs time and nothing else: resumed, however often it was killed, a run ends in the tree that
it would have ended in.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from bboxprep.pipeline.output.run_record import RECORD
from tests.running import finish, on_linux, running
from tests.tiny import tiny, tree

KILLS = 51
IN_A_ROUND = 11  # at most, then it may end
OPTIONS = {  # pixels, augmentation and links, each in one format; the kit kills and resumes every format
    "yolo": ("--letterbox", 400),
    "coco": ("--fit", 300, "--flip", "horizontal:0.5", "--rotate", "-20:20", "--copies", 2, "--seed", 5),
    "voc": (),
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny(tmp_path_factory.mktemp("kill") / "source", range(240), size=(480, 320))


@on_linux
@pytest.mark.parametrize(("to", "seed"), [("yolo", 1), ("coco", 2), ("voc", 3)])
def test_a_run_that_is_killed_again_and_again_ends_in_the_same_tree(
    source: Path, tmp_path: Path, to: str, seed: int
) -> None:
    draw = random.Random(seed)
    options = ("--to", to, *OPTIONS[to], "--workers", 2, "--labels-in", "displayed")
    begun = time.monotonic()
    assert finish(source, tmp_path / "whole", *options).code == 0
    longest = time.monotonic() - begun
    whole, kills, rounds, unfinished = tree(tmp_path / "whole"), 0, 0, 0
    while kills < KILLS // len(OPTIONS):
        dest, rounds = tmp_path / f"round-{rounds}", rounds + 1
        for _ in range(IN_A_ROUND):
            killed = kill(source, dest, draw, longest, *options)
            kills += killed
            unfinished += killed and not (dest / RECORD).exists() and any(dest.rglob("*.jpg"))
            if not killed:
                break
        assert finish(source, dest, *options, "--resume").code == 0
        assert tree(dest) == whole
    assert rounds > 1
    assert unfinished > kills / 3  # most of them in the midst of the work


def kill(source: Path, dest: Path, draw: random.Random, longest: float, *options: object) -> bool:
    """Kill a run at a random moment, one time in five before it has begun to write; False if it was faster."""
    early = draw.random() < 0.2
    with running(source, dest, *options, "--resume") as run:
        alive = run.wait_until(lambda: early or run.begun)
        time.sleep(draw.random() * longest * (0.8 if early else 0.3))
        alive = alive and run.process.poll() is None
        run.process.kill()
        run.end()
        return alive
