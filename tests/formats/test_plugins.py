"""Formats of other distributions: installed ones are known everywhere, and a broken one harms no other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bboxprep import formats

ROOT = Path(__file__).parents[2]
TOY = """
from dataclasses import dataclass, field
from bboxprep.formats.api import Format, Step

@dataclass(frozen=True)
class Options:
    digits: int = field(default=3, metadata={"flag": "--toy-digits", "help": "digits of toys"})

def nothing(*arguments):
    return ""

FORMAT = Format(
    title="Toy", layout="toys.txt", sniff=lambda root: "toys.txt" if (root / "toys.txt").is_file() else "",
    read=nothing, write=nothing, carries=frozenset(), step=lambda options: Step(pixels=10.0**-options.digits),
    write_options=Options,
)
"""


def install(site: Path, module: str, code: str, **points: str) -> None:
    """Put a distribution with a `module` and entry points into the folder `site`."""
    (site / f"{module}.py").write_text(code, encoding="utf-8")
    info = site / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n", encoding="utf-8")
    lines = [f"{name} = {value}" for name, value in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[bboxprep.formats]", *lines, ""]), encoding="utf-8")


def run(site: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return python(site, "-m", "bboxprep", *arguments)


def python(site: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )


def rows(result: subprocess.CompletedProcess[str]) -> list[str]:
    return [line.split("`")[1] for line in result.stdout.splitlines()[2:]]


def test_an_installed_format_is_listed_with_its_options_and_recognised(tmp_path: Path) -> None:
    install(tmp_path, "toy_format", TOY, toy="toy_format:FORMAT")
    listed = run(tmp_path, "formats")
    assert rows(listed) == sorted([*formats.names(), "toy"])
    assert "0.001 px" in next(line for line in listed.stdout.splitlines() if "`toy`" in line)
    helped = run(tmp_path, "convert", "--help").stdout
    assert "--toy-digits" in helped
    assert ", ".join(sorted([*formats.written(), "toy"])) in " ".join(helped.split())
    (tmp_path / "toys.txt").touch()
    code = "import sys, pathlib; from bboxprep import formats; print(*formats.sniffed(pathlib.Path(sys.argv[1])))"
    assert python(tmp_path, "-c", code, tmp_path).stdout == "toy\n"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise RuntimeError('out of toys')", "RuntimeError: out of toys"),
        ("import nowhere_to_be_found", "No module named 'nowhere_to_be_found'"),
        ("", "has no attribute 'FORMAT'"),
        ("FORMAT = 'toy'", "have 'toy', want a bboxprep.formats.api.Format"),
        (TOY.replace("read=nothing, ", ""), "missing 1 required keyword-only argument: 'read'"),
        (TOY.replace("--toy-digits", "digits"), "write_options.digits: want metadata="),
        (TOY.replace("default=3, ", ""), "write_options.digits: want a default"),
    ],
)
def test_a_broken_format_is_named_in_a_line_and_the_others_work(tmp_path: Path, code: str, words: str) -> None:
    install(tmp_path, "toy_format", TOY, toy="toy_format:FORMAT")
    install(tmp_path, "broken_format", code, broken="broken_format:FORMAT")
    listed = run(tmp_path, "formats")
    assert listed.returncode == 0
    assert rows(listed) == sorted([*formats.names(), "toy"])
    (line,) = listed.stderr.splitlines()
    assert line.startswith("bboxprep: format broken: ")
    assert words in line
    asked = run(tmp_path, "convert", tmp_path, tmp_path / "out", "--to", "broken")
    assert asked.returncode == 2
    assert words in asked.stderr.splitlines()[-1]


def test_a_name_that_is_taken_is_refused(tmp_path: Path) -> None:
    install(tmp_path, "toy_format", TOY, coco="toy_format:FORMAT")
    listed = run(tmp_path, "formats")
    assert "`coco`" in listed.stdout
    assert "Toy" not in listed.stdout
    assert "format coco: bboxprep has a format of this name, and toy_format:FORMAT another" in listed.stderr


def test_a_name_that_two_distributions_bring_is_refused(tmp_path: Path) -> None:
    install(tmp_path, "toy_format", TOY, toy="toy_format:FORMAT")
    install(tmp_path, "other_format", TOY, toy="other_format:FORMAT")
    listed = run(tmp_path, "formats")
    assert "toy" not in rows(listed)
    assert "several distributions bring it (other_format:FORMAT, toy_format:FORMAT)" in listed.stderr


def test_a_format_whose_sniff_raises_is_named_and_the_others_are_tried(tmp_path: Path) -> None:
    raising = "def raises(root):\n    return len(1)\n"
    code = raising + TOY.replace("sniff=lambda root:", "sniff=raises if True else lambda root:")
    install(tmp_path, "toy_format", TOY, toy="toy_format:FORMAT")
    install(tmp_path, "broken_format", code, broken="broken_format:FORMAT")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "labels.txt").touch()
    refused = run(tmp_path, "inspect", tmp_path / "source")
    assert refused.returncode == 2
    warning, fault = refused.stderr.splitlines()
    assert warning.startswith(
        "bboxprep: format broken: its sniff() raised TypeError: object of type 'int' has no len()"
    )
    assert "no labelled dataset recognised here" in fault
    (tmp_path / "source" / "toys.txt").touch()
    code = "import sys, pathlib; from bboxprep import formats; print(*formats.sniffed(pathlib.Path(sys.argv[1])))"
    found = python(tmp_path, "-c", code, tmp_path / "source")
    assert (found.stdout, found.returncode) == ("toy\n", 0)
    assert "format broken: its sniff() raised" in found.stderr
