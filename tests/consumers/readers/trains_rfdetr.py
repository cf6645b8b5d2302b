"""RF-DETR: predictions of a model that no one has trained, since no weights are downloaded, as a COCO results file.

``IMAGES OUT``: the pictures below IMAGES. The model has a slot more than the data has classes, which is left out.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from rfdetr import RFDETRNano

from tests.consumers.readers.answer import say

CLASSES = 3


def predict(images: Path, out: Path) -> dict[str, object]:
    torch.manual_seed(0)
    model = RFDETRNano(pretrain_weights=None, device="cpu", num_classes=CLASSES)
    results = []
    for path in sorted(path for path in images.rglob("*") if path.suffix in (".jpg", ".png")):
        found = model.predict(str(path), threshold=0.0)
        rows = zip(found.xyxy.tolist(), found.class_id.tolist(), found.confidence.tolist(), strict=True)
        results += [
            {"file_name": path.name, "category_id": label, "bbox": [x0, y0, x1 - x0, y1 - y0], "score": score}
            for (x0, y0, x1, y1), label, score in rows
            if label < CLASSES
        ]
    out.mkdir(parents=True, exist_ok=True)
    (out / "results.json").write_text(json.dumps(results), encoding="utf-8")
    return {"results": str(out / "results.json"), "predictions": len(results)}


say(predict(Path(sys.argv[1]), Path(sys.argv[2])))
