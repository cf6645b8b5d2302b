"""What this program's own files say where nothing is known, and by what they are known when they are read again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OURS = "bboxprep"  # as the <database> of the <source>

# What the devkit writes where nothing is known: it says nothing, so it is no attribute, and it is what we write.
UNSAID: Mapping[str, Any] = {"pose": "Unspecified", "truncated": 0, "difficult": 0}
