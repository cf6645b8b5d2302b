"""README.md is true: its commands and its Python run, its tables are what the code says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bboxprep.cli.convert import command as convert
from bboxprep.cli.formats import table
from bboxprep.cli.review import command as review
from bboxprep.cli.unmap import command as unmap
from bboxprep.cli.verify import command as verify
from bboxprep.findings import CODES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)


def section(name: str) -> str:
    match = re.search(rf"<!-- {name}.*?-->\n(.*?)<!-- /{name} -->", README, flags=re.DOTALL)
    assert match, name
    return match[1].strip()


def findings_table() -> str:
    rows = [f"| `{code}` | {severity} | {meaning} |" for code, (severity, meaning) in sorted(CODES.items())]
    return "\n".join(["| code | kind | meaning |", "|---|---|---|", *rows])


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "fixtures", tmp_path / "fixtures")
    return tmp_path


def test_every_command_runs_one_after_the_other(checkout: Path) -> None:
    first, _, *rest = blocks("sh")
    install, _, command = first.strip().partition(" && ")
    assert install == "pip install ."
    assert len(rest) == 3
    for line in (one for block in (command, *rest) for one in block.split(" && ")):
        program, *arguments = line.split()
        assert program == "bboxprep"
        subprocess.run([sys.executable, "-m", program, *arguments], cwd=checkout, check=True)
    assert (checkout / "prepared" / "bboxprep.json").is_file()
    assert len(list((checkout / "prepared" / "images").rglob("*.*"))) == 12
    assert (checkout / "review" / "index.html").is_file()
    assert len(list((checkout / "out" / "augmented" / "images" / "train").rglob("*.*"))) == 16


def test_every_promise_of_the_section_on_strangers_names_tests_that_are_there() -> None:
    promises = README.partition("## What a hostile dataset cannot do")[2].partition("\n## ")[0]
    numbered = re.split(r"^\d+\. ", promises, flags=re.MULTILINE)[1:]
    written = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    for promise in numbered:
        names = re.findall(r"`(test_\w+)", promise)
        assert names or "first test" in promise or "the same" in promise, promise
        assert [name for name in names if f"def {name}(" not in written] == []
    assert len(numbered) == 10
    for case in re.findall(r"`((?:coco|yolo|voc|sidecar)_\w+)`", promises):
        assert f"def {case}(" in written, case


def test_the_second_command_is_what_these_tests_run_under() -> None:
    assert blocks("sh")[1].strip() == "pip install '.[test]' && pytest -n auto"


def test_the_python_of_the_readme_runs(checkout: Path) -> None:
    assert len(blocks("python")) == 1
    subprocess.run([sys.executable, "-c", blocks("python")[0]], cwd=checkout, check=True)
    assert (checkout / "prepared-in-python" / "data.yaml").is_file()


def test_the_table_of_formats_is_the_programs() -> None:
    assert section("formats") == "\n".join(table()).strip()


def test_the_table_of_findings_is_the_codes() -> None:
    assert section("findings") == findings_table()


def test_every_option_that_the_readme_names_exists() -> None:
    known = {
        name for command in (convert, verify, review, unmap) for parameter in command.params for name in parameter.opts
    }
    named = set(re.findall(r"`?(--[a-z][a-z0-9-]*)", README)) - {"--help"}
    assert named <= known
