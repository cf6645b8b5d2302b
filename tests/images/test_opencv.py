from __future__ import annotations

import subprocess
import sys

from bboxprep.images.opencv import opencv


def test_opencv_s_own_threads_are_off() -> None:
    assert opencv().getNumThreads() == 1


def test_what_works_without_pixels_does_not_import_it() -> None:
    code = "import sys, bboxprep.cli.convert; print('cv2' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said.strip() == "False"
