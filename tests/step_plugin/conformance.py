"""The whole test of the toy steps. (`tests/testing/test_step_plugin.py` runs it, once the plugin is installed.)"""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_steps import Nudge, Posterize  # type: ignore[import-not-found]  # it is installed by then

from bboxprep.recipe.geometric import RecipeStep
from bboxprep.testing import STEP_CHECKS, Check

STEPS = [Posterize((2, 6), p=0.5), Nudge((-0.1, 0.2))]


@pytest.mark.parametrize("check", STEP_CHECKS, ids=str)
@pytest.mark.parametrize("step", STEPS, ids=str)
def test_step(step: RecipeStep, check: Check, tmp_path: Path) -> None:
    check(step, tmp_path)
