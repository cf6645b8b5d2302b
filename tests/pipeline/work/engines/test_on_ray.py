"""Runs on a real Ray cluster of this machine: the same bytes as without it, also where its processes are killed."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import bboxprep
from bboxprep import Augment, Flip, Letterbox, Recipe
from bboxprep.cli import commands
from bboxprep.errors import StoppedError, TargetError, UsageError, WorkerError
from bboxprep.pipeline.work.conversion import PIXEL_BLOCK
from bboxprep.pipeline.work.engines.local import Local, block_size
from bboxprep.pipeline.work.engines.on_ray import OnRay
from bboxprep.pipeline.work.worker import BatchWorker
from tests.pipeline.work.engines.fatal import Fatal
from tests.running import ROOT, finish, running
from tests.tiny import tiny, tree

ray = pytest.importorskip("ray", reason="Ray is not installed (it has no wheel for this system)")
pytestmark = pytest.mark.filterwarnings("default")  # Ray has some of its own

RECIPE = Recipe(Letterbox(64), augment=Augment(Flip("horizontal", p=0.5), copies=2), seed=3)


@pytest.fixture(scope="module")
def engine() -> Iterator[OnRay]:
    yield OnRay(2)
    ray.shutdown()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny(tmp_path_factory.mktemp("ray") / "source", range(40))


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    dest = tmp_path_factory.mktemp("whole") / "out"
    bboxprep.convert(source, dest, "yolo", RECIPE, labels_in="displayed")
    return tree(dest)


def square(number: int) -> int:
    if number == 77:
        raise TargetError("seventy-seven")
    return number * number


def test_results_come_in_the_order_of_the_items_and_errors_as_they_are(engine: OnRay) -> None:
    assert list(engine.run(square, range(20))) == [number * number for number in range(20)]
    with pytest.raises(TargetError, match="seventy-seven"):
        list(engine.run(square, range(70, 80)))


def test_a_process_that_is_killed_takes_nothing_with_it(engine: OnRay, tmp_path: Path) -> None:
    died: list[int] = []
    work = Fatal(tmp_path, once={2, 5}, always=set())
    assert list(engine.run(work, range(12), on_worker_death=lambda: died.append(1))) == list(range(12))
    assert len(died) == 2


def test_an_item_that_brings_down_every_process_is_known_and_the_others_are_done(engine: OnRay, tmp_path: Path) -> None:
    work = Fatal(tmp_path, once=set(), always={4})
    assert list(engine.run(work, range(9), on_lost_item=lambda item: -item)) == [0, 1, 2, 3, -4, 5, 6, 7, 8]
    with pytest.raises(WorkerError, match="killed 3 processes"):
        list(engine.run(work, range(9)))


def test_few_items_are_taken_ahead_and_what_is_in_hand_is_done_when_it_is_stopped(engine: OnRay) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    done: list[int] = []
    with pytest.raises(StoppedError, match="stopped as asked"):
        done.extend(engine.run(square, items(), stop=lambda: len(done) >= 10 or len(taken) > 20))
    assert len(taken) < 30
    assert done == [number * number for number in taken[:-1]]


@dataclass(frozen=True)
class Deadly:
    """A worker whose process is killed over one of its blocks, the first time that it comes."""

    worker: BatchWorker
    mark: Path

    def __call__(self, block: Any) -> bytes:
        if block.start > 8 and not self.mark.exists():
            self.worker(block)  # all of it is written, and nobody hears of it
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.worker(block)


@dataclass(frozen=True)
class Murderous(OnRay):
    """The cluster, one process of which is killed in the midst of a run."""

    mark: Path = Path()

    def run(self, work: Callable[[Any], Any], items: Iterable[Any], **how: Any) -> Iterator[Any]:
        return super().run(Deadly(work, self.mark) if isinstance(work, BatchWorker) else work, items, **how)


def test_a_run_on_the_cluster_ends_in_the_same_tree(
    engine: OnRay, source: Path, whole: dict[str, str], tmp_path: Path
) -> None:
    bboxprep.convert(source, tmp_path / "out", "yolo", RECIPE, labels_in="displayed", engine=engine)
    assert tree(tmp_path / "out") == whole
    again = bboxprep.convert(source, tmp_path / "out", "yolo", RECIPE, labels_in="displayed", engine=engine)
    assert again.fresh == 0


@pytest.mark.usefixtures("engine")
def test_a_process_of_the_cluster_that_is_killed_changes_nothing_in_it(
    source: Path, whole: dict[str, str], tmp_path: Path
) -> None:
    engine = Murderous(2, None, tmp_path / "killed")
    bboxprep.convert(source, tmp_path / "out", "yolo", RECIPE, labels_in="displayed", engine=engine)
    assert (tmp_path / "killed").exists()
    assert tree(tmp_path / "out") == whole


def test_tasks_have_some_hundred_images_where_there_are_enough(tmp_path: Path) -> None:
    sizes: list[int] = []

    class Counted(Local, frozen=True):
        min_block_size = OnRay(1).min_block_size

        def run(self, work: Callable[[Any], Any], items: Iterable[Any], **_: Any) -> Iterator[Any]:
            for item in items:
                sizes.append(len(item.outputs) if isinstance(work, BatchWorker) else 0)
                yield work(item)

    assert Counted.min_block_size >= 200
    source = tiny(tmp_path / "source", range(240))
    bboxprep.convert(source, tmp_path / "out", "yolo", Recipe(Letterbox(16)), labels_in="displayed", engine=Counted(1))
    most_that_end_together = block_size(240, 1, Counted.min_block_size)
    assert max(sizes) == most_that_end_together > PIXEL_BLOCK


TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "5e" * 32}
COMMAND = ("--letterbox", 64, "--flip", "horizontal:0.5", "--copies", 2, "--seed", 3, "--labels-in", "displayed")


@dataclass(frozen=True)
class Cluster:
    """A cluster that was started by itself, as an administrator does."""

    address: str
    nodes: list[subprocess.Popen[bytes]]

    def join(self, *options: str) -> subprocess.Popen[bytes]:
        """A further node of one processor; all its processes are of one group."""
        command = [str(Path(sys.executable).with_name("ray")), "start", "--block", "--num-cpus=1"]
        node = subprocess.Popen(
            [*command, "--disable-usage-stats", *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT,
            start_new_session=True, env={**os.environ, **TOKEN},
        )  # fmt: skip
        self.nodes.append(node)
        assert node.stdout
        assert any(b"Ray runtime started" in line for line in node.stdout)
        return node


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    port = _free_port()
    found = Cluster(f"127.0.0.1:{port}", [])
    try:
        found.join("--head", f"--port={port}", "--include-dashboard=false")
        yield found
    finally:
        for node in reversed(found.nodes):
            with suppress(ProcessLookupError):
                os.killpg(node.pid, signal.SIGKILL)  # asked to end, it takes half a minute
            node.communicate(timeout=60)


@pytest.fixture
def with_token(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in TOKEN.items():
        monkeypatch.setenv(name, value)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.mark.usefixtures("with_token")
def test_the_command_reaches_a_cluster_by_its_address(
    cluster: Cluster, source: Path, whole: dict[str, str], tmp_path: Path
) -> None:
    where = ("--engine", "ray", "--address", cluster.address)
    ended = finish(source, tmp_path / "out", "--to", "yolo", *COMMAND, *where)
    assert ended.code == 0, ended.said
    assert ended.said == ""
    assert tree(tmp_path / "out") == whole


@pytest.mark.usefixtures("with_token")
def test_a_node_that_is_killed_changes_nothing(cluster: Cluster, tmp_path: Path) -> None:
    source = tiny(tmp_path / "source", range(160))
    bboxprep.convert(source, tmp_path / "whole", "yolo", RECIPE, labels_in="displayed")
    second, dest = cluster.join(f"--address={cluster.address}"), tmp_path / "out"
    with running(source, dest, "--to", "yolo", *COMMAND, "--engine", "ray", "--address", cluster.address) as run:
        assert run.wait_until(lambda: len(list(dest.glob("images/*/*"))) >= 20)
        os.killpg(second.pid, signal.SIGKILL)
        ended = run.end()
    assert ended.code == 0, ended.said
    assert tree(dest) == tree(tmp_path / "whole")


def test_a_cluster_that_is_gone_in_the_midst_is_one_clear_line_and_a_run_to_be_resumed(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, dest = tiny(tmp_path / "source", range(400)), tmp_path / "out"
    options = ("--to", "yolo", *COMMAND)
    with monkeypatch.context() as patched:
        for name, value in TOKEN.items():
            patched.setenv(name, value)
        with running(source, dest, *options, "--engine", "ray", "--address", cluster.address) as run:
            assert run.wait_until(lambda: len(list(dest.glob("images/*/*"))) >= 20)
            os.killpg(cluster.nodes[0].pid, signal.SIGKILL)
            ended = run.end()
    assert ended.code == 2
    assert re.fullmatch(r"bboxprep: the cluster at \S+ is gone; what is done stays, --resume goes .*\n", ended.said)
    assert not (dest / "bboxprep.json").exists()
    assert finish(source, dest, *options, "--resume").code == 0
    bboxprep.convert(source, tmp_path / "whole", "yolo", RECIPE, labels_in="displayed")
    assert tree(dest) == tree(tmp_path / "whole")


def test_a_cluster_that_asks_for_a_token_says_so(
    cluster: Cluster, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    ended = finish(source, tmp_path / "out", "--to", "yolo", "--engine", "ray", "--address", cluster.address)
    assert ended.code == 2
    assert "it asks for a token; set RAY_AUTH_MODE=token" in ended.said
    assert TOKEN["RAY_AUTH_TOKEN"] not in ended.said


def test_what_is_printed_is_that_of_a_run_without_it_and_no_token_is_left(source: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    own = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    printed = {}
    for engine in ("local", "ray"):
        folder = tmp_path / engine
        folder.mkdir()
        options = ["--workers", "2", "--engine", engine, "--to", "coco", *map(str, COMMAND)]
        ended = subprocess.run(
            [sys.executable, "-m", "bboxprep", "convert", str(source), "out", *options], capture_output=True, text=True,
            cwd=folder, env={**own, "PYTHONPATH": str(ROOT), "HOME": str(home)},
        )  # fmt: skip
        assert (ended.returncode, ended.stderr) == (0, "")
        printed[engine] = ended.stdout
    assert printed["ray"] == printed["local"]
    assert tree(tmp_path / "ray" / "out") == tree(tmp_path / "local" / "out")
    assert not (home / ".ray" / "auth_token").exists()


def test_ray_is_imported_for_its_engine_alone(source: Path, tmp_path: Path) -> None:
    words = ["convert", str(source), str(tmp_path / "out"), "--to", "coco", "--labels-in", "displayed", "-q"]
    code = f"import sys; from bboxprep.cli import commands; commands({words!r}, standalone_mode=False)"
    checked = f"try:\n    {code}\nexcept SystemExit: pass\nassert 'ray' not in sys.modules"
    subprocess.run([sys.executable, "-c", checked], check=True, cwd=ROOT)


@pytest.mark.parametrize("address", ["auto", "nowhere", "ray://127.0.0.1:10001", "127.0.0.1:port"])
def test_an_address_is_a_host_and_a_port(address: str) -> None:
    with pytest.raises(UsageError, match="want HOST:PORT of a Ray cluster"):
        OnRay(1, address)


def test_a_cluster_that_is_not_there_is_one_clear_line(source: Path, tmp_path: Path) -> None:
    started = time.monotonic()
    ended = finish(source, tmp_path / "out", "--to", "yolo", "--engine", "ray", "--address", "127.0.0.1:9")
    assert ended.code == 2
    assert "the cluster at 127.0.0.1:9 cannot be joined" in ended.said
    assert time.monotonic() - started < 60
    assert not (tmp_path / "out").exists()


def test_an_address_belongs_to_a_cluster(source: Path, tmp_path: Path) -> None:
    command = ["convert", str(source), str(tmp_path / "out"), "--to", "yolo", "--address", "127.0.0.1:9"]
    assert isinstance(CliRunner().invoke(commands, command).exception, UsageError)


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'bboxprep\[ray\]'"):
        list(OnRay().run(square, [1]))
