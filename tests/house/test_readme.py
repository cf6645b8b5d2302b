"""README.md and the pages of docs/ are true: their commands and their Python run, and their options exist."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bboxprep import formats
from bboxprep.cli import commands
from docs.generated import PAGES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TEXTS = {"README.md": README} | {
    path.relative_to(PAGES).as_posix(): path.read_text(encoding="utf-8") for path in sorted(PAGES.rglob("*.md"))
}


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def lines_of(text: str) -> list[str]:
    """The commands of the shell blocks, one after the other."""
    return [line.strip() for block in blocks(text, "sh") for line in re.split(r" && |\n", block.strip())]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "fixtures", tmp_path / "fixtures")
    return tmp_path


def run(line: str, folder: Path) -> None:
    program, *arguments = line.split()
    assert program == "bboxprep", line
    subprocess.run([sys.executable, "-m", program, *arguments], cwd=folder, check=True)


def test_every_command_of_the_readme_runs_one_after_the_other(checkout: Path) -> None:
    install, main_job, *rest = [line for line in lines_of(README) if line not in TESTS]
    assert install == "pip install ."
    for line in (main_job, *rest):
        run(line, checkout)
    assert (checkout / "prepared" / "bboxprep.json").is_file()
    assert len(list((checkout / "prepared" / "images").rglob("*.*"))) == 12
    assert (checkout / "review" / "index.html").is_file()
    assert len(list((checkout / "out" / "augmented" / "images" / "train").rglob("*.*"))) == 16


TESTS = ["pip install '.[test]'", "pytest -n auto"]


@pytest.mark.parametrize("name", [name for name, text in TEXTS.items() if name != "README.md" and lines_of(text)])
def test_every_command_of_a_page_runs_after_that_of_the_readme(name: str, checkout: Path) -> None:
    own = [line for line in lines_of(TEXTS[name]) if line not in lines_of(README)]
    for line in ([lines_of(README)[1]] if any(" prepared" in line for line in own) else []) + own:
        run(line, checkout)


def test_the_readme_has_the_two_commands_and_fits_a_few_screens() -> None:
    assert lines_of(README)[2:4] == TESTS
    assert blocks(README, "sh")[1].strip() == "pip install '.[test]' && pytest -n auto"
    assert len(README.splitlines()) <= 125
    assert f"[{len(formats.names())} formats]" in README
    assert all(formats.load(name).title in " ".join(README.split()) for name in formats.names())


def test_every_promise_of_the_page_on_strangers_names_tests_that_are_there() -> None:
    promises = TEXTS["strangers.md"]
    numbered = re.split(r"^\d+\. ", promises, flags=re.MULTILINE)[1:]
    written = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    for promise in numbered:
        names = re.findall(r"`(test_\w+)", promise)
        assert names or "first test" in promise or "the same" in promise, promise
        assert [name for name in names if f"def {name}(" not in written] == []
    assert len(numbered) == 10
    for case in re.findall(r"`((?:coco|yolo|voc|sidecar)_\w+)`", promises):
        assert f"def {case}(" in written, case


def test_the_python_of_the_readme_runs(checkout: Path) -> None:
    """That of the pages runs in tests/test_python_api.py, that of the guides in tests/testing/test_plugin.py and
    test_step_plugin.py.
    """
    (block,) = blocks(README, "python")
    subprocess.run([sys.executable, "-c", block], cwd=checkout, check=True)
    assert (checkout / "prepared-in-python" / "data.yaml").is_file()
    own = [name for name, text in TEXTS.items() if blocks(text, "python")]
    assert own == ["README.md", "python.md", "write-a-format.md", "write-a-step.md"]


def test_every_option_that_is_named_exists() -> None:
    context = commands.make_context("bboxprep", ["formats"])
    found = [commands.get_command(context, name) for name in commands.list_commands(context)]
    known = {name for command in found if command for parameter in command.params for name in parameter.opts}
    for name, text in TEXTS.items():
        own = re.sub(r"^(docker|pip) .*$", "", text, flags=re.MULTILINE)  # other programs
        named = set(re.findall(r"(?<![\w-])(--[a-z][a-z0-9-]*)", own)) - {"--help", "--version"}
        assert named <= known, name
