from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

import bboxprep
from bboxprep.cli import commands
from bboxprep.cli.flag_names import with_flags
from bboxprep.errors import AnnotationError, BboxprepError
from tests.conformance.examples import AVAILABLE

POINTS = ["nose", "left_eye", "right_eye"]
CLASSES = ["left_hand", "right_hand", "face"]


def make(root: Path, *records: dict[str, Any]) -> Path:
    """One picture of 40x30 with these objects."""
    table = [{"id": number, "name": name, "keypoints": POINTS} for number, name in enumerate(CLASSES, 1)]
    image = {"id": 1, "file_name": "a.png", "width": 40, "height": 30}
    rows = [
        {"id": number, "image_id": 1, "category_id": 1, "iscrowd": 0, **record}
        for number, record in enumerate(records, 1)
    ]
    (root / "train").mkdir(parents=True)
    (root / "annotations").mkdir()
    Image.new("RGB", (40, 30)).save(root / "train" / "a.png")
    document = {"images": [image], "annotations": rows, "categories": table}
    (root / "annotations" / "instances_train.json").write_text(json.dumps(document), encoding="utf-8")
    return root


def run(source: Path, out: Path, *arguments: str, to: str = "coco") -> Result:
    return CliRunner().invoke(commands, ["convert", str(source), str(out), "--to", to, *arguments])


def refused(source: Path, out: Path, *arguments: str, to: str = "coco") -> str:
    result = run(source, out, *arguments, to=to)
    assert not out.exists()
    if isinstance(result.exception, BboxprepError):
        return with_flags(str(result.exception), commands)
    assert result.exit_code == 2, result.output
    return result.output


def dropped(out: Path) -> dict[str, int]:
    found: dict[str, int] = json.loads((out / "bboxprep.json").read_text(encoding="utf-8"))["splits"][0]["dropped"]
    return found


def objects(out: Path) -> list[dict[str, Any]]:
    document = json.loads((out / "annotations" / "instances_train.json").read_text(encoding="utf-8"))
    rows: list[dict[str, Any]] = document["annotations"]
    return rows


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--crowd", "keeep"], "'keeep' is not one of 'keep', 'drop', 'ignore'"),
        (["--degenerate", "clip"], "'clip' is not one of 'drop', 'error'"),
        (["--outside", "keep"], "'keep' is not one of 'clip', 'drop', 'error'"),
        (["--outside-tolerance", "-1"], "outside tolerance: have -1.0, want px of 0 or more"),
        (["--outside-tolerance", "nan"], "outside tolerance: have nan, want px of 0 or more"),
        (["--min-visibility", "50"], "min visibility: have 50.0, want 0 to 1"),
        (["--swap-classes", "left_hand"], "swap classes: have 'left_hand', want LEFT=RIGHT"),
        (["--swap-classes", "left_hand=rihgt_hand"], "have 'rihgt_hand', want a class of the source; did you mean"),
        (["--swap-classes", "face=face"], "swap classes: have 'face' twice"),
    ],
)
def test_a_wrong_policy_is_one_clear_line_and_nothing_is_written(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    assert said in refused(make(tmp_path / "in"), tmp_path / "out", *arguments)


@pytest.mark.parametrize(
    ("option", "box", "where"),
    [
        ("degenerate", [5, 5, 0, 9], "object 2: the box has no area"),
        ("degenerate", [5, 5, -3, 9], "annotations[1].bbox: have [5, 5, -3, 9]"),
        ("outside", [30, 5, 11, 9], "object 2: it reaches over the edge of its image of 40x30 (box 30 5 41 14)"),
        ("outside", [50, 5, 11, 9], "object 2: the box lies outside the image of 40x30"),
    ],
)
def test_an_error_policy_names_the_object_and_its_option_and_writes_nothing(
    tmp_path: Path, option: str, box: list[float], where: str
) -> None:
    source = make(tmp_path / "in", {"bbox": [1, 1, 5, 5]}, {"bbox": box})
    message = refused(source, tmp_path / "out", f"--{option}", "error")
    assert where in message
    assert f"(--{option} error refuses it, --{option} drop lists it instead)" in message
    other = "degenerate" if option == "outside" else "outside"
    run(source, tmp_path / "other", f"--{other}", "error")
    assert len(objects(tmp_path / "other")) in (1, 2)


def test_outside_and_its_tolerance(tmp_path: Path) -> None:
    source = make(tmp_path / "in", {"bbox": [30, 5, 10.5, 9]}, {"bbox": [30, 5, 12, 9]})
    result = run(source, tmp_path / "out", "--outside", "drop", "--outside-tolerance", "0.5")
    assert result.exit_code == 0, result.output
    assert "note: 1 x box-overreach" in result.output
    assert [row["bbox"] for row in objects(tmp_path / "out")] == [[30, 5, 10, 9]]


@pytest.mark.parametrize(("least", "kept"), [("0", 2), ("0.5", 2), ("0.51", 1), ("1", 1)])
def test_min_visibility(tmp_path: Path, least: str, kept: int) -> None:
    source = make(tmp_path / "in", {"bbox": [15, 5, 10, 10]}, {"bbox": [2, 2, 5, 5]})
    run(source, tmp_path / "out", "--crop", "0,0,20,30", "--letterbox", "64", "--min-visibility", least)
    assert len(objects(tmp_path / "out")) == kept
    assert dropped(tmp_path / "out") == ({"box-hidden": 1} if kept == 1 else {})


@pytest.mark.parametrize(
    ("given", "kept"),
    [(("right_hand=0.6",), 1), (("0.6", "right_hand=0.5"), 1), (("left_hand=0.6",), 2), (("1", "right_hand=0.1"), 1)],
)
def test_min_visibility_by_class(tmp_path: Path, given: tuple[str, ...], kept: int) -> None:
    cut = {"bbox": [15, 5, 10, 10]}
    source = make(tmp_path / "in", cut | {"category_id": 3}, cut | {"category_id": 2})
    asked = [word for text in given for word in ("--min-visibility", text)]
    result = run(source, tmp_path / "out", "--crop", "0,0,20,30", *asked)
    assert result.exit_code == 0, result.output
    assert len(objects(tmp_path / "out")) == kept


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("lots",), "min visibility: have 'lots', want a share of 0 to 1"),
        (("0.1", "0.2"), "min visibility: have 0.1 and 0.2 for all classes, want one of them"),
        (("nobody=0.5",), "min visibility: have 'nobody', want a class of the source"),
        (("right_hand=0.5", "right_hand=0.6"), "have two shares for the class 'right_hand', want one"),
    ],
)
def test_a_wrong_min_visibility_is_refused(tmp_path: Path, given: tuple[str, ...], message: str) -> None:
    source = make(tmp_path / "in", {"bbox": [15, 5, 10, 10]})
    asked = [word for text in given for word in ("--min-visibility", text)]
    assert message in refused(source, tmp_path / "out", *asked)


