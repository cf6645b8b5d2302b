"""The step that runs an albumentations pipeline of the user, given as text or as the name of a Python object.

The pipeline gets the image after the plan, so no geometric step may follow; its output size is the size of the output
image. This module never runs it (`images.effects.albumentations_adapter` does). An `object` is code of the user that
is imported and run, so recipes are read only from the command line, from Python and from files that the user names,
never from a dataset.
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
    """A pipeline in the form of ``A.to_dict``, or ``module:object`` that names one. A drawn step has a `seed`.

    `pipeline` is stored as JSON text, so that a recorded recipe does not depend on the file that it was read from.
    """

    name = "albumentations"
    geometric: ClassVar[bool] = False
    pipeline: str | Mapping[str, Any] | None = None
    object: str | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.pipeline is None) == (self.object is None):
            raise OptionError(self.name, "pipeline", "want one of pipeline and object")
        if self.object is not None and not re.fullmatch(r"[\w.]+:[\w.]+", str(self.object)):
            raise OptionError(self.name, "object", f"have {self.object!r}, want module:object")
        if self.pipeline is not None:
            object.__setattr__(self, "pipeline", self._text())
        check_seed(self.name, self.seed)

    def _text(self) -> str:
        """The pipeline as JSON text with sorted keys."""
        try:
            data = json.loads(self.pipeline) if isinstance(self.pipeline, str) else self.pipeline
            if isinstance(data, Mapping) and "transform" in data:
                return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError) as error:
            raise OptionError(self.name, "pipeline", f"not plain data ({error})") from error
        raise OptionError(self.name, "pipeline", "want the output of A.to_dict, with a key 'transform'")

    @property
    def is_fixed(self) -> bool:
        """Whether it was drawn."""
        return super().is_fixed and self.seed is not None

    def drawn(self, draw: Draw, context: StepContext | None) -> RecipeStep | None:
        """The pipeline with its seed; None if it is not applied."""
        step = super().drawn(draw, context)
        has_seed = not isinstance(step, Albumentations) or step.seed is not None
        return step if has_seed else replace(step, seed=(draw.number("seed") >> 32) or 1)  # type: ignore[type-var]

    def options(self) -> dict[str, Any]:
        """The options as plain data."""
        options = super().options()
        return {**options, "pipeline": json.loads(options["pipeline"])} if "pipeline" in options else options

    def _described(self) -> str:
        return f"albumentations {self.object}" if self.object else "albumentations"
