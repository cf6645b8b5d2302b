"""Law: whatever kind and names the images of an output are asked for, the labels say the same, the output is true to
its source, a later run finds it as it is, and nothing is lost where names meet. Over all formats.
"""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from itertools import product
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from PIL import Image

from bboxprep import formats
from bboxprep.errors import UsageError
from bboxprep.geometry.affine import Size
from bboxprep.images.codecs.codec import Encoding, ImageFormat
from bboxprep.images.container import sniff
from bboxprep.io.copying import ImagePlacement
from bboxprep.pipeline.output.naming import NameStyle
from bboxprep.pipeline.run_options import Outcome, RunOptions
from bboxprep.pipeline.source.open import open_source
from bboxprep.pipeline.work.convert import convert_source
from bboxprep.recipe.geometric import Letterbox
from bboxprep.recipe.recipe import Recipe
from bboxprep.testing.example import LabelledDataset, LabelledImage
from bboxprep.testing.painting import displayed, painted_dataset
from bboxprep.testing.runs import rows_of, tree_hashes
from bboxprep.verification.verify import verify
from tests.conformance.examples import EXAMPLES, WRITTEN

KINDS: dict[ImageFormat, str] = {"jpg": "jpeg", "png": "png", "webp": "webp"}
ASKED: list[tuple[ImageFormat, NameStyle]] = [("jpg", "flat"), ("png", "keep"), ("webp", "flat"), ("keep", "flat")]
FOLDERS = ("a", "a/b", "")
SIZE, BOX = (62, 47), (14.0, 11.0, 33.0, 37.0)
NO_STEP, SMALL = Recipe(), Recipe(Letterbox(40))


def dataset() -> LabelledDataset:
    """Images of all containers in folders; those of one folder and number differ in their suffix alone."""
    whole = painted_dataset("displayed", SIZE, BOX)
    images = [
        replace(image, name=f"{folder}/{number}.{image.name.split('.')[1]}".lstrip("/"))
        for number, (image, folder) in enumerate(product(whole.images[::5], FOLDERS))
    ]
    return LabelledDataset(whole.classes, tuple(sorted(images, key=lambda image: image.name)))


def converted(name: str, root: Path, recipe: Recipe, kind: ImageFormat, names: NameStyle) -> Outcome:
    source, out = root / "source", root / f"{kind}-{names}"
    if not source.exists():
        EXAMPLES["coco"].paint(source, dataset())
    options = RunOptions(encoding=Encoding(image_format=kind), names=names)
    opened = open_source(source, "coco", labels_in="displayed")
    return convert_source(opened, out, EXAMPLES[name].format, recipe, run_options=options)


def by_source(name: str, out: Path) -> dict[str, LabelledImage]:
    """The images of an output by the paths of their sources."""
    places = {row["output"]: row["source"] for row in rows_of(out)}
    return {places[image.place]: image for image in EXAMPLES[name].read(out).images}


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize(("kind", "names"), ASKED)
def test_the_labels_are_those_of_the_images_as_they_were(
    tmp_path: Path, name: str, kind: ImageFormat, names: NameStyle
) -> None:
    recipe = SMALL if kind == "webp" else NO_STEP
    converted(name, tmp_path, recipe, "keep", "keep")
    outcome = converted(name, tmp_path, recipe, kind, names)
    out, usual = tmp_path / f"{kind}-{names}", by_source(name, tmp_path / "keep-keep")
    assert not outcome.account.faults
    made = by_source(name, out)
    assert made.keys() == usual.keys()
    for place, image in made.items():
        np.testing.assert_allclose(image.boxes, usual[place].boxes)
        if kind != "keep":
            assert PurePosixPath(image.place).suffix == f".{kind}"
            assert sniff(image.data) == KINDS[kind]
        if names == "flat" and image.place.endswith(image.name):  # packed files hold the names of the source
            assert "/" not in image.name
        assert np.abs(displayed(image.data).astype(int) - displayed(usual[place].data)).mean() < 3
    proof = verify(out)
    assert proof.holds, proof.faults
    before = tree_hashes(out)
    assert converted(name, tmp_path, recipe, kind, names).fresh == 0
    assert tree_hashes(out) == before


