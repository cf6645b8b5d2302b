"""Versions as hosted services state them, run as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bboxprep.errors import UsageError
from bboxprep.model.class_mapping import ClassPolicy
from bboxprep.model.filters import Filters
from bboxprep.pipeline.api import read
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe import appearance as looks
from bboxprep.recipe.affine_steps import Rotate, Shear
from bboxprep.recipe.augment import Augment
from bboxprep.recipe.combining import Mosaic
from bboxprep.recipe.crops import Crop, RandomCrop, Tile
from bboxprep.recipe.geometric import Fit, Flip, Letterbox, Resize
from bboxprep.recipe.inside import BoxFlip, BoxRandomCrop, BoxRotate, BoxShear
from bboxprep.recipe.isolate import Isolate
from bboxprep.recipe.load import read_recipe, recipe_of
from bboxprep.recipe.recipe import Recipe
from bboxprep.recipe.values import OneOf
from bboxprep.verification.verify import verify
from tests.tiny import tiny
from tests.verification.outputs import photos

VERSION: dict[str, Any] = {
    "versionName": "third",
    "preprocessing": {
        "auto-orient": True,
        "resize": {"width": 96, "height": 64, "format": "Fit (black edges) in"},
        "contrast": {"type": "Adaptive Equalization"},
        "filter-null": {"percent": 50},
        "grayscale": {"enabled": False},
        "isolate": False,
    },
    "augmentation": {
        "image": {"versions": 3},
        "flip": {"horizontal": True, "vertical": True},
        "ninety": {"clockwise": True, "counter-clockwise": True, "upside-down": False},
        "rotate": {"degrees": 15},
        "shear": {"horizontal": 10, "vertical": 5},
        "crop": {"min": 0, "max": 20},
        "mosaic": True,
        "rgrayscale": {"percent": 25},
        "hue": {"degrees": 15},
        "saturation": {"percent": 25},
        "brightness": {"brighten": True, "darken": False, "percent": 15},
        "exposure": {"percent": 10},
        "blur": {"pixels": 2.5},
        "noise": {"percent": 0.1},
        "cutout": {"count": 3, "percent": 10},
        "Motion Blur": {"length": 7, "angle": 90},
        "Camera Gain": {"variance": 0.01},
        "bbflip": {"horizontal": True},
        "bbninety": {"clockwise": True},
        "bbcrop": {"max": 20},
        "bbrotate": {"degrees": 9},
        "Bounding Box: Shear": {"horizontal": 8, "vertical": 4},
        "bbexposure": {"percent": 30},
        "bbblur": {"pixels": 1.5},
    },
    "seed": 4,
}
STEPS = (
    Flip("horizontal", p=0.5),
    Flip("vertical", p=0.5),
    Rotate(OneOf((0.0, 90.0, 270.0))),
    RandomCrop((0.8, 1.0), 1.0, 0.0),
    Letterbox((96, 64)),
    Rotate((-15.0, 15.0)),
    Shear((-10.0, 10.0), (-5.0, 5.0)),
    Mosaic((96, 64), p=0.5),
    BoxFlip(p=0.5),
    BoxRotate(OneOf((0.0, 90.0))),
    BoxRandomCrop((0.8, 1.0), 1.0),
    BoxRotate((-9.0, 9.0)),
    BoxShear((-8.0, 8.0), (-4.0, 4.0)),
    looks.Exposure((0.7, 1.3), inside="boxes"),
    looks.Blur((0.0, 1.5), inside="boxes"),
    looks.Grayscale(p=0.25),
    looks.Hue((-15.0, 15.0)),
    looks.Saturation((0.75, 1.25)),
    looks.Exposure((1.0, 1.15), "srgb"),
    looks.Exposure((0.9, 1.1)),
    looks.Blur((0.0, 2.5)),
    looks.MotionBlur(7.0, 90.0),
    looks.SaltPepper((0.0, 0.001)),
    looks.CameraGain((0.0, 0.01)),
    looks.Cutout(3, 0.1),
)
EXPECTED = Recipe(
    Letterbox((96, 64)),
    looks.Clahe(),
    pad=0,
    augment=Augment(*STEPS, copies=3),
    seed=4,
    filters=Filters(drop_empty=0.5),
)


def test_every_name_and_option_has_its_step() -> None:
    found = recipe_of(VERSION)
    assert found.augment
    assert found.augment.steps == STEPS
    assert found == EXPECTED
    assert recipe_of(found.options()) == found


def test_a_version_runs_as_it_is_and_its_output_is_proven(tmp_path: Path) -> None:
    path, source = tmp_path / "version.json", tiny(tmp_path / "photos", range(4))
    path.write_text(json.dumps(VERSION), encoding="utf-8")
    convert_source(open_source(source), tmp_path / "out", "yolo", read_recipe(path), run_options=RunOptions())
    assert len(list((tmp_path / "out").rglob("*.jpg"))) == 12
    assert verify(tmp_path / "out").faults == ()


def test_names_of_the_web_page_in_a_list_of_ours() -> None:
    found = recipe_of(
        {
            "preprocess": [
                "Auto-Orient",
                {"Resize": "Fit (black edges) in 96x64"},
                {"Auto-Adjust Contrast": "Histogram Equalization"},
                "Adaptive Equalization",
            ],
            "augment": [{"Brightness": [0.8, 1.2]}, {"Random Noise": [0, 5]}, {"Salt and Pepper Noise": 0.01}],
        }
    )
    assert found.steps == (Letterbox((96, 64)), looks.Equalize(), looks.Clahe())
    assert found.augment == Augment(looks.Exposure((0.8, 1.2), "srgb"), looks.Noise((0.0, 5.0)), looks.SaltPepper(0.01))


def test_modified_classes_are_those_of_the_output(tmp_path: Path) -> None:
    remap = {"remap": {"car": "vehicle", "person": None}}
    found = recipe_of({"preprocessing": remap})
    assert found == Recipe(classes=ClassPolicy(rename={"car": "vehicle"}, drop=("person",)))
    assert recipe_of(found.options()) == found
    assert "classes rename car=vehicle; drop person" in str(found)
    source, out = photos("coco"), tmp_path / "out"
    for number in range(2):  # and again by the record of the first run
        recipe, target = (read_recipe(out / "bboxprep.json"), tmp_path / "two") if number else (found, out)
        convert_source(open_source(source), target, "yolo", recipe, run_options=RunOptions())
    assert read(out).classes == read(tmp_path / "two").classes == ("vehicle", "traffic sign")
    assert verify(out).faults == verify(tmp_path / "two").faults == ()
    with pytest.raises(UsageError, match="transform: have a recipe with classes"):
        read(source).transform(found)


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        ({"renam": {}}, "classes: have 'renam', want a change of them; did you mean 'rename'"),
        ([1], "classes: have [1], want a map with rename, only, drop, classes"),
        ({"only": ["a", "a"]}, "only: have 'a' twice"),
    ],
)
def test_changes_of_classes_that_cannot_be_are_refused(classes: Any, words: str) -> None:
    with pytest.raises(UsageError) as error:
        recipe_of({"classes": classes})
    assert words in str(error.value)


def test_cuts_come_before_the_resize() -> None:
    cuts = {"isolate": True, "static-crop": {"x_min": 10, "x_max": 90, "y_min": 5}, "resize": {"width": 9, "height": 9}}
    expected = Recipe(Isolate(), Crop(10, 5, 80, 95, "%"), Resize(9))
    assert recipe_of({"preprocessing": cuts}) == expected
    tiles = {"tile": {"rows": 2, "columns": 3}, "resize": {"width": 9, "height": 9}}
    assert recipe_of({"preprocessing": tiles}) == Recipe(Tile(rows=2, columns=3), Resize(9))


def test_what_is_off_is_left_out() -> None:
    parts = {"auto-orient": False, "resize": {"enabled": True, "width": 9, "height": 9, "format": "Fit within"}}
    off = {"flip": {"horizontal": False}, "mosaic": False, "bbcrop": False, "blur": None}
    assert recipe_of({"preprocessing": parts, "augmentation": off}) == Recipe(Fit(9), upright=False)
    assert recipe_of({"augmentation": {}}) == Recipe()


@pytest.mark.parametrize(
    ("preprocessing", "augmentation", "words"),
    [
        ({"remap": {"a": 3}}, {}, "preprocessing.remap.a: remap: a: have 3, want a name, or none to leave it out"),
        ({"tile": {"rows": 0, "columns": 2}}, {}, "preprocessing.tile.rows: tile: rows: have 0, want a number of 1"),
        ({"static-crop": {"x_min": 60, "x_max": 40}}, {}, "crop: "),
        ({"contrast": {"type": "Nothing"}}, {}, "preprocessing.contrast.type: contrast: type: have 'Nothing'"),
        ({"resize": {"width": 640}}, {}, "resize: height: have none, want a number of 1 to 32766"),
        ({"resiz": {"width": 640}}, {}, "have the unknown step 'resiz'; did you mean 'resize'"),
        ({}, {"bbshear": {"horizontal": 99}}, "augmentation.bbshear.horizontal: bbshear: horizontal: have 99, want"),
        ({}, {"bbhue": {"degrees": 9}}, "augmentation.bbhue: have the unknown step 'bbhue'"),
        ({}, {"image": {"versions": 2}}, "augmentation.image: image: have 2 versions and no step of chance"),
        ({}, {"mosaic": True}, "mosaic: want a resize"),
        ({}, {"blur": {"pixel": 3}}, "augmentation.blur.pixel: blur: have the unknown option 'pixel'"),
        ({}, {"blur": {"pixels": "3"}}, "augmentation.blur.pixels: blur: pixels: have '3'"),
        ({}, {"flip": {"horizontal": 1}}, "augmentation.flip.horizontal: flip: horizontal: have 1, want true or false"),
        ({}, {"motion-blur": {"length": 9, "frames": 2}}, "have the unknown option 'frames'"),
        ({}, {"flip": 3}, "augmentation.flip: flip: have 3, want a map of options, or true"),
        ([], {}, "preprocessing: have [], want a map of steps"),
    ],
)
def test_what_cannot_be_done_says_what_can(preprocessing: Any, augmentation: Any, words: str) -> None:
    with pytest.raises(UsageError) as error:
        recipe_of({"preprocessing": preprocessing, "augmentation": augmentation})
    assert words in str(error.value)


@pytest.mark.parametrize("step", ["Modify Classes", "Filter Null", "filter-by-tag"])
def test_steps_of_services_in_a_list_of_ours_say_what_does_their_work(step: str) -> None:
    with pytest.raises(UsageError, match=r"steps\[0\]: .*want"):
        recipe_of({"steps": [step]})
