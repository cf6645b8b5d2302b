"""What others install and call: the wheel and the sdist, the action, the hook, the Dockerfile, and their page."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from bboxprep.version import __version__
from docs.generated import PAGES
from tests.invoked import run

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / ".ci" / "Dockerfile").read_text(encoding="utf-8")
PAGE = (PAGES / "automation.md").read_text(encoding="utf-8")
RIGHT = ROOT / "fixtures" / "phone-photos-yolo"


def built(source: Path, kind: str, folder: Path) -> Path:
    """The package of the `kind` that the build backend makes of `source`."""
    pytest.importorskip("hatchling", reason="hatchling is not installed")
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder / kind)]
    subprocess.run(command, cwd=source, check=True, stdout=subprocess.DEVNULL)
    (package,) = (folder / kind).iterdir()
    return package


def content(wheel: Path) -> Mapping[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    """A dataset with one box outside of its image."""
    folder = Path(shutil.copytree(RIGHT, tmp_path / "my data"))
    with min((folder / "labels").rglob("*.txt")).open("a", encoding="utf-8") as labels:
        labels.write("0 2.5 0.5 0.1 0.1\n")
    return folder


def test_the_wheel_is_installed_without_an_index_and_runs(wheel: Path, tmp_path: Path) -> None:
    pytest.importorskip("pip", reason="pip is not installed")
    offline = ("--no-deps", "--no-index", "--disable-pip-version-check", "--target", tmp_path / "site")
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", *offline, wheel], check=True)

    def installed(*command: str | Path) -> str:
        environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True)
        return done.stdout

    script = tmp_path / "site" / "bin" / "bboxprep"
    assert installed(script, "--version") == f"bboxprep, version {__version__}\n"
    where = installed(sys.executable, "-c", "import bboxprep; print(bboxprep.__file__)")
    assert Path(where.strip()).is_relative_to(tmp_path)
    installed(script, "convert", RIGHT, "out", "--to", "coco", "--letterbox", "64")
    installed(script, "review", "out", "-o", "review")
    assert len(json.loads((tmp_path / "out" / "bboxprep.json").read_text(encoding="utf-8"))["names"]) == 3
    assert (tmp_path / "review" / "index.html").is_file()


def test_the_sdist_and_what_docker_copies_make_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(built(ROOT, "sdist", tmp_path)) as archive:
        archive.extractall(tmp_path / "sdist" / "tree", filter="data")
    (unpacked,) = (tmp_path / "sdist" / "tree").iterdir()
    assert content(built(unpacked, "wheel", tmp_path / "again")) == content(wheel)
    assert (unpacked / "tests" / "conftest.py").is_file()
    (copied := tmp_path / "copied").mkdir()
    for line in re.findall(r"^COPY (?!--)(.+) \S+$", DOCKERFILE, re.MULTILINE):
        for name in line.split():
            source = ROOT / name
            shutil.copytree(source, copied / name) if source.is_dir() else shutil.copy(source, copied / name)
    assert content(built(copied, "wheel", tmp_path / "docker")) == content(wheel)


def test_docker_runs_the_command_and_not_as_root() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2].splitlines()
    assert last[-1] == 'ENTRYPOINT ["bboxprep"]'
    assert "USER bboxprep" in last
    for line in re.findall(r"^# (docker .*)$", DOCKERFILE, re.MULTILINE):
        assert set(line.split()) <= set(PAGE.split()), line


def action() -> Mapping[str, Any]:
    read: Mapping[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    return read


def verified(python: Path = Path(sys.executable), **given: str) -> subprocess.CompletedProcess[str]:
    """What the last step of the action does with its inputs, by this `python`."""
    step = action()["runs"]["steps"][-1]
    named = {name: re.fullmatch(r"\$\{\{ inputs\.(\w+) \}\}", text) for name, text in step["env"].items()}
    values = {name: given.get(found[1], "") for name, found in named.items() if found}
    assert values.keys() == named.keys()
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **values, "PATH": path, "PYTHONPATH": str(ROOT)}
    script = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]  # as a runner calls it
    return subprocess.run(script, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_the_action_passes_what_is_right_and_fails_what_is_wrong(wrong: Path, tmp_path: Path) -> None:
    assert verified(path=str(RIGHT)).returncode == 0
    done = verified(path=str(wrong), json=str(tmp_path / "faults.json"), options="--sample 0")
    assert done.returncode == 1
    assert "box-outside" in done.stdout
    assert json.loads((tmp_path / "faults.json").read_text(encoding="utf-8"))["faults"]
    assert verified(path=str(tmp_path / "nowhere")).returncode == 2


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_the_action_hands_on_its_inputs_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "python").write_text('#!/bin/sh\nprintf "%s|" "$@"\n', encoding="utf-8")
    (tmp_path / "python").chmod(0o755)
    told = verified(tmp_path / "python", path="-a $(b)", against="my photos", options="--sample  9 --from *").stdout
    assert told == "-m|bboxprep|verify|--sample|9|--from|*|--against|my photos|--|-a $(b)|"


def test_the_action_has_each_input_once_and_the_page_names_all() -> None:
    steps, inputs = action()["runs"]["steps"], action()["inputs"]
    assert "${{" not in "".join(step.get("run", "") for step in steps)  # an input is no part of a script
    assert sorted(re.findall(r"inputs\.(\w+)", str(steps))) == sorted(inputs)
    assert set(re.findall(r"^ {10}(?:# )?(\w+): ", PAGE, re.MULTILINE)) == set(inputs)


def test_the_hook_passes_what_is_right_and_fails_what_is_wrong(wrong: Path) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert f"- id: {hook['id']}\n" in PAGE
    assert (hook["language"], hook["pass_filenames"]) == ("python", False)
    _, *command = hook["entry"].split()
    assert run(*command, RIGHT).exit_code == 0
    assert run(*command, wrong).exit_code == 1


def test_a_small_installation_has_all_but_one_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {re.split(r"[<>=]", each)[0] for each in project["dependencies"]} - {"albumentations"}
    (listed,) = re.findall(r"^pip install (\w[^.\n]+)$", PAGE, re.MULTILINE)
    assert set(listed.split()) == wanted


def test_without_albumentations_that_step_alone_is_refused(tmp_path: Path) -> None:
    text = "steps: [letterbox: 64]\naugment: [albumentations: {pipeline: {transform: {p: 0.5}}}]"
    (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
    without = "import sys; sys.modules['albumentations'] = None; import bboxprep.cli; bboxprep.cli.main()"

    def convert(name: str, *options: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", without, "convert", RIGHT, tmp_path / name, "--to", "voc", *options]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    done = convert("bent", "--recipe", tmp_path / "recipe.yaml")
    assert (done.returncode, done.stderr) == (
        2,
        "bboxprep: albumentations: it is not installed; pip install 'albumentations>=2.0.8,<3' brings it\n",
    )
    assert convert("plain", "--letterbox", "64").returncode == 0
