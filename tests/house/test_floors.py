"""The contracts of the import linter, each shown to bite: a planted import must break it, by its name."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = "a floor imports from floors below, siblings not at all"
CIRCLES = "no circle, in no folder"
FORMATS = "a format imports no other format"
IMAGING = "imaging libraries stay in images"
SECOND = "verification derives the geometry a second time"
JOINS = "pipeline joins: it neither parses labels nor computes shapes"


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=root,
        env={"PYTHONPATH": str(root), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "bboxprep", tmp_path / "bboxprep", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_are_kept(copy: Path) -> None:
    result = lint(copy)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "planted", "contract"),
    [
        ("geometry/affine.py", "import bboxprep.model.header", FLOORS),
        ("recipe/geometric.py", "import bboxprep.images.raster.execute", FLOORS),
        ("formats/coco/__init__.py", "import bboxprep.cli", FLOORS),
        ("frames/evidence.py", "import bboxprep.transform.clip", FLOORS),
        ("newfloor.py", "import numpy", FLOORS),
        ("geometry/affine.py", "import bboxprep.geometry.plan", CIRCLES),
        ("io/paths.py", "def f():\n    from bboxprep.io import atomic", CIRCLES),
        ("formats/coco/__init__.py", "import bboxprep.formats.yolo", FORMATS),
        ("formats/shards.py", "import bboxprep.formats.yolo.reader", FORMATS),
        ("formats/coco/toy.py", "import bboxprep.formats.toy", FORMATS),
        ("pipeline/work/convert.py", "import PIL.Image", IMAGING),
        ("recipe/geometric.py", "import cv2", IMAGING),
        ("io/newmodule.py", "import simplejpeg", IMAGING),
        ("verification/arithmetic.py", "from bboxprep.recipe.geometric import Letterbox", SECOND),
        ("verification/arithmetic.py", "from bboxprep.geometry.plan import Plan", SECOND),
        ("verification/region.py", "from bboxprep.geometry import plan", SECOND),
        ("geometry/affine.py", "from bboxprep.geometry.dihedral import Dihedral", SECOND),
        ("pipeline/source/open.py", "import defusedxml.ElementTree", JOINS),
        ("pipeline/augment.py", "from bboxprep.geometry.shapes import map_boxes", JOINS),
    ],
)
def test_a_planted_import_breaks_its_contract(copy: Path, module: str, planted: str, contract: str) -> None:
    path = copy / "bboxprep" / module
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    path.write_text(f"{text}\n{planted}\n", encoding="utf-8")
    (copy / "bboxprep/formats/toy.py").write_text("", encoding="utf-8")  # a format that no contract names
    result = lint(copy)
    assert result.returncode == 1
    broken = result.stdout[result.stdout.index("Broken contracts") :]
    assert contract in broken
