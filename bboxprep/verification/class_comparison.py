"""Compares the classes of an output with those of its source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bboxprep.model.categories import Category
from bboxprep.model.columns import Column
from bboxprep.verification.faults import Fault, Layer
from bboxprep.verification.verification_inputs import VerificationInputs

_PLAIN = ("supercategory", "skeleton")  # fields that come back as they were, or not at all


def class_faults(case: VerificationInputs) -> Iterator[Fault]:
    """The faults of the fields of classes that the format of the output declares to hold.

    A class that several classes of the source became, or none, is not compared.
    """
    if case.source is None or case.several or not len(case.output.dataset):
        return
    declared, output = case.format.category_fields, case.output.dataset.categories
    if Column.KEYPOINTS not in case.carries:
        declared = declared - {"keypoints", "skeleton", "flip_idx"}
    origins = {name: _origins(case, name) for name in output.names}
    numbered = all(len(found) == 1 and found[0].id is not None for found in origins.values())
    numbered = numbered and len({found[0].id for found in origins.values()}) == len(output)
    for category in output:
        if len(origins[category.name]) == 1:
            for name, want, have in _differences(origins[category.name][0], category, declared, numbered=numbered):
                words = f"class {category.name!r} has {name} {have!r:.80}, want {want!r:.80}"
                yield Fault(Layer.STRUCTURAL, "class-changed", "", f"class {category.name}", words)


def _origins(case: VerificationInputs, name: str) -> list[Category]:
    """The classes of the source that are called `name` in the output."""
    categories = case.source.dataset.categories if case.source else ()
    return [each for each in categories if case.changed_names.get(each.name) == name]


def _differences(
    source: Category, output: Category, declared: frozenset[str], *, numbered: bool
) -> Iterator[tuple[str, Any, Any]]:
    """The fields of a class that are not those of its source: name, wanted and actual value."""
    if "id" in declared and numbered and source.id != output.id:
        yield "the id", source.id, output.id
    for name in _PLAIN:
        want, have = getattr(source, name), getattr(output, name)
        if name in declared and want != have:
            yield name, want, have
    names = output.keypoints[: len(source.keypoints)]  # a format may fill up all classes to one number
    if "keypoints" in declared and names != source.keypoints:
        yield "the keypoints", source.keypoints, output.keypoints
    if (
        "flip_idx" in declared
        and source.flip_idx
        and output.flip_idx[: len(source.flip_idx)] not in ((), source.flip_idx)
    ):
        yield "flip_idx", source.flip_idx, output.flip_idx
