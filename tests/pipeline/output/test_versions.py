from __future__ import annotations

import importlib.metadata

from bboxprep import __version__
from bboxprep.pipeline.output.versions import versions


def test_a_record_states_the_versions_that_are_installed() -> None:
    said = versions()
    assert next(iter(said)) == "bboxprep"
    assert said["bboxprep"] == __version__
    for name in ("albumentations", "numpy", "opencv-python-headless", "pillow", "simplejpeg"):
        assert said[name] == importlib.metadata.version(name)
