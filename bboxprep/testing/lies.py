"""The check of `verify`: a correct output is accepted, and each planted error is found with the right code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import numpy as np
from PIL import Image

from bboxprep.recipe.geometric import Flip, Letterbox
from bboxprep.recipe.recipe import Recipe
from bboxprep.testing.check import expect, expect_that
from bboxprep.testing.example import FormatExample, LabelledDataset, LabelledImage
from bboxprep.testing.painting import displayed, encoded
from bboxprep.testing.runs import converted, declared, painted, random_dataset, shifted, step_edges
from bboxprep.verification.verify import VerificationReport, verify

Lie = Callable[[LabelledDataset], LabelledDataset]
_SMALL = 0.6  # px beyond two roundings to the step


def check_verify(example: FormatExample, folder: Path) -> None:
    """A correct output is accepted. Of a format that is written, it is with labels of the painter, too, and every
    planted error is found."""
    root = painted(example, folder / "in", random_dataset(example, seed=30, size=(160, 120)))
    converted(example, root, folder / "out", Recipe(Letterbox(128), Flip("horizontal")))
    _expect_true("the output as it was written", verify(folder / "out"))
    if not declared(example).is_written:
        return
    lies = {"nothing": ((), _nothing), **_lies(example, folder / "out")}
    for name, (codes, lie) in lies.items():
        out = copytree(folder / "out", folder / name.replace(" ", "-"))
        example.paint(out, lie(example.read(out)))
        report = verify(out)
        if not codes:
            _expect_true("the output with its labels painted again", report)
            continue
        found = {fault.code for fault in report.faults}
        expect_that(found & set(codes), f"the lie {name!r} found as the faults {sorted(found)}", f"one of {codes}")


def _expect_true(what: str, report: VerificationReport) -> None:
    expect(f"{what}: faults", [f"{fault.code}: {fault}" for fault in report.faults], [])
    checked = report.tallies[1].checked
    expect_that(checked > 0, f"{what}: {checked} objects compared", "some")


def _lies(example: FormatExample, out: Path) -> Mapping[str, tuple[tuple[str, ...], Lie]]:
    """Each planted error by name: the fault codes, of which one must be found, and the function that plants it."""
    size = example.read(out).images[0].size
    least = 2 * step_edges(example, size) + _SMALL
    lies: dict[str, tuple[tuple[str, ...], Lie]] = {
        "a box moved a little": (("box-moved",), lambda data: _first(data, lambda image: shifted(image, least))),
        "a box moved far": (("box-moved",), lambda data: _first(data, lambda image: shifted(image, 12.0))),
        "a class exchanged": (("label-changed",), lambda data: _first(data, _relabelled)),
        "an object deleted": (("object-missing",), lambda data: _first(data, _without_object)),
        "an object added": (("object-extra",), lambda data: _first(data, _with_object)),
        "an image deleted": (("image-missing",), lambda data: replace(data, images=data.images[:-1])),
        "an image added": (("image-extra",), _with_image),
        "two images exchanged": (("image-swapped", "pixels-differ"), _swapped),
        "an image turned": (("image-turned",), lambda data: _first(data, _turned)),
    }
    if declared(example).has_class_table:
        lies["two classes exchanged in the table"] = (("classes-differ",), _exchanged)
    return lies


def _nothing(dataset: LabelledDataset) -> LabelledDataset:
    return dataset


def _first(dataset: LabelledDataset, change: Callable[[LabelledImage], LabelledImage]) -> LabelledDataset:
    """`dataset` with a change of its first image that has objects."""
    at = next(row for row, image in enumerate(dataset.images) if len(image.boxes))
    return replace(dataset, images=(*dataset.images[:at], change(dataset.images[at]), *dataset.images[at + 1 :]))


def _relabelled(image: LabelledImage) -> LabelledImage:
    other = "ant" if image.classes[0] != "ant" else "mole"
    return replace(image, classes=(other, *image.classes[1:]))


def _without_object(image: LabelledImage) -> LabelledImage:
    return image.with_objects(image.boxes[1:], image.classes[1:])


def _with_object(image: LabelledImage) -> LabelledImage:
    return image.with_objects([*image.boxes, (2.0, 30.0, 9.0, 41.0)], (*image.classes, "ant"))


def _with_image(dataset: LabelledDataset) -> LabelledDataset:
    last = dataset.images[-1]
    return replace(dataset, images=(*dataset.images, replace(last, name=f"zz-{last.name.rpartition('/')[2]}")))


def _swapped(dataset: LabelledDataset) -> LabelledDataset:
    first, second, *others = dataset.images
    return replace(dataset, images=(replace(first, data=second.data), replace(second, data=first.data), *others))


def _turned(image: LabelledImage) -> LabelledImage:
    picture = Image.fromarray(np.rot90(displayed(image.data), 2))
    return replace(image, data=encoded(picture, "png"))


def _exchanged(dataset: LabelledDataset) -> LabelledDataset:
    first, second, *others = dataset.classes
    return replace(dataset, classes=(second, first, *others))
