"""Gives outputs to a program, and compares what it has read with what the labels say."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.consumers import environment
from tests.consumers.comparison import Difference, compare, pictures_of
from tests.consumers.outputs import as_we_read, make_output
from tests.consumers.programs import Program, Reading
from tests.consumers.readers.answer import Answer

PATIENCE = 600.0  # s; an end, not a measure


@dataclass(frozen=True)
class Result:
    """What came of one reading of the output of one source."""

    reading: Reading
    source: str
    difference: Difference

    @property
    def faults(self) -> list[str]:
        """What is wrong, and not known of the program."""
        found, reading = list(self.difference.faults), self.reading
        if reading.cannot:
            return [] if not found or any(text in fault for fault in found for text in reading.cannot) else found
        for what, off, most in (
            ("boxes", self.difference.boxes, reading.within),
            ("outlines", self.difference.rings or 0.0, reading.rings),
            ("keypoints", self.difference.points or 0.0, reading.within),
        ):
            found += [f"{what} {off:.4g} px off, want at most {most:g}"] if off > most else []
        return [f"{reading.output} of {self.source}: {fault}" for fault in found]


def read_by(program: Program, work: Path) -> Iterator[Result]:
    """The results of all readings of `program`, with outputs that are made below `work`."""
    asked = [
        (reading, source, make_output(source, reading.output, work))
        for reading in program.readings
        for source in reading.sources
    ]
    words = [f"{reading.output}={root}" for reading, _, root in asked]
    said = answer_of(f"by_{program.name}", words, work)
    for (reading, source, root), word in zip(asked, words, strict=True):
        if isinstance(error := said[word].get("error"), str):
            yield Result(reading, source, Difference(faults=[error]))
        else:
            ours = as_we_read(root) if reading.crowds else without_crowds(as_we_read(root))
            yield Result(reading, source, compare(ours, pictures_of(said[word]), reading.shift, reading.points))


def without_crowds(said: Answer) -> Answer:
    """The pictures without their crowd regions."""
    return {
        name: replace(picture, objects=[one for one in picture.objects if not one.crowd])
        for name, picture in said.items()
    }


def answer_of(script: str, words: Sequence[str], work: Path) -> Any:
    """What a script of `readers` prints in the environment of the programs: JSON on its last line."""
    module = f"tests.consumers.readers.{script}"
    assert find_spec(module) is not None, module
    done = subprocess.run(
        [environment.python(environment.folder()), "-m", module, *words],
        env=environment.variables(work / "home"),
        cwd=work,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.rstrip().rpartition("\n")[2])
