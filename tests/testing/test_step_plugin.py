"""Steps that another distribution brings: installed, they are steps like any others, and pass their checks."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from pathlib import Path

import pytest

from bboxprep.testing import STEP_CHECKS
from bboxprep.testing.runs import tree_hashes
from tests.testing.plugins import ROOT, run

PLUGIN = ROOT / "tests" / "step_plugin"
PHOTOS = ROOT / "fixtures" / "phone-photos-coco"
RECIPE = """
preprocess:
- letterbox: 96
- nudge: 0.1
augment:
  copies: 2
  steps:
  - flip: {p: 0.5}
  - Posterize: {bits: [2, 5], p: 0.9}
seed: 7
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of packages with the plugin, as pip would have left it, and the recipe."""
    site = Path(shutil.copytree(PLUGIN, tmp_path / "site"))
    metadata = site / "bboxprep_toy_steps-1.0.dist-info"
    metadata.mkdir()
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    points = [f"{name} = {value}\n" for name, value in project["entry-points"]["bboxprep.steps"].items()]
    (metadata / "entry_points.txt").write_text(f"[bboxprep.steps]\n{''.join(points)}", encoding="utf-8")
    words = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (metadata / "METADATA").write_text(words, encoding="utf-8")
    (site / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    return site


def convert(site: Path, out: str, *options: str) -> tuple[int, str]:
    done = run(
        site, "-P", "-m", "bboxprep", "convert", PHOTOS, out, "--to", "yolo", "--recipe", "recipe.yaml", *options
    )
    return done.returncode, done.stdout + done.stderr


def test_they_pass_every_check(site: Path) -> None:
    done = run(site, "-m", "pytest", "-q", "-p", "no:cacheprovider", "conformance.py")
    assert f"{2 * len(STEP_CHECKS)} passed" in done.stdout, done.stdout[-4000:]


def test_a_run_that_a_step_ends_is_told_and_resumed_and_its_output_proven(site: Path) -> None:
    code, said = convert(site, "whole", "--workers", "2", "--preview", "2")
    assert code == 0, said
    assert (site / "whole.preview.png").is_file()
    code, said = convert(site, "whole", "--workers", "2")
    assert code == 0, said
    sound = (site / "toy_steps.py").read_text(encoding="utf-8")
    broken = sound.replace("        levels = np", "        assert self.bits < 4.5\n        levels = np")
    (site / "toy_steps.py").write_text(broken, encoding="utf-8")
    code, said = convert(site, "out", "--workers", "1")
    assert code == 2
    assert "posterize (toy_steps:Posterize of bboxprep-toy-steps 1.0): its apply() raised AssertionError" in said
    assert (site / "out" / "bboxprep.incomplete").exists()
    (site / "toy_steps.py").write_text(sound, encoding="utf-8")
    code, said = convert(site, "out", "--workers", "1", "--resume")
    assert code == 0, said
    assert tree_hashes(site / "out") == tree_hashes(site / "whole")
    shutil.rmtree(site / "bboxprep_toy_steps-1.0.dist-info")  # verify runs no code of others
    proof = run(site, "-m", "bboxprep", "verify", "out")
    assert proof.returncode == 0, proof.stdout
    assert "the step 'nudge' is not known here; boxes were compared through the recorded affine" in proof.stdout
    assert "the step 'nudge' changes pixels in a way that is not repeated here" in proof.stdout
    code, said = convert(site, "other")
    assert code == 2
    assert re.search(r"recipe.yaml: line 4: have the unknown step 'nudge'", said), said


def test_a_class_in_the_current_folder_works_in_two_workers(site: Path) -> None:
    (site / "here").mkdir()
    (site / "toy_steps.py").rename(site / "here" / "my_steps.py")
    recipe = RECIPE.replace("nudge: 0.1", "object: {name: 'my_steps:Nudge', share: 0.1}")
    recipe = recipe.replace("Posterize: {bits", "object: {name: 'my_steps:Posterize', bits")
    (site / "here" / "recipe.yaml").write_text(recipe, encoding="utf-8")
    there = "import os, sys; os.chdir('here'); from bboxprep.cli import commands; commands(sys.argv[1:])"
    for out, workers in (("one", "1"), ("two", "2")):
        options = ("--to", "yolo", "--recipe", "recipe.yaml", "--workers", workers)
        done = run(site, "-P", "-c", there, "convert", PHOTOS, out, *options)
        assert done.returncode == 0, done.stderr
    assert tree_hashes(site / "here" / "one") == tree_hashes(site / "here" / "two")
    record = json.loads((site / "here" / "one" / "bboxprep.json").read_text(encoding="utf-8"))
    assert record["recipe"]["preprocess"][1] == {"object": {"name": "my_steps:Nudge", "share": 0.1}}


def test_a_plugin_that_cannot_be_used_is_named(site: Path) -> None:
    (site / "toy_steps.py").write_text("import no_such_module\n", encoding="utf-8")
    code, said = convert(site, "out")
    assert code == 2
    assert "recipe.yaml: line 4: step nudge of bboxprep-toy-steps 1.0: toy_steps:Nudge: cannot be imported" in said, (
        said
    )
    (site / "recipe.yaml").write_text("- letterbox: 96\n", encoding="utf-8")
    assert convert(site, "out", "--dry-run")[0] == 0


def test_the_guide_quotes_the_plugin_as_it_is() -> None:
    guide = (ROOT / "docs" / "pages" / "write-a-step.md").read_text(encoding="utf-8")
    quoted = re.findall(r"^```(?:python|toml)\n(.*?)^```$", guide, flags=re.DOTALL | re.MULTILINE)
    plugin = "".join(path.read_text(encoding="utf-8") for path in sorted(PLUGIN.iterdir()) if path.is_file())
    assert len(quoted) == 4
    assert all(block in plugin for block in quoted)
    table = dict(re.findall(r"^\| `([a-z-]+)` \| ([a-z].*) \|$", guide, flags=re.MULTILINE))
    assert {check.name for check in STEP_CHECKS} <= table.keys()
