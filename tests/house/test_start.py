"""What a run does not load, because it does not need it: each of these costs as much as some hundred labels."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parents[2] / "fixtures"
SELDOM = {"difflib", "multiprocessing", "numpy.ma", "ray", "rich.progress"}
READERS = {
    f"bboxprep.formats.{name}.reader" for name in ("coco", "csv", "cvat", "labelstudio", "voc", "yolo")
}  # packed formats share one


@pytest.mark.parametrize(
    ("source", "to", "besides"),
    [
        ("coco", "yolo", {"PIL.Image", "cv2", "defusedxml", "yaml"}),
        ("coco", "voc", {"PIL.Image", "cv2", "defusedxml", "yaml"}),
        ("yolo", "coco", {"PIL.ImageFont", "cv2", "defusedxml", "bboxprep.formats.coco.records"}),
        ("voc", "coco", {"PIL.Image", "cv2", "yaml", "bboxprep.formats.coco.records"}),
    ],
)
def test_a_run_loads_no_more_than_it_needs(tmp_path: Path, source: str, to: str, besides: set[str]) -> None:
    unwanted = SELDOM | besides | READERS - {f"bboxprep.formats.{source}.reader"}
    options = ["--labels-only", "--no-upright", "--workers", "1"]
    command = ["convert", str(FIXTURES / f"phone-photos-{source}"), str(tmp_path / "out"), "--to", to, *options]
    code = (
        "import gc, sys, bboxprep.cli\n"
        f"try: bboxprep.cli.commands({command})\nexcept SystemExit as end: assert end.code == 0, end.code\n"
        f"assert not {unwanted} & set(sys.modules), {unwanted} & set(sys.modules)\n"
        "assert gc.isenabled()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
