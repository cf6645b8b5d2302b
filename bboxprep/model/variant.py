"""The copy, tile or object that a sample is, where a recipe makes several output images of one source image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class SampleVariant(msgspec.Struct, frozen=True):
    """Copy number `copy` of the image `key` (``split/name`` in the source), and its `tile` ("r0c1", "" for the whole).

    An image of one object or some ("o2", the third) has the `rows` of these among the objects of the source image, and
    goes to the `folder`, named after their class; "" for none. `recipe` is the recipe drawn for it, without chance, as
    plain data; empty until it is drawn.
    """

    key: str
    copy: int = 0
    tile: str = ""
    recipe: Mapping[str, Any] = msgspec.field(default_factory=dict)
    rows: tuple[int, ...] = ()
    folder: str = ""

    @property
    def is_first(self) -> bool:
        """Whether it is the first output of its image: the source image is counted once, with this one."""
        return self.copy == 0 and self.tile in ("", "r0c0", "o0")

    @property
    def name(self) -> str:
        """The suffix of the stem of its file name, as in ``_copy2_r0c1``; "" for a first copy."""
        words = [f"copy{self.copy}"] if self.copy else []
        return "".join(f"_{word}" for word in [*words, *([self.tile] if self.tile else [])])
