"""What filters leave out: counted by hand on the same output without them; what they keep is the same."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

from bboxprep import formats
from bboxprep.cli import commands
from bboxprep.errors import NothingLeftError, UsageError
from bboxprep.model.conditions import Condition, image_tags
from bboxprep.model.filters import Filters, SizeLimit
from bboxprep.model.sample import Sample
from bboxprep.pipeline.api import read
from bboxprep.pipeline.source.open import open_source
from bboxprep.recipe.affine_steps import Rotate
from bboxprep.recipe.appearance import Exposure
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.combining import Mosaic
from bboxprep.recipe.crops import Tile
from bboxprep.recipe.geometric import Fit, Flip, Letterbox
from bboxprep.recipe.recipe import Recipe
from bboxprep.recipe.text_yaml import to_yaml
from bboxprep.verification.verify import verify
from tests.conformance.examples import in_turn
from tests.verification.outputs import FIXTURES, codes, edit_record, edit_row, make, recorded, told

SOURCE = FIXTURES / "phone-photos-coco"
PERSON = ("person",)
FILTERS = {
    "small": Filters(min_size=(SizeLimit(30, "%"), SizeLimit(40, "px", "car"))),
    "large": Filters(max_size=(SizeLimit(40, "%"), SizeLimit(90, "px", "person"))),
    "with a class": Filters(only_images_with=PERSON),
    "empty": Filters(drop_empty=1.0),
    "where": Filters(where=Condition.parse_all("height>=400 and objects<3 and path!=*20?5* and orientation!=8")),
    "all": Filters((SizeLimit(20),), (SizeLimit(45, "%"),), ("car", "traffic sign"), 0.5),
}
STEPS: Mapping[str, tuple[Any, ...]] = {
    "none": (),
    "letterbox": (Letterbox(200),),
    "tile": (Fit(300), Tile((120, 120), 0.2)),
    "rotate": (Letterbox(200), Rotate(20.0)),
    "flip": (Flip("horizontal"), Fit(150)),
}
Listed = tuple[str, bool, tuple[float, ...]]  # class, crowd region, box
Objects = list[Listed]


def recipe(steps: str, filters: Filters) -> Recipe:
    return Recipe(*STEPS[steps], filters=filters)


def objects(sample: Sample, names: tuple[str, ...]) -> Objects:
    own = sample.instances
    rows = zip(own.labels.tolist(), own.crowd.tolist(), own.boxes.round(6).tolist(), strict=True)
    return [(names[label], crowd, tuple(box)) for label, crowd, box in rows]


def contents(out: Path) -> dict[tuple[str, str], tuple[tuple[int, int], Objects]]:
    dataset = read(out)
    return {
        (sample.split, sample.name.name): ((sample.size.width, sample.size.height), objects(sample, dataset.classes))
        for sample in dataset
    }


def filtered(
    whole: Mapping[tuple[str, str], tuple[tuple[int, int], Objects]], filters: Filters
) -> dict[tuple[str, str], tuple[tuple[int, int], Objects]]:
    """What the filters leave of an output, by hand."""
    left = {}
    for key, (size, listed) in whole.items():
        kept = [one for one in listed if fits(one, size, filters)]
        names = {name for name, *_ in kept}
        if filters.only_images_with and not names.intersection(filters.only_images_with):
            continue
        if filters.where and not all(conditions(key, len(kept)).values()):
            continue
        hashed = int.from_bytes(sha256("/".join(key).encode()).digest()[:8], "big") / 2**64
        if not kept and hashed < filters.drop_empty:
            continue
        left[key] = (size, kept)
    return left


def conditions(key: tuple[str, str], count: int) -> dict[str, bool]:
    """What the conditions of `FILTERS` say of an image with so many labels, by its source as Pillow reads it."""
    split, name = key
    source = re.sub(r"_r\d+c\d+(?=\.)", "", name)
    (path,) = (SOURCE / split).rglob(source)
    with Image.open(path) as image:
        orientation = image.getexif().get(274, 1)
        height = image.width if orientation > 4 else image.height
    return {
        "height>=400": height >= 400,
        "objects<3": count < 3,
        "path!=*20?5*": not re.search("20.5", path.as_posix()),
        "orientation!=8": orientation != 8,
    }


def fits(one: Listed, size: tuple[int, int], filters: Filters) -> bool:
    name, crowd, (x0, y0, x1, y1) = one
    for limits, sign in ((filters.min_size, 1), (filters.max_size, -1)):
        by_name = {limit.category: limit for limit in limits}
        limit = by_name.get(name) or by_name.get("")
        for side, whole in ((x1 - x0, size[0]), (y1 - y0, size[1])):
            if (
                limit
                and not crowd
                and sign * side < sign * (limit.value * whole / 100 if limit.unit == "%" else limit.value)
            ):
                return False
    return True


def test_the_conditions_are_those_that_are_counted_by_hand() -> None:
    assert set(map(str, FILTERS["where"].where)) == conditions(("train", "IMG_2001.jpg"), 0).keys()


@pytest.mark.parametrize(
    ("name", "steps"), [*in_turn(list(FILTERS), list(STEPS)), ("where", "rotate"), ("all", "flip"), ("empty", "tile")]
)
def test_what_is_left_is_what_a_count_by_hand_leaves_and_it_is_unchanged(tmp_path: Path, name: str, steps: str) -> None:
    whole = contents(make(tmp_path / "whole", SOURCE, "coco", recipe(steps, Filters())))
    out = make(tmp_path / "out", SOURCE, "coco", recipe(steps, FILTERS[name]))
    assert contents(out) == filtered(whole, FILTERS[name])
    assert steps != "letterbox" or contents(out) != whole
    for path in out.rglob("*.jpg"):
        assert path.read_bytes() == (tmp_path / "whole" / path.relative_to(out)).read_bytes()
    assert told(verify(out)) == ""


@pytest.mark.parametrize(("to", "name"), in_turn(formats.written(), list(FILTERS)))
def test_every_format_is_written_filtered_and_proves_it(tmp_path: Path, to: str, name: str) -> None:
    out = make(tmp_path / "out", SOURCE, to, recipe("letterbox", FILTERS[name]))
    assert told(verify(out)) == ""
    record, codes_of = recorded(out), {"image-filtered", "object-filtered"}
    assert codes_of.intersection(finding["code"] for finding in record["findings"])
    for split in record["splits"]:
        assert split["objects_due"] == split["objects_out"] + sum(split["dropped"].values())


def test_a_mosaic_and_drawn_copies_are_filtered_when_they_are_whole(tmp_path: Path) -> None:
    augment = Augment(Mosaic(160), Exposure((0.8, 1.2)), copies=2, plain=True)
    for number, name in enumerate(("small", "with a class")):
        filters = FILTERS[name]
        out = make(tmp_path / str(number), SOURCE, "yolo", Recipe(Fit(160), augment=augment, filters=filters))
        assert told(verify(out)) == ""
        for size, listed in contents(out).values() if name == "small" else ():
            assert all(fits(one, size, Filters(min_size=(SizeLimit(29, "%"),))) for one in listed if one[0] == "person")


def rows(out: Path) -> list[dict[str, Any]]:
    """The rows of the record."""
    lines = (out / "bboxprep.images.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def claim(out: Path) -> None:
    """Say that the filters of the run were other ones."""
    record = recorded(out)
    edit_record(out, recipe={**record["recipe"], "filters": Filters(only_images_with=PERSON).options()})


def claim_small(out: Path) -> None:
    record = recorded(out)
    edit_record(out, recipe={**record["recipe"], "filters": FILTERS["small"].options()})


@pytest.mark.parametrize(("lie", "code"), [(claim, "image-unfiltered"), (claim_small, "object-extra")])
def test_a_filter_that_did_not_act_is_told(tmp_path: Path, lie: Callable[[Path], None], code: str) -> None:
    out = make(tmp_path / "out", SOURCE, "yolo", recipe("letterbox", Filters()))
    lie(out)
    assert code in codes(verify(out))


def test_an_image_that_no_filter_leaves_out_is_told(tmp_path: Path) -> None:
    out = make(tmp_path / "out", SOURCE, "yolo", recipe("letterbox", FILTERS["with a class"]))
    image = next(path for path in (out / "images" / "train").iterdir() if path.suffix == ".jpg")
    label = out / "labels" / "train" / f"{image.stem}.txt"
    row = next(row for row in rows(out) if row["output"] == image.relative_to(out).as_posix())
    image.unlink()
    label.unlink()
    edit_row(out, image.name, output=None, objects={"in": row["objects"]["in"], "out": 0})
    finding = {
        "severity": "note",
        "code": "image-filtered",
        "message": "shows none",
        "path": row["source"],
        "split": "train",
    }
    edit_record(out, findings=[*recorded(out)["findings"], finding])
    assert "image-missing" in codes(verify(out))


def test_a_tile_that_no_filter_leaves_out_is_told(tmp_path: Path) -> None:
    out = make(tmp_path / "out", SOURCE, "yolo", recipe("tile", FILTERS["with a class"]))
    assert told(verify(out)) == ""
    row = next(row for row in rows(out) if row["output"] and row["tile"])
    (out / row["output"]).unlink()
    (out / "labels" / row["output"].partition("/")[2]).with_suffix(".txt").unlink()
    edit_row(out, Path(row["output"]).name, output=None, objects={"in": row["objects"]["in"], "out": 0})
    assert "image-filtered" in {one["code"] for one in recorded(out)["findings"] if one.get("path") == row["source"]}
    assert "image-missing" in codes(verify(out))


@pytest.mark.parametrize("name", FILTERS)
def test_a_dry_run_counts_what_the_run_leaves_out(tmp_path: Path, name: str) -> None:
    def account(*flags: str) -> Any:
        path = tmp_path / f"{len(flags)}.json"
        words = [
            "convert",
            str(SOURCE),
            str(tmp_path / "out"),
            "--to",
            "yolo",
            "--recipe",
            str(tmp_path / "recipe.yaml"),
        ]
        ran = CliRunner().invoke(commands, [*words, "--report", str(path), *flags])
        assert ran.exit_code == 0, ran.output
        report = json.loads(path.read_text(encoding="utf-8"))
        return [report[part] for part in ("splits", "classes")]

    (tmp_path / "recipe.yaml").write_text(to_yaml(recipe("letterbox", FILTERS[name])), encoding="utf-8")
    assert account("--dry-run") == account()


def test_a_class_that_the_source_has_not_is_refused_by_name(tmp_path: Path) -> None:
    for filters in (Filters(only_images_with=("persom",)), Filters(min_size=(SizeLimit(3, category="persom"),))):
        with pytest.raises(UsageError, match="have 'persom', want a class of the source; did you mean 'person'"):
            make(tmp_path / "out", SOURCE, "yolo", recipe("none", filters))


def test_a_dataset_is_not_transformed_by_filters_without_being_written() -> None:
    with pytest.raises(UsageError, match="transform: have a recipe with filters, which act on an output"):
        open_source(SOURCE).dataset.transform(recipe("none", FILTERS["small"]))


def test_flags_are_the_filters_of_the_recipe(tmp_path: Path) -> None:
    flags = ["--min-size", "20", "--max-size", "45%", "--only-images-with", "car,traffic sign", "--drop-empty", "0.5"]
    flags += ["--where", 'width >= 10 and split == "*"']
    ran = CliRunner().invoke(commands, ["convert", str(SOURCE), str(tmp_path / "out"), "--to", "yolo", *flags])
    assert ran.exit_code == 0, ran.output
    assert recorded(tmp_path / "out")["recipe"]["filters"] == {
        **FILTERS["all"].options(),
        "where": ["width>=10", "split=*"],
    }
    bare = ["convert", str(SOURCE), str(tmp_path / "bare"), "--to", "yolo", "--drop-empty"]
    assert CliRunner().invoke(commands, bare).exit_code == 0
    assert recorded(tmp_path / "bare")["recipe"]["filters"] == {"drop_empty": 1.0}


def test_images_are_chosen_by_their_tags(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(SOURCE, source)
    for document in (source / "annotations").glob("*.json"):
        data = json.loads(document.read_text(encoding="utf-8"))
        for number, image in enumerate(data["images"]):
            image["user_tags"] = [["night", "rain"], ["day"], []][number % 3]
        document.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(NothingLeftError, match="filters: have 12 images and leave none"):
        make(tmp_path / "none", source, "yolo", Recipe(filters=Filters(where=Condition.parse_all("tag=snow"))))
    for condition, wanted in (("tag=nigh*", {0}), ("tag!=night", {1, 2})):
        out = tmp_path / condition.replace("*", "").replace("!", "no")
        make(out, source, "yolo", Recipe(Fit(90), filters=Filters(where=Condition.parse_all(condition))))
        number_of = {
            (split.stem.rpartition("_")[2], image["file_name"]): number % 3
            for split in (source / "annotations").glob("*.json")
            for number, image in enumerate(json.loads(split.read_text(encoding="utf-8"))["images"])
        }
        assert {number_of[sample.split, str(sample.name)] for sample in read(out)} == wanted
        assert told(verify(out)) == ""


def listed(path: Path, *lines: str) -> str:
    path.write_text("\r\n".join(lines), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("steps", ["letterbox", "tile"])
def test_the_images_of_a_list_are_kept_and_no_others(tmp_path: Path, steps: str) -> None:
    wanted = frozenset({"val/IMG_2007.jpg", "train/phone backup/ünïcode name #1 (kopie).jpg"})
    out = make(tmp_path / "out", SOURCE, "yolo", recipe(steps, Filters(only_images=wanted)))
    assert {row["source"] for row in rows(out) if row["output"]} == wanted
    assert sum(one["code"] == "image-filtered" for one in recorded(out)["findings"]) >= 10
    assert told(verify(out)) == ""
    path = listed(tmp_path / "list.txt", "", *(f"./{one}" for one in sorted(wanted)), "")
    words = ["convert", str(SOURCE), str(tmp_path / "same"), "--to", "yolo", "--only-images", path]
    ran = CliRunner().invoke(commands, words)
    assert ran.exit_code == 0, ran.output
    assert recorded(tmp_path / "same")["recipe"]["filters"] == {"only_images": sorted(wanted)}
    assert "filters only_images 2" in ran.output


def test_a_list_that_did_not_act_or_left_out_too_much_is_told(tmp_path: Path) -> None:
    out = make(
        tmp_path / "out", SOURCE, "yolo", recipe("letterbox", Filters(only_images=frozenset({"val/IMG_2007.jpg"})))
    )
    more = Filters(only_images=frozenset({"val/IMG_2007.jpg", "val/IMG_2003.jpg"}))
    for filters, code in ((more, "image-missing"), (Filters(only_images=frozenset({"val/a.jpg"})), "image-unfiltered")):
        edit_record(out, recipe={**recorded(out)["recipe"], "filters": filters.options()})
        assert code in codes(verify(out))


def test_a_line_that_is_no_image_is_refused_by_name(tmp_path: Path) -> None:
    for lines, said in (
        (["val/IMG_2008.jpg", "x.jpg"], "have 'val/IMG_2008.jpg' and 1 more, want paths of images of the source"),
        (["", " "], "list.txt: lists no image"),
    ):
        path = listed(tmp_path / "list.txt", *lines)
        words = ["convert", str(SOURCE), str(tmp_path / "out"), "--to", "yolo", "--only-images", path]
        assert said in str(CliRunner().invoke(commands, words).exception)
        assert not (tmp_path / "out").exists()


def test_tags_of_several_tools_are_known() -> None:
    assert image_tags({"coco": {"tags": "dusk"}}) == {"dusk"}
    assert image_tags({"supervisely": {"tags": [{"name": "wet", "value": 3}, {"x": 1}, 7]}}) == {"wet"}
    assert image_tags({"labelme": {"flags": {"blurred": True, "checked": False, "odd": 1}}, "x": [1]}) == {"blurred"}
    assert image_tags({}) == frozenset()
