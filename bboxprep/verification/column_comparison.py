"""Compares what the labels of an output hold besides class and box with the source: the columns of objects, and the
fields of classes.

The labels hold what the writer of their format says that it `carries`. A column that the source states must come back:
moved where it lies in the image, otherwise as it was. So must the fields of classes that the format declares.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bboxprep.model.categories import MOST_KEYPOINTS
from bboxprep.model.columns import Column
from bboxprep.model.instances import Instances
from bboxprep.verification.arithmetic import apply, apply_to_boxes
from bboxprep.verification.drawn_labels import meets_another
from bboxprep.verification.expectation import Expectation
from bboxprep.verification.faults import Difference, Fault, Layer
from bboxprep.verification.mapped import Mapped
from bboxprep.verification.oriented import corners_off, is_kept, oriented_off, rectangle_area, spills, stated_outline
from bboxprep.verification.region import box_around, depths, ring_off
from bboxprep.verification.visible_area import rings_area, visible_area

NEAR = 0.01  # px; so near to an edge, rounding decides whether a keypoint is inside
EQUAL = 1e-6  # of a number; the error of float64 on its way through a map and a text
LEAST_MASK = 16.0  # square px; a smaller mask may vanish when it is resampled
LEAST_PART = 64.0  # square px; so may a smaller part of a mask that is cut or turned
_UNKNOWN: tuple[Any, ...] = (None, "", 0, False, "Unspecified", [], {})  # formats write them where nothing is known


Order = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class ObjectPair:
    """An object at row `one` of the `source` and at row `other` of the `output`, whose columns are compared.

    `tolerance` is that of its coordinates, px. `orders` are the permutations of the keypoints of each class of the
    source in a mirrored image; () in others. `outlines_only`: labels hold one outline of an object, whatever its parts.
    `mark` is the attribute that marks a crowd region, "" for none. `rectangles`: labels hold oriented boxes.
    `masks_overlap`: else another object may hide pixels of this one in the labels. `room` is the largest number of
    keypoints of an object that labels hold. `resampled` is how far, in px, a mask may reach elsewhere than when its
    area was counted.
    """

    source: Instances
    output: Instances
    one: int
    other: int
    expected: Expectation
    mapped: Mapped
    tolerance: float
    orders: Sequence[Order] = ()
    outlines_only: bool = False
    mark: str = ""
    rectangles: bool = False
    masks_overlap: bool = True
    room: int = MOST_KEYPOINTS
    resampled: float = 0.0

    @property
    def is_cut(self) -> bool:
        """Whether the edge of an image cuts it, as far as that is known."""
        return bool(self.expected.cut[self.one])

    @property
    def growth(self) -> float:
        """The factor by which the map enlarges areas."""
        return float(abs(np.linalg.det(self.mapped.from_frame)))

    @property
    def placed(self) -> NDArray[np.float64]:
        """The box (4,) of the source in the output, not cut, px."""
        return np.asarray(apply_to_boxes(self.mapped.from_frame, self.source.boxes[self.one][None])[0])

    @property
    def lies_free(self) -> bool:
        """Whether it meets no other object of the image, which may hide it in labels that are pictures."""
        return not meets_another(self.expected.boxes, self.one)

    @property
    def is_bare(self) -> bool:
        """Whether the output has no outline of it, though so much of one is visible that none may vanish."""
        if self.output.polygons[self.other] or not self.mapped.derived:
            return False
        have, masked = self.output.masks[self.other], not self.source.polygons[self.one]
        if have is not None and have.area:
            return False
        least, _ = visible_area(self.source, self.one, self.expected.outlines[self.one], self.mapped)
        return least > (LEAST_PART if masked and (self.is_cut or self.mapped.warped) else LEAST_MASK)


def id_faults(
    image: str, pairs: Sequence[tuple[ObjectPair, str]], elsewhere: Callable[[], Collection[int]]
) -> Iterator[Fault]:
    """The faults of the ids of objects of `image`, each with its name in messages.

    An object whose id another one of its split has got gets a new one: `elsewhere` returns all ids of the split.
    """
    taken = {int(pair.output.ids[pair.other]) for pair, _ in pairs}
    for pair, where in pairs:
        want, have = int(pair.source.ids[pair.one]), int(pair.output.ids[pair.other])
        if want <= 0 or want == have:
            continue
        if want in taken or want not in elsewhere():
            yield Fault(Layer.GEOMETRIC, "id-changed", image, where, f"has the id {have}, want {want}")


def column_faults(image: str, where: str, pair: ObjectPair, carries: frozenset[Column]) -> Iterator[Fault]:
    """The faults of an object of `image`, called `where` in messages, in the columns that the labels of it carry."""
    for column, check in _CHECKS.items():
        if column in carries:
            for code, words, amount in check(pair):
                yield Fault(Layer.GEOMETRIC, code, image, where, words, amount)


def _crowd(pair: ObjectPair) -> Iterator[Difference]:
    want, have = bool(pair.source.crowd[pair.one]), bool(pair.output.crowd[pair.other])
    if want != have:
        words = "is a crowd region, and none in the source" if have else "is no crowd region, and is one in the source"
        yield "crowd-changed", words, 0.0


def _scores(pair: ObjectPair) -> Iterator[Difference]:
    want, have = float(pair.source.scores[pair.one]), float(pair.output.scores[pair.other])
    if not np.isclose(want, have, rtol=EQUAL, atol=EQUAL, equal_nan=True):
        yield "score-changed", f"has the score {have:.6g}, want {want:.6g}", abs(want - have)


def _tracks(pair: ObjectPair) -> Iterator[Difference]:
    want, have = int(pair.source.tracks[pair.one]), int(pair.output.tracks[pair.other])
    if want != have:
        yield "track-changed", f"has the track id {have}, want {want}", 0.0


def _attributes(pair: ObjectPair) -> Iterator[Difference]:
    want, have = pair.source.attributes[pair.one], pair.output.attributes[pair.other]
    if pair.mark and pair.source.crowd[pair.one]:
        want = {**want, pair.mark: 1}
    if want == have:
        return
    for name in sorted({*want, *have}):
        one, other = want.get(name), have.get(name)
        if not _same_value(one, other):
            yield "attribute-changed", f"has {name} = {other!r:.60}, want {one!r:.60}", 0.0


def _same_value(one: Any, other: Any) -> bool:
    """Whether two values of an attribute mean the same, however a format spells them."""
    if one == other or (one in _UNKNOWN and other in _UNKNOWN):
        return True
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return all(_same_value(one.get(name), other.get(name)) for name in {*one, *other})
    try:
        return float(one) == float(other)
    except (TypeError, ValueError, OverflowError):
        return _text(one) == _text(other)


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)


def _areas(pair: ObjectPair) -> Iterator[Difference]:
    """The stated area, moved; that of the written shape where nothing is stated or an edge cuts the object."""
    if not pair.mapped.derived:
        return  # of steps that are not known, one may have cut or warped the shape
    have, (want, is_exact) = float(pair.output.areas[pair.other]), _area_wanted(pair)
    if np.isnan(have) and (np.isnan(want) or np.isnan(pair.source.areas[pair.one])):
        return
    sides = np.ptp(pair.output.boxes[pair.other].reshape(2, 2), axis=0)
    slack = EQUAL * max(abs(have), abs(want), 1.0) + (pair.tolerance + pair.resampled) * float(sides.sum())
    off = have - want if not is_exact else abs(have - want)
    if not off <= slack:
        yield "area-changed", f"states an area of {have:.6g} px, want {want:.6g}", abs(off)


def _area_wanted(pair: ObjectPair) -> tuple[float, bool]:
    """The area that an object must have, and whether it must be just that (else it may be smaller), square px."""
    stated, own = float(pair.source.areas[pair.one]) * pair.growth, _shape_area(pair.output, pair.other)
    if np.isfinite(stated) and not pair.is_cut:
        return stated, True
    if own is not None:
        return own, not (pair.is_cut and _is_oriented_only(pair.output, pair.other))
    shape = _shape_area(pair.source, pair.one)
    if shape is not None:
        _, most = visible_area(pair.source, pair.one, pair.expected.outlines[pair.one], pair.mapped)
        share = min(1.0, _box_area(pair.expected.boxes[pair.one]) / _box_area(pair.placed))
        if _is_oriented_only(pair.source, pair.one):  # what is left of it gets a rectangle of its own
            most, share = rectangle_area(apply(pair.mapped.from_frame, pair.source.oriented[pair.one])), 1.0
        exact = bool(pair.source.polygons[pair.one])
        return max(most if exact else 1.5 * most + LEAST_MASK, stated * share if np.isfinite(stated) else 0.0), False
    if np.isnan(stated):
        return _box_area(pair.output.boxes[pair.other]), True
    if pair.mapped.warped:
        return stated, False
    return stated * _box_area(pair.expected.boxes[pair.one]) / _box_area(pair.placed), True


def _shape_area(instances: Instances, row: int) -> float | None:
    """The area of the polygons of an object, else of its mask or oriented box, square px; None where it has none."""
    mask = instances.masks[row]
    if instances.polygons[row]:
        return rings_area(instances.polygons[row])
    if _is_oriented_only(instances, row):
        return rings_area((instances.oriented[row],))
    return None if mask is None else float(mask.area)


def _is_oriented_only(instances: Instances, row: int) -> bool:
    """Whether an object has an oriented box, and no other outline; a cut one is larger than what is left of it."""
    bare = not instances.polygons[row] and instances.masks[row] is None
    return bare and bool(np.isfinite(instances.oriented[row]).all())


def _box_area(box: NDArray[np.float64]) -> float:
    return float(np.prod(box[2:] - box[:2]))


def _keypoints(pair: ObjectPair) -> Iterator[Difference]:
    """The places of keypoints that are labelled in both, and which are labelled."""
    places, flags = _keypoints_wanted(pair)
    count = max(len(flags), pair.output.visibility.shape[1])
    want = np.pad(flags, (0, count - len(flags)))
    have = np.pad(pair.output.visibility[pair.other], (0, count - pair.output.visibility.shape[1]))
    both = np.flatnonzero((want > 0) & (have > 0))
    moved = apply(pair.mapped.from_frame, places[both])
    off = float(np.abs(moved - pair.output.keypoints[pair.other][both]).max(initial=0.0))
    if off > pair.tolerance:
        yield "keypoint-moved", f"a keypoint lies {off:.3g} px off its place", off
    depth = np.full(count, np.inf)
    depth[: len(flags)] = depths(pair.mapped.seen, apply(pair.mapped.from_frame, places))
    wanted = np.where(depth < 0, 0, want)
    sure = (np.abs(depth) > NEAR) & (pair.mapped.derived | (have > 0))
    for point in np.flatnonzero(sure & (wanted != have)).tolist():
        yield "visibility-changed", f"keypoint {point + 1} has the visibility {have[point]}, want {wanted[point]}", 0.0


def _keypoints_wanted(pair: ObjectPair) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """The keypoints (K, 2) of an object in the source and their visibility (K,), in the order of the output; those that
    its labels have room for.
    """
    places, flags = pair.source.keypoints[pair.one], pair.source.visibility[pair.one]
    if not pair.orders:
        return places[: pair.room], flags[: pair.room]
    order = list(range(len(flags)))
    for point, partner in enumerate(pair.orders[int(pair.source.labels[pair.one])]):
        if point < len(order) and partner < len(order):
            order[point] = partner
    return places[order][: pair.room], flags[order][: pair.room]


def _polygons(pair: ObjectPair) -> Iterator[Difference]:
    want, have = pair.source.polygons[pair.one], pair.output.polygons[pair.other]
    if have and not want and pair.source.masks[pair.one] is None:  # four corners that the labels hold as a polygon
        corners = pair.source.oriented[pair.one]
        want = (corners,) if np.isfinite(corners).all() else ()
    if want and not have and pair.is_bare:
        yield "outline-lost", "has no outline; in the source it has one", 0.0
    if not want or not have or pair.is_cut or (pair.mapped.derived and spills(want, pair.mapped)):
        return
    moved = [_held(apply(pair.mapped.from_frame, ring), pair) for ring in want]
    if [len(ring) for ring in want] == [len(ring) for ring in have]:
        off = max(ring_off(one, _held(other, pair), pair.tolerance) for one, other in zip(moved, have, strict=True))
        if off > pair.tolerance:
            yield "outline-moved", f"its outline lies {off:.3g} px off", off
    elif not pair.outlines_only:
        lengths = sum(float(np.hypot(*(ring - np.roll(ring, 1, axis=0)).T).sum()) for ring in moved)
        off = abs(rings_area(tuple(moved)) - rings_area(have))
        if off > pair.tolerance * lengths + EQUAL * rings_area(have):
            yield "outline-moved", f"its outline has {off:.6g} square px more or less than in the source", off


def _oriented(pair: ObjectPair) -> Iterator[Difference]:
    """An oriented box that is lost, or does not state what is visible of its object."""
    stated, have = stated_outline(pair.source, pair.one), pair.output.oriented[pair.other]
    turned = bool(np.isfinite(pair.source.oriented[pair.one]).all())
    if not (turned or (stated and pair.rectangles)):
        return
    mapped, known = pair.mapped, pair.mapped.derived and pair.mapped.redrawn is None
    if not np.isfinite(have).all():
        if (
            not pair.output.polygons[pair.other]
            and known
            and rings_area(tuple(stated.rings)) * pair.growth > LEAST_MASK
        ):
            yield "outline-lost", "has no oriented box; in the source it has one", 0.0
        return
    if is_kept(pair.source, pair.expected, pair.one, mapped):
        off = corners_off(apply(mapped.from_frame, stated.rings[0]), have)
        if off > pair.tolerance and known:  # a format that holds rectangles alone has the smallest around the corners
            off = min(off, oriented_off(stated.rings, have, mapped))
    elif known:
        off = min(oriented_off(rings, have, mapped) for rings in stated.forms(mapped))
    else:
        return
    if off > pair.tolerance + stated.slack(mapped.from_frame):
        yield "outline-moved", f"its oriented box lies {off:.3g} px off", off


def _held(ring: NDArray[np.float64], pair: ObjectPair) -> NDArray[np.float64]:
    """`ring` with its points held inside the output."""
    return np.clip(ring, 0.0, np.array(pair.mapped.size))


def _masks(pair: ObjectPair) -> Iterator[Difference]:
    """A mask that is lost, or lies elsewhere: its outermost pixels, which resampling moves by a pixel of each image."""
    mask, have = pair.source.masks[pair.one], pair.output.masks[pair.other]
    needed = mask is not None if pair.masks_overlap else bool(mask is not None or pair.source.polygons[pair.one])
    if needed and (pair.masks_overlap or pair.lies_free) and pair.is_bare:
        yield "outline-lost", "has no outline; in the source it has one", 0.0
    if mask is None or have is None or not have.area or pair.source.polygons[pair.one]:
        return
    if pair.is_cut or pair.mapped.warped or mask.area * pair.growth <= LEAST_MASK:
        return
    want = apply_to_boxes(pair.mapped.from_frame, _mask_box(mask.mask())[None])[0]
    further = (_mask_box(have.mask()) - want) * (-1.0, -1.0, 1.0, 1.0)  # than the mask of the source reaches
    off = float(np.abs(further).max() if pair.masks_overlap else further.max())
    if off > 1.0 + float(np.abs(pair.mapped.from_frame[:2, :2]).sum(axis=1).max()):
        yield "outline-moved", f"its mask lies {off:.3g} px off", off


def _mask_box(pixels: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The box (4,) around the set pixels of a mask (H, W)."""
    rows, columns = np.nonzero(pixels)
    box = box_around(np.stack((columns, rows), axis=1).astype(np.float64))
    box[2:] += 1.0
    return box


_CHECKS: Mapping[Column, Callable[[ObjectPair], Iterator[Difference]]] = {
    Column.CROWD: _crowd,
    Column.SCORES: _scores,
    Column.TRACKS: _tracks,
    Column.ATTRIBUTES: _attributes,
    Column.AREAS: _areas,
    Column.KEYPOINTS: _keypoints,
    Column.POLYGONS: _polygons,
    Column.MASKS: _masks,
    Column.ORIENTED: _oriented,
}
