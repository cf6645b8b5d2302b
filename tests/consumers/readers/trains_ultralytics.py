"""Ultralytics: an epoch of a model of YAML, its validation, and its predictions, with no file to download.

``ROOT TASK OUT``: `plots`, the check of AMP and worker processes are off; they want fonts, weights, and time.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ultralytics import YOLO

from tests.consumers.readers.answer import say

MODELS = {"detect": "yolo11n", "segment": "yolo11n-seg", "pose": "yolo11n-pose", "obb": "yolo11n-obb"}


def train(root: Path, task: str, out: Path) -> dict[str, object]:
    common = {"imgsz": 64, "device": "cpu", "project": str(out), "exist_ok": True, "verbose": False}
    saved = {"save_txt": True, "save_conf": True, "conf": 0.001}
    data = {"data": str(root / "data.yaml"), "batch": 2, "workers": 0, "plots": False}
    model = YOLO(f"{MODELS[task]}.yaml", task=task)
    model.train(epochs=1, amp=False, name="train", **data, **common)
    model.val(split="val", save_json=True, name="val", **data, **common, **saved)
    found = model.predict(source=str(root / "images" / "val"), name="predict", **common, **saved)
    return {
        "weights": (out / "train" / "weights" / "last.pt").is_file(),
        "results": str(out / "val" / "predictions.json"),
        "labels": str(out / "predict" / "labels"),
        "predictions": sum(len(one.obb if task == "obb" else one.boxes) for one in found),
    }


say(train(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
