"""The measures of the house are held: what is reached does not get worse. Each measure sees a planted fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house.measures import House, Module, house_at

HOUSE = house_at(Path(__file__).parents[2])


def house(**texts: str) -> House:
    """A house of the modules `texts`, by their names in the package."""
    return House([Module(f"bboxprep.{name}", text, is_folder=False) for name, text in texts.items()])


def test_no_public_class_name_stands_in_two_modules() -> None:
    assert HOUSE.classes_in_two_modules == []


def test_no_modules_import_each_other() -> None:
    assert HOUSE.circles == []


def test_no_module_imports_most_of_the_others() -> None:
    most, which = HOUSE.most_imports
    assert most <= 25, which


def test_imports_are_a_small_part_of_the_code() -> None:
    assert HOUSE.import_share <= 0.092


def test_few_modules_have_one_importer() -> None:
    assert len(HOUSE.with_one_importer) / len(HOUSE.modules) <= 0.22


def test_modules_are_read_in_one_go() -> None:
    assert {name: length for name, length in HOUSE.odd_lengths.items() if length > 350} == {}


def test_public_functions_state_the_shape_and_dtype_of_their_arrays() -> None:
    assert HOUSE.stated_arrays >= 0.98


def test_the_table_names_every_measure() -> None:
    assert "import lines" in HOUSE.table()
    assert "circles" in HOUSE.table()


def test_a_second_class_of_one_name_is_seen() -> None:
    assert house(a="class Tree: ...", b="class Tree: ...").classes_in_two_modules == ["Tree"]
    assert house(a="class Tree: ...", b="class _Tree: ...").classes_in_two_modules == []


@pytest.mark.parametrize(
    "last", ["import bboxprep.a", "from bboxprep import a", "def f():\n    from bboxprep.a import g"]
)
def test_a_circle_is_seen(last: str) -> None:
    texts = {"a": "from bboxprep.b import f", "b": "from bboxprep.c import f", "d": "import bboxprep.a"}
    assert house(**texts, c=last).circles == [["bboxprep.a", "bboxprep.b", "bboxprep.c"]]
    assert house(**texts, c="import bboxprep.e", e="").circles == []


def test_importers_are_counted() -> None:
    few = house(a="", b="from bboxprep import a", c="import bboxprep.a\nimport bboxprep.b")
    assert few.with_one_importer == {"bboxprep.b": "bboxprep.c"}
    assert few.most_imports == (2, "bboxprep.c")


def test_lines_of_imports_are_counted_where_they_stand() -> None:
    text = "from a import (\n    b,\n    c,\n)\n\ndef f():\n    import d\n    return d\n"
    assert house(a=text).import_share == 5 / 8


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ('def f(x: NDArray[np.float64]) -> None:\n    """The sum of `x`."""', False),
        ('def f(x: NDArray[np.float64]) -> None:\n    """The sum of `x` (N, 4)."""', True),
        ('def f(x: NDArray[Any]) -> None:\n    """The sum of `x` (N, 4)."""', False),
        ('def f(x: NDArray[Any]) -> None:\n    """The sum of `x`, uint8 (H, W)."""', True),
        ('Boxes = NDArray[np.float64]  # (N, 4)\ndef f() -> Boxes:\n    """All."""', True),
        ('Floats = NDArray[np.float64]\ndef f() -> Floats:\n    """All."""', False),
        ('class A:\n    def f(self, x: np.ndarray) -> None:\n        """The sum."""', False),
    ],
)
def test_arrays_without_shape_are_seen(text: str, stated: bool) -> None:
    assert house(a=text).array_functions == {"bboxprep.a.f": stated}


def test_long_modules_are_seen() -> None:
    assert house(a="\n" * 351, b="\n" * 60, c="\n" * 59).odd_lengths == {"bboxprep.a": 351, "bboxprep.c": 59}
