"""A format that another distribution brings: installed, it is a format like any other and passes the same kit."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bboxprep.testing import CHECKS
from tests.testing.plugins import PLUGIN, ROOT, run

FIXTURES = ROOT / "fixtures"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages that the plugin is installed into, by pip, from a copy: a build leaves files behind."""
    pytest.importorskip("hatchling", reason="hatchling is not installed")
    pytest.importorskip("pip", reason="pip is not installed")
    folder = tmp_path_factory.mktemp("plugin")
    source, site = Path(shutil.copytree(PLUGIN, folder / "source")), folder / "site"
    offline = ("--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check")
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", *offline, "--target", site, source], check=True)
    return site


def test_it_passes_every_check_of_the_kit(site: Path) -> None:
    shutil.copy(PLUGIN / "conformance.py", site / "conformance.py")
    done = run(site, "-m", "pytest", "-q", "-p", "no:cacheprovider", "conformance.py")
    assert f"{len(CHECKS)} passed" in done.stdout, done.stdout[-4000:]


def test_data_sets_are_converted_to_it_and_from_it(site: Path, tmp_path: Path) -> None:
    there, back = tmp_path / "there", tmp_path / "back"
    for command in (
        ("convert", FIXTURES / "phone-photos-coco", there, "--to", "toy", "--letterbox", "96"),
        ("convert", there, back, "--from", "toy", "--to", "yolo"),
        ("verify", there),
    ):
        done = run(site, "-m", "bboxprep", *command)
        assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((back / "labels").rglob("*.txt"))) == 12
    assert (there / "train.toy.jsonl").is_file()


def test_it_is_listed(site: Path) -> None:
    table = run(site, "-m", "bboxprep", "formats").stdout
    assert "| `toy` " in table
    assert "<split>.toy.jsonl over pictures/<split>/" in table


def test_without_the_plugin_there_is_no_such_format(tmp_path: Path) -> None:
    done = run(tmp_path, "-m", "bboxprep", "convert", FIXTURES / "phone-photos-coco", tmp_path / "out", "--to", "toy")
    assert done.returncode == 2
    assert "have 'toy', want one of" in done.stderr


def test_the_guide_quotes_the_plugin_as_it_is() -> None:
    guide = (ROOT / "docs" / "pages" / "write-a-format.md").read_text(encoding="utf-8")
    quoted = re.findall(r"^```(?:python|toml)\n(.*?)^```$", guide, flags=re.DOTALL | re.MULTILINE)
    plugin = "".join(path.read_text(encoding="utf-8") for path in sorted(PLUGIN.iterdir()) if path.is_file())
    assert len(quoted) == 4
    assert all(block in plugin for block in quoted)
    assert {check.name for check in CHECKS} >= set(re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)+)`", guide))
