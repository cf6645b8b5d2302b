"""A virtual environment for each program that ours is compared with; none of them is a dependency of the project.

``python benchmarks/environments.py [FOLDER]`` makes those that are missing, with pip, below FOLDER (default:
.benchmarks beside this folder, which git ignores) and prints their versions.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORK = ROOT / ".benchmarks"
OURS = [sys.executable, "-m", "bboxprep"]
VARIABLES = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": ""}
SCRIPTS = "Scripts" if sys.platform == "win32" else "bin"
MADE = "made"  # an empty file in an environment, once pip has done its work
PEERS = {
    "panlabel": ["panlabel"],
    "opencv": ["opencv-python-headless"],
    "libvips": ["pyvips[binary]"],
    "albumentations": ["albumentations==2.0.8", "opencv-python-headless"],
    "floor": ["opencv-python-headless", "simplejpeg", "pillow"],
    "profiler": ["py-spy"],
}


def programs(work: Path, peer: str) -> Path:
    """The folder of a peer's programs. Raises `SystemExit` where its environment is not made."""
    folder = work / "environments" / peer
    if not (folder / MADE).is_file():
        raise SystemExit(f"{folder}: not made; first run: python benchmarks/environments.py {work}")
    return folder / SCRIPTS


def peer_script(work: Path, peer: str, *words: str) -> list[str]:
    """The words that run `peers/<peer>.py` in its environment."""
    return [str(programs(work, peer) / "python"), str(Path(__file__).parent / "peers" / f"by_{peer}.py"), *words]


def make(work: Path, peer: str) -> None:
    """One environment, unless it is there."""
    folder = work / "environments" / peer
    if not (folder / MADE).is_file():
        venv.create(folder, with_pip=True, clear=True)
        python = folder / SCRIPTS / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS[peer]], check=True)
        (folder / MADE).touch()


def versions(work: Path, peer: str) -> str:
    """What pip says is installed for a peer, its own packages alone."""
    listed = subprocess.run(
        [programs(work, peer) / "python", "-m", "pip", "freeze"], check=True, capture_output=True, text=True
    )
    wanted = {name.partition("[")[0].partition("==")[0] for name in PEERS[peer]}
    return ", ".join(
        line.replace("==", " ") for line in listed.stdout.splitlines() if line.split("==")[0].lower() in wanted
    )


def main() -> None:
    """Make all environments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=WORK)
    work = parser.parse_args().folder
    for peer in PEERS:
        make(work, peer)
        print(f"{peer}: {versions(work, peer)}")


if __name__ == "__main__":
    main()
