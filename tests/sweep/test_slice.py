"""A short slice of the sweep that runs wherever strace does; `tests.sweep.run` has all of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bboxprep import formats
from tests.running import ROOT
from tests.sweep.traced import can_trace

traced = pytest.mark.skipif(not can_trace(), reason="strace is not installed, or may not trace here")
SHARE = 0.001  # of the points, of every third format


def python(*words: str) -> subprocess.CompletedProcess[str]:
    """A process of its own: it forks, and each fork ends as the run itself would."""
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *words]
    return subprocess.run(command, env=surroundings, cwd=ROOT, text=True, capture_output=True, check=False)


@traced
def test_a_fault_at_any_call_leaves_nothing_that_cannot_be_mended() -> None:
    done = python("-m", "tests.sweep.run", "--in-turn", "--share", str(SHARE), "--formats", *formats.names()[::3])
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 not survived" in done.stdout


@traced
def test_a_cut_of_the_power_loses_nothing_that_cannot_be_mended() -> None:
    done = python(
        "-m", "tests.sweep.cuts", "--formats", "yolo", "coco", "--modes", "fresh", "incremental", "--share", "0.04"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 not survived" in done.stdout


def test_a_fault_of_a_storage_leaves_nothing_that_cannot_be_mended() -> None:
    pytest.importorskip("moto", reason="no server of S3's protocol is installed")
    pytest.importorskip("s3fs", reason="no file system for buckets is installed")
    done = python("-m", "tests.sweep.buckets", "--formats", "webdataset", "--points", "4")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 faults, 0 not survived" in done.stdout
    assert "stale 3" in done.stdout


@traced
def test_the_cuts_find_a_journal_that_is_never_flushed(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from tests.sweep import cuts, scenes
scene = scenes.make(Path({str(tmp_path / "scene")!r}), "yolo", "fresh")
for cut, disk in cuts.cuts(scene):
    for node in disk.names.values():
        node.synced = None
    if cut.number == 80 and cut.kept == "lost" and cut.changes == len(disk.pending):
        print(cuts.broken(scene, cut, disk))
        break
"""
    done = python("-c", code)
    assert "whose journal is missing" in done.stdout, done.stderr


@traced
def test_the_sweep_finds_planted_mistakes(tmp_path: Path) -> None:
    code = f"""
from dataclasses import replace
from pathlib import Path
from tests.sweep import scenes, sweep
scene = scenes.make(Path({str(tmp_path / "scene")!r}), "yolo", "fresh")
point = sweep.Point("close", 5, "EINTR")
print(sweep.broken(scene, point))
print(sweep.broken(replace(scene, whole={{"a": "b"}}), point))
sweep._left = lambda scene: True
print(sweep.broken(scene, point))
scenes.Scene.source_state = lambda scene: object()
print(sweep.broken(scene, point))
"""
    done = python("-c", code)
    sound, other, left, source = done.stdout.splitlines()
    assert sound == "None"
    assert "exit 0, but the output is not that of a run that nothing disturbed" in other
    assert "neither the same command nor --resume gives the undisturbed bytes" in left
    assert "the source was changed" in source
