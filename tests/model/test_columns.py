"""One table of columns: all that lists them agrees with it, and each column passes through every operation."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, get_type_hints

import msgspec
import numpy as np
import pytest

from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.plan import Orient, Plan, Resample
from bboxprep.model import instances as instances_module
from bboxprep.model.column_json import PLAIN_FORMS
from bboxprep.model.columns import COLUMNS, FIELDS, Column, ColumnValues, Field
from bboxprep.model.instances import Instances
from bboxprep.model.validation import Location
from bboxprep.transform.map_objects import map_objects
from tests.strategies import SPECIMEN_SIZE, specimen

each_column = pytest.mark.parametrize("column", COLUMNS)
each_field = pytest.mark.parametrize("field", FIELDS, ids=[field.name for field in FIELDS])


def values_of(some: Instances, column: Column) -> list[Any]:
    return [getattr(some, field.name) for field in COLUMNS[column].fields]


def changed(some: Instances, field: Field) -> Instances:
    """`some` with another value in one place of `field`."""
    values = getattr(some, field.name)
    if field.dtype is not None:
        other = values.copy()
        other.flat[0] = not other.flat[0] if field.dtype is np.bool_ else np.nan_to_num(other.flat[0]) + 1
        return _with(some, field, other)
    specimens: dict[str, Any] = {
        "polygons": (np.ones((3, 2)),), "masks": specimen(Column.MASKS, 7).masks[0], "attributes": {"other": [1]},
    }  # fmt: skip
    return _with(some, field, (specimens[field.name], *values[1:]))


def _with(some: Instances, field: Field, values: Any) -> Instances:
    change: dict[str, Any] = {field.name: values}
    return replace(some, **change)


def test_the_table_names_every_column_and_every_field_once() -> None:
    assert set(COLUMNS) == set(Column)
    assert all(spec.column is column for column, spec in COLUMNS.items())
    assert [field.name for field in FIELDS] == [field.name for field in fields(Instances)]
    assert set(get_type_hints(ColumnValues)) == {field.name for field in FIELDS} - {"boxes", "labels"}
    assert len({spec.key for spec in COLUMNS.values()}) == len(COLUMNS)


@each_field
def test_a_field_is_what_its_annotation_says(field: Field) -> None:
    hint = str(get_type_hints(Instances)[field.name])
    if field.is_ragged:
        assert "Polygons" in hint
    elif field.dtype is None:
        assert hint.startswith("tuple")
    else:
        assert field.dtype.__name__ in hint
        assert getattr(specimen(Column.KEYPOINTS), field.name).dtype == field.dtype
        assert getattr(specimen(Column.KEYPOINTS), field.name).ndim == field.axes
    assert field.name in (Instances.__doc__ or "")


@each_column
def test_what_an_object_has_is_counted_and_nothing_else(column: Column) -> None:
    some = specimen(column)
    required = COLUMNS[column].is_required
    assert some.has(column).tolist() == [True, required, required]
    assert dict(some.column_counts) == {Column.BOXES: 3} | {column: 3 if required else 1}


@each_column
def test_it_goes_along_when_objects_are_selected_stacked_and_parted(column: Column) -> None:
    one, other = specimen(column), specimen(column, 2)
    whole = Instances.concat([one, Instances.of(), other])
    assert [*whole.split_by_counts([3, 3])] == [one, other]
    assert whole.select([0, 1, 2]) == one
    assert whole.select(np.arange(6) >= 3) == other
    assert one != other
    backwards = one.select([2, 1, 0])
    assert backwards.has(column)[2]
    assert backwards != one


@each_column
def test_many_objects_with_nothing_have_what_few_have(column: Column) -> None:
    if not COLUMNS[column].is_required:
        few, many = Instances.of(np.zeros((3, 4))), Instances.of(np.zeros((600, 4)))
        assert many.select(range(3)) == few
        assert column not in many.column_counts
        assert not many.has(column).any()


@each_field
def test_another_value_makes_other_bytes_for_the_hash(field: Field) -> None:
    some = _full()
    assert some.hash_parts() != changed(some, field).hash_parts()
    assert some.hash_parts() == some.select(range(len(some))).hash_parts()


@each_field
def test_the_law_of_the_hash_catches_a_field_that_is_left_out(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    left = tuple(entry for entry in instances_module._TO_BYTES if entry[0] != field.name)
    monkeypatch.setattr(instances_module, "_TO_BYTES", left)
    some = _full()
    assert some.hash_parts() == changed(some, field).hash_parts()


@each_column
def test_plain_data_brings_it_back(column: Column) -> None:
    if column not in PLAIN_FORMS:
        assert COLUMNS[column].is_required
        return
    form = PLAIN_FORMS[column]
    some = specimen(column)
    packed = list(form.pack(some))
    assert packed[1:] == [form.default] * 2
    read = [msgspec.json.decode(msgspec.json.encode(value), type=form.type) for value in packed]
    again = Instances.of(some.boxes, some.labels, **form.unpack(read)).pad_keypoints(some.visibility.shape[1])
    assert again == some


@each_field
def test_a_plan_moves_the_geometric_fields_and_no_other(field: Field) -> None:
    some = _full()
    plan = Plan(SPECIMEN_SIZE).then(Orient(Dihedral(mirror_x=True)), Resample(Size(32, 72)))
    moved, _ = map_objects(some, plan, Location("", "", ("",) * 3))
    assert len(moved) == len(some)
    stays = _same(getattr(moved, field.name), getattr(some, field.name))
    assert stays != field.is_geometric


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    return repr(one) == repr(other)


def _full() -> Instances:
    """An object that has something in every column, and two that have nothing."""
    columns: dict[str, Any] = {}
    for column, spec in COLUMNS.items():
        columns |= {field.name: getattr(specimen(column), field.name) for field in spec.fields}
    return Instances.of(columns.pop("boxes"), [1, 0, 0], **columns)
