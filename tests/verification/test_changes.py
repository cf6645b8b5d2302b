"""Outputs whose classes, splits or crowd were changed on the way are proved like any other, their classes too."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from bboxprep.cli import commands
from bboxprep.verification.verify import verify
from tests.verification.outputs import codes, photos

CHANGES = [
    ["--rename", "person=human", "--drop-class", "car", "--split", "train=0.6,val=0.4"],
    ["--only", "person", "--yolo-out", "segment", "--flip", "vertical"],
    ["--rename", "person=car", "--crowd", "keep"],
    ["--classes", "traffic sign,car,person", "--min-visibility", "0.5", "--crop", "10,10,280,300"],
    ["--flip", "horizontal", "--swap-classes", "car=traffic sign"],
]


def convert(dest: Path, options: list[str]) -> None:
    arguments = ["convert", str(photos("coco")), str(dest), "--to", "yolo", "--letterbox", "320", "-q", *options]
    result = CliRunner().invoke(commands, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("options", CHANGES, ids=[" ".join(options[:2]) for options in CHANGES])
def test_a_changed_output_is_true_and_a_label_of_it_that_lies_is_told(tmp_path: Path, options: list[str]) -> None:
    out = tmp_path / "out"
    convert(out, options)
    proof = verify(out, photos("coco"))
    assert proof.holds, proof.faults
    assert proof.tallies[1].checked > 5
    path = next(path for path in sorted((out / "labels").rglob("*.txt")) if path.read_text(encoding="utf-8"))
    label, _, rest = path.read_text(encoding="utf-8").partition(" ")
    names = (out / "data.yaml").read_text(encoding="utf-8").count('"') // 2
    if names > 1:
        path.write_text(f"{(int(label) + 1) % names} {rest}", encoding="utf-8")
        assert "label-changed" in codes(verify(out, photos("coco")))
