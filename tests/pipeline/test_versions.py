"""The versions that a record states, found without the packages' metadata where that can be done."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import pytest

from bboxprep import __version__
from bboxprep.pipeline import versions


@pytest.fixture(autouse=True)
def _anew() -> None:
    versions._packages.cache_clear()


def test_they_are_those_of_the_packages_metadata() -> None:
    said = versions.versions()
    assert said["bboxprep"] == __version__
    for name in versions._NEEDED:
        assert said[name] == importlib.metadata.version(name)


def test_folders_are_found_in_the_order_that_python_imports_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place, number in (("first", "1.0"), ("second", "2.0")):
        (tmp_path / place / f"OpenCV_Python_Headless-{number}.dist-info").mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [str(tmp_path / name) for name in ("gone", "first", "second")])
    assert versions._by_folders() == {"opencv-python-headless": "1.0"}


def test_packages_without_such_folders_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "_folders", lambda: iter(()))
    assert versions.versions()["numpy"] == importlib.metadata.version("numpy")
