from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bboxprep.errors import BboxprepError, UsageError
from bboxprep.recipe.affine_steps import Rotate
from bboxprep.recipe.albumentations import Albumentations
from bboxprep.recipe.appearance import Exposure, Grayscale, Noise
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.catalog import STEPS, lookup
from bboxprep.recipe.crops import Crop, Tile
from bboxprep.recipe.geometric import Fill, Fit, Flip, Letterbox, Resize
from bboxprep.recipe.load import read_recipe, recipe_of
from bboxprep.recipe.multiples import Multiple
from bboxprep.recipe.recipe import Recipe
from bboxprep.recipe.text_yaml import to_yaml
from bboxprep.recipe.values import OneOf
from tests.recipe.recipes import recipes


@given(recipes())
def test_plain_data_gives_the_recipe_again(recipe: Recipe) -> None:
    assert recipe_of(recipe.options()) == recipe
    assert recipe_of(json.loads(json.dumps(recipe.options()))) == recipe


@given(recipes())
def test_text_gives_the_recipe_again_and_so_does_a_record(
    tmp_path_factory: pytest.TempPathFactory, recipe: Recipe
) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "recipe.yaml").write_text(to_yaml(recipe), encoding="utf-8")
    (folder / "bboxprep.json").write_text(json.dumps({"bboxprep": 1, "recipe": recipe.options()}), encoding="utf-8")
    assert read_recipe(folder / "recipe.yaml") == recipe
    assert read_recipe(folder / "bboxprep.json") == recipe


def from_text(tmp_path: Path, text: str) -> Recipe:
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return read_recipe(path)


EXAMPLE = """
# recipe.yaml
preprocess:
  - upright
  - letterbox: {size: 640, pad: 114}
  - grayscale
augment:                      # training split only
  copies: 3
  steps:
    - flip: {axis: horizontal, p: 0.5, keep: [traffic sign, no, "1"]}
    - exposure: {gain: [0.7, 1.4]}
    - rotate: {one_of: [0, 90]}
    - noise: 1e1
seed: 7
"""


def test_the_file_that_the_documentation_shows(tmp_path: Path) -> None:
    flip = Flip("horizontal", ("traffic sign", "no", "1"), p=0.5)
    augment = Augment(flip, Exposure((0.7, 1.4)), Rotate(OneOf((0, 90))), Noise(10.0), copies=3)
    assert from_text(tmp_path, EXAMPLE) == Recipe(Letterbox(640), Grayscale(), augment=augment, seed=7)


SHORT_WAYS = [
    ("steps: [letterbox: 640, flip]", Recipe(Letterbox(640), Flip())),
    ("[letterbox: 640, flip]", Recipe(Letterbox(640), Flip())),
    ("- letterbox: {size: 64, place: top-left, pad: 0}", Recipe(Letterbox(64, "top-left"), pad=0)),
    ("- letterbox: {sizes: [[64, 48], 32]}", Recipe(Letterbox(sizes=((64, 48), 32)))),
    ("- multiple: 28", Recipe(Multiple(28))),
    ("- multiple: {of: 32, how: pad, pad: edge}", Recipe(Multiple(32, "pad"), pad="edge")),
    ("- crop: [1, 2, 30, 40]", Recipe(Crop(1, 2, 30, 40))),
    ("upright: false\nsteps: [fit: [30, 40]]", Recipe(Fit((30, 40)), upright=False)),
    ("augment: [flip: {p: 0.5}]", Recipe(augment=Augment(Flip(p=0.5)))),
    ("- upright: true\n- rotate: -7.5", Recipe(Rotate(-7.5))),
    ("pad: [1, 2, 3]\nkernel: linear\nsteps: []", Recipe(pad=(1, 2, 3), kernel="linear")),
    ("- Stretch to: 64", Recipe(Resize(64))),
    ("- stretch: {width: 64, height: 32}", Recipe(Resize((64, 32)))),
    ("- fill (with center crop): 64", Recipe(Fill(64))),
    ("- Fit within: 64", Recipe(Fit(64))),
    ("- auto-orient\n- fit (black edges): 64", Recipe(Letterbox(64), pad=0)),
    ("- Auto-Orient: true\n- fit (white edges): 64", Recipe(Letterbox(64), pad=255)),
    ("- fit (reflect edges): 64", Recipe(Letterbox(64), pad="reflect")),
    ("- resize: {width: 64, height: 64, format: Fit (black edges)}", Recipe(Letterbox(64), pad=0)),
    ("- fit with white edges: 64", Recipe(Letterbox(64), pad=255)),
    ("- Fit (reflect edges) in: [64, 32]", Recipe(Letterbox((64, 32)), pad="reflect")),
    ("- Auto-Orient: Applied\n- Resize: Stretch to 64x32", Recipe(Resize((64, 32)))),
    ("- resize: Fill (with center crop) in 64x64", Recipe(Fill(64))),
    ("- Resize: Fit within 64x64", Recipe(Fit(64))),
    ("- Resize: {size: Fit (black edges) in 64x32}", Recipe(Letterbox((64, 32)), pad=0)),
    ("- letterbox: 64x32\n- tile: {size: 16x8}", Recipe(Letterbox((64, 32)), Tile((16, 8)))),
    ("- greyscale", Recipe(Grayscale())),
]


