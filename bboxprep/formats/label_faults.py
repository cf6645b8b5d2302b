"""What a format's own check finds in labels that other programs would refuse (`Format.check`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec


class LabelFault(msgspec.Struct, frozen=True):
    """What a strict program would refuse in a label file: the file at `path` below the root ("" for that of the image
    that was asked about) and the place `where` in it.
    """

    code: Literal["id-repeated", "outside-range", "keypoints-miscounted"]
    message: str
    where: str = ""
    path: str = ""


def no_label_faults(root: Path, image: str, options: Any) -> Iterator[LabelFault]:  # noqa: ARG001
    """The check of a format whose reader forgives nothing that other programs refuse."""
    return iter(())
