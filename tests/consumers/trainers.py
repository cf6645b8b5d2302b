"""Programs that train: an epoch on an output, and predictions that `unmap` brings back to the source."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bboxprep
from bboxprep import Letterbox, Recipe
from bboxprep.predictions.category_ids import IdsOf
from tests.consumers.bench import answer_of
from tests.consumers.outputs import Output

RECIPE = Recipe(Letterbox(64))


@dataclass(frozen=True)
class Training:
    """One training: a `script` of `readers`, what it trains, and on which output. On its command line stand the folder
    of `images` below the output and the `words` that follow it. `ids` are those of its results (`bboxprep.unmap`).
    """

    script: str
    model: str
    output: Output
    words: tuple[str, ...] = ()
    images: str = ""
    ids: IdsOf | None = None
    note: str = ""

    @property
    def program(self) -> str:
        """The program that trains."""
        return self.script.removeprefix("trains_")


TRAININGS = (
    *(
        Training("trains_ultralytics", f"yolo11n{suffix}", Output("yolo", {"task": task}, task), (task,))
        for task, suffix in (("detect", ""), ("segment", "-seg"), ("pose", "-pose"), ("obb", "-obb"))
    ),
    *(
        Training("trains_transformers", "YOLOS", Output(kind, {"image_format": "jpg"}), (kind,))
        for kind in ("parquet", "webdataset")
    ),
    Training(
        "trains_rfdetr",
        "RF-DETR Nano",
        Output("coco", {"layout": "roboflow"}),
        images="valid",
        ids="trainer",
        note="predicts alone: its training wants other packages, too",
    ),
)


@dataclass(frozen=True)
class Trained:
    """What came of a training: the number of its predictions, those that are back on the images of the source, and the
    number of rows of label files that are; what lay in the margin alone is `dropped`, and `codes` are all findings.
    """

    predictions: int
    home: list[dict[str, Any]]
    labels: int
    dropped: int
    codes: frozenset[str]


def train(training: Training, source: Path, work: Path) -> Trained:
    """Convert `source`, train, predict, and bring the predictions home."""
    out = work / "out"
    bboxprep.convert(source, out, training.output.format, RECIPE, **training.output.options)
    said = answer_of(training.script, [str(out / training.images), *training.words, str(work / "run")], work)
    run, results = bboxprep.open_run(out), Path(said["results"])
    done = bboxprep.unmap(run, results, work / "home.json", ids=training.ids)
    rows = bboxprep.unmap(run, said["labels"], work / "labels") if "labels" in said else None
    findings = [*done.findings, *(rows.findings if rows else ())]
    return Trained(
        predictions=len(json.loads(results.read_text(encoding="utf-8"))),
        home=json.loads((work / "home.json").read_text(encoding="utf-8")),
        labels=rows.written if rows else 0,
        dropped=sum(max(one.objects, 1) for one in done.findings if one.code == "box-cropped"),
        codes=frozenset(one.code for one in findings),
    )
