"""A slice of the table of planted lies: each kind of lie is found in most images, and no true image is doubted."""

from __future__ import annotations

import pytest

from bboxprep import formats
from benchmarks.lies import LABEL_LIES, PIXEL_LIES, Results, measure, table
from tests.verification.outputs import photos


@pytest.fixture(scope="module")
def results() -> Results:
    return measure([photos("coco")], ["coco", "yolo"], ["letterbox, flip"], images=3)


def test_no_true_image_is_doubted(results: Results) -> None:
    assert (results.alarms, results.images > 6) == ([], True)


def test_every_lie_in_labels_is_found(results: Results) -> None:
    missed = [each for each in results.missed if each.partition(":")[0] in LABEL_LIES]
    assert (missed, sum(results.planted.values()) > 60) == ([], True)


@pytest.mark.parametrize("lie", PIXEL_LIES)
def test_lies_in_pixels_are_found(results: Results, lie: str) -> None:
    assert results.found[lie, "coco"] == results.planted[lie, "coco"] == 3


def test_the_table_has_a_column_for_each_way_to_write_labels(results: Results) -> None:
    ways = {f"coco {flag}".strip() for flag, _ in formats.load("coco").write_variants()}
    assert all(f"| {way} |" in next(table(results)) for way in ways)
