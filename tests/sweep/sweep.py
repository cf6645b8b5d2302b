"""One fault at one system call of a run, and what must hold after it.

A fault is a SIGKILL, or an error that the call returns without being done: a full disk, a quota, a disk that fails, a
file handle that went stale, no descriptor left, an interrupted call, a disk that became read-only. After each, the exit
code and the words are true, the source is as it was, and the same command, or ``--resume``, gives the bytes of a run
that nothing disturbed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.sweep.scenes import Scene
from tests.sweep.traced import GATE, UNCAUGHT, Ended, calls, run
from tests.tiny import tree

KILL = "SIGKILL"
ERRORS = ("ENOSPC", "EIO", "EMFILE", "EDQUOT", "ESTALE", "EINTR", "EROFS")
FAULTS = (KILL, *ERRORS)
_OF_FILES = re.compile(
    r"(?:new)?f?stat(?:at|x|fs|64)?|lstat|p?readv?(?:64)?2?|p?writev?(?:64)?2?|open(?:at2?)?|close|lseek|f?access(?:at2?)?"
    r"|getdents(?:64)?|getcwd|readlink(?:at)?|mkdir(?:at)?|rmdir|unlink(?:at)?|rename(?:at2?)?|link(?:at)?|symlink(?:at)?"
    r"|fsync|fdatasync|syncfs|sync_file_range|fallocate|f?truncate|fcntl|ioctl|copy_file_range|sendfile|dup[23]?|pipe2?"
    r"|f?chmod(?:at)?|utimensat|flock|mmap|memfd_create|socket"
)


@dataclass(frozen=True)
class Point:
    """The `number`-th `call` of that name in a run, and the `fault` that strikes it."""

    call: str
    number: int
    fault: str

    @property
    def strace(self) -> list[str]:
        """The options of strace that strike it."""
        fault = f"signal={self.fault}" if self.fault == KILL else f"error={self.fault}"
        return ["-e", f"trace={self.call}", "-e", f"inject={self.call}:{fault}:when={self.number}"]

    def __str__(self) -> str:
        return f"{self.fault} at {self.call} {self.number}"


@dataclass(frozen=True)
class Broken:
    """What does not hold after a fault."""

    scene: Scene
    point: Point
    what: str
    ended: Ended

    def __str__(self) -> str:
        words = " | ".join((self.ended.said or self.ended.out).strip().splitlines()[-3:])
        return f"{self.scene.to} {self.scene.mode}, {self.point}: {self.what} (exit {self.ended.code}: {words})"


def points(scene: Scene) -> Iterator[Point]:
    """All points of the run of `scene`: each call that can be struck, once with each fault that can strike it."""
    scene.reset()
    seen = Counter(GATE)
    for call in calls(scene.words, scene.folder):
        seen[call] += 1
        if call != "exit_group":
            yield Point(call, seen[call], KILL)
        if _OF_FILES.fullmatch(call):
            yield from (Point(call, seen[call], error) for error in ERRORS)


def broken(scene: Scene, point: Point) -> Broken | None:
    """Strike the run of `scene` at `point`; what does not hold afterwards, None if all does."""
    scene.reset()
    before = scene.source_state()
    ended = run(scene.words, scene.folder, ["-o", "/dev/null", *point.strace])
    found = _wrong_end(scene, point, ended)
    if scene.source_state() != before:
        return Broken(scene, point, "the source was changed", ended)
    if found:
        return Broken(scene, point, found, ended)
    told = "remove it" in ended.said and ended.code == 0
    if (tree(scene.folder / "out") != scene.whole or (_left(scene) and not told)) and (again := not_mended(scene)):
        return Broken(scene, point, "neither the same command nor --resume gives the undisturbed bytes", again)
    return None


def _left(scene: Scene) -> bool:
    """Whether anything lies beside the output."""
    return any(path.name != "out" for path in scene.folder.glob("out*"))


def _wrong_end(scene: Scene, point: Point, ended: Ended) -> str:
    """What is not true of the exit code and of the words; "" where all is."""
    now = tree(scene.folder / "out")
    if ended.code == UNCAUGHT or "Traceback" in ended.said:
        return "a traceback"
    if ended.code < 0 and point.fault != KILL:
        return f"ended by signal {-ended.code}"
    if scene.mode == "overwrite" and ended.code != 1 and now not in (scene.first, scene.whole):
        return "neither the old output nor the new one is whole"
    if ended.code == 0 and now != scene.whole:
        return "exit 0, but the output is not that of a run that nothing disturbed"
    if ended.code == 1 and now != scene.whole and "fault" not in ended.out:
        return "exit 1, but no fault is listed"
    if ended.code == 2 and not re.search(r"^bboxprep: \S*[\w.]+[^:]*: .+", ended.said, re.MULTILINE):
        return "exit 2, and no line names what failed"
    if ended.code not in (0, 1, 2) and ended.code >= 0:
        return f"exit {ended.code}"
    return ""


def not_mended(scene: Scene) -> Ended | None:
    """None where the same command, or else --resume, gives the undisturbed bytes; else how that ended."""
    ended = None
    for words in (scene.words, (*scene.words, "--resume")):
        ended = run(words, scene.folder)
        if ended.code == 0 and tree(scene.folder / "out") == scene.whole and not _left(scene):
            return None
    return ended


def slice_of(found: Sequence[Point], share: float, seed: int) -> list[Point]:
    """About a `share` of the points `found`, evenly over them; with each `seed` others."""
    step = max(1, round(1 / share))
    return list(found[seed % step :: step])
