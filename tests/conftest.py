"""Hypothesis profiles, the fixture data sets, and the guard that no test changes them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it asks the network when it is loaded, else

FIXTURES = Path(__file__).parent.parent / "fixtures"

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

Guard = Callable[[Path], Path]


@pytest.fixture(scope="session")
def untouched() -> Iterator[Guard]:
    """A function that takes a file or folder under guard and returns it: when the session ends, its bytes and times
    are what they were.
    """
    before: dict[Path, dict[str, tuple[int, str]]] = {}

    def guard(root: Path) -> Path:
        before.setdefault(root, state_of(root))
        return root

    yield guard
    changed = {
        f"{root / name}": (known.get(name), now.get(name))
        for root, known in before.items()
        for now in [state_of(root)]
        for name in known.keys() | now.keys()
        if known.get(name) != now.get(name)
    }
    assert not changed


@pytest.fixture(scope="session", autouse=True)
def guarded_fixtures(untouched: Guard) -> Path:
    """The folder of fixtures, guarded for the whole session."""
    return untouched(FIXTURES)


def state_of(root: Path) -> dict[str, tuple[int, str]]:
    """Modification time and hash of each file at or below `root`."""
    files = [root] if root.is_file() else [path for path in root.rglob("*") if path.is_file()]
    return {
        path.relative_to(root).as_posix(): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in files
        if "__pycache__" not in path.parts
    }
