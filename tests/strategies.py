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
from bboxprep.model.columns import COLUMNS, FIELDS, Column, Field
from bboxprep.model.header import Header
from bboxprep.model.instances import Instances
from bboxprep.model.rle import Rle
from bboxprep.model.sample import Frame, Sample

MOST_OBJECTS = 4
SPECIMEN_SIZE = Size(64, 48)  # of the picture that specimens lie in
NO_CORNERS = np.full((4, 2), np.nan)  # of an object without an oriented box
SCALARS = [field for field in FIELDS if field.axes == 1 and field.name != "labels"]  # one number an object


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
        polygons=draw(_rows(st.lists(ring, max_size=2), count)),
        masks=draw(_rows(st.one_of(st.none(), rles(size)), count)),
        oriented=[turned(box, tag % 90) if tag & 8 else NO_CORNERS for box, tag in zip(corners, tags, strict=True)],
        keypoints=draw(points(size, count * joints, count * joints, spill=spill)).reshape(count, joints, 2),
        visibility=np.array([(tag + joint) % 3 for tag in tags for joint in range(joints)]).reshape(count, joints),
        attributes=[{"tag": tag} if tag & 2 else {} for tag in tags],
        **{field.name: _scalars(field, tags, bit) for bit, field in enumerate(SCALARS, 2)},
    )


def turned(box: NDArray[np.float64], degrees: float) -> Points:
    """The corners (4, 2) of `box` (4,), one pixel larger on each side, turned about its centre by `degrees`."""
    middle, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 + 1
    return Affine.translation(*middle)(Affine.rotation(degrees)(np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half))


def _scalars(field: Field, tags: list[int], bit: int) -> list[Any]:
    """A value of `field` for each of `tags` that has `bit` set, else its "none"; ids and the like small or large."""
    made: dict[Any, Any] = {
        np.bool_: lambda _: True,
        np.float64: lambda tag: tag / 2**16,
        np.int64: lambda tag: tag * 2**37 if tag & 1 else tag,
    }
    return [made[field.dtype](tag) if tag & 1 << bit else field.none for tag in tags]


def specimen(column: Column, number: int = 1) -> Instances:
    """Three objects, the first of which has something in `column`: something else for another `number` from 1 to 8."""
    boxes: list[list[float]] = [[1 + number / 8, 2, 30, 40], [2, 2, 20, 20], [5, 5, 9, 9.5]]
    mask = np.zeros((SPECIMEN_SIZE.height, SPECIMEN_SIZE.width), dtype=np.bool_)
    mask[2:20, number:30] = True
    structured: dict[Column, dict[str, Any]] = {
        Column.ORIENTED: {"oriented": [turned(np.array(boxes[0]), 10 * number), NO_CORNERS, NO_CORNERS]},
        Column.POLYGONS: {"polygons": (([(2.0, 2.0), (25.5, 3.0), (9.0, 30.0 + number)],), (), ())},
        Column.MASKS: {"masks": (Rle.from_mask(mask), None, None)},
        Column.KEYPOINTS: {
            "keypoints": [[[3.5, number], [0, 0]], [[0, 0]] * 2, [[0, 0]] * 2],
            "visibility": [[2, 0], [0, 0], [0, 0]],
        },
        Column.ATTRIBUTES: {"attributes": ({"number": number}, {}, {})},
    }
    return Instances.of(boxes, **(structured.get(column) or _scalar_specimen(column, number)))


def _scalar_specimen(column: Column, number: int) -> dict[str, Any]:
    field = COLUMNS[column].fields[-1]
    if column is Column.BOXES:
        return {}
    if field.dtype is np.bool_:
        return {field.name: [True, number > 1, False]}
    return {field.name: [number / 8 if field.dtype is np.float64 else 10 * number, field.none, field.none]}


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
