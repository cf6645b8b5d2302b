"""A run of the command line in a forked process whose system calls strace counts, or strikes with a fault.

The command is imported once, by the process that forks: a run then takes a tenth of a second, and its calls are those
of the work alone, in the same order each time.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from click.testing import CliRunner

from bboxprep.cli import commands, main

GATE = ("read", "close")  # the first calls that are traced: they wait for the tracer, and are none of the run
UNCAUGHT = 99  # the exit code of a run that ended by a traceback
_CALL = re.compile(r"^(?:\[pid +\d+\] |\d+ +)?(\w+)\(", re.MULTILINE)


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit `code`, negative for a signal, and what it printed."""

    code: int
    out: str
    said: str


def can_trace() -> bool:
    """Whether strace is installed and may trace here."""
    try:
        return subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def run(words: Sequence[object], folder: Path, strace: Sequence[str] = ()) -> Ended:
    """Run ``bboxprep`` with `words` in `folder`; with options of `strace`, under it."""
    gate, opened = os.pipe()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
        process = os.fork()
        if not process:
            os.close(opened)
            _become([str(word) for word in words], folder, gate, out.fileno(), said.fileno())
        os.close(gate)
        tracer = _attached(process, strace) if strace else None
        os.close(opened)  # the run begins
        _, status = os.waitpid(process, 0)
        if tracer:
            tracer.communicate()
        out.seek(0)
        said.seek(0)
        texts = [file.read().decode("utf-8", "replace") for file in (out, said)]
    return Ended(os.waitstatus_to_exitcode(status), *texts)


def load(words: Sequence[object], folder: Path) -> None:
    """Run ``bboxprep`` with `words` in `folder` in this process, so that what it imports is there in each later run."""
    with contextlib.chdir(folder):
        done = CliRunner().invoke(commands, [str(word) for word in words])
    assert done.exit_code == 0, done.output


def calls(words: Sequence[object], folder: Path) -> list[str]:
    """The names of the system calls of a run that nothing disturbs, in order."""
    with tempfile.NamedTemporaryFile() as log:
        run(words, folder, ["-o", log.name])
        found = _CALL.findall(Path(log.name).read_text(encoding="utf-8", errors="replace"))
    for call in GATE:
        found.remove(call)
    return found


def _attached(process: int, options: Sequence[str]) -> subprocess.Popen[bytes]:
    """A strace that traces `process` by now."""
    tracer = subprocess.Popen(
        ["strace", "-f", *options, "-p", str(process)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert tracer.stderr
    line = tracer.stderr.readline()
    assert b"attached" in line, line
    return tracer


def _become(words: Sequence[str], folder: Path, gate: int, out: int, said: int) -> NoReturn:
    """Be the run, in a process that was forked for it."""
    code = UNCAUGHT
    try:
        os.chdir(folder)
        for number, file in enumerate((os.open(os.devnull, os.O_RDONLY), out, said)):
            os.dup2(file, number)
        sys.argv = ["bboxprep", *words]
        sys.stdout, sys.stderr = (os.fdopen(os.dup(number), "w", encoding="utf-8") for number in (1, 2))
        os.read(gate, 1)  # until its end: then the run is traced
        os.close(gate)
        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    except BaseException:  # noqa: BLE001  # whatever it is, it is printed
        traceback.print_exc()
    try:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)
