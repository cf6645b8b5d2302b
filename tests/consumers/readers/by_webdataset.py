"""webdataset: ``WebDataset(files).decode("pil")``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import webdataset

from tests.consumers.readers.answer import Object, Picture, answer, box_of, splits_of


def shards(root: Path) -> Iterator[tuple[str, Picture]]:
    names = json.loads((root / "classes.json").read_text("utf-8"))
    for split in splits_of(root, "{}-00000.tar"):
        files = sorted(map(str, root.glob(f"{split}-*.tar")))
        for row in webdataset.WebDataset(files, shardshuffle=False).decode("pil"):
            image = next(row[kind] for kind in ("jpg", "png", "webp") if kind in row)
            said = row["json"]
            found = zip(said["objects"]["category"], said["objects"]["bbox"], strict=True)
            objects = [Object(names[category], box_of(*box)) for category, box in found]
            number = str(said["image_id"])
            width, height = image.size
            yield number, Picture(width, height, objects, split, number)


answer({"webdataset": shards, "webdataset-jpg": shards})
