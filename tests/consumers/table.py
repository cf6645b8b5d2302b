"""Writes ``docs/pages/consumers.md``: what each program made of our outputs.

``python -m tests.consumers.table`` runs all that is in the environment of `environment.py`; without ``--heavy`` there,
the page would lack the programs that train.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from docs.recognised import markdown_table
from tests.consumers import environment
from tests.consumers.bench import Result, read_by
from tests.consumers.outputs import OUTPUTS
from tests.consumers.programs import EXACT, PROGRAMS
from tests.consumers.sources import draw_rectangles
from tests.consumers.trainers import TRAININGS, Trained, Training, train

PAGE = Path(__file__).parents[2] / "docs" / "pages" / "consumers.md"
_INTRODUCTION = """\
# Programs that read it

Made by `python -m tests.consumers.table`. It gives outputs, as they are, to the programs that people feed, and compares
what these have read with the labels: every image and its size, every object, its class, box, outline and keypoints.

The programs have an environment of their own, which `tests/consumers/environment.py` makes. The sources are the phone
photos of the fixtures, letterboxed to 320, and small pictures of turned rectangles; between them they have crowd
regions, masks, outlines of parts, keypoints of one class and of all, a class without objects, images without objects,
sub-folders, JPEG, PNG and WebP. The tests in `tests/consumers` fail where anything differs by more than this says."""
_READ = """\
## What they read

"Equal" is within 0.0001 px, since some programs compute in float32; else the largest distance stands there. What a
program adds by a convention of its own is taken off and said. `--to voc` writes pixel numbers from 1, as the devkit
defines them. Keypoints of COCO are pixel numbers, too: half a pixel less than the places that others state. Of the 41
objects of photos and rectangles two are crowd regions, which YOLO and VOC do not hold."""
_TRAINED = """\
## What they train on

One epoch on the turned rectangles, letterboxed to 64, of a model without weights, for nothing is downloaded. Then it
predicts on `val`, and `bboxprep unmap` brings the predictions back to the images of the source, where pycocotools loads
them. Those in the margin alone are dropped. Perfect predictions, which give an average precision of 1.0, have a test of
their own (`tests/predictions`)."""
_WORDS = """\
- Ultralytics runs with `amp=False` and `plots=False`: it would download weights for the one and a font for the other.
- Ultralytics writes JPEG files anew that do not end with their end marker. Those are our copies, never files of the
  source; with `--images link` both are one file.
- RF-DETR numbers the classes of a model from 0, whatever ids the COCO file has: `bboxprep unmap --ids trainer`.
- transformers takes the steps of its own detection script, with a small YOLOS and what `datasets` loads.

No program of the bench has read BDD100K (Scalabel), COCO panoptic, CreateML, CSV, Datumaro, DOTA, Hugging Face
ImageFolder, Label Studio, mask PNGs, Open Images, Supervisely, TFRecord, Ultralytics NDJSON, VIA or VLM grounding JSONL
yet: the tests of these hold them to their specifications and to real files."""


def versions() -> dict[str, str]:
    """The version of each package in the environment."""
    command = [str(environment.python(environment.folder())), "-m", "pip", "list", "--format=json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {one["name"].lower(): one["version"] for one in json.loads(done.stdout)}


def rows_of(name: str, version: str, results: Iterable[Result]) -> Iterator[tuple[str, ...]]:
    """A row for each output that a program was given, over its sources."""
    for reading, group in groupby(results, key=lambda one: one.reading):
        found = list(group)
        output, notes = OUTPUTS[reading.output], [reading.note] if reading.note else []
        head = (name, version, f"`{output.words}`", output.task)
        if reading.cannot and any(one.difference.faults for one in found):
            yield (*head, "", "", f"not in full: {'; '.join(notes)}")
            continue
        if reading.points and any(one.difference.points is not None for one in found):
            notes.append("keypoints are pixel numbers")
        counts = (str(sum(one.difference.images for one in found)), str(sum(one.difference.objects for one in found)))
        yield (*head, *counts, "; ".join([equal(found), *notes]))


def equal(results: list[Result]) -> str:
    """How far the boxes, outlines and keypoints of `results` lie off ours."""
    kinds = {
        "boxes": [one.difference.boxes for one in results],
        "outlines": [off for one in results if (off := one.difference.rings) is not None],
        "keypoints": [off for one in results if (off := one.difference.points) is not None],
    }
    said = {name: max(offs) for name, offs in kinds.items() if offs}
    far = [f"{name} {off:.4f} px" for name, off in said.items() if off > EXACT]
    same = [name for name, off in said.items() if off <= EXACT]
    masks = ["masks within a pixel of their outlines"] if any(one.difference.masks for one in results) else []
    return ", ".join(([f"{', '.join(same)} equal"] if same else []) + far + masks)


def row_of(training: Training, version: str, trained: Trained) -> tuple[str, ...]:
    """The row of one training."""
    labels = f"{trained.labels} rows of label files, too" if trained.labels else ""
    notes = "; ".join(
        filter(None, (labels, f"{trained.dropped} in the margin" if trained.dropped else "", training.note))
    )
    counts = str(trained.predictions), str(len(trained.home))
    return training.program, version, training.model, f"`{training.output.words}`", *counts, notes


def page() -> str:
    """The page. Raises `AssertionError` where a program reads anything else."""
    known = versions()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        read: list[tuple[str, ...]] = []
        for program in PROGRAMS:
            results = list(read_by(program, work))
            assert [fault for one in results for fault in one.faults] == []
            read += rows_of(program.name, known[program.name], results)
        source = draw_rectangles(work / "source")
        trained = []
        for number, training in enumerate(TRAININGS):
            (own := work / f"training-{number}").mkdir()
            trained.append(row_of(training, known[training.program], train(training, source, own)))
    names = ("program", "version", "output", "labels", "images", "objects", "boxes, classes and all else")
    heads = ("program", "version", "model", "output", "predictions", "home again", "")
    tables = markdown_table(names, read), markdown_table(heads, trained)
    return "\n\n".join([_INTRODUCTION, _READ, tables[0], _TRAINED, tables[1], _WORDS]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
