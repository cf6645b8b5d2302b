"""A check: a name and a function that tests one law on one format or step. It fails with an `AssertionError` that
states the format or step, the check, the result and the expected result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bboxprep.recipe.geometric import RecipeStep
from bboxprep.testing.example import FormatExample


@dataclass(frozen=True)
class Check:
    """One check of the conformance kit; `law` states in one line what must hold. One that `needs_writer` has nothing to
    test in a format that is only read."""

    name: str
    law: str
    run: Callable[[Any, Path], None]
    needs_writer: bool = False

    def __call__(self, example: FormatExample | RecipeStep, folder: Path) -> None:
        """Test the law on the format of `example`, or on a step, in the empty `folder`. Raises AssertionError where it
        fails.
        """
        try:
            self.run(example, folder)
        except Exception as error:  # whatever a broken format or step raises
            words = str(error) if isinstance(error, AssertionError) else f"raised {type(error).__name__}: {error}"
            name = example.name if isinstance(example, RecipeStep) else example.format
            raise AssertionError(f"{name}: {self.name}: {words} (the law: {self.law})") from error

    def __str__(self) -> str:
        return self.name


def expect(what: str, have: object, want: object) -> None:
    """Raise AssertionError unless `have` equals `want`; `what` names the value."""
    if have != want:
        raise AssertionError(f"{what}: have {have!r:.400}, want {want!r:.400}")


def expect_that(holds: object, have: str, want: str) -> None:
    """Raise AssertionError with the result `have` and the expected `want`, unless `holds` is true."""
    if not holds:
        raise AssertionError(f"have {have}, want {want}")
