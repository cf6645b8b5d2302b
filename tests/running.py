"""The command as people run it: a process of its own, which can be watched and killed with all that it started."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bboxprep.pipeline.output.run_record import INCOMPLETE

ROOT = Path(__file__).parents[1]
PATIENCE = 120.0  # s; an end, not a measure
LINGER = 2.0  # s that what a process has started may outlive it

on_linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the processes of others are not seen here")


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit `code`, negative for a signal, and what it said on standard error."""

    code: int
    said: str


class Running:
    """``bboxprep convert`` on its way; `begun` once it writes."""

    def __init__(self, source: Path, dest: Path, *options: object, prepare: Callable[[], None] | None = None) -> None:
        self._mark = dest / INCOMPLETE
        self._before = _look(self._mark)
        command = [sys.executable, "-m", "bboxprep", "convert", source, dest, *options]
        surroundings = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        self.process = subprocess.Popen(
            list(map(str, command)), cwd=ROOT, env=surroundings, text=True, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=prepare,
        )  # fmt: skip

    @property
    def begun(self) -> bool:
        """Whether it has begun to write."""
        return _look(self._mark) not in (self._before, None)

    def wait_until(self, condition: Callable[[], bool]) -> bool:
        """Wait until `condition` or the end of the run; whether it still runs."""
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None and not condition():
            assert time.monotonic() < deadline
            time.sleep(0.002)
        return self.process.poll() is None

    def children(self) -> list[int]:
        """The processes that it has started and that are alive."""
        return [number for number in _session(self.process.pid) if number != self.process.pid]

    def end(self) -> Ended:
        """How it ends. All that it started has ended soon after."""
        _, said = self.process.communicate(timeout=PATIENCE)
        deadline = time.monotonic() + LINGER
        while (left := self.children()) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not left
        return Ended(self.process.returncode, said)


@contextmanager
def running(source: Path, dest: Path, *options: object, prepare: Callable[[], None] | None = None) -> Iterator[Running]:
    """A run that does not outlive the ``with``."""
    run = Running(source, dest, *options, prepare=prepare)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()
        if run.process.stderr:
            run.process.stderr.close()


def finish(source: Path, dest: Path, *options: object) -> Ended:
    """A run that nobody disturbs."""
    with running(source, dest, *options) as run:
        return run.end()


def _look(mark: Path) -> tuple[int, int] | None:
    try:
        said = mark.stat()
    except OSError:
        return None
    return said.st_ino, said.st_mtime_ns


def _session(leader: int) -> Iterator[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(") ")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] not in "ZX":
            yield int(folder.name)
