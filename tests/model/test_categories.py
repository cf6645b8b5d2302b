from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bboxprep.model.categories import Categories, Category

categories = st.lists(st.builds(Category, st.text(), st.one_of(st.none(), st.integers()))).map(
    lambda items: Categories(tuple(items))
)


@given(categories)
def test_a_label_is_a_row(table: Categories) -> None:
    assert [table[label] for label in range(len(table))] == list(table) == list(table.items)
    assert table.names == tuple(category.name for category in table)


@given(categories)
def test_ids_are_one_each_and_never_shared(table: Categories) -> None:
    assert len(table.ids) == len(set(table.ids)) == len(table)


@given(st.lists(st.integers(), unique=True))
def test_the_ids_of_the_source_are_kept(ids: list[int]) -> None:
    table = Categories(tuple(Category(f"class {number}", number) for number in ids))
    assert table.ids == tuple(ids)


def test_ids_are_counted_where_one_is_missing_or_shared() -> None:
    assert Categories((Category("car", 7), Category("van"))).ids == (1, 2)
    assert Categories((Category("car", 7), Category("van", 7))).ids == (1, 2)


@given(st.lists(st.text()))
def test_bare_names_are_counted_from_one(names: list[str]) -> None:
    table = Categories.from_names(names)
    assert table.names == tuple(names)
    assert table.ids == tuple(range(1, len(names) + 1))
    assert all(category == Category(category.name) for category in table)
