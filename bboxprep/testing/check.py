"""A check: a name, and a function that puts one format through one law. It fails with an `AssertionError` that says
which format, which check, what was found and what was wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bboxprep.testing.example import FormatExample


@dataclass(frozen=True)
class Check:
    """One check of the conformance kit; `law` says in a line what holds."""

    name: str
    law: str
    run: Callable[[FormatExample, Path], None]

    def __call__(self, example: FormatExample, folder: Path) -> None:
        """Put the format of `example` through the law, in the empty `folder`. Raises AssertionError where it fails."""
        try:
            self.run(example, folder)
        except Exception as error:  # whatever a broken format raises
            words = str(error) if isinstance(error, AssertionError) else f"raised {type(error).__name__}: {error}"
            raise AssertionError(f"{example.format}: {self.name}: {words} (the law: {self.law})") from error

    def __str__(self) -> str:
        return self.name


def expect(what: str, have: object, want: object) -> None:
    """Fail unless `have`, which is `what`, equals `want`."""
    if have != want:
        raise AssertionError(f"{what}: have {have!r:.400}, want {want!r:.400}")


def expect_that(holds: object, have: str, want: str) -> None:
    """Fail with what was found and what was wanted, unless it `holds`."""
    if not holds:
        raise AssertionError(f"have {have}, want {want}")
