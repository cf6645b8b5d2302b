"""Names of classes and files on a terminal: they are shown, and the terminal never obeys them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from bboxprep import formats
from bboxprep.errors import BboxprepError
from tests.invoked import run
from tests.tiny import tiny

CLASS = "cat\x1b]0;title\x07\x1b[31m\u202e\nnothing wrong was found\n"
GONE = "gone\x1b[2J\u2028.jpg"


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    root = tmp_path / "set"
    root.mkdir()
    Image.new("RGB", (32, 24)).save(root / "a.jpg")
    images = [{"id": 1, "file_name": "a.jpg", "width": 32, "height": 24}, {"id": 2, "file_name": GONE}]
    boxes = [
        {"id": number, "image_id": number, "category_id": 1, "bbox": [2, 3, 10, 9], "area": 90, "iscrowd": 0}
        for number in (1, 2)
    ]
    content = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": CLASS}]}
    (root / "annotations.json").write_text(json.dumps(content), encoding="utf-8")
    return root


def controls(text: str) -> set[str]:
    return {mark for mark in text if mark != "\n" and unicodedata.category(mark) in ("Cc", "Zl", "Zp")} | (
        {"\u202e"} & set(text)
    )


@pytest.mark.parametrize("name", formats.written())
def test_names_in_no_format_reach_the_terminal_as_they_are(hostile: Path, tmp_path: Path, name: str) -> None:
    converted = run("convert", hostile, tmp_path / "out", "--to", name)
    if isinstance(converted.exception, BboxprepError):  # some formats cannot hold such a name
        return
    inspected = run("inspect", tmp_path / "out")
    verified = run("verify", tmp_path / "out", "--against", hostile)
    assert r"cat\x1b]0;title\x07\x1b[31m\u202e\nnothing wrong was found\n" in inspected.stdout
    assert r"gone\x1b[2J\u2028.jpg" in converted.stdout
    assert "nothing wrong was found" not in {
        line.strip() for line in (converted.stdout + inspected.stdout).splitlines()
    }
    assert not controls(converted.stdout + inspected.stdout + verified.stdout)


def test_an_error_is_one_line_without_controls(hostile: Path, tmp_path: Path) -> None:
    (hostile / "a.jpg").unlink()
    content = (hostile / "annotations.json").read_text(encoding="utf-8")
    (hostile / "annotations.json").write_text(content.replace("a.jpg", json.dumps(GONE)[1:-1]), encoding="utf-8")
    words = ("convert", str(hostile), str(tmp_path / "out"), "--to", "yolo")
    done = subprocess.run([sys.executable, "-m", "bboxprep", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert not controls(done.stderr)
    assert r"gone\x1b[2J\u2028.jpg" in done.stderr


def test_label_files_without_image_are_counted_as_files_and_their_objects_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path of each can be opened from where one stands."""
    source = tiny(tmp_path / "set", range(2))
    for number in range(7):
        (source / f"labels/train/x{number}.txt").write_text("0 .5 .5 .2 .2\n1 .4 .4 .2 .2\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for words in (["inspect", "set"], ["convert", "set", "out", "--to", "coco"]):
        result = run(*words)
        assert result.exit_code == 1
        assert "fault: 7 x label-orphan: " in result.output
        assert "its objects are dropped (14 objects)\n" in result.output
        shown = [line.strip().partition(": ")[0] for line in result.output.splitlines() if "no image;" in line][1:]
        assert len(shown) == 5
        assert all(Path(path).is_file() for path in shown)
    assert "exit 1: 7 faults listed above" in result.output
    record = json.loads((tmp_path / "out" / "bboxprep.json").read_text(encoding="utf-8"))
    assert {finding["path"].partition("/")[0] for finding in record["findings"]} == {"labels"}


def test_tables_show_the_classes_with_most_objects_and_fold_the_others(tmp_path: Path) -> None:
    """What is not shown is counted; splits have a row for all."""
    source = tiny(tmp_path / "set", range(2))
    (source / "labels" / "train" / "00000.txt").write_text(
        "".join(f"{number} .5 .{number + 10} .2 .2\n" * (1 + number % 2) for number in range(25)), encoding="utf-8"
    )
    (source / "images" / "val").mkdir()
    (source / "images" / "train" / "00001.jpg").rename(source / "images" / "val" / "00001.jpg")
    names = ", ".join(f"c{number:02}" for number in range(60))
    (source / "data.yaml").write_text(f"train: images/train\nval: images/val\nnames: [{names}]\n", encoding="utf-8")
    (source / "labels" / "train" / "00001.txt").unlink()
    commands = (["inspect", source], 5), (["convert", source, tmp_path / "out", "--to", "coco"], 5)
    for words, width in commands:
        said = run(*map(str, words)).output
        rows = [line.split() for line in said.splitlines() if re.match(r"  +\d+    c\d\d ", line)]
        assert len(rows) == 20
        assert [row[1] for row in rows] == sorted(row[1] for row in rows)
        assert {f"c{number:02}" for number in range(1, 25, 2)} <= {row[1] for row in rows}
        assert {len(row) for row in rows} == {width}
        assert "and 5 more with 5 objects" in said
        assert "35 classes without objects" in said
    assert re.search(r"^  all +2 +37 +1 *$", run("inspect", source).output, flags=re.MULTILINE)
