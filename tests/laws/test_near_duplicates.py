"""Images that look alike: what is told of them, which of them stays, and that `verify` proves it and finds lies."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from bboxprep.cli import commands
from bboxprep.images.near_pairs import near_pairs
from bboxprep.model.filters import Dedupe, Filters
from bboxprep.model.sample import Key
from bboxprep.pipeline.api import convert
from bboxprep.pipeline.source import near_duplicates
from bboxprep.pipeline.source.near_duplicates import left_out, near_groups
from bboxprep.recipe.appearance import Exposure
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.geometric import Letterbox
from bboxprep.recipe.recipe import Recipe
from bboxprep.verification.verify import verify
from tests.images.test_near_pairs import THUMBNAILS, brighter, half, picture
from tests.tiny import tree
from tests.verification.outputs import codes, edit_record, edit_row, make, recorded, told

SAME = {  # the picture that each image shows
    "train/a.png": 1, "train/b.jpg": 2, "train/c.jpg": 1, "train/d.jpg": 3, "train/e.jpg": 4, "train/f.jpg": 4,
    "val/g.jpg": 2, "val/h.jpg": 5, "test/i.jpg": 2, "test/j.jpg": 6,
}  # fmt: skip
GONE = {
    "train/c.jpg": "train/a.png",
    "train/f.jpg": "train/e.jpg",
    "train/b.jpg": "test/i.jpg",
    "val/g.jpg": "test/i.jpg",
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A YOLO dataset of copies in other bytes, sizes and exposures; one file that cannot be read comes first."""
    root = tmp_path_factory.mktemp("near")
    for number, (name, shown) in enumerate(SAME.items()):
        image, label = root / "images" / name, (root / "labels" / name).with_suffix(".txt")
        image.parent.mkdir(parents=True, exist_ok=True)
        label.parent.mkdir(parents=True, exist_ok=True)
        pixels = picture(shown) if number % 2 else half(picture(shown))
        cv2.imwrite(str(image), brighter(pixels, 1 - 0.02 * number))
        label.write_text("0 0.5 0.5 0.4 0.4\n1 0.3 0.3 0.2 0.2\n")
    (root / "images" / "test" / "0.jpg").write_bytes((root / "images" / "train" / "d.jpg").read_bytes()[:2000])
    (root / "labels" / "test" / "0.txt").write_text("0 0.5 0.5 0.4 0.4\n")
    return root


def recipe(dedupe: Dedupe = "drop") -> Recipe:
    return Recipe(Letterbox(96), filters=Filters(dedupe=dedupe))


def found(out: Path, code: str) -> dict[str, str]:
    """The messages of the findings of `code`, by the image they are about."""
    findings = recorded(out)["findings"]
    return {
        one.get("path", one["split"]).removeprefix("images/"): one["message"] for one in findings if one["code"] == code
    }


@pytest.fixture(scope="module")
def dropped(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("dropped") / "out", source, "coco", recipe())


def test_one_of_each_group_stays_that_keeps_the_evaluation_honest(dropped: Path) -> None:
    images = [json.loads(line) for line in (dropped / "bboxprep.images.jsonl").read_text().splitlines()]
    gone = {row["source"].removeprefix("images/"): row for row in images if not row["output"]}
    assert set(gone) == {*GONE, "test/0.jpg"}
    said = {(one["path"], one["message"]) for one in recorded(dropped)["findings"] if one["code"] == "image-duplicate"}
    for name, kept in GONE.items():
        split = kept.partition("/")[0]
        assert (f"images/{name}", f"looks like images/{kept} ({split}), which is kept") in said
        assert gone[name]["objects"] == {"in": 2, "out": 0, "dropped": {"image-duplicate": 2}}
    assert told(verify(dropped)) == ""


