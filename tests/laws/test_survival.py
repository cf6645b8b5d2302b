"""What befalls a run besides a kill of it all: signals, a worker that dies, another run, a full disk, files that go."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from bboxprep.io.atomic import TEMPORARY
from bboxprep.io.paths import relative_path
from bboxprep.pipeline.output.run_record import RECORD
from bboxprep.pipeline.run_options import Outcome, RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.geometric import Letterbox
from bboxprep.recipe.recipe import Recipe
from tests.running import finish, on_linux, running
from tests.tiny import stamps, tiny, tree

OPTIONS = ("--to", "yolo", "--letterbox", 400, "--labels-in", "displayed", "--workers", 2)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny(tmp_path_factory.mktemp("survival") / "source", range(200), size=(480, 320))


@pytest.fixture(scope="module")
def whole(source: Path) -> dict[str, str]:
    assert finish(source, source.parent / "whole", *OPTIONS).code == 0
    return tree(source.parent / "whole")


def written(dest: Path, least: int) -> bool:
    """Whether so many pictures stand in the output."""
    return sum(1 for _ in (dest / "images").rglob("*.jpg")) >= least


@on_linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
@pytest.mark.parametrize("group", [False, True], ids=["it alone", "and all it started"])
def test_a_run_that_is_asked_to_stop_finishes_what_it_has_in_hand_and_says_how_to_go_on(
    source: Path, whole: dict[str, str], tmp_path: Path, number: signal.Signals, group: bool
) -> None:
    dest = tmp_path / "out"
    with running(source, dest, *OPTIONS) as run:
        assert run.wait_until(lambda: written(dest, 20))
        (os.killpg if group else os.kill)(run.process.pid, number)
        ended = run.end()
    assert ended.code == 130
    assert ended.said.startswith(f"bboxprep: {dest}: stopped as asked; ")
    assert "--resume goes on from there" in ended.said
    assert not (dest / RECORD).exists()
    assert not [name for name in tree(dest) if TEMPORARY in name and not group]
    pictures = {name: stamp for name, stamp in stamps(dest).items() if name.endswith(".jpg")}
    assert finish(source, dest, *OPTIONS).code == 2
    assert finish(source, dest, *OPTIONS, "--resume").code == 0
    assert tree(dest) == whole
    assert pictures.items() <= stamps(dest).items()


@on_linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_a_run_that_has_not_begun_stops_at_once(source: Path, tmp_path: Path, number: signal.Signals) -> None:
    with running(source, tmp_path / "out", *OPTIONS) as run:
        assert run.wait_until(lambda: bool(run.children()))  # it looks at the source
        os.kill(run.process.pid, number)
        ended = run.end()
    assert ended.code == 130
    assert ended.said.splitlines()[-1].startswith("bboxprep: ")
    assert "stopped" in ended.said


@on_linux
def test_a_worker_that_is_killed_is_replaced_and_the_run_goes_on(
    source: Path, whole: dict[str, str], tmp_path: Path
) -> None:
    dest, killed = tmp_path / "out", 0
    with running(source, dest, *OPTIONS) as run:
        for least in (10, 60, 110):
            if run.wait_until(partial(written, dest, least)) and (children := run.children()):
                os.kill(children[-1], signal.SIGKILL)
                killed += 1
        ended = run.end()
    assert ended.code == 0, ended.said
    assert killed
    assert tree(dest) == whole


@on_linux
@pytest.mark.parametrize("option", ["--resume", "--overwrite"])
def test_a_second_run_is_refused_while_the_first_one_writes_and_not_when_it_was_killed(
    source: Path, whole: dict[str, str], tmp_path: Path, option: str
) -> None:
    dest = tmp_path / "out"
    with running(source, dest, *OPTIONS) as run:
        assert run.wait_until(lambda: written(dest, 20))
        run.process.send_signal(signal.SIGSTOP)
        before = {name for name in stamps(dest) if TEMPORARY not in name}  # which its processes may finish
        second = finish(source, dest, *OPTIONS, option)
        assert (second.code, second.said) == (2, f"bboxprep: {dest}: another run is writing here\n")
        assert before <= stamps(dest).keys()
        run.process.kill()
        run.end()
    assert finish(source, dest, *OPTIONS, option).code == 0
    assert tree(dest) == whole


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a megabyte; `enlarge` makes it larger."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def enlarge(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)


def test_a_full_disk_is_one_clear_line_and_the_run_goes_on_when_there_is_room(
    source: Path, whole: dict[str, str], small_disk: Path
) -> None:
    dest = small_disk / "out"
    for _ in range(2):
        ended = finish(source, dest, *OPTIONS, "--resume")
        assert ended.code == 2
        assert ended.said.count("\n") == 1
        assert "no space left" in ended.said.lower()
        assert not (dest / RECORD).exists()
    pictures = [name for name in tree(dest) if name.endswith(".jpg")]
    assert pictures
    enlarge(small_disk)
    before = stamps(dest)
    assert finish(source, dest, *OPTIONS, "--resume").code == 0
    assert tree(dest) == whole
    kept = [name for name in pictures if stamps(dest)[name] == before[name]]
    assert len(kept) > len(pictures) / 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_file_that_may_not_grow_is_a_clear_error(source: Path, whole: dict[str, str], tmp_path: Path) -> None:
    """As where a quota is used up: no file may be larger than these bytes, of which the journal is one."""
    limit: Callable[[], None] = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (60_000, 60_000))
    with running(source, tmp_path / "out", *OPTIONS, prepare=limit) as run:
        ended = run.end()
    assert ended.code == 2
    assert ended.said.splitlines()[-1].startswith("bboxprep: ")
    assert ended.said.count("\n") == 1
    assert finish(source, tmp_path / "out", *OPTIONS, "--resume").code == 0
    assert tree(tmp_path / "out") == whole


def test_a_target_that_cannot_be_written_is_one_clear_line(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    below = finish(source, tmp_path / "file" / "below", *OPTIONS)
    assert (below.code, below.said.count("\n")) == (2, 1)
    assert "Not a directory" in below.said or "cannot be used" in below.said


def test_a_target_that_may_only_be_read_is_one_clear_line(source: Path, small_disk: Path) -> None:
    dest = small_disk / "out"
    dest.mkdir()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    ended = finish(source, dest, *OPTIONS)
    assert (ended.code, ended.said.count("\n")) == (2, 1)
    assert "Read-only file system" in ended.said


@pytest.mark.parametrize("recipe", [Recipe(Letterbox(40)), Recipe()], ids=["pixels", "links"])
@pytest.mark.parametrize("workers", [1, 2])
def test_images_that_vanish_under_a_run_are_findings_and_counted(tmp_path: Path, recipe: Recipe, workers: int) -> None:
    source = tiny(tmp_path / "source", range(64))
    lost = [source / "images" / "train" / f"{number:05d}.jpg" for number in (60, 62)]

    def take_away(_: int) -> None:
        for path in lost:
            path.unlink(missing_ok=True)

    outcome = change_under_way(source, tmp_path / "out", recipe, workers, take_away)
    paths = {relative_path(path, source) for path in lost}
    codes = [finding.code for finding in outcome.account.findings if finding.path in paths]
    assert codes.count("image-missing") == 2
    assert outcome.account.images_in["train"] - outcome.account.images_out["train"] == 2
    assert sum(outcome.account.dropped.values()) == 4
    assert not any(path.stem in name for name in tree(tmp_path / "out") for path in lost)
    fresh = convert_source(
        open_source(source, labels_in="displayed"), tmp_path / "fresh", "yolo", recipe, run_options=RunOptions()
    )
    again = change_under_way(source, tmp_path / "out", recipe, workers, take_away)
    assert again.account.images_out == fresh.account.images_out
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")


@pytest.mark.parametrize("workers", [1, 2])
def test_labels_that_vanish_under_a_run_end_it_in_no_traceback(tmp_path: Path, workers: int) -> None:
    source = tiny(tmp_path / "source", range(64))
    outcome = change_under_way(
        source, tmp_path / "out", Recipe(), workers, lambda _: shutil.rmtree(source / "labels", ignore_errors=True)
    )
    assert outcome.account.images_out["train"] == 64


def change_under_way(source: Path, dest: Path, recipe: Recipe, workers: int, change: Callable[[int], None]) -> Outcome:
    opened = open_source(source, labels_in="displayed")
    return convert_source(opened, dest, "yolo", recipe, run_options=RunOptions(workers), progress=change)
