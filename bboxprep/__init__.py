"""Makes a labelled detection dataset ready to train on without ever moving a box off its object.

>>> import bboxprep
>>> dataset = bboxprep.read("photos")                                      # doctest: +SKIP
>>> prepared = dataset.transform(bboxprep.Recipe(bboxprep.Letterbox(640)))  # doctest: +SKIP
>>> bboxprep.write(prepared, "prepared", "yolo")                           # doctest: +SKIP

Names are imported when they are first used, so that the command line starts fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bboxprep.errors import BboxprepError as BboxprepError
    from bboxprep.findings import Finding as Finding
    from bboxprep.geometry.affine import Affine as Affine
    from bboxprep.geometry.affine import Size as Size
    from bboxprep.images.codec import Policy as Policy
    from bboxprep.model.dataset import Dataset as Dataset
    from bboxprep.model.instances import Instances as Instances
    from bboxprep.model.rules import Rules as Rules
    from bboxprep.model.sample import Sample as Sample
    from bboxprep.model.tables import ClassRules as ClassRules
    from bboxprep.pipeline.api import convert as convert
    from bboxprep.pipeline.api import preview as preview
    from bboxprep.pipeline.output.run import open_run as open_run
    from bboxprep.pipeline.source.open import read as read
    from bboxprep.pipeline.work.convert import write as write
    from bboxprep.predictions import unmap as unmap
    from bboxprep.recipe.albumentations import Albumentations as Albumentations
    from bboxprep.recipe.appearance import Blur as Blur
    from bboxprep.recipe.appearance import Contrast as Contrast
    from bboxprep.recipe.appearance import Cutout as Cutout
    from bboxprep.recipe.appearance import Exposure as Exposure
    from bboxprep.recipe.appearance import Grayscale as Grayscale
    from bboxprep.recipe.appearance import Hue as Hue
    from bboxprep.recipe.appearance import Noise as Noise
    from bboxprep.recipe.appearance import Saturation as Saturation
    from bboxprep.recipe.cuts import Mosaic as Mosaic
    from bboxprep.recipe.cuts import RandomCrop as RandomCrop
    from bboxprep.recipe.cuts import Tile as Tile
    from bboxprep.recipe.moves import Rotate as Rotate
    from bboxprep.recipe.moves import Scale as Scale
    from bboxprep.recipe.moves import Shear as Shear
    from bboxprep.recipe.moves import Translate as Translate
    from bboxprep.recipe.reading import read_recipe as read_recipe
    from bboxprep.recipe.recipe import Augment as Augment
    from bboxprep.recipe.recipe import Recipe as Recipe
    from bboxprep.recipe.steps import Crop as Crop
    from bboxprep.recipe.steps import Fill as Fill
    from bboxprep.recipe.steps import Fit as Fit
    from bboxprep.recipe.steps import Flip as Flip
    from bboxprep.recipe.steps import Letterbox as Letterbox
    from bboxprep.recipe.steps import Resize as Resize
    from bboxprep.verify.proof import prove as prove

__version__ = "0.1.0"

_HOMES = {
    "Affine": "geometry.affine",
    "Albumentations": "recipe.albumentations",
    "Augment": "recipe.recipe",
    "BboxprepError": "errors",
    "Blur": "recipe.appearance",
    "ClassRules": "model.tables",
    "Contrast": "recipe.appearance",
    "Crop": "recipe.steps",
    "Cutout": "recipe.appearance",
    "Dataset": "model.dataset",
    "Exposure": "recipe.appearance",
    "Fill": "recipe.steps",
    "Finding": "findings",
    "Fit": "recipe.steps",
    "Flip": "recipe.steps",
    "Grayscale": "recipe.appearance",
    "Hue": "recipe.appearance",
    "Instances": "model.instances",
    "Letterbox": "recipe.steps",
    "Mosaic": "recipe.cuts",
    "Noise": "recipe.appearance",
    "Policy": "images.codec",
    "RandomCrop": "recipe.cuts",
    "Recipe": "recipe.recipe",
    "Resize": "recipe.steps",
    "Rotate": "recipe.moves",
    "Rules": "model.rules",
    "Sample": "model.sample",
    "Saturation": "recipe.appearance",
    "Scale": "recipe.moves",
    "Shear": "recipe.moves",
    "Size": "geometry.affine",
    "Tile": "recipe.cuts",
    "Translate": "recipe.moves",
    "convert": "pipeline.api",
    "open_run": "pipeline.output.run",
    "preview": "pipeline.api",
    "prove": "verify.proof",
    "read": "pipeline.source.open",
    "read_recipe": "recipe.reading",
    "unmap": "predictions",
    "write": "pipeline.work.convert",
}
__all__ = sorted([*_HOMES, "__version__"])


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
