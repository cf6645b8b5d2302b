"""A virtual environment for the programs that our outputs are given to; none of them is a dependency of the project.

``python tests/consumers/environment.py [FOLDER] [--heavy]`` makes it with pip at FOLDER and prints the versions. The
tests look for it at the path in the variable BBOXPREP_CONSUMERS, else at `.consumers` beside the project's own files,
which git ignores; that is FOLDER by default, too. ``--heavy`` adds the programs that train, some 6 GB.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import venv
from pathlib import Path

VARIABLE = "BBOXPREP_CONSUMERS"
HERE = Path(__file__).parents[2] / ".consumers"
MADE = "made-{}.txt"  # a file in the environment: what pip has installed of a group
LIGHT = (
    "datasets>=5,<6",
    "datumaro>=1.10,<2",
    "globox>=2.5,<3",
    "labelformat>=0.1.15,<0.2",
    "panlabel>=0.7,<0.8",
    "pycocotools>=2.0.8,<3",
    "sahi>=0.11.20,<0.13",
    "supervision>=0.31,<0.32",  # the first that reads VOC as the devkit defines it
    "webdataset>=0.2.100,<2",
)
HEAVY = (
    "aiohttp>=3.9,<4",  # by which Ultralytics reads NDJSON
    "rfdetr>=1.4,<2",
    "torch>=2.4,<3",
    "torchvision>=0.19,<1",
    "transformers[torch]>=4.50,<6",
    "ultralytics>=8.3,<9",
)
GROUPS = {"light": LIGHT, "heavy": HEAVY}
SILENT = {  # nothing is asked of a network, nothing is written outside of the folders of a test
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_OFFLINE": "1",
    "MPLBACKEND": "Agg",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONWARNINGS": "ignore",
    "WANDB_MODE": "disabled",
    "YOLO_OFFLINE": "true",
}
PLACES = ("HF_HOME", "HOME", "MPLCONFIGDIR", "XDG_CACHE_HOME", "YOLO_CONFIG_DIR")


def folder() -> Path:
    """Where the environment is, or would be."""
    return Path(os.environ.get(VARIABLE) or HERE)


def python(root: Path) -> Path:
    """The interpreter of the environment at `root`."""
    return root / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def has(group: str) -> bool:
    """Whether the environment is there with a `group` of programs, as they are listed here."""
    return _is_made(folder(), group)


def _is_made(root: Path, group: str) -> bool:
    made = root / MADE.format(group)
    return made.is_file() and made.read_text(encoding="utf-8").split("\n") == [*GROUPS[group]]


def variables(home: Path) -> dict[str, str]:
    """The environment variables of a program that keeps its settings and caches below `home`."""
    places = {
        "HF_HOME": "hf",
        "HOME": "home",
        "MPLCONFIGDIR": "mpl",
        "XDG_CACHE_HOME": "cache",
        "YOLO_CONFIG_DIR": "yolo",
    }
    for name in places.values():
        (home / name).mkdir(parents=True, exist_ok=True)
    own = {name: str(home / place) for name, place in places.items()}
    return {**os.environ, **SILENT, **own, "PYTHONPATH": str(Path(__file__).parents[2])}


def make(root: Path, groups: list[str]) -> None:
    """Make the environment at `root`, or add the groups that it lacks. Raises `CalledProcessError` where pip fails."""
    if not python(root).exists():
        venv.create(root, with_pip=True)
    for group in groups:
        if not _is_made(root, group):
            command = [str(python(root)), "-m", "pip", "install", "--quiet", *GROUPS[group]]
            subprocess.run(command, check=True)
            (root / MADE.format(group)).write_text("\n".join(GROUPS[group]), encoding="utf-8")


def main() -> None:
    """Make the environment, and print what is in it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=folder())
    parser.add_argument("--heavy", action="store_true", help="the programs that train, too")
    arguments = parser.parse_args()
    try:
        make(arguments.folder, ["light", "heavy"] if arguments.heavy else ["light"])
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"{arguments.folder}: pip could not install the programs ({error.returncode})") from error
    subprocess.run([python(arguments.folder), "-m", "pip", "list", "--format=freeze"], check=True)


if __name__ == "__main__":
    main()
