"""The text of every format is read in the encoding that a mark, a declaration or the user names; else it is refused."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import bboxprep
from bboxprep import formats
from bboxprep.errors import AnnotationError, UsageError
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.recipe import Recipe

NAMES, IMAGES = ("Möwe", "Ærø"), ("ä1.png", "b.png")
TEXT = (".txt", ".xml", ".json", ".yaml", ".names", ".data", ".csv", ".jsonl", ".ndjson")
OPTIONS = {name: {one.name for one in fields(formats.load(name).read_options)} for name in formats.written()}
WITH_TEXT = [name for name, options in OPTIONS.items() if "encoding" in options]
MARKED = {
    "utf-8": codecs.BOM_UTF8, "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """A data set in each format that has text files, and in YOLO's of darknet."""
    folder = tmp_path_factory.mktemp("sets")
    darknet = folder / "darknet"
    (darknet / "obj").mkdir(parents=True)
    for number, name in enumerate(IMAGES):
        Image.fromarray(np.full((20, 30, 3), 50 * number, np.uint8)).save(darknet / "obj" / name)
        (darknet / "obj" / name).with_suffix(".txt").write_text(f"{number} .5 .5 .5 .5\n", encoding="utf-8")
    (darknet / "obj.names").write_text("\n".join(NAMES), encoding="utf-8")
    (darknet / "train.txt").write_text("".join(f"obj/{name}\n" for name in IMAGES), encoding="utf-8")
    (darknet / "obj.data").write_text("classes=2\ntrain=train.txt\nnames=obj.names\n", encoding="utf-8")
    source = open_source(darknet)
    for name in WITH_TEXT:
        convert_source(source, folder / name, name, Recipe(), run_options=RunOptions())
        for path in (folder / name).glob("bboxprep*"):
            path.unlink()
    return {name: folder / name for name in (*WITH_TEXT, "darknet")}


def encoded(data: Path, root: Path, encoding: str, mark: bytes = b"") -> Path:
    """A copy of the data set with all its text in `encoding`."""
    for path in sorted(data.rglob("*")):
        if path.is_file():
            copy = root / path.relative_to(data)
            copy.parent.mkdir(parents=True, exist_ok=True)
            content = path.read_bytes()
            text = path.suffix in TEXT
            copy.write_bytes(mark + content.decode("utf-8").encode(encoding) if text else content)
    return root


def contents(root: Path, encoding: str = "") -> list[tuple[str, list[str]]]:
    dataset = bboxprep.read(root, encoding=encoding)
    names = dataset.categories.names
    return [(sample.name.name, [names[label] for label in sample.instances.labels.tolist()]) for sample in dataset]


EXPECTED = sorted((name, [NAMES[number]]) for number, name in enumerate(IMAGES))


@pytest.mark.parametrize("encoding", MARKED)
@pytest.mark.parametrize("format", [*WITH_TEXT, "darknet"])
def test_text_with_a_byte_order_mark_is_read(
    made: Mapping[str, Path], tmp_path: Path, format: str, encoding: str
) -> None:
    root = encoded(made[format], tmp_path / "set", encoding, MARKED[encoding])
    assert sorted(contents(root)) == EXPECTED


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("format", [*WITH_TEXT, "darknet"])
def test_wide_text_without_a_mark_is_read_whether_its_encoding_is_named_or_not(
    made: Mapping[str, Path], tmp_path: Path, format: str, encoding: str, named: bool
) -> None:
    root = encoded(made[format], tmp_path / "set", encoding)
    assert sorted(contents(root, encoding if named else "")) == EXPECTED


@pytest.mark.parametrize("format", [*WITH_TEXT, "darknet"])
def test_text_of_one_byte_a_letter_is_refused_until_its_encoding_is_named(
    made: Mapping[str, Path], tmp_path: Path, format: str
) -> None:
    root = encoded(made[format], tmp_path / "set", "cp1252")
    with pytest.raises(AnnotationError, match=r"not UTF-8 text; `encoding` names another one"):
        contents(root)
    assert sorted(contents(root, encoding="cp1252")) == EXPECTED


@pytest.mark.parametrize("format", [*WITH_TEXT, "darknet"])
def test_text_in_utf8_is_read_whatever_encoding_is_named_for_the_rest(made: Mapping[str, Path], format: str) -> None:
    assert sorted(contents(made[format], encoding="cp1252")) == EXPECTED


@pytest.mark.parametrize("format", WITH_TEXT)
def test_an_encoding_that_nobody_knows_is_refused(made: Mapping[str, Path], format: str) -> None:
    with pytest.raises(UsageError, match="encoding: have 'cp99999', want one such as"):
        contents(made[format], encoding="cp99999")
    with pytest.raises(UsageError, match="encoding: have 'hex', want one such as"):
        contents(made[format], encoding="hex")
