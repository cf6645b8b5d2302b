from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from bboxprep import formats
from bboxprep.cli import COMMANDS
from bboxprep.images.codecs import lossless
from tests.invoked import refused, run
from tests.painted import label

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return label(tmp_path / "source", "coco", "displayed", (62, 47), (14, 11, 33, 37))


def test_a_run_says_what_it_read_did_and_wrote(source: Path, tmp_path: Path) -> None:
    result = run("convert", source, tmp_path / "out", "--to", "yolo", "--letterbox", "64", "--flip", "horizontal")
    assert result.exit_code == 0, result.output
    assert "COCO, 1 split, 32 images, 1 class\n" in result.output
    assert "recipe: upright > letterbox 64x64 pad 114 > flip horizontal\n" in result.output
    assert "(16: sizes agree, 12: as the others)" in result.output
    assert f"next: yolo detect train data={tmp_path / 'out'}/data.yaml imgsz=64\n" in result.output
    assert "trainers want a val split too" in result.output
    assert json.loads((tmp_path / "out" / "bboxprep.json").read_text(encoding="utf-8"))["to"] == "yolo"


def test_a_run_says_how_its_pictures_were_made(source: Path, tmp_path: Path) -> None:
    def line(*options: str) -> str:
        result = run("convert", source, tmp_path / "out", "--to", "yolo", "--overwrite", *options)
        return next(line for line in result.output.splitlines() if line.startswith("images: "))

    turned = (
        "1 turned without loss, 6 turned and encoded again"
        if lossless.find_jpegtran()
        else "7 turned and encoded again"
    )
    assert line() == f"images: 4 as they were, {turned}, 21 encoded anew"
    assert line("--quality", "95") == "images: 4 as they were, 28 encoded anew"
    assert line("--no-upright") == "images: 4 as they were, 28 as they were but for their orientation tag"


def test_links_are_named_by_their_kind(source: Path, tmp_path: Path) -> None:
    for images, words in (("link", "4 linked, "), ("symlink", "4 linked by their path, ")):
        result = run("convert", source, tmp_path / images, "--to", "yolo", "--images", images)
        assert f"images: {words}" in result.output


def test_labels_alone_are_called_so_and_no_trainer_is_named(source: Path, tmp_path: Path) -> None:
    result = run("convert", source, tmp_path / "out", "--to", "yolo", "--no-upright", "--images", "none")
    assert result.exit_code == 0, result.output
    assert f"{tmp_path / 'out'}: labels of 32 images, whose places there bboxprep.images.jsonl names" in result.output
    assert "next: " not in result.output
    assert "holds labels alone (--images none)" in refused("verify", tmp_path / "out")


def test_a_skipped_image_is_listed_and_makes_the_exit_code_1(source: Path, tmp_path: Path) -> None:
    broken = source / "train" / "jpg-1.jpg"
    broken.write_bytes(broken.read_bytes()[:400])
    result = run("convert", source, tmp_path / "out", "--to", "voc", "--resize", "32x32")
    assert result.exit_code == 1
    assert "fault: 1 x image-unreadable" in result.output
    assert "train/jpg-1.jpg: " in result.output
    assert "exit 1: 1 fault listed above" in result.output
    record = json.loads((tmp_path / "out" / "bboxprep.json").read_text(encoding="utf-8"))
    assert record["splits"][0]["dropped"] == {"image-skipped": 1}
    assert record["splits"][0]["images_out"] == 31


def test_stop_refuses_what_skip_lists(source: Path, tmp_path: Path) -> None:
    (source / "train" / "png-2.png").unlink()
    arguments = ("convert", source, tmp_path / "out", "--to", "yolo", "--on-error", "stop")
    assert "train/png-2.png: " in refused(*arguments)
    assert not (tmp_path / "out").exists()


def test_a_dry_run_prints_the_account_and_writes_nothing(source: Path, tmp_path: Path) -> None:
    result = run("convert", source, tmp_path / "out", "--to", "yolo", "--dry-run", "--report", tmp_path / "r.json")
    assert result.exit_code == 0
    assert "nothing written (--dry-run)" in result.output
    assert not (tmp_path / "out").exists()
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["splits"][0]["objects_out"] == 32


def test_quiet_says_nothing(source: Path, tmp_path: Path) -> None:
    assert run("convert", source, tmp_path / "out", "--to", "yolo", "--quiet").output == ""


