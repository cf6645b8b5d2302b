"""Which of the outcomes of its image a sample is, where a recipe makes several of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class SampleVariant:
    """Copy number `copy` of the image `key` (``split/name`` in the source), and its `tile` ("r0c1", "" for the whole).

    `recipe` is what was drawn for it, without chance, as plain data; empty until it is drawn.
    """

    key: str
    copy: int = 0
    tile: str = ""
    recipe: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_first(self) -> bool:
        """Whether it is the one by which the image itself is counted."""
        return self.copy == 0 and self.tile in ("", "r0c0")

    @property
    def name(self) -> str:
        """What the name of its image file has at the end of its stem; "" for a first copy."""
        words = [f"copy{self.copy}"] if self.copy else []
        return "".join(f"_{word}" for word in [*words, *([self.tile] if self.tile else [])])
