"""The command ``bboxprep``, also ``python -m bboxprep``."""

from __future__ import annotations

from bboxprep.cli import main

if __name__ == "__main__":
    main()
