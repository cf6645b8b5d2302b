"""What the README.md of an ImageFolder says: the names of its classes, which its rows number."""

from __future__ import annotations

from pathlib import Path

import yaml


def class_names(root: Path) -> dict[str, str]:
    """The name of each class by its number as text."""
    said = yaml.safe_load((root / "README.md").read_text("utf-8").split("---")[1])
    (objects,) = [one["struct"] for one in said["dataset_info"]["features"] if one["name"] == "objects"]
    (names,) = [one["list"]["class_label"]["names"] for one in objects if one["name"] == "category"]
    return dict(names)