@pytest.mark.parametrize("name", WRITTEN)
def test_names_that_meet_are_kept_apart_and_told_and_those_asked_for_are_not(tmp_path: Path, name: str) -> None:
    example, whole = EXAMPLES[name], dataset()
    one, two, *_ = whole.images
    meeting = (replace(one, name="a/b.png"), replace(two, name="a__b.png"), replace(two, name="c/d.tif"))
    EXAMPLES["coco"].paint(tmp_path / "source", LabelledDataset(whole.classes, meeting))
    converted_to = RunOptions(encoding=Encoding(image_format="jpg"), names="flat")
    opened = open_source(tmp_path / "source", "coco", labels_in="displayed")
    outcome = convert_source(opened, tmp_path / "out", example.format, NO_STEP, run_options=converted_to)
    told = [finding.path for finding in outcome.account.findings if finding.code == "name-changed"]
    images = example.read(tmp_path / "out").images
    assert len(images) == 3
    assert len({row["output"].lower() for row in rows_of(tmp_path / "out")}) == 3
    packed = not any(image.place.endswith(image.name) for image in images)  # then images have numbers for names
    assert [PurePosixPath(path).name for path in told] == ([] if packed else ["a__b.png"])


def encoded(image: Image.Image, kind: str) -> bytes:
    out = BytesIO()
    image.save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("images", ["copy", "none"])
def test_an_image_that_is_not_opened_keeps_its_kind_and_name_and_is_told(
    tmp_path: Path, name: str, images: ImagePlacement
) -> None:
    example, whole = EXAMPLES[name], dataset()
    kinds = {"a.gif": "GIF", "b.jfif": "JPEG", "c.avif": "AVIF", "d.png": "PNG"}
    shown = Image.new("RGB", SIZE, (90, 90, 90))
    data = {place: encoded(shown, kind) for place, kind in kinds.items()}
    plain = whole.images[0]
    images_of = [replace(plain, name=place, data=data[place], size=Size(*SIZE)) for place in kinds]
    EXAMPLES["coco"].paint(tmp_path / "source", LabelledDataset(whole.classes, tuple(images_of)))
    opened = open_source(tmp_path / "source", "coco", labels_only=True)
    run_options = RunOptions(images=images, labels_only=True)
    target = formats.load(example.format)
    if images != "copy" and formats.open_writer(target, tmp_path, opened.dataset, target.write_options()).stage:
        return  # there is no place for images beside its files
    outcome = convert_source(opened, tmp_path / "out", example.format, NO_STEP, run_options=run_options)
    told = {finding.path.rpartition("/")[2] for finding in outcome.account.findings if "unconverted" in finding.code}
    assert told == {"a.gif", "c.avif"}
    written = {PurePosixPath(row["source"]).name: PurePosixPath(row["output"]) for row in rows_of(tmp_path / "out")}
    suffixes = {place: path.suffix for place, path in written.items()}
    assert suffixes == {"a.gif": ".gif", "b.jfif": ".jpg", "c.avif": ".avif", "d.png": ".png"}


def test_what_is_asked_for_is_checked(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`image_format`: have 'bmp', want one of keep, jpg, png, webp"):
        Encoding(image_format="bmp")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="`names`: have 'short', want one of keep, flat"):
        converted("coco", tmp_path, NO_STEP, "keep", "short")  # type: ignore[arg-type]
    run_options = RunOptions(images="none", encoding=Encoding(image_format="jpg"))
    EXAMPLES["coco"].paint(tmp_path / "other", dataset())
    opened = open_source(tmp_path / "other", "coco", labels_only=True)
    with pytest.raises(UsageError, match="`image_format`: have 'jpg', want 'keep'"):
        convert_source(opened, tmp_path / "out", "coco", NO_STEP, run_options=run_options)
