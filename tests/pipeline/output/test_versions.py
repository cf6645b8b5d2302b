from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import pytest

from bboxprep import __version__
from bboxprep.pipeline.output.versions import versions


def test_a_record_states_the_versions_that_are_installed() -> None:
    said = versions()
    assert next(iter(said)) == "bboxprep"
    assert said["bboxprep"] == __version__
    for name in ("albumentations", "numpy", "opencv-python-headless", "pillow", "simplejpeg"):
        assert said[name] == importlib.metadata.version(name)


def test_the_first_folder_that_is_searched_for_modules_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place, version in (("first", "7.1"), ("second", "7.0")):
        info = tmp_path / place / f"Pillow-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Name: pillow\nVersion: {version}\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "nowhere"), str(tmp_path / "first"), str(tmp_path / "second")])
    assert versions()["pillow"] == importlib.metadata.version("pillow") == "7.1"
    assert "numpy" not in versions()


def test_what_is_installed_in_another_way_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "simplejpeg-1.2-py3.11.egg-info"
    info.mkdir()
    (info / "PKG-INFO").write_text("Name: simplejpeg\nVersion: 1.2\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert versions()["simplejpeg"] == importlib.metadata.version("simplejpeg") == "1.2"