def test_the_bytes_depend_on_no_worker_and_a_second_run_has_nothing_to_do(
    dropped: Path, source: Path, tmp_path: Path
) -> None:
    convert(source, tmp_path / "out", "coco", recipe(), workers=2)
    before = tree(tmp_path / "out")
    pixels = {name: digest for name, digest in before.items() if not name.startswith("bboxprep")}
    assert pixels == {name: digest for name, digest in tree(dropped).items() if not name.startswith("bboxprep")}
    assert convert(source, tmp_path / "out", "coco", recipe(), resume=True).fresh == 0
    assert tree(tmp_path / "out") == before


def no_rule(out: Path) -> None:
    edit_record(out, recipe={**recorded(out)["recipe"], "filters": {"dedupe": "report"}})


def rule_after_all(out: Path) -> None:
    edit_record(out, recipe={**recorded(out)["recipe"], "filters": {"dedupe": "drop"}})


def hide(out: Path) -> None:
    """Leave out an image that looks like no other, and say that it does."""
    row = next(json.loads(line) for line in (out / "bboxprep.images.jsonl").read_text().splitlines() if "j.jpg" in line)
    (out / row["output"]).unlink()
    (out / row["output"].replace("images", "labels")).with_suffix(".txt").unlink()
    edit_row(out, Path(row["output"]).name, output=None, objects={"in": 2, "out": 0})
    lie = {"severity": "note", "code": "image-duplicate", "message": "is", "path": row["source"], "split": "test"}
    edit_record(out, findings=[*recorded(out)["findings"], lie])


@pytest.mark.parametrize(
    ("dedupe", "lie", "code"),
    [
        ("drop", no_rule, "image-missing"),
        ("report", rule_after_all, "image-unfiltered"),
        ("drop", hide, "image-missing"),
    ],
)
def test_a_duplicate_that_is_none_and_one_that_stays_are_told(
    source: Path, tmp_path: Path, dedupe: Dedupe, lie: Callable[[Path], None], code: str
) -> None:
    out = make(tmp_path / "out", source, "yolo", recipe(dedupe))
    assert code not in codes(verify(out))
    lie(out)
    assert code in codes(verify(out))


ACROSS = {
    "val/g.jpg": "looks like images/train/b.jpg (train)",
    "test/i.jpg": "looks like images/train/b.jpg (train), and 1 more of other splits",
}
INSIDE = {
    "train": "pairs of images that look alike (2): images/train/a.png and images/train/c.jpg; images/train/e.jpg and "
    "images/train/f.jpg"
}


@pytest.mark.parametrize(
    "steps",
    [
        recipe("report"),
        recipe(""),
        Recipe(Letterbox(96), augment=Augment(Exposure((0.5, 0.6)), copies=2)),
    ],
)
def test_pairs_are_told_where_asked_or_where_images_are_decoded(source: Path, tmp_path: Path, steps: Recipe) -> None:
    out = make(tmp_path / "out", source, "yolo", steps)
    assert found(out, "split-near-leak") == ACROSS
    assert found(out, "image-near-duplicate") == INSIDE
    assert len(convert(source, out, "yolo", steps, resume=True).account.findings) == len(recorded(out)["findings"])


def test_pairs_are_not_looked_for_where_nothing_is_decoded(source: Path, tmp_path: Path) -> None:
    out = make(tmp_path / "out", source, "yolo", Recipe())
    assert not found(out, "split-near-leak")
    asked = make(tmp_path / "asked", source, "yolo", Recipe(filters=Filters(dedupe="report")))
    assert found(asked, "split-near-leak") == ACROSS
    convert(source, tmp_path / "labels", "yolo", Recipe(filters=Filters(dedupe="report")), images="none")
    assert found(tmp_path / "labels", "split-near-leak") == ACROSS


