"""Runs a command over a hostile source in a watched process (see `child`) and says what came of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.hostile.child import ENDED, STRAYED

ROOT = Path(__file__).parents[2]
MEMORY = 3_000  # MiB of addresses; numpy, OpenCV and threads' stacks take most of it before a byte is read
PATIENCE = 120  # s; an end, not a measure: what is refused in time takes one or two


@dataclass(frozen=True)
class Ended:
    """How commands ended: the exit code of each, what they said, and the `peak` of memory in MiB."""

    codes: tuple[int, ...]
    said: str
    peak: int

    @property
    def code(self) -> int:
        """That of the only command."""
        (code,) = self.codes
        return code


def run(*arguments: object, inside: Sequence[Path], writable: Sequence[Path], memory: int = MEMORY) -> Ended:
    """``bboxprep ARGUMENTS`` with `memory` MiB, several commands with `THEN` between them.

    Asserts that they ended by themselves, without a traceback or a warning of Python's, and did not stray.
    """
    command = [sys.executable, "-m", "tests.hostile.child", _joined(inside), _joined(writable), str(memory)]
    surroundings = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, *map(str, arguments)], cwd=ROOT, env=surroundings, capture_output=True, timeout=PATIENCE, check=False
    )
    said = done.stdout.decode("utf-8", "replace") + done.stderr.decode("utf-8", "replace")
    for bad in (STRAYED, "Traceback", "Warning"):
        assert bad not in said, said
    last = said.splitlines()[-1].split()
    assert last[0] == ENDED, said
    codes = tuple(map(int, last[2:]))
    assert set(codes) <= {0, 1, 2}, said
    return Ended(codes, said, int(last[1]))


def convert(source: Path, dest: Path, *options: object, to: str = "coco", memory: int = MEMORY) -> Ended:
    """``bboxprep convert`` of `source`, a folder or a file in one, to `dest`."""
    inside = source if source.is_dir() else source.parent
    return run(
        "convert", source, dest, "--to", to, "--workers", 1, *options, inside=[inside], writable=[dest], memory=memory
    )


def record_of(dest: Path) -> dict[str, Any]:
    """What the run that wrote `dest` recorded."""
    found: dict[str, Any] = json.loads((dest / "bboxprep.json").read_bytes())
    return found


def codes_of(dest: Path) -> Counter[str]:
    """How many findings of each code are in the record of `dest`."""
    return Counter(finding["code"] for finding in record_of(dest)["findings"])


def _joined(folders: Sequence[Path]) -> str:
    return os.pathsep.join(map(str, folders))
