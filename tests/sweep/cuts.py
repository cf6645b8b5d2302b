"""Cuts of the power at each change that a run makes on the disk: ``python -m tests.sweep.cuts``.

After each cut, what was not synced is lost in one of several ways (`tests.sweep.disk`). Then the same command, or
``--resume``, must give the bytes of a run that nothing disturbed; and what stands there as complete must be complete.
The exit code is 1 where a cut is not survived.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bboxprep.pipeline.output.run_record import INCOMPLETE, RECORD
from tests.sweep.disk import Bytes, Disk
from tests.sweep.scenes import MODES, Scene, make
from tests.sweep.sweep import not_mended
from tests.sweep.traced import run
from tests.tiny import tree

FORMATS = ("yolo", "coco", "webdataset", "csv")  # label files of their own, one document, packed images, a list


@dataclass(frozen=True)
class Cut:
    """A cut after `number` changes of the disk, the last of them by `call`: of the changes of names so many last, and
    of the bytes that were not synced those that are `kept`.
    """

    number: int
    call: str
    changes: int
    kept: Bytes

    def __str__(self) -> str:
        return f"cut after change {self.number} ({self.call}), {self.changes} names last, bytes are {self.kept}"


def cuts(scene: Scene, seed: int = 0) -> Iterator[tuple[Cut, Disk]]:
    """Each cut of the run of `scene`, with the disk at that time."""
    scene.reset()
    disk = Disk.of(scene.folder)
    log, chance = traced(scene), random.Random(seed)
    for number, call in enumerate(disk.follow(log), 1):
        count = len(disk.pending)
        ways: set[tuple[int, Bytes]] = {
            (0, "lost"),
            (count, "lost"),
            (count, "zeros"),
            (chance.randint(0, count), "lost"),
        }
        for changes, kept in sorted(ways):
            yield Cut(number, call, changes, kept), disk


def traced(scene: Scene) -> str:
    """What strace says of the run of `scene`."""
    with tempfile.NamedTemporaryFile() as log:
        ended = run(scene.words, scene.folder, ["-y", "-xx", "-s", "100000000", "-o", log.name])
        assert ended.code == 0, ended
        return Path(log.name).read_text(encoding="ascii")


def broken(scene: Scene, cut: Cut, disk: Disk) -> str:
    """What does not hold after a `cut` of the run of `scene`; "" where all does."""
    clear(scene.folder)
    disk.write(cut.changes, cut.kept)
    out = scene.folder / "out"
    found = tree(out) if out.exists() else {}
    if (out / RECORD).exists() and not (out / INCOMPLETE).exists() and found not in (scene.first, scene.whole):
        return "it stands there as complete, and is not"
    ended = not_mended(scene)
    words = " | ".join((ended.said or ended.out).strip().splitlines()[-3:]) if ended else ""
    return f"neither the same command nor --resume gives the undisturbed bytes ({words})" if ended else ""


def lost_at_the_end(scene: Scene) -> str:
    """What a run that has said that it is done loses by a cut; "" for nothing."""
    scene.reset()
    disk = Disk.of(scene.folder)
    for _ in disk.follow(traced(scene)):
        pass
    clear(scene.folder)
    disk.write(0, "lost")
    out = scene.folder / "out"
    left = tree(out) if out.exists() else {}
    lost = [name for name, digest in scene.whole.items() if left.get(name) != digest]
    return f"loses {', '.join(lost)}" if lost else ""


def clear(folder: Path) -> None:
    """Remove all outputs."""
    for path in folder.glob("out*"):
        shutil.rmtree(path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--formats", nargs="*", default=list(FORMATS))
    parser.add_argument("--modes", nargs="*", default=list(MODES))
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    chance, done, wrong = random.Random(given.seed), 0, 0
    folder = Path(tempfile.mkdtemp(prefix="cuts-"))
    try:
        for to, mode in ((to, mode) for to in given.formats for mode in given.modes):
            scene = make(folder / to / mode, to, mode)
            for cut, disk in cuts(scene, chance.randint(0, 1 << 30)):
                if chance.random() < given.share:
                    done += 1
                    wrong += _say(scene, str(cut), broken(scene, cut, disk))
            wrong += _say(scene, "cut when it is done", lost_at_the_end(scene))
            sys.stdout.write(f"{to} {mode}: {done:,} cuts so far\n")
            sys.stdout.flush()
    finally:
        shutil.rmtree(folder)
    sys.stdout.write(f"{done:,} cuts, {wrong:,} not survived\n")
    return 1 if wrong else 0


def _say(scene: Scene, cut: str, words: str) -> bool:
    """Print the `words` about a `cut`, if there are any; whether there are."""
    if words:
        sys.stdout.write(f"{scene.to} {scene.mode}, {cut}: {words}\n")
    return bool(words)


if __name__ == "__main__":
    sys.exit(main())