def law_of_duplicates(keys: Sequence[Key], thumbnails: Sequence[bytes], gone: dict[int, int]) -> None:
    """No two that stay look alike; each that goes has one to look like, of a split that is at least as worthy."""
    alike = {(one, other) for one, other in near_pairs(thumbnails).tolist()}
    stay = [row for row in range(len(keys)) if row not in gone]
    assert not alike & set(combinations(stay, 2))
    worth = {"test": 0, "val": 1, "other": 2, "train": 3}
    for row, kept in gone.items():
        assert (min(row, kept), max(row, kept)) in alike
        assert (worth[keys[kept][0]], kept) < (worth[keys[row][0]], row)


def frames(random: np.random.Generator) -> tuple[list[Key], list[bytes]]:
    """Films whose pictures change little by little, spread over splits by chance."""
    base = np.frombuffer(b"".join(THUMBNAILS), np.uint8).reshape(len(THUMBNAILS), -1).astype(np.float64)
    mixed = [
        (base[film] * (1 - share) + base[film + 20] * share).astype(np.uint8).tobytes()
        for film in range(6)
        for share in np.sort(random.random(9))
    ]
    splits = random.choice(["train", "val", "test", "other"], len(mixed)).tolist()
    return [(split, f"{row}.jpg") for row, split in enumerate(splits)], mixed


def without(gone: int, rows: Sequence[int]) -> list[int]:
    return [row for row in rows if row != gone]


def test_what_stays_and_what_goes_is_lawful() -> None:
    for seed in range(8):
        keys, thumbnails = frames(np.random.default_rng(seed))
        gone = left_out(keys, thumbnails, lambda rows: rows)
        assert gone
        law_of_duplicates(keys, thumbnails, gone)
        first = next(iter(gone))
        assert first not in left_out(keys, thumbnails, partial(without, first))


def test_the_law_finds_a_choice_that_keeps_training_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_duplicates, "_worth", lambda _: 0)
    keys, thumbnails = frames(np.random.default_rng(1))
    with pytest.raises(AssertionError):
        law_of_duplicates(keys, thumbnails, left_out(keys, thumbnails, lambda rows: rows))


def test_a_group_has_all_that_look_alike_also_through_others() -> None:
    base = np.frombuffer(THUMBNAILS[0] + THUMBNAILS[20], np.uint8).reshape(2, -1).astype(np.float64)
    film = [(base[0] * (1 - share) + base[1] * share).astype(np.uint8).tobytes() for share in np.linspace(0, 1, 30)]
    names = [f"{row:02}.jpg" for row in range(31)]
    assert [0, 29] not in near_pairs(film).tolist()
    assert near_groups(names, [*film, THUMBNAILS[7]]) == ["00.jpg"] * 30 + ["30.jpg"]


def run(*words: object) -> Any:
    return CliRunner().invoke(commands, list(map(str, words)))


def test_the_command_line(source: Path, tmp_path: Path) -> None:
    result = run("inspect", source, "--dedupe", "report", "--json", tmp_path / "seen.json")
    assert "pairs that look alike, among 10 images: 3 across splits, 2 inside one" in result.output
    figures = json.loads((tmp_path / "seen.json").read_text())["near_duplicates"]
    assert figures == {"compared": 10, "across": 3, "inside": 2}
    assert "look alike" not in run("inspect", source).output
    assert "pairs that look alike" in run("inspect", source, "--decode-all").output

    words = ("convert", source, tmp_path / "out", "--to", "yolo", "--images", "symlink")
    assert "'some' is not one of 'report', 'drop'" in str(run(*words, "--dedupe", "some").exception)
    run(*words, "--split", "train=0.5,val=0.5", "--group-by", "near", "--dedupe", "report")
    assert not found(tmp_path / "out", "split-near-leak")
    assert found(tmp_path / "out", "image-near-duplicate")


def test_a_preview_shows_none_that_is_left_out(source: Path, tmp_path: Path) -> None:
    words = ("convert", source, tmp_path / "out", "--to", "yolo", "--fit", 60, "--preview", 9, "--dedupe", "drop")
    assert run(*words).exit_code == 0
