"""Random geometry and annotations for the laws. Every strategy shrinks towards small whole numbers."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from bboxprep.geometry.affine import Affine, Points, Size
from bboxprep.geometry.dihedral import Dihedral
from bboxprep.geometry.plan import Orient, Place, Plan, Resample, Step
from bboxprep.geometry.shapes import Boxes
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle
from bboxprep.model.sample import Frame, Sample

MOST_OBJECTS = 4


def sizes(most: int = 64) -> st.SearchStrategy[Size]:
    """Sizes from 1x1 to `most` x `most`."""
    side = st.integers(1, most)
    return st.builds(Size, side, side)


def dihedrals() -> st.SearchStrategy[Dihedral]:
    """One of the eight turns."""
    return st.builds(Dihedral, st.booleans(), st.booleans(), st.booleans())


def steps(most: int = 64) -> st.SearchStrategy[Step]:
    """Any step; placements may crop, pad or miss the picture altogether."""
    offset = st.integers(-most, most)
    return st.one_of(
        st.builds(Orient, dihedrals()),
        st.builds(Resample, sizes(most)),
        st.builds(Place, sizes(most), offset, offset),
    )


def plans(most: int = 64) -> st.SearchStrategy[Plan]:
    """Plans in normal form, of any source size."""
    return st.builds(lambda source, todo: Plan(source).then(*todo), sizes(most), st.lists(steps(most), max_size=6))


def affines() -> st.SearchStrategy[Affine]:
    """Maps that can be inverted without loss of many digits: a stretch, a turn, a move."""
    ratio = st.floats(0.125, 8.0)
    offset = st.floats(-100.0, 100.0)
    return st.builds(
        lambda turn, size, x, y, dx, dy: Affine.translation(dx, dy) @ turn.affine(size) @ Affine.scale(x, y),
        dihedrals(), sizes(), ratio, ratio, offset, offset,
    )  # fmt: skip


def coordinates(bound: float) -> st.SearchStrategy[float]:
    """Positions along an axis of length `bound`: whole, half and arbitrary ones, the two ends included."""
    return st.one_of(
        st.integers(0, int(bound)).map(float),
        st.integers(0, int(2 * bound)).map(lambda twice: twice / 2.0),
        st.floats(0.0, bound),
    )


def points(size: Size, least: int = 1, most: int = 8, *, spill: float = 0.0) -> st.SearchStrategy[Points]:
    """Points (P, 2) in a picture of `size`, or up to `spill` px outside it."""
    x = coordinates(size.width + 2 * spill).map(lambda value: value - spill)
    y = coordinates(size.height + 2 * spill).map(lambda value: value - spill)
    return st.lists(st.tuples(x, y), min_size=least, max_size=most).map(
        lambda pairs: np.array(pairs, dtype=np.float64).reshape(-1, 2)
    )


def boxes(size: Size, *, most: int = MOST_OBJECTS, spill: float = 0.0) -> st.SearchStrategy[Boxes]:
    """Boxes (N, 4) with ordered corners in a picture of `size`, or up to `spill` px outside it; some have no area."""
    pairs = st.lists(points(size, 2, 2, spill=spill), max_size=most)
    return pairs.map(_boxes_around)


def masks(size: Size) -> st.SearchStrategy[NDArray[np.bool_]]:
    """Boolean masks (H, W)."""
    return hnp.arrays(np.bool_, (size.height, size.width))


@st.composite
def instances(draw: st.DrawFn, size: Size, *, spill: float = 0.0) -> Instances:
    """Objects with every column filled for some of them, in a picture of `size`."""
    corners = draw(boxes(size, spill=spill))
    count, joints = len(corners), draw(st.integers(0, 3))
    ring = points(size, 3, 6, spill=spill)
    number = st.one_of(st.just(np.nan), st.floats(0.0, 1e6))
    return Instances.of(
        corners,
        draw(_rows(st.integers(0, 2), count)),
        crowd=draw(_rows(st.booleans(), count)),
        polygons=draw(_rows(st.lists(ring, max_size=2), count)),
        masks=draw(_rows(st.one_of(st.none(), masks(size).map(Rle.from_mask)), count)),
        keypoints=draw(_rows(points(size, joints, joints, spill=spill), count)) if count else np.zeros((0, joints, 2)),
        visibility=np.array(draw(_rows(st.integers(0, 2), count * joints)), dtype=np.uint8).reshape(count, joints),
        areas=draw(_rows(number, count)),
        scores=draw(_rows(st.one_of(st.just(np.nan), st.floats(0.0, 1.0)), count)),
        ids=draw(_rows(st.integers(0, 2**53), count)),
        attributes=draw(_rows(st.dictionaries(st.sampled_from("abc"), st.integers()), count)),
    )


def headers(most: int = 64) -> st.SearchStrategy[Header]:
    """Headers of any size and orientation."""
    return st.builds(Header, sizes(most), st.integers(1, 8))


@st.composite
def samples(draw: st.DrawFn, most: int = 64) -> Sample:
    """Untransformed samples in either frame, with a header; their image files do not exist."""
    header, frame = draw(headers(most)), draw(st.sampled_from(Frame))
    objects = draw(instances(header.size if frame is Frame.STORED else header.displayed))
    return Sample(
        name=PurePosixPath("photo.jpg"),
        path=Path("photo.jpg"),
        header=header,
        instances=objects,
        split=draw(st.sampled_from(("train", "val"))),
        frame=frame,
        fractional=draw(st.booleans()),
        listed=len(objects),
    )


def _rows(one: st.SearchStrategy[Any], count: int) -> st.SearchStrategy[list[Any]]:
    return st.lists(one, min_size=count, max_size=count)


def _boxes_around(pairs: list[Points]) -> Boxes:
    corners = np.array(pairs, dtype=np.float64).reshape(-1, 2, 2)
    return np.concatenate((corners.min(axis=1), corners.max(axis=1)), axis=1)
