"""Hugging Face's `datasets`: ``load_dataset``, without a network; every picture is decoded."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import datasets

from tests.consumers.readers.answer import Object, Picture, answer, box_of, splits_of
from tests.consumers.readers.readme import class_names


def pictures(rows: Any, split: str, names: list[str], column: str, labels: str) -> Iterator[tuple[str, Picture]]:
    for row in rows:
        said = row[labels] if labels else row
        image = row[column]
        objects = said["objects"]
        found = zip(objects["category"], objects["bbox"], strict=True)
        made = [Object(names[category], box_of(*box)) for category, box in found]
        number, (width, height) = str(said["image_id"]), image.size
        yield number, Picture(width, height, made, split, number)


def parquet(root: Path) -> Iterator[tuple[str, Picture]]:
    with tempfile.TemporaryDirectory() as cache:
        for split, rows in datasets.load_dataset(str(root), cache_dir=cache).items():
            names = rows.features["objects"]["category"].feature.names
            yield from pictures(rows, {"validation": "val"}.get(split, split), names, "image", "")


def imagefolder(root: Path) -> Iterator[tuple[str, Picture]]:
    names = list(class_names(root).values())
    with tempfile.TemporaryDirectory() as cache:
        for split, rows in datasets.load_dataset(str(root), cache_dir=cache).items():
            yield from pictures(rows, split, names, "image", "")


def webdataset(column: str, root: Path) -> Iterator[tuple[str, Picture]]:
    names = json.loads((root / "classes.json").read_text("utf-8"))
    for split in splits_of(root, "{}-00000.tar"):
        with tempfile.TemporaryDirectory() as cache:
            files = str(root / f"{split}-*.tar")
            rows = datasets.load_dataset("webdataset", data_files=files, split="train", cache_dir=cache)
            yield from pictures(rows, split, names, column, "json")


jpegs = partial(webdataset, "jpg")
answer({"parquet": parquet, "hf_imagefolder": imagefolder, "webdataset": jpegs, "webdataset-jpg": jpegs})
