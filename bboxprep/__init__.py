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
    from bboxprep.pipeline.job import write as write
    from bboxprep.pipeline.reading import read as read
    from bboxprep.pipeline.run import open_run as open_run
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
    "BboxprepError": "errors",
    "ClassRules": "model.tables",
    "Crop": "recipe.steps",
    "Dataset": "model.dataset",
    "Fill": "recipe.steps",
    "Finding": "findings",
    "Fit": "recipe.steps",
    "Flip": "recipe.steps",
    "Instances": "model.instances",
    "Letterbox": "recipe.steps",
    "Policy": "images.codec",
    "Recipe": "recipe.recipe",
    "Resize": "recipe.steps",
    "Rules": "model.rules",
    "Sample": "model.sample",
    "Size": "geometry.affine",
    "open_run": "pipeline.run",
    "prove": "verify.proof",
    "read": "pipeline.reading",
    "write": "pipeline.job",
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
