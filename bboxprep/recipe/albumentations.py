"""A user's own albumentations pipeline as a step: its text, or where Python finds it. This floor never runs it.

It gets the finished picture, so no geometric step stands after it; what size it gives out is the outcome's. An `object`
is code of the user's that will be imported and run: recipes come from the command line, from Python and from files
that the user names, never from what lies in a dataset.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from bboxprep.recipe.geometric import ChanceStep, RecipeStep, StepContext
from bboxprep.recipe.random_draw import Draw
from bboxprep.recipe.values import OptionError, check_seed


@dataclass(frozen=True)
class Albumentations(ChanceStep):
    """A pipeline as ``A.to_dict`` gives it, or the ``module:object`` that is one. Drawn, it has a `seed`.

    `pipeline` is kept as JSON text, so that a recipe repeats itself although the file that it came from has changed.
    """

    name = "albumentations"
    geometric: ClassVar[bool] = False
    pipeline: str | Mapping[str, Any] | None = None
    object: str | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.pipeline is None) == (self.object is None):
            raise OptionError(self.name, "pipeline", "want either a pipeline or the object that is one")
        if self.object is not None and not re.fullmatch(r"[\w.]+:[\w.]+", str(self.object)):
            raise OptionError(self.name, "object", f"have {self.object!r}, want module:object")
        if self.pipeline is not None:
            object.__setattr__(self, "pipeline", self._text())
        check_seed(self.name, self.seed)

    def _text(self) -> str:
        """The pipeline as JSON text of one form."""
        try:
            said = json.loads(self.pipeline) if isinstance(self.pipeline, str) else self.pipeline
            if isinstance(said, Mapping) and "transform" in said:
                return json.dumps(said, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError) as error:
            raise OptionError(self.name, "pipeline", f"not plain data ({error})") from error
        raise OptionError(self.name, "pipeline", "want what A.to_dict gives, with a key 'transform'")

    @property
    def is_fixed(self) -> bool:
        """Whether it was drawn."""
        return super().is_fixed and self.seed is not None

    def drawn(self, draw: Draw, scene: StepContext | None) -> RecipeStep | None:
        """The pipeline with its seed, or None."""
        step = super().drawn(draw, scene)
        settled = not isinstance(step, Albumentations) or step.seed is not None
        return step if settled else replace(step, seed=draw.number("seed") >> 32)  # type: ignore[type-var]

    def options(self) -> dict[str, Any]:
        """Its parameters as plain data."""
        said = super().options()
        return {**said, "pipeline": json.loads(said["pipeline"])} if "pipeline" in said else said

    def _described(self) -> str:
        return f"albumentations {self.object}" if self.object else "albumentations"