@pytest.mark.parametrize(("text", "recipe"), SHORT_WAYS)
def test_short_ways_and_the_names_of_hosted_services(tmp_path: Path, text: str, recipe: Recipe) -> None:
    assert from_text(tmp_path, text) == recipe
    assert from_text(tmp_path, to_yaml(recipe)) == recipe


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        (
            "preprocess:\n  - upright\n  - letterbox: {size: 640, pd: 3}",
            "line 3",
            "letterbox: have the unknown option 'pd'",
        ),
        ("steps:\n - flpi", "line 2", "have the unknown step 'flpi'; did you mean 'flip'?"),
        ("steps:\n - flip\n - flip: {p: 0.5}", "line 2", "flip: have a random step for all splits"),
        ("augment:\n  copies: 0\n  steps: [flip]", "line 2", "copies: have 0, want a whole number"),
        ("augment:\n  plain: yes\n  copies: 2\n  steps: [flip]", "line 2", "plain: have 'yes'"),
        ("- flip\n- letterbox: 0", "line 2", "letterbox: size: have 0x0, want whole numbers of 1 or more"),
        ("- flip\n- letterbox:\n    size: [3, x]", "line 3", "letterbox: size: have (3, 'x')"),
        ("- flip\n- letterbox: 64 by 32", "line 2", "letterbox: size: have '64 by 32', want N or WIDTHxHEIGHT"),
        ("- Resize: Shrink to 64x64", "line 1", "resize: size: have 'Shrink to 64x64', want N or WIDTHxHEIGHT"),
        ("- resize: {size: 64, format: Shrink}", "line 1", "have the unknown step 'Shrink'"),
        ("- Auto-Orient: Not applied", "line 1", "upright: have it as a step and upright: false"),
        ("- exposure", "line 1", "exposure: want gain too"),
        ("- exposure:\n    gain: .nan", "line 2", "exposure: gain: have '.nan', want a number of 0.01 to 100"),
        ("a: &x [1]\nb: *x", "line 2", "have an alias"),
        ("steps: []\nsed: 3", "line 2", "have the unknown key 'sed'; did you mean 'seed'?"),
        ("steps: []\nsteps: []", "line 2", "have the key 'steps' twice"),
        ("steps: []\npreprocess: []", "line 1", "have steps beside preprocess"),
        ("- flip\n- letterbox: {size: 64, pad: 300}", "line", "pad: have 300, want a level of 0 to 255"),
        ("steps: []\nkernel: area", "line 2", "kernel: have 'area', want one of auto, nearest, linear, cubic, lanczos"),
        ("steps: []\nseed: x", "line 2", "seed: have 'x', want a whole number"),
        ("- rotate: [30, 10]", "line 1", "rotate: degrees: have (30, 10), want"),
        ("- letterbox: {size: 9, pad: 3}\n- rotate: {degrees: 3, pad: 4}", "line 2", "want one pad in a recipe"),
        ("- flip\n- upright", "line 2", "upright: have it after other steps, want it first"),
        ("upright: false\nsteps: [upright]", "line 2", "upright: have it as a step and upright: false"),
        ("upright: 3\nsteps: []", "line 1", "upright: have 3, want true, false or auto"),
        ("- crop: [1, 2, 3]", "line 1", "crop"),
        ("- crop: [-1, 2, 3, 4]", "line 1", "want X,Y >= 0 and W,H >= 1"),
        ("5", "line 1", "have 5, want a map with preprocess"),
        ("", "line 1", "have None, want a map with preprocess"),
        ("- [a]", "line 1", "have ['a'], want a step"),
        ("- {flip: 1, fit: 2}", "line 1", "want a step"),
        ("steps: {a: 1}", "line 1", "want a list of steps"),
        ("{[1]: 2}", "line 1", "have a list or a map as a key"),
        ("- albumentations: {file: nowhere.yaml}", "line 1", "nowhere.yaml: cannot be read"),
        ("- albumentations", "line 1", "want one of pipeline and object"),
        ("- albumentations: {object: import os}", "line 1", "want module:object"),
        ("steps: [!!python/object:os.system {}]", "line 1", "have an alias, a tag or more than"),
        ("[" * 50 + "]" * 50, "line 1", "more than 40 levels"),
        ("- flip: {\n\t", "line", "not YAML that can be read here"),
        ("- hue: " + "9" * 400, "line 1", "hue: degrees: have inf"),
    ],
)
def test_an_error_names_file_and_line_and_what_was_found(tmp_path: Path, text: str, where: str, problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_text(tmp_path, text)
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / 'recipe.yaml'}: {where}")
    assert problem in said


