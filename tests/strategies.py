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
from bboxprep.geometry.plan import Orient, Place, Plan, Resample, Step, Warp
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


def warps(most: int = 64) -> st.SearchStrategy[Warp]:
    """Turns by any angle, leans and stretches about the middle of a canvas, none of which shrinks to nothing."""
    angle, lean, ratio = (
        st.integers(-180, 180),
        st.integers(-45, 45),
        st.integers(5, 20).map(lambda tenths: tenths / 10),
    )
    return st.builds(
        lambda size, degrees, x, y, factor: Warp(
            (Affine.rotation(degrees) @ Affine.shear(x, y) @ Affine.scale(factor, factor)).about(
                size.width / 2, size.height / 2
            ),
            size,
        ),
        sizes(most), angle, lean, lean, ratio,
    )  # fmt: skip


def warped_plans(most: int = 64) -> st.SearchStrategy[Plan]:
    """Plans with one warp or two among other steps."""
    few = st.lists(steps(most), max_size=2)
    return st.builds(
        lambda source, first, warp, then, other, last: Plan(source).then(*first, warp, *then, *other, *last),
        sizes(most), few, warps(most), few, st.lists(warps(most), max_size=1), few,
    )  # fmt: skip


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


def coordinates(bound: float, spill: float = 0.0) -> st.SearchStrategy[float]:
    """Positions along an axis of length `bound`, or up to `spill` px beyond its ends; a grid of 1/20 px, on which the
    ends, whole and half pixels occur and most values are no exact float.
    """
    return st.integers(round(-20 * spill), round(20 * (bound + spill))).map(lambda twentieths: twentieths / 20.0)


def points(size: Size, least: int = 1, most: int = 8, *, spill: float = 0.0) -> st.SearchStrategy[Points]:
    """Points (P, 2) in a picture of `size`, or up to `spill` px outside it."""
    xy = st.tuples(coordinates(size.width, spill), coordinates(size.height, spill))
    return st.lists(xy, min_size=least, max_size=most).map(
        lambda pairs: np.array(pairs, dtype=np.float64).reshape(-1, 2)
    )


def boxes(size: Size, *, most: int = MOST_OBJECTS, spill: float = 0.0) -> st.SearchStrategy[Boxes]:
    """Boxes (N, 4) with ordered corners in a picture of `size`, or up to `spill` px outside it; some have no area."""
    pairs = st.lists(points(size, 2, 2, spill=spill), max_size=most)
    return pairs.map(_boxes_around)


def masks(size: Size) -> st.SearchStrategy[NDArray[np.bool_]]:
    """Boolean masks (H, W)."""
    return hnp.arrays(np.bool_, (size.height, size.width))


def rles(size: Size) -> st.SearchStrategy[Rle]:
    """Masks of a few runs; cheap at any size."""
    cuts = st.lists(st.integers(0, size.pixels - 1), max_size=6, unique=True).map(sorted)
    return cuts.map(lambda at: Rle(size, tuple(np.diff([0, *at, size.pixels]).tolist())))


@st.composite
def instances(draw: st.DrawFn, size: Size, *, spill: float = 0.0) -> Instances:
    """Objects with every column filled for some of them, in a picture of `size`."""
    corners = draw(boxes(size, spill=spill))
    count, joints = len(corners), draw(st.integers(0, 3))
    ring = points(size, 3, 5, spill=spill)
    tags = draw(_rows(st.integers(0, 2**16 - 1), count))  # one draw for all the small columns: many draws are slow
    return Instances.of(
        corners,
        [tag % 3 for tag in tags],
        crowd=[bool(tag & 4) for tag in tags],
        polygons=draw(_rows(st.lists(ring, max_size=2), count)),
        masks=draw(_rows(st.one_of(st.none(), rles(size)), count)),
        keypoints=draw(points(size, count * joints, count * joints, spill=spill)).reshape(count, joints, 2),
        visibility=np.array([(tag + joint) % 3 for tag in tags for joint in range(joints)]).reshape(count, joints),
        areas=[tag / 7.0 if tag & 8 else np.nan for tag in tags],
        scores=[tag / 2**16 if tag & 16 else np.nan for tag in tags],
        ids=[tag * 2**37 if tag & 32 else tag for tag in tags],
        attributes=[{"tag": tag} if tag & 64 else {} for tag in tags],
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
        source_count=len(objects),
    )


def _rows(one: st.SearchStrategy[Any], count: int) -> st.SearchStrategy[list[Any]]:
    return st.lists(one, min_size=count, max_size=count)


def _boxes_around(pairs: list[Points]) -> Boxes:
    corners = np.array(pairs, dtype=np.float64).reshape(-1, 2, 2)
    return np.concatenate((corners.min(axis=1), corners.max(axis=1)), axis=1)
