from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tests.invoked import run

PHOTOS = Path(__file__).parents[2] / "fixtures" / "phone-photos-coco"


def test_results_come_home_and_strangers_are_listed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("convert", PHOTOS, out, "--to", "coco", "--letterbox", "320", "--flip", "horizontal", "--quiet")
    written = json.loads((out / "annotations" / "instances_val.json").read_text(encoding="utf-8"))
    wanted = json.loads((PHOTOS / "annotations" / "instances_val.json").read_text(encoding="utf-8"))
    rows = [{key: row[key] for key in ("image_id", "category_id", "bbox")} for row in written["annotations"]]
    results = tmp_path / "results.json"
    results.write_text(json.dumps(rows), encoding="utf-8")
    result = run("unmap", results, "--run", out, "-o", tmp_path / "home.json")
    assert result.exit_code == 0, result.output
    assert f"{len(rows)} of {len(rows)} predictions on 4 images of the source" in result.output
    home = json.loads((tmp_path / "home.json").read_text(encoding="utf-8"))
    for want, have in zip(wanted["annotations"], home, strict=True):
        assert have["image_id"] == want["image_id"]
        np.testing.assert_allclose(have["bbox"], want["bbox"], atol=0.01)
    results.write_text(json.dumps([{"image_id": 77_777, "bbox": [1, 2, 3, 4]}]), encoding="utf-8")
    result = run("unmap", results, "--run", out, "-o", tmp_path / "home.json")
    assert result.exit_code == 1
    assert "results.json: [0]: the output has no image of id 77777" in result.output
