"""Every registered format passes the conformance kit, with the painter and the readers of its example."""

from __future__ import annotations

from pathlib import Path

import pytest

from bboxprep import formats
from bboxprep.testing import Check, checks_of
from tests.conformance.examples import EXAMPLES, parameter

CASES = [parameter(name, check) for name in formats.names() for check in checks_of(name)]


def test_every_registered_format_has_an_example() -> None:
    assert set(EXAMPLES) == set(formats.names())


@pytest.mark.parametrize(("format", "check"), CASES)
def test_conformance(format: str, check: Check, tmp_path: Path) -> None:
    check(EXAMPLES[format], tmp_path)
