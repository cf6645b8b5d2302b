"""Bars on a terminal: one for each stage, one within another below it; none where nobody looks."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from bboxprep.cli.bar import ProgressBars
from tests.tiny import tiny

ROOT = Path(__file__).parents[2]


def on_terminal() -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, force_terminal=True, width=100, legacy_windows=False), text


def test_a_bar_shows_its_name_how_much_is_done_and_stays() -> None:
    console, text = on_terminal()
    with ProgressBars(console).bar(4, "converting") as advance:
        for done in range(5):
            advance(done)
    assert "converting" in text.getvalue()
    assert "4/4" in text.getvalue()
    assert text.getvalue().endswith("\n\x1b[?25h")  # the cursor is back, below the bar


def test_a_stage_within_a_bar_has_a_line_of_its_own_as_long_as_it_runs() -> None:
    console, text = on_terminal()
    bars = ProgressBars(console)
    with bars.bar(4, "converting"):
        with bars.bar(2, "counting") as advance:
            advance(2)
        after = len(text.getvalue())
        with bars.bar(0, "reading"):
            pass
    assert "2/2" in text.getvalue()[:after]
    assert "counting" not in text.getvalue()[after:]
    assert "reading" in text.getvalue()[after:]
    with bars.bar(1, "verifying", passing=True) as advance:
        advance(1)
    assert text.getvalue().endswith("\x1b[1A\x1b[2K")  # up and erased


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals here")
@pytest.mark.parametrize("command", ["inspect", "verify"])
def test_a_command_names_its_stages_on_a_terminal_alone(tmp_path: Path, command: str) -> None:
    photos = tiny(tmp_path / "photos", range(3))
    program = [sys.executable, "-m", "bboxprep", command, str(photos)]
    piped = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True)
    assert piped.stderr == ""
    watching, terminal = os.openpty()
    shown = subprocess.run(program, cwd=ROOT, stdout=subprocess.PIPE, stderr=terminal, text=True, check=True)
    os.close(terminal)
    said = os.read(watching, 1 << 16).decode(errors="replace")
    os.close(watching)
    assert shown.stdout == piped.stdout
    for stage in ("reading", "looking at images", {"inspect": "counting", "verify": "verifying"}[command]):
        assert stage in said, stage