WORDS = st.one_of(
    st.sampled_from(["steps", "augment", "preprocess", "size", "p", "pad", "seed", "upright", "one_of", "file"]),
    st.sampled_from(sorted(STEPS)),
    st.text(max_size=3),
)
PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=12,
)


def said_of(make: Callable[[], Recipe]) -> str:
    """What is wrong with a recipe, or "" where nothing is, and its plain data say it again."""
    try:
        recipe = make()
    except BboxprepError as error:
        return str(error)
    assert recipe_of(recipe.options()) == recipe
    return ""


@given(PLAIN)
def test_any_data_is_a_recipe_or_is_refused(data: Any) -> None:
    said = said_of(lambda: recipe_of(data))
    assert not said or said.startswith("recipe: ")


@given(st.one_of(st.text(max_size=60), PLAIN.map(lambda data: json.dumps(data)[:80])))
def test_any_text_is_a_recipe_or_is_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    for name in ("some.yaml", "some.json"):
        path = tmp_path_factory.getbasetemp() / name
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        said = said_of(lambda path=path: read_recipe(path))  # type: ignore[misc]
        assert not said or said.startswith(f"{path}: ")


def test_a_place_in_plain_data_is_a_path() -> None:
    said = {"augment": {"steps": [{"flip": {"p": 0.5}}, {"rotate": {"degrees": "x"}}]}}
    with pytest.raises(UsageError, match=r"^recipe: augment\.steps\[1\]\.rotate\.degrees: rotate: degrees: have 'x'"):
        recipe_of(said)


def test_a_file_that_is_not_there_or_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_recipe(tmp_path / "none.yaml")
    (tmp_path / "big.yaml").write_bytes(b"#" * 1_100_000)
    with pytest.raises(UsageError, match="want at most"):
        read_recipe(tmp_path / "big.yaml")
    (tmp_path / "odd.yaml").write_bytes(b"steps: [\xff]")
    with pytest.raises(UsageError, match="byte 8: not UTF-8"):
        read_recipe(tmp_path / "odd.yaml")


def test_a_pipeline_is_kept_with_the_recipe_that_names_its_file(tmp_path: Path) -> None:
    pipeline = {"transform": {"__class_fullname__": "Compose", "p": 1.0, "transforms": []}}
    (tmp_path / "mine.json").write_text(json.dumps(pipeline), encoding="utf-8")
    recipe = from_text(tmp_path, "augment: [albumentations: {file: mine.json}]")
    (tmp_path / "mine.json").unlink()
    assert recipe == Recipe(augment=Augment(Albumentations(pipeline)))
    assert recipe_of(recipe.options()) == recipe


@pytest.mark.parametrize(("said", "ours"), [("random-crop", "random_crop"), ("FLIP", "flip"), ("tile", "tile")])
def test_names_are_found_however_their_words_are_joined(said: str, ours: str) -> None:
    assert lookup(said) == (ours, {})
