"""``bboxprep schema``: what a run writes passes the schemas that are printed, and what its readers refuse does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bboxprep.cli.schema import MODELINES, RECIPE_FILE
from bboxprep.errors import BboxprepError
from bboxprep.io.strict_yaml import parse
from bboxprep.pipeline.output.run_record import open_run
from docs.generated import PAGES
from tests.invoked import refused, run

PHOTOS = Path(__file__).parents[2] / "fixtures" / "phone-photos-coco"
FILES = {"record": "bboxprep.json", "images": "bboxprep.images.jsonl", "sidecar": "bboxprep.sidecar.jsonl"}
RECIPE = """
preprocess: [letterbox: 64]
augment: {copies: 2, steps: [rotate: [-9, 9], mosaic: {size: 64, p: 0.5}]}
filters: {min_size: 2}
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output with all that a record can say: draws, parts, filters, objects that are kept in the sidecar."""
    root = tmp_path_factory.mktemp("schemas")
    (root / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    options: list[str | Path] = [
        "--recipe",
        root / "recipe.yaml",
        "--split",
        "train=0.8,val=0.2",
        "--rename",
        "traffic sign=sign",
    ]
    done = run("convert", PHOTOS, root / "out", "--to", "yolo", *options, "--workers", "1")
    assert done.exit_code in (0, 1), done.output
    return root / "out"


def lines_of(root: Path, name: str) -> Iterator[Any]:
    text = (root / FILES[name]).read_text(encoding="utf-8")
    yield from [json.loads(text)] if name == "record" else map(json.loads, text.splitlines())


def schema(name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(run("schema", name).output))


@pytest.mark.parametrize("name", FILES)
def test_every_line_that_a_run_writes_passes(prepared: Path, name: str) -> None:
    check, found = schema(name), list(lines_of(prepared, name))
    Draft202012Validator.check_schema(check.schema)
    for line in found:
        check.validate(line)
    assert name != "images" or any("parts" in line for line in found)
    assert name == "record" or len(found) > 3


@pytest.mark.parametrize(
    ("name", "field", "wrong"),
    [
        ("record", "to", 7),
        ("record", "names", "sign"),
        ("record", "recipe", None),
        ("record", "splits", [{"split": "train"}]),
        ("images", "source", None),
        ("images", "frame", "turned"),
        ("images", "affine", [1, 0, 0]),
        ("images", "objects", {"in": -1}),
        ("sidecar", "size", [0, 48]),
        ("sidecar", "objects", [{"label": "sign"}]),
    ],
)
def test_a_planted_mistake_is_caught(prepared: Path, tmp_path: Path, name: str, field: str, wrong: object) -> None:
    *_, last = lines_of(prepared, name)
    check = schema(name)
    assert check.is_valid(last)
    assert not check.is_valid({**last, field: wrong})
    if name != "sidecar":
        for other in FILES.values():
            (tmp_path / other).write_bytes((prepared / other).read_bytes())
        (tmp_path / FILES[name]).write_text(json.dumps({**last, field: wrong}), encoding="utf-8")
        with pytest.raises(BboxprepError):
            open_run(tmp_path)


def test_the_recipe_that_is_printed_names_its_schema(tmp_path: Path) -> None:
    said = run("convert", PHOTOS, tmp_path / "out", "--to", "yolo", "--letterbox", "64", "--dry-run").output
    head, hint = MODELINES
    assert f"{head}\n{hint}\nupright: true\n" in said
    assert head.endswith(f"$schema={RECIPE_FILE}")
    command, _, file = hint.rpartition(": ")[2].partition(" > ")
    assert file == RECIPE_FILE
    assert run(*command.split()[1:]).output == (PAGES / "schemas" / "recipe.json").read_text(encoding="utf-8")
    assert parse("\n".join(MODELINES).encode()) is None


def test_an_unknown_schema_is_refused() -> None:
    assert "'recipes' is not one of 'recipe', 'record', 'images', 'sidecar'" in refused("schema", "recipes")
