from __future__ import annotations

import json
from pathlib import Path

from tests.invoked import run

PHOTOS = Path(__file__).parents[2] / "fixtures" / "phone-photos-coco"


def prepared(tmp_path: Path) -> Path:
    out = tmp_path / "out"
    assert run("convert", PHOTOS, out, "--to", "yolo", "--letterbox", "320", "--quiet").exit_code == 0
    return out


def test_a_true_output_is_said_to_be_one(tmp_path: Path) -> None:
    result = run("verify", prepared(tmp_path))
    assert result.exit_code == 0, result.output
    assert f"against {PHOTOS}\n" in result.output
    assert "  structural 12 images right, 0 wrong, 0 undecided\n" in result.output
    assert "  geometric  25 objects right, 0 wrong, 0 undecided\n" in result.output
    assert result.output.endswith("nothing wrong was found\n")


def test_a_lie_is_listed_with_image_object_and_what_is_wrong(tmp_path: Path) -> None:
    out = prepared(tmp_path)
    label = out / "labels" / "train" / "IMG_2006.txt"
    label.write_text("2" + label.read_text(encoding="utf-8")[1:], encoding="utf-8")
    result = run("verify", out, "--against", PHOTOS, "--json", tmp_path / "v.json", "--sample", "2", "--workers", "1")
    assert result.exit_code == 1
    assert "fault: 1 x label-changed: an object has another class than in the source" in result.output
    assert "images/train/IMG_2006.jpg: object 1 (traffic sign): is of class " in result.output
    content = json.loads((tmp_path / "v.json").read_text(encoding="utf-8"))
    assert {fault["code"] for fault in content["faults"]} == {"label-changed", "count-differs"}
    assert content["faults"][0]["image"] == "images/train/IMG_2006.jpg"


def test_many_faults_of_one_kind_are_cut_short(tmp_path: Path) -> None:
    out = prepared(tmp_path)
    for label in (out / "labels").rglob("*.txt"):
        label.write_text("", encoding="utf-8")
    result = run("verify", out)
    assert "and 5 more (--json has all)" in result.output
    assert run("verify", out, "--quiet").stdout == ""


def test_a_dataset_is_judged_by_itself() -> None:
    result = run("verify", PHOTOS)
    assert result.exit_code == 0
    assert f"{PHOTOS}: by itself\n" in result.output
