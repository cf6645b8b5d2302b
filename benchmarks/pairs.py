"""Commands as whole processes, in turns: how long they take, what CPU time and what memory, and the first as a
multiple of the others.

``python benchmarks/pairs.py "COMMAND" "OTHER" [--pairs 5] [--clear FOLDER]`` runs two commands alternately, each
after what it would write has been removed, and prints a Markdown table. In a ratio only runs of one turn meet, so
that a machine that is slow for a while slows both; the order is turned round every time.

Wall time is that of the process and its children; CPU time is user and system, children that were waited for
included. Peak memory is the greatest sum of PSS (Linux's share of each page, which counts none twice) over the
process and its descendants, looked at every 50 ms, or the `ru_maxrss` of the largest single process, whichever is
more: looking can miss a peak of one process, `ru_maxrss` knows nothing of several together. It needs Linux's /proc.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

INTERVAL = 0.05
TICK = 0.001  # s; processes can end with no CPU time counted
MB = 1_000_000


@dataclass(frozen=True)
class Command:
    """A process to be timed: its words, what it is called in a table, variables on top of ours, what it writes, the
    exit codes that are well."""

    name: str
    words: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)
    clear: Path | None = None
    codes: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Run:
    """One run: wall and CPU seconds, peak memory of all processes and of the largest, in MB."""

    wall: float
    cpu: float
    memory: float
    largest: float


@dataclass(frozen=True)
class Ratio:
    """The time of one command as a multiple of another's: median, least and most over the turns."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.least:.2f} to {self.most:.2f})"


class FailedError(RuntimeError):
    """A command ended with another exit code than its own for success."""


def measure(command: Command) -> Run:
    """One run of `command`, what it would write removed first."""
    if command.clear:
        shutil.rmtree(command.clear, ignore_errors=True)
    environment = {**os.environ, **command.variables}
    start = time.perf_counter()
    with subprocess.Popen(
        list(command.words), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        peak = _Peak(process.pid)
        said = process.stderr.read() if process.stderr else b""
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        peak.stop()
    if process.returncode not in command.codes:
        raise FailedError(
            f"{shlex.join(command.words)}: exit {process.returncode}\n{said.decode(errors='replace')[-2000:]}"
        )
    largest = usage.ru_maxrss * 1024 / MB
    return Run(wall, usage.ru_utime + usage.ru_stime, max(peak.most, largest), largest)


def take_turns(commands: Sequence[Command], turns: int, *, warm: bool = True) -> dict[str, list[Run]]:
    """The runs of each command, by name; `warm` for one more of each before, which is not counted."""
    if warm:
        for command in commands:
            measure(command)
    runs: dict[str, list[Run]] = {command.name: [] for command in commands}
    for turn in range(turns):
        for command in commands if turn % 2 == 0 else commands[::-1]:
            runs[command.name].append(measure(command))
    for command in commands:
        if command.clear:
            shutil.rmtree(command.clear, ignore_errors=True)
    return runs


def ratio(ours: Sequence[Run], theirs: Sequence[Run], what: str = "wall") -> Ratio:
    """How long the first takes as a multiple of the second; or its "cpu" time."""
    shares = [getattr(mine, what) / max(getattr(other, what), TICK) for mine, other in zip(ours, theirs, strict=True)]
    return Ratio(statistics.median(shares), min(shares), max(shares))


def middle(runs: Sequence[Run], what: str) -> float:
    """The median of one of the figures of a `Run`."""
    return statistics.median(getattr(run, what) for run in runs)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Markdown; the first row is the head."""
    head, *body = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body, ""])


def verdict(good: bool) -> str:
    """A word for a goal that was met, or was not."""
    return "met" if good else "**not met**"


def machine() -> str:
    """The processors and the memory that figures were taken on, in one line."""
    cpus = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    found = re.search(r"model name\s*: (.*)", cpus)
    model = found[1] if found else "unknown make"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    python = ".".join(str(part) for part in sys.version_info[:3])
    return f"{os.cpu_count()} processors of {model}, {memory / 1e9:.0f} GB, Python {python}"


class _Peak:
    """Looks at the memory of a process and its descendants until told to stop; `most` is in MB."""

    def __init__(self, root: int) -> None:
        self.most = 0.0
        self._root = root
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(INTERVAL):
            members = _descendants(self._root)
            if len(members) > 1:  # `ru_maxrss` knows all of one alone, and PSS is dear to ask for
                self.most = max(self.most, sum(map(_pss, members)) / MB)


def _descendants(root: int) -> list[int]:
    found, waiting = [], [root]
    while waiting:
        number = waiting.pop()
        found.append(number)
        try:
            for task in Path(f"/proc/{number}/task").iterdir():
                waiting += map(int, (task / "children").read_text(encoding="ascii").split())
        except OSError:
            continue
    return found


def _pss(number: int) -> int:
    try:
        text = Path(f"/proc/{number}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    return int(text.partition("\nPss:")[2].split(maxsplit=1)[0]) * 1024


def main() -> None:
    """Two commands against each other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commands", nargs="+")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--clear", type=Path, help="removed before every run")
    arguments = parser.parse_args()
    commands = [Command(text, shlex.split(text), clear=arguments.clear) for text in arguments.commands]
    runs = take_turns(commands, arguments.pairs)
    first = runs[commands[0].name]
    rows = [["command", "wall s", "CPU s", "peak MB", "largest process MB", "the first as a multiple", "of CPU"]]
    for name, those in runs.items():
        figures = [f"{middle(those, what):.2f}" for what in ("wall", "cpu")]
        memory = [f"{middle(those, what):.0f}" for what in ("memory", "largest")]
        rows.append([f"`{name}`", *figures, *memory, str(ratio(first, those)), str(ratio(first, those, "cpu"))])
    print(table(rows))


if __name__ == "__main__":
    main()
