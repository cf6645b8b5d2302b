"""From every format to every format: images and objects are conserved by class and split, and trips do not drift."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bboxprep.pipeline.report.account import UNREADABLE
from bboxprep.pipeline.resume.journal import FOLDER
from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.recipe import Recipe
from tests.conformance.examples import AVAILABLE, in_turn
from tests.images.specimens import saved
from tests.painted import written

CLASSES = {3: "cat", 8: "a: b", 90: "Ampel # é"}
SIZES = ((40, 30), (37, 23), (1333, 801), (3, 1000))
FILES = ("a.png", "b c.png", "deep/er/ü.png", "IMG_1.png")
NAMES = (*FILES, *(f"{folder}/{name}" for folder in "xyz" for name in FILES))
TRIPS = 10
WAYS = {"with what is written beside": False, "labels and images alone": True}

Tally = Counter[tuple[str, str]]  # objects by split and class
Photo = tuple[tuple[int, int], list[dict[str, Any]]]


@st.composite
def records(draw: st.DrawFn, size: tuple[int, int]) -> dict[str, Any]:
    """An object in a picture of `size`; some reach over its edge, have no area or no class."""
    share = st.one_of(st.floats(0, 1, width=32), st.sampled_from((0.0, 0.25, 1 / 3, 0.5, 1.0, 1.1)))
    x, y, wide, high = (draw(share) * side for side in (*size, *size))
    bbox = [x, y, wide / 2, high / 2]
    category = draw(st.sampled_from([*CLASSES, *CLASSES, 77]))
    return {"category_id": category, "bbox": bbox}


PHOTOS: st.SearchStrategy[Photo] = st.sampled_from(SIZES).flatmap(
    lambda size: st.tuples(st.just(size), st.lists(records(size), max_size=4))
)
USUAL = [  # in the first photo of each split: a crowd, and enough single objects that it is the exception
    {"category_id": 8, "bbox": [0.5, 0.5, 2.25, 9.0], "iscrowd": 1},
    {"category_id": 8, "bbox": [0.0, 1.0, 1.0, 1 / 3]},
    {"category_id": 3, "bbox": [1.0, 2.0, 2.0, 20.0]},
]
SPLITS = st.lists(
    PHOTOS, min_size=4, max_size=len(NAMES)
).map(  # many at once: each run of a pair costs most of a law
    lambda photos: [(photos[0][0], USUAL + photos[0][1]), *photos[1:]]
)


@cache
def picture(size: tuple[int, int]) -> bytes:
    return saved("PNG", Image.new("L", size))


def make(root: Path, splits: Mapping[str, Sequence[Photo]]) -> Path:
    """A COCO dataset at `root`."""
    number = 0
    for split, photos in splits.items():
        document: dict[str, Any] = {"images": [], "annotations": []}
        document["categories"] = [{"id": key, "name": name} for key, name in CLASSES.items()]
        for index, (name, (size, objects)) in enumerate(zip(NAMES, photos, strict=False), 1):
            path = root / split / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture(size))
            document["images"].append({"id": index, "file_name": name, "width": size[0], "height": size[1]})
            for record in objects:
                number += 1
                document["annotations"].append({"id": number, "image_id": index, "iscrowd": 0, **record})
        path = root / "annotations" / f"instances_{split}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(document), encoding="utf-8")
    return root


def hop(source: Path, out: Path, format: str) -> Path:
    convert_source(open_source(source), out, format, Recipe(), run_options=RunOptions())
    return out


def tally(root: Path, format: str) -> tuple[Tally, Counter[str]]:
    """Objects by split and class, and images by split, by the plain rules of the format."""
    images = written(root, format)
    objects = Tally((image.split, name) for image in images for name in image.classes)
    return objects, Counter(image.split for image in images)


def dropped_with_reason(out: Path, code: str = "") -> Tally:
    """The objects dropped by split and class (for the reason `code` alone), as the findings of the record say."""
    record = json.loads((out / "bboxprep.json").read_text(encoding="utf-8"))
    dropped = Tally()
    for finding in (finding for finding in record["findings"] if code in {"", finding["code"]}):
        dropped[finding.get("split", ""), finding.get("category", "") or UNREADABLE] += finding.get("objects", 0)
    return +dropped


def assert_conserved(
    before: tuple[Tally, Counter[str]], out: Path, format: str, kept: Tally | None = None
) -> tuple[Tally, Counter[str]]:
    """That what was there `before` is in `out` or dropped for a reason; of what was `kept` aside, any may be back."""
    after = tally(out, format)
    accounted = after[0] + dropped_with_reason(out)
    assert before[0] <= accounted <= before[0] + (kept or Tally())
    assert +before[1] == +after[1]
    return after


@settings(max_examples=2)
@given(train=SPLITS, val=SPLITS, turn=st.sampled_from((0, 1, 2, 3)))
def test_all_is_conserved_from_every_format_to_every_format(train: list[Photo], val: list[Photo], turn: int) -> None:
    """A quarter of all pairs with what is written beside, and another without; which ones depends on `turn`."""
    with tempfile.TemporaryDirectory() as folder:
        splits = {"train": train, "val": val}
        root = make(Path(folder) / "in", splits)
        listed = Tally(
            (split, CLASSES.get(record["category_id"], str(record["category_id"])))
            for split, photos in splits.items()
            for _, objects in photos
            for record in objects
        )
        images = Counter({split: len(photos) for split, photos in splits.items()})
        for row, first in enumerate(AVAILABLE):
            middle = hop(root, Path(folder) / first, first)
            between = assert_conserved((listed, images), middle, first)
            kept = dropped_with_reason(middle, "crowd-dropped")
            for alone in (False, True):
                if alone:
                    forget(middle)
                for second in AVAILABLE[(row + turn + 2 * alone) % 4 :: 4]:
                    out = hop(middle, Path(folder) / f"{first}-{second}", second)
                    assert_conserved(between, out, second, Tally() if alone else kept)


@pytest.mark.parametrize(("format", "alone"), in_turn(AVAILABLE, list(WAYS.values())))
@settings(max_examples=2)
@given(train=SPLITS, val=SPLITS)
def test_the_tenth_trip_writes_the_bytes_of_the_second(
    format: str, alone: bool, train: list[Photo], val: list[Photo]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = make(Path(folder) / "in", {"train": train, "val": val})
        trees = []
        for trip in range(1, TRIPS + 1):
            root = hop(root, Path(folder) / f"trip{trip}", format)
            trees.append(tree(root))
            if alone:
                forget(root)
        assert trees[1] == trees[-1]


def test_the_laws_catch_planted_mistakes(tmp_path: Path) -> None:
    box = {"category_id": 3, "bbox": [3.3, 4.0, 11.1, 12.0]}
    root = make(tmp_path / "in", {"train": [((40, 30), [box, box])], "val": [((40, 30), [])]})
    out = hop(root, tmp_path / "out", "yolo")
    before = Tally({("train", "cat"): 2}), Counter({"train": 1, "val": 1})
    assert_conserved(before, out, "yolo")
    label = out / "labels" / "train" / "a.txt"
    label.write_text(label.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    with pytest.raises(AssertionError):
        assert_conserved(before, out, "yolo")
    trees = []
    for trip in range(2):
        root = tmp_path / f"trip{trip}"
        source = open_source(tmp_path / (f"trip{trip - 1}" if trip else "in"), options=shifted)
        convert_source(source, root, "voc", Recipe(), run_options=RunOptions())
        trees.append(tree(root))
        forget(root)
    assert trees[0] != trees[1]


def shifted(format: str) -> dict[str, str]:
    """Options under which our own VOC is misread by a pixel."""
    return {"origin": "plus-one"} if format == "voc" else {}


def forget(root: Path) -> None:
    """Remove what is written beside an output, as anybody who copies a dataset may."""
    for path in root.glob("bboxprep.*"):
        path.unlink()


def tree(root: Path) -> dict[str, str]:
    """The files of an output by their names, without the record of the run."""
    return {
        path.relative_to(root).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(set(root.rglob("*")) - set((root / FOLDER).rglob("*")))
        if path.is_file() and not path.name.startswith("bboxprep.")
    }
