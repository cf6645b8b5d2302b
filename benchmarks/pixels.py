"""Photos letterboxed to 640, upright, as JPEG of quality 90: bboxprep against scripts on OpenCV, libvips and
albumentations.

``python benchmarks/pixels.py [--work FOLDER] [--turns 5] [--only NAME]`` after ``python benchmarks/environments.py
FOLDER``; makes the corpora (``corpora.py``) below FOLDER if they are not there. Ours is a whole run, with labels,
account and record; the others have no labels. Best on a memory disk: ``--work /dev/shm/bboxprep``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from environments import OURS, VARIABLES, WORK, peer_script, programs, versions
from pairs import Command, Run, machine, middle, ratio, table, take_turns, verdict

HERE = Path(__file__).parent
CORPORA = {
    "coco": "COCO-sized photos, long side mostly 640",
    "other": "COCO-sized photos, none with a long side of 640",
    "phone": "12-megapixel phone photos",
}
SIDE, QUALITY, WORKERS = 640, 90, 2
RIVALS = ("opencv", "libvips", "albumentations")
SMALL, LARGE = {"opencv": 0.95, "albumentations": 0.7}, {"opencv": 0.40, "libvips": 0.9}
SHARE_OF_FLOOR = {"coco": 0.6, "other": 0.6, "phone": 0.7}
LEAST_SCALING, MOST_MEMORY = 1.85, 150
LEAST_LANCZOS, LEAST_AREA = 45, 49
PHOTOS_COMPARED = {"coco": 100, "other": 100, "phone": 8}


@dataclass(frozen=True)
class Codecs:
    """The fastest decoder and encoder for a corpus, and the canvases that are encoded."""

    decoder: str
    encoder: str
    canvases: Path


def fastest_codecs(work: Path, corpus: Path) -> Codecs:
    """What the floor is measured with."""
    canvases = work / f"canvases-{corpus.name}.npy"
    words = peer_script(work, "floor", str(corpus), str(canvases))
    said = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
    return Codecs(said[0], said[1], canvases)


def commands(work: Path, corpus: Path, codecs: Codecs) -> list[Command]:
    """Ours with two workers and with one, the rivals, the floor."""
    found = [_ours(work, corpus, WORKERS), _ours(work, corpus, 1)]
    found += [_theirs(work, peer, corpus) for peer in RIVALS]
    return [*found, _theirs(work, "floor", corpus, str(codecs.canvases), codecs.decoder, codecs.encoder)]


def _ours(work: Path, corpus: Path, workers: int) -> Command:
    out = work / "out" / f"ours-{workers}"
    options = ["--to", "yolo", "--letterbox", str(SIDE), "--quality", str(QUALITY), "--workers", str(workers)]
    return Command(f"ours {workers}", [*OURS, "convert", str(corpus), str(out), *options], VARIABLES, out, codes=(0, 1))


def _theirs(work: Path, peer: str, corpus: Path, *more: str) -> Command:
    out = work / "out" / peer
    return Command(peer, peer_script(work, peer, str(corpus), str(out), str(WORKERS), *more), clear=out)


def report(name: str, count: int, runs: Mapping[str, list[Run]], codecs: Codecs) -> str:
    """The table of one corpus, in Markdown."""
    ours = runs["ours 2"]
    goals = LARGE if name == "phone" else SMALL
    rows = [["", "images/s", "wall s", "CPU s", "peak MB", "bboxprep takes", "its CPU", "goal", ""]]
    rows.append(["bboxprep, 2 workers", *_figures(count, ours), "1", "1", "", ""])
    for peer in RIVALS:
        share = ratio(ours, runs[peer])
        goal = [f"at most {goals[peer]}", verdict(share.median <= goals[peer])] if peer in goals else ["", ""]
        rows.append([f"{peer}, 2 threads", *_figures(count, runs[peer]), f"{share} x", _cpu(ours, runs[peer]), *goal])
    floor, least = ratio(runs["floor"], ours), SHARE_OF_FLOOR[name]
    label = f"floor ({codecs.decoder} decodes, {codecs.encoder} encodes), 2 threads"
    reached = [
        f"{floor} of the floor's speed",
        _cpu(ours, runs["floor"]),
        f"at least {least}",
        verdict(floor.median >= least),
    ]
    rows.append([label, *_figures(count, runs["floor"]), *reached])
    scaling = ratio(runs["ours 1"], ours)
    speedup = [
        f"2 workers are {scaling} x as fast",
        _cpu(ours, runs["ours 1"]),
        f"at least {LEAST_SCALING}",
        verdict(scaling.median >= LEAST_SCALING),
    ]
    rows.append(["bboxprep, 1 worker", *_figures(count, runs["ours 1"]), *speedup])
    return f"### {CORPORA[name]} ({count:,})\n\n{table(rows)}\n{_memory(runs)}"


def _cpu(ours: list[Run], theirs: list[Run]) -> str:
    return f"{ratio(ours, theirs, 'cpu').median:.2f} x"


def _figures(count: int, runs: list[Run]) -> list[str]:
    wall = middle(runs, "wall")
    return [f"{count / wall:.0f}", f"{wall:.2f}", f"{middle(runs, 'cpu'):.2f}", f"{middle(runs, 'memory'):.0f}"]


def _memory(runs: Mapping[str, list[Run]]) -> str:
    two, one = (middle(runs[f"ours {workers}"], "memory") for workers in (2, 1))
    share = two / WORKERS
    goal = f"goal: under {MOST_MEMORY} ({verdict(share < MOST_MEMORY)})"
    return f"Peak memory: {share:.0f} MB a worker of 2, {goal}; the second worker adds {two - one:.0f} MB.\n"


def quality(corpus: Path) -> str:
    """How good our images are, in words; measured in a process of its own, lest ours grow."""
    words = [sys.executable, str(HERE / "quality.py"), str(corpus), str(SIDE), str(PHOTOS_COMPARED[corpus.name])]
    said = subprocess.run(words, check=True, capture_output=True, text=True, env={**os.environ, **VARIABLES}).stdout
    lanczos, area = map(float, said.split())
    goal = f"goal: {LEAST_LANCZOS} or {LEAST_AREA} ({verdict(lanczos >= LEAST_LANCZOS or area >= LEAST_AREA)})"
    return f"Quality before encoding: {lanczos:.1f} dB to Lanczos-3, {area:.1f} dB to area; {goal}.\n"


def main() -> None:
    """Measure the corpora that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--only", choices=list(CORPORA), action="append")
    arguments = parser.parse_args()
    work: Path = arguments.work
    for peer in (*RIVALS, "floor"):
        programs(work, peer)
    print(f"{machine()}; {'; '.join(versions(work, peer) for peer in ('libvips', 'albumentations', 'floor'))}.\n")
    for name in arguments.only or CORPORA:
        corpus = work / "photos" / name
        if not corpus.is_dir():
            make = [sys.executable, str(HERE / "corpora.py"), str(work / "photos"), "--only", name]
            subprocess.run(make, check=True, stdout=sys.stderr)
        codecs = fastest_codecs(work, corpus)
        runs = take_turns(commands(work, corpus, codecs), arguments.turns)
        count = len(list((corpus / "train").iterdir()))
        print(report(name, count, runs, codecs), quality(corpus), sep="\n", flush=True)


if __name__ == "__main__":
    main()
