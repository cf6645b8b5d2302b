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

from bboxprep.version import __version__ as __version__

if TYPE_CHECKING:
    from bboxprep.errors import BboxprepError as BboxprepError
    from bboxprep.findings import Finding as Finding
    from bboxprep.geometry.affine import Affine as Affine
    from bboxprep.geometry.affine import Size as Size
    from bboxprep.images.codecs.codec import ImagePolicy as ImagePolicy
    from bboxprep.model.class_mapping import ClassPolicy as ClassPolicy
    from bboxprep.model.conditions import Condition as Condition
    from bboxprep.model.dataset import Dataset as Dataset
    from bboxprep.model.filters import Filters as Filters
    from bboxprep.model.filters import SizeLimit as SizeLimit
    from bboxprep.model.instances import Instances as Instances
    from bboxprep.model.object_policy import ObjectPolicy as ObjectPolicy
    from bboxprep.model.sample import Sample as Sample
    from bboxprep.pipeline.api import convert as convert
    from bboxprep.pipeline.api import preview as preview
    from bboxprep.pipeline.api import read as read
    from bboxprep.pipeline.output.run_record import open_run as open_run
    from bboxprep.pipeline.source.split import SplitPolicy as SplitPolicy
    from bboxprep.pipeline.work.convert import write as write
    from bboxprep.predictions import unmap as unmap
    from bboxprep.recipe.affine_steps import Rotate as Rotate
    from bboxprep.recipe.affine_steps import Scale as Scale
    from bboxprep.recipe.affine_steps import Shear as Shear
    from bboxprep.recipe.affine_steps import Translate as Translate
    from bboxprep.recipe.albumentations import Albumentations as Albumentations
    from bboxprep.recipe.appearance import AutoContrast as AutoContrast
    from bboxprep.recipe.appearance import Blur as Blur
    from bboxprep.recipe.appearance import CameraGain as CameraGain
    from bboxprep.recipe.appearance import Clahe as Clahe
    from bboxprep.recipe.appearance import Contrast as Contrast
    from bboxprep.recipe.appearance import ContrastStretch as ContrastStretch
    from bboxprep.recipe.appearance import Cutout as Cutout
    from bboxprep.recipe.appearance import Equalize as Equalize
    from bboxprep.recipe.appearance import Exposure as Exposure
    from bboxprep.recipe.appearance import Grayscale as Grayscale
    from bboxprep.recipe.appearance import Hue as Hue
    from bboxprep.recipe.appearance import MotionBlur as MotionBlur
    from bboxprep.recipe.appearance import Noise as Noise
    from bboxprep.recipe.appearance import SaltPepper as SaltPepper
    from bboxprep.recipe.appearance import Saturation as Saturation
    from bboxprep.recipe.augment import Augment as Augment
    from bboxprep.recipe.combining import CopyPaste as CopyPaste
    from bboxprep.recipe.combining import Mixup as Mixup
    from bboxprep.recipe.combining import Mosaic as Mosaic
    from bboxprep.recipe.crops import Crop as Crop
    from bboxprep.recipe.crops import RandomCrop as RandomCrop
    from bboxprep.recipe.crops import Tile as Tile
    from bboxprep.recipe.geometric import Fill as Fill
    from bboxprep.recipe.geometric import Fit as Fit
    from bboxprep.recipe.geometric import Flip as Flip
    from bboxprep.recipe.geometric import Letterbox as Letterbox
    from bboxprep.recipe.geometric import Resize as Resize
    from bboxprep.recipe.isolate import Isolate as Isolate
    from bboxprep.recipe.load import read_recipe as read_recipe
    from bboxprep.recipe.multiples import Multiple as Multiple
    from bboxprep.recipe.recipe import Recipe as Recipe
    from bboxprep.verification.verify import verify as verify

_HOMES = {
    "Affine": "geometry.affine",
    "Albumentations": "recipe.albumentations",
    "Augment": "recipe.augment",
    "AutoContrast": "recipe.appearance",
    "BboxprepError": "errors",
    "Blur": "recipe.appearance",
    "CameraGain": "recipe.appearance",
    "Clahe": "recipe.appearance",
    "ClassPolicy": "model.class_mapping",
    "Condition": "model.conditions",
    "Contrast": "recipe.appearance",
    "ContrastStretch": "recipe.appearance",
    "CopyPaste": "recipe.combining",
    "Crop": "recipe.crops",
    "Cutout": "recipe.appearance",
    "Dataset": "model.dataset",
    "Equalize": "recipe.appearance",
    "Exposure": "recipe.appearance",
    "Fill": "recipe.geometric",
    "Filters": "model.filters",
    "Finding": "findings",
    "Fit": "recipe.geometric",
    "Flip": "recipe.geometric",
    "Grayscale": "recipe.appearance",
    "Hue": "recipe.appearance",
    "ImagePolicy": "images.codecs.codec",
    "Instances": "model.instances",
    "Isolate": "recipe.isolate",
    "Letterbox": "recipe.geometric",
    "Mixup": "recipe.combining",
    "Mosaic": "recipe.combining",
    "MotionBlur": "recipe.appearance",
    "Multiple": "recipe.multiples",
    "Noise": "recipe.appearance",
    "ObjectPolicy": "model.object_policy",
    "RandomCrop": "recipe.crops",
    "Recipe": "recipe.recipe",
    "Resize": "recipe.geometric",
    "Rotate": "recipe.affine_steps",
    "SaltPepper": "recipe.appearance",
    "Sample": "model.sample",
    "Saturation": "recipe.appearance",
    "Scale": "recipe.affine_steps",
    "Shear": "recipe.affine_steps",
    "Size": "geometry.affine",
    "SizeLimit": "model.filters",
    "SplitPolicy": "pipeline.source.split",
    "Tile": "recipe.crops",
    "Translate": "recipe.affine_steps",
    "convert": "pipeline.api",
    "open_run": "pipeline.output.run_record",
    "preview": "pipeline.api",
    "read": "pipeline.api",
    "read_recipe": "recipe.load",
    "unmap": "predictions",
    "verify": "verification.verify",
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
    return [*__all__, *(name for name in globals() if name.startswith("__") and name not in __all__)]