def test_strict_refuses_a_loss_before_anything_is_written(tmp_path: Path) -> None:
    message = refused("convert", FIXTURES / "phone-photos-coco", tmp_path / "out", "--to", "yolo", "--strict")
    assert "YOLO holds polygons only with --yolo-out segment (17 objects have them)" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to", "yollo"], "did you mean 'yolo'?"),
        (["--to", "yolo", "--letterbox", "big"], "--letterbox: have 'big', want N or WIDTHxHEIGHT"),
        (["--to", "yolo", "--letterbox", "64", "--resize", "32"], "--letterbox and --resize: each sets the size"),
        (["--to", "yolo", "--crop", "1,2,3"], "--crop: have '1,2,3', want X,Y,W,H"),
        (["--to", "yolo", "--pad", "300"], "--pad: have '300', want N or R,G,B of 0 to 255"),
        (["--to", "yolo", "--flip", "sideways"], "--flip: have 'sideways', want horizontal"),
        (["--to", "yolo", "--resize", "six"], "--resize: have 'six', want N or WIDTHxHEIGHT"),
        (["--to", "yolo", "--fit", "0"], "--fit: have 0x0, want whole numbers of 1 or more"),
        (["--to", "yolo", "--fill", "4x"], "--fill: have '4x', want N or WIDTHxHEIGHT"),
        (["--to", "yolo", "--tile", "six"], "--tile: have 'six', want 2rows,3columns, at most 100 of each, or"),
        (["--to", "yolo", "--tile", "64:half"], "--tile: have 'half', want a number"),
        (["--to", "yolo", "--rotate", "much"], "--rotate: have 'much', want a number"),
        (["--to", "yolo", "--exposure", "1:dark"], "--exposure: have 'dark', want a number"),
        (["--to", "yolo", "--background", "white"], "--background: have 'white', want N or R,G,B"),
        (["--to", "yolo", "--voc-float"], "--voc-float: is for writing voc, but the format is yolo"),
        (["--to", "yolo", "--voc-origin", "devkit"], "--voc-origin: is for reading csv or voc, but the format is coco"),
        (["--to", "yolo", "--from", "voc"], ""),
        (["--to", "yolo", "--quality", "0"], "0 is not in the range 1<=x<=100"),
        (["--to", "yolo", "--leterbox", "64"], "--leterbox: no such option; did you mean '--letterbox'?"),
        ([], "--to: is missing; want bboxprep convert SOURCE... DEST --to FORMAT"),
    ],
)
def test_a_wrong_option_is_one_clear_line_and_nothing_is_written(
    source: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    message = refused("convert", source, tmp_path / "out", *arguments)
    assert said in message
    assert not (tmp_path / "out").exists()


def test_a_folder_with_other_files_is_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine", encoding="utf-8")
    assert "holds other files (mine.txt)" in refused("convert", source, tmp_path / "out", "--to", "yolo")
    assert (tmp_path / "out" / "mine.txt").read_text(encoding="utf-8") == "mine"


def test_an_unreadable_label_file_is_named_with_its_place(source: Path, tmp_path: Path) -> None:
    path = source / "annotations" / "instances_train.json"
    path.write_text(path.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    message = refused("convert", source, tmp_path / "out", "--to", "yolo")
    assert message.startswith(str(path))
    assert "\n" not in message


def test_inspect_prints_the_orientations_and_their_evidence(source: Path) -> None:
    result = run("inspect", source)
    assert result.exit_code == 0
    rows = [line.split() for line in result.output.splitlines()]
    assert ["6", "4", "displayed", "plane", "declared-size"] in rows
    assert ["3", "4", "displayed", "plane", "dataset"] in rows
    assert ["1", "4", "nothing", "to", "decide"] in rows


def test_inspect_tells_of_faults(source: Path) -> None:
    (source / "train" / "tif-8.tif").write_bytes(b"<html>")
    result = run("inspect", source)
    assert result.exit_code == 1
    assert "tif-8.tif: not an image" in result.output


def test_formats_prints_a_row_a_format() -> None:
    lines = run("formats").output.splitlines()
    assert [line.split("`")[1] for line in lines[2:]] == list(formats.names())


def test_an_unknown_command_is_told_the_known_ones() -> None:
    assert "did you mean 'convert'?" in refused("konvert", "a", "b")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_that_says_what_it_does(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert result.output.startswith("Usage: ")


def test_no_upright_writes_the_stored_pixels_without_a_tag(source: Path, tmp_path: Path) -> None:
    assert run("convert", source, tmp_path / "out", "--to", "coco", "--no-upright").exit_code == 0
    for path in sorted((source / "train").iterdir()):
        with Image.open(path) as before, Image.open(tmp_path / "out" / "train" / path.name) as after:
            assert after.getexif().get(0x0112, 1) == 1
            if path.suffix != ".tif":
                assert after.size == before.size
                assert after.tobytes() == before.tobytes()


def test_a_format_that_is_none_is_told_before_the_source_is_read(tmp_path: Path) -> None:
    assert "did you mean 'yolo'?" in refused("convert", tmp_path / "nowhere", tmp_path / "out", "--to", "yollo")
