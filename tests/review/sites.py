"""Datasets and sites for the tests of the review, among them one whose every word is hostile."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from bboxprep.pipeline.run_options import RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.geometric import Letterbox
from bboxprep.recipe.recipe import Recipe
from bboxprep.review.build import build, plan_review
from bboxprep.verification.faults import Fault

FIXTURES = Path(__file__).parents[2] / "fixtures"
SCRIPT, VAN = "<script>document.title='x'</script>", "\"car\" & 'van' \U0001f697"
QUOTED = "it's &b; & ünï.jpg"
BROKEN, OUTSIDE = "IMG_2004.jpg", "IMG_2002.jpg"


def hostile(root: Path) -> Path:
    """The phone photos as COCO with classes and a file named like markup, a truncated photo and a box outside."""
    shutil.copytree(FIXTURES / "phone-photos-coco", root)
    names = {"person": SCRIPT, "car": VAN, "traffic sign": "traffic sign"}
    for split in ("train", "val"):
        path = root / "annotations" / f"instances_{split}.json"
        document = json.loads(path.read_text(encoding="utf-8"))
        for category in document["categories"]:
            category["name"] = names[category["name"]]
        if split == "train":
            _spoil(root, document)
        path.write_text(json.dumps(document), encoding="utf-8")
    return root


def _spoil(root: Path, document: dict[str, Any]) -> None:
    images = {image["file_name"]: image for image in document["images"]}
    (root / "train" / "IMG_2001.jpg").rename(root / "train" / QUOTED)
    images["IMG_2001.jpg"]["file_name"] = QUOTED
    broken = root / "train" / BROKEN
    broken.write_bytes(broken.read_bytes()[:3000])
    first = next(row for row in document["annotations"] if row["image_id"] == images[OUTSIDE]["id"])
    first["bbox"] = [9000.0, 10.0, 20.0, 20.0]


def prepared(source: Path, out: Path, *, to: str = "coco") -> Path:
    """`source` letterboxed to 320x320."""
    convert_source(open_source(source), out, to, Recipe(Letterbox((320, 320))), run_options=RunOptions())
    return out


def site(
    out: Path, dest: Path, *, against: Path | None = None, faults: tuple[Fault, ...] = (), workers: int = 1
) -> Path:
    """The site of `out` at `dest`."""
    build(plan_review(out, against=against, faults=faults), dest, workers=workers, overwrite=False)
    return dest


def loaded(root: Path, name: str) -> list[Any]:
    """The arguments that the script `name` of a site hands to its page."""
    text = (root / "data" / f"{name}.js").read_text(encoding="ascii")
    return list(json.loads(f"[{text[text.index('(') + 1 : text.rindex(')')]}]"))
