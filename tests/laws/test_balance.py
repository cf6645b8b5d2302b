"""Rules that count the classes of all images: limits, copies, stratified splits and folds."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.cli import commands
from bboxprep.errors import BboxprepError, UsageError
from bboxprep.io.hashing import unit_hash
from bboxprep.model.balance import Balance, beyond_limit
from bboxprep.model.filters import Filters, SizeLimit
from bboxprep.model.splits import is_training
from bboxprep.pipeline.api import read
from bboxprep.pipeline.source.merge import assemble
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.source.split import SplitPolicy
from bboxprep.pipeline.source.stratify import stratified
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.geometric import Fit, Flip
from bboxprep.recipe.isolate import Isolate
from bboxprep.recipe.load import recipe_of
from bboxprep.recipe.recipe import Recipe
from bboxprep.verification.verify import verify
from tests.verification.outputs import FIXTURES, codes, edit_record, make, recorded, told

SOURCE = FIXTURES / "phone-photos-coco"
CLASSES = st.dictionaries(st.integers(0, 5), st.integers(1, 4), max_size=3)
IMAGES = st.lists(CLASSES, max_size=40)


def names(count: int) -> list[str]:
    return [f"train/{number}.jpg" for number in range(count)]


def totals(images: list[dict[int, int]]) -> Counter[int]:
    found: Counter[int] = Counter()
    for own in images:
        found.update(own)
    return found


@given(IMAGES, st.integers(1, 12), st.randoms(use_true_random=False))
def test_a_limit_leaves_out_only_images_of_full_classes(images: list[dict[int, int]], most: int, random: Any) -> None:
    keys = names(len(images))
    out = beyond_limit(most, keys, images)
    kept = totals([own for own, beyond in zip(images, out, strict=True) if not beyond])
    for own, beyond in zip(images, out, strict=True):
        assert not beyond or (own and all(kept[label] >= most for label in own))
    for label, count in totals(images).items():
        assert kept[label] >= min(most, count)
    order = list(range(len(images)))
    random.shuffle(order)
    again = beyond_limit(most, [keys[row] for row in order], [images[row] for row in order])
    assert again == [out[row] for row in order]


@given(st.integers(1, 30), st.integers(1, 60), st.floats(0.05, 1.0), st.integers(2, 20))
def test_images_of_a_rare_class_are_repeated_to_its_share(rare: int, others: int, share: float, most: int) -> None:
    images = [{0: 1}] * rare + [{1: 2}] * others
    keys = names(len(images))
    copies = Balance(share, most).copies(keys, images)
    assert all(1 <= count <= most for count in copies)
    factor = min(most, max(1.0, share * len(images) / rare))
    assert all(int(factor) <= count <= int(factor) + 1 for count in copies[:rare])
    assert abs(sum(copies[:rare]) - factor * rare) < 5 * rare**0.5
    assert Balance(share, most).copies(keys[::-1], images[::-1]) == copies[::-1]


def test_copies_of_a_class_are_those_of_the_class_that_asks_for_most() -> None:
    augment = Augment(copies=2, copies_of={"car": 5, "dog": 1})
    shown = [{0: 1}, {1: 3}, {2: 1}, {0: 1, 1: 1}, {}]
    assert augment.copies_by_image(names(5), shown, ["car", "dog", "cat"]) == [5, 1, 2, 5, 2]
    recipe = Recipe(augment=Augment(Flip(p=0.5), copies_of={"car": 5}, balance=Balance(0.2, 4)), seed=3)
    assert recipe_of(recipe.options()) == recipe


GROUPS = st.lists(st.tuples(CLASSES.map(lambda own: dict.fromkeys(own, 1)), st.integers(1, 3)), min_size=1, max_size=60)


def deviation(groups: list[dict[int, int]], parts: list[int], shares: list[float]) -> float:
    """The sum of what parts have of each class beyond or below their share, images."""
    have: dict[tuple[int, int], int] = Counter()
    whole: Counter[int] = Counter()
    for group, part in zip(groups, parts, strict=True):
        for label, count in group.items():
            have[label, part] += count
            whole[label] += count
    return sum(abs(have[label, part] - share * whole[label]) for label in whole for part, share in enumerate(shares))


@given(GROUPS, st.sampled_from([[0.5, 0.5], [0.8, 0.2], [0.2] * 5]), st.randoms(use_true_random=False))
def test_strata_depend_on_no_order(groups: list[tuple[dict[int, int], int]], shares: list[float], random: Any) -> None:
    counted = [dict.fromkeys(own, size) | {-1: size} for own, size in groups]
    keys = names(len(counted))
    parts = stratified(keys, counted, shares)
    order = list(range(len(keys)))
    random.shuffle(order)
    again = stratified([keys[row] for row in order], [counted[row] for row in order], shares)
    assert again == [parts[row] for row in order]


@pytest.mark.parametrize("seed", range(10))
def test_strata_are_nearer_to_their_shares_than_a_hash(seed: int) -> None:
    shares, random = [0.7, 0.2, 0.1], Random(seed)
    groups = [{-1: 1} | {label: 1 for label in range(8) if random.random() < 0.5 / (label + 1)} for _ in range(300)]
    keys = names(len(groups))
    parts = stratified(keys, groups, shares)
    hashed = [0 if (place := unit_hash(key)) < 0.7 else 1 if place < 0.9 else 2 for key in keys]
    assert deviation(groups, parts, shares) < min(27.0, deviation(groups, hashed, shares))


def test_one_class_an_image_is_divided_exactly() -> None:
    groups = [{number % 3: 1, -1: 1} for number in range(90)]
    parts = stratified(names(90), groups, [0.8, 0.1, 0.1])
    assert Counter(zip((number % 3 for number in range(90)), parts, strict=True)) == {
        (label, part): (24, 3, 3)[part] for label in range(3) for part in range(3)
    }


def listed(source: Path, policy: SplitPolicy) -> dict[str, str]:
    dataset = assemble([open_source(source)], split=policy).dataset
    return {sample.relative_path: sample.split for sample in dataset}


@pytest.mark.parametrize("stratify", [False, True])
def test_folds_divide_all_images_and_leave_the_test_split(stratify: bool) -> None:
    before = {sample.relative_path: sample.split for sample in read(SOURCE)}
    folds = [listed(SOURCE, SplitPolicy.of_fold(f"{part}/4", stratify=stratify)) for part in range(1, 5)]
    held = [path for fold in folds for path, split in fold.items() if split == "val"]
    assert sorted(held) == sorted(path for path, split in before.items() if split != "test")
    for fold in folds:
        assert all((split == "test") == (before[path] == "test") for path, split in fold.items())


def test_strata_are_of_the_classes_after_the_recipe(tmp_path: Path) -> None:
    """Whether options or a recipe change the classes, images go to the same splits; not to those of the old classes."""
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("classes: {rename: {person: car}, drop: [traffic sign]}\n", encoding="utf-8")
    changes: tuple[list[str], ...] = (
        [],
        ["--rename", "person=car", "--drop-class", "traffic sign"],
        ["--recipe", str(recipe)],
    )
    found = []
    for number, change in enumerate(changes):
        out = tmp_path / f"out{number}"
        split = ["--split", "train=0.5,val=0.5", "--stratify", "--images", "none", "--quiet"]
        ran = CliRunner().invoke(commands, ["convert", str(SOURCE), str(out), "--to", "yolo", *split, *change])
        assert ran.exit_code in (0, 1), ran.output
        found.append({row["source"]: row["split"] for row in rows(out)})
    assert found[2] == found[1] != found[0]


def test_copies_of_a_file_are_in_one_stratum(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(SOURCE, source)
    document = next((source / "annotations").glob("*train.json"))
    data = json.loads(document.read_text(encoding="utf-8"))
    for number, image in enumerate(data["images"][:]):
        name = Path(image["file_name"]).with_stem(f"copy{number}").as_posix()
        shutil.copy(source / "train" / image["file_name"], source / "train" / name)
        data["images"].append({**image, "id": 9000 + number, "file_name": name})
    document.write_text(json.dumps(data), encoding="utf-8")
    splits = listed(source, SplitPolicy({"train": 0.5, "val": 0.5}, stratify=True))
    for number, image in enumerate(data["images"][: len(data["images"]) // 2]):
        copied = Path("train", image["file_name"]).with_stem(f"copy{number}").as_posix()
        assert splits[copied] == splits[f"train/{image['file_name']}"]
    assert len(set(splits.values())) == 2


def rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "bboxprep.images.jsonl").read_text(encoding="utf-8").splitlines()]


AUGMENT = Augment(Flip(p=0.5), copies_of={"person": 3}, balance=Balance(0.9, 4))


@pytest.mark.parametrize("augment", [AUGMENT, Augment(copies_of={"car": 2})], ids=["drawn", "plain"])
def test_copies_by_class_are_written_and_proven(tmp_path: Path, augment: Augment) -> None:
    out = make(tmp_path / "out", SOURCE, "coco", Recipe(Fit(150), augment=augment))
    assert told(verify(out)) == ""
    counts = Counter(row["source"] for row in rows(out) if is_training(row["split"]))
    source = read(SOURCE)
    names = {sample.relative_path: {source.classes[one.label] for one in sample.instances} for sample in source}
    for path, count in counts.items():
        wanted = 3 if augment is AUGMENT and "person" in names[path] else 2 if "car" in names[path] else 1
        assert count >= wanted if augment is AUGMENT else count == wanted
    record = recorded(out)
    changed = {**record["recipe"]["augment"], "copies": {"*": 1, "person": 5, "car": 5, "traffic sign": 5}}
    edit_record(out, recipe={**record["recipe"], "augment": changed})
    assert "copies-differ" in codes(verify(out))


def test_a_limit_is_written_and_proven(tmp_path: Path) -> None:
    out = make(tmp_path / "out", SOURCE, "yolo", Recipe(Fit(150), filters=Filters(max_per_class=2)))
    left = Counter(one["code"] for one in recorded(out)["findings"])
    assert left["image-filtered"]
    assert told(verify(out)) == ""
    for most, code in ((1, "image-unfiltered"), (100, "image-missing")):
        record = recorded(out)
        edit_record(out, recipe={**record["recipe"], "filters": {"max_per_class": most}})
        assert code in codes(verify(out))


def test_a_limit_that_did_not_act_is_told(tmp_path: Path) -> None:
    out = make(tmp_path / "out", SOURCE, "yolo", Recipe(Fit(150)))
    edit_record(out, recipe={**recorded(out)["recipe"], "filters": {"max_per_class": 2}})
    assert "image-unfiltered" in codes(verify(out))


def run(out: Path, *flags: str) -> str:
    ran = CliRunner().invoke(commands, ["convert", str(SOURCE), str(out), "--to", "yolo", *flags])
    return str(ran.exception) if isinstance(ran.exception, BboxprepError) else ran.output


def test_flags_of_balance_are_those_of_the_recipe(tmp_path: Path) -> None:
    run(
        tmp_path / "out",
        "--copies",
        "2",
        "--copies",
        "car=3",
        "--balance",
        "0.5:4",
        "--max-per-class",
        "9",
        "--fold",
        "1/3",
    )
    recipe = recorded(tmp_path / "out")["recipe"]
    assert recipe["augment"] == {
        "copies": {"*": 2, "car": 3}, "plain": False, "balance": {"share": 0.5, "most": 4}, "steps": []
    }  # fmt: skip
    assert recipe["filters"] == {"max_per_class": 9}
    assert recorded(tmp_path / "out")["changes"][0]["split"]["fold"] == [1, 3]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--copies", "3"), "copies: nothing is drawn; want a step of chance"),
        (("--copies", "cars=3"), "augment: copies: have 'cars', want a class of the source; did you mean 'car'?"),
        (("--copies", "many"), "copies: have 'many', want N or CLASS=N"),
        (("--copies", "car=2", "--copies", "car=3"), "copies: have 'car=3' beside 2, want one number"),
        (("--balance", "2"), "balance: have 2.0, want a share above 0, of 1 at most"),
        (("--balance", "0.1:1"), "balance: have at most 1 copies"),
        (("--balance", "x"), "balance: have 'x', want SHARE or SHARE:MOST"),
        (("--fold", "6/5"), "fold: have 6/5, want I/K"),
        (("--fold", "x"), "fold: have 'x', want I/K, as in 1/5"),
        (("--fold", "1/5", "--split", "train=1"), "fold: have --fold beside --split"),
        (("--stratify",), "--stratify: says how --split divides"),
    ],
)
def test_wrong_values_are_refused(tmp_path: Path, flags: tuple[str, ...], message: str) -> None:
    assert message in run(tmp_path / "out", *flags)
    assert not (tmp_path / "out").exists()


def test_a_recipe_without_anything_to_do_to_training_images_is_refused() -> None:
    with pytest.raises(UsageError, match="augment: steps: have none"):
        Augment(copies=3)
    with pytest.raises(UsageError, match="augment: copies: have 0"):
        Augment(copies_of={"car": 0})


def test_a_class_called_as_all_others_are_has_no_rule_of_its_own() -> None:
    for make_one in (lambda: Augment(copies_of={"*": 2}), lambda: SizeLimit(3, category="*")):
        with pytest.raises(UsageError, match=r"have a class '\*', which is the word for all others here"):
            make_one()


def test_a_limit_leaves_whole_images_out_of_isolated_ones(tmp_path: Path) -> None:
    out = make(tmp_path / "out", SOURCE, "coco", Recipe(Isolate(0.2), filters=Filters(max_per_class=2)))
    assert told(verify(out)) == ""


def test_images_that_are_not_written_have_no_part_in_a_balance(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(SOURCE, source)
    victim, other, copied = sorted((source / "train").glob("*.jpg"))[:3]
    victim.write_bytes(b"no image")
    shutil.copy(other, copied)
    recipe = Recipe(Fit(150), augment=Augment(balance=Balance(0.7, 4)), filters=Filters(dedupe="drop"))
    out = make(tmp_path / "out", source, "coco", recipe)
    assert "image-duplicate" in {one["code"] for one in recorded(out)["findings"]}
    assert "copies-differ" not in codes(verify(out))


def test_a_split_that_is_none_is_refused(tmp_path: Path) -> None:
    assert "where: have split=vall, want a split of the source; did you mean 'val'?" in run(
        tmp_path / "out", "--where", "split=vall"
    )
    assert Filters.of({"drop_empty": True}) == Filters(drop_empty=1.0)
