"""Law: however images get into an output, it is true to its source, a later run finds it as it is, and whoever rewrites
an image of a copied output leaves the source alone. Over all formats and all values of `images`.
"""

from __future__ import annotations

import json
import shutil
from hashlib import sha256
from pathlib import Path
from typing import get_args

import pytest

from bboxprep import formats
from bboxprep.errors import LayoutError, TargetError, UsageError
from bboxprep.io.copying import ImagePlacement
from bboxprep.pipeline.run_options import Outcome, RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.recipe import Recipe
from bboxprep.review.build import plan_review
from bboxprep.testing.example import FormatExample
from bboxprep.testing.runs import painted, random_dataset, rows_of, tree_hashes
from bboxprep.verification.verify import verify
from tests.conformance.examples import EXAMPLES, WRITTEN

MADE: dict[ImagePlacement, str] = {"copy": "copied", "link": "linked", "symlink": "symlinked", "none": ""}
each_format = pytest.mark.parametrize("name", WRITTEN)
each_way = pytest.mark.parametrize("images", get_args(ImagePlacement))


def converted(example: FormatExample, source: Path, out: Path, images: ImagePlacement) -> Outcome:
    opened = open_source(source, example.format, labels_in="displayed", labels_only=images == "none")
    return convert_source(opened, out, example.format, Recipe(), run_options=RunOptions(images=images))


def files_of(out: Path) -> dict[str, Path]:
    """The image file of each row by the path of its source."""
    return {row["source"]: out / row["output"] for row in rows_of(out)}


def packs(example: FormatExample, source: Path, out: Path) -> bool:
    """Whether the format packs its images into files of its own."""
    target = formats.load(example.format)
    dataset = open_source(source, example.format).dataset
    return bool(formats.open_writer(target, out, dataset, target.write_options()).stage)


@each_format
@each_way
def test_an_output_is_true_and_current_and_its_images_are_its_own(
    tmp_path: Path, name: str, images: ImagePlacement
) -> None:
    example = EXAMPLES[name]
    source, out = painted(example, tmp_path / "source", random_dataset(example, seed=5)), tmp_path / "out"
    before = tree_hashes(source)
    if images != "copy" and packs(example, source, out):
        with pytest.raises(UsageError, match="packs the images into its own files, want `images='copy'`"):
            converted(example, source, out, images)
        assert not out.exists()
        return
    outcome = converted(example, source, out, images)
    assert outcome.fresh == len(outcome.dataset)
    assert not outcome.account.faults
    for row in rows_of(out):
        assert row.get("made", "") == MADE[images]
        if images == "none":
            assert row["sha256"] is None
            assert not (out / row["output"]).exists()
        elif (source / row["source"]).is_file():  # no member of a packed file
            assert row["sha256"] == sha256((source / row["source"]).read_bytes()).hexdigest()
    if images == "none":
        with pytest.raises(UsageError, match="holds labels alone"):
            verify(out)
        for place, path in files_of(out).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / place, path)
    assert not verify(out, source).faults
    assert all(summary.header for summary in plan_review(out, against=source).out.summaries)
    assert converted(example, source, out, images).fresh == 0
    assert tree_hashes(source) == before


@each_format
@each_way
def test_a_rewritten_image_is_told_and_made_again_and_no_copy_leads_to_the_source(
    tmp_path: Path, name: str, images: ImagePlacement
) -> None:
    example = EXAMPLES[name]
    source, out = painted(example, tmp_path / "source", random_dataset(example, seed=6)), tmp_path / "out"
    if packs(example, source, out) or images == "none":
        return  # there is no image file that a program could rewrite
    before, places = tree_hashes(source), (converted(example, source, out, images), files_of(out))[1]
    place, path = next(iter(places.items()))
    with path.open("ab") as file:  # in place, as trainers repair images
        file.write(b"after the end")
    changed = [at for at, digest in tree_hashes(source).items() if digest != before[at]]
    codes = {fault.code for fault in verify(out, source).faults}
    if images == "copy":
        assert not changed
        assert codes == {"image-changed"}
        assert converted(example, source, out, images).fresh == 1
        assert not verify(out, source).faults
    else:
        assert changed == [place]
        assert codes == {"image-changed", "source-changed"}


@pytest.mark.parametrize("images", ["copy", "link", "symlink"])
def test_a_changed_source_is_told_by_itself(tmp_path: Path, images: ImagePlacement) -> None:
    example = EXAMPLES["coco"]
    source, out = painted(example, tmp_path / "source", random_dataset(example, seed=7)), tmp_path / "out"
    converted(example, source, out, images)
    row = rows_of(out)[0]
    path = source / row["source"]
    data = path.read_bytes()
    path.unlink()  # a new file: the output may share the old one
    path.write_bytes(data + b"after the end")
    codes = {fault.code for fault in verify(out, source).faults}
    assert codes == ({"source-changed", "image-changed"} if images == "symlink" else {"source-changed"})


@pytest.mark.parametrize("name", ["coco", "voc", "yolo"])
def test_symbolic_links_are_followed_into_the_source_that_was_named_and_nowhere_else(tmp_path: Path, name: str) -> None:
    example = EXAMPLES[name]
    source, out = painted(example, tmp_path / "source", random_dataset(example, seed=7)), tmp_path / "out"
    converted(example, source, out, "symlink")
    place, path = next(iter(files_of(out).items()))
    shutil.copytree(source, tmp_path / "elsewhere")
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere" / place)
    faults = verify(out, source).faults
    assert path.relative_to(out).as_posix() in {fault.image for fault in faults}
    assert "image-changed" not in {fault.code for fault in faults}
    try:
        opened = open_source(out, name)
    except LayoutError:  # a YOLO data set is its images
        return
    assert not any(summary.header for summary in opened.summaries)


def test_an_output_of_an_earlier_version_whose_links_have_no_hash_is_still_verified(tmp_path: Path) -> None:
    example = EXAMPLES["coco"]
    source, out = painted(example, tmp_path / "source", random_dataset(example, seed=8)), tmp_path / "out"
    converted(example, source, out, "link")
    lines = [json.dumps({**row, "sha256": None}) for row in rows_of(out)]
    (out / "bboxprep.images.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert not verify(out, source).faults


def test_another_value_is_another_output(tmp_path: Path) -> None:
    example = EXAMPLES["yolo"]
    source, out = painted(example, tmp_path / "source", random_dataset(example, seed=9)), tmp_path / "out"
    converted(example, source, out, "link")
    with pytest.raises(TargetError, match=r"with another images \(link before, now copy\)"):
        converted(example, source, out, "copy")
