"""The table of steps by name, with the names that hosted services use as aliases."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bboxprep.recipe import appearance as looks
from bboxprep.recipe.affine_steps import Rotate, Scale, Shear, Translate
from bboxprep.recipe.albumentations import Albumentations
from bboxprep.recipe.combining import CopyPaste, Mixup, Mosaic
from bboxprep.recipe.crops import Crop, RandomCrop, Tile
from bboxprep.recipe.geometric import Fill, Fit, Flip, Letterbox, RecipeStep, Resize
from bboxprep.recipe.inside import BoxCrop, BoxFlip, BoxRandomCrop, BoxRotate, BoxShear
from bboxprep.recipe.isolate import Isolate
from bboxprep.recipe.multiples import Multiple

UPRIGHT = "upright"  # applies the EXIF orientation: a switch of the recipe, not a step

STEPS: Mapping[str, type[RecipeStep]] = {
    step.name: step
    for step in (
        Letterbox, Resize, Fit, Fill, Multiple, Crop, Tile, Isolate,
        Flip, Rotate, Scale, Translate, Shear, RandomCrop,
        looks.Grayscale, looks.Exposure, looks.Contrast, looks.Hue, looks.Saturation,
        looks.ContrastStretch, looks.AutoContrast, looks.Equalize, looks.Clahe,
        looks.Blur, looks.MotionBlur, looks.Noise, looks.SaltPepper, looks.CameraGain, looks.Cutout,
        Mosaic, Mixup, CopyPaste, Albumentations,
    )
}  # fmt: skip

INSIDE: Mapping[str, type[RecipeStep]] = {
    step.name: step for step in (BoxFlip, BoxRotate, BoxShear, BoxCrop, BoxRandomCrop)
}
"""Steps by name that are another class with `inside`."""

ALIASES: Mapping[str, tuple[str, Mapping[str, Any]]] = {  # our name and the options that the alias implies
    "auto orient": (UPRIGHT, {}),
    "auto orientation": (UPRIGHT, {}),
    "stretch": ("resize", {}),
    "fill center crop": ("fill", {}),
    "fill centre crop": ("fill", {}),
    "fit within": ("fit", {}),
    "fit black edges": ("letterbox", {"pad": 0}),
    "fit white edges": ("letterbox", {"pad": 255}),
    "fit reflect edges": ("letterbox", {"pad": "reflect"}),
    "static crop": ("crop", {}),
    "isolate objects": ("isolate", {}),
    "dynamic crop": ("isolate", {"others": "keep"}),
    "greyscale": ("grayscale", {}),
    "noise injection": ("noise", {}),
    "mix up": ("mixup", {}),
    "copypaste": ("copy_paste", {}),
    "random noise": ("noise", {}),
    "salt pepper noise": ("salt_pepper", {}),
    "iso noise": ("camera_gain", {}),
    "brightness": ("exposure", {"space": "srgb"}),
    "contrast stretching": ("contrast_stretch", {}),
    "histogram equalization": ("equalize", {}),
    "histogram equalisation": ("equalize", {}),
    "equalise": ("equalize", {}),
    "adaptive equalization": ("clahe", {}),
    "adaptive equalisation": ("clahe", {}),
    "autocontrast": ("auto_contrast", {}),
}

ELSEWHERE: Mapping[str, str] = {  # steps of hosted services that are none here, and what does their work
    "modify classes": "have classes among the steps, want them beside them, as in classes: {rename: {Car: car}}",
    "filter null": "have a filter among the steps, want it beside them, as in filters: {drop_empty: 1}",
    "filter by tag": "have a filter that is not known here, want filters: {where: [tag=PATTERN]} beside the steps",
}


def normal(name: str) -> str:
    """The form of `name` that `lookup` compares: lower case, words one blank apart, without `_SMALL_WORDS`."""
    words = re.findall(r"[^\W_]+", name.casefold())
    return " ".join(word for word in words if word not in _SMALL_WORDS) or " ".join(words)


_SMALL_WORDS = frozenset({"with", "in", "to", "and"})  # as in "fit with black edges", "stretch to 640x640"
_OURS = {normal(name): name for name in (*STEPS, UPRIGHT)}
KNOWN = (*STEPS, UPRIGHT)


def lookup(name: str) -> tuple[str, Mapping[str, Any]] | None:
    """The name of the step called `name` and the options that this name implies; None if there is no such step."""
    spoken = normal(name)
    return (_OURS[spoken], {}) if spoken in _OURS else ALIASES.get(spoken)
