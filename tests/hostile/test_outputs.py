"""Outputs that a stranger has made or changed: their records, and predictions on them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bboxprep.io.atomic import write_bytes
from bboxprep.pipeline.output.image_rows import read_images
from tests.hostile import watching
from tests.hostile.annotations import LARGE, ROW, Place, coco_document, nested_text, yolo_large_names
from tests.hostile.child import THEN

MOST = 700  # MiB
RECORD, IMAGES = "bboxprep.json", "bboxprep.images.jsonl"
Spoil = Callable[[Path, Path], None]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, Path]:
    """A source of two images, beside it what nobody may read, and what was made of it, as YOLO."""
    folder = tmp_path_factory.mktemp("made")
    place, dest = Place.of(folder), folder / "out"
    place.picture("images/a.png", "images/b.png")
    place.text("labels.json", json.dumps(coco_document(["a.png", "b.png"])))
    assert watching.convert(place.root, dest, "--flip", "horizontal", to="yolo").code == 0
    return place, dest


@pytest.fixture
def place(made: tuple[Place, Path]) -> Place:
    return made[0]


@pytest.fixture
def out(made: tuple[Place, Path], tmp_path: Path) -> Path:
    """The output, to be spoilt; a copy, for its pictures are links to the source's."""
    return Path(shutil.copytree(made[1], tmp_path / "out"))


def edit(out: Path, **fields: Any) -> None:
    record = json.loads((out / RECORD).read_bytes())
    (out / RECORD).write_text(json.dumps(record | fields), encoding="utf-8")


def rows(out: Path, **fields: Any) -> None:
    changed = [json.dumps(json.loads(line) | fields) for line in (out / IMAGES).read_text("utf-8").splitlines()]
    (out / IMAGES).write_text("\n".join(changed) + "\n", encoding="utf-8")


def replaced(name: str, text: str) -> Spoil:
    return lambda out, _: write_bytes(out / name, text.encode())


def linked(name: str, to: str) -> Spoil:
    def spoil(out: Path, outside: Path) -> None:
        (out / name).unlink(missing_ok=True)
        (out / name).symlink_to(outside / to)

    return spoil


def enlarged(name: str) -> Spoil:
    return lambda out, _: os.truncate(out / name, LARGE)


