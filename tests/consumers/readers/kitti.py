"""The classes of KITTI files, whose names are words: an underscore stands for a blank."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.consumers.readers.answer import Picture

REGION = "DontCare"  # where programs see a class; it is a crowd region


def words_of_rows(root: Path) -> dict[str, str]:
    """The name of the class that each word in rows below `root` means."""
    names = (root / "labels.txt").read_text("utf-8").splitlines()
    return {name.replace(" ", "_"): name for name in names}


def without_regions(found: Iterator[tuple[str, Picture]], names: dict[str, str]) -> Iterator[tuple[str, Picture]]:
    """The pictures without the objects of the class `REGION`; the others have `names` for words."""
    for path, picture in found:
        objects = [replace(one, name=names[one.name]) for one in picture.objects if one.name != REGION]
        yield path, replace(picture, objects=objects)
