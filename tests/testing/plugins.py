"""Plugins as they lie in an environment: a module, and beside it the metadata that names its entry point."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PLUGIN = Path(__file__).parents[1] / "plugin"
ROOT = Path(__file__).parents[2]
PATIENCE = 300.0  # s


def run(site: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """What Python answers to `arguments` where the packages in `site` are installed."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)]), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=site,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