SPOILT: dict[str, Spoil] = {
    "deep record": replaced(RECORD, nested_text()),
    "other record": replaced(RECORD, '{"recipe": {}, "rules": 3}'),
    "text that is none": lambda out, _: write_bytes(out / RECORD, b'{"to": "\xff"}'),
    "large record": enlarged(RECORD),
    "linked record": linked(RECORD, "labels.json"),
    "record of a source that climbs": lambda out, _: edit(out, source="a\0b", sources=["a\0b"]),
    "mirror": lambda out, _: edit(out, mirror={"category_ids": [1], "labels": [10**9], "keypoints": [[10**9]]}),
    "recipe": lambda out, _: edit(out, recipe={"steps": [{"letterbox": {"size": [10**9, 10**9]}}]}),
    "steps": lambda out, _: edit(out, recipe={"steps": [{"letterbox": 3}, 7, {"crop": {"x": "a"}}]}),
    "deep rows": replaced(IMAGES, nested_text() + "\n"),
    "large rows": enlarged(IMAGES),
    "linked rows": linked(IMAGES, "secret.txt"),
    "rows that climb": lambda out, _: rows(out, output="../outside/secret.png", source="../outside/secret.png"),
    "rows of elsewhere": lambda out, _: rows(out, output="/etc/hostname", source="C:\\evil"),
    "rows of large pictures": lambda out, _: rows(out, size=[2**31, 2**31], output_size=[2**31, 2**31]),
    "rows without a way back": lambda out, _: rows(out, affine=[0, 0, 0, 0, 0, 0]),
    "rows far off": lambda out, _: rows(out, affine=[1e-12, 0, 1e12, 0, 1e-12, -1e12]),
    "linked labels": linked("labels/train/a.txt", "secret.txt"),
    "linked picture": linked("images/train/a.png", "secret.png"),
    "linked names": linked("data.yaml", "labels.json"),
    "large labels": enlarged("labels/train/a.txt"),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_spoilt_output_is_refuted_or_refused_by_all_that_read_it(
    place: Place, out: Path, tmp_path: Path, spoil: Spoil
) -> None:
    spoil(out, place.outside)
    inside, home = [place.root, out], tmp_path / "home"
    (tmp_path / "results.json").write_text(
        json.dumps([{"image_id": "a", "category_id": 1, "bbox": [3, 4, 20, 10]}]), encoding="utf-8"
    )
    ended = watching.run(
        *("verify", out, "--workers", 1, THEN),
        *("unmap", tmp_path / "results.json", "--run", out, "-o", home / "back.json", THEN),
        *("review", out, "-o", home / "review", "--workers", 1, THEN),
        *("convert", out, tmp_path / "again", "--to", "voc", "--workers", 1),
        inside=[*inside, tmp_path / "results.json"],
        writable=[home, tmp_path / "again"],
    )
    assert len(ended.codes) == 4

    assert ended.peak < MOST
    assert sorted(path.name for path in place.outside.iterdir()) == [
        *("a.png", "b.png", "labels.json", "secret.png", "secret.txt", "secret.xml")
    ]


@pytest.mark.parametrize("path", ["../outside/secret.png", "/etc/hostname", "a/../../b.png", "C:\\evil.png", ""])
def test_a_row_of_an_output_that_leaves_the_folder_is_a_damaged_row(out: Path, path: str) -> None:
    rows(out, output=path)
    found, problems = read_images(out)
    assert found == ()
    assert [where for where, _ in problems] == ["line 1", "line 2"]
    assert all("want a path below the output folder" in problem for _, problem in problems)


HUGE_MASK = {"size": [40, 64], "counts": [0, 10**18]}
PREDICTIONS: tuple[Any, ...] = (
    [{"image_id": "../outside/a", "bbox": [1, 2, 3, 4]}, {"file_name": "/etc/hostname", "bbox": [1, 2, 3, 4]}],
    [{"image_id": "a", "bbox": [10**400, 1, 2, 3]}, {"image_id": "a", "bbox": [1e308, 1e308, 1e308, 1e308]}],
    [
        {"image_id": "a", "segmentation": HUGE_MASK},
        {"image_id": "a", "segmentation": {"size": [40, 64], "counts": "~"}},
    ],
    [
        {"image_id": "a", "segmentation": [[], [1], [1, 2], [1, 2, 3, 4]]},
        {"image_id": "a", "segmentation": [[1e9] * 6]},
    ],
    [{"image_id": "a", "keypoints": [1, 2, 2] * 100_000, "category_id": [1]}, {"image_id": [], "bbox": 3}],
    {"annotations": {"a": 1}},
    3,
)


@pytest.mark.parametrize("content", PREDICTIONS, ids=range(len(PREDICTIONS)))
def test_hostile_results_are_told_or_refused(place: Place, out: Path, tmp_path: Path, content: Any) -> None:
    path, home = tmp_path / "results.json", tmp_path / "home"
    path.write_text(json.dumps(content), encoding="utf-8")
    inside = [path, out, place.root]  # the source's own numbers of images are looked up
    ended = watching.run("unmap", path, "--run", out, "-o", home / "back.json", inside=inside, writable=[home])
    assert ended.code == (1 if isinstance(content, list) else 2)


def test_results_that_are_deep_or_large_are_refused(out: Path, tmp_path: Path) -> None:
    path, home = tmp_path / "results.json", tmp_path / "home"
    path.write_text(nested_text(), encoding="utf-8")
    command = ("unmap", path, "--run", out, "-o", home / "back.json")
    assert watching.run(*command, inside=[path, out], writable=[home]).code == 2
    os.truncate(path, LARGE)
    ended = watching.run(*command, inside=[path, out], writable=[home])
    assert (ended.code, ended.peak < MOST) == (2, True)


def test_text_predictions_lead_nowhere(place: Place, out: Path, tmp_path: Path) -> None:
    folder, home = tmp_path / "predicted", tmp_path / "home"
    folder.mkdir()
    (folder / "a.txt").write_text(f"{ROW}1{'0' * 400} .5 .5 .1 .1\n² .5 .5 .1 .1\n0 nan 1e308 1 1\n", encoding="utf-8")
    (folder / "b.txt").symlink_to(place.outside / "secret.txt")
    (folder / "..c.txt").write_text(ROW, encoding="utf-8")
    rows(out, source="COM1/a:b.png")
    ended = watching.run("unmap", folder, "--run", out, "-o", home, inside=[folder, out], writable=[home])
    assert ended.code == 1
    assert "b.txt: a link that leads out of the predictions" in ended.said
    assert [path.relative_to(home).as_posix() for path in home.rglob("*.txt")] == ["COM1_/a_b.txt"]
    os.truncate(folder / "a.txt", LARGE)
    ended = watching.run("unmap", folder, "--run", out, "-o", tmp_path / "new", inside=[folder, out], writable=[home])
    assert (ended.code, ended.peak < MOST) == (2, True)


def test_a_list_of_classes_is_read_up_to_a_limit(place: Place, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("cat\n", encoding="utf-8")
    os.truncate(names, LARGE)
    ended = watching.run(
        *("convert", place.root, tmp_path / "out", "--to", "coco", "--classes", names),
        inside=[place.root, names],
        writable=[tmp_path / "out"],
    )
    assert (ended.code, ended.peak < MOST) == (2, True)
    assert "want at most 8,388,608" in ended.said


def test_names_of_bytes_that_are_no_text_reach_the_output_and_its_record(tmp_path: Path) -> None:
    place = Place.of(tmp_path)
    try:
        place.picture("images/a\udcff.png")
    except OSError:
        pytest.skip("this file system has names of text only")
    place.text("labels/a\udcff.txt", ROW)
    ended = watching.convert(place.root, tmp_path / "out", to="coco")
    assert ended.code == 0, ended.said
    assert (tmp_path / "out" / "train" / "a_udcff.png").is_file()
    assert '"source":"images/a\\\\udcff.png"' in (tmp_path / "out" / IMAGES).read_text("utf-8")
    assert watching.codes_of(tmp_path / "out")["name-changed"] == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    place = Place.of(tmp_path)
    place.picture("images/sound.png")
    place.text("labels/sound.txt", ROW)
    for name in ("images/a.png", "labels/a.txt", "data.yaml", "classes.txt", "bboxprep.sidecar.jsonl", "labels.json"):
        os.mkfifo(place.root / name)
    assert watching.convert(place.root, tmp_path / "out", to="coco").code in (0, 1)
    assert not any(path.is_fifo() for path in (tmp_path / "out").rglob("*"))


def test_a_limit_stops_a_command_before_it_writes(tmp_path: Path) -> None:
    place = Place.of(tmp_path)
    yolo_large_names(place)
    (tmp_path / "out").mkdir()
    assert watching.convert(place.root, tmp_path / "out").code == 2
    assert list((tmp_path / "out").iterdir()) == []
