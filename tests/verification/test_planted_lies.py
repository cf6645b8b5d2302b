"""A slice of the table of planted lies: each kind of lie is found in most images, and no true image is doubted."""

from __future__ import annotations

from pathlib import Path

import pytest

from bboxprep import formats
from benchmarks.lies import LABEL_LIES, PIXEL_LIES, Results, coded_as, measure, table
from tests.verification.outputs import photos


@pytest.fixture(scope="module")
def results() -> Results:
    return measure({"photos": photos("coco")}, ["coco", "yolo"], ["letterbox, flip"], images=3)


def test_no_true_image_is_doubted(results: Results) -> None:
    assert (results.alarms, results.images > 6) == ([], True)


def test_every_lie_in_labels_is_found(results: Results) -> None:
    missed = [each for each in results.missed if each.partition(":")[0] in LABEL_LIES]
    assert (missed, sum(results.planted.values()) > 60) == ([], True)


@pytest.mark.parametrize("lie", PIXEL_LIES)
def test_lies_in_pixels_are_found(results: Results, lie: str) -> None:
    assert results.found[lie, "coco"] == results.planted[lie, "coco"] == 3


def test_the_table_has_a_row_for_each_lie_that_was_planted(results: Results) -> None:
    rows = {line.split(" | ")[0].removeprefix("| ") for line in table(results)}
    assert {lie for lie, _ in results.planted} <= rows
    ways = {f"coco {flag}".strip() for flag, _ in formats.load("coco").write_variants()}
    assert ways <= {way for _, way in results.planted}


def test_what_a_cut_leaves_of_an_object_is_not_lost_in_silence() -> None:
    """Outlines, masks and areas of objects that a crop cuts, and objects of which little is left."""
    cut = measure({"photos": photos("coco")}, ["labelme", "parquet", "datumaro"], ["crop"], images=3, pixels=False)
    wanted = ("an object deleted", "area doubled", "outline lost", "mask lost")
    assert [each for each in cut.missed if each.startswith(wanted)] == []
    assert {lie for lie, _ in cut.planted} >= set(wanted)
    assert cut.alarms == []


@pytest.mark.parametrize("kind", ["avif", "alpha"])
def test_true_outputs_of_other_kinds_of_images_are_not_doubted(tmp_path: Path, kind: str) -> None:
    source = coded_as(kind, photos("coco"), tmp_path / kind, 2)
    results = measure({kind: source}, ["yolo"], ["albumentations"], images=2, turns=1, lies=False)
    assert (results.alarms, results.refused, results.images) == ([], {}, 2)
