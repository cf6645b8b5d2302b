from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle
from bboxprep.model.sample import Frame, Sample
from bboxprep.pipeline.source.open import open_source
from bboxprep.review.display import MASK_GRID, displayed, displayed_pixels, fitted, mask_path, reduced
from bboxprep.testing.painting import bright_box
from tests.painted import label
from tests.strategies import instances, masks, sizes

SIZE, BOX = (92, 70), (21.0, 16.0, 50.0, 55.0)


@pytest.mark.parametrize("frame", ["stored", "displayed"])
def test_the_box_lies_on_the_painted_thing_whatever_frame_and_orientation(frame: str, tmp_path: Path) -> None:
    root = label(tmp_path / "source", "coco", frame, SIZE, BOX)
    dataset = open_source(root, labels_in="displayed").dataset
    for sample in dataset:
        assert sample.header is not None
        shown = displayed(sample.in_frame(Frame(frame), "planted"), sample.header, [4])
        assert shown.size == SIZE
        pixels = displayed_pixels(sample, sample.header, 1024)
        assert pixels.shape[:2] == SIZE[::-1]
        assert np.abs(shown.boxes[0] - bright_box(pixels)).max() <= 0.52
        assert shown.objects[0]["c"] == 4
        assert shown.objects[0]["b"] == list(BOX)
        assert np.reshape(shown.objects[0]["r"][0], (-1, 2)).min(axis=0).tolist() == list(BOX[:2])


@pytest.mark.parametrize("code", range(1, 9))
def test_a_mask_turns_with_its_picture(code: int) -> None:
    header = Header(Size(*((70, 92) if code > 4 else (92, 70))), orientation=code)
    mask = np.zeros((header.size.height, header.size.width), np.bool_)
    mask[5:11, 3:30] = True
    sample = Sample(
        PurePosixPath("a.jpg"),
        Path("a.jpg"),
        header,
        Instances.of([[3, 5, 30, 11]], masks=[Rle.from_mask(mask)]),
        frame=Frame.STORED,
    )
    shown = displayed(sample, header, [0])
    rows, columns = np.nonzero(painted(shown.objects[0]["m"], (92, 92)))
    assert [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] == shown.boxes[0].tolist()


@given(sizes(), st.data())
def test_anything_can_be_shown_and_is_json(size: Size, data: st.DataObject) -> None:
    given_objects = data.draw(instances(size, spill=20.0))
    sample = Sample(PurePosixPath("a.jpg"), Path("a.jpg"), Header(size), given_objects)
    shown = displayed(sample, Header(size), [5, 6, 7])
    assert len(shown.objects) == len(given_objects)
    for row, each in enumerate(shown.objects):
        assert each["c"] == 5 + given_objects.labels[row]
        assert np.allclose(each["b"], given_objects.boxes[row], atol=6e-4)
        assert len(each.get("p", ())) in (0, 3 * given_objects.keypoints.shape[1])
        assert ("k" in each) == bool(given_objects.crowd[row])


def test_a_box_that_is_not_finite_becomes_null() -> None:
    header = Header(Size(10, 10))
    sample = Sample(PurePosixPath("a"), Path("a"), header, Instances.of([[0, np.nan, np.inf, 4]]))
    assert displayed(sample, header, [0]).objects[0]["b"] == [None] * 4


@given(sizes(5000), st.integers(1, 2000))
def test_a_fitted_size_keeps_its_longer_side_and_its_proportions(size: Size, most: int) -> None:
    small = fitted(size, most)
    assert max(small) == most
    assert abs(min(small) - max(1.0, min(size) * most / max(size))) <= 0.5


def test_a_picture_is_never_enlarged(tmp_path: Path) -> None:
    root = label(tmp_path / "source", "yolo", "displayed", SIZE, BOX)
    sample = open_source(root).dataset[0]
    assert sample.header is not None
    assert displayed_pixels(sample, sample.header, 40).shape[:2] == (30, 40)
    assert reduced(displayed_pixels(sample, sample.header, 1024), 46).shape == (35, 46, 3)
    assert reduced(np.zeros((5, 4), np.uint8), 46).shape == (5, 4)


def painted(path: str, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels that the bars of a path cover; each bar must be disjoint from the others."""
    counts = np.zeros(shape, int)
    bars = re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)h-(\d+)z", path)
    assert "".join(f"M{x} {y}h{w}v{h}h-{back}z" for x, y, w, h, back in bars) == path
    for x, y, width, height, back in ((int(part) for part in bar) for bar in bars):
        assert width == back
        counts[y : y + height, x : x + width] += 1
    assert counts.max(initial=0) <= 1
    return counts > 0


@given(sizes(24).flatmap(masks))
def test_the_path_of_a_small_mask_covers_its_pixels_and_no_others(mask: NDArray[np.bool_]) -> None:
    assert (painted(mask_path(mask), mask.shape) == mask).all()


@given(st.integers(0, 200), st.integers(0, 200), st.integers(1, 700), st.integers(1, 700))
def test_a_large_rectangle_is_off_by_less_than_a_cell(left: int, top: int, width: int, height: int) -> None:
    mask = np.zeros((900, 900), np.bool_)
    mask[top : top + height, left : left + width] = True
    seen = painted(mask_path(mask), (1000, 1000))
    cell = -(-max(width, height) // MASK_GRID)
    for axis, (first, length) in ((1, (top, height)), (0, (left, width))):
        at = np.flatnonzero(seen.any(axis=axis))
        assert at[0] == first
        assert 0 <= at[-1] + 1 - (first + length) < cell