def test_a_flip_exchanges_what_it_is_told_to_and_the_account_says_so(tmp_path: Path) -> None:
    points = [20, 5, 2, 10, 9, 2, 30, 9, 1]
    source = make(
        tmp_path / "in",
        {"bbox": [1, 1, 5, 5], "keypoints": points, "num_keypoints": 3},
        {"bbox": [2, 2, 5, 5], "category_id": 3},
    )
    plain = run(source, tmp_path / "plain", "--flip", "horizontal")
    assert "note: 2 x flip-unmapped" in plain.output
    assert "class 'left_hand' says left or right; --swap-classes gives its partner" in plain.output
    swapped = run(source, tmp_path / "out", "--flip", "horizontal", "--swap-classes", "left_hand=right_hand")
    assert swapped.exit_code == 0, swapped.output
    assert "flip-unmapped" not in swapped.output
    assert [row["category_id"] for row in objects(tmp_path / "out")] == [2, 3]
    assert objects(tmp_path / "out")[0]["keypoints"] == [19, 5, 2, 9, 9, 1, 29, 9, 2]
    lines = [line.split() for line in swapped.output.splitlines()]
    assert ["0", "left_hand", "1", "0", "0;", "swapped", "-1"] in lines
    assert ["1", "right_hand", "0", "1", "0;", "swapped", "+1"] in lines
    record = json.loads((tmp_path / "out" / "bboxprep.json").read_text(encoding="utf-8"))
    assert record["rules"]["swap_classes"] == [["left_hand", "right_hand"]]
    rows = (tmp_path / "out" / "bboxprep.images.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(row)["mirrored"] for row in rows] == [True]


def test_repeated_objects_are_told_by_image_in_every_format(tmp_path: Path) -> None:
    box = {"bbox": [4, 6, 8, 12]}
    source = make(tmp_path / "in", box, box, box, {**box, "category_id": 3})
    for to in AVAILABLE:
        assert "note: 1 x record-duplicate" in run(source, tmp_path / to, to=to).output
        again = CliRunner().invoke(commands, ["inspect", str(tmp_path / to)])
        assert "objects have the class and the box of another one (2); all kept" in again.output


def test_the_same_in_python(tmp_path: Path) -> None:
    source = make(tmp_path / "in", {"bbox": [30, 5, 12, 9]}, {"bbox": [1, 1, 5, 5]})
    object_policy = bboxprep.ObjectPolicy(swap_classes=(("left_hand", "right_hand"),), outside="drop")
    flipped = bboxprep.read(source, object_policy=object_policy).transform(bboxprep.Recipe(bboxprep.Flip("vertical")))
    outcome = bboxprep.write(flipped, tmp_path / "out", "coco")
    assert [row["category_id"] for row in objects(tmp_path / "out")] == [2]
    assert dropped(tmp_path / "out") == {"box-overreach": 1}
    assert [row.swapped for row in outcome.account.class_rows(CLASSES)] == [-1, 1, 0]
    strict = bboxprep.read(source, object_policy=bboxprep.ObjectPolicy(outside="error"))
    with pytest.raises(AnnotationError, match="`outside='error'`"):
        strict[0].transform(bboxprep.Recipe())
    with pytest.raises(AnnotationError, match="`outside='error'`"):
        bboxprep.write(strict, tmp_path / "never", "yolo")
    assert not (tmp_path / "never").exists()
