"""The runs that the sweep disturbs: each format, into an output that is new, finished, unfinished or to be replaced."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from tests.sweep.traced import load, run
from tests.tiny import label, tiny, tree

IMAGES = 12
Mode = Literal["fresh", "incremental", "overwrite", "resume"]
MODES: tuple[Mode, ...] = get_args(Mode)
_STEPS = ("--letterbox", 32, "--workers", 1, "--labels-in", "displayed")


@dataclass(frozen=True)
class Scene:
    """A run in `folder`, from its ``source`` to its ``out``, which begins as a copy of ``before`` if that is there.

    `whole` is what ``out`` holds after a run that nothing disturbed, `first` what it holds before.
    """

    folder: Path
    to: str
    mode: Mode
    whole: dict[str, str]
    first: dict[str, str]

    @property
    def words(self) -> tuple[object, ...]:
        """The words of the command."""
        extra = {"overwrite": ["--overwrite"], "resume": ["--resume"]}.get(self.mode, [])
        return (*_command(self.to), *extra)

    def reset(self) -> None:
        """Make ``out`` what it was before the run."""
        for path in self.folder.glob("out*"):
            shutil.rmtree(path)
        if (self.folder / "before").exists():
            shutil.copytree(self.folder / "before", self.folder / "out", symlinks=True)

    def source_state(self) -> tuple[object, ...]:
        """What a change of the source would change."""
        found = [(path, path.lstat()) for path in sorted((self.folder / "source").rglob("*"))]
        return tuple((str(path), state.st_size, state.st_mtime_ns, state.st_ino) for path, state in found)


def make(folder: Path, to: str, mode: Mode) -> Scene:
    """The scene of a run to the format `to`, read from the same format, made in the new `folder`."""
    folder.mkdir(parents=True)
    tiny(folder / "photos", range(IMAGES if mode != "incremental" else IMAGES - 2))
    _refill(folder, to)
    load(_command(to), folder)
    shutil.rmtree(folder / "out")
    if mode == "incremental":
        _done(folder, *_command(to))
        tiny(folder / "photos", range(IMAGES - 2, IMAGES))
        label(folder / "photos", 3, 1, 0.4)
        _refill(folder, to)
    elif mode == "overwrite":
        _done(folder, *_command(to), "--flip", "horizontal")
    elif mode == "resume":
        _stop_midway(folder, to)
    first = tree(folder / "out") if mode != "fresh" else {}
    if mode != "fresh":
        (folder / "out").rename(folder / "before")
    _done(folder, *_command(to))
    return Scene(folder, to, mode, tree(folder / "out"), first)


def _command(to: str) -> tuple[object, ...]:
    return ("convert", "source", "out", "--to", to, *_STEPS)


def _refill(folder: Path, to: str) -> None:
    """Write the photos as the format `to` into ``source``; files that are as before keep their inode and time."""
    _done(
        folder, "convert", "photos", "fresh", "--to", to, "--images", "copy", "--workers", 1, "--labels-in", "displayed"
    )
    source = folder / "source"
    for path in sorted((folder / "fresh").rglob("*")):
        place = source / path.relative_to(folder / "fresh")
        if path.is_dir() or path.name.startswith("bboxprep.") or ".bboxprep" in path.parts:
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists() or place.read_bytes() != path.read_bytes():
            os.replace(path, place)  # noqa: PTH105
    shutil.rmtree(folder / "fresh")


def _done(folder: Path, *words: object) -> None:
    ended = run(words, folder)
    assert ended.code == 0, ended


def _stop_midway(folder: Path, to: str) -> None:
    """Kill a run when it has written half of its images."""
    for number in range(IMAGES // 2, 4 * IMAGES):
        shutil.rmtree(folder / "out", ignore_errors=True)
        ended = run(_command(to), folder, _kill_at("rename", number))
        if ended.code < 0 and len(list((folder / "out").rglob("*.jpg"))) >= IMAGES // 2:
            return
    raise AssertionError(f"{to}: no run could be stopped midway")


def _kill_at(call: str, number: int) -> list[str]:
    return ["-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={number}"]
