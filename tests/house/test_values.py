"""Where small values are dataclasses and where they are a `msgspec.Struct`, made in a fiftieth of the time.

The floors that every command loads (findings, geometry, model, and what formats declare) do without msgspec. Above them
a frozen class is a Struct, unless its fields are asked for (options, steps of a recipe), it is replaced in parts, or it
keeps what it has computed. A dataclass with slots can do none of the last, so it has no place there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

from tests.house.measures import Module, house_at

LOW = ("bboxprep.findings", "bboxprep.geometry", "bboxprep.model", "bboxprep.formats.yolo_row_kinds")


def values_with_slots(modules: Iterable[Module]) -> list[str]:
    """The frozen dataclasses with slots above the `LOW` modules."""
    return [
        f"{module.name}.{node.name}"
        for module in modules
        if not module.name.startswith(LOW)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
        if any({"frozen=True", "slots=True"} <= _options(decorator) for decorator in node.decorator_list)
    ]


def _options(decorator: ast.expr) -> set[str]:
    return {ast.unparse(option) for option in decorator.keywords} if isinstance(decorator, ast.Call) else set()


def test_values_above_the_model_are_structs() -> None:
    assert values_with_slots(house_at(Path(__file__).parents[2]).modules) == []


def test_a_dataclass_with_slots_is_seen() -> None:
    text = "@dataclass(slots=True, frozen=True)\nclass Place:\n    x: int"
    assert values_with_slots([Module("bboxprep.pipeline.place", text, is_folder=False)]) == [
        "bboxprep.pipeline.place.Place"
    ]
    assert values_with_slots([Module("bboxprep.geometry.place", text, is_folder=False)]) == []
