"""Small VOC trees on disk, and a probe that knows their images without decoding any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bboxprep.errors import ImageError
from bboxprep.findings import Finding
from bboxprep.formats import voc
from bboxprep.formats.origin import OriginChoice
from bboxprep.geometry.affine import Size
from bboxprep.model.dataset import Dataset
from bboxprep.model.header import Header

Box = tuple[Any, Any, Any, Any]


def probe(path: Path, declared: Size | None = None) -> Header:
    """The header that `image` has written into the file; what is not there or holds nothing cannot be read."""
    try:
        words = path.read_text(encoding="utf-8").split()
    except OSError as error:
        raise ImageError(path, "", "no such file") from error
    if not words:
        raise ImageError(path, "", "no image")
    width, height, orientation = map(int, words)
    return Header(Size(width, height), orientation)


def image(path: Path, width: int = 100, height: int = 80, orientation: int = 1) -> Path:
    """A stand-in for an image, which `probe` reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{width} {height} {orientation}", encoding="utf-8")
    return path


def xml(path: Path, text: str) -> Path:
    """An XML file that holds `text`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def obj(box: Box, name: str = "cat", more: str = "", tags: Sequence[str] = ("xmin", "ymin", "xmax", "ymax")) -> str:
    """An object element; `box` is in the order of `tags`."""
    corners = "".join(f"<{tag}>{value}</{tag}>" for tag, value in zip(tags, box, strict=True))
    return f"<object><name>{name}</name>{more}<bndbox>{corners}</bndbox></object>"


def document(*objects: str, database: str = "", size: tuple[Any, Any] | None = (100, 80), head: str = "") -> str:
    """An annotation document."""
    source = f"<source><database>{database}</database></source>" if database else ""
    stated = f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>" if size else ""
    return f"<annotation>{head}{source}{stated}{''.join(objects)}</annotation>"


def flat(root: Path, files: Mapping[str, str]) -> Path:
    """A folder of XML files beside their images, 100 x 80, by stem."""
    for stem, text in files.items():
        image(root / f"{stem}.jpg")
        xml(root / f"{stem}.xml", text)
    return root


def read(root: Path, origin: OriginChoice = "auto") -> Dataset:
    """The dataset at `root`, its books checked."""
    dataset = voc.FORMAT.read(root, probe, voc.VocReadOptions(origin))
    check_books(dataset)
    return dataset


def check_books(dataset: Dataset) -> int:
    """The number of objects that a dataset has listed, after asserting that each is there or in a finding."""
    for sample in dataset:
        assert sample.source_count == len(sample.instances) + sum(finding.objects for finding in sample.findings)
        assert {finding.split for finding in sample.findings} <= {sample.split}
    keys = [(sample.split, str(sample.name)) for sample in dataset]
    assert keys == sorted(keys, key=lambda key: (key[0].encode(), key[1].encode()))
    assert len(set(keys)) == len(keys)
    return sum(sample.source_count for sample in dataset) + sum(finding.objects for finding in dataset.findings)


def codes(findings: Sequence[Finding]) -> Counter[str]:
    """How many findings there are of each code, those about the origin apart."""
    return Counter(finding.code for finding in findings if not finding.code.startswith("voc-origin"))
