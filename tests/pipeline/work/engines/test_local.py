from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bboxprep.errors import StoppedError, TargetError, WorkerError
from bboxprep.pipeline.work.engines import local, processes
from tests.pipeline.work.engines.fatal import Fatal

STARTS: list[processes.Start] = ["fork", "spawn"] if hasattr(os, "fork") else ["spawn"]


@pytest.fixture(params=STARTS)
def started(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "START", request.param)
    monkeypatch.delitem(sys.modules, "fsspec.asyn", raising=False)


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes are forked, even where an earlier test has loaded the storages that forbid it."""
    if processes.START != "fork":
        pytest.skip("no fork here")
    monkeypatch.delitem(sys.modules, "fsspec.asyn", raising=False)


def square(number: int) -> int:
    return number * number


def fail_at_three(number: int) -> int:
    if number == 3:
        raise TargetError("three")
    return number


@given(count=st.integers(0, 2000), workers=st.integers(1, 9), most=st.integers(1, 300))
def test_blocks_have_every_number_once_in_order_and_none_is_too_large(count: int, workers: int, most: int) -> None:
    found = local.blocks(range(count), local.block_size(count, workers, most))
    assert [number for block in found for number in block] == list(range(count))
    assert all(0 < len(block) <= most for block in found)
    if count >= workers * 16:
        assert len(found) >= workers * 16
    if count >= workers * 4:
        assert len(found) >= workers * 4


@settings(max_examples=5)
@given(numbers=st.lists(st.integers(-9, 9), max_size=30), workers=st.integers(1, 3))
def test_results_come_in_the_order_of_the_items(numbers: list[int], workers: int) -> None:
    assert list(local.Local(workers).run(square, numbers)) == [number * number for number in numbers]


@pytest.mark.usefixtures("started")
def test_processes_however_started_do_the_same(tmp_path: Path) -> None:
    assert list(local.Local(2).run(square, range(20))) == [number * number for number in range(20)]
    with pytest.raises(TargetError, match="three"):
        list(local.Local(2).run(fail_at_three, range(9)))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
@pytest.mark.usefixtures("started")
def test_a_process_that_dies_takes_nothing_with_it(tmp_path: Path) -> None:
    died: list[int] = []
    work = Fatal(tmp_path, once={2, 5}, always=set())
    assert list(local.Local(2).run(work, range(12), on_worker_death=lambda: died.append(1))) == list(range(12))
    assert (tmp_path / "2").exists()
    assert (tmp_path / "5").exists()
    assert died


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_an_item_that_brings_down_every_process_is_known_and_the_others_are_done(tmp_path: Path) -> None:
    work = Fatal(tmp_path, once=set(), always={4})
    assert list(local.Local(2).run(work, range(9), on_lost_item=lambda item: -item)) == [0, 1, 2, 3, -4, 5, 6, 7, 8]
    with pytest.raises(WorkerError, match="killed 3 processes"):
        list(local.Local(2).run(work, range(9)))
    with pytest.raises(WorkerError):
        processes.run_in_own_process(work, 4)
    assert processes.run_in_own_process(work, 5) == 5


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_in_hand_is_done_when_it_is_stopped_and_nothing_else(workers: int) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    done: list[int] = []
    results = local.Local(workers).run(square, items(), stop=lambda: len(done) >= 10)
    with pytest.raises(StoppedError, match="stopped as asked"):
        done.extend(result for result in results)
    asked = [number * number for number in taken]
    assert len(done) < 30
    assert done == asked[: len(done)]
    assert len(taken) - len(done) == 1  # the one that was not begun


def test_a_process_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    if not hasattr(os, "fork"):
        pytest.skip("no fork here")
    child = os.fork()
    if not child:
        os.setpgid(0, 0)
        list(local.Local(3).run(Sleeper(tmp_path), range(4)))
        os._exit(0)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    workers = [int(path.name) for path in tmp_path.iterdir()]
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    patience = time.monotonic() + 2
    while any(map(alive, workers)) and time.monotonic() < patience:
        time.sleep(0.01)
    assert len(workers) == 3
    assert not any(map(alive, workers))


class Sleeper:
    """Says which process it is, and sleeps for longer than anybody waits."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, _: int) -> None:
        (self._folder / str(os.getpid())).touch()
        time.sleep(300)


def alive(process: int) -> bool:
    """Whether the process runs; one that has ended and that nobody has asked after does not."""
    try:
        return (Path("/proc") / str(process) / "stat").read_text(encoding="utf-8").rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize("place", ["_launch_processes", "_spawn_process"])
def test_a_signal_while_processes_start_ends_them_all(place: str) -> None:
    sent: list[int] = []

    def interrupt(frame: FrameType, event: str, _: object) -> None:
        if event == "return" and frame.f_code.co_name == place and not sent:
            sent.append(1)
            signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores the signal
    sys.setprofile(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            list(local.Local(2).run(square, range(9)))
    finally:
        sys.setprofile(None)
        signal.signal(signal.SIGINT, before)
    assert sent
    patience = time.monotonic() + 5
    while (left := multiprocessing.active_children()) and time.monotonic() < patience:
        time.sleep(0.01)
    for process in left:
        process.kill()
    assert not left


@pytest.mark.usefixtures("forked")
def test_no_process_to_be_had_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    with pytest.raises(WorkerError, match=r"no process can be started .*Resource temporarily unavailable.*`workers`"):
        list(local.Local(2).run(square, range(9)))


def test_no_thread_to_be_had_is_a_clear_error_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("concurrent.futures.process._ExecutorManagerThread.start", refuse)
    with pytest.raises(WorkerError, match=r"no process can be started .*can't start new thread.*`workers`"):
        list(local.Local(2).run(square, range(9)))
    patience = time.monotonic() + 5
    while multiprocessing.active_children() and time.monotonic() < patience:
        time.sleep(0.01)
    assert not multiprocessing.active_children()


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize(("count", "most"), [(2, 2), (200, local.MOST_PER_PROCESSOR * (os.cpu_count() or 1))])
def test_there_are_no_more_processes_than_items_and_than_processors_can_use(count: int, most: int) -> None:
    seen = [len(multiprocessing.active_children()) for _ in local.Local(100_000).run(square, range(count))]
    assert 1 < max(seen) <= most


def test_no_room_for_a_pool_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(processes, "ProcessPoolExecutor", refuse)
    with pytest.raises(WorkerError, match=r"no process can be started \(Too many open files\); `workers=1` needs none"):
        list(local.Local(2).run(square, range(9)))
